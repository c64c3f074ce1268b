"""Launches on the GPU of this machine, in its own Triton: what the stand-in GPU of the other tests cannot say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import triton_matrix

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


def test_of_a_kernel_with_dots_no_share_is_said(found):
    info = found[1]["multiplies"]["extra_info"]
    assert info["dots"]
    assert info["share_of_copy"] is None


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
