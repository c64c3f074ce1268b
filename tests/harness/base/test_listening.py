"""What a module reads from outside is noted, whatever way it takes, and a change of it is seen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import reads
from triton_matrix.base.listening import Notes, is_library, listening, looked_for, quietly

HEAD = """\
import ctypes, glob, importlib, io, json, os, pathlib, platform, socket, sqlite3, subprocess
HERE = pathlib.Path(__file__).parent
"""
# a line of a module -> what to change so that it would read something else
READS = {
    "json.loads((HERE / 'n.json').read_text())": ("n.json", "2"),
    "open(HERE / 'n.json').read()": ("n.json", "2"),
    "os.read(os.open(HERE / 'n.json', os.O_RDONLY), 9)": ("n.json", "2"),
    "io.open(str(HERE / 'n.json'), 'r+').read()": ("n.json", "2"),
    "importlib.import_module('read_here')": ("read_here.py", "N = 2"),
    "(HERE / 'none.json').exists()": ("none.json", ""),
    "os.path.isfile(str(HERE / 'none.json'))": ("none.json", ""),
    "os.access(HERE / 'none.json', os.R_OK)": ("none.json", ""),
    "os.path.lexists(HERE / 'none.json')": ("none.json", ""),
    "os.path.getsize(HERE / 'n.json')": ("n.json", "22"),
    "glob.glob(str(HERE / 'data' / '*.json'))": ("data/none.json", ""),
    "list((HERE / 'data').rglob('*.json'))": ("data/none.json", ""),
    "os.listdir(HERE / 'data')": ("data/none.json", ""),
    "list(os.scandir(HERE / 'data'))": ("data/none.json", ""),
    "[*os.walk(HERE / 'data')]": ("data/none.json", ""),
    "os.environ.get('NO_SUCH_THING')": ("variable", "NO_SUCH_THING"),
    "os.getenv('NO_SUCH_THING')": ("variable", "NO_SUCH_THING"),
    "'NO_SUCH_THING' in os.environ": ("variable", "NO_SUCH_THING"),
    "dict(os.environ)": ("variable", "NO_SUCH_THING"),
    "[each for each in os.environ if each.startswith('NO_')]": ("variable", "NO_SUCH_THING"),
    "os.environ.copy()": ("variable", "NO_SUCH_THING"),
    "(HERE / 'link').resolve()": ("link", "n.json"),
    "(HERE / 'link').read_text()": ("link", "n.json"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files to read, from which a module is imported."""
    (tmp_path / "n.json").write_text("1")
    (tmp_path / "read_here.py").write_text("N = 1")
    (tmp_path / "data").mkdir()
    (tmp_path / "other").write_text("other")
    (tmp_path / "link").symlink_to("other")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("reading", "read_here"):
        sys.modules.pop(name, None)


def noted(folder, line, by=lambda question, asker: True):
    """What is noted while a module of this line is imported."""
    (folder / "reading.py").write_text(f"{HEAD}{line}\n")
    with listening(Notes(lambda path: not is_library(path), by)) as notes:
        __import__("reading")
    return notes


@pytest.mark.parametrize("line", READS)
def test_what_a_module_reads_is_noted_and_a_change_of_it_seen(folder, line, monkeypatch):
    found = noted(folder, line).reads
    assert reads.changed(found) == ""
    name, value = READS[line]
    if name == "variable":
        monkeypatch.setenv(value, "1")
    elif name == "link":
        (folder / "link").unlink()
        (folder / "link").symlink_to(value)
    else:
        (folder / name).write_text(value)
    assert reads.changed(found) in (str(folder / name), str(folder / "data"), value, reads.ALL)


def test_a_module_that_reads_nothing_has_only_its_own_file(folder):
    (folder / "reading.py").write_text("N = 1\n")
    with listening(Notes(lambda path: not is_library(path), lambda question, asker: True)) as notes:
        __import__("reading")
    assert notes.reads == {"content": {str(folder / "reading.py"): reads.answer("content", str(folder / "reading.py"))}}


