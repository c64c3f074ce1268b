"""What the files under ``reports/`` are called."""

from __future__ import annotations

ENVIRONMENT, FAILURE, UNAVAILABLE = "environment.json", "failure.json", "unavailable.json"
SCANNED = "launches"  # the folder of what the package's own launches say; a reader of evidence passes over it
BENCHMARK, LAUNCHES = "benchmark.json", "launches.json"
MATRIX, SUMMARY, PAGE = "matrix.json", "summary.md", "index.html"  # made of the others


def run(of: str) -> str:
    """Where a run is declared: of a level, of ``bench``, or of a verb over releases."""
    return f"run-{of}.json"


def junit(level: str) -> str:
    """The JUnit file of a level."""
    return f"junit-{level}.xml"
