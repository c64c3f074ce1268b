"""What a run lacks to be a whole one, and what makes it say nothing about the checkout as it is."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from triton_matrix.evidence import runs

NODES = ["tests/a/test_b.py::test_c", "tests/a/test_b.py::TestD::test_e[x/y.py]"]
WHEEL, INPUTS = runs.Wheel("now", "now"), runs.Inputs("suites", "pins")


def a_run(**changed):
    told = {"closed": "2026-11-25", "collected": NODES, "finished": NODES, "status": 0, **changed}
    return runs.Run("7", "cell", "interpreter", "2026-11-24", None, None, WHEEL, INPUTS, ["a"], **told)


def counted(header=None, held=None, cases=None, run="7"):
    numbers = {"tests": 2, "failures": 0, "errors": 0, "skipped": 0, **(header or {})}
    return runs.Counted(run, numbers, Counter(held or {}), Counter(cases or map(runs.junit_id, NODES)))


def test_a_whole_run_lacks_nothing():
    assert runs.shortfall(a_run(), counted()) == ""
    failed = counted({"failures": 1}, {"failures": 1})
    assert runs.shortfall(a_run(status=1), failed) == ""


@pytest.mark.parametrize(
    ("run", "junit", "says"),
    [
        (a_run(closed=None, running="x"), counted(), "never closed: it was killed, or still runs; it was running x"),
        (a_run(problem="it was interrupted", running="x"), counted(), "it was interrupted; it was running x"),
        (a_run(collected=None), counted(), "before it had collected"),
        (a_run(finished=NODES[:1]), counted(), "1 of 2 tests never ended, pytest's exit status is 0; the first"),
        (a_run(deselected=1), counted(), "1 tests were deselected"),
        (a_run(left_out=["incidents"]), counted(), "incidents was left out"),
        (a_run(), None, "left no JUnit file"),
        (a_run(), counted(run="6"), "the JUnit file is of run 6, not of 7"),
        (a_run(), counted(run=""), "the JUnit file is of run unknown"),
        (a_run(), counted({"failures": 5}), "its header says failures 5, and it holds 0"),
        (a_run(), counted({"skipped": None}), "its header says skipped None, and it holds 0"),
        (a_run(), counted({"tests": 3}), "its header says tests 3, and it holds 2"),
        (a_run(), counted({"tests": 1}), "its header says tests 1, and it holds 2"),
        (a_run(), counted(cases=["tests.a.test_b::test_c", "other"]), "ended in the run and is not in it"),
        (a_run(uncollected=["tests/z.py"]), counted(), "tests.z ended in the run and is not in it"),
        (a_run(status=1), counted(), "status 1, and 0 tests failed"),
        (a_run(status=0), counted({"errors": 1}, {"errors": 1}), "status 0, and 1 tests failed"),
        (a_run(status=-9), counted(), "status -9"),
        (a_run(collected=[], finished=[], status=5), counted({"tests": 0}, cases={"": 0}), "pytest ran no test"),
    ],
)  # fmt: skip
def test_what_is_not_whole_says_why(run, junit, says):
    if run.status == 5:
        junit.cases.clear()
    assert says in runs.shortfall(run, junit)


def test_a_teardown_that_fails_after_its_test_passed_is_counted_twice_by_pytest():
    assert runs.shortfall(a_run(status=1), counted({"tests": 3, "errors": 1}, {"errors": 1})) == ""


@pytest.mark.parametrize(
    ("run", "now", "inputs", "says"),
    [
        (a_run(), WHEEL, INPUTS, ""),
        (a_run(), WHEEL, None, ""),
        (None, WHEEL, None, "no run file"),
        (a_run(), replace(WHEEL, checkout="newer"), INPUTS, "other sources"),
        (replace(a_run(), wheel=runs.Wheel("now", None)), WHEEL, INPUTS, "other sources"),
        (replace(a_run(), wheel=runs.Wheel("now", "now", "altered")), WHEEL, INPUTS, "altered"),
        (a_run(), WHEEL, replace(INPUTS, suites="newer"), "its suites were changed"),
        (a_run(), WHEEL, replace(INPUTS, pins="newer"), "its row or its pins were changed"),
    ],
)
def test_what_is_of_another_checkout_is_outdated(run, now, inputs, says):
    found = runs.outdated(run, now, inputs)
    assert (says in found) if says else found == ""


def test_a_run_reads_back_as_it_was_written():
    run = replace(a_run(left_out=["x"], running="y"), dirty=True)
    assert runs.from_json(json.loads(json.dumps(run.as_json()))) == run


COUNTED = {"kernels": ["k.py:a", "k.py:b"], "launches": {"t::x": {"k.py:a": 2}, "": {"k.py:a": 1, "tests:own": 5}}}


def test_launches_are_summed_over_tests_and_others_kernels_are_no_part_of_it():
    run = a_run(**COUNTED)
    assert run.launched() == {"k.py:a": 3, "k.py:b": 0}
    assert runs.of_kernels(run.launched()) == "1 of 2 kernels ran, 3 launches"
    assert runs.unlaunched(run) == ""


@pytest.mark.parametrize(
    ("counted_", "says"),
    [
        ({"kernels": None}, ""),  # the package has none
        ({"kernels": []}, "no Triton kernel ran: its sources define none"),
        ({"kernels": ["k.py:a"]}, "no Triton kernel ran: none of the package's 1 was launched"),
        ({"kernels": ["k.py:a"], "launches": {"t": {"tests:own": 5}}}, "; 5 launches were of kernels outside"),
        ({"kernels": ["k.py:a"], "launches": {"t": {"k.py:a": "9"}}}, "no Triton kernel ran"),
        ({"kernels": ["k.py:a"], "launches": {"t": {"k.py:a": True}}}, "no Triton kernel ran"),
        ({"kernels": ["k.py:a"], "launches": {"t": {"k.py:a": -1}}}, "no Triton kernel ran"),
        ({"kernels": ["k.py:a"], "launches": {"t": ["k.py:a"]}}, "no Triton kernel ran"),
    ],
)
def test_a_run_without_a_launch_of_the_packages_kernels_says_so(counted_, says):
    run = runs.from_json({**a_run().as_json(), **counted_})
    assert (says in runs.unlaunched(run)) if says else runs.unlaunched(run) == ""


def test_a_failure_that_pytest_does_not_count_leaves_no_whole_run():
    run = a_run(unheard=["an exception in Thread-1: KeyError: 'x'", "another"])
    sentence = "a failure that pytest does not count: an exception in Thread-1: KeyError: 'x'; and 1 more"
    assert runs.shortfall(run, counted()) == sentence


def test_a_journal_that_was_cut_tells_what_was_running(tmp_path):
    lines = [
        {"uncollected": "tests/skipped.py"},
        {"collected": NODES, "deselected": 0, "left_out": []},
        {"begin": NODES[0]},
        {"kernels": ["k.py:a"]},
        {"launches": {"k.py:a": 2}, "test": NODES[0]},
        {"launches": {"k.py:a": 1}, "test": NODES[0]},  # of a child that it forked
        {"attempts": 3, "test": NODES[0]},
        {"end": NODES[0], "subtests": 3},
        {"kernels": ["k.py:b"]},
        {"unheard": "a thread"},
        {"note": "a file"},
        {"begin": NODES[1]},
    ]
    path = tmp_path / "journal"
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"end": "tes')
    run = a_run(collected=None, finished=[])
    runs.read_journal(run, path)
    assert (run.collected, run.finished, run.running) == (NODES, NODES[:1], NODES[1])
    assert (run.uncollected, run.subtests) == (["tests/skipped.py"], 3)
    assert (run.kernels, run.launches) == (["k.py:a", "k.py:b"], {NODES[0]: {"k.py:a": 3}})
    assert (run.reruns, run.unheard, run.notes) == ({NODES[0]: 3}, ["a thread"], ["a file"])


def test_a_subtest_is_one_more_in_the_header_and_no_case():
    assert runs.shortfall(a_run(subtests=3), counted({"tests": 5})) == ""
    assert "its header says tests 6" in runs.shortfall(a_run(subtests=3), counted({"tests": 6}))


def test_no_journal_tells_nothing(tmp_path):
    run = a_run(collected=None, finished=[])
    runs.read_journal(run, tmp_path / "none")
    assert (run.collected, run.finished, run.running) == (None, [], "")
