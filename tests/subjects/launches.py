"""What the installed LayerNorm really launches, compiled with the settings that it launches with.

Forward and backward run under ``capture``, with a GPU stood in for; the launches that it writes are compiled for that
GPU's target. So a launch that no call binds, or that passes no ``num_warps``, is seen as it is.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triton_matrix.base import commands, files, tables, versions
from triton_matrix.codegen import batches
from triton_matrix.codegen import metrics as metric
from triton_matrix.evidence import schemas, toolchain
from triton_matrix.launches import launch_file

from . import calls
from .plugin import ensure_subject

SCHEMA = schemas.LAUNCHES
# On either side of where the slow-down of 3.4 was reported, and where Liger asks for most warps.
SIZES = (4096, 8192, 32768)
TARGETS = ("cuda:90", "hip:gfx942")


def record(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Every launch of forward and backward at each size and dtype, compiled for each target; a row each.

    Raises:
        commands.ToolError: the launches could not be captured.
    """
    rows: list[dict[str, Any]] = []
    try:
        importlib.import_module(calls.MODULE)
    except Exception as error:  # a GPU may be all that it lacks: with one stood in for it is tried next
        about = {"kernel": "", "n_cols": "any", "dtype": "", "target": "", "status": "error"}
        rows.append({**about, "reason": f"does not import without a GPU: {type(error).__name__}: {error}"})
    for target in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            rows += _of_target(target, sizes, Path(folder))
    return rows


