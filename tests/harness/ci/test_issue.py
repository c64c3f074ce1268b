"""What the nightlies found, as one issue."""

import json
import re

import pytest

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
from triton_matrix.base import cells, sources
from triton_matrix.ci import issue
from triton_matrix.evidence import bench_runs, benchmark_file, runs, schemas
from triton_matrix.suites import suite_paths

TABLE = """
[cell.night]
python = "3.11"
torch = "nightly"
triton = "nightly"
platforms = ["rocm"]
index = "http://127.0.0.1:9/whl"
why = "tomorrow's"

[platform.hosted]
runner = ["ubuntu-latest"]

[platform.rocm]
runner = ["self-hosted", "rocm"]
"""
ENVIRONMENT = {
    "schema": schemas.ENVIRONMENT,
    "cell": "night",
    "date": "2026-11-20T04:17:00+00:00",
    "python": "3.11.9",
    "platform": {},
    "distributions": {},
    "torch": {"version": "2.12.0.dev20261119+rocm7.0", "distribution": "torch"},
    "triton": {"version": "3.7.0", "distribution": "triton-rocm"},
    "gpus": [{"name": "AMD Instinct MI300X", "arch": "hip:gfx942"}],
}


def junit(cell, body, level="device"):
    """A JUnit file of a run."""
    counts = {"tests": "<testcase", "failures": "<failure", "errors": "<error", "skipped": "<skipped"}
    header = " ".join(f'{name}="{body.count(tag)}"' for name, tag in counts.items())
    properties = {"cell": cell, "level": level, "run": "run-7", "date": "2026-11-20T04:17:00+00:00"}
    said = "".join(f'<property name="{name}" value="{value}"/>' for name, value in properties.items())
    return f"<testsuites><testsuite {header}><properties>{said}</properties>{body}</testsuite></testsuites>"


