"""Turn stored results into docs/performance.md's table and plot, and results/tables.md, so that no number is typed.

``python -m benchmarks.layer_norm.render``, in tests/, or ``nox -s performance``.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from triton_matrix.base import files, markdown_sections
from triton_matrix.bench.stored_runs import gpus_called

from . import comparisons, conditions, goals, run_tables
from .markdown import DASH, section
from .markdown import table as markdown_table
from .peers import OURS
from .runs import Run, general_and_tuned, joined, most_met, newest, read, same_bench

PART = "results, written by nox -s performance"  # of the page
SWEEPS = "sweeps"  # among what is drawn, beside the GPUs
ROOT = Path(__file__).resolve().parents[3]
HEAD = """# Tables of the results

Written by `nox -s performance` from the raw files beside this page. [performance.md](../docs/performance.md) says how a
row is measured, and why some goals are missed.

Parts of one run (a dtype each, say) are shown as one. Tritons are compared on the same GPU with the same settings only.
A row is level with another within 2 %. A size between two powers of two is compared with the lower of the two. In a
sweep, a drop of more than 10 % from one N to the next is called a cliff. Rows of odd N are not aligned to each other,
so odd N are compared among themselves.
"""


@dataclass(frozen=True)
class Outputs:
    """The files to write.

    Attributes:
        page: a Markdown file with the marks of ``PART``; what stands between them is replaced.
        tables: the Markdown file of all tables.
        plot: the SVG of the first GPU's shares. Those of other GPUs and of sweeps stand beside ``tables``.
    """

    page: Path
    tables: Path
    plot: Path


STANDARD = Outputs(ROOT / "docs" / "performance.md", ROOT / "results" / "tables.md", ROOT / "docs" / "performance.svg")


def main(argv: Sequence[str]) -> int:
    """Render the results: results/ into docs/performance.md and results/tables.md; or other files, printed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layer_norm.render", description=main.__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="files of the bench, or folders: print their tables")
    options = parser.parse_args(argv)
    try:
        if options.paths:
            print(document(read(options.paths)))
            return 0
        written = write(read([ROOT / "results"]), STANDARD)
    except ValueError as error:
        print(f"render: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)
    return 0


def write(runs: Sequence[Run], outputs: Outputs) -> list[Path]:
    """Write the page's table, all tables and the plots; returns what was written.

    Args:
        runs: tables of rows and sweeps, of any GPU, Triton and settings; parts of one run are shown as one.
        outputs: where to.

    Raises:
        ValueError: there is nothing to draw, the page lacks its marks, or there is no matplotlib.
    """
    from . import plotting

    plots, block = plot_paths(runs, outputs), summary(runs, outputs)
    if not markdown_sections.has(outputs.page, PART):
        raise ValueError(
            f"the page is {outputs.page}; it must hold the lines {' and '.join(markdown_sections.marks(PART))}"
        )
    full, sweeps = tables_and_sweeps(runs)
    for drawn, path in plots.items():
        if drawn == SWEEPS:
            plotting.write_sweep(sweeps, path)
        else:
            plotting.write([run for run in full if run.gpu == drawn], path)
    markdown_sections.replace(outputs.page, PART, block)
    files.write_text(outputs.tables, f"{HEAD}\n{document(runs, outputs)}\n")
    return [outputs.page, outputs.tables, *plots.values()]


def summary(runs: Sequence[Run], outputs: Outputs) -> str:
    """The page's block: the lowest shares of the first GPU, and its plot."""
    full, _ = tables_and_sweeps(runs)
    if not full:
        raise ValueError(f"the page is {outputs.page}, but none of the files has a timed table of rows for it")
    first = full[0].gpu
    of_gpu = [run for run in full if run.gpu == first]
    now, met = newest(of_gpu), most_met(of_gpu)
    when = ", ".join(f"{run.triton} {run.about['date'][:10]} ({_source(run, 7)})" for run in now)
    drawn = _image(first, outputs.plot, outputs.page, [first])
    return "\n\n".join([_lowest_shares(now, met), f"Timed: {when}.", drawn])


def document(runs: Sequence[Run], outputs: Optional[Outputs] = None) -> str:
    """All tables: goals, conditions and peers first, then what they rest on; long ones are folded.

    Args:
        runs: in the order of ``runs.read``.
        outputs: where the tables and their plots are written; without it they name no plot.
    """
    full, sweeps = tables_and_sweeps(runs)
    gpus = list(dict.fromkeys(run.gpu for run in full))
    plots = plot_paths(runs, outputs) if outputs else {}
    images = {drawn: _image(drawn, path, outputs.tables, gpus) for drawn, path in plots.items() if outputs}
    parts = [
        *map(_lowest_shares, _by_gpu(full)),
        _conditions([*full, *sweeps]),
        *map(run_tables.peers_summary, full),
        *(images[gpu] for gpu in gpus if gpu in images),
        _what_was_run(runs),
        run_tables.host_times(full),
        *map(run_tables.compiled, full),
        comparisons.general(full),
        comparisons.tritons(full),
        *map(comparisons.sweep, sweeps),
        images.get(SWEEPS, ""),
        section("Every row", *(part for run in full for part in _every_row(run, full))),
    ]
    return "\n\n".join(part for part in parts if part)


def tables_and_sweeps(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The timed runs with parts joined: tables of rows, and sweeps."""
    timed = joined([run for run in runs if run.is_timed])
    return [run for run in timed if not run.is_sweep], [run for run in timed if run.is_sweep]


def plot_paths(runs: Sequence[Run], outputs: Outputs) -> dict[str, Path]:
    """The SVGs to write, by what is drawn: a GPU by its name, or ``SWEEPS``.

    The first GPU is drawn in ``outputs.plot`` itself; beside the tables stand the others as <plot>-<model>.svg, and
    sweeps as <plot>-sweep.svg.

    Raises:
        ValueError: there is nothing to draw.
    """
    plot, beside = outputs.plot, outputs.tables.parent
    full, sweeps = tables_and_sweeps(runs)
    if not full and not sweeps:
        raise ValueError(f"the plot is {plot}, but none of the files has a timed row for it")
    drawn = {**gpus_called(run.gpu for run in full), **({SWEEPS: "sweep"} if sweeps else {})}
    paths = {what: beside / f"{plot.stem}-{_file_name(name)}{plot.suffix}" for what, name in drawn.items()}
    return {**paths, full[0].gpu: plot} if full else paths


def _image(drawn: str, path: Path, page: Path, gpus: Sequence[str]) -> str:
    what = "in the sweep of N" if drawn == SWEEPS else f"by N{_on(drawn, gpus)}"
    return f"![share of the copy bandwidth {what}]({Path(os.path.relpath(path, page.parent)).as_posix()})"


def _file_name(gpu: str) -> str:
    return re.sub(r"\W+", "-", gpu.lower())


def _on(gpu: str, gpus: Sequence[str]) -> str:
    return f" on {gpu}" if len(gpus) > 1 else ""


def _every_row(run: Run, runs: Sequence[Run]) -> list[str]:
    """The long tables of a run; its shares not where it timed no peer but torch and stands beside others already."""
    compared = [beside for together in (*same_bench(runs), *general_and_tuned(runs)) for beside in together]
    whole = len(run.peers) > 1 or not any(run is beside for beside in compared)
    return [run_tables.shares(run), run_tables.small(run), run_tables.first_calls(run)] if whole else []


def _by_gpu(runs: Sequence[Run]) -> list[list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.gpu, []).append(run)
    return list(found.values())


def _lowest_shares(runs: Sequence[Run], met: Optional[Run] = None) -> str:
    """The lowest share of each range of N on one GPU, one column a run; beside the goals, if they are set for it.

    Args:
        met: the run whose nearest peers stand beside; the others then differ by Triton alone, and at which N a goal was
            missed is left to the other tables.
    """
    gpu, named = runs[0].gpu, met is None
    aimed = goals.shares(gpu)
    rows = [["", "N", "goal", *(run.column if named else run.triton for run in runs)]]
    if met:
        rows[0].append(f"nearest peer, {met.triton} ({str(met.about['commit'])[:7]})")
    for (direction, dtype), ranges in (aimed or next(iter(goals.GPUS.values()))).items():
        by_run = [run.shares(direction, dtype) for run in runs]
        previous = 0
        for largest, aim in ranges:
            sizes = [n for n in sorted(set().union(*by_run)) if previous < n <= largest]
            previous = largest
            if sizes:
                label = f"{sizes[0]} - {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
                parts = [{n: shares[n] for n in sizes if n in shares} for shares in by_run]
                cells = [_lowest(part, aim if aimed else 0.0, named) for part in parts]
                nearest = [_nearest_peer(met, direction, dtype, sizes)] if met else []
                rows.append([f"{direction} {dtype}", label, f"{aim:.2f}" if aimed else DASH, *cells, *nearest])
    missed = "; **bold**: missed, at these N." if named else "; **bold**: missed."
    note = "The lowest share of each range of N, by Triton" + (missed if aimed else ".")
    title = f"{'Goals: shares' if aimed else 'Shares'} of the copy bandwidth on {gpu}"
    return section(title, markdown_table(rows), note) if len(rows) > 1 else ""


def _nearest_peer(run: Run, direction: str, dtype: str, sizes: Sequence[int]) -> str:
    """The share of the peer that comes nearest to ours, or passes it, its name, and at which N."""
    ours = run.shares(direction, dtype)
    by_peer = {name: run.shares(direction, dtype, name=name) for name in run.peers}
    both = [(name, n) for name, shares in by_peer.items() for n in sizes if n in shares and n in ours]
    ratios = [(by_peer[name][n] / ours[n], name, n) for name, n in both]
    if not ratios:
        return DASH
    _, name, n = max(ratios)
    return f"{by_peer[name][n]:.3f} {name} ({n})"


def _lowest(shares: dict[int, float], aim: float, named: bool) -> str:
    if not shares:
        return DASH
    missed = [str(n) for n, share in shares.items() if share < aim]
    lowest = f"{min(shares.values()):.3f}"
    at = f"all {len(missed)}" if len(missed) == len(shares) > 2 else ", ".join(missed)
    return f"**{lowest}**" + (f" ({at})" if named else "") if missed else lowest


def _conditions(runs: Sequence[Run]) -> str:
    by_condition: dict[str, list[str]] = {}
    for answer in conditions.answers(runs):
        by_condition.setdefault(answer.condition, []).append(f"  - {answer.run}: {answer.verdict}")
    lines = [line for condition, answered in by_condition.items() for line in (f"- {condition}", *answered)]
    return section("Conditions", "\n".join(lines))


def _source(run: Run, digits: int) -> str:
    """The commit, so many digits of it, and whether the tree that ran had changes."""
    return (run.about["commit"] or DASH)[:digits] + (" + changes" if run.about["dirty"] else "")


def _what_was_run(runs: Sequence[Run]) -> str:
    rows = [["GPU", "triton", "settings", "torch", "python", "driver", "copy GB/s", "timed with it", "date", "commit"]]
    for run in runs:
        about = run.about
        found = about["versions"]
        others = ", ".join(f"{name} {about['implementations'][name]}" for name in run.names if name != OURS)
        copy = f"{about['copy_gb_per_s']:.0f}" if about.get("copy_gb_per_s") else DASH
        driver = str(about["gpus"][0]["driver"]) if about["gpus"] else DASH
        stack = [run.gpu, run.triton, run.settings, found["torch"], found["python"], driver, copy]
        what = str(about["selection"]) if run.is_sweep else others
        rows.append([*stack, what, about["date"][:16].replace("T", " "), _source(run, 10)])
    return section("What was run", markdown_table(rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
