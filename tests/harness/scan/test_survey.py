"""The script that asks a failure again, with one Triton and nothing of this project, in each way that Triton has."""

import json
import subprocess

import pytest

from ..conftest import ROOT

KERNELS = """
import triton
import triton.language as tl

@triton.jit
def scaled(x_ptr, n, BLOCK: tl.constexpr, KIND: tl.constexpr = 2):
    at = tl.arange(0, BLOCK)
    tl.store(x_ptr + at, tl.load(x_ptr + at) * KIND, mask=at < n)

@triton.jit
def broken(x_ptr, n, BLOCK: tl.constexpr):
    tl.store(x_ptr + tl.arange(0, BLOCK), tl.nosuch(1.0))

@triton.autotune([triton.Config({"BLOCK": size}, num_warps=2) for size in (96, 64)], key=["n"])
@triton.heuristics({"EVEN": lambda args: args["BLOCK"] % 2 == 0 and args["x_ptr"] is not None and args["n"] == 512})
@triton.jit
def tuned(x_ptr, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
    at = tl.arange(0, BLOCK)  # not of 96
    tl.store(x_ptr + at, 1.0, mask=at < n)
"""
ASKED = {"types": {"x_ptr": "*fp32", "n": "i32"}, "options": {"num_warps": 4}, "capability": 90}


@pytest.mark.parametrize("release", ["2.3.1", "3.1.0", "3.2.0", "3.4.0", "3.9.0"])
def test_what_fails_is_told_from_what_compiles_and_from_what_does_not_import(
    release_python, own_ptxas, tmp_path, release
):
    own_ptxas(release)
    tunes = release not in ("3.1.0", "3.2.0")  # whose tuner imports torch
    source = KERNELS if tunes else KERNELS.partition("@triton.autotune")[0]
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "__init__.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "toys" / "k.py").write_text(source)
    (tmp_path / "lost.py").write_text("import nothing_of_that_name\n" + source)
    (tmp_path / "refused.py").write_text("import triton\ntriton.Config({}, nosuch=1)\n")
    of = {**ASKED, "roots": [str(tmp_path)], "constants": {"BLOCK": 64}}
    asked = [{**of, "module": "toys.k", "function": name} for name in ("scaled", "broken")]
    asked += [{**of, "module": name, "function": "scaled"} for name in ("lost", "refused")]
    tuned = {**of, "module": "toys.k", "function": "tuned", "constants": {}, "numbers": {"n": 512}}
    unknown = {**tuned, "types": {"x_ptr": "*fp32"}, "numbers": {}}
    asked += [tuned, {**tuned, "smallest": True}, unknown] if tunes else []
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    command = [str(release_python(release)), "-I", str(ROOT / "tests" / "survey" / "alone.py"), "asked.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    wanted = ["ok", "fails", "unknown", "fails", *(["fails", "ok", "unknown"] if tunes else [])]
    assert [each["status"] for each in found] == wanted, found
    assert "no attribute 'nosuch'" in found[1]["said"]
    assert "nothing_of_that_name" in found[2]["said"]


WIDE = """
import sys, tempfile
sys.path[:0] = [{folder!r}, {survey!r}]
import alone, triton
target = alone.target_of(90)
alone.stand_in_for_the_driver(target)
import k
for hints in ((), ("x_ptr", "n")):
    with tempfile.TemporaryDirectory() as folder:
        alone.stand_in_for_the_launcher(folder)
        source = alone.source_of(k.scaled, {{"x_ptr": "*fp32", "n": "i32"}}, {{"BLOCK": 512, "KIND": 2}}, hints)
        print(".v4." in triton.compile(source, target=target, options={{}}).asm["ptx"])
"""


@pytest.mark.parametrize("release", ["2.3.1", "3.1.0", "3.2.0", "3.4.0", "3.9.0"])
def test_what_a_launch_says_of_its_numbers_is_said_to_triton_too(
    release_python, own_ptxas, run_script, tmp_path, release
):
    own_ptxas(release)
    (tmp_path / "k.py").write_text(KERNELS.partition("@triton.autotune")[0])
    script = WIDE.format(folder=str(tmp_path), survey=str(ROOT / "tests" / "survey"))
    assert run_script(release_python(release), script).split() == ["False", "True"]
