"""The one timing function, for every Triton: device events around single calls, the L2 cache flushed between them.

``triton.testing.do_bench`` is not used: its arguments and what it flushes changed between releases, so two cells would
not be timed alike. Nothing here imports Triton, and torch only when a ``Timer`` is made.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ..base.listening import paused

Call = Callable[[], Any]

# Larger than twice any last-level cache that torch may fail to report: 256 MiB on an MI300, 126 MB on a B200.
UNKNOWN_L2_FLUSH_BYTES = 512 * 2**20
MIN_FLUSH_BYTES = 128 * 2**20
# How much longer than the host needs to enqueue a call the device is kept busy before it, so that the events enclose
# the call's kernels and not the gaps between them. It is doubled while too many rounds are late all the same; 128
# flushes take about 6 ms on an H100.
HEAD_START = 3.0
MAX_FLUSHES = 128
WARM_UP_CALLS = 3
ESTIMATE_CALLS = 5
BLOCKS = 5
# Calls enqueued without a sync. A stream takes about a thousand launches before it makes the host wait: room for calls
# of up to two dozen launches.
HOST_CALLS = 40
HOST_BATCHES = 25


@dataclass(frozen=True)
class Measurement:
    """Rounds of one call.

    Attributes:
        clock: ``"device"`` (events) or ``"host"`` (``time.perf_counter``: on a CPU, no statement about a GPU).
        seconds: one duration per round.
        late: in how many of these rounds the device had begun before the host had enqueued the whole call, so that
            they may hold gaps. None, unless even the longest head start left too few others.
    """

    clock: str
    seconds: tuple[float, ...]
    late: int = 0

    @property
    def median(self) -> float:
        """Median of the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """``spread_of`` the rounds."""
        return spread_of(self.seconds)


