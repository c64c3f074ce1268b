"""Launches in several releases: what changed between them, the same programs everywhere, none lost to a crash."""

import signal
import time
from pathlib import Path

import pytest

from triton_matrix import values
from triton_matrix.values import computing, outcomes

KERNELS = """
import os
import time

import triton
import triton.language as tl

SLOW = tl.constexpr(triton.__version__.startswith("2."))


@triton.jit
def before(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i) - 1)


def wait():
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass


def sleep():
    time.sleep(600)


@triton.jit
def hangs(out):
    sleep()


@triton.jit
def slow(out):
    if SLOW:
        wait()
    tl.store(out + tl.program_id(0), tl.program_id(0))
"""
RELEASES = ("2.3.1", "3.9.0")


@pytest.fixture
def pythons(release_python):
    return {release: str(release_python(release)) for release in RELEASES}


@pytest.fixture
def launch(tmp_path, tensor):
    """A launch of a kernel of KERNELS, or of a module of its own text."""
    (tmp_path / "mine.py").write_text(KERNELS)

    def make(kernel, args, grid=(1,), path="mine.py", **constexprs):
        reference = f"{tmp_path / path}:{kernel}"
        return {"name": kernel, "kernel": reference, "args": args, "constexprs": constexprs, "grid": list(grid)}

    return make


def test_a_change_of_the_language_is_found_from_a_launch_alone(pythons, launch, tensor, tmp_path):
    asked = launch("before", {"x": tensor("u8", [4]), "out": tensor("i32", [4])}, BLOCK=4)
    computed = values.compute(pythons, [asked], tmp_path / "out")
    (change,) = values.changes(pythons["3.9.0"], computed, tmp_path / "compared")
    assert (change.kind, change.against, change.release) == ("values", "2.3.1", "3.9.0")
    assert change.reason == "out: 4 of 4 elements differ, by up to 256 (1 of the value); [0] is -1, then 255"


def test_where_a_release_is_late_all_of_them_run_what_it_ran(pythons, launch, tensor, tmp_path):
    asked = launch("slow", {"out": tensor("i32", [64])}, grid=(64,))
    computed = values.compute(pythons, [asked], tmp_path / "out", seconds=1.5)
    old, new = (computed[release]["slow"] for release in RELEASES)
    assert old.programs == new.programs
    assert 1 < len(old.programs) < 64
    assert values.changes(pythons["3.9.0"], computed, tmp_path / "compared") == []


def test_a_launch_that_ends_its_process_has_crashed_and_the_others_are_computed(pythons, launch, tensor, tmp_path):
    Path(tmp_path / "bad.py").write_text("import os\nos.abort()\n")
    good = launch("before", {"x": tensor("u8", [4]), "out": tensor("i32", [4])}, BLOCK=4)
    bad = launch("kernel", {}, path="bad.py")
    newest = {"3.9.0": pythons["3.9.0"]}
    found = values.compute(newest, [bad, good, {**good, "name": "once more"}], tmp_path / "out")["3.9.0"]
    assert {name: each.status for name, each in found.items()} == {
        "kernel": "crashed",
        "before": "computed",
        "once more": "computed",
    }


def test_what_takes_too_long_in_all_is_late_and_no_fault_of_its_launch(pythons, launch, tensor, tmp_path):
    """Takes 10 s: the time that all have together, which ends while the first hangs."""
    good = launch("before", {"x": tensor("u8", [4]), "out": tensor("i32", [4])}, BLOCK=4)
    request = {"launches": [launch("hangs", {"out": tensor("i32", [1])}), good], "seconds": 1000}
    found = computing._of_one(pythons["3.9.0"], request, tmp_path / "out", 10)
    assert {name: each.status for name, each in found.items()} == {"hangs": "late", "before": "computed"}
    assert found["hangs"].row["reason"] == "this release's launches took more than 10 s together"


def test_an_interrupt_ends_launches_that_run_side_by_side(pythons, launch, tensor, tmp_path):
    """It comes once the child has begun its launch; what is asked would take two minutes."""
    hangs = launch("hangs", {"out": tensor("i32", [1])})
    began = tmp_path / "out" / "0" / "0" / outcomes.ROWS

    def interrupt(*signalled):
        if began.is_file():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            computing.shared(pythons["3.9.0"], [[hangs]], tmp_path / "out")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < 60


def test_two_launches_of_one_name_are_refused(launch, tmp_path):
    with pytest.raises(ValueError, match="two launches are called 'before'; each needs a name of its own"):
        values.compute({}, [launch("before", {})] * 2, tmp_path / "out")
