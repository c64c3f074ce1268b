"""rocm-smi is asked last and believed least: real programs that lie, hang, leave children or must not be run at all."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

CARDS = '{"card0": {"Device Name": "AMD Instinct MI300X", "Device ID": "0x74a1"}}'
# Debian's rocm-smi 5.2.3 with no driver, and a 2025 one without its library: both exit 0.
NO_DRIVER = "echo 'ERROR:root:Driver not initialized (amdgpu not found in modules)' >&2"
NO_LIBRARY = "echo 'Unable to load the rocm_smi library.'"


@pytest.fixture
def rocm_smi():
    """Write a program called rocm-smi into a folder; its body is shell."""

    def write(folder: Path, body: str, mode: int = 0o755) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "rocm-smi"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def detect(helpers, tmp_path):
    """Detect with nothing but tools to ask, below a root that has no rocm-smi unless the test put it there."""

    def run(*path: object):
        environ = {"PATH": os.pathsep.join(map(str, path))}
        return helpers.detect_platform(environ=environ, root=str(tmp_path / "root"), site_directories=[])

    return run


def wait_until_gone(pid: int) -> bool:
    """Whether the process ends within 5 s; one that nobody has reaped yet has ended."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_a_card_in_its_json_proves_rocm(detect, rocm_smi, tmp_path):
    # `$*` shows the arguments, the folder's name that no shell splits it
    program = rocm_smi(tmp_path / "a b;c", f'[ "$*" = "--showid --json" ] && echo \'{CARDS}\'')
    assert detect(program.parent) == ("rocm", f"{program} --showid --json lists a GPU")


def test_warnings_above_the_json_and_a_bad_exit_status_do_not_hide_a_card(detect, rocm_smi, tmp_path):
    body = f"echo 'WARNING: AMD GPU device(s) is/are in a low-power state.'; echo '{CARDS}'; exit 2"
    assert detect(rocm_smi(tmp_path / "bin", body).parent).platform == "rocm"


@pytest.mark.parametrize(
    "body",
    [
        "exit 0",
        NO_DRIVER,
        NO_LIBRARY,
        "exit 1",
        "echo '{}'",
        'echo \'{"system": {"Driver version": "6.8.5"}}\'',
        "echo '[\"card0\"]'",
        "echo card0",
        "echo '{\"card0\": '",
        "echo '{\"cardinal\": 1}'",
        "printf '\\377\\376{'",
        "printf '{\"a\":'; head -c 300000 /dev/zero | tr '\\0' '['",  # deeper than a JSON parser goes
        "yes '{'",  # never ends, and is stopped long before it fills the memory
        "kill -SEGV $$",
    ],
)
def test_whatever_else_it_prints_is_not_a_gpu(helpers, detect, rocm_smi, tmp_path, capfd, body):
    helpers.TOOL_LIMIT_S = 600
    started = time.monotonic()
    assert detect(rocm_smi(tmp_path / "bin", body).parent).platform == "cpu"
    assert time.monotonic() - started < 60
    assert capfd.readouterr() == ("", "")


def test_nothing_waits_for_an_answer_on_stdin(helpers, detect, rocm_smi, tmp_path):
    helpers.TOOL_LIMIT_S = 2
    program = rocm_smi(tmp_path / "bin", f"cat; echo '{CARDS}'")
    ours, (silent, writer) = os.dup(0), os.pipe()
    os.dup2(silent, 0)  # a stdin that a child would inherit, and that never ends
    try:
        assert detect(program.parent).platform == "rocm"
    finally:
        os.dup2(ours, 0)
        for each in (ours, silent, writer):
            os.close(each)


def test_the_limit_is_ten_seconds(helpers):
    assert helpers.TOOL_LIMIT_S == 10


