"""Which share of torch's matrix products a launch's dots reach: counted by an interpreter, timed on the GPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ...base import commands
from ...launches.launch_list import Launched
from ...values import computing
from ...values.outcomes import SECONDS, Outcome
from .. import products
from .interpreted import Evidence
from .workers import START_S, Failed, Worker

JOBS = 16  # launches that are counted side by side: each takes up to 2 GiB of memory


@dataclass(frozen=True)
class Counted:
    """What a launch's dots compute.

    Attributes:
        operations: kind of input -> operations of the whole grid.
        programs, total: how many were counted, and of how many: with fewer the operations are an estimate.
        release: whose interpreter counted.
        reason: why none could; "" where one did.
    """

    operations: Mapping[str, float] = field(default_factory=dict)
    programs: int = 0
    total: int = 0
    release: str = ""
    reason: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all programs were counted."""
        return self.programs == self.total

    @property
    def work(self) -> dict[str, float]:
        """The same as products of torch do it: one of tf32x3 is three of tf32."""
        work: dict[str, float] = {}
        for kind, count in self.operations.items():
            base, times = products.SEVERAL.get(kind, (kind, 1))
            work[base] = work.get(base, 0) + times * count
        return work


@dataclass(frozen=True)
class Peak:
    """torch's matrix products in the process of one Triton.

    Attributes:
        torch: its version.
        rates: kind of input -> operations a second.
        missing: kind of input -> why there is no such product here.
    """

    torch: str
    rates: Mapping[str, float]
    missing: Mapping[str, str]


@dataclass(frozen=True)
class Share:
    """A launch with dots beside both bounds.

    Attributes:
        counted, peak: what it is of.
        tflop_per_s: of its dots; None where nothing counted.
        of_products: the time that torch's products take for as many operations, over the launch's; None where either
            is not known.
        of_copy: as of :func:`bandwidth.rates`.
    """

    counted: Counted
    peak: Peak
    tflop_per_s: Optional[float]
    of_products: Optional[float]
    of_copy: Optional[float]

    @property
    def is_nearer_to_products(self) -> bool:
        """Which bound it is nearer to: that of the larger share."""
        return self.of_products is not None and self.of_products > (self.of_copy or 0)

    def figures(self) -> dict[str, Any]:
        """As a benchmark's ``extra_info`` holds it."""
        counted = self.counted
        made: dict[str, Any] = {"dot_operations": {kind: round(each) for kind, each in counted.operations.items()}}
        made |= {"dot_programs": counted.programs, "dot_programs_of": counted.total}
        made |= {"tflop_per_s": self.tflop_per_s, "share_of_matmul": self.of_products}
        share = self.of_products if self.is_nearer_to_products else self.of_copy
        return {**made, "share": share, "nearer_to": "matmul" if self.is_nearer_to_products else "copy"}

    def sentence(self) -> str:
        """What a reader should know of it."""
        counted = self.counted
        if self.tflop_per_s is None:
            return f"what its dots compute is not known: {counted.reason}"
        by = f"the interpreter of triton {counted.release}"
        if not counted.is_whole:
            by = f"{by}, from {counted.programs} of {counted.total} programs"
        said = f"dots: {self.tflop_per_s:.3g} TFLOP/s (counted by {by})"
        if not counted.work:
            return f"its dots compute nothing: none of them runs in {by}"
        missing = [self.peak.missing[kind] for kind in counted.work if kind in self.peak.missing]
        if missing or self.of_products is None:
            return f"{said}; no share of a matrix product: {'; '.join(missing) or 'none was timed'}"
        what = ", ".join(f"{products.SIZES[kind]}^3 in {kind}" for kind in counted.work)
        said += f", {self.of_products:.3f} of a matrix product ({what}, torch {self.peak.torch})"
        if self.of_copy is None:
            return said
        nearer = "nearer to that" if self.is_nearer_to_products else "nearer to the copy"
        return f"{said} and {self.of_copy:.3f} of the copy: {nearer}"


