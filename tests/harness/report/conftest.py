"""What the tests of the report share: the verb, and recorded results (data/record.py made them) as if just taken."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from .results import GENERATE, RECORDED, make_current


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """Every recorded result, of the checkout as it is now; not to be changed."""
    return make_current(shutil.copytree(RECORDED, tmp_path_factory.mktemp("recordings") / "recorded"))


@pytest.fixture
def report(tmp_path, capsys):
    """Run the verb; gives the matrix, the exit status as ``exit_status`` and what was printed as ``said``."""
    pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
    from triton_matrix.report import cli

    def run(reports, *arguments):
        out = tmp_path / "out"
        status = cli.main(
            ["--reports", str(reports), "--out", str(out), "--accepted", "none.toml", *map(str, arguments)]
        )
        printed = capsys.readouterr()
        matrix = json.loads((out / "matrix.json").read_text()) if (out / "matrix.json").is_file() else {}
        matrix.update(exit_status=status, said=printed.out, err=printed.err, out=out)
        return matrix

    return run


@pytest.fixture
def copy(tmp_path, recorded):
    """A copy of recorded results that a test may change."""

    def make(sabotage="none", cells=("triton231",), name="reports"):
        for cell in cells:
            shutil.copytree(recorded / sabotage / cell, tmp_path / name / cell)
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def timed_once(tmp_path_factory):
    """A run of the bench in one cell; not to be changed."""
    folder = tmp_path_factory.mktemp("timed") / "run"
    generate = [sys.executable, GENERATE, folder, "--cells", "1", "--tests", "5"]
    subprocess.run([*generate, "--configurations", "7", "--names", "triton231"], check=True)
    return make_current(folder)


@pytest.fixture
def timed(tmp_path, timed_once):
    """Two runs of the bench in one cell that differ in one row of ours, by a factor."""

    def make(factor, name="large-bf16-32768x4096-backward"):
        before, now = tmp_path / "before", tmp_path / "now"
        shutil.copytree(timed_once, before)
        shutil.copytree(timed_once, now)
        file = now / "triton231" / "benchmark.json"
        content = json.loads(file.read_text())
        for row in content["benchmarks"]:
            if row["extra_info"]["row"] == name:
                row["stats"]["median"] *= factor
                row["extra_info"]["share_of_copy"] /= factor
        file.write_text(json.dumps(content))
        return now, before

    return make
