"""What the installed LayerNorm really launches, compiled with the settings that it launches with.

Forward and backward run on the CPU's tensors with Triton's launcher in place and no GPU: each launch is bound to its
kernel's signature by that Triton's own code, for a GPU that a stand-in driver names, and is then compiled for each
target instead of run. So a launch that does not bind, or that passes no ``num_warps``, is seen as it is.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import platform
import sys
from pathlib import Path
from typing import Any

from triton_matrix.base import files, tables, targets, versions
from triton_matrix.codegen import compile_kernel
from triton_matrix.codegen import metrics as metric
from triton_matrix.codegen.compile import unknown_to
from triton_matrix.evidence import schemas, toolchain
from triton_matrix.launches import driver_standin
from triton_matrix.launches.loading import unwrap

from .plugin import answer_for_the_gpu, ensure_subject

SCHEMA = schemas.LAUNCHES
MODULE = "liger_kernel.ops.layer_norm"
# On either side of where the slow-down of 3.4 was reported, and where Liger asks for most warps.
SIZES = (4096, 8192, 32768)
DTYPES = ("float32", "bfloat16")
TARGETS = ("cuda:90", "hip:gfx942")
ROWS = 64
TYPES = {"float32": "*fp32", "bfloat16": "*bf16", "float16": "*fp16", "int64": "*i64", "int32": "*i32"}


class Bound(Exception):
    """Raised where the compiler would begin: by then the launch has bound its arguments."""


class Recorder:
    """Stands where a compiled kernel's launch begins; keeps what was passed, and why it did not bind."""

    def __init__(self) -> None:
        self.launched: list[tuple[Any, tuple, dict, str]] = []

    def install(self) -> None:
        """Record the launches of every kernel from now on; none of them runs."""
        import triton.compiler
        from triton.runtime.jit import JITFunction

        def stop(*args: Any, **kwargs: Any) -> None:
            raise Bound

        triton.compiler.compile = stop  # where 2.3 looks it up
        driver_standin.install(targets.parse("cuda:90"))
        bind = JITFunction.run

        def run(kernel: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
            problem, kernel.compile = "", stop  # where 3.x does
            try:
                bind(kernel, *args, grid=grid, warmup=True, **kwargs)
            except TypeError as error:
                problem = f"{type(error).__name__}: {error}"
            except Bound:
                pass
            except Exception as error:  # neither binding nor compiling: the launcher itself refuses
                problem = f"{type(error).__name__}: {error}"
            self.launched.append((kernel, args, kwargs, problem))

        JITFunction.run = run


def record(sizes: tuple[int, ...], dtypes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every launch of forward and backward at each size and dtype, compiled for the targets of each platform."""
    import torch

    rows: list[dict[str, Any]] = []
    try:
        importlib.import_module(MODULE)
    except Exception as error:  # a GPU may be all that it lacks: the stand-in driver is tried next
        about = {"kernel": "", "n_cols": "any", "dtype": "", "target": "", "status": "error"}
        rows.append({**about, "reason": f"does not import without a GPU: {type(error).__name__}: {error}"})
        for name in [name for name in sys.modules if name.startswith("liger_kernel.ops")]:
            del sys.modules[name]
    answer_for_the_gpu(132)  # an H100's multiprocessors
    recorder = Recorder()
    recorder.install()
    apply = importlib.import_module(MODULE).LigerLayerNormFunction.apply
    built_for = torch.version.hip
    for backend in ("cuda", "hip"):
        # what a package asks to know its platform, and so to choose its warps
        torch.version.hip = "0.0" if backend == "hip" else None
        names = [name for name in TARGETS if name.startswith(backend)]
        for dtype, n_cols in itertools.product(dtypes, sizes):
            kind = getattr(torch, dtype)
            shapes = ((ROWS, n_cols), (n_cols,), (n_cols,))
            x, w, b = (torch.ones(shape, dtype=kind, requires_grad=True) for shape in shapes)
            start, problem = len(recorder.launched), ""
            try:
                y = apply(x, w, b, 1e-6)
                y.backward(torch.ones_like(y))
            except Exception as error:  # what stops the package before it launches is a finding too
                problem = f"{type(error).__name__}: {error}"
            asked: dict[str, Any] = {"n_cols": n_cols, "dtype": dtype}
            for launch in recorder.launched[start:]:
                rows += [{**asked, **row} for row in _compiled(names, *launch)]
            if problem:
                rows.append({**asked, "target": names[0], "kernel": "", "status": "error", "reason": problem})
    torch.version.hip = built_for
    return rows


def _compiled(
    names_of_targets: list[str], kernel: Any, args: tuple, kwargs: dict, problem: str
) -> list[dict[str, Any]]:
    function = unwrap(kernel)
    num_warps = kwargs.get("num_warps")
    row: dict[str, Any] = {
        "kernel": function.__name__,
        "num_warps": num_warps,
        "num_warps_passed": num_warps is not None,
    }
    import triton

    reasons = {name: unknown_to(targets.parse(name), triton.__version__) for name in names_of_targets}
    if problem:
        reason = f"the launch does not bind: {problem}"
        return [
            {**row, "target": name, "status": "n/a" if why else "error", "reason": why or reason}
            for name, why in reasons.items()
        ]
    names = list(function.arg_names)
    bound = {**dict(zip(names, args)), **{name: value for name, value in kwargs.items() if name in names}}
    constants = {names[index] for index in function.constexprs}
    passed = {name: value for name, value in bound.items() if name not in constants}
    types_ = {name: _type_of(value) for name, value in passed.items() if value is not None}
    constexprs = {name: value for name, value in bound.items() if name in constants or value is None}
    hints = [name for name, value in passed.items() if value is not None and _is_multiple_of_16(value)]
    options = {key: kwargs[key] for key in ("num_warps", "num_stages", "maxnreg") if kwargs.get(key) is not None}
    rows = []
    for target in names_of_targets:
        try:
            result = compile_kernel(function, types_, constexprs, options, hints, target)
        except ValueError as error:
            rows.append({**row, "target": target, "status": "error", "reason": str(error)})
            continue
        found = {
            "target": target,
            "status": result.status,
            "metrics": result.metrics,
            "seconds": round(result.seconds, 3),
        }
        rows.append({**row, **found, **({"reason": result.reason} if result.reason else {})})
    return rows


def _type_of(value: Any) -> str:
    """Triton's type of an argument, as its launcher would say it."""
    if hasattr(value, "data_ptr"):
        return TYPES[str(value.dtype).rpartition(".")[2]]
    if isinstance(value, bool):
        return "i1"
    if isinstance(value, int):
        return "i32" if -(2**31) <= value < 2**31 else "i64"
    return "fp32"


def _is_multiple_of_16(value: Any) -> bool:
    if hasattr(value, "data_ptr"):
        return value.data_ptr() % 16 == 0
    return isinstance(value, int) and value % 16 == 0 and value != 1


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
        rows = record(tuple(options.size or SIZES), DTYPES)
    except Exception as error:  # a package that does not import on this Triton is the finding
        rows = [{"kernel": "", "status": "error", "reason": f"import: {type(error).__name__}: {error}"}]
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
