"""Reductions and scans: by the function that the language's own library combines with, in a GPU's order."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ..executor import Executor, NotApplicable, Repair, Row
from .rewriting import rewritten
from .statements import BlockTruth


class Reductions(Repair):
    row = Row(
        "reductions and scans",
        why="numpy sums and compares instead of the library's own function: int8 does not wrap, NaN wins up to 3.4.0,"
        " and fp16 is summed in another order",
        held_against="an H200, 2026-11-29: halves are folded onto each other, a scan doubles its reach, as warps do;"
        " each step rounds to the type",
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        tl = executor.tl

        def reduce(input: Any, axis: Any, combine_fn: Any, keep_dims: Any = False, **ignored: Any) -> Any:
            executor.touched.add(cls.row.name)
            return _each(executor, input, lambda parts: _reduced(executor, parts, _plain(axis), combine_fn, keep_dims))

        def scan(input: Any, axis: Any, combine_fn: Any, reverse: Any = False, **ignored: Any) -> Any:
            executor.touched.add(cls.row.name)
            return _each(executor, input, lambda parts: _scanned(executor, parts, _plain(axis), combine_fn, reverse))

        for place in (tl, tl.core, *executor.language_modules()):
            for name, ours in (("reduce", reduce), ("associative_scan", scan)):
                if hasattr(place, name):
                    setattr(place, name, ours)
        for name, ours in (("reduce", reduce), ("associative_scan", scan)):
            if hasattr(tl.tensor, name):
                setattr(tl.tensor, name, ours)


class Elementwise(Repair):
    row = Row(
        "map_elementwise",
        why="no interpreter has the regions that it is made of",
        held_against="its documentation: the function of each element, which may branch",
        first="3.5.0",
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        def map_elementwise(scalar_fn: Any, *args: Any, pack: Any = 1, **ignored: Any) -> Any:
            if _plain(pack) != 1:
                raise NotApplicable("map_elementwise of packs of elements is not known here")
            executor.touched.add(cls.row.name)
            function = rewritten(scalar_fn.fn)
            blocks = np.broadcast_arrays(*(each.handle.data for each in args))
            results: list[Any] = []
            for index in np.ndindex(blocks[0].shape):
                outcome = function(*(executor.tensor(data[index], each.dtype) for data, each in zip(blocks, args)))
                results.append(outcome if isinstance(outcome, tuple) else (outcome,))
            made = tuple(
                executor.tensor(
                    np.array([each.handle.data.item() for each in column])
                    .reshape(blocks[0].shape)
                    .astype(column[0].handle.data.dtype),
                    column[0].dtype,
                )
                for column in zip(*results)
            )
            return made if len(made) > 1 else made[0]

        executor.tl.map_elementwise = executor.tl.core.map_elementwise = map_elementwise


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _each(executor: Executor, given: Any, make: Any) -> Any:
    """``make`` of a tuple of tensors; of one tensor, its one result."""
    if isinstance(given, executor.tl.tensor):
        return make((given,))[0]
    return make(tuple(given))


def _combined(executor: Executor, combine_fn: Any, left: Any, right: Any) -> Any:
    """The combining function of two tuples of arrays, at once where it can take blocks, else element by element.

    Arguments and results are (data, the language's type) for each tensor.
    """
    function = rewritten(combine_fn.fn)

    def call(first: Any, second: Any) -> Any:
        result = function(*(executor.tensor(*each) for each in first), *(executor.tensor(*each) for each in second))
        return [(each.handle.data, each.dtype) for each in (result if isinstance(result, tuple) else (result,))]

    try:
        return call(left, right)
    except BlockTruth:
        shape = left[0][0].shape
        made = [np.empty(shape, data.dtype) for data, _ in left]
        kinds = [kind for _, kind in left]
        for index in np.ndindex(*shape):
            pairs = [[(data[index], kind) for data, kind in side] for side in (left, right)]
            for at, (data, kind) in enumerate(call(*pairs)):
                made[at][index], kinds[at] = data.item(), kind
        return list(zip(made, kinds))


def _reduced(executor: Executor, parts: Any, axis: Optional[int], combine_fn: Any, keep_dims: Any) -> Any:
    rank = len(parts[0].shape)
    state = [(each.handle.data, each.dtype) for each in parts]
    if axis is None:
        state = [(data.reshape(-1), kind) for data, kind in state]
    at = 0 if axis is None else axis % rank
    while state[0][0].shape[at] > 1:
        half = state[0][0].shape[at] // 2
        low, high = ([(_slice(data, at, side, half), kind) for data, kind in state] for side in (0, 1))
        state = _combined(executor, combine_fn, low, high)
    state = [(np.take(data, 0, axis=at), kind) for data, kind in state]
    if _plain(keep_dims):
        state = [
            (data.reshape((1,) * rank) if axis is None else np.expand_dims(data, at), kind) for data, kind in state
        ]
    return tuple(executor.tensor(data, kind) for data, kind in state)


def _slice(data: Any, axis: int, side: int, half: int) -> Any:
    index = [slice(None)] * data.ndim
    index[axis] = slice(side * half, (side + 1) * half)
    return data[tuple(index)]


def _scanned(executor: Executor, parts: Any, axis: int, combine_fn: Any, reverse: Any) -> Any:
    at = axis % len(parts[0].shape)
    state = [(each.handle.data, each.dtype) for each in parts]
    if _plain(reverse):
        state = [(np.flip(data, at), kind) for data, kind in state]
    size, reach = state[0][0].shape[at], 1
    places = np.arange(size).reshape([-1 if dim == at else 1 for dim in range(len(parts[0].shape))])
    while reach < size:
        before = [(np.roll(data, reach, at), kind) for data, kind in state]
        pairs = _combined(executor, combine_fn, before, state)
        state = [
            (np.where(places >= reach, new, old).astype(new.dtype), kind) for (new, kind), (old, _) in zip(pairs, state)
        ]
        reach *= 2
    if _plain(reverse):
        state = [(np.ascontiguousarray(np.flip(data, at)), kind) for data, kind in state]
    return tuple(executor.tensor(data, kind) for data, kind in state)
