"""A bench that dies, and a job of CI that does: neither is green, and a repeat is."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from driver import LIMIT_S, half_files, hears_signals

MOMENTS = 4
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
GPU = {"STAND_IN_GPU": "cuda"}


def killed(process, checkout, choose, seconds):
    """End a process with -9 at a random moment, or one that it started, or all of them; says which and when."""
    moment, victim = choose.uniform(0, seconds), choose.choice(("it", "its group", "one of its processes"))
    time.sleep(moment)
    running = checkout.processes()
    if victim == "its group":
        os.killpg(process.pid, signal.SIGKILL)
    elif running:
        try:
            os.kill(process.pid if victim == "it" else choose.choice(running)[0], signal.SIGKILL)
        except ProcessLookupError:
            victim += ", which had just ended"
    process.wait(LIMIT_S)
    return f"kill -9 of {victim} after {moment:.2f} s of {seconds:.2f} s"


@pytest.fixture
def tested(checkout):
    """The checkout, its suites green at level interpreter, and the seconds that its bench takes."""
    assert checkout.nox("tests-small", "report").returncode == 0, checkout.said()
    began = time.monotonic()
    truth = checkout.root.parent / "truth-of-the-bench"
    done = checkout.nox("bench-small", TRUTH=str(truth), **GPU)
    assert done.returncode == 0, done.stdout
    assert checkout.ran_whole(truth)
    assert checkout.is_green("--expect", "small:bench@cuda")
    truth.unlink()
    return checkout, truth, time.monotonic() - began


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_bench_that_is_killed_at_a_random_moment(tested, seed, number):
    checkout, truth, seconds = tested
    (checkout.root / "tests" / "benchmarks" / "another.py").write_text("")  # the timings of before are none of now
    choose = random.Random(seed * MOMENTS + number)
    process = checkout.start("bench-small", TRUTH=str(truth), **GPU)
    what = f"seed {seed}, number {number}: {killed(process, checkout, choose, seconds)}\n{checkout.said()}"
    assert checkout.orphans() == [], what
    assert half_files(checkout.reports) == [], what
    assert "Traceback" not in checkout.said(), what
    if not checkout.ran_whole(truth):
        assert not checkout.is_green("--expect", "small:bench@cuda"), f"false green after {what}"
    done = checkout.nox("bench-small", TRUTH=str(truth), **GPU)
    assert done.returncode == 0, f"{what}; the repeat says\n{done.stdout}"
    assert checkout.is_green("--expect", "small:bench@cuda"), what


@pytest.mark.parametrize("bench", ["import no_such_module", "import os; os.abort()", "import os; os._exit(0)"])
def test_a_bench_that_dies_of_its_own(tested, bench):
    checkout, _, _ = tested
    (checkout.root / "tests" / "benchmarks" / "bench_other.py").write_text(f"{bench}\n")
    done = checkout.nox("bench-small", **GPU)
    assert done.returncode != 0, done.stdout
    assert not checkout.is_green()
    assert not checkout.is_green("--expect", "small:bench@cuda")


def job(checkout, platform, truth):
    """The level device of ``ambient`` on a runner of that platform, in its own folder of evidence."""
    python = checkout.root / ".nox" / "tests-small" / "bin" / "python"
    evidence = checkout.root.parent / "evidence" / f"evidence-ambient-device-{platform}"
    command = [str(python), "-m", "triton_matrix", "run", "--cell", "ambient", "--level", "device"]
    return subprocess.Popen(
        [*command, "--root", str(checkout.root), "--reports", str(evidence)],
        cwd=checkout.root,
        env=checkout.env(STAND_IN_GPU=platform, TRUTH=str(truth)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=hears_signals,
    )


@pytest.mark.parametrize("number", range(MOMENTS))
def test_of_two_platforms_one_job_is_killed_at_a_random_moment(checkout, seed, number):
    assert checkout.nox("tests-small", "report").returncode == 0, checkout.said()
    truth, began = checkout.root.parent / "truth-of-the-job", time.monotonic()
    assert job(checkout, "cuda", truth).wait(LIMIT_S) == 0
    seconds = time.monotonic() - began
    truth.unlink()
    choose = random.Random(seed * MOMENTS + number)
    expected = ["--add", str(checkout.root.parent / "evidence")]
    expected += [word for platform in ("cuda", "rocm") for word in ("--expect", f"ambient:device@{platform}")]
    what = f"seed {seed}, number {number}: {killed(job(checkout, 'rocm', truth), checkout, choose, seconds)}"
    assert checkout.orphans() == [], what
    if not checkout.ran_whole(truth):
        assert not checkout.is_green(*expected), f"false green after {what}"
    assert job(checkout, "rocm", truth).wait(LIMIT_S) == 0, what
    assert checkout.is_green(*expected), what
