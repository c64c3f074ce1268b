"""Which launches of a kernel are kept: a few, spread over what the compiler is told and then over sizes."""

from __future__ import annotations

import hashlib
from typing import Optional


class Selection:
    """Chooses while launches come.

    Args:
        most: launches to keep of a kernel.

    Attributes:
        counts: key of a launch that is kept -> how often it came.
        dropped: keys of launches that made room for another one.
        total: how many launches came.
        left_out: kernel -> how many distinct launches of it are not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: dict[str, dict[str, list[str]]] = {}
        self._seen: set[str] = set()
        self.counts: dict[str, int] = {}
        self.dropped: list[str] = []
        self.total = 0
        self.left_out: dict[str, int] = {}

    def offer(self, kernel: str, group: str, sizes: str) -> Optional[str]:
        """The key under which to keep a launch; None where it was seen before, or there is no room for it.

        Args:
            group: what the compiler is told, and constexprs.
            sizes: what tells launches of a group apart.
        """
        key = hashlib.sha256(f"{kernel}\n{group}\n{sizes}".encode()).hexdigest()[:16]
        self.total += 1
        if key in self._seen:
            if key in self.counts:
                self.counts[key] += 1
            return None
        self._seen.add(key)
        groups = self._groups.setdefault(kernel, {})
        own = groups.setdefault(group, [])
        if sum(map(len, groups.values())) >= self._most:
            self.left_out[kernel] = self.left_out.get(kernel, 0) + 1
            largest = max(groups.values(), key=len)
            if len(largest) < len(own) + 2:
                return None
            gone = largest.pop()
            del self.counts[gone]
            self.dropped.append(gone)
        own.append(key)
        self.counts[key] = 1
        return key
