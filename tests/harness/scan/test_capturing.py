"""What a package has to run: its tests; programs among these where pytest finds none; else its examples."""

import os
import subprocess
import sys

import pytest

from triton_matrix.scan import capturing

from ..conftest import ROOT


@pytest.fixture
def root(tmp_path):
    for path, text in {
        "tests/conftest.py": "",
        "tests/run_all.py": "if __name__ == '__main__':\n    pass\n",
        "tests/helpers.py": "",
        "examples/a.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_tests_come_before_examples_and_a_folder_without_a_test_counts_for_nothing(root):
    assert list(capturing.commands_of(root)) == [[*capturing.PYTEST, "tests"]]
    for name in ("run_all", "helpers"):
        (root / "tests" / f"{name}.py").unlink()
    assert list(capturing.commands_of(root)) == [["examples/a.py"]]


@pytest.mark.parametrize(
    ("ended", "run"),
    [("the command ended with 5, which is not judged", ["pytest", "tests/run_all.py"]), ("ended with 0", ["pytest"])],
)
def test_programs_among_the_tests_are_run_where_pytest_finds_no_test(root, monkeypatch, ended, run):
    seen = []
    monkeypatch.setattr(
        capturing, "_captured", lambda python, root, out, left, command: seen.append(command[0]) or ended
    )
    said = capturing.run(root / "python", root, [[*capturing.PYTEST, "tests"]], root / "out", 60)
    assert (seen, said) == (run, [ended] * len(run))


def test_what_the_budget_does_not_reach_is_counted(root, monkeypatch):
    monkeypatch.setattr(capturing, "_captured", lambda *what: "ended with 0")
    assert capturing.run(root, root, [["a.py"], ["b.py"]], root, 0.5) == [
        "2 more commands were not run: --seconds is 0.5"
    ]


CASES = """
import pytest, time
from triton_matrix.suites import in_turn
in_turn.SECONDS = 0.2
@pytest.mark.parametrize("n", [1, 2])
def test_{0}(n):
    print("{0}", n)
def test_{0}2():
    import slow
    print("{0}2", slow.WHOLE)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass
"""


def test_each_test_is_run_once_before_any_is_run_again_and_none_for_long(root):
    """Hundreds of cases of the first file that launch nothing, or one that takes long, would take the whole budget."""
    for name in "ab":
        (root / "tests" / f"test_{name}.py").write_text(CASES.format(name))
    (root / "tests" / "slow.py").write_text("import time\nfor n in range(60): time.sleep(0.01)\nWHOLE = 1\n")
    command = [sys.executable, "-m", *capturing.PYTEST, "-s", "tests"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True, timeout=50)
    assert [line.strip(".s") for line in done.stdout.splitlines()[:6]] == ["a 1", "a2 1", "b 1", "b2 1", "a 2", "b 2"]
    assert "4 passed, 2 skipped" in done.stdout
