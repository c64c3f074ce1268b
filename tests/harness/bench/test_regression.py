"""A slow-down is called beyond the noise only, and in shares of the copy where both sides have them."""

import pytest

from triton_matrix.bench import regression
from triton_matrix.bench.regression import Entry


def entry(median, spread=0.001, share=None):
    return Entry(median, spread, share)


def test_a_row_beyond_the_threshold_is_called_and_one_within_is_not():
    now = {"a": entry(1.2), "b": entry(1.04)}
    changes = regression.slower(now, {"a": entry(1.0), "b": entry(1.0)})
    assert [change.row for change in changes] == ["a"]
    assert changes[0].slowdown == pytest.approx(0.2)
    assert changes[0].limit == 0.05


@pytest.mark.parametrize("side", ["now", "base"])
def test_noise_on_either_side_widens_the_limit(side):
    spreads = {"now": 0.001, "base": 0.001, side: 0.1}
    assert not regression.slower({"a": entry(1.2, spreads["now"])}, {"a": entry(1.0, spreads["base"])})
    assert regression.slower({"a": entry(1.4, spreads["now"])}, {"a": entry(1.0, spreads["base"])})


def test_a_faster_row_is_no_change_and_rows_of_one_side_are_not_compared():
    assert not regression.slower({"a": entry(0.5), "new": entry(9.0)}, {"a": entry(1.0), "old": entry(1.0)})


def test_a_day_with_slower_memory_is_no_regression():
    now, base = {"a": entry(1.2, share=0.95)}, {"a": entry(1.0, share=0.95)}
    assert not regression.slower(now, base)
    assert regression.slower({"a": entry(1.0, share=0.80)}, base)


def test_the_worst_comes_first():
    base = {name: entry(1.0) for name in "abc"}
    changes = regression.slower({"a": entry(1.1), "b": entry(2.0), "c": entry(1.5)}, base)
    assert [change.row for change in changes] == ["b", "c", "a"]


def report(level="device", gpu="NVIDIA H100", rows=()):
    about = {"level": level, "gpus": [{"name": gpu}] if gpu else []}
    return {"triton_matrix": about, "benchmarks": list(rows)}


def test_other_levels_and_other_gpus_are_refused():
    regression.check_comparable(report(), report())
    with pytest.raises(ValueError, match="the baseline is of level interpreter, this run of level device"):
        regression.check_comparable(report(), report(level="interpreter"))
    with pytest.raises(ValueError, match=r"measured on .*H200.*, this run on .*H100"):
        regression.check_comparable(report(), report(gpu="NVIDIA H200"))


def test_only_our_rows_are_entries():
    def row(name, **info):
        return {"stats": {"median": 2.0}, "extra_info": {"row": name, **info}}

    rows = [
        row("a", implementation="ours", spread=0.01, share_of_copy=0.9),
        row("a", implementation="torch", spread=0.01, share_of_copy=0.5),
        row("first", implementation="ours"),
        row("compiled"),
    ]
    # of the others nothing is known of their noise: they are there, and nothing can be told of them
    expected = {"a": Entry(2.0, 0.01, 0.9), "first": Entry(2.0, None, None), "compiled": Entry(2.0, None, None)}
    assert regression.entries(report(rows=rows)) == expected


@pytest.mark.parametrize(
    ("now", "base", "told"),
    [
        (entry(1.04, 0.001), entry(1.0, 0.001), True),  # within the threshold, and nothing could hide
        (entry(2.5, 0.6), entry(1.0, 0.001), False),  # 2.5 times, and the noise is 180 %
        (entry(1.0, 0.6), entry(1.0, 0.001), False),  # looks fine: a slow-down by half would look so too
        (entry(1.0, 0.001), entry(1.0, 0.6), False),
        (entry(9.0, 0.6), entry(1.0, 0.001), True),  # beyond any noise
        (entry(0.1, 0.6), entry(1.0, 0.001), True),  # likewise
        (entry(1.0, None), entry(1.0, 0.001), False),
    ],
)
def test_a_row_whose_noise_is_larger_than_the_change_that_it_is_to_show_is_too_noisy_to_tell(now, base, told):
    found = [change.row for change in regression.too_noisy({"a": now}, {"a": base})]
    assert found == ([] if told else ["a"])
