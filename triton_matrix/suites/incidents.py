"""``incidents``: what really broke once, looked at again in every Triton release, each in an environment of its own.

The incidents themselves are files under tests/incidents; this runs them in another process and collects what they saw.
Neither torch nor a GPU is needed. In a cell the same observations are made by tests/incidents/test_incidents.py.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

from ..base import commands, compiler_variables, env_vars, markdown_sections, sources, tables, versions
from ..base.cells import Release, Table, add_root, load_at
from ..environments import stamped
from ..evidence import schemas, toolchain, writing

LEVELS = ("interpreter", "codegen", "build")  # what needs no GPU; level device is observed in cells
INVERT = "TRITON_MATRIX_INVERT_INCIDENTS"  # set to 1, every expectation is the opposite: all must fail
SECONDS = 600


def observe(
    python: str, tests: Path, level: str, wanted: Iterable[str] = (), path: Iterable[Path] = ()
) -> list[dict[str, Any]]:
    """Make a level's observations with ``python``, in a process that they may crash.

    Args:
        tests: the folder that holds ``incidents``.
        level: one of the observations' levels.
        wanted: ids of observations; none given means all of the level.
        path: folders to import from besides ``tests``.

    Returns:
        a row per observation: id, incident, name, level, release, expected, and shown with detail, or ``na`` or
        ``missing`` with the reason, or ``crashed`` with what the process said last; seconds; what the incident is.

    Raises:
        commands.ToolError: the process ended outside every observation.
    """
    rows: dict[str, dict[str, Any]] = {}
    command = [python, "-W", "ignore", "-m", "incidents.observe", level]
    left = list(wanted)
    while True:
        with tempfile.TemporaryDirectory(prefix="triton-matrix-incidents-") as cache:
            env = _environ(level, [tests, *path], cache)
            asked = [*command, *left]
            done = commands.captured(asked, cwd=tests, env=env, timeout_s=SECONDS)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        rows.update({line["id"]: line for line in lines if "id" in line})
        begun = [line for line in lines if "begin" in line]
        if done.returncode == 0 and not (begun and begun[-1]["begin"] not in rows):  # else it ended within one
            return [rows[identity] for identity in sorted(rows)]
        said = " / ".join(done.stderr.strip().splitlines()[-3:])
        if not begun or begun[-1]["begin"] in rows:
            raise commands.ToolError(asked, done.returncode, said)
        last = begun[-1]
        rows[last["begin"]] = {**last["row"], "crashed": f"exit status {done.returncode}: {said}"}
        left = [identity for identity in last["all"] if identity not in rows]
        if not left:
            return [rows[identity] for identity in sorted(rows)]


def _environ(level: str, path: Iterable[Path], cache: str) -> dict[str, str]:
    """The environment of a process that observes: its level, its imports, and a cache that nothing is in yet."""
    env = compiler_variables.without(os.environ)
    if level == "interpreter":
        env[env_vars.INTERPRET] = "1"
    env.update(TRITON_CACHE_DIR=cache, PYTHONPATH=os.pathsep.join(map(str, path)), PYTHONDONTWRITEBYTECODE="1")
    return env


def expected(row: Mapping[str, Any]) -> bool:
    """Whether history, or where it was measured otherwise the measurement, says that the row's release shows it."""
    return bool(row["expected"]) != (os.environ.get(INVERT) == "1")


def as_expected(row: Mapping[str, Any]) -> Optional[bool]:
    """Whether the row is what was expected; None where the observation was not made."""
    if "na" in row or "missing" in row:
        return None
    return "crashed" not in row and row["shown"] == expected(row)


def digest(table: Table) -> str:
    """Digest of the files that say what an incident is and how it is looked at."""
    return sources.digest([table.root / "tests" / "incidents"], table.root)


def observe_releases(table: Table, releases: list[Release], envs: Path, jobs: int) -> list[dict[str, Any]]:
    """Every observation that needs no GPU in every release; those of level build in the newest one alone."""

    def one(release: Release) -> list[dict[str, Any]]:
        levels = LEVELS if release is releases[-1] else LEVELS[:2]
        python = stamped.of_release(release, (), envs)  # a folder of bare Tritons, shared with the atlas
        rows = [row for level in levels for row in observe(str(python), table.root / "tests", level, (), [table.root])]
        print(f"triton {release.triton}: {len(rows)} observations", flush=True)
        return rows

    with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
        return [row for rows in pool.map(one, releases) for row in rows]


