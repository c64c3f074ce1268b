"""The timing function on the host's clock, where it can run anywhere, and the arithmetic that both clocks share."""

import gc
import time

import pytest

from triton_matrix.bench import timing
from triton_matrix.bench.timing import Timer, flush_size, rounds_for, spread_of


def test_a_call_that_sleeps_is_timed_at_what_it_slept():
    measured = Timer("cpu", budget=0.05)(lambda: time.sleep(0.002))
    assert measured.clock == "host"
    assert 0.002 <= measured.median < 0.02


def test_warm_up_stays_out_of_the_rounds():
    calls = []

    def slow_at_first():
        calls.append(None)
        if len(calls) <= timing.WARM_UP_CALLS:
            time.sleep(0.2)

    assert max(Timer("cpu", budget=0.001)(slow_at_first).seconds) < 0.2


def test_rounds_follow_the_budget_within_their_bounds():
    assert rounds_for(0.1, 0.002, 15, 100) == 50
    assert rounds_for(0.1, 1.0, 15, 100) == 15
    assert rounds_for(0.1, 1e-6, 15, 100) == 100


def test_a_budget_must_be_positive():
    with pytest.raises(ValueError, match="budget is -1; it must be a positive number of seconds"):
        Timer("cpu", budget=-1)


def test_the_flush_is_twice_the_l2_and_large_where_the_l2_is_unknown():
    assert flush_size(100 * 2**20) == 200 * 2**20
    assert flush_size(2**20) == timing.MIN_FLUSH_BYTES
    assert flush_size(0) == timing.UNKNOWN_L2_FLUSH_BYTES


def test_spread_sees_drift_and_not_single_outliers():
    steady = [1.0] * 50
    assert spread_of(steady) == 0
    outlier = [*steady[:7], 9.0, *steady[8:]]
    assert spread_of(outlier) == 0
    drifting = [1 + index / 100 for index in range(50)]
    assert spread_of(drifting) == pytest.approx(0.4 / 1.245, rel=0.01)


def test_spread_of_few_rounds_takes_each_as_its_own_block():
    assert spread_of([1.0]) == 0
    assert spread_of([1.0, 1.5]) == pytest.approx(0.5 / 1.25)


def test_host_time_is_what_one_call_takes():
    calls = {"slow": lambda: time.sleep(0.004), "fast": lambda: time.sleep(0.001)}
    found = Timer("cpu").host_seconds(calls, batches=3, calls_per_batch=5)
    assert [len(seconds) for seconds in found.values()] == [3, 3]
    assert all(0.004 <= seconds < 0.012 for seconds in found["slow"])
    assert min(found["fast"]) < 0.004


def test_calls_that_are_compared_take_turns_and_each_is_first_once():
    turns = []
    calls = {name: lambda name=name: turns.append((name, gc.isenabled())) for name in "abc"}
    Timer("cpu").host_seconds(calls, batches=3, calls_per_batch=4)
    del turns[: 3 * timing.WARM_UP_CALLS]
    assert "".join(name for name, _ in turns[::5]) == "abcbcacab"  # 4 timed calls and one to warm up
    assert not any(collecting for _, collecting in turns)
    assert gc.isenabled()


class SimulatedStream:
    """A device in wall-clock time: what is enqueued runs one after the other, as soon as the one before is done."""

    def __init__(self, flush_seconds=0.0005):
        self.free_at = 0.0
        self.flushes = 0
        self.flush_seconds = flush_seconds

    def enqueue(self, seconds):
        self.free_at = max(time.perf_counter(), self.free_at) + seconds

    def event(self):
        return SimulatedEvent(self)

    def flush(self):
        self.flushes += 1
        self.enqueue(self.flush_seconds)

    def synchronize(self):
        time.sleep(max(0.0, self.free_at - time.perf_counter()))


class SimulatedEvent:
    def __init__(self, stream):
        self.stream = stream

    def record(self):
        self.at = max(time.perf_counter(), self.stream.free_at)

    def query(self):
        return time.perf_counter() >= self.at

    def elapsed_time(self, after):
        return (after.at - self.at) * 1e3


UNTIMED = timing.WARM_UP_CALLS + 2 * timing.ESTIMATE_CALLS + 1  # calls before the first round


def simulated(host_seconds):
    """(Timer, call): a call of two kernels of 0.1 ms each, before each of which the host needs some time."""
    stream = SimulatedStream()
    calls = iter(range(10**6))

    def call():
        number = next(calls)
        for _ in range(2):
            time.sleep(host_seconds(number))
            stream.enqueue(1e-4)

    return Timer("cuda", budget=0.05, min_rounds=5, max_rounds=20, stream=stream), call


def test_events_enclose_kernels_and_not_the_gaps_of_a_slow_host():
    timer, call = simulated(lambda number: 0.001)
    measured = timer(call)
    assert (measured.clock, measured.late) == ("device", 0)
    assert max(measured.seconds) == pytest.approx(2e-4, rel=0.01)


def test_rounds_in_which_the_host_came_late_are_dropped():
    timer, call = simulated(lambda number: 0.03 if number >= UNTIMED and number % 4 == 0 else 0.001)
    measured = timer(call)
    assert measured.late == 0
    assert max(measured.seconds) == pytest.approx(2e-4, rel=0.01)


def test_a_host_that_becomes_slower_than_it_looked_gets_a_longer_head_start():
    timer, call = simulated(lambda number: 0.0001 if number < UNTIMED else 0.004)
    measured = timer(call)
    assert measured.late == 0
    assert max(measured.seconds) == pytest.approx(2e-4, rel=0.01)


def test_a_host_too_slow_for_any_head_start_is_timed_and_its_rounds_are_called_late(monkeypatch):
    monkeypatch.setattr(timing, "MAX_FLUSHES", 4)
    timer, call = simulated(lambda number: 0.005)
    measured = timer(call)
    assert measured.late == len(measured.seconds)
    assert measured.median > 0.004


def test_a_single_round_is_repeated_behind_a_longer_head_start_of_which_later_ones_keep_most():
    slow = iter([True] * 40)
    timer, call = simulated(lambda number: 0.004 if next(slow, False) else 0.0001)
    flushes = []
    for _ in range(60):
        timer._stream.flushes = 0
        assert timer.round(call) == pytest.approx(2e-4, rel=0.01)
        flushes.append(timer._stream.flushes)
    while_slow = min(flushes[1:20])
    assert flushes[0] > while_slow
    assert min(flushes[40:]) < while_slow / 2


def test_a_single_round_counts_behind_the_longest_head_start(monkeypatch):
    monkeypatch.setattr(timing, "MAX_FLUSHES", 4)
    timer, call = simulated(lambda number: 0.005)
    assert timer.round(call) > 0.004


@pytest.mark.device("events time the device and the flush empties its L2")
def test_on_a_gpu_a_copy_is_neither_faster_than_memory_nor_bound_by_the_host():
    import torch

    x = torch.randn(2**26, device="cuda")
    y = torch.empty_like(x)
    timer = Timer("cuda", budget=0.05)
    measured = timer(lambda: y.copy_(x))
    assert measured.clock == "device"
    assert 2e-5 < measured.median < 1e-2
    small = timer(lambda: y[: 2**20].copy_(x[: 2**20]))  # 4 MiB each way: fits the L2, were it not flushed

    def slow_to_enqueue():
        time.sleep(0.0005)
        y[: 2**20].copy_(x[: 2**20])

    assert timer(slow_to_enqueue).median < 2 * small.median
