"""Nothing is promoted that is not whole, nothing is written outside, and nothing secret or live is shown."""

import json
import re
import subprocess
import sys

import pytest

SECRET = "s3cr3t"
ADDRESS = f"http://someone:{SECRET}@127.0.0.1:9/whl"
INDEXED = f"""
[cell.night]
python = "3.11"
torch = "nightly"
triton = "nightly"
platforms = ["rocm"]
index = "{ADDRESS}"
why = "a cell of an index with a password"
"""
FULL = """
import resource
def pytest_collection_finish(session):
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
"""


def everything(checkout):
    """What every file under reports/ says."""
    return {path: path.read_text() for path in checkout.reports.rglob("*") if path.is_file()}


def test_a_password_of_an_index_is_shown_nowhere(checkout):
    table = checkout.root / "constraints" / "cells.toml"
    table.write_text(table.read_text() + INDEXED)
    done = checkout.verb("provide", "--cell", "night", "--python", sys.executable)
    _, matrix, said = checkout.report()
    assert (done.returncode, matrix["cells"]["night"]["verdict"]) == (3, "unavailable")
    assert "http://***@127.0.0.1:9/whl" in matrix["cells"]["night"]["reason"]
    for text in (done.stdout, done.stderr, said, *everything(checkout).values()):
        assert SECRET not in text


@pytest.mark.parametrize("end", ["raise RuntimeError('{}')", "print('{}'); assert False, '{}'"])
def test_a_password_that_a_test_prints_is_shown_nowhere(checkout, end):
    checkout.write("test_a.py", f"def test_a():\n    {end.replace('{}', ADDRESS)}\n")
    assert checkout.run().returncode == 1
    _, _, said = checkout.report()
    for text in (said, *everything(checkout).values()):
        assert SECRET not in text


def test_a_password_in_evidence_of_another_machine_is_masked_when_it_is_shown(checkout, tmp_path):
    found = {"schema": "triton-matrix/failure/1", "cell": "small", "stage": "install", "status": 1}
    found |= {"command": ["uv", "--index", ADDRESS], "tail": f"cannot reach {ADDRESS}", "date": "2026-01-01T00:00:00"}
    (tmp_path / "other" / "small").mkdir(parents=True)
    (tmp_path / "other" / "small" / "failure.json").write_text(json.dumps(found))
    status, _, said = checkout.report("--add", tmp_path / "other")
    assert status == 1
    for text in (said, *everything(checkout).values()):
        assert SECRET not in text
        assert "s3cr" not in text


def test_a_junit_file_that_a_full_disk_cut_is_not_promoted(checkout):
    checkout.write("test_a.py", "def test_a(): pass\n")
    assert checkout.run().returncode == 0
    checkout.write("conftest.py", FULL)
    done = checkout.run()
    assert done.returncode == 2
    assert not checkout.evidence("junit-interpreter.xml").exists()
    assert [path.name for path in checkout.evidence("").iterdir() if path.name.startswith(".")] == []
    assert checkout.verdict() == (1, "fail")


@pytest.mark.parametrize("column", ["../../x", "", ".", "..", "/tmp/x", "a/b", "a b", "x\x1b[2J"])
def test_a_column_that_is_no_plain_name_is_refused(checkout, column):
    before = sorted(checkout.root.parent.rglob("*"))
    done = checkout.run("--column", column)
    assert done.returncode == 2
    assert "the column is" in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(checkout.root.parent.rglob("*")) == before


@pytest.mark.parametrize("column", ["pinned", "pinned@other-1.0"])
def test_results_of_one_cell_are_not_filed_as_anothers(checkout, column):
    checkout.write("test_a.py", "def test_a(): pass\n")
    done = checkout.run("--column", column)
    assert done.returncode == 2
    assert f"the column is {column!r}, which is another row's; allowed are small and small@..." in done.stderr
    assert not checkout.reports.exists()


def test_asserts_are_checked_whatever_a_shell_says_of_optimizing(checkout):
    (checkout.root / "modules" / "checks.py").write_text("def check(x): assert x, 'not x'\n")
    checkout.write("test_a.py", "from checks import check\n\ndef test_a(): check(False)\n")
    assert checkout.run(PYTHONOPTIMIZE="1").returncode == 1
    assert checkout.verdict() == (1, "fail")


def test_a_folder_that_is_called_like_a_variable_is_the_one_that_is_written_to(checkout, tmp_path):
    root = checkout.root.rename(tmp_path / "a$ELSEWHERE")
    checkout.root, checkout.suite, checkout.reports = root, root / "tests" / "correctness", root / "reports"
    checkout.write("test_a.py", "def test_a(): pass\n")
    done = checkout.run(ELSEWHERE=f"/../{tmp_path.name}-elsewhere")
    assert done.returncode == 0, done.stderr
    assert checkout.verdict() == (0, "pass")
    assert [path.name for path in tmp_path.iterdir()] == ["a$ELSEWHERE"]


