"""Loads, stores and atomics inside a launch's tensors."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import dtypes
from ..executor import Repair, Row, touch

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Accesses(Repair):
    row = Row(
        "accesses outside of the tensors",
        why="they read and write whatever lies there, and end the process or change another tensor; 2.3.1 gives 1 for"
        " what is masked out",
        held_against="a launch has to give the same wherever its tensors lie: such a load is 0, such a store is none",
    )

    def create_load(self, ptr: Any, *how: Any) -> Any:
        return self._load(ptr, None, None, bool(how[-1]))

    def create_masked_load(self, ptrs: Any, mask: Any, other: Any, *how: Any, **named: Any) -> Any:
        return self._load(ptrs, mask, other, bool(named.get("is_volatile", how and how[-1])))

    def create_store(self, ptr: Any, value: Any, *how: Any) -> Any:
        return self._store(ptr, value, None)

    def create_masked_store(self, ptrs: Any, value: Any, mask: Any, *how: Any, **named: Any) -> Any:
        return self._store(ptrs, value, mask)

    def _load(self, ptrs: Any, mask: Any, other: Any, volatile: bool) -> Any:
        executor, element = self.executor, ptrs.dtype.scalar.element_ty
        given = None if other is None else other.data
        look = functools.partial(executor.memory.load, ptrs.data, _mask(mask), given, _stored(executor, element))
        values = look()
        self._noted()
        if volatile:
            executor.memory.looked(ptrs.data, look, values)
        return executor.handle(values, element)

    def _store(self, ptrs: Any, value: Any, mask: Any) -> None:
        executor, element = self.executor, ptrs.dtype.scalar.element_ty
        executor.memory.store(ptrs.data, value.data, _mask(mask), _stored(executor, element))
        self._noted()

    def _noted(self) -> None:
        if any(self.executor.memory.outside.values()):
            touch(self, Accesses)

    def create_addptr(self, ptr: Any, offset: Any) -> Any:
        size = _stored(self.executor, ptr.dtype.scalar.element_ty).itemsize
        with np.errstate(all="ignore"):
            step = offset.data.astype(np.int64) * size
            return self.executor.handle(ptr.data + step.view(np.uint64), ptr.dtype)


def _mask(mask: Any) -> Any:
    """A mask's bits: of a handle, of a descriptor (an array), or none."""
    if mask is None or isinstance(mask, np.ndarray):
        return mask
    return mask.data


def _stored(executor: Any, element: Any) -> dtypes.Dtype:
    """How a pointer's elements lie in memory; a pointer to pointers as addresses."""
    return dtypes.find("u64") if element.is_ptr() else executor.dtype(element)


class Atomics(Repair):
    row = Row(
        "atomics",
        why="fp16 addition fails up to 3.2.0, and bf16 is added as bits",
        held_against="one element after the other, each rounded, as PTX's atom does",
    )

    def create_atomic_rmw(self, rmwOp: Any, ptr: Any, val: Any, mask: Any, sem: Any, scope: Any) -> Any:
        dtype = self.executor.dtype(val)
        name = str(rmwOp).rpartition(".")[2]
        if dtype.name in ("fp16", "bf16"):
            touch(self, Atomics)
        return self._one_by_one(ptr, val, mask, lambda old, new: _modified(name, old, new, dtype))

    def create_atomic_cas(self, ptr: Any, cmp: Any, val: Any, sem: Any, scope: Any) -> Any:
        unsigned = _UNSIGNED[self.executor.dtype(val).itemsize]
        wanted = np.broadcast_to(cmp.data, ptr.data.shape).reshape(-1)
        lanes: list[Any] = []

        def exchange(old: Any, new: Any) -> Any:
            same = old.view(unsigned) == np.ascontiguousarray(wanted[lanes[-1]]).view(unsigned)
            return np.where(same, new, old)

        return self._one_by_one(ptr, val, None, exchange, lanes)

    def _one_by_one(self, ptr: Any, val: Any, mask: Any, change: Any, lanes: Any = None) -> Any:
        """Change each element at its turn: all that have an address of their own at once, the rest in rounds."""
        executor, memory = self.executor, self.executor.memory
        dtype = executor.dtype(val)
        addresses = ptr.data.reshape(-1)
        values = np.broadcast_to(val.data, ptr.data.shape).reshape(-1)
        active = np.arange(len(addresses))
        if mask is not None:
            active = np.flatnonzero(np.broadcast_to(_mask(mask), ptr.data.shape))
        old_values = np.zeros(len(addresses), dtype.storage)
        for turn in _turns(addresses[active]):
            here = active[turn]
            if lanes is not None:
                lanes.append(here)
            look = functools.partial(memory.load, addresses[here], None, None, dtype)
            old_values[here] = old = look()
            new = change(old, values[here])
            if (new != old).any():
                memory.store(addresses[here], new, None, dtype)
            else:  # done: from here on another program may have the turn
                memory.store(addresses[here], new, None, dtype, changing=False)
                memory.looked(addresses[here], look, old)
        if any(memory.outside.values()):
            touch(self, Accesses)
        return executor.handle(old_values.reshape(ptr.data.shape), val.dtype)


def _turns(addresses: Any) -> Any:
    """Numbers of lanes such that no two of a turn share an address, in the lanes' order."""
    _, inverse, counts = np.unique(addresses, return_inverse=True, return_counts=True)
    if not len(counts) or counts.max() == 1:
        yield np.arange(len(addresses))
        return
    order = np.argsort(inverse.reshape(-1), kind="stable")
    first = np.repeat(np.cumsum(counts) - counts, counts)
    turn = np.empty(len(addresses), np.int64)
    turn[order] = np.arange(len(addresses)) - first
    for number in range(int(counts.max())):
        yield np.flatnonzero(turn == number)


def _modified(name: str, old: Any, new: Any, dtype: dtypes.Dtype) -> Any:
    """What an atomic operation leaves."""
    with np.errstate(all="ignore"):
        if name == "XCHG":
            return new
        if name in ("ADD", "FADD"):
            if dtype.name == "bf16":
                return dtypes.encode(dtypes.decode(old, dtype) + dtypes.decode(new, dtype), dtype)
            return old + new
        if name in ("AND", "OR", "XOR"):
            return getattr(np, f"bitwise_{name.lower()}")(old, new)
        extreme = np.maximum if name.endswith("MAX") else np.minimum
        if name.startswith("U"):
            unsigned = _UNSIGNED[dtype.itemsize]
            return extreme(old.view(unsigned), new.view(unsigned)).view(old.dtype)
        return extreme(old, new)
