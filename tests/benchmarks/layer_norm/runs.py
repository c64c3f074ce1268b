"""Stored results as tables need them: which GPU, Triton and launch settings a file is of, and its shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from triton_matrix.bench import stored_runs as stored
from triton_matrix.bench.stored_runs import short_gpu
from triton_matrix.evidence import benchmark_file

from . import goals, tables
from .peers import OURS, OWN
from .tables import Groups, Timed

GENERAL, TUNED = "general rule", "tuned table"  # who chose the launch settings
NOT_RECORDED = "not recorded"  # files of before the header had it


@dataclass(frozen=True, eq=False)
class Run(stored.Run):
    """One file of our benchmarks.

    Attributes:
        mark: tells it from another run of the same GPU, Triton and settings; "" where there is none.
    """

    mark: str = ""

    @property
    def settings(self) -> str:
        """Who chose the launch settings: ``GENERAL``, ``TUNED`` or ``NOT_RECORDED``."""
        return super().settings or NOT_RECORDED

    @cached_property
    def timed_rows(self) -> frozenset[tuple[str, str]]:
        """(row id, implementation) of what it timed; first calls, which parts of a run may repeat, are left out."""
        infos = (benchmark["extra_info"] for benchmark in self.report["benchmarks"])
        return frozenset((info["row"], info["implementation"]) for info in infos if "spread" in info)

    @property
    def kernels(self) -> str:
        """What was timed: Triton's version, and the general rule where it chose the launches."""
        return self.triton + (f", {GENERAL}" if self.settings == GENERAL else "")

    @property
    def column(self) -> str:
        """What tells it from others of the same GPU."""
        return self.kernels + self.mark

    @property
    def label(self) -> str:
        """What tells it from all others."""
        return f"{short_gpu(self.gpu)}, triton {self.column}"

    @property
    def bench(self) -> tuple[str, str]:
        """What two runs must share for their Tritons to be compared."""
        return self.gpu, self.settings

    @cached_property
    def groups(self) -> Groups:
        """Its timed rows (``tables.timed``)."""
        return tables.timed(self.report)

    @cached_property
    def names(self) -> list[str]:
        """Who was timed (``tables.implementations``)."""
        return tables.implementations(self.report)

    @property
    def peers(self) -> list[str]:
        """Who was timed and is not ours."""
        return [name for name in self.names if name not in OWN]

    def rows(self, kind: str, direction: str, dtype: str) -> dict[tuple[int, int], dict[str, Timed]]:
        """(n_cols, n_rows) -> implementation -> row, by N; empty where the file has none."""
        return self.groups.get((kind, direction, dtype), {})

    def shares(self, direction: str, dtype: str, kind: str = "large", name: str = OURS) -> dict[int, float]:
        """N -> share of the copy bandwidth that an implementation reached."""
        found = {n: row[name].share for (n, _), row in self.rows(kind, direction, dtype).items() if name in row}
        return {n: share for n, share in found.items() if share}

    def against(self, other: Run, direction: str, dtype: str) -> dict[int, float]:
        """N -> our share in this run over that in another, where both have it."""
        theirs = other.shares(direction, dtype)
        return {n: share / theirs[n] for n, share in self.shares(direction, dtype).items() if n in theirs}

    def large(self) -> list[tuple[str, str]]:
        """The (direction, dtype) that it has large rows of."""
        return [(direction, dtype) for kind, direction, dtype in self.groups if kind == "large"]

    @cached_property
    def n_met(self) -> int:
        """How often a peer was timed on a large row; one whose time was over is named all the same."""
        rows = [row for direction, dtype in self.large() for row in self.rows("large", direction, dtype).values()]
        return sum(name not in OWN for row in rows for name in row)

    def meets_peers(self, direction: str, dtype: str) -> bool:
        """Whether peers other than torch were timed on the large rows of a direction and dtype, if not on every one."""
        rows = self.rows("large", direction, dtype).values()
        return any(name not in (*OWN, "torch") for row in rows for name in row)


