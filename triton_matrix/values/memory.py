"""What a launch's pointers point to: loads and stores that stay inside its tensors."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Any, Optional

import numpy as np

from . import dtypes
from .tensors import Storage

PATIENCE = 500  # looks for what another program writes, with nothing stored in between


class NotApplicable(Exception):
    """An interpreter cannot run this, in any release or in this one; one sentence."""


class Waits(NotApplicable):
    """A program waits for what none of those that run does."""


class Closed(BaseException):
    """The launch has ended while one of its programs still stood; no kernel may catch this."""


class Memory:
    """The storages of a launch.

    An access outside of them loads zero and stores nothing, so that a launch gives the same wherever its tensors lie.

    Attributes:
        outside: elements of accesses outside, by ``load`` and ``store``.
        wait: lets other programs run while one looks for what they write, until what it is given is true; None where
            there are none.
        closed: whether the launch has ended, and every access raises Closed.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._storages: list[Storage] = []
        self._looks = 0
        self._seen: dict[bytes, bytes] = {}
        self.wait: Optional[Callable[[Callable[[], bool]], None]] = None
        self.closed = False
        self.outside = {"load": 0, "store": 0}

    def add(self, storage: Storage) -> None:
        """Let pointers into a storage be followed."""
        if storage not in self._storages and storage.size:
            at = bisect.bisect(self._starts, storage.address)
            self._starts.insert(at, storage.address)
            self._storages.insert(at, storage)

    def load(self, addresses: Any, mask: Any, other: Optional[Any], dtype: dtypes.Dtype) -> Any:
        """The elements at addresses, zero (or ``other``) where the mask is not set.

        Args:
            addresses: uint64, of any shape; ``mask`` and ``other`` broadcast to it.
        """
        if other is None:
            elements = np.zeros(addresses.shape, dtype.storage)
        else:
            elements = np.broadcast_to(other, addresses.shape).astype(dtype.storage)
        flat = elements.reshape(-1)
        for lanes, storage, offsets in self._pieces(addresses, mask, dtype.itemsize, "load"):
            storage.read = True
            flat[lanes] = _gather(storage, offsets, dtype)
        return elements

    def looked(self, addresses: Any, look: Callable[[], Any], values: Any) -> None:
        """Note an access that looks for what another program writes: a volatile load, an atomic operation.

        Args:
            look: loads the same again.
            values: what it gave.

        Raises:
            NotApplicable: so many of them found nothing new that the program waits for what nobody does.
        """
        place, content = addresses.tobytes(), values.tobytes()
        if self._seen.get(place) != content:
            self._seen[place], self._looks = content, 0
            return
        self._looks += 1
        if self._looks > PATIENCE:
            raise Waits("a program waits for what none of those that run does")
        if self.wait is not None:
            self.wait(lambda: bool(look().tobytes() != content))

    def store(self, addresses: Any, values: Any, mask: Any, dtype: dtypes.Dtype, *, changing: bool = True) -> None:
        """Put values to addresses; of several at one address the last one stays.

        Args:
            changing: whether this is more than putting back what was there.
        """
        if changing:
            self._looks, self._seen = 0, {}
        flat = np.broadcast_to(values, addresses.shape).reshape(-1)
        for lanes, storage, offsets in self._pieces(addresses, mask, dtype.itemsize, "store"):
            _scatter(storage, offsets, flat[lanes].astype(dtype.storage), dtype)

    def _pieces(self, addresses: Any, mask: Any, size: int, what: str) -> Any:
        """The active lanes by storage: (their numbers, the storage, offsets in bytes)."""
        if self.closed:
            raise Closed
        flat = np.ascontiguousarray(addresses, np.uint64).reshape(-1)
        if mask is None or mask is True:
            lanes = np.arange(len(flat))
        else:
            lanes = np.flatnonzero(np.broadcast_to(mask, addresses.shape))
            flat = flat[lanes]
        if not len(flat):
            return
        low, high = int(flat.min()), int(flat.max()) + size
        at = bisect.bisect(self._starts, low) - 1
        if at >= 0 and high <= self._starts[at] + self._storages[at].size:
            yield lanes, self._storages[at], (flat - np.uint64(self._starts[at])).astype(np.int64)
            return
        inside = np.zeros(len(flat), np.bool_)
        for start, storage in zip(self._starts, self._storages):
            here = (flat >= np.uint64(start)) & (flat <= np.uint64(max(start, start + storage.size - size)))
            here &= storage.size >= size
            if here.any():
                inside |= here
                yield lanes[here], storage, (flat[here] - np.uint64(start)).astype(np.int64)
        self.outside[what] += int((~inside).sum())


def _gather(storage: Storage, offsets: Any, dtype: dtypes.Dtype) -> Any:
    if not (offsets % dtype.itemsize).any():
        return storage.of(dtype)[offsets // dtype.itemsize]
    return np.ascontiguousarray(storage.bytes[_bytes(offsets, dtype)]).view(dtype.storage).reshape(-1)


def _scatter(storage: Storage, offsets: Any, values: Any, dtype: dtypes.Dtype) -> None:
    if not (offsets % dtype.itemsize).any() and storage.size % dtype.itemsize == 0:
        storage.of(dtype)[offsets // dtype.itemsize] = values
        storage.written.reshape(-1, dtype.itemsize)[offsets // dtype.itemsize] = True
        return
    places = _bytes(offsets, dtype)
    storage.bytes[places] = np.ascontiguousarray(values).view(np.uint8).reshape(-1, dtype.itemsize)
    storage.written[places] = True


def _bytes(offsets: Any, dtype: dtypes.Dtype) -> Any:
    """The places of every byte of the elements at offsets."""
    return offsets[:, None] + np.arange(dtype.itemsize)
