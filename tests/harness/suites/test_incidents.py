"""Incidents are run in bare Tritons, compared with history, and fail when history is turned round."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from triton_matrix.base import commands, markdown_sections
from triton_matrix.base.cells import find_root, load
from triton_matrix.evidence import schemas
from triton_matrix.suites import incidents

ROOT = find_root()
TABLE = load()
CHEAP = ["libdevice_rsqrt:codegen:new-home", "libdevice_rsqrt:codegen:old-home", "module_global:codegen"]


@pytest.fixture(scope="module")
def python(release_python):
    """A Python with nothing but Triton 2.3.1 and what that needs."""
    return str(release_python("2.3.1"))


def test_the_oldest_triton_shows_what_history_says(python):
    rows = {row["id"]: row for row in incidents.observe(python, ROOT / "tests", "codegen", CHEAP, [ROOT])}
    assert {identity: row["shown"] for identity, row in rows.items()} == dict(zip(CHEAP, (True, False, False)))
    assert all(incidents.as_expected(row) for row in rows.values())


def test_an_interpreter_that_lacks_bfloat16_is_not_asked(python):
    (row,) = incidents.observe(python, ROOT / "tests", "interpreter", ["bf16_sum:interpreter"], [ROOT])
    assert row["na"] == "the interpreter of Triton 2.3.1 has no bfloat16"
    assert incidents.as_expected(row) is None


def test_every_expectation_fails_when_it_is_turned_round(python, monkeypatch):
    monkeypatch.setenv(incidents.INVERT, "1")
    rows = incidents.observe(python, ROOT / "tests", "codegen", CHEAP, [ROOT])
    assert [incidents.as_expected(row) for row in rows] == [False] * len(CHEAP)


def test_an_observation_that_ends_its_process_is_known_by_name_and_stops_no_other(python, tmp_path):
    shutil.copytree(ROOT / "tests" / "incidents", tmp_path / "incidents")
    (tmp_path / "incidents" / "a_crash.py").write_text(
        "import os, sys\n"
        "from .incident import EVERY, Incident, Observation\n"
        "def crash():\n    print('segmentation fault', file=sys.stderr, flush=True)\n    os._exit(139)\n"
        "INCIDENT = Incident('a', 'b', 'c', 'd', (Observation('codegen', crash, EVERY),))\n"
    )
    rows = {
        row["id"]: row for row in incidents.observe(python, tmp_path, "codegen", ["a_crash:codegen", *CHEAP], [ROOT])
    }
    assert rows.pop("a_crash:codegen")["crashed"] == "exit status 139: segmentation fault"
    assert sorted(rows) == sorted(CHEAP)
    assert all("shown" in row for row in rows.values())


def test_an_observation_that_ends_its_process_with_status_0_was_not_made(python, tmp_path):
    shutil.copytree(ROOT / "tests" / "incidents", tmp_path / "incidents")
    (tmp_path / "incidents" / "an_exit.py").write_text(
        "import os\n"
        "from .incident import EVERY, Incident, Observation\n"
        "INCIDENT = Incident('a', 'b', 'c', 'd', (Observation('codegen', lambda: os._exit(0), EVERY),))\n"
    )
    wanted = ["an_exit:codegen", *CHEAP]
    rows = {row["id"]: row for row in incidents.observe(python, tmp_path, "codegen", wanted, [ROOT])}
    assert sorted(rows) == sorted(wanted)
    assert rows["an_exit:codegen"]["crashed"].startswith("exit status 0")
    assert incidents.as_expected(rows["an_exit:codegen"]) is False


def test_two_observations_of_one_name_are_refused(python, tmp_path):
    shutil.copytree(ROOT / "tests" / "incidents", tmp_path / "incidents")
    (tmp_path / "incidents" / "a_pair.py").write_text(
        "from .incident import EVERY, Incident, Observation, Seen\n"
        "one = Observation('codegen', lambda: Seen(True, 'x'), EVERY)\n"
        "INCIDENT = Incident('a', 'b', 'c', 'd', (one, one))\n"
    )
    with pytest.raises(commands.ToolError, match="two observations are called a_pair:codegen"):
        incidents.observe(python, tmp_path, "codegen", (), [ROOT])


@pytest.mark.parametrize("rows", [[], [{"missing": "needs numpy"}], [{"na": "it has no HIP backend"}]])
def test_a_release_of_which_nothing_was_seen_is_no_green(rows, tmp_path, monkeypatch, capsys):
    about = {"id": "x:codegen", "incident": "x", "level": "codegen", "release": "2.3.1", "expected": True}
    monkeypatch.setattr(incidents, "observe_releases", lambda *_: [{**about, **row} for row in rows])
    assert incidents.main(["--triton", "2.3.1", "--out", str(tmp_path / "incidents.json")]) == 2
    said = capsys.readouterr().err
    assert "nothing could be looked at on triton 2.3.1" in said
    assert ("not looked at: x:codegen on triton 2.3.1: needs numpy" in said) == ("missing" in str(rows))


def test_the_command_leaves_one_file_and_says_what_is_unexpected(tmp_path, monkeypatch, capsys):
    seen = {
        "id": "x:codegen",
        "level": "codegen",
        "release": "2.3.1",
        "shown": True,
        "expected": False,
        "detail": "why",
    }
    monkeypatch.setattr(incidents, "observe_releases", lambda *_: [seen])
    out = tmp_path / "incidents.json"
    assert incidents.main(["--triton", "2.3.1", "--out", str(out)]) == 1
    assert "unexpected: x:codegen on triton 2.3.1: why; expected not shown" in capsys.readouterr().out
    document = json.loads(out.read_text())
    assert (document["schema"], document["rows"]) == (schemas.INCIDENTS, [seen])


def test_a_release_that_the_table_lacks_is_one_sentence(capsys):
    assert incidents.main(["--triton", "2.3.1,9.9.9"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'9.9.9'" in line
    assert "3.9.0" in line


def test_the_table_marks_what_is_unexpected_and_what_was_not_seen():
    rows = [
        {"id": "a:codegen", "release": "3.10.0", "shown": True, "expected": True},
        {"id": "a:codegen", "release": "3.9.0", "shown": True, "expected": False},
        {"id": "b:interpreter:x", "release": "3.9.0", "na": "it cannot"},
        {"id": "b:interpreter:x", "release": "3.10.0", "expected": False, "crashed": "exit status 1"},
    ]
    assert incidents.text_table(rows, markdown=True).splitlines() == [
        "| incident | level | 3.9.0 | 3.10.0 |",
        "| --- | --- | --- | --- |",
        "| a | codegen | shown ! | shown |",
        "| b x | interpreter | n/a | crash ! |",
    ]


def test_the_results_describe_every_incident_by_its_title_and_no_other():
    titles = {
        path.stem: re.search(r"^    title=(['\"])(.*)\1,$", text, re.MULTILINE)[2]
        for path in (ROOT / "tests" / "incidents").glob("*.py")
        if "INCIDENT = Incident(" in (text := path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "results" / "incidents.md").read_text(encoding="utf-8")
    said = re.findall(r"^### `(\w+)`: (.*)$", page, re.MULTILINE)
    assert dict(said) == titles
    assert len(said) == len(titles)


def test_what_was_seen_is_written_between_the_marks_of_a_page(tmp_path):
    about = {
        "title": "t",
        "reference": "r#1",
        "symptom": "it breaks",
        "affected": "all",
        "note": "a note",
        "shown_on": "2.3.1",
    }
    row = {"id": "a:codegen", "incident": "a", "release": "2.3.1", "shown": True, "expected": True, "detail": "d | e"}
    document = {"date": "2026-11-21T21:00:00+00:00", "rows": [{**row, "about": about, "seconds": 0.25}]}
    begin, end = markdown_sections.marks("incidents")
    path = tmp_path / "incidents.md"
    path.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):  # writing again changes nothing
        incidents.write_docs(path, document)
        text = path.read_text()
        assert text.startswith(f"before\n{begin}\n\nMeasured on 2026-11-21.\n\n| incident | level | 2.3.1 |\n")
        assert "### `a`: t\n\nIt breaks. Affected: all.\n\nPublic reference: r#1.\n" in text
        assert "- codegen: shows on 2.3.1; 0.2 s a release. Seen: `d / e`\n\na note\n" in text
        assert text.endswith(f"\n\n{end}\nafter\n")
    path.write_text("no marks\n")
    with pytest.raises(ValueError, match="has no lines"):
        incidents.write_docs(path, document)
