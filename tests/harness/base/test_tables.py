"""A table shows each cell as it is, numbers to the right, in text and in Markdown."""

import pytest

from triton_matrix.base import tables

HEADINGS = ["kernel", "regs", "share", "what"]
ROWS = [["add", 8, "0.5", "a|b"], ["scale", 128, "**0.743** (at 16384)", ""]]


def test_text_has_numbers_to_the_right_and_no_blanks_at_the_end():
    assert tables.render(HEADINGS, ROWS).splitlines() == [
        "kernel  regs                 share  what",
        "add        8                   0.5  a|b",
        "scale    128  **0.743** (at 16384)",
    ]


def test_markdown_has_numbers_to_the_right_and_a_bar_stays_part_of_its_cell():
    assert tables.render(HEADINGS, ROWS, markdown=True).splitlines() == [
        "| kernel | regs | share | what |",
        "| --- | ---: | ---: | --- |",
        "| add | 8 | 0.5 | a\\|b |",
        "| scale | 128 | **0.743** (at 16384) |  |",
    ]


@pytest.mark.parametrize(
    ("column", "to_the_right"),
    [
        (["1", "-", ""], True),
        (["-1.5", "1,024", "3 %"], True),
        (["-", ""], False),
        (["3.6.0", "3.9.0"], False),
        (["1", "one"], False),
        ([], False),
    ],
)
def test_a_column_of_numbers_is_one_where_every_cell_that_says_something_is_a_number(column, to_the_right):
    rule = tables.render(["a heading"], [[cell] for cell in column], markdown=True).splitlines()[1]
    assert rule == ("| ---: |" if to_the_right else "| --- |")


def test_labels_are_to_the_left_though_they_are_numbers():
    assert tables.render(["N", "us"], [["8", "9"], ["1024", "10"]], labels=1).splitlines() == [
        "N     us",
        "8      9",
        "1024  10",
    ]


def test_a_table_without_rows_is_its_headings():
    assert tables.render(["a", "b"], []) == "a  b"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"a row has 1 cells under 2 headings: \['1'\]"):
        tables.render(["a", "b"], [["1"]])


def test_columns_that_say_nothing_in_any_row_can_be_left_out():
    headings, rows = tables.without_empty(["a", "b", "c"], [["1", "-", ""], ["", "", "2"]])
    assert (headings, rows) == (["a", "c"], [["1", ""], ["", "2"]])
