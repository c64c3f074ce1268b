"""squared_relu beside torch, and its kernel compiled: `nox -s bench-<cell>`."""

import pytest
import torch
from squared_relu.function import BLOCK, NUM_WARPS, squared_relu

from triton_matrix.bench.compiling import TARGETS
from triton_matrix.launches import launch_file

SIZES = [
    pytest.param(2**12, marks=pytest.mark.row("squared-relu-fp32-4096")),
    pytest.param(
        2**26,
        marks=[pytest.mark.row("squared-relu-fp32-64Mi"), pytest.mark.device("takes minutes in the interpreter")],
    ),
]
KERNEL = {
    "kernel": "squared_relu.kernel:squared_relu_kernel",
    "args": {"x_ptr": "*fp32", "y_ptr": "*fp32", "n_elements": "i32"},
    "constexprs": {"BLOCK": BLOCK},
    "options": {"num_warps": NUM_WARPS},
    "hints": {"divisible_by_16": ["x_ptr", "y_ptr", "n_elements"]},
}


@pytest.mark.parametrize("n_elements", SIZES)
@pytest.mark.parametrize("name", ["ours", "torch"])
def test_squared_relu(timer, record, device, name, n_elements):
    x = torch.randn(n_elements, device=device)
    call = {"ours": squared_relu, "torch": lambda x: torch.relu(x) ** 2}[name]
    record(timer(lambda: call(x)), {"implementation": name}, n_bytes=8 * n_elements)


@pytest.mark.parametrize("configuration", launch_file.expand(KERNEL, list(TARGETS)), ids=lambda each: each.id)
def test_compile_time(compiled, configuration):
    compiled(configuration)
