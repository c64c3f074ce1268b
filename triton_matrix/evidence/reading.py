"""Read folders of evidence files. Each file says itself what it is; one that does not is named and left out.

A folder is searched at any depth, so ``reports/``, an unpacked CI artifact and ``results/`` are read alike.
"""

from __future__ import annotations

import functools
import json
import math
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Optional

from ..base import text
from ..base.terms import LEVELS, RUN_LEVELS
from . import runs, schemas

# written by this report itself, or inputs of other tools that live beside the evidence
DERIVED = {"matrix.json", "index.html", "summary.md"}
# a file of such a name is damaged, not foreign, when it does not say what it is
NAMES = {"environment.json", "unavailable.json", "failure.json", "benchmark.json", "launches.json"}
NAMES |= {f"run-{level}.json" for level in RUN_LEVELS}
SKEW = timedelta(minutes=10)  # how far two machines' clocks may be apart; a date beyond that is in the future
WHOLE = 2**63  # a JSON number beyond it is no count, no size and no time
# worst first: a test that pytest lists twice (a failing body, then a failing teardown) keeps the worse outcome
OUTCOMES = {"E": "error", "F": "failed", ".": "passed", "s": "skipped", "n": "n/a"}
NOT_APPLICABLE = "n/a: "  # how the pytest plugin begins the reason of a skip that is a known gap of the cell
TEXT_KEPT = 4000  # characters of a failure's traceback that are looked at: its end, where the raising frame is


@dataclass
class Failure:
    """One failing test as pytest recorded it. ``phase`` is ``call`` for its body, else ``setup`` (with collection)."""

    test: str
    phase: str
    message: str
    text: str


@dataclass
class Suite:
    """What one run of a level left: outcome letters per test id (see OUTCOMES), failures, and what it was run on.

    Attributes:
        run: its ``run-<level>.json``; None for a result of before runs had such files.
        counted: what its ``junit-<level>.xml`` counts; None where the run left none.
        crash: the ``failure.json`` that is all the run left, as runs did before they had files of their own.
    """

    cell: str
    level: str
    date: str
    file: str
    source: str
    properties: dict[str, str]
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)
    incidents: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    run: Optional[runs.Run] = None
    counted: Optional[runs.Counted] = None
    crash: Optional[Document] = None

    @property
    def folder(self) -> Path:
        """Where it lies: what lies beside it is of the same machine."""
        return Path(self.file).parent


@dataclass
class Document:
    """One JSON evidence file about a cell: its content, and where and when it comes from."""

    cell: str
    date: str
    file: str
    source: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A file that was left out and why. ``broken``: it claims to be evidence but cannot be read as such."""

    file: str
    problem: str
    broken: bool


@dataclass
class Evidence:
    """Everything found in the folders given, in the order found."""

    suites: list[Suite] = field(default_factory=list)
    environments: list[Document] = field(default_factory=list)
    benches: list[Document] = field(default_factory=list)
    unavailable: list[Document] = field(default_factory=list)
    failures: list[Document] = field(default_factory=list)
    atlas: list[Document] = field(default_factory=list)
    launches: list[Document] = field(default_factory=list)
    incidents: list[Document] = field(default_factory=list)
    runs: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.suites or self.benches or self.unavailable or self.failures or self.atlas or self.launches)


class Unusable(ValueError):
    """A file that is left out; ``broken`` tells damaged evidence from a file that is something else."""

    def __init__(self, problem: str, broken: bool = True) -> None:
        super().__init__(problem)
        self.broken = broken


def read(folders: list[Path]) -> Evidence:
    """Everything that the folders hold. A folder that does not exist holds nothing and is a problem."""
    found = Evidence()
    for folder in folders:
        if not folder.is_dir():
            found.problems.append(Problem(_shown(folder), "there is no such folder", True))
            continue
        for path in sorted(folder.rglob("*")):
            asked_apart = "specs" in path.relative_to(folder).parts  # of kernels that someone asked about: not ours
            wanted = path.suffix in (".json", ".xml") and path.name not in DERIVED and not asked_apart
            if wanted and path.is_file():
                _read_file(found, folder, path)
    _pair(found)
    return found


def _pair(found: Evidence) -> None:
    """Give each suite the run that it is of; a run, or a crash of a level, that left no suite is one without tests."""
    by_place = {(suite.folder, suite.level): suite for suite in found.suites}
    for document in found.runs:
        run = runs.from_json(document.content)
        suite = by_place.get((Path(document.file).parent, run.level))
        if suite is None:
            said = {"commit": run.commit} if run.commit else {}
            suite = Suite(run.cell, run.level, document.date, document.file, document.source, said)
            found.suites.append(suite)
        suite.run, suite.date = run, document.date
    for document in [item for item in found.failures if item.content["stage"].startswith("run:")]:
        found.failures.remove(document)
        level = document.content["stage"].partition(":")[2]
        if level not in RUN_LEVELS:
            found.problems.append(Problem(document.file, f"is of stage {document.content['stage']!r}", True))
            continue
        crashed = Suite(document.cell, level, document.date, document.file, document.source, {}, crash=document)
        found.suites.append(crashed)


def as_utc(date: Optional[str]) -> str:
    """An ISO date in UTC to the second, so that dates compare as text; without a zone it is taken as UTC.

    Raises:
        Unusable: no date, not one, or one that is still to come.
    """
    try:
        moment = datetime.fromisoformat(str(date))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Unusable(f"its date is {date!r}; an ISO date is needed to tell the newest") from None
    if moment > datetime.now(timezone.utc) + SKEW:
        raise Unusable(f"its date is {date!r}, which is in the future: no result of now could take its place")
    return moment.isoformat(timespec="seconds")


def is_subject(cell: str) -> bool:
    """Whether a row of the matrix is of another package than ours."""
    return "@" in cell


def table_cell(cell: str) -> str:
    """The cell's name in the table: ``ambient`` for the row ``ambient-3.6.0`` of a matrix, and without a subject."""
    return "ambient" if cell.startswith("ambient-") else cell.partition("@")[0]


