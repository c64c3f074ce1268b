"""The verb ``reproduce``: one file that shows a finding without this project, to hand on to whoever can mend it.

The file holds the kernel with all that it needs, and both releases in its inline script metadata. It is run in both
before it is handed over: a finding that it does not show is not written. docs/reproduce.md shows one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from .. import values
from ..base import cells, commands, compiler_variables, files, targets, tritons
from ..environments import stamped
from ..launches import launch_list, naming
from ..values import computing
from . import explain
from .codegen_cli import choose
from .explaining import compiling, judging
from .reproducing import arguments, metric_patterns, text
from .reproducing.text import COMPILES, VALUES, Finding

SECONDS = 600.0  # of one release


class NotShown(ValueError):
    """The file does not show what it was written for; one sentence."""


@commands.exit_status("reproduce", {NotShown: 1, judging.NoChange: 1})
def main(argv: list[str]) -> int:
    """Write one file that shows a finding without this project.

    Exit status 0: it is written, and shows the finding. 1: the two releases do not differ, the file does not show it,
    or a tool failed. 2: it cannot be asked.
    """
    options = _parser().parse_args(argv)
    if (options.level == "codegen") != (options.target is not None):
        raise ValueError(f"--target is {options.target!r}; level codegen needs one, and level interpreter has none")
    table = cells.load_at(options.root)
    rows = [tritons.row(table, text, options.index) for text in (options.from_, options.to)]
    choose({row.name: row for row in rows}, None, rows[0].name, rows[1].name)
    for row in rows:
        if row.install.endswith(".whl"):
            raise ValueError(f"triton is {row.install!r}, which nobody else has; name a release, or one of an index")
    envs = (options.envs or table.root / ".nox" / "codegen").resolve()
    commands.uv()
    pythons = {row.name: stamped.of_release(row, tuple(options.with_), envs) for row in rows}
    with tempfile.TemporaryDirectory(prefix="triton-matrix-reproduce-") as scratch:
        make = _compiled if options.level == "codegen" else _computed
        finding, pieces, look, name, beside = make(options, table, rows, pythons, Path(scratch))
        called = f"{finding.kernel}.py"
        content = text.file(finding, rows, pieces, look, called)
        compile(content, called, "exec")
        said = {row.name: looked(content, called, pythons[row.name], Path(scratch)) for row in rows}
    if len({str(_seen(each, finding.what)) for each in said.values()}) < 2:
        raise NotShown(f"the file shows no difference in {finding.what}: {_alike(options.level, said)}")
    folder = options.out or table.reports / "reproduce" / name
    for file_name, each in {called: content, **beside}.items():
        files.write_text(folder / file_name, each)
    words = text.issue(finding, content, called, said, list(beside))
    files.write_text(folder / "issue.md", words)
    print(words if options.markdown else f"{finding.title}\n\n{folder / called}\nuv run {folder / called}")
    return 0


Made = tuple[Finding, dict[str, text.Pieces], text.Look, str, dict[str, str]]


def _compiled(
    options: argparse.Namespace,
    table: cells.Table,
    rows: Sequence[cells.Release],
    pythons: Mapping[str, Path],
    scratch: Path,
) -> Made:
    """A finding of level codegen, with the assemblies to lie beside the file."""
    asked, imported = explain.request(options, table)
    answers = {}
    for row in rows:
        request = {**asked, "release": row.name, "folder": str(scratch / row.name), "torch": row.torch}
        answers[row.name] = compiling.ask(pythons[row.name], request, imported)
        asked = {"configuration": answers[row.name]["configuration"]}
    configuration = next(iter(answers.values()))["configuration"]
    target = targets.parse(configuration["target"])
    own = {release: _outcome(answer["results"]["own"]) for release, answer in answers.items()}
    before, after = own.values()
    metric = judging.choose_metric(before, after, options.metric)
    shown = metric if metric == COMPILES else metric_patterns.readable(metric, before.metrics, after.metrics)
    if shown is None:
        known = ", ".join(metric_patterns.of(metric, target.backend))
        raise NotShown(f"a file cannot read {metric}; --metric takes another one, such as {known}")
    functions = _functions(configuration["constexprs"])
    request = {"kernel": configuration["kernel"], "functions": functions, "target": target.name}
    request["configuration"] = configuration
    written = _written(request, rows, pythons, scratch, imported)
    sources = {release: answer["source"] for release, answer in written.items()}
    look = text.compiled(rows, sources, {"num_warps": 4, **configuration["options"]}, target, shown)
    kernel = str(next(iter(written.values()))["name"])
    label = f"{naming.kernel(configuration['kernel']).rpartition(':')[2]} for {target.name}"
    name = f"{kernel}-{target.name.replace(':', '_')}-{rows[0].name}-{rows[-1].name}"
    pieces = {release: answer["pieces"] for release, answer in written.items()}
    beside = _assemblies(scratch, rows, target.backend) if metric != COMPILES else {}
    return _finding(label, kernel, shown, own), pieces, look, name, beside


def _finding(label: str, kernel: str, what: str, own: Mapping[str, judging.Outcome]) -> Finding:
    (one, before), (other, after) = own.items()
    if what == COMPILES:
        broken, reason = (other, after.reason) if after.status != "ok" else (one, before.reason)
        fine = one if broken == other else other
        title = f"{label} does not compile with Triton {broken}, and does with {fine}"
        if before.status == after.status:
            title = f"{label} fails otherwise with Triton {other} than with {one}"
        return Finding(title, what, f"it compiles, as with {fine}.", f"Triton {broken}: it fails.", reason, kernel)
    old, new = before.metrics[what], after.metrics[what]
    title = f"{label}: {what} {old} with Triton {one}, {new} with {other}"
    return Finding(title, what, f"{what} about {old}, as with {one}.", f"{what} {new} with {other}.", "", kernel)


def _assemblies(scratch: Path, rows: Sequence[cells.Release], backend: str) -> dict[str, str]:
    """The assembly of each release as its compiler left it."""
    stage = "ptx" if backend == "cuda" else "amdgcn"
    paths = {f"{row.name}.{stage}": scratch / row.name / f"own.{stage}" for row in rows}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def _computed(
    options: argparse.Namespace,
    table: cells.Table,
    rows: Sequence[cells.Release],
    pythons: Mapping[str, Path],
    scratch: Path,
) -> Made:
    """A finding of level interpreter: other values, or a launch that one of the two does not run."""
    launch = _launch(options)
    torch = {row.name: row.torch for row in rows}
    by = {release: str(python) for release, python in pythons.items()}
    outcomes = values.compute(by, [launch.asked], scratch / "computed", torch=torch, arrays=str(scratch / "arrays"))
    absent = [row.name for row in rows if row.name not in outcomes]
    if absent:
        raise ValueError(f"triton {absent[0]} did not answer")
    changes = [
        each
        for each in computing.changes(by[rows[-1].name], outcomes, scratch / "compared")
        if each.kind in ("values", "status")
    ]
    if not changes:
        statuses = {each[launch.label].row.get("reason") or each[launch.label].status for each in outcomes.values()}
        raise judging.NoChange(f"triton {rows[0].name} and {rows[-1].name} do not differ: {'; '.join(statuses)}")
    asked = launch.asked
    functions = [
        each["function"] for each in asked["constexprs"].values() if isinstance(each, dict) and "function" in each
    ]
    request = {"kernel": asked["kernel"], "functions": functions, "target": "cuda:90"}
    written = _written(request, rows, pythons, scratch, None)
    answer = next(iter(written.values()))
    args, tensors, kinds = arguments.expressions(asked, dict(zip(functions, answer["functions"])))
    look = text.computed(args, tensors, asked["grid"], arguments.fills(kinds))
    reason = changes[0].reason or "; ".join(each.sentence() for each in changes[0].differences)
    one, other = rows[0].name, rows[-1].name
    title = f"{answer['name']} in Triton's interpreter: other values with {other} than with {one}"
    seen = f"{reason} ({one}, then {other})."
    finding = Finding(title, VALUES, f"the same values as with {one}.", seen, "", answer["name"])
    pieces = {release: each["pieces"] for release, each in written.items()}
    return finding, pieces, look, f"{answer['name']}-interpreter-{one}-{other}", {}


def _launch(options: argparse.Namespace) -> launch_list.Launched:
    file = options.launches or (Path(options.kernel) if options.kernel else None)
    if file is None or not file.is_file():
        raise ValueError(f"there is no launch file {file}; level interpreter needs one")
    launches = launch_list.of_files([file])
    wanted = options.label
    fitting = [
        each for each in launches if not wanted or naming.fits(wanted, each.kernel, list(each.settings), "interpreter")
    ]
    if len(fitting) != 1:
        labels = ", ".join(each.label for each in launches)
        raise ValueError(f"--label is {wanted!r}; it names one of {labels}")
    if fitting[0].refused:
        raise ValueError(f"{fitting[0].label} cannot be computed: {fitting[0].refused}")
    return fitting[0]


def _written(
    request: Mapping[str, Any],
    rows: Sequence[cells.Release],
    pythons: Mapping[str, Path],
    scratch: Path,
    imported: Optional[Path],
) -> dict[str, Any]:
    """The kernel's text as each release has it; where one does not load it, the other's serves both.

    Raises:
        ValueError: it loads in neither, or something of it cannot be written down.
    """
    texts: dict[str, Any] = {}
    problems = []
    for row in rows:
        out = scratch / f"written-{row.name}.json"
        files.write_json(scratch / "written.json", {**request, "torch": row.torch, "out": str(out)})
        command = [str(pythons[row.name]), "-m", "triton_matrix.codegen.written", str(scratch / "written.json")]
        path = os.pathsep.join(filter(None, [str(imported) if imported else None, os.environ.get("PYTHONPATH")]))
        done = commands.captured(command, env={**compiler_variables.without(os.environ), "PYTHONPATH": path})
        if done.returncode:
            problems.append((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
        else:
            texts[row.name] = json.loads(out.read_text(encoding="utf-8"))
    if problems:
        raise ValueError(problems[0])
    return texts


def _functions(value: Any) -> list[str]:
    """The references of functions among constexprs."""
    if isinstance(value, dict):
        inside = [each for item in value.values() for each in _functions(item)]
        return [value["function"]] if isinstance(value.get("function"), str) else inside
    return [each for item in value for each in _functions(item)] if isinstance(value, list) else []


def looked(content: str, called: str, python: Path, folder: Path) -> str:
    """What the file prints in a Python with one Triton, of this project's own nothing within its reach."""
    path = folder / "bare" / called
    files.write_text(path, content)
    env = {key: value for key, value in compiler_variables.without(os.environ).items() if key != "PYTHONPATH"}
    try:
        done = commands.captured([str(python), "-P", str(path), "here"], cwd=path.parent, env=env, timeout_s=SECONDS)
    except subprocess.TimeoutExpired:
        raise NotShown(f"{python} took more than {SECONDS:g} s for the file") from None
    if "BEGIN" not in done.stdout.splitlines():
        raise NotShown(f"the file does not begin in {python}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    ended = "" if "SEEN " in done.stdout else f"the process ended with status {done.returncode}\n"
    said = done.stderr.strip().splitlines()[-12:] if ended or '"fails": true' in done.stdout else []
    shown = "\n".join([done.stdout.strip(), ended, *said]).strip()
    for place in (f"{path.parent}{os.sep}", f"{python.parent.parent}{os.sep}"):  # nobody else has these folders
        shown = shown.replace(place, "")
    return shown


def _seen(said: str, what: str) -> Any:
    line = next((line for line in said.splitlines() if line.startswith("SEEN ")), None)
    return json.loads(line.partition(" ")[2]).get(what) if line else "ended"


def _alike(level: str, said: Mapping[str, str]) -> str:
    if level == "interpreter":
        return "the interpreters differ only with the repairs of `values`, or fail alike without them"
    return "; ".join(f"triton {release}: {each.splitlines()[-1]}" for release, each in said.items())


def _outcome(result: Mapping[str, Any]) -> judging.Outcome:
    return judging.Outcome(result["status"], result["reason"], result["note"], result["metrics"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_matrix reproduce", description=main.__doc__)
    add = parser.add_argument
    add("kernel", nargs="?", metavar="KERNEL_OR_LAUNCH", help="a label or id of the atlas, or a launch file FILE.toml")
    add("--launches", type=Path, metavar="FILE.toml", help="the launch; KERNEL then names one of its configurations")
    add("--label", metavar="LABEL", help="which of several configurations")
    add("--from", dest="from_", required=True, metavar="A", help="the earlier release")
    add("--to", required=True, metavar="B", help="the later one")
    add("--index", metavar="URL", help="the only index that the two may come from")
    add("--level", choices=["codegen", "interpreter"], default="codegen", help="compiled, or computed")
    add("--target", metavar="TARGET", help=f"of level codegen: of {', '.join(targets.TARGETS)}")
    add("--metric", help="what to show (default: what got worse in the most telling way)")
    add("--with", dest="with_", action="append", default=[], metavar="REQUIREMENT", help="to load the kernel")
    add("--out", type=Path, metavar="DIR", help="default: reports/reproduce/<what was asked>")
    add("--markdown", action="store_true", help="print the text of an upstream issue")
    add("--envs", type=Path, metavar="DIR", help="folder of the environments (default: .nox/codegen)")
    cells.add_root(parser)
    return parser
