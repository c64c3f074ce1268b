"""What the LayerNorm's kernels need of every compiler, where all releases alike would else fall short of it."""

import json
from pathlib import Path

import pytest

KERNEL = Path(__file__).parents[3] / "liger_kernel/kernels/layer_norm_packed.py"


@pytest.fixture
def packed(codegen, tmp_path):
    """`packed(release, dtype, **constexprs)`: what the release makes of the packed kernel, in metrics.

    `weights` is the dtype of w and b, where not x's.
    """

    def metrics(release, dtype, weights=None, warps=16, **constexprs):
        constexprs = {"BLOCK_N": 8192, "PACK": 2, "PREFETCH": 0, "ALIGN": 1, **constexprs}
        types = {"X": dtype, "W": weights or dtype, "B": weights or dtype, "Y": dtype}
        pointers = "\n".join(f'{name} = "*{of}"' for name, of in types.items())
        numbers = "\n".join(f"{name} = {value}" for name, value in constexprs.items())
        launch = tmp_path / "launch.toml"
        launch.write_text(
            f'kernel = "{KERNEL}:_layer_norm_forward_packed_kernel"\n'
            f'[args]\n{pointers}\nMean = "*fp32"\nRSTD = "*fp32"\nn_rows = "i32"\neps = "fp32"\n'
            f"[constexprs]\n{numbers}\nHAS_W = true\nHAS_B = true\n"
            f"[options]\nnum_warps = {warps}\nmaxnreg = 64\n"
        )
        out = tmp_path / "out.json"
        done = codegen(release, "--launches", launch, "--target", "cuda:90", "--no-cache", "--json", out)
        assert done.returncode == 0, done.stderr
        (entry,) = json.loads(out.read_text())["entries"]
        return entry["metrics"]

    return metrics


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
@pytest.mark.parametrize("release", ["3.0.0", "3.9.0"])
def test_both_halves_of_a_word_are_unpacked_anew_in_each_pass(packed, release, dtype):
    """A compiler that kept one half of 24 words from pass to pass would spill most of them."""
    metrics = packed(release, dtype, N_COLS=24576, CHUNKS=3)
    assert metrics["registers"] <= 64
    assert metrics["spill_stores"] == 0


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("bf16", {"N_COLS": 65536, "CHUNKS": 8, "PREFETCH": 1}),
        ("fp16", {"N_COLS": 65536, "CHUNKS": 8, "PREFETCH": 1}),
        ("fp32", {"N_COLS": 32768, "CHUNKS": 8, "BLOCK_N": 4096, "PACK": 1, "PREFETCH": 2}),
    ],
)
@pytest.mark.parametrize("release", ["3.0.0", "3.9.0"])
def test_the_longest_row_leaves_room_for_w_and_b_of_the_chunks_ahead(packed, release, dtype, shape):
    """1024 threads have 64 registers each, half of them for the row; it is read once, and so are w and b."""
    metrics = packed(release, dtype, warps=32, **shape)
    assert metrics["spill_stores"] == 0
    assert metrics["global_loads_128"] == 24


@pytest.mark.parametrize("release", ["3.0.0", "3.9.0"])
def test_the_body_of_a_row_of_odd_length_is_read_16_bytes_at_a_time(packed, release):
    """A thread has 48 elements of the row: six loads of the body, whatever the ends take."""
    assert packed(release, "bf16", N_COLS=24577, CHUNKS=3, ALIGN=8)["global_loads_128"] == 6


@pytest.mark.parametrize("release", ["3.0.0", "3.9.0"])
def test_weights_in_fp32_are_read_16_bytes_at_a_time(packed, release):
    """A thread has 48 elements of the row: six loads of x, twelve of w, twelve of b."""
    assert packed(release, "bf16", "fp32", N_COLS=24576, CHUNKS=3)["global_loads_128"] == 30
