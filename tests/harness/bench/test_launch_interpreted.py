"""What ran on a GPU against what interpreters computed: the evidence of ``values``, made by its own verb."""

import json

import pytest

from .gpu import COPY, Machine

KERNELS = (
    COPY
    + """
@triton.jit
def half(x, out):
    triton.takes(10)
    out[:] = x / 2

@triton.jit
def zeroes(x, out):
    triton.takes(10)
    out[:] = 0

@triton.jit
def left_over(x, out):
    triton.takes(10)
    out[:] = x * 1e-4 + 2e-7
"""
)
SAID = {"copy": lambda x: x, "half": lambda x: x, "zeroes": lambda x: 0 * x, "left_over": lambda x: x * 1e-4}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Each launch against an interpreter's answer that is written as ``values`` writes one."""
    machine = Machine(tmp_path_factory.mktemp("interpreted"))
    machine.kernels(KERNELS)
    for name in SAID:
        machine.launch(name)
    machine.interpret(SAID, dots={})
    machine.done = machine.bench()
    content = json.loads((machine.evidence / "3.6.0.json").read_text())
    machine.entries = {each["settings"][0]: each for each in content["entries"]}
    machine.timings = {each["group"].rpartition(":")[2]: each["extra_info"] for each in content["benchmarks"]}
    return machine


def test_what_agrees_is_ok_and_counted(ran):
    assert "4 with an interpreter" in ran.done.stdout, ran.done.stderr
    assert ran.entries["copy"]["verdicts"] == []


def test_what_differs_from_the_interpreter_is_wrong(ran):
    (verdict,) = ran.entries["half"]["verdicts"]
    assert verdict["kind"] == "wrong numbers"
    assert verdict["what"].startswith("against the interpreter of triton 3.6.0: out: 1024 of 1024 elements differ")
    assert ran.done.returncode == 1


def test_what_is_written_as_it_was_filled_is_no_difference(ran):
    assert ran.entries["zeroes"]["verdicts"] == []


def test_what_is_left_of_numbers_of_the_inputs_size_may_differ_by_their_rounding(ran):
    assert ran.entries["left_over"]["verdicts"] == []
    assert ran.entries["left_over"]["remarks"] == ["differs from the interpreter of triton 3.6.0 as rounding does"]


def test_an_interpreter_knows_what_is_read_and_written(ran):
    assert ran.timings["copy"]["bytes"] == 2 * 4 * 1024


def test_values_of_another_harness_are_stale_and_not_used(ran):
    (file,) = (ran.root / "reports" / "values" / "launches" / "launches").glob("*.json")
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "harness": "another"}))
    done = ran.bench()
    assert done.returncode == 0, done.stderr
    assert "what interpreters computed is stale and not used: triton 3.6.0" in done.stdout
    assert "0 with an interpreter" in done.stdout
