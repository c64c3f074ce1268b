"""``sanitize`` over a cell's own tests: which run, what is filed, and what the report makes of it.

The verbs, pytest and the counting of launches are the real ones; torch, Triton and compute-sanitizer stand in.
"""

import json
import sys
from pathlib import Path

import pytest

from triton_matrix.bench.sanitizer import choosing, tools
from triton_matrix.evidence import runs

from ..suites.conftest import write_checkout
from .sanitizer import TELLS, sanitizer_at

TRITON = """
__version__ = '8.8.8'
from .compiler.compiler import CompiledKernel

class jit:
    def __init__(self, fn):
        self.fn, self._compiled = fn, None

    def __getitem__(self, grid):
        def launch(*args):
            if self._compiled is None:
                self._compiled = CompiledKernel(self)
                self._compiled._init_handles()
            self._compiled.run.launch(*grid, 1, 1, *args)
        return launch
"""
COMPILER = """
class Launcher:
    def __init__(self, fn): self.fn = fn
    def launch(self, *args): tell_the_sanitizer(self.fn)

class CompiledKernel:
    def __init__(self, src):
        self.src, self.module, self.run = types.SimpleNamespace(fn=src), None, Launcher(src.fn)
    def _init_handles(self): self.module = object()
"""
PACKAGE = """
import triton
FAULTS = {"_norm_split": FOUND}

@triton.jit
def _norm_tile(x): pass

@triton.jit
def _norm_split(x): pass

@triton.jit
def _norm_never(x): pass
"""
SUITE = """
import pytest, tiny

@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_tile(n):
    tiny._norm_tile[(1,)](n)

@pytest.mark.device("its order")
def test_split():
    tiny._norm_tile[(1,)](0)
    tiny._norm_split[(1,)](0)

def test_without():
    pass
"""
GPU = {"STAND_IN_GPU": "1"}


def write(root, fault=None):
    """A checkout whose package has three kernels, of which its suite launches two on a GPU."""
    checkout = write_checkout(root)
    table = root / "constraints" / "cells.toml"
    table.write_text(table.read_text().replace("kernels = false\n", ""))
    triton = root / "modules" / "triton"
    (triton / "__init__.py").write_text(TRITON)
    (triton / "compiler").mkdir()
    (triton / "compiler" / "__init__.py").write_text("")
    (triton / "compiler" / "compiler.py").write_text(f"import types\n{TELLS}{COMPILER}")
    (root / "tiny" / "__init__.py").write_text(PACKAGE.replace("FOUND", repr(fault or {})))
    checkout.write("test_small.py", SUITE)
    checkout.sanitizer = sanitizer_at(root.parent / "cuda", sys.executable)
    return checkout


def sanitize(checkout, *arguments, **env):
    given = ["--cell", "small", "--compute-sanitizer", checkout.sanitizer, *arguments]
    return checkout.verb("sanitize", *given, **{**GPU, **env})


