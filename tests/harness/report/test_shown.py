"""How the answer is shown: terminal, Markdown, and the tables of the page."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.report import markdown, words

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
    table = lines[: next(number for number, line in enumerate(lines) if line[:1] in words.MARKS.values())]
    assert max(map(len, table)) <= 100
    assert "\x1b" not in found["said"]
    row = next(line for line in table if line.startswith("triton231 "))
    assert "↘ regressed 28/29" in row
    assert row.count("not run") == 2


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