PASSING = '<testcase classname="a" name="b"/><testcase classname="a" name="c"/>'
FAILED = '<testcase classname="t.sizes" name="c[7]"><failure message="x">x\nE  nan</failure></testcase>'
FAILING = '<testcase classname="a" name="b"/>' + FAILED
SKIPPED = PASSING.replace("/>", "><skipped message='no GPU'/></testcase>")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A checkout, a folder for evidence, and a gh that keeps what it was asked and has the issues that are laid out."""

    class World:
        root = tmp_path
        evidence = tmp_path / "evidence" / "evidence-night-device-rocm" / "night"
        open_issues: list = []  # noqa: RUF012
        labels: list = []  # noqa: RUF012

        def put(self, name, content):
            self.evidence.mkdir(parents=True, exist_ok=True)
            (self.evidence / name).write_text(content if isinstance(content, str) else json.dumps(content))

        def ran(self, body, cell="night", level="device"):
            """A whole run of a level of the checkout as it is, with these test cases."""
            self.put(f"junit-{level}.xml", junit(cell, body, level))
            table = cells.load_at(tmp_path)
            wheel = runs.Wheel(sources.package_digest(table), sources.package_digest(table))
            suites = suite_paths.paths(table) if (tmp_path / "tests").is_dir() else []
            # its job resolved the cell anew: this checkout has no such pins
            inputs = runs.Inputs(sources.suites_digest(table, suite_paths.folder(table), suites), "f" * 64)
            date = "2026-11-20T04:17:00+00:00"
            run = runs.Run("run-7", cell, level, date, "abc", False, wheel, inputs, suites, closed=date)
            run.collected = run.finished = re.findall(r'classname="([^"]+)" name="([^"]+)"', body)
            run.collected = run.finished = ["::".join(each) for each in run.finished]
            run.status = int("<failure" in body)
            run.kernels, run.launches = ["k.py:a"], {"": {"k.py:a": 1}}
            self.put(f"run-{level}.json", run.as_json())

        def nightly(self, *options):
            (tmp_path / "open.json").write_text(json.dumps(self.open_issues))
            (tmp_path / "labels.json").write_text(json.dumps(self.labels))
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
        f'#!/bin/sh\necho "$@" >> {tmp_path}/gh.log\n[ "$1 $2" = "issue list" ] && cat {tmp_path}/open.json\n'
        f'[ "$1 $2" = "label list" ] && cat {tmp_path}/labels.json\n'
        f'for last; do :; done\n[ -f "$last" ] && cp "$last" {tmp_path}/body.md\nexit 0\n'
    )
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}:/usr/bin:/bin")
    return World()


def test_a_failure_opens_an_issue_with_the_resolved_versions_and_the_cause(world):
    world.put("environment.json", ENVIRONMENT)
    world.ran(FAILING)
    assert world.nightly("--publish", "--run", "https://example.org/runs/7") == 0
    asked = [line.split()[:2] for line in world.asked()]
    assert asked == [["issue", "list"], ["label", "list"], ["label", "create"], ["issue", "create"]]
    body = (world.root / "body.md").read_text()
    assert body.startswith(issue.MARK)
    assert "night: fail" in body
    assert "torch 2.12.0.dev20261119+rocm7.0 (torch), triton 3.7.0 (triton-rocm), AMD Instinct MI300X" in body
    assert "device: 1 passed, 1 failed, 0 skipped" in body
    assert "device: harness: `t.sizes::c[7]`" in body
    assert "    x\n    E  nan" in body
    assert "https://example.org/runs/7" in body


OURS = {"number": 41, "body": f"{issue.MARK}\nWhat was found last night."}


def test_a_second_failure_updates_the_same_issue(world):
    world.open_issues = [{"number": 7, "body": "mine"}, OURS]
    world.ran(FAILING)
    assert world.nightly("--publish") == 0
    assert [line.split()[:3] for line in world.asked()[1:]] == [["issue", "edit", "41"]]


def test_when_all_is_well_the_open_issue_is_closed_and_none_is_opened(world):
    world.put("environment.json", ENVIRONMENT)
    world.ran(PASSING)
    world.ran(PASSING, level="interpreter")
    assert world.nightly("--publish") == 0
    assert [line.split()[:2] for line in world.asked()] == [["issue", "list"]]
    world.open_issues = [OURS]
    assert world.nightly("--publish") == 0
    assert world.asked()[-1].split()[:3] == ["issue", "close", "41"]


@pytest.mark.parametrize("body", ["What I saw on the nightly wheels", None, f"As the bot wrote:\n> {issue.MARK}\n"])
def test_somebodys_own_issue_with_the_label_is_left_alone(world, body):
    world.open_issues, world.labels = [{"number": 7, "body": body}], [{"name": "nightly"}]
    world.ran(FAILING)
    assert world.nightly("--publish") == 0
    assert [line.split()[:2] for line in world.asked()] == [["issue", "list"], ["label", "list"], ["issue", "create"]]
    (world.root / "gh.log").unlink()
    world.put("environment.json", ENVIRONMENT)
    world.ran(PASSING)
    world.ran(PASSING, level="interpreter")
    assert world.nightly("--publish") == 0
    assert [line.split()[:2] for line in world.asked()] == [["issue", "list"]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": -6}, "night benchmarks: pytest ended with status -6"),
        ({"closed": None}, "night benchmarks: the run that was opened 2026-11-20T04:17:00+00:00 was never closed"),
        (None, "benchmarks of cell night on rocm: nothing says how it ended"),
    ],
    ids=["died", "killed", "never began"],
)
def test_a_bench_that_died_or_never_began_is_never_well(world, capsys, change, said):
    suite = world.root / "tests" / "benchmarks" / "bench_it.py"
    suite.parent.mkdir(parents=True)
    suite.write_text("")
    world.put("environment.json", ENVIRONMENT)
    world.ran(PASSING)
    world.ran(PASSING, level="interpreter")
    if change:
        table = cells.load_at(world.root)
        wheel = runs.Wheel(sources.package_digest(table), sources.package_digest(table))
        inputs, date = benchmark_file.inputs(table, table.cells["night"]), "2026-11-20T04:17:00+00:00"
        run = runs.Run("b", "night", "device", date, "abc", False, wheel, inputs, ["tests/benchmarks"], closed=date)
        run.collected = run.finished = ["tests/benchmarks/bench_it.py::test_it"]
        world.put("run-bench.json", {**bench_runs.as_json(run), **change})
    assert world.nightly("--publish") == 0
    assert said in capsys.readouterr().out
    assert world.asked()[-1].startswith("issue create")


def test_a_result_of_another_platform_is_not_the_one_that_was_expected(world, capsys):
    world.put("environment.json", {**ENVIRONMENT, "gpus": [{"name": "NVIDIA H100", "arch": "cuda:90"}]})
    world.ran(PASSING)
    world.ran(PASSING, level="interpreter")
    assert world.nightly("--publish") == 0
    assert "required but not there: level device of cell night on rocm" in capsys.readouterr().out
    assert world.asked()[-1].startswith("issue create")


DATE = {"date": "2026-11-20T04:17:00+00:00", "cell": "night"}
STALE = {"schema": schemas.UNAVAILABLE, "verdict": "stale", "reason": "31 days old", **DATE}
STOPPED = {
    "schema": schemas.FAILURE,
    "stage": "install",
    "command": ["uv", "x"],
    "status": 2,
    "tail": "no disk",
    **DATE,
}


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        (lambda world: world.put("unavailable.json", STALE), "night: stale"),
        (lambda world: world.put("failure.json", STOPPED), "`uv x` ended with status 2: no disk"),
        (lambda world: world.ran(SKIPPED), "every test was skipped: no GPU"),
        (lambda world: world.ran(PASSING, cell="other"), "night: unavailable"),
        (lambda world: world.put("junit-device.xml", junit("night", PASSING)), "night: stale"),
        (lambda world: world.ran(PASSING, level="interpreter"), "device: did not run"),
        (lambda world: world.ran(PASSING), "interpreter: did not run"),
        (lambda world: [world.ran(PASSING, level="interpreter"), world.ran(SKIPPED)], "night: pass"),
    ],
    ids=[
        "stale",
        "failed before its suites",
        "all skipped",
        "only another cell's",
        "no run file",
        "no device job",
        "no interpreter job",
        "all skipped on the device",
    ],
)
def test_what_did_not_run_is_never_well(world, capsys, leaves, said):
    leaves(world)
    assert world.nightly("--publish") == 0
    assert said in capsys.readouterr().out
    assert world.asked()[-1].startswith("issue create")


def test_a_known_failure_is_no_news(world, capsys):
    (world.root / "tests").mkdir()
    world.put("environment.json", ENVIRONMENT)
    world.ran(FAILING)
    world.ran(PASSING, level="interpreter")
    row = '[[test]]\ncell = "night"\nlevel = "device"\ntest = "t.sizes::c[7]"\nreason = "issue 7"\n'
    (world.root / "tests" / "known.toml").write_text(row)
    assert world.nightly("--publish") == 0
    assert "night: pass" in capsys.readouterr().out
    assert [line.split()[:2] for line in world.asked()] == [["issue", "list"]]


def test_an_issue_has_room_for_any_number_of_causes_and_mentions_nobody(world):
    world.put("environment.json", ENVIRONMENT)
    cases = [
        f'<testcase classname="t" name="{word}"><failure message="@somebody {word}">{"x" * 9000}\nE  {word}</failure>'
        for word in (f"{a}{b}{c}" for a in "bcdfgh" for b in "aeiou" for c in "klmnpr")
    ]
    world.ran("</testcase>".join([*cases, ""]))
    assert world.nightly("--publish") == 0
    body = (world.root / "body.md").read_text()
    assert len(body) < 65_536
    assert "And 165 more causes: see the run's report." in body
    outside = re.sub(r"^    .*$|`[^`]*`", "", body, flags=re.MULTILINE)
    assert "@" not in outside


def test_a_gh_that_fails_is_said_with_its_command_and_status(world, capsys):
    (world.root / "bin" / "gh").write_text("#!/bin/sh\necho 'HTTP 403' >&2\nexit 4\n")
    world.ran(FAILING)
    assert world.nightly("--publish") == 1
    err = capsys.readouterr().err
    assert "gh issue list" in err
    assert "exit status 4\nHTTP 403" in err