def text_table(rows: Iterable[Mapping[str, Any]], *, markdown: bool = False) -> str:
    """Observations by releases: where an incident shows, and with ``!`` where that is not what was expected."""
    rows = list(rows)
    releases = sorted({row["release"] for row in rows}, key=versions.key)
    by_key = {(row["id"], row["release"]): row for row in rows}
    shown = []
    for identity in sorted({row["id"] for row in rows}):
        incident, level, *name = identity.split(":")
        cells = [_mark(by_key.get((identity, release))) for release in releases]
        shown.append([" ".join([incident, *name]), level, *cells])
    return tables.render(["incident", "level", *releases], shown, markdown=markdown)


def _mark(row: Optional[Mapping[str, Any]]) -> str:
    if row is None:
        return ""
    if "na" in row or "missing" in row:
        return "n/a" if "na" in row else "missing"
    return ("crash" if "crashed" in row else "shown" if row["shown"] else "-") + ("" if as_expected(row) else " !")


def describe(rows: Iterable[Mapping[str, Any]]) -> str:
    """Each incident in Markdown: what broke, where the matrix shows it, and how long that takes to find out."""
    by_incident: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in rows:
        by_incident.setdefault(row["incident"], {}).setdefault(row["id"], []).append(row)
    parts = []
    for name, observations in sorted(by_incident.items()):
        about = next(iter(observations.values()))[0]["about"]
        lines = [f"### `{name}`: {about['title']}", "", f"{_sentence(about['symptom'])} Affected: {about['affected']}."]
        lines += ["", f"Public reference: {about['reference']}.", ""]
        for identity, seen in observations.items():
            made = [row for row in seen if "shown" in row]
            seconds = sorted(row["seconds"] for row in made)
            took = f"; {seconds[len(seconds) // 2]:.1f} s a release" if seconds else ""
            label = identity.partition(":")[2].replace(":", ", ")
            example = next((row["detail"] for row in made if row["shown"]), made[0]["detail"] if made else "not seen")
            example = " ".join(example.split()).replace("|", "/")
            lines.append(f"- {label}: shows on {seen[0]['about']['shown_on']}{took}. Seen: `{example}`")
        lines += ["", about["note"]] if about["note"] else []
        parts.append("\n".join(lines).rstrip())
    return "\n\n".join(parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def write_docs(path: Path, document: Mapping[str, Any]) -> None:
    """Put the table and each incident's description between the marks of a Markdown file; ValueError if it has none."""
    table = text_table(document["rows"], markdown=True)
    body = f"Measured on {document['date'][:10]}.\n\n{table}\n\n{describe(document['rows'])}"
    markdown_sections.replace(path, "incidents", body)


@commands.exit_status("incidents", {commands.ToolError: 2, subprocess.TimeoutExpired: 2})
def main(argv: list[str]) -> int:
    """Look at every incident in every Triton release.

    Exit status 0: each that was looked at shows where history says and nowhere else; 1: one does not; 2: cannot ask.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix incidents", description=main.__doc__)
    parser.add_argument("--triton", metavar="A,B,...", help="only these releases")
    add_root(parser)
    parser.add_argument("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/codegen)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: reports/incidents.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="releases side by side")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write it between this Markdown page's marks too")
    options = parser.parse_args(argv)
    table = load_at(options.root)
    names = options.triton.split(",") if options.triton else list(table.releases)
    unknown = [name for name in names if name not in table.releases]
    if unknown:
        raise ValueError(f"triton is {unknown[0]!r}; allowed are {', '.join(table.releases)} ({table.path.name})")
    chosen = [table.releases[name] for name in sorted(names, key=versions.key)]
    envs = (options.envs or table.root / ".nox" / "codegen").resolve()
    rows = observe_releases(table, chosen, envs, options.jobs)
    commit, dirty = toolchain.git_state(table.root)
    document = {"schema": schemas.INCIDENTS, "date": toolchain.now(), "commit": commit, "dirty": dirty, "rows": rows}
    document["sources"] = digest(table)
    writing.incidents(options.out or table.reports / "incidents.json", document)
    print(text_table(rows, markdown=options.markdown))
    for row in rows:
        if "missing" in row:
            print(f"not looked at: {row['id']} on triton {row['release']}: {row['missing']}", file=sys.stderr)
    blind = [release.triton for release in chosen if not _seen(rows, release.triton)]
    if blind:
        raise ValueError(f"nothing could be looked at on triton {', '.join(blind)}")
    if options.docs:
        write_docs(options.docs, document)
    wrong = [row for row in rows if as_expected(row) is False]
    for row in wrong:
        seen = row.get("crashed") or row["detail"]
        print(f"unexpected: {row['id']} on triton {row['release']}: {seen}; expected {_word(expected(row))}")
    return 1 if wrong else 0


def _seen(rows: Iterable[Mapping[str, Any]], release: str) -> bool:
    return any(row["release"] == release and as_expected(row) is not None for row in rows)


def _word(shown: bool) -> str:
    return "shown" if shown else "not shown"