def session(cell: str) -> str:
    """The command that runs the cell's suites; what the running Python has is taken as it is."""
    options = "--no-venv --no-install " if table_cell(cell) == "ambient" else ""
    return f"nox {options}-s tests-{table_cell(cell)}"


def _read_file(found: Evidence, folder: Path, path: Path) -> None:
    source = str(folder)
    try:
        if path.suffix == ".xml":
            found.suites.append(read_junit(path, source))
            return
        kind, document = _read_json(path, source)
        getattr(found, kind).append(document)
    except Unusable as error:
        found.problems.append(Problem(_shown(path), text.clean(str(error)), error.broken))
    except OSError as error:
        found.problems.append(Problem(_shown(path), f"cannot be read: {error.strerror}", True))


def _shown(path: Path) -> str:
    return text.printable(str(path))


# schema of a file -> the list of Evidence that it belongs to, which is also its definition in evidence.schema.json
SCHEMAS = {
    schemas.ENVIRONMENT: "environments",
    schemas.RUN: "runs",
    schemas.UNAVAILABLE: "unavailable",
    schemas.FAILURE: "failures",
    schemas.CODEGEN: "atlas",
    schemas.LAUNCHES: "launches",
    schemas.INCIDENTS: "incidents",
}


def load_json(raw: str) -> Any:
    """A JSON file's content, fit to be shown (:func:`triton_matrix.base.text.cleaned`).

    Raises:
        ValueError: it is not JSON; Python's own reader also takes NaN, infinity and numbers of any size.
    """

    def number(word: str) -> float:
        value = float(word)
        if not math.isfinite(value):
            raise ValueError(f"{word[:40]} is no number that JSON can hold")
        return value

    def whole(word: str) -> int:
        if len(word) > 20 or abs(int(word)) > WHOLE:
            raise ValueError(f"{word[:40]} is larger than anything that is counted here")
        return int(word)

    try:
        return text.cleaned(json.loads(raw, parse_float=number, parse_int=whole, parse_constant=number))
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _read_json(path: Path, source: str) -> tuple[str, Document]:
    try:
        content = load_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unusable(f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Unusable("is foreign: not an object", broken=path.name in NAMES)
    if "benchmarks" in content and "machine_info" in content:  # pytest-benchmark's own format
        if not content.get("triton_matrix"):
            problem = "is foreign: a pytest-benchmark file that our bench did not write"
            raise Unusable(problem, broken=path.name in NAMES)
        _check(content, "benches")
        about = content["triton_matrix"]
        return "benches", Document(about["cell"], as_utc(about["date"]), _shown(path), source, content)
    schema = str(content.get("schema") or "")
    if schema not in SCHEMAS:
        named = f"its schema is {schema!r}" if schema else "it names no schema"
        ours = schema.startswith("triton-matrix/") or path.name in NAMES
        raise Unusable(f"is foreign: {named}; known are {', '.join(SCHEMAS)}", broken=ours)
    kind = SCHEMAS[schema]
    _check(content, kind)
    if kind == "runs" and path.parent.name != content["cell"]:
        raise Unusable(f"says that it is of cell {content['cell']!r} but lies in the folder {path.parent.name!r}")
    date = as_utc(content["opened" if kind == "runs" else "date"])
    return kind, Document(content.get("cell", ""), date, _shown(path), source, content)


def _check(content: dict[str, Any], kind: str) -> None:
    """Raise Unusable with the first thing that a file of the kind must not say or leave out."""
    error = next(_validator(kind).iter_errors(content), None)
    if error is not None:
        raise Unusable(f"cannot be used: at {error.json_path} {error.message[:200]}")


@functools.cache
def _validator(kind: str) -> Any:
    import jsonschema  # not needed to read one JUnit file, which is all that bisect does

    schema = json.loads(Path(__file__).with_name("evidence.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})


def read_junit(path: Path, source: str) -> Suite:
    """One JUnit file of pytest's, with the properties that the pytest plugin of the matrix records.

    Raises:
        Unusable: not XML, not JUnit, without its cell, level or date, or in another cell's folder.
        OSError: it cannot be read.
    """
    suite: Optional[Suite] = None
    properties: dict[str, str] = {}
    timestamp, outermost = None, None
    counted = runs.Counted()
    try:
        for event, element in ET.iterparse(path, events=("start", "end")):
            if event == "start":
                outermost = outermost or element.tag
                if outermost not in ("testsuites", "testsuite"):
                    raise Unusable(f"is foreign: its root is <{outermost}>, not <testsuites>", broken=False)
                if element.tag == "testsuite":
                    timestamp = element.get("timestamp")
                    _count_header(counted, element)
                elif element.tag == "testcase":  # pytest writes the suite's own properties before its first test
                    suite = suite or _suite(path, source, properties, timestamp)
            elif element.tag == "properties" and suite is None:
                said = {item.get("name", ""): text.clean(item.get("value", "")) for item in element}
                properties = {name: value for name, value in said.items() if value not in ("", "None")}
            elif element.tag == "testcase" and suite is not None:
                _add_case(suite, counted, element)
                element.clear()
    except Unusable:
        raise
    except (ET.ParseError, ValueError, LookupError) as error:  # also an encoding that is unknown or none of text
        raise Unusable(f"is not XML: {error}") from None
    suite = suite or _suite(path, source, properties, timestamp)
    counted.run = suite.properties.get("run", "")
    suite.counted = counted
    return suite


def _suite(path: Path, source: str, properties: dict[str, str], timestamp: Optional[str]) -> Suite:
    level = properties.get("level") or path.stem.removeprefix("junit-")
    if level not in LEVELS:
        raise Unusable(f"does not say its level: neither a property `level` nor its name is one of {', '.join(LEVELS)}")
    cell = properties.get("cell") or path.parent.name
    if "cell" in properties and path.name.startswith("junit-") and path.parent.name != cell:
        raise Unusable(f"says that it is of cell {cell!r} but lies in the folder {path.parent.name!r}")
    return Suite(cell, level, as_utc(properties.get("date") or timestamp), _shown(path), source, properties)


def _count_header(counted: runs.Counted, element: ET.Element) -> None:
    """Add the counts that a suite's own line gives; one that is no number makes the sum none."""
    for name in ("tests", "failures", "errors", "skipped"):
        said, before = element.get(name, ""), counted.header.get(name, 0)
        number = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None
        counted.header[name] = None if number is None or before is None else before + number


def _add_case(suite: Suite, counted: runs.Counted, element: ET.Element) -> None:
    # of a file that cannot be collected pytest gives no class, and the file's dotted name as the name
    parts = filter(None, (element.get("classname"), element.get("name")))
    identity = text.clean("::".join(parts))
    counted.cases[identity] += 1
    test = identity.removeprefix("tests.")
    _add_seconds(suite, test, element.get("time") or "0")
    outcome = "."
    for child in element:
        message = text.clean((child.get("message") or "").strip())
        if child.tag in ("failure", "error"):
            outcome = "F" if child.tag == "failure" else "E"
            counted.held["failures" if outcome == "F" else "errors"] += 1
            said = text.clean((child.text or "")[-TEXT_KEPT:])
            suite.failures.append(Failure(test, "call" if outcome == "F" else "setup", message, said))
        elif child.tag == "skipped":
            outcome = "n" if message.startswith(NOT_APPLICABLE) else "s"
            counted.held["skipped"] += 1
            suite.skips[message or "no reason given"] += 1
    order = list(OUTCOMES)
    known = suite.outcomes.get(test, outcome)
    suite.outcomes[test] = min(outcome, known, key=order.index)
    found = element.find("properties")
    if found is not None and test.startswith("incidents"):
        values = {item.get("name", ""): text.clean(item.get("value", "")) for item in found}
        suite.incidents.append({"test": test, "outcome": OUTCOMES[suite.outcomes[test]], **values})


def _add_seconds(suite: Suite, test: str, time: str) -> None:
    try:
        seconds = float(time)
    except ValueError:
        seconds = math.nan
    suite.seconds += seconds
    if not math.isfinite(suite.seconds) or seconds < 0:
        raise Unusable(f"says that {test} took {time!r} seconds")