def count(
    launches: Sequence[Launched],
    workers: Mapping[str, Worker],
    evidence: Evidence,
    source_root: Optional[str],
    folder: Path,
) -> dict[str, Counted]:
    """What the dots of launches compute: as the verb ``values`` left it of all programs, else by an interpreter here.

    The newest Triton counts; what it cannot, the one before it.

    Args:
        launches: of kernels that have dots.
        folder: for the files of counting.
    """
    sampled = {each.label: _counted(*known) for each in launches if (known := evidence.dots(each.label)) is not None}
    found = {label: each for label, each in sampled.items() if each.is_whole}
    # a variant computes the same: its switches are the compiler's
    plain = [(release, worker) for release, worker in workers.items() if not worker.switches]
    why: dict[str, Counted] = {}
    for release, worker in reversed(plain):
        left = [launch for launch in launches if launch.label not in found]
        if left:
            answers = _interpreted(left, release, worker, source_root, folder / release)
            found.update({label: each for label, each in answers.items() if not each.reason})
            why = {**answers, **why}
    return {each.label: found.get(each.label) or sampled.get(each.label) or why[each.label] for each in launches}


def _interpreted(
    launches: Sequence[Launched], release: str, worker: Worker, source_root: Optional[str], folder: Path
) -> dict[str, Counted]:
    """Launches in the interpreter of a worker's Triton: of each a few programs, then all where there is time."""
    path = [str(worker.path)] if worker.path else []
    path += [str(Path(each).resolve()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    asked = [{key: value for key, value in each.asked.items() if key != "reference"} for each in launches]
    try:
        outcomes = _shared(asked, folder / "some", path=path, source_root=source_root)
        totals = {name: outcome.row["total"] for name, outcome in outcomes.items() if _is_quick(outcome)}
        if totals:
            again = [{**each, "most": totals[each["name"]]} for each in asked if each["name"] in totals]
            most = max(totals.values())
            whole = _shared(again, folder / "all", path=path, source_root=source_root, most=most)
            # the first few in order, where it was late after all, are no sample
            outcomes |= {name: outcome for name, outcome in whole.items() if outcome.status == "computed"}
    except commands.ToolError as problem:
        last = (problem.tail.splitlines() or [f"exit status {problem.status}"])[-1]
        reason = f"the interpreter of triton {release} cannot be asked: {last}"
        return {each.label: Counted(reason=reason) for each in launches}
    return {each.label: _of_outcome(outcomes[each.label], release) for each in launches}


def _shared(asked: Sequence[Mapping[str, Any]], folder: Path, **settings: Any) -> dict[str, Outcome]:
    """Launches computed in as many processes as there are processors; nothing is timed meanwhile."""
    jobs = min(len(asked), os.cpu_count() or 1, JOBS)
    return computing.shared(sys.executable, [asked[number::jobs] for number in range(jobs)], folder, **settings)


def _is_quick(outcome: Outcome) -> bool:
    """Whether all programs of a launch would run in the seconds that it has."""
    ran, total = len(outcome.programs), outcome.row.get("total", 0)
    return outcome.status == "computed" and ran < total and outcome.row["seconds"] * total / ran < SECONDS / 2


def _of_outcome(outcome: Outcome, release: str) -> Counted:
    row = outcome.row
    if outcome.status in ("computed", "late") and outcome.programs and "dots" in row:
        return _counted(release, row["dots"], len(outcome.programs), row["total"])
    return Counted(reason=f"the interpreter of triton {release}: {row['reason']}")


def _counted(release: str, operations: Mapping[str, int], programs: int, total: int) -> Counted:
    whole = {kind: count * total / programs for kind, count in operations.items()}
    return Counted(whole, programs, total, release)


def peaks(counted: Mapping[str, Counted], workers: Mapping[str, Worker]) -> dict[str, Peak]:
    """torch's matrix products of all kinds that launches' dots are of, timed by each worker."""
    kinds = sorted({kind for each in counted.values() for kind in each.work})
    made = {}
    for release, worker in workers.items():
        rates: dict[str, float] = {}
        missing: dict[str, str] = {}
        for kind in kinds:
            try:
                answer = worker.ask(START_S, do="product", kind=kind)
            except Failed as problem:
                answer = {"none": str(problem)}
            if "none" in answer:
                missing[kind] = answer["none"]
            else:
                rates[kind] = answer["rate"]
        made[release] = Peak(worker.versions["torch"], rates, missing)
    return made


def share(counted: Counted, peak: Peak, seconds: float, of_copy: Optional[float]) -> Share:
    """A launch that takes so many seconds, beside both bounds."""
    if counted.reason:
        return Share(counted, peak, None, None, of_copy)
    rate = sum(counted.operations.values()) / seconds / 1e12
    if not counted.work or any(kind not in peak.rates for kind in counted.work):
        return Share(counted, peak, rate, None, of_copy)
    least = sum(count / peak.rates[kind] for kind, count in counted.work.items())
    return Share(counted, peak, rate, least / seconds, of_copy)