LIVE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202egnp"


@pytest.mark.parametrize("where", ["failure.json", "a message", "an id", "a skip", "a property", "a name"])
def test_escape_sequences_of_evidence_never_reach_the_terminal(checkout, where):
    checkout.write(
        "test_a.py", f"import pytest\n@pytest.mark.parametrize('x', [{LIVE!r}])\ndef test_a(x): assert not x, x\n"
    )
    if where == "a skip":
        checkout.write("test_a.py", f"import pytest\ndef test_a(): pytest.skip({LIVE!r})\n")
    checkout.run()
    folder = checkout.evidence("")
    if where == "failure.json":
        found = {"schema": "triton-matrix/failure/1", "cell": "small", "stage": f"install{LIVE}", "status": 1}
        found |= {"command": [LIVE], "tail": LIVE, "date": "2099-01-01T00:00:00"[:0] + "2026-11-25T00:00:00"}
        (folder / "failure.json").write_text(json.dumps(found))
    junit = folder / "junit-interpreter.xml"
    if where in ("a message", "an id", "a property"):
        text = junit.read_text()
        raw = LIVE.replace("\x1b", "").replace("\x07", "")  # XML holds no C0, but C1 and directions
        pattern = {"a message": r'message="', "an id": r'testcase classname="', "a property": r'name="gpu" value="'}
        junit.write_text(re.sub(pattern[where], lambda found: found[0] + raw, text))
    if where == "a name":
        (folder / "x\x1b[2J\udcff.json").write_text("{")
    _, _, said = checkout.report()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
    for name in ("summary.md", "index.html"):
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e]", (checkout.reports / name).read_text().replace("\f", "")
        )


def test_backticks_of_a_test_cannot_leave_their_code_span(checkout):
    text = "``` ` <img src=x> `` [x](http://127.0.0.1)"
    checkout.write("test_a.py", f"def test_a(): raise ValueError({text!r})\n")
    assert checkout.run().returncode == 1
    checkout.report()
    line = next(line for line in (checkout.reports / "summary.md").read_text().splitlines() if "<img" in line)
    fence = re.search("`{4,}", line)[0]
    assert line.count(fence) == 2
    assert line.index(fence) < line.index("<img") < line.rindex(fence)


def test_a_skip_with_one_backtick_opens_no_code(checkout):
    checkout.write("test_small.py", "import pytest\ndef test_a(): pytest.skip('a ` and [x](http://127.0.0.1)')\n")
    checkout.run()
    checkout.report()
    summary = (checkout.reports / "summary.md").read_text()
    assert "a \\` and \\[x](http://127.0.0.1)" in summary


NO_ROOM = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
NO_ROOM += "from triton_matrix.__main__ import main; sys.exit(main(sys.argv[1:]))"


def no_room(checkout, verb, *arguments):
    command = [sys.executable, "-c", NO_ROOM, verb, "--root", str(checkout.root), *arguments]
    return subprocess.run(
        command, env=checkout.env(), cwd=checkout.root / "tests", capture_output=True, text=True, check=False
    )


def a_file_in_the_way(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def a_folder_in_the_way(path):
    (path / "holds something").mkdir(parents=True)


IN_THE_WAY = {
    "reports is a file": lambda reports: a_file_in_the_way(reports),
    "the cell's folder is a file": lambda reports: a_file_in_the_way(reports / "small"),
    "a folder where the JUnit should be": lambda reports: a_folder_in_the_way(
        reports / "small" / "junit-interpreter.xml"
    ),
    "a folder where the run should be": lambda reports: a_folder_in_the_way(reports / "small" / "run-interpreter.json"),
    "a folder where the environment should be": lambda r: a_folder_in_the_way(r / "small" / "environment.json"),
    "a folder where the failure was": lambda r: a_folder_in_the_way(r / "small" / "failure.json"),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_evidence_that_cannot_be_written_is_one_sentence_of_run(checkout, what):
    IN_THE_WAY[what](checkout.reports)
    done = checkout.run()
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("run: ")]
    assert len(said) == 1


def test_a_full_disk_is_one_sentence_of_run_and_of_report(checkout):
    done = no_room(checkout, "run", "--cell", "small")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in done.stderr
    assert checkout.run().returncode == 0
    done = no_room(checkout, "report")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in done.stderr
    assert not (checkout.reports / "matrix.json").exists()
