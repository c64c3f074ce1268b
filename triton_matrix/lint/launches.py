"""The launches of kernels in host code, and whether each passes num_warps."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Optional

from .bindings import FUNCTIONS
from .finding import Finding
from .follow import Follower, Launcher, Place
from .source import Kernel, Source

RULE = "num-warps-not-passed"
PASSED, TUNED, UNSEEN, MISSING = "passed", "tuned", "cannot be read", "not passed"

HostCall = tuple[ast.Call, Place]


@dataclass(frozen=True, order=True)
class Launch:
    """One launch.

    Attributes:
        kernel: the kernels that it may launch, by name.
        num_warps: "passed"; "tuned", by an autotuner or a heuristic; "not passed"; "cannot be read", where
            ``**options`` may hold it.
    """

    path: str
    line: int
    kernel: str
    num_warps: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kernel}: num_warps {self.num_warps}"


def launches(source: Source, calls: Iterable[HostCall], follower: Follower) -> Iterator[Launch]:
    """Every launch in a file that can be seen, in order."""
    for call, place in calls:
        launchers = [value for value in follower.values(call.func, place) if isinstance(value, Launcher)]
        if launchers:
            said = {_says(launcher, call, place, follower) for launcher in launchers}
            worst = next(state for state in (MISSING, UNSEEN, PASSED, TUNED) if state in said)
            names = dict.fromkeys(launcher.kernel.name for launcher in launchers)
            yield Launch(source.path, call.lineno, " or ".join(names), worst)


def check_launches(
    source: Source, calls: Iterable[HostCall], follower: Follower, seen: Iterable[Launch]
) -> Iterator[Finding]:
    """A finding for each launch seen, and each configuration of an autotuner, without num_warps."""
    for launch in seen:
        if launch.num_warps == MISSING:
            sentence = "it gets 4 warps, whatever its block is; pass num_warps="
            yield Finding(source.path, launch.line, RULE, "launch without num_warps", launch.kernel, sentence)
        elif launch.num_warps == UNSEEN:
            sentence = "whether they hold num_warps cannot be read here; pass num_warps= beside them"
            yield Finding(source.path, launch.line, RULE, "launch with **options only", launch.kernel, sentence)
    for call, place in calls if "Config" in source.text else ():
        if "triton.Config" in source.resolve(call.func) and len(call.args) < 2:
            keys = follower.options(call.keywords, place)
            first = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "kwargs")]
            inside = follower.keys(first[0], place).names if first else frozenset()
            if keys.whole and "num_warps" not in keys.names | inside:
                sentence = "it is tuned with 4 warps only; pass num_warps="
                yield Finding(source.path, call.lineno, RULE, "triton.Config without num_warps", "", sentence)


def _says(launcher: Launcher, call: ast.Call, place: Place, follower: Follower) -> str:
    kernel: Kernel = launcher.kernel
    if kernel.tuned:
        return TUNED
    keys = follower.options([*launcher.keywords, *call.keywords], place)
    if "num_warps" in keys.names:
        return PASSED
    return MISSING if keys.whole else UNSEEN


def host_calls(source: Source) -> list[HostCall]:
    """Every call of a file outside the bodies of kernels, with where it stands."""
    kernels = {kernel.node for kernel in source.kernels}
    return list(_calls(source.tree, Place(source, (source.tree,), None), kernels))


def _calls(scope: ast.AST, place: Place, kernels: set[Optional[ast.FunctionDef]]) -> Iterator[HostCall]:
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, FUNCTIONS):
            inside = Place(place.source, (*place.scopes, child), place.inside)
            if child not in kernels:
                yield from _calls(child, inside, kernels)
            for decorator in child.decorator_list if child in kernels else ():
                yield from _calls(ast.Expr(decorator), place, kernels)
        elif isinstance(child, ast.ClassDef):
            yield from _calls(child, Place(place.source, place.scopes, child), kernels)
        elif not isinstance(child, (ast.expr_context, ast.Constant, ast.Name)):
            if isinstance(child, ast.Call):
                yield child, place
            yield from _calls(child, place, kernels)
