"""The clock of what takes the device a few microseconds: CUDA graphs, in which no host is waited for. Needs a GPU."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch

CALLS = 20  # in a graph


def microseconds(call: Callable[[], Any]) -> float:
    """Of the device, a call: the median of 9 replays of a graph, after one that is not counted.

    What the call works on stays in the L2 from one to the next.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            call()
    times = []
    for _ in range(10):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3 / CALLS)
    return statistics.median(times[1:])
