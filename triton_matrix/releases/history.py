"""The verb ``history``: one metric of one kernel over all Triton releases, or what every row said at each commit."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ..base import commands, display_text, files, tables, versions
from ..codegen import compare
from ..evidence import atlas_file, atlas_runs, history_file
from ..launches import naming
from . import exports

DEFAULT_FOLDER = Path("reports/codegen")


def load(folder: Path) -> list[dict[str, Any]]:
    """Every atlas file of a folder, oldest release first; raises RecordError when there is none."""
    atlases = [atlas_file.read(path) for path in sorted(folder.glob("*.json")) if path.name != atlas_runs.NAME]
    if not atlases:
        raise atlas_file.RecordError(f"{folder} holds no atlas file; `nox -s codegen` writes them")
    return sorted(atlases, key=lambda atlas: versions.order(atlas["triton"]))


def series(atlases: Sequence[dict[str, Any]], kernel: str, target: str, metric: str) -> dict[str, list[Any]]:
    """Per configuration label, the metric's value in each atlas: a number, or the status where there is none.

    Args:
        kernel: a kernel's name for all its configurations, or one label; without its module where that is enough.

    Raises:
        ValueError: no such kernel, target or metric; the message lists those there are.
    """
    entries = [item for atlas in atlases for item in atlas["entries"]]
    ours = [item for item in entries if naming.fits(kernel, item["kernel"], item["settings"], item["target"])]
    there = sorted({item["kernel"] for item in (ours or entries)})
    if not ours or len(there) > 1:
        raise ValueError(f"KERNEL is {kernel!r}; allowed are {', '.join(there)}")
    _one_of("--target", target, [item["target"] for item in ours])
    ours = [item for item in ours if item["target"] == target]
    _one_of("--metric", metric, [name for item in ours for name in item["metrics"]])
    result: dict[str, list[Any]] = {}
    for index, atlas in enumerate(atlases):
        for item in atlas["entries"]:
            if item["target"] == target and naming.fits(kernel, item["kernel"], item["settings"], target):
                line = result.setdefault(item["label"], ["-"] * len(atlases))
                line[index] = item["metrics"].get(metric, "-") if item["status"] == "ok" else item["status"]
    return dict(sorted(result.items(), key=lambda item: display_text.natural(item[0])))


def not_whole(atlases: Sequence[dict[str, Any]], folder: Path) -> list[str]:
    """Which releases of a folder are not what its last runs asked for, one sentence a reason."""
    run = atlas_runs.read(folder)
    by_release = {atlas["triton"]: atlas for atlas in atlases}
    alike: dict[str, list[str]] = {}
    for release in sorted({*by_release, *(run.opened_by_release() if run else ())}, key=versions.order):
        asked = [*run.of_release(release)] if run else []
        reasons = [atlas_runs.shortfall(*each, by_release.get(release)) or each[1].reason for each in asked]
        why = next(filter(None, reasons), "") if asked else f"no {atlas_runs.NAME} says that it was asked for"
        if why:
            alike.setdefault(why, []).append(release)
    return [f"{', '.join(releases)}: {why}" for why, releases in alike.items()]


def _one_of(what: str, value: str, shown: Sequence[str]) -> None:
    if value not in shown:
        raise ValueError(f"{what} is {value!r}; allowed are {', '.join(sorted(set(shown)))}")


def plot(lines: dict[str, list[Any]], releases: Sequence[str], title: str, path: Path) -> None:
    """Draw one line per configuration as SVG; gaps where a release has no value.

    Raises:
        ValueError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ValueError("--plot needs matplotlib, which this Python does not have; install it") from None
    matplotlib.use("svg")
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
    for label, values in lines.items():
        numbers = [value if isinstance(value, (int, float)) else float("nan") for value in values]
        axes.plot(list(releases), numbers, marker="o", label=label)
    axes.set_title(title)
    axes.set_xlabel("Triton release")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    with files.replacing(path) as scratch:
        figure.savefig(scratch, format="svg")
    pyplot.close(figure)


