"""``bench``: run a cell's benchmarks in this Python, compare them, print them; or render stored results."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Optional

from ..base import files
from ..base.cells import find_root, load_at
from . import peers, regression, table

PACKAGES = ("pytest", "pytest_benchmark", "torch", "triton")


def main(argv: list[str]) -> int:
    """Time a cell's LayerNorm in this Python; without a GPU, compile it and say that nothing was timed.

    Writes reports/<cell>/benchmark.json (pytest-benchmark's format), whole or not at all. Arguments after -- go to
    pytest. Exit status: 0, 1 where a row failed or regressed, 2 where the question cannot be asked.
    """
    own, pytest_args = _split(argv)
    options = _parser().parse_args(own)
    try:
        if options.render:
            from . import render

            return render.main(options.render, options.markdown, options.plot)
        return _bench(options, pytest_args)
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m triton_matrix bench",
        description=main.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--cell", default="ambient", help="a row of constraints/cells.toml (default: ambient)")
    add("--root", type=Path, help="the repo root (default: found from the current folder up)")
    add("--reports", type=Path, help="where evidence goes (default: reports/ in the repo root)")
    add("--level", choices=("auto", "device", "interpreter", "codegen"), default="auto", help="default: auto")
    add("--peers", default="torch", help=f"comma-separated: {', '.join(peers.names())} (default: torch)")
    add("--peer-path", action="append", default=[], metavar="NAME=PATH", help="import a peer from a folder or a wheel")
    add("--peer-rows", metavar="REGEX", help="large rows to time peers other than torch on (small ones: all)")
    add("--peer-seconds", type=float, help="time no further peer, torch excepted, once the run is this old")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="a subset that answers in a minute")
    which.add_argument("--sweep", action="store_true", help="ours only, N in fine steps; writes sweep.json instead")
    add("--rows", metavar="REGEX", help="only rows whose id matches, e.g. 'bf16.*x4096-backward'")
    add("--budget", type=float, default=0.1, help="seconds of rounds per measurement (default: 0.1)")
    add("--no-compile-time", action="store_true", help="leave out the compile-time and first-call rows")
    add("--against", metavar="FILE|CELL", help="compare with a stored benchmark.json, or with another cell's")
    add("--threshold", type=float, default=regression.THRESHOLD, help="slow-down never called (default: 0.05)")
    render = parser.add_argument_group("rendering stored results")
    render.add_argument(
        "--render", nargs="+", type=Path, metavar="PATH", help="run nothing; render these files or folders"
    )
    render.add_argument("--markdown", type=Path, help="the file whose generated block to rewrite")
    render.add_argument("--plot", type=Path, help="an SVG to write")
    return parser


def _bench(options: argparse.Namespace, pytest_args: list[str]) -> int:
    root = find_root(options.root)
    cell = load_at(root).cell(options.cell).name
    peers.parse_names(options.peers)
    peers.parse_paths(options.peer_path)
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"cell {cell} needs {', '.join(missing)} in {sys.executable}; install it there")
    reports = (options.reports or root / "reports").resolve()
    base = regression.read(_baseline(options.against, reports)) if options.against else None
    level = options.level if options.level != "auto" else _level_here()
    runner = Runner(root, cell, level, reports / cell, options, pytest_args)
    print(f"cell {cell}, level {level}" + ("" if level == "device" else ": no kernel is timed"), flush=True)
    target = reports / cell / ("sweep.json" if options.sweep else "benchmark.json")
    status, report = runner.run(options.rows)
    if report is None:
        raise ValueError(f"pytest exited with {status} and left no result; {target} is as it was")
    if base is not None:
        regression.check_comparable(report, base)
        status = max(status, _compare(runner, report, base, options))
    files.write_text(target, table.compact_json(report))
    print(table.text(report))
    print(f"wrote {target}")
    return status


class Runner:
    """Runs the benchmark files under pytest, in a process of its own so that a crash leaves this one to say so."""

    def __init__(
        self, root: Path, cell: str, level: str, evidence: Path, options: argparse.Namespace, pytest_args: list[str]
    ) -> None:
        self.root, self.level, self.pytest_args, self.options = root, level, pytest_args, options
        package = Path(__file__).resolve().parents[2]
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        evidence_of = {"TRITON_MATRIX_CELL": cell, "TRITON_MATRIX_EVIDENCE": str(evidence), "PYTHONPATH": path}
        self.env = {**os.environ, **evidence_of}
        for name in ("TRITON_INTERPRET", "TRITON_MATRIX_LEVEL"):
            self.env.pop(name, None)
        if level == "interpreter":
            self.env["TRITON_INTERPRET"] = "1"

    def run(self, rows: Optional[str], again: bool = False) -> tuple[int, Optional[dict[str, Any]]]:
        """Run the benchmark files.

        Args:
            rows: regular expression on ids.
            again: a re-measurement: our timed rows only, without peers.

        Returns:
            0 or 1, and the report; pytest's exit status and None where it left none.
        """
        options = self.options
        kind = "quick" if options.quick else "sweep" if options.sweep else "full"
        names = ["bench_layer_norm"] if self.level != "codegen" else ["bench_codegen"]
        if self.level != "codegen" and not (again or options.sweep or options.no_compile_time):
            names += ["bench_first_call", *(["bench_codegen"] if self.level == "device" else [])]
        command = [sys.executable, "-m", "pytest", *(f"benchmarks/{name}.py" for name in names), "-q"]
        command += [f"--bench-level={self.level}", f"--bench-table={kind}", f"--bench-budget={options.budget}"]
        if not any(argument.startswith("--benchmark") for argument in self.pytest_args):
            command.append("--benchmark-quiet")  # our own table is printed instead, unless theirs was asked for
        command += [] if again else [f"--bench-peers={options.peers}"]
        command += [] if again else [f"--bench-peer-path={item}" for item in options.peer_path]
        command += [f"--bench-peer-rows={options.peer_rows}"] if options.peer_rows else []
        command += [f"--bench-peer-seconds={options.peer_seconds}"] if options.peer_seconds else []
        command += [f"--bench-rows={rows}"] if rows else []
        command += self.pytest_args
        with tempfile.TemporaryDirectory(prefix="liger-bench-") as folder:
            scratch = Path(folder) / "benchmark.json"
            command.append(f"--benchmark-json={scratch}")
            done = subprocess.run(command, cwd=self.root / "tests", env=self.env, check=False)
            if done.returncode not in (0, 1) or not scratch.is_file() or not scratch.stat().st_size:
                return done.returncode, None
            return done.returncode, json.loads(scratch.read_text(encoding="utf-8"))


def _compare(runner: Runner, report: dict[str, Any], base: dict[str, Any], options: argparse.Namespace) -> int:
    """Compare with the baseline, re-measure what looks slower, and note the outcome in the report. 1 = regressed."""
    now, old = regression.entries(report), regression.entries(base)
    suspects = regression.slower(now, old, options.threshold)
    confirmed: list[regression.Change] = []
    if suspects:
        print(f"{len(suspects)} rows look slower than {options.against}; measuring them again", flush=True)
        pattern = "^(" + "|".join(re.escape(change.row) for change in suspects) + ")$"
        _, again = runner.run(pattern, again=True)
        if again is None:
            raise ValueError("the rows that look slower could not be measured again")
        confirmed = regression.slower(regression.entries(again), old, options.threshold, [c.row for c in suspects])
    report["triton_matrix"]["against"] = {
        "baseline": options.against,
        "baseline_cell": base["triton_matrix"]["cell"],
        "baseline_date": base["triton_matrix"]["date"],
        "compared": len(now.keys() & old.keys()),
        "threshold": options.threshold,
        "not_confirmed": sorted({change.row for change in suspects} - {change.row for change in confirmed}),
        "regressed": [vars(change) for change in confirmed],
    }
    return 1 if confirmed else 0


def _baseline(against: str, reports: Path) -> Path:
    """The file that ``--against`` means: a path, or another cell's report."""
    path = Path(against)
    if path.suffix == ".json":
        return path
    report = reports / against / "benchmark.json"
    if not report.is_file():
        raise ValueError(f"against is {against!r}; it is no .json file, and there is no {report}")
    return report


def _level_here() -> str:
    """``device`` where torch sees a GPU; asked in a process of its own, because importing torch takes seconds."""
    code = "import torch; print(torch.cuda.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise ValueError(f"torch does not import here: exit status {done.returncode}, {last}")
    return "device" if done.stdout.strip().endswith("True") else "codegen"


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]
