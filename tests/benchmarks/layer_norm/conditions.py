"""What is asked of the kernels besides shares, answered met or missed for each stored run, with every miss named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from . import goals, tables
from .peers import OURS, OURS_COMPILED
from .runs import Run, same_bench
from .tables import Timed

SINGLE = ("forward", "backward")  # forward+backward follows from the two
WHOLE = "forward+backward"


@dataclass(frozen=True)
class Answer:
    """A condition held against one run.

    Attributes:
        condition: what is asked.
        run: the run's label.
        asked: how many rows it was asked of.
        misses: what misses it: rows, such as "forward bf16" or "small", and which of them with its figures.
    """

    condition: str
    run: str
    asked: int
    misses: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> str:
        """In words, with every miss."""
        if not self.misses:
            return f"met by all {self.asked}"
        by_rows: dict[str, list[str]] = {}
        for rows, which in self.misses:
            by_rows.setdefault(rows, []).append(which)
        named = "; ".join(f"{rows} at {', '.join(which)}" for rows, which in by_rows.items())
        return f"**missed** by {len(self.misses)} of {self.asked}: {named}"


# (rows, which of them with its figures, whether it meets the condition)
Checks = list[tuple[str, str, bool]]


def answers(runs: Sequence[Run]) -> list[Answer]:
    """Every condition on every run that has the rows for it, condition by condition."""
    tables = [run for run in runs if run.is_timed and not run.is_sweep]
    found = [
        *(_answer("as fast as the fastest peer, within 2 %", run, _against_peers(run)) for run in tables),
        *(
            _answer("N no power of two: no worse than its neighbours, within 2 %", run, _odd_ones(run))
            for run in tables
        ),
        *(_answer(*asked) for asked in _against_newest(tables)),
        *(_answer("small problems: host time below torch's", run, _host(run, "torch", 1.0)) for run in tables),
        *(
            _answer("small problems: host time below half of Liger's", run, _host(run, "liger", goals.OF_LIGER))
            for run in tables
        ),
        *(_answer("compiled no slower than eager, within 2 %", run, _compiled(run)) for run in tables),
        *(_answer("small problems: compiled takes no more host time", run, _compiled_host(run)) for run in tables),
        *(
            _answer(f"sweep of N: no drop beyond {goals.CLIFF:.0%}, {parity} N", run, _cliffs(run, parity))
            for parity in PARITIES
            for run in runs
            if run.is_sweep
        ),
    ]
    return [answer for answer in found if answer is not None]


def host_us(row: dict[str, Timed], name: str) -> Optional[float]:
    """Microseconds of host time that a call of ``name`` takes; None where it was not measured."""
    return row[name].info.get("host_us_per_call") if name in row else None


def host_below(row: dict[str, Timed], peer: str, part: float) -> Optional[bool]:
    """Whether ours takes less host time than a part of what ``peer`` takes; None where either was not measured."""
    ours, theirs = host_us(row, OURS), host_us(row, peer)
    return ours < part * theirs if ours and theirs else None


PARITIES = {"even": 0, "odd": 1}


def drops(run: Run, direction: str, dtype: str, parity: str) -> list[tuple[float, int, int]]:
    """(change, from N, to N) of a sweep's share from each N to the next of its parity, sharpest drop first.

    Odd N are apart, because their rows are not aligned to each other: they lie below their even neighbours throughout.
    """
    shares = run.shares(direction, dtype, "sweep")
    sizes = [n for n in shares if n % 2 == PARITIES[parity]]
    return sorted((shares[after] / shares[before] - 1, before, after) for before, after in zip(sizes, sizes[1:]))


def _answer(condition: str, run: Run, checks: Checks) -> Optional[Answer]:
    misses = tuple((rows, which) for rows, which, met in checks if not met)
    return Answer(condition, run.label, len(checks), misses) if checks else None


def _small(run: Run) -> Iterator[tuple[str, dict[str, Timed]]]:
    for kind, direction, dtype in run.groups:
        if (kind, direction) == ("small", WHOLE):
            for (n_cols, n_rows), row in run.rows(kind, direction, dtype).items():
                yield f"{n_rows} x {n_cols}", row


def _against_peers(run: Run) -> Checks:
    checks = []
    for direction, dtype in run.large():
        for (n_cols, _), row in (
            run.rows("large", direction, dtype).items() if run.meets_peers(direction, dtype) else ()
        ):
            speed = tables.against_best(row)
            if speed is not None:
                checks.append((f"{direction} {dtype}", f"{n_cols} ({speed:.3f})", speed >= goals.LEVEL))
    return checks


def _odd_ones(run: Run) -> Checks:
    checks = []
    for direction, dtype in run.large():
        shares = run.shares(direction, dtype)
        for n, share in shares.items():
            below = 1 << (n.bit_length() - 1)
            if direction in SINGLE and n != below and below in shares and 2 * below in shares:
                lower = min((below, 2 * below), key=lambda size: shares[size])
                ratio = share / shares[lower]
                checks.append((f"{direction} {dtype}", f"{n} ({ratio:.3f} of {lower})", ratio >= goals.LEVEL))
    return checks


def _against_newest(tables: Sequence[Run]) -> Iterator[tuple[str, Run, Checks]]:
    for runs in same_bench(tables):
        newest = runs[-1]
        for run in runs[:-1]:
            checks = []
            for direction, dtype in run.large():
                for n, ratio in run.against(newest, direction, dtype).items():
                    if direction in SINGLE and n <= goals.WITH_NEWEST_UP_TO:
                        checks.append((f"{direction} {dtype}", f"{n} ({ratio:.3f})", ratio >= goals.WITH_NEWEST))
            yield f"within 5 % of triton {newest.triton} up to N = {goals.WITH_NEWEST_UP_TO}", run, checks


def _host(run: Run, peer: str, part: float) -> Checks:
    checks = []
    for name, row in _small(run):
        met = host_below(row, peer, part)
        if met is not None:
            figures = f"{host_us(row, OURS):.0f} us, {peer} {host_us(row, peer):.0f}"
            checks.append((WHOLE, f"{name} ({figures})", met))
    return checks


def _compiled(run: Run) -> Checks:
    checks = []
    for direction, dtype in run.large():
        for (n_cols, _), row in run.rows("large", direction, dtype).items():
            if OURS in row and OURS_COMPILED in row:
                speed = row[OURS].seconds / row[OURS_COMPILED].seconds
                checks.append((f"{direction} {dtype}", f"{n_cols} ({speed:.3f})", speed >= goals.LEVEL))
    return checks


def _compiled_host(run: Run) -> Checks:
    checks = []
    for name, row in _small(run):
        eager, compiled = host_us(row, OURS), host_us(row, OURS_COMPILED)
        if eager and compiled:
            checks.append((WHOLE, f"{name} ({compiled:.0f} us, eager {eager:.0f})", compiled <= eager))
    return checks


def _cliffs(run: Run, parity: str) -> Checks:
    return [
        (f"{direction} {dtype}", f"{after} ({change:+.1%} from {before})", change >= -goals.CLIFF)
        for kind, direction, dtype in run.groups
        if kind == "sweep"
        for change, before, after in drops(run, direction, dtype, parity)
    ]
