"""Each condition is met at its limit and missed below it, and a miss is named with its figures."""

import copy

import pytest

from .layer_norm import conditions
from .layer_norm.peers import OURS, OURS_COMPILED
from .layer_norm.runs import Run


def verdicts(*reports):
    """(condition, run) -> verdict."""
    return {(answer.condition, answer.run): answer.verdict for answer in conditions.answers(list(map(Run, reports)))}


def with_rows(report, rows, triton="3.6.0", selection="full"):
    found = copy.deepcopy(report)
    found["triton_matrix"]["versions"]["triton"] = triton
    found["triton_matrix"]["selection"] = selection
    found["benchmarks"] = rows
    return found


@pytest.fixture
def large(row):
    """Large bf16 backward rows of ours: ``large({n_cols: share})``."""

    def make(shares, name=OURS):
        return [row("large", "backward", "bf16", 2**27 // n, n, name, share) for n, share in shares.items()]

    return make


PEERS = ("as fast as the fastest peer, within 2 %", "H100, triton 3.6.0")


def test_behind_the_fastest_peer_by_more_than_2_percent_is_a_miss_and_level_is_not(report, large):
    peers = [*large({512: 0.9, 1024: 0.9}, "torch"), *large({512: 1.0, 1024: 0.5}, "quack")]
    level = with_rows(report, [*large({512: 0.9801, 1024: 0.9801}), *peers])
    assert verdicts(level)[PEERS] == "met by all 2"
    behind = with_rows(report, [*large({512: 0.97, 1024: 0.97}), *peers])
    assert verdicts(behind)[PEERS] == "**missed** by 1 of 2: backward bf16 at 512 (0.970)"


def test_ours_compiled_is_no_peer_and_torch_alone_is_not_the_question(report, large):
    rows = [*large({512: 0.9}), *large({512: 0.95}, OURS_COMPILED), *large({512: 0.8}, "quack")]
    assert verdicts(with_rows(report, rows))[PEERS] == "met by all 1"
    rows = [*large({512: 0.9}), *large({512: 0.95}, "torch")]
    assert PEERS not in verdicts(with_rows(report, rows))


def test_a_size_between_powers_of_two_is_held_against_the_lower_of_its_neighbours(report, large):
    asked = ("N no power of two: no worse than its neighbours, within 2 %", "H100, triton 3.6.0")
    rows = large({2048: 0.9, 3072: 0.8821, 4096: 1.0, 5120: 0.97, 8192: 0.99, 12288: 0.1})
    found = verdicts(with_rows(report, rows))[asked]
    assert found == "**missed** by 1 of 2: backward bf16 at 5120 (0.980 of 8192)"  # 12288 has no neighbour above


def test_an_older_triton_is_held_within_5_percent_of_the_newest_up_to_16384(report, large):
    newest = with_rows(report, large({512: 1.0, 16384: 1.0, 32768: 1.0}), triton="3.9.0")
    older = with_rows(report, large({512: 0.951, 16384: 0.94, 32768: 0.5}), triton="2.3.1")
    found = verdicts(newest, older)
    asked = ("within 5 % of triton 3.9.0 up to N = 16384", "H100, triton 2.3.1")
    assert found[asked] == "**missed** by 1 of 2: backward bf16 at 16384 (0.940)"
    assert [run for condition, run in found if condition == asked[0]] == [asked[1]]
    newest["triton_matrix"]["settings"] = "general rule"
    assert asked not in verdicts(newest, older)


def test_host_time_is_held_against_torch_and_half_of_liger(report, row):
    def small(**host):
        return [row("small", "forward+backward", "bf16", 128, 768, name, 0.1, us) for name, us in host.items()]

    run = "H100, triton 3.6.0"
    found = verdicts(with_rows(report, small(ours=50.0, torch=51.0, liger=99.0)))
    assert found["small problems: host time below torch's", run] == "met by all 1"
    missed = "**missed** by 1 of 1: forward+backward at 128 x 768 (50 us, liger 99)"
    assert found["small problems: host time below half of Liger's", run] == missed
    found = verdicts(with_rows(report, small(ours=50.0, torch=50.0, liger=101.0)))
    assert found["small problems: host time below torch's", run].startswith("**missed** by 1 of 1")
    assert found["small problems: host time below half of Liger's", run] == "met by all 1"
    assert "half of Liger's" not in "".join(c for c, _ in verdicts(with_rows(report, small(ours=50.0, torch=50.0))))


def test_compiled_is_held_against_eager_on_the_device_and_on_the_host(report, row, large):
    rows = [*large({512: 0.9, 1024: 0.9}), *large({512: 0.8821, 1024: 0.87}, OURS_COMPILED)]
    rows += [row("small", "forward+backward", "bf16", 128, 768, OURS, 0.1, 50.0)]
    rows += [row("small", "forward+backward", "bf16", 128, 768, OURS_COMPILED, 0.1, 51.0)]
    found = verdicts(with_rows(report, rows))
    run = "H100, triton 3.6.0"
    missed = "**missed** by 1 of 2: backward bf16 at 1024 (0.967)"
    assert found["compiled no slower than eager, within 2 %", run] == missed
    missed = "**missed** by 1 of 1: forward+backward at 128 x 768 (51 us, eager 50)"
    assert found["small problems: compiled takes no more host time", run] == missed


def test_a_cliff_is_a_drop_of_more_than_10_percent_and_odd_sizes_lie_apart(report, row):
    shares = {1024: 0.9, 1025: 0.5, 1152: 0.82, 1153: 0.44, 1280: 0.9}
    rows = [row("sweep", "forward", "bf16", 2**27 // n, n, OURS, share) for n, share in shares.items()]
    found = verdicts(with_rows(report, rows, selection="sweep"))
    assert found == {
        ("sweep of N: no drop beyond 10%, even N", "H100, triton 3.6.0"): "met by all 2",
        ("sweep of N: no drop beyond 10%, odd N", "H100, triton 3.6.0"): (
            "**missed** by 1 of 1: forward bf16 at 1153 (-12.0% from 1025)"
        ),
    }
