"""A report of 20 cells x 2,000 tests x 11 releases x 900 compilations: under 10 s, 1 GiB and 5 MB of page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.base.cells import find_root

GENERATE = Path(__file__).parent / "data" / "generate.py"
SECONDS, MEMORY_KIB, PAGE_BYTES, MARKDOWN_BYTES = 10, 2**20, 5_000_000, 60_000
# the report in a process of its own, so that its peak of memory is its own too
MEASURED = """
import resource, sys, time
from triton_matrix.report.cli import main
status = main(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_SELF)
print("measured", status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "reports"
    subprocess.run([sys.executable, GENERATE, folder, "--cells", "20", "--failing", "400"], check=True)
    return folder


@pytest.mark.skipif(
    not hasattr(os, "wait4"), reason="needs a system that tells a process's peak of memory: Linux, macOS"
)
def test_a_large_matrix_is_reported_in_time_and_in_size(evidence):
    command = [sys.executable, "-c", MEASURED, "--reports", str(evidence), "--accepted", "none.toml"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=find_root(), capture_output=True, text=True, check=True)
    wall = time.perf_counter() - start
    _, status, seconds, kib = done.stdout.splitlines()[-1].split()
    matrix = json.loads((evidence / "matrix.json").read_text())
    assert len(matrix["tests"]) == 2000
    assert len(matrix["codegen"]["entries"]) == 900
    assert len(matrix["codegen"]["releases"]) == 11
    assert sum("outcomes" in level for cell in matrix["cells"].values() for level in cell["levels"].values()) == 40
    assert int(status) == 1
    # the processor's time: the machine may be busy with other things, which is no fault of the report's
    assert float(seconds) < SECONDS, f"{seconds} s of processor time, {wall:.1f} s on the clock"
    assert int(kib) < MEMORY_KIB
    assert (evidence / "index.html").stat().st_size < PAGE_BYTES
    assert (evidence / "summary.md").stat().st_size < MARKDOWN_BYTES
