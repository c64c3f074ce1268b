"""What changed since an earlier run, and what differs between two cells of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, Union

from ..evidence.reading import is_subject
from ..suites import causes
from . import atlas, benches
from .known import Known
from .matrix import Changes, Found, Matrix, Pair, Where

KEPT = 50  # test ids or rows listed per change; the count is always the full one
Earlier = Union[Found, Matrix]


def compare(new: Found, old: Earlier, against: str, known: Known, allow_stale: bool = False) -> Changes:
    """Everything that is different in ``new``.

    Args:
        new, old: matrices as ``merge.build`` gives them.
        against: what ``old`` is called on the page.
        known: accepted slow-downs.
        allow_stale: whether timings of other sources than the checkout's say something about it.
    """
    timed = [row for row in new["benches"] if allow_stale or not row.get("outdated")]
    times = benches.changes(timed, old["benches"])
    for row in times.slower:
        row["accepted"] = known.accepts_slower(row["cell"], row["name"])
    found: Changes = {
        "against": against,
        "against_date": old["date"],
        "newly_failing": [],
        "newly_passing": [],
        "no_longer_run": [*benches.gone(new["benches"], old["benches"]), *atlas.gone(new["codegen"], old["codegen"])],
        "slower": times.slower,
        "faster": times.faster,
        "too_noisy": times.too_noisy,
        "compared": times.count,
        "gone": known.slower_gone(times.slower, benches.told(timed, old["benches"])),
        "codegen": atlas.run_against_run(new["codegen"], old["codegen"]),
        "environment": _environments(new, old),
    }
    for name, cell in new["cells"].items():
        before = _levels(old, name)
        for level, now in cell["levels"].items():
            if "outcomes" in now and "outcomes" in before.get(level, {}):
                _outcomes(found, new, old, name, level)
    for name in old["cells"]:
        for level in _levels(old, name):
            if level not in _levels(new, name) and level != "codegen":
                found["no_longer_run"].append({"cell": name, "level": level})
    return found


def cell_against_cell(matrix: Found, left: str, right: str) -> Pair:
    """What differs between two cells of one run: outcomes per level, versions, and speed where both were timed.

    Raises:
        ValueError: a name that the matrix has no row for.
    """
    for name in (left, right):
        if name not in matrix["cells"]:
            raise ValueError(f"no cell {name!r}; there are {', '.join(matrix['cells'])}")
    levels = {}
    for level, of_left in matrix["cells"][left]["levels"].items():
        of_right = matrix["cells"][right]["levels"].get(level)
        if of_right and "outcomes" in of_left and "outcomes" in of_right:
            levels[level] = _differences(matrix, of_left, of_right)
    return {
        "left": left,
        "right": right,
        "levels": levels,
        "environment": _moved(_distributions(matrix, left), _distributions(matrix, right)),
        "speed": benches.ratios(matrix["benches"], left, right),
    }


def default_pair(matrix: Found) -> Optional[tuple[str, str]]:
    """The oldest and the newest cell that ran a level in common; None where there are no two."""
    ran = [
        name
        for name, cell in matrix["cells"].items()
        if not is_subject(name) and any("outcomes" in level for level in cell["levels"].values())
    ]
    for left in ran:
        for right in reversed(ran):
            shared = set(matrix["cells"][left]["levels"]) & set(matrix["cells"][right]["levels"]) - {"codegen"}
            if left != right and shared:
                return left, right
    return None


def _outcomes(found: Changes, new: Found, old: Earlier, cell: str, level: str) -> None:
    now = _by_test(new, _levels(new, cell)[level])
    was = _by_test(old, _levels(old, cell)[level])
    known = {
        test
        for group in new["failures"]
        if group["known"]
        for where in group["where"]
        if (where["cell"], where["level"]) == (cell, level)
        for test in where["tests"]
    }
    failing = [
        test
        for test, letter in now.items()
        if letter in "EF" and test not in known and (was.get(test) == "." or _lost_with(test, now, was))
    ]
    passing = [test for test, letter in now.items() if letter == "." and was.get(test, "?") in "EF"]
    lost = [test for test, letter in was.items() if letter == "." and now.get(test, " ") in (" ", "s", "n")]
    if lost:
        what = f"of what passed, {benches.listed(lost)}"
        found["no_longer_run"].append({"cell": cell, "level": level, "what": what})
    for listed, tests in ((found["newly_failing"], failing), (found["newly_passing"], passing)):
        if tests:
            command = causes.command(cell, level, tests)
            row: Where = {"cell": cell, "level": level, "count": len(tests), "tests": tests[:KEPT], "command": command}
            listed.append(row)


def _lost_with(file: str, now: Mapping[str, str], was: Mapping[str, str]) -> bool:
    """Whether ``file`` is one that could not be collected, and with it went tests that passed before."""
    if file in was or "::" in file:
        return False
    return any(was[test] == "." and test not in now for test in was if test.startswith(f"{file}::"))


def _levels(matrix: Earlier, cell: str) -> Mapping[str, Mapping[str, Any]]:
    """The levels of a cell; of one that the matrix does not have, none."""
    return matrix["cells"][cell]["levels"] if cell in matrix["cells"] else {}


def _by_test(matrix: Earlier, level: Mapping[str, Any]) -> dict[str, str]:
    return {test: letter for test, letter in zip(matrix["tests"], level["outcomes"]) if letter != " "}


def _environments(new: Found, old: Earlier) -> list[dict[str, Any]]:
    """Per cell what moved; levels that ran in one and the same environment are one row."""
    found: list[dict[str, Any]] = []
    for name, cell in new["cells"].items():
        for level, now in cell["levels"].items():
            here, there = now.get("environment"), _levels(old, name).get(level, {}).get("environment")
            if here is None or there is None:
                continue
            left, right = old["environments"][there], new["environments"][here]
            moved = _moved(_flat(left), _flat(right))
            same = next((row for row in found if row["cell"] == name and row["moved"] == moved), None)
            if same:
                same["level"] += f", {level}"
            elif moved:
                found.append({"cell": name, "level": level, "moved": moved})
    return found


def _distributions(matrix: Found, cell: str) -> dict[str, str]:
    for level in matrix["cells"][cell]["levels"].values():
        position = level.get("environment")
        if position is not None:
            return _flat(matrix["environments"][position])
    return {}


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    """Resolved versions and the machine's own facts under one flat set of names."""
    found = {name.lower().replace("_", "-"): str(version) for name, version in environment["distributions"].items()}
    found["Python"] = str(environment["python"])
    for gpu in environment.get("gpus", [])[:1]:
        found["GPU"], found["driver"] = str(gpu["name"]), str(gpu.get("driver"))
    return found


def _moved(was: Mapping[str, str], now: Mapping[str, str]) -> list[dict[str, Optional[str]]]:
    names = sorted(
        set(was) | set(now), key=lambda name: (name.lower() not in ("python", "torch", "triton"), name.lower())
    )
    return [
        {"name": name, "was": was.get(name), "now": now.get(name)} for name in names if was.get(name) != now.get(name)
    ]


def _differences(matrix: Found, left: Mapping[str, Any], right: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Tests by how their outcome differs, one row per pair of outcomes: ``passed`` here, ``n/a`` there."""
    rows: dict[tuple[str, str], list[str]] = {}
    width = max(len(left["outcomes"]), len(right["outcomes"]))
    pairs = zip(matrix["tests"], left["outcomes"].ljust(width), right["outcomes"].ljust(width))
    for test, here, there in pairs:
        if here != there:
            rows.setdefault((here, there), []).append(test)
    names = {**matrix["outcomes"], " ": "not there"}
    return [
        {"left": names[here], "right": names[there], "count": len(tests), "tests": tests[:KEPT]}
        for (here, there), tests in sorted(rows.items(), key=lambda item: -len(item[1]))
    ]
