"""How the answer is shown: terminal, Markdown, and the tables of the page."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.__main__ import UNREAD
from triton_matrix.base.cells import find_root
from triton_matrix.report import markdown, sentences

from .results import count_again, retake


def test_an_incident_shows_in_a_table_of_cells(report, copy):
    reports = copy()
    junit = reports / "triton231" / "junit-interpreter.xml"
    tree = ET.parse(junit)
    suite = next(tree.getroot().iter("testsuite"))
    case = ET.SubElement(suite, "testcase", classname="tests.incidents.test_incidents", name="test_it[declared_option]")
    holder = ET.SubElement(case, "properties")
    for name, value in (("incident", "declared_option"), ("release", "2.3.1"), ("shown", "True"), ("expected", "True")):
        ET.SubElement(holder, "property", name=name, value=value)
    count_again(tree)
    tree.write(junit)
    retake(junit)
    found = report(reports)
    assert [(row["incident"], row["cell"], row["shown"]) for row in found["incidents"]] == [
        ("declared_option", "triton231", "True")
    ]
    page = (found["out"] / "index.html").read_text()
    assert page.count("declared_option") == 1
    assert ">shows</td>" in page


def test_the_table_fits_100_columns_without_colour(report, recorded):
    found = report(recorded / "num_warps", "--against", recorded / "none")
    lines = found["said"].splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if line[:1] in sentences.MARKS.values())]
    assert max(map(len, table)) <= 100
    assert "\x1b" not in found["said"]
    row = next(line for line in table if line.startswith("triton231 "))
    assert "↘ regressed 28/29" in row
    assert row.count("not run") == 2


def test_what_helps_stands_below_a_failure_s_cause(report, recorded):
    found = report(recorded / "num_warps", "--against", recorded / "none")
    hint = found["failures"][0]["hint"]
    assert hint.startswith("a kernel parameter was not bound")
    assert f"\n     {hint[:60]}" in found["said"]
    assert f"\n  - {hint[:60]}" in markdown.render(found)


def test_markdown_stays_under_60_kb_however_many_cells_there_are(report, recorded):
    found = report(recorded / "num_warps", "--against", recorded / "none")
    text = markdown.render(found)
    assert "| triton231 | ↘ **regressed**" in text
    assert text.index("What changed") < text.index("Cells and levels") < text.index("Failures by cause")
    cell, group = found["cells"]["triton231"], found["failures"][0]
    found["cells"] = {f"cell-with-a-rather-long-name-{number}": cell for number in range(2000)}
    found["failures"] = [group] * 500
    long = markdown.render(found)
    assert len(long.encode()) < 60_000
    assert "more lines: see the page" in long
    for heading in ("What changed", "Cells and levels", "Failures by cause"):
        assert heading in long


@pytest.fixture
def start(recorded, tmp_path):
    """Start the verb in a process of its own: its output is what is asked about."""

    def popen(**more):
        command = [sys.executable, "-m", "triton_matrix", "report", "--out", str(tmp_path / "out")]
        options = ["--reports", str(recorded / "none"), "--accepted", "none.toml", "--root", str(find_root())]
        env = {**os.environ, "PYTHONPATH": str(find_root()), **more}
        return subprocess.Popen([*command, *options], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return popen


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_has_no_such_mark_shows_it_spelled_out(start, encoding):
    with start(PYTHONIOENCODING=encoding, PYTHONUTF8="0") as process:
        said, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (0, b"")
    assert b"\\u2713 pass" in said


def test_a_reader_that_goes_away_leaves_the_page_of_now_and_is_no_failed_cell(start, tmp_path):
    with start() as process:
        process.stdout.close()
        complaint = process.stderr.read()
        status = process.wait(120)
    assert (status, complaint) == (UNREAD, b"")
    left = {path.name for path in (tmp_path / "out").iterdir()}
    # a checkout that is as it was committed remembers itself too
    assert left - {"history"} == {"index.html", "summary.md", "matrix.json"}
