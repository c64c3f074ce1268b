"""What ``reports/matrix.json`` holds, as types; :mod:`serialise` writes it, :mod:`schema` makes its JSON Schema.

A change that an older reader would misread gets a new number in ``schema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, TypedDict

from ..base.levels import Verdict
from ..evidence import schemas
from ..evidence.causes import Cause

if TYPE_CHECKING:
    from typing_extensions import NotRequired as NotRequired
else:
    from typing import NotRequired as NotRequired  # from Python 3.11 on, which the report needs

Count = Annotated[int, {"minimum": 0}]
Counts = dict[str, Count]


class OnMachine(TypedDict):
    """What one of several kinds of machine found at a level."""

    machine: Annotated[str, "its GPU; at level interpreter the processor's architecture"]
    date: str
    file: str
    failing: Annotated[Count, "tests that fail and are not known to"]
    shortfall: Annotated[str, 'why its run is not a whole one; "" where it is']
    passed: Count
    unlaunched: Annotated[str, 'that no Triton kernel ran; "" where one did']


class Level(TypedDict):
    """A level as matrix.json holds it."""

    date: str
    counts: Counts
    verdict: Verdict
    reason: str
    commit: Optional[str]
    outdated: Annotated[str, 'why it is not of the checkout as it is now; "" where it is']
    own: Annotated[bool, "whether it lies in the checkout's own folder of evidence"]
    was: NotRequired[Annotated[Verdict, "of a stale level: what it was"]]
    # what not every level has: the suites' own figures, and those of a level codegen
    shortfall: NotRequired[Annotated[str, 'why its run is not a whole one; "" where it is']]
    file: NotRequired[str]
    source: NotRequired[str]
    platforms: NotRequired[Annotated[list[str], "whose GPUs gave the results that count"]]
    causes: NotRequired[dict[Cause, int]]
    gone: NotRequired[
        Annotated[list[str], "known failures that no longer occur, are no test, or accept whatever fails"]
    ]
    launched: NotRequired[Annotated[Counts, "how often each kernel of the package ran; empty where it was not counted"]]
    unlaunched: NotRequired[Annotated[str, 'that no Triton kernel ran; "" where one did, or the package has none']]
    waits: NotRequired[Annotated[bool, "whether the suites are for a GPU, so that it may say nothing of kernels"]]
    reruns: NotRequired[Annotated[Counts, "tests that passed, and not at the first attempt, and how many they took"]]
    notes: NotRequired[Annotated[list[str], "what a reader should know of the run, and no failure"]]
    seconds: NotRequired[float]
    versions: NotRequired[Annotated[dict[str, str], "as resolved"]]
    gpu: NotRequired[Optional[str]]
    machines: NotRequired[Annotated[list[OnMachine], "where there are several; the level is the worst of them"]]
    skips: NotRequired[Annotated[list[list[Any]], "reasons of skipped tests and how many"]]
    outcomes: NotRequired[Annotated[str, "one letter for each of `tests`"]]
    environment: NotRequired[Annotated[Optional[int], "index into `environments`"]]
    release: NotRequired[Annotated[str, "of a level codegen: the Triton release in the atlas"]]


class Stopped(TypedDict):
    """What ended a cell before its suites."""

    stage: str
    command: list[Any]
    status: Optional[int]
    date: str
    tail: str


class Unavailable(TypedDict):
    """Why a cell could not be provided."""

    verdict: Verdict
    reason: str
    date: str


class Column(TypedDict):
    """What a row is of."""

    cell: Annotated[str, "of the table"]
    triton: Annotated[str, 'of the cell ambient: what was there; else ""']
    subject: Annotated[str, 'package and version that is under the suites in place of the own; else ""']


class Cell(TypedDict):
    """A row of the matrix."""

    column: Column
    why: str
    asked: Annotated[dict[str, str], "the row's pins; what was resolved stands in the levels"]
    platforms: list[str]
    gaps: list[dict[str, str]]
    verdict: Verdict
    reason: str
    levels: Annotated[dict[str, Level], "only levels that ran"]
    unavailable: Optional[Unavailable]
    stopped: Optional[Stopped]


class Where(TypedDict):
    """Where failures of one root occurred."""

    cell: str
    level: str
    count: int
    tests: list[str]
    command: str


class Failure(TypedDict):
    """All failures with one root cause."""

    cause: Cause
    message: str
    hint: str
    example: str
    known: Optional[str]
    count: Annotated[int, {"minimum": 1}]
    where: Annotated[list[Where], {"minItems": 1}]


class Timing(TypedDict):
    """A benchmark's row."""

    cell: str
    name: str
    implementation: str
    median_s: Annotated[float, {"exclusiveMinimum": 0}]
    gpu: str
    on: Annotated[str, "what tells it from other timings of the cell"]
    settings: str
    triton: Optional[str]
    date: str
    commit: Optional[str]
    outdated: Annotated[str, 'why it is not of the checkout as it is now; "" where it is']
    own: Annotated[bool, "whether it lies in the checkout's own folder of evidence"]
    spread: NotRequired[Optional[float]]
    share_of_copy: NotRequired[Optional[float]]


