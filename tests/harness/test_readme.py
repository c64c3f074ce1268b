"""The README is true: its commands are the ones that CI runs, its links lead somewhere."""

import re

from triton_matrix.base.cells import find_root

ROOT = find_root()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_as_it_is_written():
    command = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    assert f"```\n{command}\n```" in README


def test_every_file_that_is_linked_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
