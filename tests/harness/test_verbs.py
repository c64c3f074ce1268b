"""What all verbs share: a help, one sentence for bad input, the exit statuses, and what they say to Ctrl-C."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from triton_matrix.__main__ import INTERRUPTED, UNREAD, main
from triton_matrix.base import cells, commands
from triton_matrix.verbs import VERBS

ROOT = cells.find_root(Path(__file__).parent)
# verb -> arguments that it cannot take, run in a folder whose table is not TOML and that has nothing else
BAD_INPUT = {
    "scan": ["missing/package"],
    "init": ["--root", "."],
    "lock": ["--root", "."],
    "provide": ["--root", ".", "--cell", "x", "--python", sys.executable],
    "run": ["--root", "."],
    "environment": ["--root", "."],
    "compile": ["--launches", "missing.toml", "--target", "cuda:90", "--no-cache"],
    "codegen": ["--root", "."],
    "values": ["--root", "."],
    "capture": ["--target", "cuda:1", "--", "true"],
    "launch": ["missing.py:add"],
    "compare": ["missing.json", "missing.json"],
    "history": ["x", "--target", "cuda:90", "--metric", "registers", "--reports", "missing"],
    "bench": ["--root", "."],
    "tune": ["--root", "."],
    "sanitize": ["--root", "."],
    "launch-cost": ["--root", "."],
    "report": ["--root", "."],
    "bisect": ["missing.toml", "--root", "."],
    "explain": ["x", "--target", "cuda:90", "--from", "3.3.1", "--to", "3.4.0", "--root", "."],
    "reproduce": ["x", "--target", "cuda:90", "--from", "3.3.1", "--to", "3.4.0", "--root", "."],
    "wheelhouse": ["x", "house", "--root", "."],
    "nightly": ["--root", "."],
    "ci-matrix": ["--root", "."],
    "incidents": ["--root", "."],
    "subject": ["x", "--cell", "x", "--root", "."],
    "lint": ["missing.py"],
}
UNNAMED = ("compile",)  # `codegen` passes its sentence on, and says itself who speaks


@pytest.fixture
def bad_table(tmp_path):
    """A folder whose table is not TOML."""
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text("this is no table\n")
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shares_the_exit_statuses(verb):
    assert vars(importlib.import_module(f"triton_matrix.{VERBS[verb].module}").main).get("verb") == verb


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help_that_names_it(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"triton_matrix {verb}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_bad_input_is_one_sentence_that_begins_with_the_verb_and_exit_status_2(verb, bad_table):
    done = subprocess.run(
        [sys.executable, "-m", "triton_matrix", verb, *BAD_INPUT[verb]],
        cwd=bad_table,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("" if verb in UNNAMED else f"{verb}: ")
    assert "Traceback" not in done.stdout + done.stderr
    assert "usage:" not in done.stderr  # the verb's own sentence, not that of its options


OUTPUTS = {  # a shell's redirection -> the exit statuses of a verb whose output is not empty
    "| (exec <&-; wait)": (UNREAD,),
    ">/dev/full": (2,),
    ">&-": (0,),
    ">&- 2>&- <&-": (0,),
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("how", OUTPUTS)
@pytest.mark.parametrize(
    "words", [["--help"], ["ci-matrix", "--root", str(ROOT)], ["environment", "--root", str(ROOT)]]
)
def test_an_output_that_nobody_can_read_is_no_traceback(how, words, tmp_path):
    command = f'"$@" 2>said {how}' if "2>" not in how else f'"$@" {how}'
    if how.startswith("|"):  # the reader is gone before the first word
        command = 'mkfifo pipe; exec 4<>pipe 5>pipe; exec 4<&-; "$@" 2>said >&5'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "triton_matrix", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = (tmp_path / "said").read_text() if (tmp_path / "said").exists() else ""
    assert done.returncode in OUTPUTS[how], said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert said.count("\n") == (how == ">/dev/full"), said


class Gone(ValueError):
    """Bad input of another kind."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("why"), 2),
        (Gone("why"), 4),
        (OSError("why"), 3),
        (commands.ToolError(["tool"], 9, "why"), 1),
    ],
)
def test_of_two_classes_that_fit_the_nearer_one_gives_the_status(error, status, capsys):
    @commands.exit_status("verb", {Gone: 4, OSError: 3})
    def fail(argv):
        raise error

    assert fail([]) == status
    assert capsys.readouterr().err == f"verb: {error}\n"


def test_what_a_verb_says_holds_no_password_and_nothing_that_a_terminal_obeys(capsys):
    @commands.exit_status("verb")
    def fail(argv):
        raise ValueError("no https://me:secret@host/x \x1b[2J")

    assert fail([]) == 2
    assert capsys.readouterr().err == "verb: no https://***@host/x \\x1b[2J\n"


def test_an_interrupted_verb_says_so_in_one_line(tmp_path):
    (tmp_path / "constraints").mkdir()
    shutil.copy(ROOT / "constraints" / "cells.toml", tmp_path / "constraints")
    slow = tmp_path / "uv"
    slow.write_text(f"#!/bin/sh\ntouch '{tmp_path}/started'\nexec sleep 600\n")
    slow.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-m", "triton_matrix", "lock", "tools", "--root", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "UV": str(slow)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 60
        while not (tmp_path / "started").exists() and time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (INTERRUPTED, "lock: interrupted\n")
