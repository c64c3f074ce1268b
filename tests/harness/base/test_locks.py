"""A lock has one holder, and is free again however that holder ends."""

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from triton_matrix.base import commands, locks

HOLDS = (
    "import sys, time\nfrom pathlib import Path\nfrom triton_matrix.base import locks\n"
    "with locks.held(Path(sys.argv[1]), 'the thing'):\n"
    "    print('held', flush=True)\n    time.sleep(600)\n"
)


@pytest.fixture
def hold(tmp_path):
    """Hold the lock in another process; gives that process."""
    started = []

    def start(**env):
        env = {**os.environ, "PYTHONPATH": str(Path(locks.__file__).parents[2]), **env}
        command = [sys.executable, "-c", HOLDS, str(tmp_path / "lock")]
        started.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "held\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_holder_is_refused_with_the_first_ones_process_id(hold, tmp_path):
    first = hold()
    with pytest.raises(ValueError, match=f"the thing is in use by process {first.pid}; wait for it to end"):  # noqa: SIM117
        with locks.held(tmp_path / "lock", "the thing"):
            pass


def test_a_holder_that_was_killed_holds_nothing(hold, tmp_path):
    first = hold()
    first.kill()
    first.wait()
    with locks.held(tmp_path / "lock", "the thing"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_is_left_can_be_taken_again(tmp_path):
    for _ in range(2):
        with locks.held(tmp_path / "lock", "the thing"):
            pass


def test_one_that_waits_gets_the_lock_when_it_is_free(hold, tmp_path):
    first, killed = hold(), threading.Event()

    def end():
        killed.set()
        first.kill()

    threading.Timer(0.3, end).start()
    with locks.held(tmp_path / "lock", "the thing", wait_s=60):
        assert killed.is_set()


def test_a_verb_goes_on_under_the_lock_of_the_nox_that_started_it(hold, tmp_path, monkeypatch):
    nox = hold()
    monkeypatch.setenv(commands.PARENT, str(nox.pid))
    with locks.held(tmp_path / "lock", "the thing"):
        pass
    assert (tmp_path / "lock").read_text() == f"{nox.pid}\n"


def test_a_folder_that_is_read_only_needs_no_lock(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root writes to read-only folders")
    tmp_path.chmod(0o555)
    with locks.held(tmp_path / "deeper" / "lock", "the thing"):
        pass


NOBODY = 65534


def as_nobody(function):
    """Call it in a process of another user; gives its exit status, 0 where it returned."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            function()
        except BaseException as problem:
            os._exit(2 if isinstance(problem, ValueError) and "in use by" in str(problem) else 1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def everybodys():
    """A folder like /tmp, in which anybody makes files and nobody writes to another's."""
    if os.geteuid() != 0:
        pytest.skip("needs a second user: run as root, which becomes one")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o1777)
        if as_nobody(lambda: os.listdir(folder)) != 0:
            pytest.skip(f"needs a folder that every user reaches: name one as TMPDIR; this is {folder}")
        yield Path(folder)


def test_another_users_lock_is_respected_and_can_be_had(everybodys):
    def lock():
        with locks.held(everybodys / "lock", "the thing"):
            pass

    lock()
    assert as_nobody(lock) == 0
    with locks.held(everybodys / "lock", "the thing"):
        assert as_nobody(lock) == 2


def test_one_that_holds_anothers_file_is_not_called_by_that_ones_number(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "lock").write_text(f"{ended.pid}\n")
    with open(tmp_path / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="the thing is in use by another process"):  # noqa: SIM117
            with locks.held(tmp_path / "lock", "the thing"):
                pass


def test_what_its_file_system_does_not_lock_unwritten_is_not_said_to_be_in_use(tmp_path, monkeypatch):
    def of_nfs(descriptor, operation):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    with locks.held(tmp_path / "lock", "the thing"):
        pass
