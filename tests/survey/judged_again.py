"""Judge the wrong numbers in stored files of launches on a GPU once more, by today's rules.

The files keep digests of what was written and, of each verdict, the argument that differs most, by how much. So of the
launches of this checkout's atlas it can be said again whether that argument is a result, and whether rounding explains
it. What else differed in a launch, its verdict does not say.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from triton_matrix.base import cells
from triton_matrix.bench.device.judging import WRONG
from triton_matrix.launches import launch_list
from triton_matrix.values import compare, description, tensors

VERDICT = re.compile(
    r"against .+?: (?P<argument>\w+): \d+ of \d+ elements differ(?:, by up to (?P<absolute>\S+) \(.*?\))?; "
    r"\[.*?\] is (?P<is>[^,]+), (?:then|and should be) (?P<other>.+)"
)
Launches = Mapping[str, description.Prepared]


def main(argv: list[str]) -> int:
    """Exit status 0: no wrong number is left. 1: one is."""
    parser = argparse.ArgumentParser(prog="python -m survey.judged_again", description=main.__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="folders with files of `bench --launches`")
    parser.add_argument("--python", default=sys.executable, help="one that has a Triton, for the atlas's hook")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repo root (default: the current folder)")
    options = parser.parse_args(argv)
    table = cells.load_at(options.root)
    with tempfile.TemporaryDirectory() as scratch:
        given, _ = launch_list.of_hook(str(table.package.atlas), table.root, options.python, Path(scratch))
    launches = {each.label: description.prepared(each.asked) for each in given if not each.refused}
    counts: Counter[str] = Counter()
    for folder in options.folders:
        for path in sorted(folder.glob("[0-9]*.json")):
            for label, what in _wrong(json.loads(path.read_text(encoding="utf-8"))):
                now = judged(what, launches.get(label))
                counts[now] += 1
                print(f"{folder.name} {path.stem} {label}\n    {now}: {what}")
    print(", ".join(f"{count} {now}" for now, count in counts.most_common()) or "no wrong numbers were stored")
    return 1 if counts[WRONG] else 0


def _wrong(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in content["entries"]:
        yield from ((entry["label"], each["what"]) for each in entry.get("verdicts", ()) if each["kind"] == WRONG)


def judged(what: str, launch: Any) -> str:
    """``no result`` (scratch), ``as it was`` (a GPU wrote what stood there), ``rounding``, or wrong numbers still.

    Args:
        launch: prepared, as the atlas gives it now; None of one that it does not give.
    """
    said = VERDICT.fullmatch(what)
    if said is None:
        return WRONG
    if "not written" in (said["is"], said["other"]) and "0" in (said["is"], said["other"]):
        return "as it was"
    tensor = launch.tensors.get(said["argument"]) if launch else None
    if tensor is None:
        return WRONG
    if tensor.scratch:
        return "no result"
    floor = compare.LEFT_OVER * tensors.scale(launch.tensors) if tensor.element.name == "fp32" else 0.0
    return "rounding" if said["absolute"] and float(said["absolute"]) <= floor else WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
