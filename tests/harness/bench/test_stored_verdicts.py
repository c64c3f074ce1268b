"""The raw files of launches on a GPU in results/: what they called wrong numbers, by today's rules."""

import json
import os
import subprocess
import sys

import pytest

from triton_matrix.bench.device import document
from triton_matrix.values import description

from ..conftest import ROOT

STORED = ROOT / "results" / "h200-launches-2026-11-29"
MEAN = "against triton 3.6.0: Mean: 1 of 8 elements differ, by up to {} (1e-05 of the value); [3] is 0.47, then 0.46"
AS_IT_WAS = "against the interpreter of triton 3.6.0: Dw: 4 of 4 elements differ; [0] is not written, and should be {}"
EXCHANGE = "against triton 3.6.0: Exchange: 15 of 16 elements differ, by up to 3e+10 (1 of the value); [4] is 4, then 5"


@pytest.fixture(scope="module")
def judged():
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        from survey import judged_again
    finally:
        sys.path.remove(str(ROOT / "tests"))
    return judged_again.judged


@pytest.fixture(scope="module")
def launch():
    """A launch that reads numbers of size 1, and has a scratch argument."""
    normal = {"dtype": "fp32", "shape": [1024], "fill": {"kind": "normal", "mean": 0.0, "deviation": 1.0, "seed": 1}}
    args = {"X": {"tensor": normal}, "Mean": {"tensor": {"dtype": "fp32", "shape": [8]}}}
    args["Exchange"] = {"tensor": {"dtype": "i64", "shape": [16], "fill": {"kind": "zeros"}, "scratch": True}}
    return description.prepared({"kernel": "toys.py:norm", "grid": [1], "args": args, "name": "norm"})


@pytest.mark.parametrize(
    ("what", "now"),
    [
        (MEAN.format("2.38e-07"), "rounding"),
        (MEAN.format("2.4e-05"), "wrong numbers"),
        (EXCHANGE, "no result"),
        (AS_IT_WAS.format("0"), "as it was"),
        (AS_IT_WAS.format("0.5"), "wrong numbers"),
        ("something else", "wrong numbers"),
    ],
)
def test_a_stored_verdict_is_judged_by_its_argument_and_size(judged, launch, what, now):
    assert judged(what, launch) == now


def test_a_launch_that_the_atlas_no_longer_gives_keeps_its_verdict(judged):
    assert judged(MEAN.format("1e-08"), None) == "wrong numbers"


def test_none_of_the_stored_wrong_numbers_is_left(release_python):
    command = [sys.executable, "-m", "survey.judged_again", *sorted(map(str, STORED.glob("*/")))]
    command += ["--root", str(ROOT), "--python", str(release_python("3.9.0"))]
    done = subprocess.run(
        command, cwd=ROOT / "tests", env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "11 rounding, 2 no result, 2 as it was"


def test_the_stored_files_say_what_the_report_takes_from_them():
    read = {path.stem: json.loads(path.read_text()) for path in (STORED / "layer-norm-390").glob("[0-9]*.json")}
    (change,) = document.changes(read["3.6.0"], read["3.9.0"])
    assert change.what.startswith("slower: 1.10 x triton 3.6.0")