def test_bytecode_that_python_would_take_for_the_source_is_not_run(folder):
    """Two edits within one second, of one size: the time of a bytecode file is in whole seconds."""
    source = folder / "read_here.py"
    subprocess.run([sys.executable, "-c", "import read_here"], cwd=folder, check=True, env={"PYTHONPATH": "."})
    assert list(folder.glob("__pycache__/*.pyc"))
    before = source.stat()
    source.write_text("N = 2")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    with listening(Notes(lambda path: True, lambda question, asker: True)) as notes:
        assert __import__("read_here").N == 2
    assert str(source) in notes.reads["content"]


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['true'])",
        "os.system('true')",
        "ctypes.CDLL('libm.so.6')",
        "os.waitpid(os.fork() or os._exit(0), 0)",
        "sqlite3.connect(HERE / 'tuned.db').close()",
    ],
)
def test_the_answer_of_what_cannot_be_listened_to_does_not_last(folder, line):
    assert reads.changed(noted(folder, line).reads)


@pytest.mark.parametrize("line", ["platform.node()", "socket.gethostname()", "os.uname()"])
def test_this_machine_is_an_answer_too(folder, line, monkeypatch):
    found = noted(folder, line).reads
    assert reads.changed(found) == ""
    monkeypatch.setattr(reads, "_uname", lambda: ("Linux", "another"))
    assert reads.changed(found) == "name"


@pytest.mark.parametrize(
    "line",
    [
        "(HERE / 'out').write_text('1'); (HERE / 'out').read_text()",
        "(HERE / 'out').exists() or (HERE / 'out').write_text('1')",
        "(HERE / 'n.json').read_text(); (HERE / 'n.json').write_text('2')",
        "(HERE / 'out').exists() or (HERE / 'out').mkdir(); os.listdir(HERE)",
        "os.replace(HERE / 'n.json', HERE / 'out'); (HERE / 'out').read_text()",
        "os.environ.setdefault('TM_MADE', '1'); os.environ['TM_MADE']",
    ],
)
def test_what_a_run_makes_itself_is_none_of_its_inputs(folder, line, monkeypatch):
    monkeypatch.delenv("TM_MADE", raising=False)
    notes = noted(folder, line)
    inputs = {question: answers for question, answers in notes.inputs().items() if question != "variable"}
    assert reads.changed(inputs) == ""
    assert str(folder / "reading.py") in inputs["content"]
    monkeypatch.delenv("TM_MADE", raising=False)
    assert "TM_MADE" not in notes.reads.get("variable", {}) or notes.reads["variable"]["TM_MADE"] is None


def test_nothing_is_noted_of_python_itself_before_after_or_on_request(folder):
    with listening(Notes(lambda path: not is_library(path), lambda question, asker: True)) as notes:
        with quietly():
            (folder / "n.json").read_text()
        Path(os.__file__).read_bytes()
    (folder / "n.json").read_text()
    assert notes.reads == {}
    with listening(notes):
        looked_for(str(folder / "none.py"))
    assert notes.reads == {"import": {str(folder / "none.py"): None}}


def test_who_asks_decides_whether_it_counts(folder):
    askers = set()

    def counts(question, asker):
        askers.add(asker)
        return not asker.endswith("reading.py")

    found = noted(folder, "(HERE / 'n.json').read_text()", counts).reads
    assert str(folder / "reading.py") in askers
    assert str(folder / "n.json") not in found["content"]


def test_functions_of_os_do_as_before(folder):
    noted(folder, "")
    assert os.stat in os.supports_follow_symlinks
    shutil.copystat(folder / "n.json", folder / "other")  # it looks for os.stat there
    assert (folder / "other").stat().st_mtime == (folder / "n.json").stat().st_mtime
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        assert os.stat("n.json", dir_fd=descriptor).st_size == os.stat(path=folder / "n.json").st_size == 1
    finally:
        os.close(descriptor)


def test_of_a_checkout_are_its_own_files_without_what_tools_leave(folder):
    names = ["n.json", ".cache/x", "a/__pycache__/x", "../beside"]
    found = {"content": {os.path.normpath(folder / name): "digest" for name in names}, "variable": {"A": "digest"}}
    assert reads.below(found, folder) == {"content": {"n.json": "digest"}}
    assert reads.changed({"content": {"n.json": reads.answer("content", str(folder / "n.json"))}}, folder) == ""


def test_the_answers_of_several_agree_or_do_not():
    one = {"content": {"a": "1", "b": "2"}}
    assert reads.agree(one, {"content": {"b": "2", "c": "3"}, "kind": {"a": None}})
    assert not reads.agree(one, {"content": {"b": None}})
    assert reads.merged([one, {"content": {"b": "9", "c": "3"}}]) == {"content": {"a": "1", "b": "2", "c": "3"}}
