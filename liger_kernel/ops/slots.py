"""Empty slots for launches whose programs tell each other their sums (kernels/exchange.py): one fill for many launches.

A fill in front of every launch costs the GPU 2 to 3 us and the host 5. On the default stream each thread so has a store
of zeros on each device, of which every launch takes a piece that no launch had before it; the stream's order has the
fill of the store before all of them. What was taken is not used again: an exhausted store is left to torch, and a new
one is filled.

Any other stream's launches have zeros of their own: a launch that a CUDA graph captured runs again with the slots that
it had, which the graph must fill each time, and memory that is allocated on such a stream may belong to a graph.
"""

from __future__ import annotations

import threading
from typing import Optional

import torch

LAUNCHES = 16  # that a store is made for
MOST = 1 << 20  # words of 64 bits in a store
_MULTIPLE = 16  # a launch's slots start at multiples of so many words, which is 128 bytes


class Store:
    """Zeros on one device, handed out piece by piece, on one stream and by one thread."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._zeros: Optional[torch.Tensor] = None
        self._left = 0

    def take(self, count: int) -> torch.Tensor:
        """[count], int64, zeros that nobody had before."""
        room = -(-count // _MULTIPLE) * _MULTIPLE
        if self._zeros is None or room > self._left:
            self._left = max(room, min(MOST, LAUNCHES * room))
            self._zeros = torch.zeros(self._left, dtype=torch.int64, device=self._device)
        self._left -= room
        return self._zeros.narrow(0, self._left, count)


class _Stores(threading.local):
    def __init__(self) -> None:
        self.of_device: dict[torch.device, Store] = {}


_STORES = _Stores()


def empty_slots(count: int, device: torch.device) -> torch.Tensor:
    """[count], int64, zeros for one launch on the GPU's current stream."""
    if torch._C._cuda_getCurrentRawStream(device.index) != 0 or 4 * count > MOST:
        return torch.zeros(count, dtype=torch.int64, device=device)
    store = _STORES.of_device.get(device)
    if store is None:
        store = _STORES.of_device[device] = Store(device)
    return store.take(count)
