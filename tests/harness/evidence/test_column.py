"""What a result is of: read once from a name, and written as that name again."""

from __future__ import annotations

import pytest

from triton_matrix.evidence.column import Column, parse

NAMES = {
    "triton3x": Column("triton3x"),
    "ambient": Column("ambient"),
    "ambient-3.6.0": Column("ambient", triton="3.6.0"),
    "triton231@liger_kernel-0.5.10": Column("triton231", subject="liger_kernel-0.5.10"),
    "ambient-3.6.0@other-1.0": Column("ambient", triton="3.6.0", subject="other-1.0"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_column_and_the_column_is_called_by_that_name(name):
    assert parse(name) == NAMES[name]
    assert str(parse(name)) == name


def test_the_triton_that_was_there_tells_results_of_ambient_apart_and_no_others():
    assert parse("ambient", "3.6.0") == Column("ambient", triton="3.6.0")
    assert parse("ambient-3.0.0", "3.6.0") == Column("ambient", triton="3.0.0")
    assert parse("triton3x", "3.6.0") == Column("triton3x")
    assert parse("ambient@other-1.0", "3.6.0") == Column("ambient", subject="other-1.0")


def test_what_is_asked_of_a_cell_is_asked_of_its_tritons_and_of_no_other_package():
    asked = {name: [other for other in NAMES if parse(other).of(parse(name))] for name in NAMES}
    assert asked == {**{name: [name] for name in NAMES}, "ambient": ["ambient", "ambient-3.6.0"]}


def test_columns_are_in_the_order_of_their_names():
    assert [str(column) for column in sorted(NAMES.values())] == sorted(NAMES)
