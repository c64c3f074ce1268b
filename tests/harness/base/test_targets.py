"""The rows of targets, and what is answered from them, against what vendors' own tools say of the same products."""

import pytest

from triton_matrix.base import devices
from triton_matrix.base.targets import TARGETS

# name -> multiprocessors and resident threads of each, copied from public records of the products, and asked of no GPU
# here: what torch printed of an A100, an A40, an L40, an H100 and an RTX 5090, and hipinfo of an MI100, an MI300X and a
# Radeon RX 7900 XTX
SAID = {
    "cuda:80": (108, 2048),
    "cuda:86": (84, 1536),
    "cuda:89": (142, 1536),
    "cuda:90": (132, 2048),
    "cuda:120": (170, 1536),
    "hip:gfx908": (120, 2560),
    "hip:gfx942": (304, 2048),
    "hip:gfx1100": (48, 2048),
}


@pytest.mark.parametrize("name", SAID)
def test_multiprocessors_and_their_threads_are_those_of_the_product(name):
    said = devices.torch_properties(TARGETS[name])
    assert (said.multi_processor_count, said.max_threads_per_multi_processor) == SAID[name]
    assert devices.triton_properties(TARGETS[name])["multiprocessor_count"] == SAID[name][0]


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_block_may_have_fits_a_multiprocessor(name):
    said = devices.torch_properties(TARGETS[name])
    assert said.max_threads_per_multi_processor % said.warp_size == 0
    assert TARGETS[name].max_threads_per_block <= said.max_threads_per_multi_processor
    assert said.shared_memory_per_block <= said.shared_memory_per_block_optin <= said.shared_memory_per_multiprocessor
    assert ":" in said.gcnArchName or not said.gcnArchName.startswith("gfx9")  # what RDNA says has no such parts