class Release(TypedDict):
    """A release of the atlas."""

    date: str
    counts: Counts
    worse: Annotated[Count, "configurations that compiled for the worse than in the release before"]
    accepted: Annotated[Count, "of those, how many are accepted"]
    before: NotRequired[Annotated[str, "the release that it was compared with"]]
    commit: Optional[str]
    adapter: Optional[str]
    sources: Annotated[Optional[str], "digest of the package's sources"]
    outdated: str
    own: bool
    shortfall: Annotated[str, 'why it is no whole answer to what was asked of it; "" where it is']
    unavailable: Annotated[str, 'why this machine could not provide it; "" where it did']
    left: Annotated[str, 'what was asked besides and is not of the checkout as it is now; "" where all is']
    empty: Annotated[list[str], "targets that were asked for and that the package gives no configuration for"]
    verdict: Verdict
    reason: str
    was: NotRequired[Verdict]


class Entry(TypedDict):
    """A configuration of the atlas, and what it is made of."""

    id: str
    kernel: str
    settings: list[str]
    target: str
    label: str
    constexprs: dict[str, Any]
    options: dict[str, Any]


class Why(TypedDict):
    """One reason why configurations do not compile, or one warning, with the releases that have it."""

    kind: Literal["error", "warning"]
    text: str
    releases: Annotated[str, "as a range, such as 2.3.1 - 3.2.0, 3.4.0"]
    of: Annotated[dict[str, list[str]], "release -> ids of the configurations that have it there"]


class Step(TypedDict):
    """Two consecutive releases of the atlas, and how much of them is compared."""

    before: str
    after: str
    compared: Annotated[Count, "configurations that are"]
    lines: Annotated[list[str], "one sentence for each kind of those that are not"]


class Columns(TypedDict):
    """The atlas of all releases, as columns."""

    releases: list[str]
    entries: list[Entry]
    metrics: list[str]
    status: Annotated[dict[str, str], "release -> one letter per entry: . ok, n n/a, E error, blank absent"]
    reasons: dict[str, dict[str, str]]
    why: list[Why]
    ended: Annotated[dict[str, dict[str, str]], "release -> entry -> how its error came about: crash, unanswered"]
    cpu_seconds: Annotated[dict[str, list[Optional[float]]], "release -> of each entry's compilation"]
    values: Annotated[dict[str, dict[str, list[Optional[float]]]], "metric -> release -> one number or null per entry"]
    changes: Annotated[list[dict[str, Any]], "for the worse, between consecutive releases"]
    steps: Annotated[list[Step], "how much of two consecutive releases is compared"]
    gone: Annotated[list[str], "accepted codegen changes that no longer occur"]


class Codegen(Columns):
    """The atlas of all releases."""

    summary: dict[str, Release]


class Nearest(TypedDict):
    """The launch of a kernel that is nearest to what bounds it on a GPU."""

    launch: str
    share: float
    of: Annotated[Literal["copy", "matmul"], "what it is the share of: a device copy, or torch's matrix product"]


class KernelRow(TypedDict):
    """A kernel that has a launch, in every release."""

    kernel: str
    levels: Annotated[dict[str, dict[str, Verdict]], "level -> release -> the worst verdict of its entries"]
    shares: NotRequired[Annotated[dict[str, Nearest], "release -> its launch that is nearest to what bounds it"]]


class Scan(TypedDict):
    """What the package's own launches, captured or guessed, say of its kernels."""

    lines: Annotated[list[str], "how many kernels there are, and the range of Tritons; empty where nobody asked"]
    outdated: Annotated[str, 'why it is not of the checkout as it is now; "" where it is']
    command: Annotated[str, "what asks for GPUs that are not here"]


