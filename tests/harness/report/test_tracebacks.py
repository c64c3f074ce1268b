"""What used to end the report with a traceback is one sentence that names the file, and never invalid JSON."""

from __future__ import annotations

import json
import re

import pytest

from .results import retake


def head(encoding):
    """Let a JUnit file say that it is in that encoding."""

    def damage(folder):
        path = folder / "junit-interpreter.xml"
        text = path.read_bytes()
        path.write_bytes(
            re.sub(rb"encoding=['\"][^'\"]*['\"]", b"encoding='" + encoding.encode() + b"'", text, count=1)
        )

    return damage


def junit(pattern, new):
    def damage(folder):
        path = folder / "junit-interpreter.xml"
        text = path.read_text()
        assert re.search(pattern, text)
        path.write_text(re.sub(pattern, lambda _: new, text, count=1))

    return damage


def took(time, *sizes):
    """Let the cases of these sizes say that they took so long."""

    def damage(folder):
        for size in sizes or ["5-1"]:
            case = rf'(name="test_results_are_as_exact_as_torch\[{size}-fp32\]"[^>]*? time=)"[^"]*"'
            path = folder / "junit-interpreter.xml"
            text, count = re.subn(case, lambda found: f'{found[1]}"{time}"', path.read_text())
            assert count == 1
            path.write_text(text)

    return damage


def environment(**changed):
    def damage(folder):
        path = folder / "environment.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return damage


def raw(name, text):
    return lambda folder: (folder / name).write_bytes(text)


DATE = 'name="date" value="[^"]*"'
DAMAGES = {
    "an unknown encoding": (head("x-klingon"), "is not XML"),
    "an encoding of no text": (head("hex"), "is not XML"),
    "utf-7": (head("utf-7"), "is not XML"),
    "utf-16 that is none": (head("utf-16"), "is not XML"),
    "the first day of the calendar": (environment(date="0001-01-01T00:00:00+14:00"), "its date is"),
    "the last day of the calendar": (environment(date="9999-12-31T23:59:59-14:00"), "its date is"),
    "a date in the JUnit file": (junit(DATE, 'name="date" value="0001-01-01T00:00:00+14:00"'), "its date is"),
    "a time without end": (took("inf"), "seconds"),
    "a time that is no number": (took("nan"), "seconds"),
    "times beyond all together": (took("1e308", "5-1", "5-2"), "seconds"),
    "NaN in JSON": (raw("environment.json", b'{"a": NaN}'), "is not JSON"),
    "a number beyond all": (raw("environment.json", b'{"a": 1e999}'), "is not JSON"),
    "a whole number beyond all": (raw("environment.json", b'{"a": ' + b"9" * 5000 + b"}"), "is not JSON"),
    "nested without end": (raw("environment.json", b"[" * 100_000), "is not JSON"),
    "not UTF-8": (raw("environment.json", b'{"a": "\xff"}'), "is not JSON"),
    "a run that is nonsense": (raw("run-interpreter.json", b'{"schema": "triton-matrix/run/2"}'), "cannot be used"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_file_is_named_with_what_is_wrong(what, report, copy):
    reports = copy()
    damage, says = DAMAGES[what]
    damage(reports / "triton231")
    found = report(reports)
    assert found["exit_status"] in (1, 2)
    (problem,) = found["problems"]
    assert problem["file"].startswith(str(reports / "triton231"))
    assert says in problem["problem"]
    assert (
        found["cells"]["triton231"]["verdict"] != "pass" or what in ("NaN in JSON",) or "environment" in problem["file"]
    )


HALF = "half \ud800 of a pair"


def test_half_a_character_is_shown_and_ends_nothing(report, copy):
    reports = copy()
    environment(platform={"system": HALF}, distributions={HALF: "1"})(reports / "triton231")
    (reports / "triton231" / "caf\udce9.json").write_text("{")
    found = report(reports, "--against", reports)
    assert found["exit_status"] in (0, 2)
    assert "\\ud800" in json.dumps(found["environments"]).replace("\\\\", "\\")
    assert "caf" in found["problems"][0]["file"]


def test_what_is_written_is_json_to_every_reader(report, copy):
    reports = copy()
    path = reports / "triton231" / "junit-interpreter.xml"
    took("1e306", "5-1", "5-2")(path.parent)
    retake(path)
    out = report(reports)["out"]

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    json.loads((out / "matrix.json").read_text(), parse_constant=refuse)


@pytest.mark.parametrize("in_the_way", ["matrix.json", "summary.md", "index.html"])
def test_what_cannot_be_written_is_one_sentence(in_the_way, report, copy, tmp_path):
    (tmp_path / "out" / in_the_way / "x").mkdir(parents=True)
    found = report(copy())
    assert found["exit_status"] == 2
    assert "cannot be written" in found["err"]
    assert found["err"].count("\n") == 1


def test_a_file_where_the_folder_of_the_evidence_should_be_is_one_sentence(report, tmp_path):
    (tmp_path / "reports").write_text("")
    found = report(tmp_path / "reports")
    assert found["exit_status"] == 2
    assert "Traceback" not in found["err"] + found["said"]