def spread_of(seconds: Sequence[float], blocks: int = BLOCKS) -> float:
    """How far repeated medians of one measurement differ: (largest - smallest) / median, over consecutive blocks.

    Args:
        seconds: the rounds in the order they ran.
        blocks: how many medians to take; with fewer rounds than that, every round is its own block.

    Returns:
        A fraction, e.g. 0.01 for one per cent. Zero for a single round: nothing is known of its noise.
    """
    blocks = min(blocks, len(seconds))
    edges = [len(seconds) * index // blocks for index in range(blocks + 1)]
    medians = [statistics.median(seconds[low:high]) for low, high in zip(edges, edges[1:])]
    return (max(medians) - min(medians)) / statistics.median(seconds)


def rounds_for(budget: float, seconds: float, min_rounds: int, max_rounds: int) -> int:
    """How many rounds of ``seconds`` each fit a time budget in seconds, within the two bounds."""
    return max(min_rounds, min(max_rounds, math.floor(budget / seconds)))


class Stream:
    """The current stream of a GPU, with a buffer to flush its L2."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        flush_bytes = flush_size(getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0))
        self._buffer = torch.empty(flush_bytes // 4, dtype=torch.int32, device="cuda")

    def event(self) -> Any:
        """A new event: ``record()``, ``query()`` and ``elapsed_time(other)`` in milliseconds."""
        return self._torch.cuda.Event(enable_timing=True)

    def flush(self) -> None:
        """Enqueue what leaves nothing of the last call in L2."""
        # Written, not read: a call then pays for the lines it finds dirty in L2, in exchange for those that it leaves
        # dirty itself. After a clean flush the last write-backs of every call would be free.
        self._buffer.zero_()

    def synchronize(self) -> None:
        """Wait for the device."""
        self._torch.cuda.synchronize()


class Timer:
    """Times calls on one device. It holds the flush buffer, so make one per process.

    Args:
        device: ``"cuda"`` (HIP too) or ``"cpu"``; on a CPU the host's clock is read and nothing is flushed.
        budget: seconds of rounds per measurement, flushes included.
        min_rounds, max_rounds: bounds on the rounds, whatever the budget.
        stream: what the calls are enqueued on, where it is not the GPU's current one.
    """

    def __init__(
        self,
        device: str = "cuda",
        budget: float = 0.1,
        min_rounds: int = 15,
        max_rounds: int = 100,
        stream: Optional[Stream] = None,
    ) -> None:
        if budget <= 0:
            raise ValueError(f"budget is {budget}; it must be a positive number of seconds")
        self.device, self.budget = device, budget
        self.min_rounds, self.max_rounds = min_rounds, max_rounds
        self._flushes = 1
        if device != "cpu":
            self._stream = stream or Stream()
            self._flush_seconds = self._mean_seconds(self._stream.flush)

    @paused()
    def __call__(self, call: Call, before: Call = lambda: None) -> Measurement:
        """Warm ``call`` up, then time as many rounds of it as the budget allows.

        A compilation or an autotuning that the first calls cause stays outside. ``call`` must not synchronise.

        Args:
            before: enqueued before each round, on a device, and not timed: what fills memory again that a call changes.
        """
        if self.device == "cpu":
            return Measurement("host", self._host_rounds(call))
        return self._device_rounds(call, before)

    @paused()
    def round(self, call: Call) -> float:
        """Seconds of one round of a warm ``call``, for calls that take turns.

        A round in which the host came late is repeated behind twice the head start; behind the longest one it counts.
        The next round begins with seven eighths of what was enough.
        """
        if self.device == "cpu":
            start = time.perf_counter()
            call()
            return time.perf_counter() - start
        flushes = self._flushes
        while True:
            ((seconds, late),) = self._enqueue_rounds(call, lambda: None, 1, flushes)
            if not late or flushes == MAX_FLUSHES:
                self._flushes = max(1, flushes * 7 // 8)
                return seconds
            flushes = min(MAX_FLUSHES, 2 * flushes)

    @paused()
    def host_seconds(
        self, calls: Mapping[str, Call], batches: int = HOST_BATCHES, calls_per_batch: int = HOST_CALLS
    ) -> dict[str, tuple[float, ...]]:
        """Host time that one call takes to enqueue its work, for calls that are to be compared.

        The calls take turns batch by batch, each time another one first, so that what disturbs the host for a while
        disturbs all of them. The device is idle when a batch starts; the garbage collector is off.

        Args:
            calls: name -> call.
            batches: how often each has its turn.
            calls_per_batch: calls in a turn, with no sync between them.

        Returns:
            name -> seconds per call, one figure a batch.
        """
        for call in calls.values():
            for _ in range(WARM_UP_CALLS):
                call()
        figures: dict[str, list[float]] = {name: [] for name in calls}
        order = list(calls)
        collects = gc.isenabled()
        gc.disable()
        try:
            for _ in range(batches):
                for name in order:
                    figures[name].append(self._host_batch(calls[name], calls_per_batch))
                order = order[1:] + order[:1]
        finally:
            if collects:
                gc.enable()
        self._synchronize()
        return {name: tuple(seconds) for name, seconds in figures.items()}

    def _host_batch(self, call: Call, calls: int) -> float:
        call()  # another one had the caches of this processor before
        self._synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - start) / calls

    def _device_rounds(self, call: Call, before: Call) -> Measurement:
        for _ in range(WARM_UP_CALLS):
            before()
            call()
        device_seconds = self._mean_seconds(lambda: (before(), call()))
        start = time.perf_counter()
        for _ in range(ESTIMATE_CALLS):
            before()
            call()
        host_seconds = (time.perf_counter() - start) / ESTIMATE_CALLS
        flushes = min(MAX_FLUSHES, max(1, math.ceil(HEAD_START * host_seconds / self._flush_seconds)))
        while True:
            round_seconds = device_seconds + flushes * self._flush_seconds
            rounds = rounds_for(self.budget, round_seconds, self.min_rounds, self.max_rounds)
            timings = self._enqueue_rounds(call, before, rounds, flushes)
            in_time = tuple(seconds for seconds, late in timings if not late)
            if len(in_time) >= self.min_rounds:
                return Measurement("device", in_time)
            if flushes == MAX_FLUSHES:
                return Measurement("device", tuple(seconds for seconds, _ in timings), len(timings) - len(in_time))
            flushes = min(MAX_FLUSHES, 2 * flushes)

    def _enqueue_rounds(self, call: Call, before: Call, rounds: int, flushes: int) -> list[tuple[float, bool]]:
        """Rounds behind so many flushes each: (seconds, whether the device began before all was enqueued)."""
        self._stream.synchronize()
        events = [self._event_pair() for _ in range(rounds)]
        late = []
        for _ in range(flushes):
            self._stream.flush()
        for start, end in events:
            before()
            for _ in range(flushes):
                self._stream.flush()
            start.record()
            call()
            end.record()
            late.append(bool(start.query()))
        self._stream.synchronize()
        return [(start.elapsed_time(end) / 1e3, was_late) for (start, end), was_late in zip(events, late)]

    def _host_rounds(self, call: Call) -> tuple[float, ...]:
        for _ in range(WARM_UP_CALLS):
            call()
        start = time.perf_counter()
        call()
        rounds = rounds_for(self.budget, time.perf_counter() - start, self.min_rounds, self.max_rounds)
        seconds = [self.round(call) for _ in range(rounds)]
        return tuple(seconds)

    def _mean_seconds(self, call: Call) -> float:
        """Device seconds of a call, roughly: back to back, in whatever state the cache is."""
        before, after = self._event_pair()
        call()
        before.record()
        for _ in range(ESTIMATE_CALLS):
            call()
        after.record()
        self._synchronize()
        return float(before.elapsed_time(after)) / 1e3 / ESTIMATE_CALLS

    def _event_pair(self) -> tuple[Any, Any]:
        return self._stream.event(), self._stream.event()

    def _synchronize(self) -> None:
        if self.device != "cpu":
            self._stream.synchronize()


def flush_size(l2_bytes: int) -> int:
    """Bytes to write so that an L2 of ``l2_bytes`` holds nothing of the last call; 0 = the size is not known."""
    return max(MIN_FLUSH_BYTES, 2 * l2_bytes) if l2_bytes else UNKNOWN_L2_FLUSH_BYTES
