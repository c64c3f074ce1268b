"""A failing external tool is answered with its command, its exit status and its last lines."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.display_text import masked


def test_the_output_of_a_tool_comes_back():
    assert commands.run([sys.executable, "-c", "print(input())"], stdin="hello\n") == "hello\n"


def test_a_failing_tool_says_command_status_and_last_lines():
    code = "import sys\nfor i in range(100): print('line', i)\nsys.exit(7)"
    with pytest.raises(commands.ToolError) as caught:
        commands.run([sys.executable, "-c", code])
    error = caught.value
    assert error.status == 7
    assert error.command[0] == sys.executable
    assert error.tail.splitlines()[-1] == "line 99"
    assert len(error.tail.splitlines()) == commands.TAIL_LINES
    assert "exit status 7" in str(error)


def test_a_tool_that_is_not_there_is_named():
    with pytest.raises(commands.ToolError, match="no-such-tool"):
        commands.run(["no-such-tool", "--version"])


def test_a_missing_uv_is_one_sentence_that_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(commands.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install uv"):
        commands.uv()


def test_progress_is_passed_on_line_by_line(capfd):
    commands.run([sys.executable, "-c", "print('downloading')"], echo=True)
    assert capfd.readouterr().out == "downloading\n"


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@host/simple",
        "error: https://secret@host:8080/x, and then",
        "git+https://me:p@secret@host/x.git",
        "ssh://me:secret@host",
    ],
)
def test_users_and_passwords_of_addresses_are_masked(text):
    assert "secret" not in masked(text)
    assert "me" not in masked(text).replace("some", "")
    assert "://***@host" in masked(text)


@pytest.mark.parametrize("text", ["https://host/a@b", "https://host", "one@example.org", "https://host?q=a@b"])
def test_an_address_without_a_password_stays_as_it_is(text):
    assert masked(text) == text


def test_a_failing_tool_does_not_tell_the_password_that_it_was_given(capfd):
    code = "import sys; print('looked at', sys.argv[1]); sys.exit(1)"
    with pytest.raises(commands.ToolError) as caught:
        commands.run([sys.executable, "-c", code, "https://me:secret@host/simple"], echo=True)
    error = caught.value
    assert "secret" not in " ".join([str(error), *error.command, error.tail, capfd.readouterr().out])


FAMILY = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(f"{child.pid}")
time.sleep(600)
"""
CALLERS = {
    "run": "import sys; from triton_matrix.base import commands; commands.run(sys.argv[1:])",
    "run_group": "import sys; from triton_matrix.base import commands; sys.exit(commands.run_group(sys.argv[1:]))",
}


def is_alive(pid):
    """Whether the process runs; one that ended and that nobody asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid, within_s=5):
    """Wait for a process that is not our child to end."""
    limit = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    return not is_alive(pid)


def wait_for(path, within_s=30):
    limit = time.monotonic() + within_s
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < limit, f"{path} was not written"
        time.sleep(0.02)
    return path.read_text()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", CALLERS)
def test_a_signal_ends_the_tool_and_what_it_started(tmp_path, how, number):
    command = [sys.executable, "-c", CALLERS[how], sys.executable, "-c", FAMILY, str(tmp_path / "pid")]
    env = {**os.environ, "PYTHONPATH": str(Path(commands.__file__).parents[2])}
    # whatever started these tests (nohup, a shell's background job) may have had signals ignored
    hears = lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]  # noqa: E731
    silent = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    caller = subprocess.Popen(command, env=env, preexec_fn=hears, **silent)
    grandchild = int(wait_for(tmp_path / "pid"))
    caller.send_signal(number)
    assert caller.wait(10) != 0
    assert ended(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a child with its parent")
def test_a_killed_process_takes_its_tool_along(tmp_path):
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    command = [sys.executable, "-c", CALLERS["run_group"], sys.executable, "-c", code, str(tmp_path / "pid")]
    env = {**os.environ, "PYTHONPATH": str(Path(commands.__file__).parents[2])}
    caller = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL)
    child = int(wait_for(tmp_path / "pid"))
    caller.kill()
    caller.wait(10)
    assert ended(child)


def test_a_tool_that_runs_past_its_limit_ends_with_what_it_started(tmp_path):
    command = [sys.executable, "-c", FAMILY, str(tmp_path / "pid")]
    with pytest.raises(subprocess.TimeoutExpired):
        commands.run_group(command, timeout_s=1)
    assert ended(int(wait_for(tmp_path / "pid")))


def test_what_a_tool_leaves_behind_ends_with_it(tmp_path):
    code = FAMILY.replace("time.sleep(600)\n", "\n").replace("\n\n", "\n")
    assert commands.run_group([sys.executable, "-c", code, str(tmp_path / "pid")]) == 0
    assert ended(int(wait_for(tmp_path / "pid")))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a child with its parent")
def test_a_verb_ends_with_the_nox_that_is_killed(tmp_path):
    verb = (
        "import os, sys, time; from triton_matrix.base import commands\n"
        "commands.end_with_nox(); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    )
    nox = (
        f"import os, subprocess, sys; os.environ[{commands.PARENT!r}] = str(os.getpid())\n"
        "subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(commands.__file__).parents[2])}
    killed = subprocess.Popen([sys.executable, "-c", nox, verb, str(tmp_path / "pid")], env=env)
    pid = int(wait_for(tmp_path / "pid"))
    assert is_alive(pid)
    killed.kill()
    killed.wait(10)
    assert ended(pid)


def test_a_verb_that_starts_after_its_nox_was_killed_ends_at_once():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    env = {**os.environ, "PYTHONPATH": str(Path(commands.__file__).parents[2]), commands.PARENT: str(gone.pid)}
    verb = [sys.executable, "-m", "triton_matrix", "lint", "--help"]
    assert subprocess.run(verb, env=env, capture_output=True, check=False).returncode == -signal.SIGTERM
