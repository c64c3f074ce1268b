"""Which results count is told from their annotations alone, with no file and no checkout at hand."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.evidence.column import Column
from triton_matrix.evidence.reading import Document, Suite
from triton_matrix.report.results import Results, SuiteResult
from triton_matrix.report.selection import Superseded, select

CELL = Column("triton3x")
NOTHING = Results((), (), (), (), (), (), (), (), ())


def result(file, day, machine="H100", outdated="", own=True):
    suite = Suite(CELL, "device", f"2026-11-{day}", file, "reports", {})
    known = (outdated, own, not outdated, "", "harness", machine, "cuda", None, (), Counter(), Counter(), (), "", False)
    return SuiteResult(suite, *known)


def selected(*results, **others):
    """Files of the results that count, and of the others with what stands for them."""
    found = select(Results(results, **{**{name: () for name in vars(NOTHING) if name != "suites"}, **others}))
    kept = [item.file for levels in found.kept.suites.values() for items in levels.values() for item in items]
    return kept, [(each.file, each.kept) for each in found.superseded]


def test_the_newest_of_each_machine_counts():
    given = result("a", 1), result("b", 2), result("c", 3, "MI300X")
    assert selected(*given) == (["b", "c"], [("a", "b")])
    assert selected(*reversed(given)) == (["b", "c"], [("a", "b")])


def test_what_is_of_the_checkout_as_it_is_now_outweighs_what_is_newer():
    given = result("now", 1), result("old", 2, outdated="other sources"), result("older", 3, "L4", "other sources")
    assert selected(*given) == (["now"], [("old", "now"), ("older", "now")])


def test_of_results_that_do_not_say_their_machine_a_newer_one_of_any_stands():
    assert selected(result("a", 1, ""), result("b", 2)) == (["b"], [("a", "b")])


def test_a_failure_to_make_a_cell_stands_till_a_newer_result_beside_it_says_otherwise():
    stopped = Document(CELL, "2026-11-05", "here/failure.json", "reports", {})
    elsewhere = selected(result("there/junit", 9), stopped=(stopped,))
    assert elsewhere == (["there/junit"], [])
    assert selected(result("here/junit", "09"), stopped=(stopped,))[1] == [("here/failure.json", "here/junit")]
    assert selected(result("here/junit", "01"), stopped=(stopped,))[1] == []


def test_selecting_changes_nothing_and_says_the_same_twice():
    given = Results((result("a", 1), result("b", 2)), *[()] * 8)
    assert select(given) == select(given)
    assert select(given).superseded == (Superseded("a", "2026-11-1", "b"),)
    assert [item.file for item in given.suites] == ["a", "b"]
