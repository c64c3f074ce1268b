"""The table of rows is the one that the issue of the bench asks for, and its byte counts are the formula's."""

import pytest

from .layer_norm import rows
from .layer_norm.rows import Row


@pytest.mark.parametrize(
    ("dtype", "direction", "expected"),
    [
        ("bf16", "forward", 2 * 10 * 3 * 2 + 8 * 10 + 2 * 3 * 2),
        ("bf16", "backward", 3 * 10 * 3 * 2 + 8 * 10 + 3 * 3 * 2),
        ("fp32", "forward+backward", 5 * 10 * 3 * 4 + 16 * 10 + 5 * 3 * 4),
    ],
)
def test_bytes_follow_the_formula(dtype, direction, expected):
    assert Row("large", direction, dtype, 10, 3).bytes == expected


def test_the_full_table_has_every_size_dtype_and_direction_and_the_small_problems():
    large = [row for row in rows.full() if row.kind == "large"]
    assert {(row.dtype, row.direction, row.n_cols) for row in large} == {
        (dtype, direction, n_cols)
        for dtype in ("bf16", "fp16", "fp32")
        for direction in ("forward", "backward", "forward+backward")
        for n_cols in rows.N_COLS
    }
    assert all(2**27 - row.n_cols < row.n_rows * row.n_cols <= 2**27 for row in large)
    small = {(row.n_rows, row.n_cols) for row in rows.full() if row.kind == "small"}
    assert small == {(2048, 4096), (4096, 1024), (128, 768)}


@pytest.mark.parametrize("table", [rows.full, rows.quick, rows.sweep, rows.tiny])
def test_ids_are_unique_and_rows_on_the_same_tensors_are_neighbours(table):
    ids = [row.id for row in table()]
    assert len(set(ids)) == len(ids)
    shapes = [row.shape_id for row in table()]
    runs = [shape for shape, before in zip(shapes, [None, *shapes]) if shape != before]
    assert len(set(runs)) == len(runs)


def test_quick_is_part_of_full():
    assert set(rows.quick()) < set(rows.full())


def test_the_sweep_has_odd_sizes_and_no_gap_beyond_an_eighth_of_an_octave():
    sizes = rows.sweep_n_cols()
    assert (sizes[0], sizes[-1]) == (512, 131072)
    assert sum(n % 2 for n in sizes) > 20
    assert max(after / before for before, after in zip(sizes, sizes[1:])) <= 1.126


def test_peers_are_timed_on_every_small_row_and_on_the_large_rows_that_match():
    found = rows.with_peers(rows.full(), r"^large-bf16-.*x4096-backward$")
    assert {name for name in found if name.startswith("large")} == {"large-bf16-32768x4096-backward"}
    assert {name for name in found if name.startswith("small")} == {
        row.id for row in rows.full() if row.kind == "small"
    }
    assert len(rows.with_peers(rows.full(), None)) == len(rows.full())


def test_a_smaller_gpu_gets_smaller_rows():
    assert rows.fitting(80 * 10**9) == 2**27
    assert rows.fitting(4 * 10**9) == 2**26
    assert rows.fitting(10**6) == 2**20


def test_matching_selects_by_regular_expression_and_names_a_bad_one():
    ids = [row.id for row in rows.full()]
    assert rows.matching(ids, r"bf16.*x4096-backward$") == [
        "small-bf16-2048x4096-backward",
        "large-bf16-32768x4096-backward",
    ]
    assert rows.matching(ids, None) == ids
    with pytest.raises(ValueError, match=r"rows is '\(', which is no regular expression"):
        rows.matching(ids, "(")
