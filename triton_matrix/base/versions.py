"""Release numbers and their order: the one place that reads them."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from typing import Any, Optional


def key(version: str) -> Any:
    """What sorts ``version`` among others, oldest first. A local part (``+cu130``, ``+git1a2b``) counts nothing.

    Raises:
        ValueError: it is no version.
    """
    public = str(version).partition("+")[0]
    parse = _version_class()
    if parse is None:
        return _parts(public)
    try:
        return parse(public)
    except ValueError:
        raise ValueError(f"version is {version!r}; allowed is a release such as 3.9.0") from None


@functools.cache
def _version_class() -> Optional[type]:
    """packaging's Version, looked for once: what a kernel's module imports under that name later is not asked."""
    try:
        from packaging.version import Version
    except ModuleNotFoundError:  # a cell has what its pins say, and no pin may be of packaging
        return None
    return Version


def _parts(public: str) -> tuple[tuple[int, ...], bool]:
    """Numbers without trailing zeros, and whether it is the release itself and no candidate or nightly of it."""
    match = re.match(r"\d+(\.\d+)*", public)
    if not match:
        raise ValueError(f"version is {public!r}; allowed is a release such as 3.9.0")
    numbers = [int(part) for part in match[0].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), re.match(r"\.?(a|b|rc|dev)", public[match.end() :]) is None


def order(name: str) -> Any:
    """What sorts columns: by their version, what is derived from a release behind it."""
    return key(name), name


def plain(name: str) -> str:
    """The version alone: ``3.9.0`` of ``3.9.0+fusion-off``, which is a column of its own beside it."""
    return name.partition("+")[0]


def steps(names: Sequence[str]) -> list[tuple[str, str]]:
    """What is compared with what: a release with the one before it, and what is derived from a release with that one.

    ``3.9.0+fusion-off`` is compared with ``3.9.0``, where that is there, else with the newest release before it.

    Args:
        names: of columns, in their order.
    """
    releases = [name for name in names if name == plain(name)]
    before = dict(zip(releases[1:], releases))
    before.update({name: of for name in names if name not in releases for of in [_origin(name, names)] if of})
    return [(before[name], name) for name in names if name in before]


def _origin(name: str, names: Sequence[str]) -> Optional[str]:
    """The column that another one is derived from, of those there are."""
    nearer = name
    while "+" in nearer:
        nearer = nearer.rpartition("+")[0]
        if nearer in names:
            return nearer
    older = [each for each in names if "+" not in each and key(each) <= key(name)]
    if older:
        return max(older, key=key)
    before = names[: names.index(name)]
    return before[-1] if before else None


def is_release(version: Optional[str]) -> bool:
    """Whether ``version`` is a plain release number such as ``3.9.0``: no nightly, no local build."""
    return version is not None and re.fullmatch(r"\d+(\.\d+)+", version) is not None


def ranges(some: Collection[str], known: Sequence[str], open_end: bool = False) -> str:
    """Some of the releases ``known``, which are in order, as text: "2.3.1 - 3.2.0, 3.4.0".

    Args:
        open_end: a range that reaches the newest of them has no end: "3.4.0 -".
    """
    runs: list[list[str]] = []
    others = [each for each in some if each not in known]
    for before, release in zip(("", *known), known):
        if release in some:
            if runs and runs[-1][-1] == before:
                runs[-1].append(release)
            else:
                runs.append([release])
    if open_end and runs and runs[-1][-1] == known[-1]:
        runs[-1] = [runs[-1][0], ""]
    return ", ".join([*(run[0] if len(run) == 1 else f"{run[0]} - {run[-1]}".rstrip() for run in runs), *others])


def within(text: str, known: Sequence[str]) -> frozenset[str]:
    """The releases that a text of :func:`ranges` names."""
    releases: set[str] = set()
    for part in text.split(", "):
        first, dash, last = part.partition(" -")
        until = known.index(last.strip()) if last else len(known) - 1 if dash else known.index(first)
        releases.update(known[known.index(first) : until + 1])
    return frozenset(releases)
