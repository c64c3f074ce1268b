"""What the evidence says before it is judged: the rows with the results that count, the releases, the timings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..evidence import scan_file
from ..evidence.causes import Group
from ..evidence.column import Column
from ..evidence.documents import shown
from ..evidence.reading import Evidence, Problem
from . import atlas, benches, results, rows, selection
from .atlas import OverReleases
from .benches import BenchRun, Timing
from .known import Known
from .matrix import Scan
from .results import Place
from .rows import Row
from .selection import Selection
from .standing import Current


@dataclass(frozen=True)
class Facts:
    """What is judged.

    Attributes:
        evidence: all that was read.
        selection: which of it counts.
        rows: in the order in which they are shown.
        codegen, values, device: what the releases made of all launches.
        failures: what is wrong in the rows, by its root.
        benches: what each place of timings is called besides its cell.
        timings: what devices timed.
        bench_runs: how the benches ended.
        scan: what its own launches say of the package's kernels.
    """

    evidence: Evidence
    selection: Selection
    rows: Mapping[Column, Row]
    codegen: OverReleases
    values: OverReleases
    device: OverReleases
    failures: tuple[Group, ...]
    benches: Mapping[Place, str]
    timings: tuple[Timing, ...]
    bench_runs: tuple[BenchRun, ...]
    scan: Scan


def build(evidence: Evidence, current: Current, known: Known, accepted: Path) -> Facts:
    """Everything of the evidence that counts.

    Args:
        current: the checkout that is asked about; a cell of its table without any evidence still has its row.
        known: accepted failures.
        accepted: the file of accepted codegen changes.

    Raises:
        ValueError: that file is there and malformed.
    """
    annotated = results.annotate(evidence, current, known)
    selected = selection.select(annotated)
    kept = selected.kept
    of_columns, called = rows.build(kept, current.table, known), benches.told_apart(kept.benches)
    return Facts(
        evidence,
        selected,
        of_columns,
        atlas.build(kept.codegen, current.table, accepted),
        atlas.build(kept.values, current.table, accepted, "values"),
        atlas.build(kept.device, current.table, None, "device"),
        tuple(rows.failures(of_columns)),
        called,
        tuple(benches.rows(kept.benches, called)),
        tuple(benches.ended(annotated, kept.benches.values())),
        _scan(evidence, current),
    )


def _scan(evidence: Evidence, current: Current) -> Scan:
    """What `nox -s launches` left, of several files the newest; a file that cannot be read is a problem."""
    command = "nox -s codegen-cells" if current.table.package.atlas else "nox -s launches"
    answers = []
    for path in evidence.scans:
        try:
            answers.append(scan_file.read(path))
        except ValueError as problem:
            evidence.problems.append(Problem(shown(path), str(problem), True))
    scan = Scan(lines=[], outdated="", command=command)
    if answers:
        newest = max(answers, key=lambda content: str(content["date"]))
        other = newest["sources"] != current.sources and not current.allow_stale
        scan["lines"] = newest["lines"]
        scan["outdated"] = f"the sources are not those of {newest['date']}; `{command}` asks again" if other else ""
    return scan
