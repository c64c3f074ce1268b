"""Where between two releases a change enters: what each swap says, and how much of the change each step makes.

A compilation is a chain of steps; each leaves a stage. A swap takes what one release left of a stage and lets the other
finish it. If the result is the other's own, what differs is made by the steps behind that stage; if it is the first's,
by the steps up to it. With several steps at work, the share of each is the difference between neighbouring swaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ...codegen import metrics

# Per backend: the stage that each step leaves, and what the step is to a reader.
STEPS: Mapping[str, Mapping[str, str]] = {
    "cuda": {
        "source": "the frontend (Python to Triton IR)",
        "ttir": "the passes on ttir",
        "ttgir": "the ttgir passes",
        "llir": "the lowering to LLVM IR (ttgir to llir)",
        "ptx": "LLVM's code generator (llir to ptx)",
        "cubin": "ptxas (ptx to cubin)",
    },
    "hip": {
        "source": "the frontend (Python to Triton IR)",
        "ttir": "the passes on ttir",
        "ttgir": "the ttgir passes",
        "llir": "the lowering to LLVM IR (ttgir to llir)",
        "amdgcn": "the AMD backend's code generator (llir to amdgcn)",
    },
}
# What a change is looked at by where none is named: the first that got worse, else the first that differs.
_ROLES = ("spills", "scratch", "occupancy", "shared", "fp64", "registers")
COMPILES = "compiles"  # the state that is looked at where one of the two does not compile
WHOLE, PART = 0.75, 0.2  # of a change: from which share on a step makes all of it, and from which it is worth naming


@dataclass(frozen=True)
class Outcome:
    """How a compilation ended: its own, or a swapped one. ``note``: what had to be done to the input first."""

    status: str
    reason: str = ""
    note: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Swap:
    """What release ``by`` made of the ``stage`` that release ``of`` left."""

    stage: str
    of: str
    by: str
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """Where the change enters.

    Attributes:
        entered: the stages of the steps that it enters with; several where no swap tells them apart.
        share: how much of the change these steps make: 1 is all of it, more is possible where others take back some.
        others: further steps that make a part of it, with their share.
        left, right: the swaps that prove it: before the step the change is still to come, after it it is there.
        refused: the swaps that were not accepted.
        contradictions: stages at which the two directions disagree.
    """

    entered: tuple[str, ...]
    share: float
    others: tuple[tuple[tuple[str, ...], float], ...]
    left: tuple[Swap, ...]
    right: tuple[Swap, ...]
    refused: tuple[Swap, ...]
    contradictions: tuple[str, ...]


class NoChange(ValueError):
    """The two releases do not differ in what was asked about; one sentence."""


def choose_metric(before: Outcome, after: Outcome, wanted: Optional[str] = None) -> str:
    """What the change is looked at by: ``wanted``, COMPILES, or the metric that is worse in the most telling way.

    Raises:
        NoChange: nothing differs.
        ValueError: neither compiles, a release does not know the target, or there is no such metric.
    """
    for outcome in (before, after):
        if outcome.status == "n/a":
            raise ValueError(outcome.reason)
    if before.status != after.status:
        return COMPILES
    if before.status != "ok":
        if _alike(before.reason, after.reason):
            raise NoChange(f"it compiles in neither release: {after.reason}")
        return COMPILES
    differing = [name for name in before.metrics if before.metrics[name] != after.metrics.get(name)]
    if wanted is not None:
        if wanted not in before.metrics:
            raise ValueError(f"--metric is {wanted!r}; allowed are {', '.join(before.metrics)}")
        if wanted not in differing:
            raise NoChange(f"{wanted} is {before.metrics[wanted]} in both")
        return wanted
    if not differing:
        raise NoChange("every metric is the same in both")
    ordered = [name for role in _ROLES for name in metrics.of_role(role)]
    ordered += [metric.name for metric in metrics.METRICS if metric.name not in ordered]
    ranked = sorted((name for name in differing if name in ordered), key=ordered.index)

    def is_worse(name: str) -> bool:
        grew = after.metrics[name] > before.metrics[name]
        return bool(grew != metrics.BY_NAME[name].less_is_worse)

    return next(filter(is_worse, ranked), ranked[0])


def judge(
    backend: str,
    metric: str,
    before: tuple[str, Outcome],
    after: tuple[str, Outcome],
    swaps: Iterable[Swap],
    same: Iterable[str] = (),
    stops: Optional[str] = None,
) -> Verdict:
    """Attribute the change of ``metric`` from one release to another to the compiler's steps.

    Args:
        before, after: each release's name and its own outcome.
        same: stages whose text is the same in both releases, so that nothing has entered up to them.
        stops: the stage that the release which does not compile could not make: all has entered with it.
    """
    swaps = list(swaps)
    shares: dict[str, list[float]] = {stage: [0.0] for stage in same}
    proof: dict[str, list[Swap]] = {}
    refused = []
    for swap in swaps:
        position = _position(metric, before[1], after[1], swap.outcome)
        if position is None:
            refused.append(swap)
            continue
        # finished by the later release: what is like it is still made behind the stage
        shares.setdefault(swap.stage, []).append(1 - position if swap.by == after[0] else position)
        proof.setdefault(swap.stage, []).append(swap)
    stages = list(STEPS[backend])
    known = [(-1, 0.0)]
    known += [(index, _mean(shares[stage])) for index, stage in enumerate(stages[:-1]) if stage in shares]
    end = stages.index(stops) if stops else len(stages) - 1
    known = [*(point for point in known if point[0] < end), (end, 1.0)]
    made = [
        (tuple(stages[low + 1 : high + 1]), share_high - share_low)
        for (low, share_low), (high, share_high) in zip(known, known[1:])
    ]
    entered, share = max(made, key=lambda part: part[1])
    others = tuple((steps, part) for steps, part in made if steps != entered and abs(part) >= PART)
    first, last = stages.index(entered[0]), stages.index(entered[-1])
    return Verdict(
        entered,
        share,
        others,
        _nearest(proof, reversed(stages[:first])),
        _nearest(proof, stages[last:]),
        tuple(refused),
        tuple(stage for stage, values in shares.items() if max(values) - min(values) > 0.5),
    )


def _nearest(proof: Mapping[str, list[Swap]], stages: Iterable[str]) -> tuple[Swap, ...]:
    """The accepted swaps of the first of these stages that has any."""
    return next((tuple(proof[stage]) for stage in stages if stage in proof), ())


def value_of(metric: str, outcome: Outcome) -> Any:
    """What a table shows: the metric's value, or how the compilation ended."""
    if metric == COMPILES:
        return COMPILES if outcome.status == "ok" else "does not compile"
    return outcome.metrics.get(metric) if outcome.status == "ok" else "not accepted"


def _position(metric: str, before: Outcome, after: Outcome, swapped: Outcome) -> Optional[float]:
    """Where a swap's outcome lies: 0 as before, 1 as after; None where it was refused, which says nothing."""
    if metric == COMPILES:
        for position, own in ((0.0, before), (1.0, after)):
            if swapped.status == own.status and (own.status == "ok" or _alike(own.reason, swapped.reason)):
                return position
        return None
    if swapped.status != "ok":
        return None
    old, new = before.metrics[metric], after.metrics[metric]
    return float((swapped.metrics[metric] - old) / (new - old))


def _alike(one: str, other: str) -> bool:
    """Whether two reasons are the same one, paths, numbers and quoted code aside."""

    def core(reason: str) -> str:
        return re.sub(r"/\S+|0x[0-9a-f]+|\d+", "", reason)[:160]

    return core(one) == core(other)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
