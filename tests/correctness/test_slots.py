"""Slots that no launch had before: from a store on the default stream, of their own on any other."""

from __future__ import annotations

import threading

import pytest
import torch

from liger_kernel.ops.slots import LAUNCHES, MOST, Store, empty_slots

from .api import liger_layer_norm
from .inputs import problem

DEFAULT = torch.device("cuda", 0)


def storage(slots: torch.Tensor) -> int:
    return slots.untyped_storage().data_ptr()


@pytest.mark.parametrize("count", [1, 16, 100])
def test_every_piece_of_a_store_is_empty_however_the_others_were_filled(count):
    store, taken = Store(torch.device("cpu")), []
    for number in range(2 * LAUNCHES + 1):
        taken.append(store.take(count))
        assert (taken[-1].shape, taken[-1].dtype, taken[-1].storage_offset() % 16) == ((count,), torch.int64, 0)
        assert not taken[-1].any(), number
        taken[-1].fill_(number + 1)
    assert [int(piece.min()) for piece in taken] == [int(piece.max()) for piece in taken] == [*range(1, len(taken) + 1)]
    assert len(set(map(storage, taken))) == 3  # fills


def test_pieces_of_several_lengths_come_from_one_store():
    store = Store(torch.device("cpu"))
    pieces = [store.take(count) for count in (640, 20, 333)]
    for number, piece in enumerate(pieces):
        assert not piece.any()
        piece.fill_(number + 1)
    assert len(set(map(storage, pieces))) == 1
    assert [int(piece.sum()) for piece in pieces] == [640, 40, 999]


def test_a_store_holds_no_more_than_its_bound_unless_one_launch_needs_it():
    store = Store(torch.device("cpu"))
    words = [store.take(count).untyped_storage().nbytes() // 8 for count in (MOST // 4, MOST // 2, MOST + 1)]
    assert words == [MOST, MOST, MOST + 16]


@pytest.mark.device("a stream is a GPU's")
def test_another_stream_and_another_thread_have_slots_of_their_own():
    found: list[torch.Tensor] = []

    def take_two_and_one_on_another_stream() -> None:
        found.extend(empty_slots(64, DEFAULT) for _ in range(2))
        with torch.cuda.stream(torch.cuda.Stream()):
            found.append(empty_slots(64, DEFAULT))

    for _ in range(2):  # a thread that is new has taken nothing yet
        worker = threading.Thread(target=take_two_and_one_on_another_stream)
        worker.start()
        worker.join()
    found.append(empty_slots(MOST // 2, DEFAULT))
    assert not any(slots.any() for slots in found)
    first, second, _, third, fourth, _, _ = of = [*map(storage, found)]
    assert (first, third) == (second, fourth)
    assert len(set(of)) == 5


@pytest.mark.device("an interpreter shares no rows")
@pytest.mark.parametrize("n_cols", [32768, 131072])
def test_no_call_reads_what_an_earlier_one_wrote(n_cols):
    # other values at every other call, whose sums a slot that is not empty would hand over
    cases = [problem(2**24 // n_cols, n_cols, dtype=torch.bfloat16, device=DEFAULT, seed=seed) for seed in (1, 9)]

    def results(case):
        x, w, b, dy = (tensor.detach().requires_grad_() for tensor in case)
        y = liger_layer_norm(x, w, b, 1e-6)
        return (y.detach(), *torch.autograd.grad(y, (x, w, b), dy))

    with torch.cuda.stream(torch.cuda.Stream()):
        expected = [results(case) for case in cases]
    torch.cuda.synchronize()
    for number in range(3 * LAUNCHES):
        which = number % 2
        for name, got, wanted in zip(("y", "dx", "dw", "db"), results(cases[which]), expected[which]):
            assert torch.equal(got, wanted), (name, number)
