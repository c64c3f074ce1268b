"""``sanitize --launches``: the real verb and worker, on the stand-in GPU, under the stand-in compute-sanitizer."""

import json
import sys

import pytest

from .gpu import Machine
from .sanitizer import sanitizer_at

KERNELS = """
FAULTS = {
    "_row_stray": {"memcheck": "Invalid __global__ write of size 4 bytes"},
    "_row_race": {"racecheck": "Error: Race reported between Write access at 0x10 and Read access at 0x20 [8 hazards]"},
}

@triton.jit
def _row_copy(x, out):
    out[:] = x

@triton.jit
def _row_stray(x, out):
    out[:] = x

@triton.jit
def _row_race(x, out):
    out[:] = x

@triton.jit
def _row_lacks(x, out, other):
    out[:] = x

@triton.jit
def _row_ends(x, out):
    os.kill(os.getpid(), signal.SIGSEGV)
"""


def machine_in(folder):
    made = Machine(folder / "machine")
    made.kernels(KERNELS)
    made.sanitizer = sanitizer_at(folder / "cuda", sys.executable)
    return made


@pytest.fixture
def machine(tmp_path):
    return machine_in(tmp_path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A machine after a run whose kernel is sound: how it ended, and its calls."""
    made = machine_in(tmp_path_factory.mktemp("sound"))
    made.done = sanitize(made, "_row_copy")
    made.called = calls(made)
    return made


def sanitize(machine, *kernels, more=(), **environ):
    for kernel in kernels:
        machine.launch(kernel)
    given = ["--launches", "launches", "--compute-sanitizer", str(machine.sanitizer), *more]
    return machine.verb("sanitize", *given, **environ)


def calls(machine):
    return [json.loads(line) for line in (machine.sanitizer.parent / "calls").read_text().splitlines()]


def run_of(machine):
    path = machine.root / "reports" / "sanitizer" / "launches" / "launches" / "ambient" / "run-sanitizer.json"
    return json.loads(path.read_text())


def test_every_tool_watches_each_launch_and_finds_nothing_in_sound_kernels(sound):
    assert sound.done.returncode == 0, sound.done.stdout + sound.done.stderr
    run = run_of(sound)
    assert run["closed"]
    tools = ["memcheck", "racecheck", "synccheck", "initcheck"]
    assert [given["--tool"] for given, _, _ in sound.called] == tools
    assert run["launches"] == {f"sanitizer.py::{tool}": {"repository.toys:_row_copy": 1} for tool in tools}


def test_errors_are_counted_and_the_first_is_quoted(machine):
    """Kernels are told from torch's by the part of their names, but to initcheck."""
    done = sanitize(machine, "_row_copy", "_row_stray", "_row_race")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "memcheck: 1 error, the first: Invalid __global__ write of size 4 bytes at _row_stray+0x210" in done.stdout
    assert "racecheck: 1 error, the first: Error: Race reported between Write access" in done.stdout
    assert "synccheck: no error" in done.stdout
    junit = (machine.root / "reports/sanitizer/launches/launches/ambient/junit-sanitizer.xml").read_text()
    assert 'failures="2"' in junit
    assert "Invalid __global__ write" in junit
    filters = {given["--tool"]: given.get("--kernel-regex") for given, _, _ in calls(machine)}
    assert filters == {"memcheck": "kns=_row_", "racecheck": "kns=_row_", "synccheck": "kns=_row_", "initcheck": None}
    assert {uncached for _, _, uncached in calls(machine)} == {"1"}


@pytest.mark.parametrize(
    ("kernel", "said"),
    [("_row_lacks", "missing a required argument: 'other'"), ("_row_ends", "it ended its process")],
)
def test_a_launch_that_does_not_run_is_never_green_and_the_others_still_run(machine, kernel, said):
    done = sanitize(machine, kernel, "_row_stray", more=["--tool", "memcheck", "--tool", "synccheck"])  # comes after it
    assert done.returncode == 1, done.stdout + done.stderr  # what a tool found comes first
    assert "memcheck: 1 error" in done.stdout
    assert "synccheck: " in done.stdout
    assert said in done.stdout
    (machine.root / "launches" / "_row_stray.toml").unlink()
    assert sanitize(machine, kernel, more=["--tool", "memcheck"]).returncode == 2


WAYS = {
    "memcheck is killed": "memcheck: it was ended by signal 9",
    "synccheck sees nothing": "synccheck: it saw no kernel: Error: Target application terminated before first",
    "racecheck hangs": "racecheck: it was ended after 3 s (--seconds)",
}


@pytest.mark.parametrize("how", WAYS)
def test_a_tool_that_is_killed_hangs_or_saw_nothing_is_never_green(machine, how):
    more = ["--seconds", "3", "--tool", how.split()[0]]
    done = sanitize(machine, "_row_copy", more=more, STAND_IN_SANITIZER=how)
    assert done.returncode == 2, done.stdout + done.stderr
    assert WAYS[how] in done.stdout


def test_the_others_are_asked_too_and_the_evidence_is_of_no_good_run(machine):
    done = sanitize(machine, "_row_copy", STAND_IN_SANITIZER="memcheck is killed")
    assert done.returncode == 2, done.stdout + done.stderr
    assert WAYS["memcheck is killed"] in done.stdout
    assert "initcheck: no error" in done.stdout
    assert run_of(machine)["status"] == 1


def test_one_tool_alone_leaves_the_evidence_as_it_is(sound):
    before = run_of(sound)
    done = sanitize(sound, more=["--tool", "memcheck"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not every tool was asked" in done.stdout
    assert run_of(sound) == before


def test_without_a_gpu_or_a_compute_sanitizer_it_says_so_and_keeps_what_a_gpu_found(sound, monkeypatch):
    before = run_of(sound)
    with monkeypatch.context() as patch:
        patch.setattr(sound, "has_gpu", False)
        done = sanitize(sound)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "needs a GPU" in done.stderr
    monkeypatch.setattr(sound, "sanitizer", sound.folder / "none")
    done = sanitize(sound)
    assert done.returncode == 3
    assert "compute-sanitizer is not there" in done.stderr
    assert run_of(sound) == before