def _of_target(target: str, sizes: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    problems = folder / "problems.json"
    script = [str(Path(calls.__file__).resolve()), str(problems), *map(str, sizes)]
    capture = ["-m", "triton_matrix", "capture", "--target", target, "--most", "99", "-o", str(folder), "--", *script]
    done = commands.captured([sys.executable, *capture])
    if not problems.is_file():
        raise commands.ToolError(capture, done.returncode, done.stderr[-600:])
    rows: list[dict[str, Any]] = [
        {**each, "target": target} for each in json.loads(problems.read_text(encoding="utf-8"))
    ]
    paths = sorted(folder.glob("*.toml"))
    configurations = [each for path in paths for each in launch_file.expand_all(path, [target])]
    asked = [about(launch_file.read(path), sizes) for path in paths]

    def done_with(index: int, compiled: batches.Rows) -> None:
        for configuration, result in compiled:
            num_warps = configuration.options.get("num_warps", configuration.constexprs.get("num_warps"))
            row = {"kernel": configuration.function, "num_warps": num_warps, "num_warps_passed": num_warps is not None}
            row |= {"target": target, "status": result.status, "metrics": result.metrics}
            row |= {"seconds": round(result.seconds, 3), **({"reason": result.reason} if result.reason else {})}
            rows.append({**asked[index], **row})

    refused = batches.compile_all(configurations, batches.Settings(), done_with)
    for index, why in refused.items():
        row = {"kernel": configurations[index].function, "num_warps": None, "num_warps_passed": True, "target": target}
        rows.append({**asked[index], **row, "status": "error", "reason": why})
    return rows


def about(launch: dict[str, Any], sizes: Sequence[int]) -> dict[str, Any]:
    """Which of the calls a launch file is of: the length of the rows, and the dtype; sums beside it are fp32."""
    tensors = [value["tensor"] for value in launch["args"].values() if isinstance(value, dict) and "tensor" in value]
    lengths, dtypes = {tensor["shape"][-1] for tensor in tensors}, {tensor["dtype"] for tensor in tensors}
    n_cols = max(lengths & set(sizes), default=max(lengths))
    return {"n_cols": n_cols, "dtype": next(calls.DTYPES[each] for each in reversed(calls.DTYPES) if each in dtypes)}


def summary(folder: Path) -> str:
    """Every ``launches.json`` under a folder as one Markdown table: what it found, a column per Triton.

    Raises:
        ValueError: there is none.
    """
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/launches.json"))]
    if not documents:
        raise ValueError(f"{folder} holds no <cell>/launches.json")
    found = {(each["cell"].partition("@")[2] or "ours", each["triton"]): each["rows"] for each in documents}
    releases = sorted({release for _, release in found}, key=versions.key)
    rows = [
        [name, *(_in_short(found[name, each]) if (name, each) in found else "" for each in releases)]
        for name in sorted({name for name, _ in found})
    ]
    return tables.render(["what was launched", *releases], rows, markdown=True)


def _in_short(rows: list[dict[str, Any]]) -> str:
    """What is wrong with one package on one Triton; of each kernel's spills, those of the worst dtype."""
    said: list[str] = []
    worst: dict[str, tuple[int, str]] = {}
    for row in rows:
        short, metrics = row["kernel"].replace("_layer_norm_", "").replace("_kernel", ""), row.get("metrics", {})
        if row["status"] == "error":
            said.append(
                f"{short or 'all'} {row.get('target', '')}: {row['reason'].split(';')[0][:90]}".replace("|", "/")
            )
        elif row["status"] == "ok" and not row["num_warps_passed"]:
            said.append(f"{short}: no num_warps")
        spills = metric.spills(metrics)
        if spills:
            registers = metric.first(metrics, "registers")
            stack = metric.first(metrics, "scratch")
            found = spills, f"{metric.spilled(metrics)}, {stack} B of stack at {registers} registers"
            size = f"{short} {row['n_cols']} {row['target']}"
            worst[size] = max(found, worst.get(size, found))
    said += [f"{size}: {text}" for size, (_, text) in worst.items()]
    return "<br>".join(dict.fromkeys(said)) or "nothing"


def main(argv: list[str]) -> int:
    """Compile what the installed LayerNorm launches, with the settings that it launches with.

    Exit status 0: everything binds and compiles, with num_warps passed and without a spill; 1: something does not.
    """
    parser = argparse.ArgumentParser(prog="python -m subjects.launches", description=main.__doc__)
    parser.add_argument("--cell", default="ambient", help="the cell's name (default: ambient)")
    parser.add_argument("--column", help="what the evidence is shown under (default: the cell's name)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repo root (default: the current folder)")
    parser.add_argument("--size", type=int, action="append", help=f"n_cols (default: {', '.join(map(str, SIZES))})")
    parser.add_argument("--json", type=Path, help="write to this file")
    parser.add_argument("--summary", type=Path, metavar="DIR", help="only print what the files under DIR found")
    options = parser.parse_args(argv)
    if options.summary:
        try:
            print(summary(options.summary))
        except ValueError as error:
            print(f"launches: {error}", file=sys.stderr)
            return 2
        return 0
    import triton

    ensure_subject()
    try:
        rows = record(options.size or SIZES)
    except commands.ToolError as problem:
        print(f"launches: {problem}", file=sys.stderr)
        return 2
    commit, dirty = toolchain.git_state(options.root)
    if options.json:
        document = {"schema": SCHEMA, "cell": options.column or options.cell, "date": toolchain.now(), "rows": rows}
        document.update(triton=triton.__version__, python=platform.python_version(), commit=commit, dirty=dirty)
        files.write_json(options.json, document)
    worse = [sentence for row in rows for sentence in findings(row)]
    for sentence in dict.fromkeys(worse):
        print(sentence)
    print(f"triton {triton.__version__}: {len(rows)} compiled launches, {len(worse)} findings")
    return 1 if worse else 0


def findings(row: dict[str, Any]) -> list[str]:
    """What is wrong with a row, a sentence each."""
    where = (
        f"{row['kernel'] or 'LayerNorm'} n_cols={row.get('n_cols', '?')} {row.get('dtype', '')} {row.get('target', '')}"
    )
    if row["status"] == "error":
        return [f"{where}: {row['reason']}"]
    metrics, found = row.get("metrics", {}), []
    if not row["num_warps_passed"]:
        found.append(f"{where}: launched without num_warps, at the default of 4")
    spilled = metric.spilled(metrics)
    if spilled:
        registers = metric.first(metrics, "registers")
        stack = metric.first(metrics, "scratch")
        found.append(f"{where}: {spilled}, {stack} bytes of stack, {registers} registers")
    if metrics.get("fp64_instructions"):
        found.append(f"{where}: {metrics['fp64_instructions']} fp64 instructions")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
