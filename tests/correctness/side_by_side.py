"""Run by test_waiting.py in a process of its own: LayerNorms of long rows side by side, with the bits of one alone.

`python side_by_side.py CASE N_COLS DTYPE`. The package is the one that the environment has; it needs no pytest.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable

import torch

from liger_kernel.transformers.functional import liger_layer_norm

ELEMENTS = 2**24  # of a problem: several rows for each group of programs
DTYPE = torch.bfloat16  # unless the command says another
Step = Callable[[], tuple[torch.Tensor, ...]]


def step_of(n_cols: int, device: str = "cuda:0") -> Step:
    """Forward and backward of one problem; the same values at every call and on every GPU."""
    generator = torch.Generator().manual_seed(n_cols)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device, DTYPE)

    leaves = [tensor.requires_grad_() for tensor in (draw(ELEMENTS // n_cols, n_cols), draw(n_cols), draw(n_cols))]
    dy = draw(ELEMENTS // n_cols, n_cols)

    def step() -> tuple[torch.Tensor, ...]:
        y = liger_layer_norm(*leaves, 1e-6)
        return (y.detach(), *torch.autograd.grad(y, leaves, dy))

    return step


def require_equal(results: Iterable[tuple[torch.Tensor, ...]], expected: tuple[torch.Tensor, ...]) -> None:
    for result in results:
        for name, got, wanted in zip(("y", "dx", "dw", "db"), result, expected):
            if not torch.equal(got, wanted):
                sys.exit(f"{name} differs from that of a launch alone")


def on_streams(streams: list[torch.cuda.Stream], rounds: int, n_cols: int, device: str = "cuda:0") -> None:
    step = step_of(n_cols, device)
    expected = step()
    torch.cuda.synchronize(device)
    for _ in range(rounds):
        results = []
        for stream in streams:
            with torch.cuda.stream(stream):
                results.append(step())
        torch.cuda.synchronize(device)
        require_equal(results, expected)


def streams(n_cols: int) -> None:
    """32 streams at once."""
    on_streams([torch.cuda.Stream() for _ in range(32)], 4, n_cols)


def priorities(n_cols: int) -> None:
    """Streams of every priority, three of each."""
    lowest, highest = torch.cuda.Stream.priority_range()
    on_streams([torch.cuda.Stream(priority=value) for value in range(highest, lowest + 1)] * 3, 8, n_cols)


def threads(n_cols: int, devices: tuple[str, ...] = ("cuda:0", "cuda:0"), rounds: int = 100) -> None:
    """A thread for each of the devices, each with two streams of its own and the default one, which all share."""
    failures: list[BaseException] = []

    def work(device: str) -> None:
        try:
            with torch.cuda.device(device):
                streams = [torch.cuda.Stream(), torch.cuda.Stream(), torch.cuda.default_stream()]
                on_streams(streams, rounds, n_cols, device)
        except BaseException as error:  # a thread's sys.exit would be lost
            failures.append(error)

    running = [threading.Thread(target=work, args=[device]) for device in devices]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise failures[0]


def graphs(n_cols: int) -> None:
    """A graph for each of eight streams, captured forward and backward, all replayed at once."""
    step = step_of(n_cols)
    expected = step()
    streams = [torch.cuda.Stream() for _ in range(8)]
    captured = []
    for stream in streams:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            step()  # loads and allocates what capture cannot
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            results = step()
        captured.append((stream, graph, results))
    for _ in range(8):
        for _, _, results in captured:
            for result in results:
                result.zero_()
        torch.cuda.synchronize()
        for stream, graph, _ in captured:
            with torch.cuda.stream(stream):
                graph.replay()
        torch.cuda.synchronize()
        require_equal((results for _, _, results in captured), expected)


def green_context(n_cols: int, multiprocessors: int) -> None:
    """On a part of the GPU, with the rows of a part of the GPU: the bits of a launch alone may be others there."""
    context = torch.cuda.green_contexts.GreenContext.create(multiprocessors, 0)
    context.set_context()
    step = step_of(n_cols)
    with torch.cuda.stream(torch.cuda.Stream()):
        first = step()
        results = [step() for _ in range(4)]
    torch.cuda.synchronize()
    require_equal(results, first)
    context.pop_context()


CASES: dict[str, Callable[[int], None]] = {
    "streams": streams,
    "priorities": priorities,
    "threads": threads,
    "graphs": graphs,
    "two-gpus": functools.partial(threads, devices=("cuda:0", "cuda:1"), rounds=500),
    **{f"green-context-{count}": functools.partial(green_context, multiprocessors=count) for count in (8, 16, 64)},
}

if __name__ == "__main__":
    DTYPE = getattr(torch, sys.argv[3])
    CASES[sys.argv[1]](int(sys.argv[2]))
    print("every result has the bits of one alone", flush=True)
    # on a machine with all cores busy torch 2.11 sometimes aborts while Python ends, after all has been said
    os._exit(0)
