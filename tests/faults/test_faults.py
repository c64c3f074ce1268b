"""Faults of the machine under real sessions of a tiny package: no half file, no green, no orphan, a green repeat."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from driver import check_after, half_files

MOMENTS = 10
PAGE = os.sysconf("SC_PAGE_SIZE")  # what a tmpfs counts in
SPARE = 4 << 20  # bytes of the small disk beside what it holds already, before it is filled
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="session")
def duration(healthy, index, tmp_path_factory):
    """Seconds that provisioning, run and report take together here, from nothing and with all that is reused."""
    from driver import Checkout

    root = tmp_path_factory.mktemp("timed") / "checkout"
    shutil.copytree(healthy.root, root, ignore=shutil.ignore_patterns(".nox", "reports"))
    timed = Checkout(root, index, cache=healthy.cache)
    taken = {}
    for state in ("new", "reused"):
        began = time.monotonic()
        assert timed.nox().returncode == 0, timed.said()
        taken[state] = time.monotonic() - began
    return taken


@pytest.mark.parametrize("number", range(MOMENTS))
def test_kill_at_a_random_moment(checkout, duration, seed, number):
    choose = random.Random(seed * MOMENTS + number)
    state = ("new", "reused")[number % 2]
    if state == "reused":
        assert checkout.nox("tests-small", "--install-only").returncode == 0, checkout.said()
        checkout.edit()
    moment = choose.uniform(0, duration[state])
    victim = choose.choice(("nox", "the group", "one of its processes"))
    what = f"seed {seed}, number {number}: kill -9 of {victim} after {moment:.2f} s of {duration[state]:.2f} s, {state}"
    process = checkout.start()
    time.sleep(moment)
    running = checkout.processes()
    if victim == "the group":
        os.killpg(process.pid, signal.SIGKILL)
    elif running:
        pid = process.pid if victim == "nox" else choose.choice(running)[0]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            what += "; it had just ended"
    process.wait(120)
    check_after(checkout, what)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", ["provisioning", "the run"])
def test_a_signal_to_nox_ends_all_that_it_started(checkout, index, number, step):
    if step == "provisioning":
        index.slow_s = 1.0
        checkout.cache = checkout.root.parent / "empty"
    process = checkout.start(SLOW="1")
    wanted = " pip sync " if step == "provisioning" else " -m pytest "
    until = time.monotonic() + 60
    while not any(wanted in command for _, command in checkout.processes()):
        assert time.monotonic() < until, checkout.said()
        assert process.poll() is None, checkout.said()
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(number)
    assert process.wait(20) != 0
    assert checkout.orphans() == [], checkout.said()
    check_after(checkout, f"signal {number} during {step}")


FILL = """
set -e
mount -t tmpfs -o size="$SIZE" tmpfs "$PLACE"
cp -a "$KEPT/." "$PLACE/"
cat /dev/zero > "$PLACE/filler" 2>/dev/null || true
set +e
"$@"
status=$?
rm -f "$PLACE/filler"
cp -a "$PLACE/." "$OUT/"
exit $status
"""


@pytest.fixture
def _small_disk(tmp_path):
    (tmp_path / "probe").mkdir()
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path / "probe")]
    if not shutil.which("unshare") or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs `unshare -rm` and mounting a tmpfs in it")


@pytest.mark.usefixtures("_small_disk")
@pytest.mark.parametrize("place", ["reports", ".nox", "tmp", "cache"])
@pytest.mark.parametrize("state", ["new", "reused"])
def test_a_full_disk(checkout, tmp_path, place, state):
    if state == "reused":
        assert checkout.nox("tests-small", "--install-only").returncode == 0, checkout.said()
        checkout.edit()
        # more than what is taken away before it is installed
        (checkout.root / "tiny" / "grown.py").write_text(f"# {'x' * (1 << 20)}\n")
    if place == "cache" and state == "new":
        checkout.cache = tmp_path / "empty"
    folder = {"tmp": tmp_path / "tmp", "cache": checkout.cache}.get(place, checkout.root / place)
    folder.mkdir(exist_ok=True)
    kept, out = tmp_path / "kept", tmp_path / "out"
    out.mkdir()
    if place == "reports" or (place, state) == (".nox", "reused"):
        shutil.copytree(folder, kept, symlinks=True)
    else:
        kept.mkdir()
    pages = sum(-(-path.lstat().st_size // PAGE) + 1 for path in kept.rglob("*"))
    names = {"PLACE": str(folder), "KEPT": str(kept), "OUT": str(out), "SIZE": str(pages * PAGE + SPARE)}
    done = checkout.nox(before=("unshare", "-rm", "sh", "-c", FILL, "sh"), **names)
    what = f"a full disk under {place}, {state}"
    # Python takes another folder for temporary files where the one that it is told of is full
    assert (done.returncode == 0) == checkout.ran_whole() == (place == "tmp"), f"{what}: {done.stdout}"
    if place == "reports":
        assert half_files(out) == [], f"{what}: {done.stdout}"
        shutil.rmtree(folder)
        shutil.copytree(out, folder)
    check_after(checkout, what)


@pytest.mark.parametrize("requests", [0, 3, 7, 15])
def test_a_network_that_vanishes_while_provisioning(checkout, index, requests):
    checkout.cache = checkout.root.parent / "empty"
    index.left = requests
    done = checkout.nox()
    assert done.returncode != 0, done.stdout
    assert not checkout.ran_whole()
    check_after(checkout, f"the index vanished after {requests} requests")


def test_no_network_at_all(checkout):
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs `unshare -rn` (util-linux, and a kernel that gives users network namespaces)")
    checkout.cache = checkout.root.parent / "empty"
    done = checkout.nox(before=("unshare", "-rn"))
    assert done.returncode != 0, done.stdout
    assert "cannot be downloaded from here" in done.stdout
    check_after(checkout, "a network namespace with nothing in it")


def test_a_second_session_of_a_cell_is_refused_and_the_first_is_green(checkout):
    first = checkout.start("tests-small", "report", SLOW="0.3")
    log = checkout.root.parent / "said"
    log.rename(log.with_name("first"))
    until = time.monotonic() + 60
    lock = checkout.reports / ".small.lock"
    while not (lock.exists() and lock.read_text().strip() == str(first.pid)):
        assert time.monotonic() < until
        time.sleep(0.02)
    second = checkout.nox("tests-small")
    assert second.returncode != 0
    assert f"is in use by process {first.pid}; wait for it to end" in second.stdout
    assert first.wait(120) == 0, log.with_name("first").read_text()
    check_after(checkout, "two sessions side by side")


def test_a_home_and_a_cache_that_cannot_be_written_are_no_traceback(checkout):
    if os.geteuid() == 0:
        blocked = checkout.root.parent / "a-file"
        blocked.write_text("")
        home = str(blocked)
    else:
        home = "/nonexistent"
    checkout.nox(HOME=home, XDG_CACHE_HOME=f"{home}/cache")
    check_after(checkout, "an unwritable HOME")
    assert Path(checkout.reports).is_dir()


def test_another_build_of_a_pinned_version_is_in_the_evidence(checkout, other_torch):
    done = checkout.nox(UV_FIND_LINKS=str(other_torch))
    assert done.returncode == 0, done.stdout
    assert "torch 2.7.1+mine in place of the pinned 2.7.1: UV_FIND_LINKS brings it" in done.stdout
    found = json.loads((checkout.reports / "small" / "environment.json").read_text())
    assert found["torch"]["version"] == "2.7.1+mine"
    assert [each["name"] for each in found["other_builds"]] == ["torch"]
    assert checkout.nox().returncode == 0
    found = json.loads((checkout.reports / "small" / "environment.json").read_text())
    assert (found["torch"]["version"], found["other_builds"]) == ("2.7.1", [])