def level(checkout):
    status, matrix, said = checkout.report()
    return status, matrix["cells"]["small"]["levels"]["sanitizer"], matrix, said


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A checkout whose level device ran, then each tool."""
    checkout = write(tmp_path_factory.mktemp("sound") / "checkout")
    ran = checkout.run("--level", "device", **GPU)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    checkout.done = sanitize(checkout, "--each", "2")
    return checkout


def test_a_few_tests_that_reach_each_kernel_run_under_each_tool(sound):
    assert sound.done.returncode == 0, sound.done.stdout + sound.done.stderr
    assert "2 of the 6 tests that launch kernels, 2 kernels" in sound.done.stdout
    run = json.loads(sound.evidence("run-sanitizer.json").read_text())
    counts = {"tiny/__init__.py:_norm_split": 1, "tiny/__init__.py:_norm_tile": 2}
    assert run["launches"] == {f"sanitizer.py::{tool}": counts for tool in tools.TOOLS}
    device = json.loads(sound.evidence("run-device.json").read_text())
    assert len(device["launches"]) == 6  # as it was


def test_the_report_shows_it_as_a_level_beside_the_others(sound):
    _, found, _, said = level(sound)
    assert (found["verdict"], found["counts"]["passed"]) == ("pass", 4)
    assert found["gpu"] == "a stand-in GPU"
    assert "sanitizer" in said
    page = (sound.reports / "index.html").read_text()
    assert '<th scope="col">sanitizer</th>' in page
    assert 'title="sanitizer: pass"' in page
    assert "sanitizer" in (sound.reports / "summary.md").read_text()


def test_a_run_that_was_killed_is_never_green(sound):
    path = sound.evidence("run-sanitizer.json")
    whole = path.read_text()
    path.write_text(json.dumps({**json.loads(whole), "closed": None}))
    try:
        status, found, _, _ = level(sound)
        assert (status, found["verdict"]) == (1, "fail")
        assert "never closed" in found["reason"]
    finally:
        path.write_text(whole)


def test_of_other_sources_it_is_stale_and_other_tests_are_not_chosen_from_an_old_run(sound):
    source = sound.root / "tiny" / "__init__.py"
    old = source.read_text()
    source.write_text(old + "\nEDITED = 1\n")
    try:
        _, found, _, _ = level(sound)
        assert found["verdict"] == "stale"
        done = sanitize(sound)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "it is of other sources than the checkout has now" in done.stderr
    finally:
        source.write_text(old)


def test_what_a_tool_finds_fails_the_cell_with_its_first_error_and_the_command_that_asks_again(tmp_path):
    checkout = write(tmp_path / "checkout", {"initcheck": "Uninitialized __global__ memory read of size 4 bytes"})
    assert checkout.run("--level", "device", **GPU).returncode == 0
    done = sanitize(checkout)
    assert done.returncode == 1, done.stdout + done.stderr
    status, found, matrix, said = level(checkout)
    assert (status, found["verdict"], found["causes"]) == (1, "fail", {"numerics": 1})
    assert "initcheck: 1 error, the first: Uninitialized __global__ memory read of size 4 bytes at _norm_split" in said
    assert "nox -s tests-small -- --sanitize --tool initcheck" in said
    assert matrix["cells"]["small"]["verdict"] == "fail"


def test_without_level_device_it_cannot_choose(tmp_path):
    checkout = write(tmp_path / "checkout")
    done = sanitize(checkout)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "run-device.json is not there: level device runs first" in done.stderr
    done = sanitize(checkout, STAND_IN_GPU="0")
    assert done.returncode == 3, done.stderr
    _, found, _, _ = level(checkout)
    assert (found["verdict"], found["counts"]["passed"]) == ("unavailable", 0)
    assert "needs a GPU" in found["reason"]


def run_with(launches):
    kernels = sorted({kernel for counts in launches.values() for kernel in counts})
    wheel, inputs = runs.Wheel("", None), runs.Inputs("", None)
    return runs.Run("", "x", "device", "", None, None, wheel, inputs, [], kernels=kernels, launches=launches)


def test_cheap_tests_are_chosen_and_each_kernel_by_as_many_as_there_are():
    launches = {"all": {"a": 90, "b": 90, "c": 90}, "a": {"a": 1}, "ab": {"a": 1, "b": 1}, "c": {"c": 7}}
    assert choosing.covering(run_with(launches), 1) == ["ab", "c"]
    assert choosing.covering(run_with(launches), 2) == ["a", "ab", "all", "c"]
    with pytest.raises(ValueError, match="no test of those that '\\^a' is found in launches c"):
        choosing.covering(run_with({"a": {"a": 1}, "c": {"c": 1}}), 1, "^a")


def test_the_filter_is_the_longest_part_that_all_names_have():
    names = ["_layer_norm_forward_kernel", "_layer_norm_backward_kernel"]
    assert tools.common_part(names) == "_layer_norm_"
    assert tools.common_part(["add", "mul"]) == ""
    assert tools.command("cs", "memcheck", "log", ["add", "mul"])[-2:] == ["--log-file", "log"]


@pytest.mark.parametrize(
    ("log", "status", "errors", "problem"),
    [
        ("========= ERROR SUMMARY: 0 errors\n", 0, 0, ""),
        ("========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n", 0, 0, ""),
        ("========= ERROR SUMMARY: 0 errors\n", 1, 0, "what it watched ended with status 1"),
        ("", 0, None, "it left no summary, exit status 0: its log is empty"),
        ("========= COMPUTE-SANITIZER\n", -9, None, "it was ended by signal 9"),
        ("========= ERROR SUMMARY: 0 errors\n", tools.FOUND, 0, "its exit status 86 says that it found errors"),
        ("========= Internal Sanitizer Error: no\n========= ERROR SUMMARY: 0 errors\n", 0, 0, "it failed: Internal"),
        ("========= ERROR SUMMARY: 1 error\n========= ERROR SUMMARY: 2 errors\n", -11, 3, ""),
    ],
)
def test_a_log_is_green_only_with_its_summary_and_a_good_exit_status(log, status, errors, problem):
    said = tools.read(log, status)
    assert said.errors == errors
    assert said.problem.startswith(problem)
    assert bool(said.problem) == bool(problem)


def test_the_logs_of_a_real_compute_sanitizer_are_read():
    folder = Path(__file__).resolve().parents[3] / "results" / "sanitizer-2026-11-25"
    for tool in tools.TOOLS:
        assert tools.read((folder / f"{tool}.log").read_text(), 0) == tools.Said(0), tool