def read(paths: Sequence[Path]) -> list[Run]:
    """The files as runs, in the order that tables show: the goals' GPU, tuned settings and old Tritons first.

    Args:
        paths: files that ``bench`` wrote, and folders of such files.

    Raises:
        ValueError: a folder holds none of them, or a file is something else.
    """
    return ordered([Run(benchmark_file.read(path, "render")) for path in stored.files_of(paths, "render")])


def ordered(runs: Sequence[Run]) -> list[Run]:
    """The runs in the order that tables show."""
    return sorted(runs, key=_order)


def joined(runs: Sequence[Run]) -> list[Run]:
    """The runs with those joined that are parts of one: same GPU, Triton, settings, commit and kind, no row in both.

    Each row keeps its share, which is of the copy bandwidth of its own process; the header is that of the first part.
    """
    parts: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        alike = parts.setdefault((*run.bench, run.triton, run.is_sweep, run.is_timed, run.about["commit"]), [])
        if any(run.timed_rows & other.timed_rows for other in alike):
            parts[(run,)] = [run]  # measured again: not a part, a run of its own
        else:
            alike.append(run)
    return _told_apart([_join(some) for some in parts.values()])


def _told_apart(runs: Sequence[Run]) -> list[Run]:
    """The runs, those of the same label marked with their commit and, where that is the same too, with their date."""
    for mark, width in (("commit", 7), ("date", 19)):
        found = [(run.label, run.is_sweep) for run in runs]
        runs = [
            replace(run, mark=f" ({str(run.about[mark])[:width]})") if found.count(label) > 1 else run
            for run, label in zip(runs, found)
        ]
    return list(runs)


def _join(parts: Sequence[Run]) -> Run:
    if len(parts) == 1:
        return parts[0]
    abouts = [run.about for run in parts]
    there = {name: version for about in abouts for name, version in about.get("implementations", {}).items()}
    header = {
        **abouts[0],
        "implementations": there,
        "refused": [item for about in abouts for item in about.get("refused", [])],
        "absent": {
            name: reason for about in abouts for name, reason in about.get("absent", {}).items() if name not in there
        },
    }
    return Run({"triton_matrix": header, "benchmarks": [row for run in parts for row in run.report["benchmarks"]]})


def newest(runs: Sequence[Run]) -> list[Run]:
    """Of each Triton's runs the newest, with the settings that are shipped where there is one; in their order."""
    of_triton: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.settings != GENERAL, run.about["date"])):
        of_triton[run.triton] = run
    return [run for run in runs if of_triton[run.triton] is run]


def most_met(runs: Sequence[Run]) -> Run:
    """The run that timed its peers most, of such the newest, or the last; not of the general rule, if any is not."""
    return max(reversed(runs), key=lambda run: (run.settings != GENERAL, run.n_met, run.about["date"]))


def same_bench(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ by Triton alone, oldest first, the newest result of each Triton; where there are several."""
    found: dict[tuple[str, str], dict[str, Run]] = {}
    for run in sorted(runs, key=lambda run: (_order(run), run.about["date"])):
        found.setdefault(run.bench, {})[run.triton] = run
    return [list(by_triton.values()) for by_triton in found.values() if len(by_triton) > 1]


def general_and_tuned(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """(general rule, tuned table) of the same GPU and Triton, the newest result of each."""
    found: dict[tuple[str, str], dict[bool, Run]] = {(run.gpu, run.triton): {} for run in runs}
    for run in sorted(runs, key=lambda run: (run.settings == TUNED, run.about["date"])):  # not recorded is the oldest
        found[run.gpu, run.triton][run.settings == GENERAL] = run
    return [(both[True], both[False]) for both in found.values() if len(both) == 2]


def _order(run: Run) -> tuple[Any, ...]:
    numbers = tuple(int(part) for part in run.triton.split("+")[0].split(".") if part.isdigit())
    return goals.place(run.gpu), run.gpu, run.settings == GENERAL, numbers, run.is_sweep, run.about["date"]
