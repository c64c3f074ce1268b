"""The file of a Triton: pytest-benchmark's own format, and beside it an atlas file's, with an entry for each launch.

A launch's entry says what became of it; the benchmark of the same name, how long it took. A launch that was not timed
has no benchmark.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ...base import compiler_variables, reads
from ...codegen.compare import Change
from ...evidence import atlas_file, schemas
from ...launches import naming
from ...launches.import_names import digest_with_siblings
from ...launches.launch_list import Launched
from .. import bandwidth
from .dots import Peak
from .judging import FAILING, MOVED, SLOWER, Judged, Verdict
from .rounds import Times
from .varying import Varied

_OF_STORAGE = ("args", "dtype", "shape", "strides", "offset", "written", "digest")


def code_digest() -> str:
    """Digest of the code that runs launches on a GPU, and compares and judges them."""
    here = Path(__file__).parent
    digests = [digest_with_siblings(here / name) for name in ("served.py", "judging.py")]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def make(
    about: Mapping[str, Any],
    versions: Mapping[str, str],
    gpu: Mapping[str, Any],
    copy: Optional[float],
    peak: Optional[Peak],
    launches: Sequence[Launched],
    judged: Mapping[str, Judged],
    varied: Mapping[str, Varied],
    read: reads.Reads,
    root: Path,
) -> dict[str, Any]:
    """The content of a release's file.

    Args:
        about: of :func:`atlas_file.make`, with the column's name and its switches.
        versions: of what ran.
        copy: bytes a second of a device copy in the same process.
        peak: torch's matrix products there; None where no launch has dots.
        judged: launch -> what became of it; those that were refused are not there.
        read: what kernels and hook read; paths below ``root`` are kept relative.
    """
    release, target = about["triton"], gpu["arch"]
    made = {**like(about, gpu, read), "python": versions["python"], "versions": dict(versions)}
    made |= {"read": reads.below(read, root), "copy_bytes_per_s": copy}
    made |= {"matmul_operations_per_s": dict(peak.rates)} if peak is not None else {}
    entries = [_entry(each, target, judged.get(each.label)) for each in launches]
    configurations = {target: {each.label: [each.label] for each in launches}}
    filled = atlas_file.fill(made, configurations, entries)
    benchmarks = [
        _benchmark(
            each, target, judged[each.label], judged[each.label].row.times, copy, release, varied.get(each.label)
        )
        for each in launches
        if each.label in judged and judged[each.label].row.times is not None
    ]
    about_machine = {
        "node": "",
        "system": platform.system(),
        "machine": platform.machine(),
        "python_version": versions["python"],
    }
    benchmark = {"machine_info": about_machine, "commit_info": {"id": about.get("commit"), "dirty": about.get("dirty")}}
    return {**filled, **benchmark, "benchmarks": benchmarks, "datetime": filled["date"], "version": "5.2.3"}


def like(about: Mapping[str, Any], gpu: Mapping[str, Any], read: reads.Reads) -> dict[str, Any]:
    """What a file has in common with those that it can be compared with; arguments as of :func:`make`."""
    variables = compiler_variables.of_shell(os.environ)
    return {**about, "gpus": [dict(gpu)], "shell": reads.shell(read), "variables": variables}


def _entry(launch: Launched, target: str, judged: Optional[Judged]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": naming.identifier(launch.label, target),
        "kernel": launch.kernel,
        "settings": list(launch.settings),
        "label": launch.label,
        "target": target,
        "constexprs": launch.asked.get("constexprs", {}),
        "options": launch.asked.get("options", {}),
        "metrics": {},
    }
    if judged is None:
        return {**made, "status": "n/a", "reason": launch.refused}
    failing = [each for each in judged.verdicts if each.kind in FAILING and not each.accepted]
    made["verdicts"] = [_verdict(each) for each in judged.verdicts]
    if judged.remarks:
        made["remarks"] = judged.remarks
    if judged.row.failed is None:
        made["metrics"] = {**judged.row.metrics, "programs": judged.row.values["total"]}
        made["storages"] = [
            {key: each[key] for key in _OF_STORAGE if key in each} for each in judged.row.values["storages"]
        ]
        made["repeats"], made["scale"] = judged.row.repeats, judged.row.values.get("scale", 0.0)
    if not failing:
        return {**made, "status": "ok"}
    reason = "; ".join(f"{each.kind}: {each.what}" for each in failing)
    return {**made, "status": "error" if judged.counts else "n/a", "reason": reason}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    accepted = {"accepted": verdict.accepted} if verdict.accepted else {}
    return {"kind": verdict.kind, "what": verdict.what, **accepted}


def _benchmark(
    launch: Launched,
    target: str,
    judged: Judged,
    times: Optional[Times],
    copy: Optional[float],
    release: str,
    varied: Optional[Varied],
) -> dict[str, Any]:
    """The timing of a launch as pytest-benchmark writes one."""
    assert times is not None
    name, row = naming.identifier(launch.label, target), judged.row
    info: dict[str, Any] = {
        "row": name,
        "level": "device",
        "clock": "device",
        "spread": times.spread,
        "late": times.late,
    }
    n_bytes = moved(judged)
    info |= {"bytes": n_bytes, "dots": row.dots, **bandwidth.rates(n_bytes, times.median, copy)}
    info |= row.share.figures() if row.share is not None else {}
    info["turns"] = [round(statistics.median(turn), 9) for turn in times.turns]
    if row.again is not None:
        info["again"] = {"median": row.again.median, "spread": row.again.spread}
    if varied is not None and release in varied.seconds:
        info["varied"] = [{**dict(options), "median": seconds} for options, seconds in varied.seconds[release].items()]
    about = {"group": launch.kernel, "name": name, "fullname": name, "params": None, "param": None}
    options = {"disable_gc": False, "timer": "device events", "min_rounds": 5, "warmup": True}
    return {**about, "extra_info": info, "options": options, "stats": _stats(times.seconds)}


def moved(judged: Judged) -> int:
    """Bytes that a launch reads and writes once: of each storage as an interpreter saw it, else once."""
    known = judged.interpreted
    return sum(
        size * (known.moved(number) if known is not None and known.whole else 1)
        for number, size in enumerate(judged.row.bytes)
    )


def _stats(seconds: Sequence[float]) -> dict[str, Any]:
    """The figures that pytest-benchmark shows, in seconds."""
    ordered = sorted(seconds)
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    mean = statistics.fmean(ordered)
    stats = {"min": ordered[0], "max": ordered[-1], "mean": mean, "stddev": statistics.pstdev(ordered)}
    stats |= {"median": median, "q1": low, "q3": high, "iqr": high - low, "rounds": len(ordered), "iterations": 1}
    return {**stats, "total": sum(ordered), "ops": 1 / mean, "iqr_outliers": 0, "stddev_outliers": 0, "outliers": "0;0"}


def write(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write a release's file, one line for each launch; returns its path."""
    from ...base import display_text, files

    path = folder / f"{content['triton']}.json"
    listed = {key: content[key] for key in ("entries", "benchmarks")}
    head = json.dumps(
        display_text.cleaned({key: value for key, value in content.items() if key not in listed}), indent=1
    )
    rows = [
        f'"{key}": [\n' + ",\n".join(json.dumps(display_text.cleaned(each)) for each in of) + "\n]"
        for key, of in listed.items()
    ]
    files.write_text(path, head[:-2] + ",\n " + ",\n ".join(rows) + "\n}\n")
    return path


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Launches that are slower in a release, or whose best options moved, as changes from the one before it."""
    old = {item["id"] for item in before["entries"]}
    return [
        Change("worse", item["kernel"], tuple(item["settings"]), item["target"], f"{each['kind']}: {each['what']}", "")
        for item in after["entries"]
        for each in item.get("verdicts", ())
        if item["id"] in old and each["kind"] in (SLOWER, MOVED)
    ]


def about(root: Path, *, of_launches: bool) -> dict[str, Any]:
    """What every file of a run says."""
    return atlas_file.make("", "device", root, code_digest(), of_launches=of_launches, schema=schemas.DEVICE)
