"""A static check of Triton kernels for what breaks on a release that the package supports.

Four rules, each a regression that really happened (docs/incidents.md) or a difference between releases (portable.py):

    compile-option-parameter  a kernel declares a parameter named like a compile option; some launches drop it
    not-portable              a kernel uses what some release does not have or does not compile
    not-interpreted           a kernel compiles everywhere, and some release's interpreter breaks on it
    num-warps-not-passed      advice: a kernel is launched without num_warps, and gets 4, whatever its block is

A line that must break a rule says why, on it or above: ``# lint: allow not-portable (only compiled on 3.x)``.
It reads sources only: no Triton is needed, and nothing of what it checks is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from . import portable
from .finding import Finding
from .follow import Follower
from .host_rules import check_host, unguarded
from .kernel_rules import check_kernels
from .launches import Launch, check_launches, host_calls, launches
from .portable import Language
from .source import Source, allowances, read_all


def check(paths: Iterable[Path], language: Optional[Language] = None) -> tuple[list[Finding], list[str]]:
    """Every finding in the Python files at or under ``paths``, sorted by place.

    Args:
        language: with the releases and backends that the package supports; by default all.

    Returns:
        The findings, and a sentence for each file that was not checked.

    Raises:
        ValueError: a path that does not exist or holds no Python file.
    """
    (reported,), unread = check_each(paths, [language or portable.language()])
    return reported, unread


def check_each(paths: Iterable[Path], languages: Iterable[Language]) -> tuple[list[list[Finding]], list[str]]:
    """The same for each of several languages; the files are read once."""
    sources, unread = read_all(paths)
    follower = Follower(sources)
    calls = {source.path: host_calls(source) for source in sources}
    seen = {source.path: list(launches(source, calls[source.path], follower)) for source in sources}
    launched = {name for of_file in seen.values() for launch in of_file for name in launch.kernel.split(" or ")}
    helpers = _called_by_kernels(sources) - launched
    allowed = {source.path: allowances(source) for source in sources}
    of_launches = {each.path: [*check_launches(each, calls[each.path], follower, seen[each.path])] for each in sources}
    nodes = {source.path: unguarded(source) for source in sources}
    several = []
    for language in languages:
        reported: set[Finding] = set()
        for source in sources:
            findings = {
                *check_kernels(source, language, helpers),
                *check_host(source, nodes[source.path], calls[source.path], language, follower),
                *of_launches[source.path],
            }
            reported |= {item for item in findings if item.rule not in allowed[source.path].get(item.line, ())}
        several.append(sorted(reported))
    return several, unread


def seen_launches(paths: Iterable[Path]) -> list[Launch]:
    """Every launch that can be seen in the files at or under ``paths``, sorted by place.

    Raises:
        ValueError: as of :func:`check`, or a file that cannot be read.
    """
    sources, unread = read_all(paths)
    if unread:
        raise ValueError(unread[0])
    follower = Follower(sources)
    return sorted({launch for source in sources for launch in launches(source, host_calls(source), follower)})


def _called_by_kernels(sources: Iterable[Source]) -> set[str]:
    kernels = [kernel.node for source in sources for kernel in source.kernels if kernel.node is not None]
    calls = (node.func for kernel in kernels for node in ast.walk(kernel) if isinstance(node, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name)}
