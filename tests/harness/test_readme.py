"""The README is true: its test command is the one that CI runs."""

from triton_matrix.base.cells import find_root

ROOT = find_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_as_it_is_written():
    command = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    assert f"```\n{command}\n```" in README
