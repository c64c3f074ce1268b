"""Read folders of evidence files. Each file says itself what it is; one that does not is named and left out.

A folder is searched at any depth, so ``reports/``, an unpacked CI artifact and ``results/`` are read alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base import display_text
from ..base.levels import FILED
from . import atlas_file, atlas_runs, bench_runs, file_names, runs, scan_file, schemas, validators
from .column import NONE, parse
from .documents import OUTCOMES as OUTCOMES
from .documents import Atlas as Atlas
from .documents import Document as Document
from .documents import Evidence as Evidence
from .documents import Failure as Failure
from .documents import Problem as Problem
from .documents import Suite as Suite
from .documents import Unusable as Unusable
from .documents import as_utc, shown
from .documents import load_json as load_json
from .junit import NEEDS_GPU as NEEDS_GPU
from .junit import NOT_APPLICABLE as NOT_APPLICABLE
from .junit import read_junit as read_junit

SCHEMA = Path(__file__).with_name("evidence.schema.json")
# written by this report itself, or inputs of other tools that live beside the evidence
DERIVED = {file_names.MATRIX, file_names.PAGE, file_names.SUMMARY}
# a file of such a name is damaged, not foreign, when it does not say what it is
NAMES = {file_names.ENVIRONMENT, file_names.UNAVAILABLE, file_names.FAILURE, file_names.BENCHMARK, file_names.LAUNCHES}
NAMES |= {*atlas_runs.NAMES.values(), bench_runs.NAME, *map(file_names.run, FILED)}


def read(folders: list[Path]) -> Evidence:
    """Everything that the folders hold. A folder that does not exist holds nothing and is a problem."""
    evidence, seen = Evidence(), set()
    for folder in folders:
        if not folder.is_dir():
            evidence.problems.append(Problem(shown(folder), "there is no such folder", True))
            continue
        for path in sorted(_files(folder, evidence.problems)):
            asked_apart = "launches" in path.relative_to(folder).parts  # of kernels that someone asked about: not ours
            if path.name == scan_file.NAME and path.parent.name == file_names.SCANNED:
                evidence.scans.append(path)
            wanted = path.suffix in (".json", ".xml") and path.name not in DERIVED and not asked_apart
            if wanted and path.is_file() and path.resolve() not in seen:
                seen.add(path.resolve())  # a folder that is named twice, or within another, has each file once
                _read_file(evidence, folder, path)
    _pair(evidence)
    _pair_atlas(evidence.atlas, evidence.atlas_runs, "codegen")
    _pair_atlas(evidence.values, evidence.values_runs, "values")
    _pair_atlas(evidence.device, evidence.device_runs, "device")
    return evidence


def imported(folder: Path) -> dict[str, str]:
    """The versions of torch and Triton that a run's process imported, as far as its folder says them."""
    try:
        record = load_json((folder / file_names.ENVIRONMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    versions = {name: record[name].get("version") for name in ("torch", "triton")}
    return {name: str(version) for name, version in versions.items() if version}


def _files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """Every file below a folder, through links to folders too. A folder that cannot be read is a problem."""

    def tell(error: OSError) -> None:
        problems.append(Problem(shown(Path(error.filename)), f"cannot be read: {error.strerror}", True))

    seen = set()
    for place, below, names in os.walk(folder, onerror=tell, followlinks=True):
        if os.path.realpath(place) in seen:  # a link to a folder above
            below.clear()
            continue
        seen.add(os.path.realpath(place))
        yield from (Path(place, name) for name in names)


def _pair(evidence: Evidence) -> None:
    """Give each suite the run that it is of; a run that left no suite is one without tests."""
    by_place = {(suite.folder, suite.level): suite for suite in evidence.suites}
    for document in evidence.runs:
        run = runs.from_json(document.content)
        suite = by_place.get((Path(document.file).parent, run.level))
        if suite is None:
            said = {**run.versions, **({"commit": run.commit} if run.commit else {})}
            column = parse(run.cell, run.versions.get("triton", ""))
            suite = Suite(column, run.level, document.date, document.file, document.source, said)
            evidence.suites.append(suite)
        suite.run, suite.date = run, document.date


def _pair_atlas(atlases: list[Atlas], declared: list[Document], verb: str) -> None:
    """Give each atlas file the run of its folder; a release that was asked for and left no file is one without."""
    for document in declared:
        run = atlas_runs.from_json(document.content, verb)
        there = {each.release: each for each in atlases if each.folder == Path(document.file).parent}
        for release, opened in run.opened_by_release().items():
            if release not in there:
                content: dict[str, Any] = {"triton": release, "date": opened, "commit": run.commit, "entries": []}
                there[release] = Atlas(NONE, "", document.file, document.source, content, release, there=False)
                atlases.append(there[release])
            there[release].run, there[release].date = run, max(there[release].date, as_utc(opened))


def _read_file(evidence: Evidence, folder: Path, path: Path) -> None:
    source = str(folder)
    try:
        if path.suffix == ".xml":
            evidence.suites.append(read_junit(path, source))
            return
        kind, document = _read_json(path, source)
        getattr(evidence, kind).append(document)
    except Unusable as error:
        evidence.problems.append(Problem(shown(path), display_text.clean(str(error)), error.broken))
    except OSError as error:
        evidence.problems.append(Problem(shown(path), f"cannot be read: {error.strerror}", True))


# schema of a file -> the list of Evidence that it belongs to, which is also its definition in evidence.schema.json
SCHEMAS = {
    schemas.ENVIRONMENT: "environments",
    schemas.RUN: "runs",
    schemas.BENCH_RUN: "bench_runs",
    schemas.UNAVAILABLE: "unavailable",
    schemas.FAILURE: "failures",
    schemas.CODEGEN: "atlas",
    schemas.CODEGEN_RUN: "atlas_runs",
    schemas.VALUES: "values",
    schemas.VALUES_RUN: "values_runs",
    schemas.DEVICE: "device",
    schemas.DEVICE_RUN: "device_runs",
    schemas.LAUNCHES: "launches",
    schemas.INCIDENTS: "incidents",
}


OVER_RELEASES = ("atlas_runs", "values_runs", "device_runs")


def _read_json(path: Path, source: str) -> tuple[str, Document]:
    try:
        content = load_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unusable(f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Unusable("is foreign: not an object", broken=path.name in NAMES)
    if "benchmarks" in content and "machine_info" in content and "schema" not in content:  # pytest-benchmark's own
        return "benches", _bench(content, path, source)
    schema = str(content.get("schema") or "")
    if schema not in SCHEMAS:
        named = f"its schema is {schema!r}; known are {', '.join(SCHEMAS)}" if schema else "it names no schema"
        raise Unusable(f"is foreign: {named}", broken=schema.startswith("triton-matrix/") or path.name in NAMES)
    kind = SCHEMAS[schema]
    _check(content, kind)
    if kind in ("atlas", "values", "device"):
        return kind, _atlas(content, path, source)
    if kind in ("runs", "bench_runs") and path.parent.name != content["cell"]:
        raise Unusable(f"says that it is of cell {content['cell']!r} but lies in the folder {path.parent.name!r}")
    for each in content.get("earlier", ()) if kind in OVER_RELEASES else ():
        as_utc(each["opened"])
    date = as_utc(content["opened" if kind in ("runs", "bench_runs", *OVER_RELEASES) else "date"])
    return kind, Document(parse(content.get("cell", "")), date, shown(path), source, content)


def _bench(content: dict[str, Any], path: Path, source: str) -> Document:
    about = content.get("triton_matrix")
    if not about:
        problem = "is foreign: a pytest-benchmark file that our bench did not write"
        raise Unusable(problem, broken=path.name in NAMES)
    _check(content, "benches")
    column = parse(about["cell"], about["versions"].get("triton") or "")
    return Document(column, as_utc(about["date"]), shown(path), source, content)


def _atlas(content: dict[str, Any], path: Path, source: str) -> Atlas:
    if atlas_file.lacks(content):
        raise Unusable(f"is not whole: {atlas_file.lacks(content)}")
    release = content["triton"]
    if path.stem != release:
        raise Unusable(f"says that it is of triton {release} but is called {path.name!r}")
    return Atlas(NONE, as_utc(content["date"]), shown(path), source, content, release)


def _check(content: dict[str, Any], kind: str) -> None:
    """Raise Unusable with the first thing that a file of the kind must not say or leave out."""
    error = next(validators.of(SCHEMA, kind).iter_errors(content), None)
    if error is not None:
        raise Unusable(f"cannot be used: at {error.json_path} {error.message[:200]}")
