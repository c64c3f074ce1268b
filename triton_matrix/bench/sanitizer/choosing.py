"""A few tests of a cell's device level that reach each of its kernels: its launches were counted, test by test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Optional

from ...evidence import reading, runs, writing
from ...evidence.runs import Inputs, Run, Wheel


def device_run(folder: Path, now: Wheel, inputs: Inputs) -> Run:
    """The run of level device that lies in a cell's folder.

    Raises:
        ValueError: there is none, it is no whole one, or it is not of what the checkout has now.
    """
    path = writing.run_file(folder, "device")
    try:
        run = runs.from_json(reading.load_json(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ValueError(f"{path} is not there: level device runs first, and says which test reaches which") from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{path} cannot be read: {problem}") from None
    why = runs.cut_short(run) or runs.outdated(run, now, inputs)
    if why:
        raise ValueError(f"{path} does not say which test reaches which kernel now: {why}")
    if not any(run.launched().values()):
        raise ValueError(f"{path} is of a run in which no kernel of the package was launched")
    return run


def covering(run: Run, each: int, matching: Optional[str] = None) -> list[str]:
    """Tests that launch each kernel that ran, from ``each`` of them where there are as many.

    Cheap ones come first: launches are counted, for each kernel that is not reached yet.

    Args:
        matching: a regular expression; only tests whose ids it is found in.

    Raises:
        ValueError: the tests that are left do not reach a kernel.
    """
    counted = run.launched()
    kernels = {kernel for kernel, count in counted.items() if count}
    allowed = {
        test: {kernel: count for kernel, count in launches.items() if kernel in kernels}
        for test, launches in run.launches.items()
        if test and (matching is None or re.search(matching, test))
    }
    there = Counter(kernel for launches in allowed.values() for kernel in launches)
    lost = sorted(kernels - set(there))
    if lost:
        among = f" of those that {matching!r} is found in" if matching else ""
        raise ValueError(f"no test{among} launches {lost[0]}")
    wanted = Counter({kernel: min(each, there[kernel]) for kernel in kernels})
    chosen: list[str] = []
    while +wanted:
        test = min((test for test in allowed if allowed[test].keys() & (+wanted).keys()), key=_cost(allowed, wanted))
        wanted.subtract(allowed.pop(test).keys())
        chosen.append(test)
    return sorted(chosen)


def _cost(allowed: Mapping[str, Mapping[str, int]], wanted: Counter[str]) -> Callable[[str], tuple[float, int, str]]:
    def cost(test: str) -> tuple[float, int, str]:
        new = len(allowed[test].keys() & (+wanted).keys())
        return sum(allowed[test].values()) / new, -new, test

    return cost
