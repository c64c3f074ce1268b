"""The table of verbs: the module of this package whose ``main(argv) -> int`` a verb is, and what the verb does.

``nox -l`` and the list of verbs print the same sentence, so each of them says all by itself.
"""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """Where a verb stands, and what it does."""

    module: str
    what: str


VERBS = {
    "scan": Verb("scan.cli", "say which Tritons a package's kernels work with, from its name, folder or wheel alone"),
    "init": Verb("init.cli", "write the noxfile, table and workflow of another package's repository"),
    "lock": Verb("environments.lock", "compile the constraint files of the table's rows"),
    "provide": Verb("environments.provide", "install a cell's pins and this checkout's wheel into an environment"),
    "run": Verb("suites.run", "run a cell's suites in this Python and leave its evidence files"),
    "environment": Verb("evidence.toolchain", "write what this Python resolved to: versions, GPU, platform"),
    "compile": Verb("codegen.cli", "compile kernels for named GPU targets, with no GPU, in this Python's Triton"),
    "codegen": Verb(
        "releases.codegen_cli",
        "compile kernels in every Triton release, with no GPU, and say what changed between them",
    ),
    "values": Verb(
        "releases.values_cli", "compute launches in every Triton release, with no GPU and no torch, and compare them"
    ),
    "capture": Verb("launches.capture.cli", "run a command and write every launch that it makes as a launch file"),
    "launch": Verb("launches.skeleton", "print a launch file to start from, guessed from a kernel's source"),
    "compare": Verb("codegen.compare", "say what got worse or better between two atlas files, worst first"),
    "history": Verb("releases.history", "show one metric of one kernel over all Triton releases"),
    "bench": Verb("bench.cli", "run the benchmarks of a cell in this Python"),
    "tune": Verb(
        "bench.device.tune",
        "sweep launches over num_warps, num_stages and constexprs on a GPU, and check stored optima",
    ),
    "sanitize": Verb(
        "bench.sanitizer.cli",
        "run a cell's kernels, or launches, under each tool of NVIDIA's compute-sanitizer",
    ),
    "launch-cost": Verb("releases.launch_cost", "time what a launch costs the host in every Triton, with no GPU"),
    "report": Verb("report.cli", "merge the evidence files into one answer: table, Markdown, page"),
    "bisect": Verb(
        "releases.bisect", "find the first Triton release at which a test, a compiled kernel or its values change"
    ),
    "explain": Verb("releases.explain", "say at which stage of the compiler a change between two releases enters"),
    "reproduce": Verb("releases.reproduce", "write one file that shows a finding without this project, to hand it on"),
    "wheelhouse": Verb("environments.wheelhouse", "gather what a cell needs, for a machine with no network"),
    "nightly": Verb("ci.issue", "say what the nightly cells found, as one issue"),
    "ci-matrix": Verb("ci.jobs", "print the job list of CI, made from the table, as JSON"),
    "incidents": Verb("suites.incidents", "look for what really broke once in every Triton release"),
    "subject": Verb("suites.subject", "run a cell's suites against another package instead of ours"),
    "lint": Verb("lint.cli", "check kernel sources for what breaks on a Triton that the package supports"),
}