class Changes(TypedDict):
    """What is different from an earlier run."""

    against: str
    against_date: Optional[str]
    newly_failing: list[Where]
    newly_passing: list[Where]
    no_longer_run: list[dict[str, str]]
    slower: list[dict[str, Any]]
    faster: list[dict[str, Any]]
    too_noisy: Annotated[list[dict[str, Any]], "timings of which nothing can be told"]
    compared: Annotated[Count, "timings of which something can be told"]
    gone: Annotated[list[str], "known slow-downs that no longer occur"]
    codegen: Annotated[list[dict[str, Any]], "for the worse, within one release"]
    environment: list[dict[str, Any]]


class Pair(TypedDict):
    """What differs between two cells of one run."""

    left: str
    right: str
    levels: dict[str, list[dict[str, Any]]]
    environment: list[dict[str, Optional[str]]]
    speed: list[dict[str, Any]]


class BenchRun(TypedDict):
    """A run of a cell's bench, by its file of timings or by what it left in place of one."""

    cell: str
    level: str
    platform: Annotated[str, 'whose GPU timed; "" without one, and where no file says it']
    date: str
    commit: Optional[str]
    file: str
    selected: Annotated[bool, "whether rows were left out"]
    skipped: Annotated[Count, "rows that the suite skipped"]
    problem: Annotated[str, 'why it is no whole one, or what is wrong with its rows; "" where nothing is']
    unanswered: Annotated[bool, "whether the problem is that nothing can be told"]
    outdated: Annotated[str, 'why it is not of the checkout as it is now; "" where it is']
    own: Annotated[bool, "whether it lies in the checkout's own folder of evidence"]


class Problem(TypedDict):
    """A file that was left out."""

    file: str
    problem: str
    broken: bool


class Superseded(TypedDict):
    """A result that another one replaced."""

    file: str
    date: str
    kept: str


class File(TypedDict):
    """The raw file of a kept result."""

    what: str
    file: str


class Stored(TypedDict):
    """A GPU run that the repository keeps; it counts for nothing."""

    what: Annotated[str, "tests or bench"]
    triton: str
    gpu: str
    date: str
    commit: Optional[str]
    said: Annotated[str, "what it found"]
    file: Annotated[str, '"" of a bench, which may have several']


class AtCommit(TypedDict):
    """A row as it was at a commit."""

    commit: str
    date: str
    verdict: Annotated[str, 'of the row; "" of a timing']
    median_s: NotRequired[float]


class OverTime(TypedDict):
    """A row at its newest commits."""

    row: str
    line: Annotated[Optional[str], "points of an SVG polyline through its times; null where it has not two"]
    points: Annotated[list[AtCommit], "oldest first"]


class Matrix(TypedDict):
    """The content of ``reports/matrix.json``."""

    schema: Annotated[str, {"const": schemas.MATRIX}]
    date: Annotated[Optional[str], "date of the newest evidence, ISO, UTC"]
    commits: Annotated[list[str], "commits the kept results were taken at, the newest result's first"]
    cells: dict[str, Cell]
    tests: Annotated[list[str], "every test id, sorted; `outcomes` of a level holds one letter for each"]
    outcomes: Annotated[dict[str, str], "letter -> outcome; a blank means that the test was not there"]
    codegen: Codegen
    values: Annotated[Codegen, "what launches computed, as the atlas says what was compiled"]
    launches: list[KernelRow]
    scan: Scan
    failures: list[Failure]
    environments: list[dict[str, Any]]
    benches: list[Timing]
    bench_runs: list[BenchRun]
    incidents: list[dict[str, Any]]
    stale: Annotated[list[str], "what is not of the checkout as it is now, since when and why, one sentence each"]
    problems: Annotated[list[Problem], "files that were left out"]
    superseded: Annotated[list[Superseded], "results that another one replaced"]
    sources: Annotated[list[str], "the folders that were merged"]
    files: Annotated[list[File], "the raw files of the kept results"]
    changes: Annotated[Optional[Changes], "against an earlier run; null where none was named"]
    cell_against_cell: Optional[Pair]
    jobs: Annotated[dict[str, str], "what CI says of its jobs: success, failure, cancelled, skipped, unplanned"]
    stored: NotRequired[Annotated[list[Stored], "GPU runs that the repository keeps, shown and not counted"]]
    history: NotRequired[Annotated[list[OverTime], "every row over commits, from reports/history"]]
    status: Annotated[Literal[0, 1, 2], "0 all passed, 1 a cell failed or regressed, 2 there is no answer"]
    status_reasons: list[str]
