"""What launches on a GPU are held against besides the Tritons of a run: other cells', references, the accepted file."""

import json

import pytest

from triton_matrix.codegen import accepted

from .gpu import CELLS, COPY, WRONG, Machine, write

NEWER = """
[cell.newer]
python = "3.11"
torch = "2.15.0"
triton = "3.9.0"
platforms = ["cuda"]
why = "newer"
"""
KERNELS = (
    COPY
    + WRONG
    + """
@triton.jit
def refused(x, out):
    triton.takes(10)
    out[:] = x

def binary(name, options):
    if name == "refused" and V == "3.9.0":
        raise RuntimeError("PassManager::run failed")
    return "REG:32 STACK:0"
"""
)
REFERENCE = "def doubled(x):\n    return {'out': 2 * x}\n\ndef as_it_is(x):\n    return {'out': x}\n"


@pytest.fixture
def machine(tmp_path):
    """A repository whose table has the cell newer beside ambient, on a machine where each has its own Triton."""
    made = Machine(tmp_path)
    write(made.root / "constraints" / "cells.toml", CELLS + NEWER)
    made.kernels(KERNELS)
    made.launch("copy")
    made.launch("wrong")
    return made


def in_cell(machine, cell, *arguments):
    triton = machine.older if cell == "ambient" else machine.newer
    machine._paths = [machine.folder / "torch211", triton]
    done = machine.verb("bench", "--cell", cell, "--launches", *arguments)
    return done, " ".join(done.stdout.split())


def test_a_cell_is_held_against_the_triton_before_it_in_another_cell(machine):
    done, _ = in_cell(machine, "ambient")
    assert done.returncode == 0, done.stderr
    done, said = in_cell(machine, "newer")
    assert done.returncode == 1, done.stderr
    assert "2 of 2 ran, 2 compared, 0 with an interpreter, 1 bad" in said
    assert "wrong numbers: against triton 3.6.0 of cell ambient: out: 1024 of 1024 elements differ" in said


def test_and_against_the_one_after_it_where_that_ran_first(machine):
    assert in_cell(machine, "newer")[0].returncode == 0
    done, said = in_cell(machine, "ambient")
    assert done.returncode == 1, done.stderr
    assert "wrong numbers: against triton 3.9.0 of cell newer: out: 1024 of 1024 elements differ" in said


def test_a_cell_that_ran_other_sources_is_no_measure(machine):
    in_cell(machine, "ambient")
    machine.kernels(KERNELS + "\nEDITED = True\n")
    done, said = in_cell(machine, "newer")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 ran, 0 compared" in said


def with_reference(machine, name, reference):
    write(machine.root / "mine.py", REFERENCE)
    path = machine.root / "launches" / f"{name}.toml"
    write(path, f'reference = "../mine.py:{reference}"\n{path.read_text()}')


def test_a_launch_is_held_against_its_reference(machine):
    with_reference(machine, "copy", "doubled")
    with_reference(machine, "wrong", "as_it_is")
    done, said = in_cell(machine, "ambient")
    assert done.returncode == 1, done.stderr
    assert "wrong numbers: against its reference mine.py:doubled: out: 1024 of 1024 elements differ" in said
    assert "2 of 2 ran, 2 compared, 0 with an interpreter, 1 bad" in said


def test_a_reference_that_fails_is_said_of_its_launch(machine):
    with_reference(machine, "copy", "absent")
    done, said = in_cell(machine, "ambient")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "copy[copy" in said
    assert "absent" in said


def both(machine, *arguments):
    done, said = in_cell(machine, "ambient", "--triton-path", str(machine.newer), *arguments)
    return done, said


def test_what_is_accepted_is_no_failure_and_what_no_longer_occurs_is_one(machine):
    machine.launch("refused")
    assert both(machine)[0].returncode == 1
    done, said = both(machine, "--accept", "values=seen", "--accept", "compile=known")
    assert done.returncode == 0, done.stdout + done.stderr
    entries = accepted.read(machine.root / "tests" / "atlas" / "accepted.toml")
    assert {(each.what, each.target, each.from_, each.to) for each in entries} == {
        ("values", "device@cuda:90", "3.6.0", "3.9.0"),
        ("compile", "device@cuda:90", "3.6.0", "3.9.0"),
    }
    content = json.loads((machine.root / "reports" / "device" / "3.9.0.json").read_text())
    found = {each["settings"][0]: each for each in content["entries"]}
    assert found["wrong"]["status"] == "ok"
    assert found["wrong"]["verdicts"][0]["accepted"] == "seen"

    machine.kernels(KERNELS.replace("1.01", "1.02"))
    assert both(machine)[0].returncode == 1, "it is worse than what was accepted"
    machine.kernels(KERNELS.replace("1.01", "1"))
    done, said = both(machine)
    assert done.returncode == 1
    assert "accepted, but no longer occurs" in said


def test_accepting_is_of_the_packages_own_launches(machine):
    done, _ = in_cell(machine, "ambient", "launches", "--accept", "values=seen")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--accept is of the package's own launches" in done.stderr
