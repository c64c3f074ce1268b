"""A verb that was forked ends as one does that was started: the tests of whole rooms rely on it."""

import os
import sys

import pytest

from . import forks

CELLS = '[package]\nname = "x"\n[cell.a]\nplatforms = ["cpu"]\nwhy = "x"\n'


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["run", "--cell", "a", "--root", "."], "cell a needs torch in"),
        (["bench", "--cell", "none"], "unknown cell 'none'"),
        (["no-such-verb"], "unknown verb 'no-such-verb'"),
    ],
)
def test_a_forked_verb_says_and_ends_as_one_that_was_started(asked, said, tmp_path):
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text(CELLS)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "triton.py").write_text("")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "modules"), str(forks.ROOT)])}
    forked, started = (forks.run(asked, tmp_path, given) for given in (env, {**env, "PYTHONHASHSEED": "1"}))
    assert forked.args == asked
    assert started.args == [sys.executable, "-m", "triton_matrix", *asked]
    assert said in forked.stderr
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)
