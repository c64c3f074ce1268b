"""Launches on the GPU of this machine, in its own Triton: what the stand-in GPU of the other tests cannot say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import triton_matrix
from triton_matrix.bench import products
from triton_matrix.bench.timing import Timer

torch = pytest.importorskip("torch", reason="needs torch")
if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)
triton = pytest.importorskip("triton", reason="needs Triton")

KERNELS = """
import triton
import triton.language as tl

@triton.jit
def copy(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i))

@triton.jit
def adds(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(out + i) + tl.load(x + i))

@triton.jit
def multiplies(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, 64)[:, None] * 64 + tl.arange(0, 64)[None, :]
    a = tl.load(x + i)
    tl.store(out + i, tl.dot(a, a))

@triton.jit
def product(x, y, out, N: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    total = tl.zeros([BLOCK, BLOCK], tl.float32)
    for start in range(0, N, STEP):
        k = start + tl.arange(0, STEP)
        total += tl.dot(tl.load(x + i * N + k[None, :]), tl.load(y + k[:, None] * N + j))
    tl.store(out + i * N + j, total)

@triton.jit
def outside(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * (1 << 44) + tl.arange(0, BLOCK)
    tl.store(out + i + (1 << 44), tl.load(x + i))

@triton.jit
def empty(x, out, BLOCK: tl.constexpr):
    if x is None:
        tl.store(out, 1.0)
    tl.store(out + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), 2.0)

@triton.jit
def described(x, out, BLOCK: tl.constexpr):
    source = tl.make_tensor_descriptor(x, [1048576], [1], [BLOCK])
    target = tl.make_tensor_descriptor(out, [1048576], [1], [BLOCK])
    target.store([tl.program_id(0) * BLOCK], source.load([tl.program_id(0) * BLOCK]))

@triton.jit
def unbound(x, out, BLOCK: tl.constexpr):
    tl.store(out, undefined)
"""
NAMES = ("adds", "copy", "described", "empty", "multiplies", "outside", "unbound")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The entries and the timings of one run."""
    root = tmp_path_factory.mktemp("gpu")
    (root / "constraints").mkdir()
    table = '[package]\nname = "toy"\n\n[cell.ambient]\nplatforms = ["cuda"]\nwhy = "whatever is there"\n'
    (root / "constraints" / "cells.toml").write_text(table)
    (root / "toys.py").write_text(KERNELS)
    (root / "launches").mkdir()
    for name in NAMES:
        tensor = '{tensor = {dtype = "fp32", shape = [1048576]'
        x = '{tensor = {dtype = "bf16", shape = [0]}}' if name == "empty" else f"{tensor}}}}}"
        lines = [f'kernel = "../toys.py:{name}"', "grid = [1024]", "[args]", f"x = {x}"]
        lines += [f'out = {tensor}, fill = {{kind = "zeros"}}}}}}', "[constexprs]", "BLOCK = 1024"]
        (root / "launches" / f"{name}.toml").write_text("\n".join(lines) + "\n")
    lines = ['kernel = "../toys.py:product"', "grid = [16, 16]", "[args]"]
    for name, dtype in (("x", "bf16"), ("y", "bf16"), ("out", "fp32")):
        lines.append(f'{name} = {{tensor = {{dtype = "{dtype}", shape = [2048, 2048]}}}}')
    lines += ["[constexprs]", "N = 2048", "BLOCK = 128", "STEP = 64", "[options]", "num_warps = 8"]
    (root / "launches" / "product.toml").write_text("\n".join(lines) + "\n")
    here = Path(triton_matrix.__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(here)]))
    command = [sys.executable, "-m", "triton_matrix", "bench", "--launches", "launches"]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (file,) = (root / "reports" / "device" / "launches" / "launches").glob("[0-9]*.json")
    content = json.loads(file.read_text())
    entries = {each["kernel"].rpartition(":")[2]: each for each in content["entries"]}
    return entries, {each["group"].rpartition(":")[2]: each for each in content["benchmarks"]}


def test_a_launch_is_timed_beside_the_copy_and_its_binary_is_measured(found):
    entries, timings = found
    assert entries["copy"]["status"] == "ok"
    assert entries["copy"]["metrics"]["registers"] > 0
    assert timings["copy"]["extra_info"]["bytes"] == 2 * 4 * 1048576
    assert 0.01 < timings["copy"]["extra_info"]["share_of_copy"] < 1.5


def test_each_run_starts_from_the_same_memory(found):
    assert found[0]["adds"]["repeats"]


def test_a_kernel_with_dots_is_timed_beside_a_matrix_product_of_its_kind(found):
    """Counted by the interpreter of the same Triton; a product of 2048^3 is bounded by what it computes."""
    entries, timings = found
    info = timings["product"]["extra_info"]
    assert info["dot_operations"] == {"bf16": 2 * 2048**3}
    assert info["tflop_per_s"] == pytest.approx(2 * 2048**3 / timings["product"]["stats"]["median"] / 1e12)
    assert info["share_of_copy"] < info["share_of_matmul"] < 1.5
    assert (info["nearer_to"], info["share"]) == ("matmul", info["share_of_matmul"])
    assert any("of a matrix product (8192^3 in bf16, torch" in each for each in entries["product"]["remarks"])


def test_a_dot_of_fp32_is_tf32_where_the_kernel_leaves_it_open(found):
    assert found[1]["multiplies"]["extra_info"]["dot_operations"] == {"tf32": 1024 * 2 * 64**3}


@pytest.mark.parametrize("kind", [*products.SIZES])
def test_torch_has_a_matrix_product_of_each_kind(kind):
    """FP8 from sm_89 on. Its rate is one that a GPU can have: above a tenth of a TFLOP/s, below 20 PFLOP/s."""
    if kind == "fp8" and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs a GPU that multiplies fp8, of sm_89 or newer")
    assert 1e11 < products.operations_per_second(Timer("cuda", 0.05), kind) < 2e16


def test_a_launch_that_loses_the_gpu_costs_itself(found):
    entries, _ = found
    assert entries["outside"]["verdicts"][0]["kind"] == "does not launch"
    assert "illegal memory access" in entries["outside"]["reason"]


def test_a_launch_that_does_not_compile_says_where(found):
    verdict = found[0]["unbound"]["verdicts"][0]
    assert verdict["kind"] == "does not compile"
    assert "undefined is not defined" in verdict["what"]


def test_a_tensor_without_elements_is_an_argument_as_any_other(found):
    assert found[0]["empty"]["status"] == "ok"


@pytest.mark.skipif(not hasattr(triton, "set_allocator"), reason="needs Triton 3.3 or newer")
def test_a_kernel_that_makes_descriptors_gets_memory_for_them(found):
    assert found[0]["described"]["status"] == "ok", found[0]["described"]["reason"]
