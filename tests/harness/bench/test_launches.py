"""Launches in two Tritons on a GPU that stands in: values compared, turns taken, verdicts, files."""

import json

import pytest

from .gpu import Machine

KERNELS = """
@triton.jit
def copy(x, out):
    triton.takes(10)
    out[:] = x

@triton.jit
def slower(x, out):
    triton.takes(10 if V == "3.6.0" else 13)
    out[:] = x

@triton.jit
def wrong(x, out):
    triton.takes(10)
    out[:] = x * (1 if V == "3.6.0" else 1.01)

@triton.jit
def adds(x, out):
    triton.takes(10)
    out[:] = out + x * (1 if V == "3.6.0" else 1 + 1e-7)

@triton.jit
def ends(x, out):
    if V == "3.9.0":
        os.kill(os.getpid(), signal.SIGSEGV)
    triton.takes(10)
    out[:] = x

@triton.jit
def hangs(x, out):
    if V == "3.9.0":
        time.sleep(60)
    triton.takes(10)
    out[:] = x

@triton.jit
def refused(x, out):
    triton.takes(10)
    out[:] = x

@triton.jit
def lacks(x, out, other):
    triton.takes(10)
    out[:] = x

@triton.jit
def newer(x, out):
    triton.takes(10)
    out[:] = x

def binary(name, options):
    if name == "refused" and V == "3.9.0" or name == "newer" and V == "3.6.0":
        raise RuntimeError("PassManager::run failed")
    return f"REG:{64 if name == 'slower' and V == '3.9.0' else 32} STACK:{8 if name == 'slower' and V == '3.9.0' else 0}"
"""
NAMES = ("copy", "slower", "wrong", "adds", "ends", "hangs", "refused", "lacks", "newer")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """One run over all of them."""
    made = Machine(tmp_path_factory.mktemp("launches"))
    made.kernels(KERNELS)
    for name in NAMES:
        made.launch(name, num_warps=4)
    made.done = made.bench("--triton-path", str(made.newer), "--seconds", "3", "--budget", "0.01")
    return made


def files(machine):
    folder = machine.root / "reports" / "device" / "launches" / "launches"
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def entry(machine, release, name):
    return next(each for each in files(machine)[release]["entries"] if each["label"].startswith(f"repository.toys:{name}["))


def timing(machine, release, name):
    return next(each for each in files(machine)[release]["benchmarks"] if f":{name}[" in each["name"])


def kinds(machine, release, name):
    return [each["kind"] for each in entry(machine, release, name)["verdicts"]]


def test_every_launch_is_told_in_every_triton(machine):
    assert machine.done.returncode == 1, machine.done.stderr
    assert "9 launches on 2 Tritons: 12 of 18 ran" in machine.done.stdout
    print(machine.done.stdout)
    for release in ("3.6.0", "3.9.0"):
        assert len(files(machine)[release]["entries"]) == len(NAMES)
