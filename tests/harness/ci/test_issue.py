"""What the nightlies found, as one issue."""

import json

import pytest

from triton_matrix.ci import issue

TABLE = """
[cell.night]
python = "3.11"
torch = "nightly"
triton = "nightly"
platforms = ["rocm"]
index = "http://127.0.0.1:9/whl"
why = "tomorrow's"
"""
ENVIRONMENT = {
    "cell": "night",
    "python": "3.11.9",
    "torch": {"version": "2.12.0.dev20261119+rocm7.0", "distribution": "torch"},
    "triton": {"version": "3.7.0", "distribution": "triton-rocm"},
    "gpus": [{"name": "AMD Instinct MI300X"}],
}


def junit(cell, body, tests=2, skipped=0):
    return (
        f'<testsuites><testsuite tests="{tests}" skipped="{skipped}"><properties><property name="cell" value="{cell}"/>'
        f'<property name="level" value="device"/></properties>{body}</testsuite></testsuites>'
    )


PASSING = '<testcase classname="a" name="b"/><testcase classname="a" name="c"/>'
FAILED = '<testcase classname="t.sizes" name="c[7]"><failure>x\nE  nan</failure></testcase>'
FAILING = '<testcase classname="a" name="b"/>' + FAILED
SKIPPED = PASSING.replace("/>", "><skipped/></testcase>")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A checkout, a folder for evidence, and a gh that keeps what it was asked and has the issues that are laid out."""

    class World:
        root = tmp_path
        evidence = tmp_path / "evidence" / "evidence-night-device-rocm" / "night"
        open_issues: list = []  # noqa: RUF012

        def put(self, name, content):
            self.evidence.mkdir(parents=True, exist_ok=True)
            (self.evidence / name).write_text(content if isinstance(content, str) else json.dumps(content))

        def nightly(self, *options):
            (tmp_path / "open.json").write_text(json.dumps(self.open_issues))
            return issue.main(["--root", str(tmp_path), "--evidence", str(tmp_path / "evidence"), *options])

        def asked(self):
            log = tmp_path / "gh.log"
            return log.read_text().splitlines() if log.exists() else []

    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text(TABLE)
    (tmp_path / "evidence").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/gh.log\n[ "$2" = list ] && cat {tmp_path}/open.json\n'
        f'for last; do :; done\n[ -f "$last" ] && cp "$last" {tmp_path}/body.md\nexit 0\n'
    )
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}:/usr/bin:/bin")
    return World()


def test_a_failure_opens_an_issue_with_the_resolved_versions_and_the_cause(world):
    world.put("environment.json", ENVIRONMENT)
    world.put("junit-device.xml", junit("night", FAILING))
    assert world.nightly("--publish", "--run", "https://example.org/runs/7") == 0
    assert [line.split()[:2] for line in world.asked()] == [["issue", "list"], ["label", "create"], ["issue", "create"]]
    body = (world.root / "body.md").read_text()
    assert "night: fail" in body
    assert "torch 2.12.0.dev20261119+rocm7.0 (torch), triton 3.7.0 (triton-rocm), AMD Instinct MI300X" in body
    assert "device: 1 passed, 1 failed, 0 skipped" in body
    assert "`t.sizes::c[7]`\n\n    x\n    E  nan" in body
    assert "https://example.org/runs/7" in body


def test_a_second_failure_updates_the_same_issue(world):
    world.open_issues = [{"number": 41}]
    world.put("junit-device.xml", junit("night", FAILING))
    assert world.nightly("--publish") == 0
    assert [line.split()[:3] for line in world.asked()[1:]] == [["issue", "edit", "41"]]


def test_when_all_is_well_the_open_issue_is_closed_and_none_is_opened(world):
    world.put("environment.json", ENVIRONMENT)
    world.put("junit-device.xml", junit("night", PASSING))
    assert world.nightly("--publish") == 0
    assert [line.split()[:2] for line in world.asked()] == [["issue", "list"]]
    world.open_issues = [{"number": 41}]
    assert world.nightly("--publish") == 0
    assert world.asked()[-1].split()[:3] == ["issue", "close", "41"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("unavailable.json", {"cell": "night", "verdict": "stale", "reason": "31 days old"}, "night: stale"),
        ("failure.json", {"cell": "night", "stage": "install", "command": ["uv", "x"], "status": 2, "tail": "no disk"},
         "install: `uv x`, exit status 2\n\n    no disk"),
        ("junit-device.xml", junit("night", SKIPPED, skipped=2), "no test passed"),
        ("junit-device.xml", junit("other", PASSING), "no job left a result"),
    ],
    ids=["stale", "failed before its suites", "all skipped", "only another cell's"],
)  # fmt: skip
def test_what_did_not_run_is_never_well(world, capsys, name, content, said):
    world.put(name, content)
    assert world.nightly("--publish") == 0
    assert said in capsys.readouterr().out
    assert world.asked()[-1].startswith("issue create")


def test_a_gh_that_fails_is_said_with_its_command_and_status(world, capsys):
    (world.root / "bin" / "gh").write_text("#!/bin/sh\necho 'HTTP 403' >&2\nexit 4\n")
    world.put("junit-device.xml", junit("night", FAILING))
    assert world.nightly("--publish") == 1
    err = capsys.readouterr().err
    assert "gh issue list" in err
    assert "exit status 4\nHTTP 403" in err