@pytest.mark.parametrize(
    "body",
    [
        "sleep 300 & echo $! > CHILD; wait",
        # the child alone keeps stdout open, after its parent has printed a card and gone
        f"sleep 300 & echo $! > CHILD; echo '{CARDS}'",
        # deaf to everything but SIGKILL
        "trap '' TERM HUP INT; sleep 300 & echo $! > CHILD; wait",
    ],
    ids=["hangs", "leaves a child", "ignores signals"],
)
def test_one_that_hangs_is_killed_with_its_child(helpers, detect, rocm_smi, tmp_path, body):
    helpers.TOOL_LIMIT_S = 0.5
    child = tmp_path / "child"
    started = time.monotonic()
    assert detect(rocm_smi(tmp_path / "bin", body.replace("CHILD", f"'{child}'")).parent).platform == "cpu"
    assert time.monotonic() - started < 60
    assert wait_until_gone(int(child.read_text()))


def test_one_that_answers_is_not_left_running_either(detect, rocm_smi, tmp_path):
    child = tmp_path / "child"
    body = f"sleep 300 > /dev/null & echo $! > '{child}'; echo '{CARDS}'"
    assert detect(rocm_smi(tmp_path / "bin", body).parent).platform == "rocm"
    assert wait_until_gone(int(child.read_text()))


@pytest.mark.parametrize(
    "prepare",
    [
        lambda path: path.chmod(0o644),
        lambda path: path.write_bytes(b"\x7fELF\x02"),
        lambda path: path.write_text("#!/no/such/interpreter\n"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to(path)),
    ],
    ids=["not executable", "not a program", "no interpreter", "missing", "a folder", "a link to itself"],
)
def test_one_that_cannot_be_started_is_passed_over_and_the_next_is_asked(detect, rocm_smi, tmp_path, prepare):
    broken = rocm_smi(tmp_path / "broken", f"echo '{CARDS}'")
    prepare(broken)
    assert detect(broken.parent).platform == "cpu"
    works = rocm_smi(tmp_path / "works", f"echo '{CARDS}'")
    assert detect(broken.parent, works.parent).evidence.startswith(str(works))


@pytest.mark.parametrize("path", ["", ":", ":/nowhere", "/nowhere:", "/nowhere::/nowhere", ".", "bin", "./bin:../here"])
def test_the_current_directory_is_never_searched(detect, rocm_smi, tmp_path, monkeypatch, path):
    for folder in ("here", "here/bin"):
        rocm_smi(tmp_path / folder, f"touch '{tmp_path}/was-run'; echo '{CARDS}'")
    monkeypatch.chdir(tmp_path / "here")
    assert detect(path).platform == "cpu"
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("place", ["opt/rocm/bin", "usr/bin"])
def test_its_own_places_go_before_path(detect, rocm_smi, tmp_path, place):
    own = rocm_smi(tmp_path / "root" / place, f"echo '{CARDS}'")
    other = rocm_smi(tmp_path / "bin", f"touch '{tmp_path}/was-run'; echo '{CARDS}'")
    assert detect(other.parent) == ("rocm", f"{own} --showid --json lists a GPU")
    assert not (tmp_path / "was-run").exists()


def test_no_tool_is_run_where_a_driver_has_answered(helpers, rocm_smi, tmp_path):
    rocm_smi(tmp_path / "root/usr/bin", f"touch '{tmp_path}/was-run'; echo '{CARDS}'")
    driver = tmp_path / "root/proc/driver/nvidia/version"
    driver.parent.mkdir(parents=True)
    driver.write_text("NVRM version: 550.54.15\n")
    found = helpers.detect_platform(environ={}, root=str(tmp_path / "root"), site_directories=[])
    assert found.platform == "cuda"
    assert not (tmp_path / "was-run").exists()


@pytest.mark.usefixtures("bare_machine")
def test_a_build_asks_it(build, requires, checkout, helpers, rocm_smi, tmp_path):
    program = rocm_smi(tmp_path / "bin", f"echo '{CARDS}'")
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    wheel = build(checkout, env={"PATH": path})
    assert requires(wheel) == sorted(helpers.get_platform_dependencies("rocm"))


if sys.platform != "linux":  # /proc, and programs that are shell scripts
    pytestmark = pytest.mark.skip(reason="needs Linux, where ROCm is")
