"""``ci-matrix``: the job list of CI, as JSON, from the table. Workflows take it and name no cell themselves."""

from __future__ import annotations

import argparse
import json
from typing import Any, Optional

from ..base import commands
from ..base.cells import Cell, Table, add_root, load_at
from ..evidence.column import NONE, Column
from ..report.expected import BENCH, DEVICE, LAUNCHES, Expected

EVENTS = ("pull_request", "schedule")
RUNNERS = ("hosted", "device")
HOSTED = "hosted"  # the [platform.*] row whose runners have no GPU: levels interpreter and codegen
NEWEST_TOOLS_PYTHON = "3.11"  # where a job belongs to no cell


@commands.exit_status("ci-matrix")
def main(argv: list[str]) -> int:
    """Print the jobs of CI as ``{"include": [...]}``, what GitHub's ``strategy.matrix`` takes.

    Exit status 2 for a bad table, a platform without a runner, or an empty list: an empty matrix would be green.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix ci-matrix", description=main.__doc__)
    add_root(parser)
    parser.add_argument("--event", choices=EVENTS, help="only the jobs of this event (default: all)")
    parser.add_argument("--on", choices=RUNNERS, help="only the jobs of these runners (default: all)")
    parser.add_argument("--expect", action="store_true", help="print what `report` is to expect of these jobs instead")
    options = parser.parse_args(argv)
    table = load_at(options.root)
    job_list = select(jobs(table), options.event, options.on)
    if not job_list:
        raise ValueError(f"{table.path.name} gives no job for event {options.event}, runners {options.on}")
    # One line, so that it can be a step's output
    asked = " ".join(f"--expect {each}" for each in expected(table, job_list))
    print(asked if options.expect else json.dumps({"include": job_list}))
    return 0


def expected(table: Table, job_list: list[dict[str, Any]]) -> list[Expected]:
    """What these jobs must leave: ``report --expect`` is red where one died before it could."""
    listed: list[Expected] = []
    for job in job_list:
        if job["on"] == HOSTED:
            listed.append(Expected(Column(job["cell"]), job["level"]))
        else:
            listed += _left_by_device(table, job["cell"], job["platform"])
            if table.has_values:  # of ambient it is not known which release it has
                release = table.cell(job["cell"]).triton
                listed.append(Expected(NONE, DEVICE, release=str(release) if release in table.releases else ""))
    return list(dict.fromkeys(listed))


def _left_by_device(table: Table, cell: str, platform: str) -> list[Expected]:
    levels = [DEVICE, *([BENCH] if table.has_benches else [])]
    return [Expected(Column(cell), level, platform) for level in levels]


def select(job_list: list[dict[str, Any]], event: Optional[str], runners: Optional[str]) -> list[dict[str, Any]]:
    """The jobs of one event and one kind of runner; None takes all."""
    return [job for job in job_list if event in (None, job["event"]) and runners in (None, job["on"])]


def jobs(table: Table) -> list[dict[str, Any]]:
    """Every job, in the table's order: first without a GPU, then per platform on its own runners.

    Returns:
        One object for each job::

            name      what GitHub shows; also the artifact's name, so it is unique and a plain file name
            cell      a row of the table; "" for the jobs codegen, values and launches, which are of no cell
            level     interpreter, codegen, values, launches or device
            platform  whose runner it is: hosted, or a [platform.*] row
            python    the interpreter to set up; "" takes what the runner has
            runner    the runner's labels
            on        hosted or device
            event     pull_request, or schedule for what may fail without turning the branch red
            commands  copyable, each on a line of its own; the job is red at the first that fails

    Raises:
        ValueError: a platform of a cell has no ``[platform.*]`` row with a ``runner``.
    """
    pinned = [cell for cell in table.cells.values() if not cell.ambient]
    job_list = [_interpreter(table, cell) for cell in pinned]
    if table.releases and table.package.atlas:
        for verb in ("codegen", *(["values"] if table.has_values else [])):
            job_list.append(_job(table, verb, None, verb, HOSTED, [f"nox -s {verb}"]))
    if table.has_unwritten_launches:
        job_list.append(_job(table, LAUNCHES, None, LAUNCHES, HOSTED, [f"nox -s {LAUNCHES}"]))
    for cell in table.cells.values():
        job_list += [_device(table, cell, platform) for platform in dict.fromkeys(cell.platforms)]
    return job_list


def _interpreter(table: Table, cell: Cell) -> dict[str, Any]:
    commands = [f"nox -s tests-{cell.name} -- --level interpreter"]
    return _job(table, f"{cell.name}-interpreter", cell, "interpreter", HOSTED, [*_renew(cell), *commands])


def _device(table: Table, cell: Cell, platform: str) -> dict[str, Any]:
    # ambient runs in the runner's own Python and installs nothing there; nox itself lives in an environment of its own
    nox = "nox --no-venv --no-install" if cell.ambient else "nox"
    # a GPU that is not seen, or is one of another platform, is red, not green
    left = " ".join(f"--require {each}" for each in _left_by_device(table, cell.name, platform))
    commands = [
        *_renew(cell),
        f"{nox} -s tests-{cell.name} -- --level device",
        *([f"{nox} -s bench-{cell.name}"] if table.has_benches else []),
        *([f"{nox} -s bench-{cell.name} -- --launches"] if table.has_values else []),
        f"nox -s report -- {left}",
    ]
    return _job(table, f"{cell.name}-device-{platform}", cell, "device", platform, commands)


def _renew(cell: Cell) -> list[str]:
    """A nightly is resolved again for each run: what it was last night is not what is asked."""
    return [f"nox -s lock -- {cell.name}"] if cell.nightly else []


def _job(
    table: Table, name: str, cell: Optional[Cell], level: str, platform: str, commands: list[str]
) -> dict[str, Any]:
    runner = table.platforms.get(platform, {}).get("runner")
    if not runner:
        raise ValueError(f"{table.path.name}: job {name} needs a row [platform.{platform}] with runner = [labels]")
    return {
        "name": name,
        "cell": cell.name if cell else "",
        "level": level,
        "platform": platform,
        "python": (cell.python or "") if cell else NEWEST_TOOLS_PYTHON,
        "runner": list(runner),
        "on": HOSTED if platform == HOSTED else "device",
        "event": "schedule" if cell and cell.nightly else "pull_request",
        "commands": commands,
    }
