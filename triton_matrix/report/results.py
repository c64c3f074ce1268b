"""Each result, annotated once: whether it is of the checkout as it is now, of which machine, whole or not, and why.

What comes after this asks a result, and nobody else, what it is worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Optional, TypeVar

from ..base.cells import Table
from ..base.levels import SANITIZER
from ..bench.stored_runs import Run as Bench
from ..codegen import metrics as codegen_metrics
from ..evidence import bench_runs, causes, runs
from ..evidence.column import Column
from ..evidence.reading import OUTCOMES, Atlas, Document, Evidence, Failure, Suite
from ..evidence.toolchain import called
from ..suites.incidents import as_expected
from .known import Known
from .standing import Current, Standing

Record = TypeVar("Record", Suite, Document, Atlas)
ON_A_GPU = ("device", SANITIZER)
PLATFORM_OF = {"cuda": "cuda", "hip": "rocm"}


@dataclass(frozen=True)
class Result(Generic[Record]):
    """A result, and what it is worth.

    Attributes:
        record: what was read.
        outdated: why it is not of the checkout as it is now; "" where it is.
        own: whether it lies in the checkout's own folder of evidence.
    """

    record: Record
    outdated: str
    own: bool

    @property
    def date(self) -> str:
        """When it was taken."""
        return self.record.date

    @property
    def file(self) -> str:
        """Where it lies."""
        return self.record.file


@dataclass(frozen=True)
class SuiteResult(Result[Suite]):
    """A run of a level.

    Attributes:
        is_counted: whether it is part of today's answer: it is not outdated, or outdated ones count too.
        shortfall: why its run is not a whole one; "" where it is, or where there is no run file to say so.
        shortfall_cause: of that.
        machine: its GPU, without one the processor's architecture; "" where its files do not say it.
        platform: of its GPU, at level device; "" where nothing says it.
        environment: the environment file beside it.
        findings: what is wrong with it, with the causes.
        counts: outcome -> tests; ``known`` is how many of the failing ones are accepted.
        causes: of the failing tests that are not.
        gone: rows of known failures that no longer occur here, a sentence each.
        unlaunched: that no Triton kernel ran, as a sentence; "" where one did, or the package has none.
        waits: whether the suites are written for a GPU, so that this level may say nothing of kernels.
    """

    is_counted: bool
    shortfall: str
    shortfall_cause: causes.Cause
    machine: str
    platform: str
    environment: Optional[Document]
    findings: tuple[causes.Finding, ...]
    counts: Mapping[str, int]
    causes: Mapping[causes.Cause, int]
    gone: tuple[str, ...]
    unlaunched: str
    waits: bool

    @property
    def failing(self) -> int:
        """How many tests fail that are not known to."""
        return self.counts["failed"] + self.counts["error"] - self.counts["known"]

    @property
    def ran_no_kernel(self) -> str:
        """That its tests passed without a kernel; "" where they did not, or failed."""
        return self.unlaunched if self.counts["passed"] and not self.failing else ""


@dataclass(frozen=True)
class LaunchesResult(Result[Document]):
    """What another package under our suites really launched, compiled: the level codegen of its column.

    What fails there is a finding about that package, and does not count in our exit status.
    """

    findings: tuple[causes.Finding, ...]
    counts: Mapping[str, int]
    causes: Mapping[causes.Cause, int]


@dataclass(frozen=True)
class ReleaseResult(Result[Atlas]):
    """What one Triton release made of the launches that were asked for: compiled, computed, or ran."""

    standing: Standing


@dataclass(frozen=True, order=True)
class Place:
    """What a benchmark file is of; of two files of the same place one stands.

    Attributes:
        column: ``ambient`` files stand under their Triton.
        level: of the matrix.
        gpu: the GPU's name; "" where none timed it.
        settings: how the kernels were set up; "" where the suite did not say.
        is_sweep: whether it is a fine sweep of sizes.
    """

    column: Column
    level: str
    gpu: str
    settings: str
    is_sweep: bool = False


@dataclass(frozen=True)
class BenchResult(Result[Document]):
    """A benchmark file.

    Attributes:
        about: its header.
        is_selection: whether rows were left out, so that it is not of the whole suite.
        platform: whose GPU timed; "" without one.
    """

    about: Mapping[str, Any]
    place: Place
    is_selection: bool
    platform: str


@dataclass(frozen=True)
class DeclaredBench(Result[Document]):
    """A run of the bench that was declared.

    Attributes:
        shortfall: why it left no timings of its suite; "" where it did.
    """

    run: runs.Run
    shortfall: str


@dataclass(frozen=True)
class IncidentsResult(Result[Document]):
    """What a run over bare Triton releases saw of the incidents.

    Attributes:
        rows: one for each incident, level and release, with whether it was as expected: passed, failed, n/a.
    """

    rows: tuple[tuple[Mapping[str, Any], str], ...]


@dataclass(frozen=True)
class Results:
    """All results, in the order in which they were found.

    Attributes:
        stopped: why a cell ended before its suites.
        unavailable: why one could not be provided.
    """

    suites: tuple[SuiteResult, ...]
    stopped: tuple[Document, ...]
    unavailable: tuple[Document, ...]
    benches: tuple[BenchResult, ...]
    declared: tuple[DeclaredBench, ...]
    launches: tuple[LaunchesResult, ...]
    codegen: tuple[ReleaseResult, ...]
    values: tuple[ReleaseResult, ...]
    incidents: tuple[IncidentsResult, ...]
    device: tuple[ReleaseResult, ...] = ()


def annotate(evidence: Evidence, current: Current, known: Known) -> Results:
    """All results of the evidence, by the checkout that is asked about and the failures that it accepts."""
    beside = {item.folder: item for item in evidence.environments}
    return Results(
        tuple(_suite(each, beside.get(each.folder), current, known) for each in evidence.suites),
        tuple(evidence.failures),
        tuple(evidence.unavailable),
        tuple(_bench(each, current) for each in evidence.benches),
        tuple(_declared(each, current) for each in evidence.bench_runs),
        tuple(map(_launches, evidence.launches)),
        tuple(_release(each, current) for each in evidence.atlas),
        tuple(_release(each, current) for each in evidence.values),
        tuple(_incidents(each, current) for each in evidence.incidents),
        tuple(_release(each, current) for each in evidence.device),
    )


def _suite(suite: Suite, environment: Optional[Document], current: Current, known: Known) -> SuiteResult:
    outdated, shortfall = current.outdated(suite), _shortfall(suite)
    gpus = environment.content.get("gpus", ()) if environment and suite.level in ON_A_GPU else ()
    findings = tuple(_findings(suite, shortfall, known))
    failing = [each for each in findings if each.test != causes.WHOLE_RUN]
    counted = Counter(suite.outcomes.values())
    counts = {outcome: counted[letter] for letter, outcome in OUTCOMES.items()}
    return SuiteResult(
        suite,
        outdated,
        current.is_own(suite),
        current.allow_stale or not outdated,
        shortfall,
        causes.of_shortfall(shortfall).cause,
        _machine(suite, environment),
        _platform_of(gpus),
        environment,
        findings,
        {**counts, "known": len({each.test for each in failing if each.known})},
        Counter(each.cause for each in failing if not each.known),
        tuple(known.gone(str(suite.column), suite.level, suite.outcomes)),
        _unlaunched(suite, current.table),
        current.table.package.needs_gpu and suite.level == "interpreter",
    )


def _shortfall(suite: Suite) -> str:
    if suite.run is None:
        problem = suite.counted.contradiction() if suite.counted else ""
        return f"the JUnit file cannot be right: {problem}" if problem else ""
    return runs.shortfall(suite.run, suite.counted)


def _findings(suite: Suite, shortfall: str, known: Known) -> Iterator[causes.Finding]:
    unheard = suite.run.unheard if suite.run else []
    yield from map(causes.of_shortfall, [shortfall] if shortfall and not suite.failures else unheard)
    for failure in suite.failures:
        yield causes.found_in(failure, known.reason(str(suite.column), suite.level, failure.test))


def _unlaunched(suite: Suite, table: Table) -> str:
    if suite.run is None or not table.package.kernels:
        return ""
    return "which Triton kernels ran was not counted" if suite.run.kernels is None else runs.unlaunched(suite.run)


def _machine(suite: Suite, environment: Optional[Document]) -> str:
    recorded = environment.content if environment else {}
    if suite.level in ON_A_GPU:
        return suite.properties.get("gpu") or ", ".join(map(called, recorded.get("gpus", ())))
    return str(recorded.get("platform", {}).get("machine") or "")


def _platform_of(gpus: Iterable[Mapping[str, Any]]) -> str:
    """The platform of the GPUs that a file names; "" where it names none, or not what they are."""
    kinds = (str(gpu.get("arch")).partition(":")[0] for gpu in gpus)
    return next((PLATFORM_OF[kind] for kind in kinds if kind in PLATFORM_OF), "")


def _release(atlas: Atlas, current: Current) -> ReleaseResult:
    standing = current.standing(atlas)
    return ReleaseResult(atlas, standing.outdated, current.is_own(atlas), standing)


def _bench(document: Document, current: Current) -> BenchResult:
    bench, worth = Bench(document.content), (current.outdated_bench(document), current.is_own(document))
    gpu, about = bench.gpu if bench.is_timed else "", bench.about
    place = Place(document.column, about["level"], gpu, bench.settings, bench.is_sweep)
    return BenchResult(document, *worth, about, place, bool(about.get("deselected")), _platform_of(about["gpus"]))


def _declared(document: Document, current: Current) -> DeclaredBench:
    run, worth = runs.from_json(document.content), (current.outdated_bench(document), current.is_own(document))
    return DeclaredBench(document, *worth, run, bench_runs.shortfall(run))


def _incidents(document: Document, current: Current) -> IncidentsResult:
    outcomes = {True: "passed", False: "failed", None: "n/a"}
    rows = tuple((row, outcomes[as_expected(row)]) for row in document.content["rows"])
    return IncidentsResult(document, current.outdated_incidents(document), current.is_own(document), rows)


def _launches(document: Document) -> LaunchesResult:
    rows = document.content["rows"]
    statuses = Counter(row["status"] for row in rows)
    wrong = [Failure(test, "call", sentence, "") for test, sentence in _wrong_launches(rows)]
    findings = tuple(map(causes.found_in, wrong))
    counts = {status: statuses[status] for status in ("ok", "n/a", "error")}
    return LaunchesResult(document, "", True, findings, counts, Counter(each.cause for each in findings))


def _wrong_launches(rows: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What is wrong with another package's launches, a test id and a sentence each."""
    for row in rows:
        kernel = row["kernel"] or "import"
        shape = f"{row.get('n_cols', '?')}-{row.get('dtype', '?')}-{row.get('target', '?')}"
        test, metrics = f"launches::{kernel}[{shape}]", row.get("metrics") or {}
        if row["status"] == "error":
            yield test, str(row.get("reason", "no reason given"))
            continue
        if row.get("num_warps_passed") is False:
            yield test, f"{kernel} is launched without num_warps, at the default of 4"
        spills = codegen_metrics.spills(metrics)
        if spills:
            yield test, f"{kernel}: {spills} spills on {row.get('target')}"
        if metrics.get("fp64_instructions"):
            yield test, f"{kernel}: {metrics['fp64_instructions']} fp64 instructions on {row.get('target')}"
