"""Write a matrix of any size, to measure the report with and to look at the page: no result in it was measured.

    python generate.py DIR [--cells 20] [--tests 2000] [--configurations 900] [--failing 40] [--seed 0]

The shapes are those of the real producers: pytest's JUnit with the plugin's properties, the run that it is of,
environment.json, pytest-benchmark's JSON with the bench's extra_info, and one atlas file per release.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import xml.etree.ElementTree as ET
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT))

from triton_matrix.base import cells, sources  # noqa: E402
from triton_matrix.codegen.cache import code_digest  # noqa: E402
from triton_matrix.evidence import atlas_file, atlas_runs, runs, schemas, writing  # noqa: E402
from triton_matrix.launches import naming  # noqa: E402
from triton_matrix.suites import suite_paths  # noqa: E402

# results are of the checkout as it is: its own sources, suites and pins
TABLE = cells.load(ROOT / "constraints" / "cells.toml")
WHEEL = runs.Wheel(sources.package_digest(TABLE), sources.package_digest(TABLE))
SUITES = suite_paths.paths(TABLE)
ATLAS = {"sources": WHEEL.checkout, "hook": atlas_file.hook_digest(TABLE)}
RELEASES = ("2.3.1", "3.0.0", "3.1.0", "3.2.0", "3.3.1", "3.4.0", "3.5.1", "3.6.0", "3.7.1", "3.8.0", "3.9.0")
TARGETS = ("cuda:80", "cuda:90", "cuda:100", "hip:gfx90a", "hip:gfx942", "hip:gfx950", "hip:gfx1100")
SINCE = {
    "cuda:100": "3.3.1",
    "hip:gfx950": "3.2.0",
    "hip:gfx90a": "3.0.0",
    "hip:gfx942": "3.0.0",
    "hip:gfx1100": "3.0.0",
}
KERNELS = ("_layer_norm_forward_kernel", "_layer_norm_backward_kernel", "_layer_norm_backward_reduce_kernel")
SIZES = (512, 1024, 2048, 3072, 4096, 5120, 6144, 8192, 12288, 16384, 32768, 65536, 131072)
PEERS = {"ours": 0.96, "torch": 0.7, "torch.compile": 0.86, "liger": 0.9, "quack": 0.93}
START = datetime(2026, 11, 1, 8, 0, tzinfo=timezone.utc)
COMMIT = "5f0c1d2e3b4a5968778695a4b3c2d1e0f0a1b2c3"
FAILURES = (
    ("TypeError: missing a required argument: 'num_warps'", "triton/runtime/jit.py:432: TypeError"),
    ("AssertionError: dx: error {n} is {n} times torch's own", "correctness/reference.py:88: AssertionError"),
    (
        "triton.compiler.errors.CompilationError: at {n}:4: invalid operands",
        "triton/compiler/compiler.py: CompilationError",
    ),
)


def main() -> None:
    """Write everything the arguments ask for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name, default in (("cells", 20), ("tests", 2000), ("configurations", 900), ("failing", 40), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--names", nargs="*", default=[], help="names of the first cells")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    for number in range(options.cells):
        name = options.names[number] if number < len(options.names) else f"cell{number:02}"
        release = RELEASES[number % len(RELEASES)]
        write_cell(options.folder / name, name, release, number, options, rng)
    atlas = options.folder / "codegen"
    asked = {
        release: write_atlas(atlas / f"{release}.json", release, number, options.configurations, rng)
        for number, release in enumerate(RELEASES)
    }
    opened = START.isoformat()
    run = atlas_runs.AtlasRun("generated", opened, COMMIT, False, *ATLAS.values(), asked, closed=opened)
    atlas_runs.write(atlas, run)


def write_cell(
    folder: Path, name: str, release: str, number: int, options: argparse.Namespace, rng: random.Random
) -> None:
    """Both test levels of one cell, its environment and its benchmarks."""
    folder.mkdir(parents=True)
    date = (START + timedelta(minutes=number)).isoformat()
    gpu = {
        "name": "NVIDIA H100 80GB HBM3",
        "arch": "cuda:90",
        "driver": "570.1",
        "multiprocessors": 132,
        "memory_bytes": 85e9,
    }
    environment = {
        "schema": schemas.ENVIRONMENT,
        "cell": name,
        "date": date,
        "commit": COMMIT,
        "dirty": False,
        "python": "3.11.7",
        "platform": {"system": "Linux", "machine": "x86_64", "release": "6.1"},
        "torch": {"version": "2.11.0", "cuda": "13.0", "hip": None, "distribution": "torch"},
        "triton": {"version": release, "distribution": "triton"},
        "gpus": [gpu],
        "distributions": {f"distribution-{i}": f"{rng.randrange(9)}.{number}" for i in range(60)} | {"triton": release},
        "package": {"version": "0.1.0", "origin": "wheel", "requires": ["torch>=2.1.2", "triton>=2.3.1"]},
        "subject": None,
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    for level in ("interpreter", "device"):
        write_junit(folder, name, release, level, date, number, options, rng)
    rows = [
        benchmark(direction, dtype, size, implementation, level, rng)
        for direction in ("forward", "backward")
        for dtype in ("bf16", "fp32")
        for size in SIZES
        for implementation, level in PEERS.items()
    ]
    about = {"schema": schemas.BENCHMARK, "cell": name, "level": "device", "date": date, "gpus": [gpu]}
    about |= {"versions": {"python": "3.11.7", "torch": "2.11.0", "triton": release}, "wheel": asdict(WHEEL)}
    document = {"machine_info": {}, "commit_info": {}, "benchmarks": rows, "datetime": date, "triton_matrix": about}
    (folder / "benchmark.json").write_text(json.dumps(document))


def write_junit(
    folder: Path,
    name: str,
    release: str,
    level: str,
    date: str,
    number: int,
    options: argparse.Namespace,
    rng: random.Random,
) -> None:
    """One level: ``options.tests`` tests, of which the first third of the cells fail some at level interpreter."""
    failing = options.failing if number % 3 == 1 and level == "interpreter" else 0
    cell = TABLE.cells.get(name)
    pins = sources.pins_digest(TABLE, cell) if cell else None
    inputs = runs.Inputs(sources.suites_digest(TABLE, suite_paths.folder(TABLE), SUITES), pins)
    run = runs.Run(f"{name}-{level}", name, level, date, COMMIT, False, WHEEL, inputs, SUITES, closed=date)
    run.collected, run.status = run.finished, int(failing > 0)
    run.kernels = [f"liger_kernel/kernels/layer_norm.py:{kernel}" for kernel in KERNELS]
    counts = {"failures": 0, "skipped": 0, "errors": 0}
    root = ET.Element("testsuites", name="pytest tests")
    suite = ET.SubElement(
        root, "testsuite", name="pytest", tests=str(options.tests), hostname="generated", timestamp=date
    )
    gpu = "NVIDIA H100 80GB HBM3" if level == "device" else ""
    properties = {
        "cell": name,
        "level": level,
        "run": run.id,
        "date": date,
        "commit": COMMIT,
        "python": "3.11.7",
        "torch": "2.11.0",
    }
    holder = ET.SubElement(suite, "properties")
    for key, value in {**properties, "triton": release, "gpu": gpu}.items():
        ET.SubElement(holder, "property", name=key, value=value)
    for test in range(options.tests):
        module, function = f"test_{'abcdefgh'[test % 8]}", f"test_results_agree[{test}-bf16-{test * 7}]"
        run.finished.append(f"tests/correctness/{module}.py::{function}")
        run.launches[run.finished[-1]] = {run.kernels[test % 2]: 2}
        classname = f"tests.correctness.{module}"
        case = ET.SubElement(suite, "testcase", classname=classname, name=function, time="0.010")
        if test < failing:
            counts["failures"] += 1
            message, frame = FAILURES[test % len(FAILURES)]
            message = message.replace("{n}", f"{rng.random():.6f}")
            ET.SubElement(case, "failure", message=message).text = f"{'frame ' * 60}\nE   {message}\n\n{frame}"
        elif test % 17 == 0:
            counts["skipped"] += 1
            ET.SubElement(case, "skipped", message="n/a: the interpreter of Triton 2.3.1 has no bfloat16")
    for what, count in counts.items():
        suite.set(what, str(count))
    ET.ElementTree(root).write(writing.junit_file(folder, level), encoding="utf-8", xml_declaration=True)
    writing.run_file(folder, level).write_text(json.dumps(run.as_json()))


def benchmark(
    direction: str, dtype: str, size: int, implementation: str, level: float, rng: random.Random
) -> dict[str, object]:
    """One row as pytest-benchmark writes it, with the bench's figures."""
    fall = 0.02 * (SIZES.index(size) - 8) ** 2 / 40 + (0.07 if direction == "backward" else 0)
    share = level - fall + rng.gauss(0, 0.006)
    info = {
        "level": "device",
        "row": f"large-{dtype}-{2**27 // size}x{size}-{direction}",
        "kind": "large",
        "direction": direction,
        "dtype": dtype,
        "n_cols": size,
        "n_rows": 2**27 // size,
        "implementation": implementation,
        "share_of_copy": round(share, 4),
        "spread": 0.01,
    }
    stats = {"median": 2**27 * 4 / (share * 2.97e12), "rounds": 50}
    return {"name": f"test_row[{info['row']}-{implementation}]", "stats": stats, "extra_info": info}


def write_atlas(path: Path, release: str, number: int, configurations: int, rng: random.Random) -> atlas_runs.Asked:
    """One release's atlas: spills of the widest backward jump at 3.4.0 and settle at 3.6.0, all else hardly moves.

    Returns what was asked of it.
    """
    path.parent.mkdir(exist_ok=True)
    entries = []
    for index in range(configurations):
        target, rest = TARGETS[index % len(TARGETS)], index // len(TARGETS)
        kernel, size = KERNELS[rest % len(KERNELS)], SIZES[rest // len(KERNELS) % len(SIZES)]
        settings = [f"n_cols={size}", "bf16" if rest % 2 else "fp32", f"case={rest}"]
        name = f"liger_kernel.kernels.layer_norm:{kernel}"
        label = naming.label(name, settings)
        known = RELEASES.index(SINCE.get(target, RELEASES[0])) <= number
        entry = {
            "id": naming.identifier(label, target),
            "kernel": name,
            "settings": settings,
            "label": label,
            "target": target,
            "args": {},
            "constexprs": {},
        }
        entry |= {
            "options": {"num_warps": 8},
            "hints": [],
            "seconds": 0.2,
            "status": "ok" if known else "n/a",
            "metrics": {},
        }
        if known:
            wide = kernel == KERNELS[1] and size >= 8192 and target == "cuda:90"
            spills = (158 if number < 5 else 808 if number < 7 else 24) + rest % 5 if wide else 0
            registers = 32 + size // 700 + number % 3
            entry["metrics"] = metrics_of(target, registers, spills, rng)
        else:
            entry["reason"] = f"Triton {release} does not know {target}"
        entries.append(entry)
    document = {"schema": schemas.CODEGEN, "triton": release, "adapter": "generated", "python": "3.11.7"}
    asked: dict[str, dict[str, list[str]]] = {target: {} for target in TARGETS}
    for entry in entries:
        asked[str(entry["target"])][str(entry["label"])] = [str(entry["label"])]
    document |= {
        "date": START.isoformat(),
        "commit": COMMIT,
        **ATLAS,
        "read": {},
        "shell": {},
        "harness": code_digest(),
    }
    document |= {"configurations": asked, "entries": sorted(entries, key=lambda item: str(item["id"]))}
    path.write_text(json.dumps(document))
    return atlas_runs.Asked({target: [*labels] for target, labels in asked.items()}, atlas_runs.DONE)


def metrics_of(target: str, registers: int, spills: int, rng: random.Random) -> dict[str, int]:
    """The metrics of one compilation, by backend."""
    shared = {"threads": 256, "global_loads": 24, "global_loads_128": 20, "global_stores": 8, "global_stores_128": 8}
    shared |= {"fp64_instructions": 0, "instructions": 900 + rng.randrange(60), "barriers": 4}
    if target.startswith("cuda"):
        cuda = {
            "registers": registers,
            "spill_stores": spills,
            "spill_loads": spills + 10 * bool(spills),
            "stack_bytes": spills * 2,
        }
        return shared | cuda | {"local_bytes": 0, "shared_bytes": 64, "occupancy_warps": 40, "code_bytes": 9000}
    hip = {"vgprs": registers, "sgprs": 40, "agprs": 0, "vgpr_spills": spills, "sgpr_spills": 0, "scratch_bytes": 0}
    return shared | hip | {"lds_bytes": 64, "waves_per_simd": 8}


if __name__ == "__main__":
    main()
