"""From a file of the verb ``tune`` over :mod:`candidates` to the rows of liger_kernel/kernels/tuned.json.

``python -m atlas.tuned FILE`` in tests/ prints the device's rows as they would be; ``--write`` writes the table.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from liger_kernel.kernels import settings
from liger_kernel.kernels.geometry import BYTES
from triton_matrix.base import files
from triton_matrix.bench.device import sweeps
from triton_matrix.bench.device.sweeps import Sweep

from .candidates import NO_LIMIT

TABLE = Path(settings.__file__).with_name("tuned.json")
_ABOUT = re.compile(r"(\w+)=([\w.]+)")
_KEY = ("from", "up_to", "since", "before", "dtype")
_PERSISTENT = "backward"  # whose programs walk several tiles


def main(argv: list[str]) -> int:
    """Print or write; 2 where the file says nothing of a device in the table."""
    parser = argparse.ArgumentParser(prog="python -m atlas.tuned", description=main.__doc__)
    parser.add_argument("file", type=Path, help="what the verb tune wrote")
    parser.add_argument("--write", action="store_true", help="write liger_kernel/kernels/tuned.json")
    options = parser.parse_args(argv)
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    try:
        entry = merged(table["devices"], sweeps.read(options.file))
    except ValueError as problem:
        print(f"atlas.tuned: {problem}", file=sys.stderr)
        return 2
    if options.write:
        files.write_text(TABLE, text(table))
    else:
        print(text({"devices": [entry]}), end="")
    return 0


def merged(devices: Sequence[dict[str, Any]], found: Sequence[Sweep]) -> dict[str, Any]:
    """The table's entry of the GPU that was tuned, with the rows that were found in place of those of their range.

    Raises:
        ValueError: there are several GPUs, none of the table, or nothing ran.
    """
    gpus = {each.gpu for each in found}
    if len(gpus) != 1:
        raise ValueError(f"the file is of {', '.join(sorted(gpus)) or 'no GPU'}; rows are made of one")
    entry = next(
        (each for each in devices if each.get("product", "") in found[0].gpu and each["arch"] == found[0].arch), None
    )
    if entry is None:
        raise ValueError(f"the table has no device {found[0].gpu} ({found[0].arch})")
    made = rows(found)
    if not made:
        raise ValueError("no candidate ran on every Triton of the file")
    for (direction, size), new in made.items():
        replaced = {_range(row) for row in new}
        entry[direction][size] = [*new, *(row for row in entry[direction][size] if _range(row) not in replaced)]
    first = max(found, key=lambda each: each.date)
    tritons = " and ".join(sorted({each.triton for each in found}))
    points = sum(len(each.points) for each in found)
    about = {"date": first.date[:10], "gpu": first.gpu, "driver": first.driver, "torch": first.torch, "triton": tritons}
    how = f"{points} configurations, measured by `tune` over tests/atlas/candidates.py at commit {first.commit}."
    entry["provenance"] = {**about, "how": f"{how} Taken is the best worst case of those Tritons."}
    settings.check_table([entry])
    return entry


def rows(found: Sequence[Sweep]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(direction, size of an element) -> rows, by length: of each the candidate whose worst share of a best is best."""
    made: dict[tuple[str, str], list[dict[str, Any]]] = {}
    by_problem: dict[tuple[str, str, int], list[tuple[dict[str, str], Sweep]]] = {}
    for sweep in found:
        about = dict(_ABOUT.findall(sweep.launch.partition("[")[2]))
        problem = (about["direction"], f"{BYTES[about['dtype']]} bytes", int(about["n_cols"]))
        by_problem.setdefault(problem, []).append((about, sweep))
    for (direction, size, n_cols), of in sorted(by_problem.items()):
        best = _best(of)
        if best is None:
            continue
        row = {"up_to": n_cols, **_row(direction, *best)}
        listed = made.setdefault((direction, size), [])
        if listed and {**listed[-1], "up_to": n_cols} == row:
            listed.pop()  # what holds for the longer rows holds for these too
        listed.append(row)
    return made


def _best(of: Sequence[tuple[dict[str, str], Sweep]]) -> Any:
    """What a candidate and a configuration are, of the best worst case over the Tritons; None where none ran on all."""
    tritons = {sweep.triton for _, sweep in of}
    fastest = {name: min(_seconds(of, name), default=0.0) for name in tritons}
    ratios: dict[tuple[tuple[tuple[str, str], ...], tuple[tuple[str, int], ...]], dict[str, float]] = {}
    for about, sweep in of:
        for point in sweep.points:
            if point.median:
                ratio = point.median / fastest[sweep.triton]
                ratios.setdefault((tuple(about.items()), point.key), {})[sweep.triton] = ratio
    on_all = {key: max(each.values()) for key, each in ratios.items() if set(each) == tritons}
    if not on_all:
        return None
    about, options = min(on_all, key=on_all.__getitem__)
    return dict(about), dict(options)


def _seconds(of: Sequence[tuple[dict[str, str], Sweep]], triton: str) -> Iterator[float]:
    for _, sweep in of:
        if sweep.triton == triton:
            yield from (point.median for point in sweep.points if point.median)


def _row(direction: str, about: Mapping[str, str], options: Mapping[str, int]) -> dict[str, Any]:
    """A row of the table, without its length."""
    stages = options.get("STAGES", 1)
    made: dict[str, Any] = {"since": "3.0"} if stages > 1 else {}
    made |= {"kind": about["kind"], "rows": int(about["rows"]), "block_n": int(about["block_n"])}
    made["num_warps"] = options["num_warps"]
    if direction == _PERSISTENT:
        made["programs"] = int(about["programs"])
    if stages > 1:
        made["stages"] = stages
    limit = options.get("maxnreg", NO_LIMIT)
    return made if limit == NO_LIMIT else {**made, "max_registers": limit}


def _range(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _KEY)


def text(table: Mapping[str, Any]) -> str:
    """The table as its file has it: a row a line."""
    kept: list[str] = []

    def row(found: dict[str, Any]) -> str:
        kept.append(json.dumps(found))
        return f"<{len(kept) - 1}>"

    devices = []
    for entry in table["devices"]:
        rows_of = {
            name: {size: [row(each) for each in of] for size, of in entry[name].items()} for name in settings.DIRECTIONS
        }
        devices.append({**entry, **rows_of})
    drawn = json.dumps({**table, "devices": devices}, indent=1, ensure_ascii=False)
    return re.sub(r'"<(\d+)>"', lambda found: kept[int(found[1])], drawn) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
