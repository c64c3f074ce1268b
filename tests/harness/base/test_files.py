"""Evidence is written whole or not at all; TOML that cannot be read is one sentence."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from triton_matrix.base import files

from ..full_disk import full_disk


def test_json_is_written_sorted_and_readable_by_others(tmp_path):
    path = tmp_path / "made" / "on" / "the" / "way.json"
    files.write_json(path, {"b": 1, "a": [2]})
    assert json.loads(path.read_text()) == {"a": [2], "b": 1}
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    assert path.stat().st_mode & 0o444 == 0o444


def test_a_table_is_the_same_json_with_a_line_for_each_row(tmp_path):
    content = {"rows": [{"b": 1, "a": [2, 3]}, {}], "about": {"y": 1, "x": None}, "none": [], "name": "n"}
    files.write_table(tmp_path / "file.json", content)
    text = (tmp_path / "file.json").read_text()
    assert json.loads(text) == content
    assert '\n{"a": [2, 3], "b": 1},\n{}\n' in text
    files.write_table(tmp_path / "again.json", dict(reversed(content.items())))
    assert (tmp_path / "again.json").read_text() == text


def test_a_failure_while_writing_leaves_the_old_file_and_no_scratch(tmp_path):
    path = tmp_path / "evidence.json"
    files.write_text(path, "old")

    def write_half():
        with files.replacing(path) as scratch:
            scratch.write_text("half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["evidence.json"]


def test_a_value_that_json_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "evidence.json"
    files.write_text(path, "old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"share": float("nan")})
    assert path.read_text() == "old"


def test_a_run_killed_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "evidence.json"
    files.write_text(path, "old")
    code = (
        "import sys, time\nfrom triton_matrix.base import files\n"
        "with files.replacing(sys.argv[1]) as scratch:\n"
        "    scratch.write_text('half of the n'); print('writing', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    time.sleep(0.05)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        (b"[row", "it is not TOML: Expected"),
        (b'name = "\xff"', "it is not TOML: .*utf-8"),
    ],
)
def test_toml_that_cannot_be_read_is_one_sentence_that_names_the_option_and_the_file(tmp_path, content, sentence):
    path = tmp_path / "rows.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        files.read_toml(path, "--rows")
    assert str(caught.value).startswith(f"--rows is {str(path)!r}; ")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_said_with_the_file_that_could_not_be_written(tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(OSError, match=r"File too large.*run\.json"), full_disk():
        files.write_text(path, "x" * 1000)
    assert list(tmp_path.iterdir()) == []