@commands.exit_status("history")
def main(argv: list[str]) -> int:
    """Exit status 0, or 2 when there is no such kernel, target, metric or row."""
    options = _parser().parse_args(argv)
    return _over_releases(options) if options.kernel else _over_commits(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix history",
        description="One metric of one kernel over all Triton releases, one line per configuration. Without a KERNEL:"
        " what each row of the report said at each commit, out of reports/history.",
    )
    add = parser.add_argument
    add("kernel", nargs="?", metavar="KERNEL", help="a kernel, or one configuration's label")
    add("--target", help="of a KERNEL: such as cuda:90")
    add(
        "--metric",
        help="such as registers, spill_stores; without a KERNEL: median_s, passed, worse (default: verdicts)",
    )
    add("--row", metavar="TEXT", help="without a KERNEL: only rows that have this in their names")
    add("--commits", type=int, default=10, metavar="N", help="without a KERNEL: the newest N (default: 10)")
    add("--export", choices=[*exports.FORMATS], help="print the newest commit's rows for another tool, as JSON")
    add("--reports", type=Path, metavar="DIR", help="folder of the atlas files, or of the evidence")
    add("--markdown", action="store_true", help="print a Markdown table")
    add("--plot", type=Path, metavar="FILE.svg", help="draw the lines too (needs matplotlib)")
    return parser


def _over_releases(options: argparse.Namespace) -> int:
    if not options.target or not options.metric:
        raise ValueError("of a KERNEL, --target and --metric are needed: a GPU, and what is looked at")
    folder = options.reports or DEFAULT_FOLDER
    atlases = load(folder)
    lines = series(atlases, options.kernel, options.target, options.metric)
    releases = [atlas["triton"] for atlas in atlases]
    for sentence in [*compare.ages(atlases), *not_whole(atlases, folder)]:
        print(f"history: {sentence}", file=sys.stderr)
    rows = [[label, *values] for label, values in lines.items()]
    print(tables.render([f"{options.metric} {options.target}", *releases], rows, markdown=options.markdown))
    if options.plot:
        plot(lines, releases, f"{options.metric} of {options.kernel}, {options.target}", options.plot)
    return 0


def _over_commits(options: argparse.Namespace) -> int:
    if options.commits < 1:
        raise ValueError(f"--commits is {options.commits}; allowed is a number above 0")
    folder = options.reports or DEFAULT_FOLDER.parent
    remembered = history_file.read(folder)
    if not remembered:
        raise ValueError(f"{folder / history_file.FOLDER} remembers nothing; `report` writes it from a clean checkout")
    points = [point for point in remembered if not options.row or options.row in point.row]
    if not points:
        raise ValueError(f"--row is {options.row!r}; rows are {', '.join(dict.fromkeys(p.row for p in remembered))}")
    if options.export:
        print(json.dumps(exports.FORMATS[options.export](points), indent=1))
        return 0
    commits = list(dict.fromkeys(point.commit for point in reversed(points)))[: options.commits][::-1]
    if options.metric:
        _one_of("--metric", options.metric, [name for point in points for name in point.values])
    lines = over_commits(points, commits, options.metric)
    heads = [display_text.short(commit) for commit in commits]
    print(
        tables.render(
            [options.metric or "row", *heads], [[row, *of] for row, of in lines.items()], markdown=options.markdown
        )
    )
    if options.plot:
        plot(lines, heads, f"{options.metric or 'verdicts'} over commits", options.plot)
    return 0


def over_commits(
    points: Sequence[history_file.Point], commits: Sequence[str], metric: Optional[str]
) -> dict[str, list[Any]]:
    """Per row, its verdict or a figure at each commit, of the commit's last run; ``-`` where it has none."""
    lines: dict[str, list[Any]] = {}
    for point in points:
        value = point.values.get(metric, "-") if metric else point.verdict or f"{point.values.get('median_s', '-')}"
        line = lines.setdefault(point.row, ["-"] * len(commits))
        if point.commit in commits:
            line[commits.index(point.commit)] = value
    return lines
