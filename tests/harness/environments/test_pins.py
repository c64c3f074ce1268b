"""Pins carry hashes; what does not fit the row or the hashes is noticed; a user's own build is said and recorded."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.environments import builds, contents, pins
from triton_matrix.evidence import installed

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"

pytestmark = pytest.mark.skipif(commands.find_uv() is None, reason="needs uv; `pip install uv` adds it")


def other_torch(standins, folder):
    """Another build of the pinned torch, in a folder of wheels."""
    return standins.write_wheel(folder, "torch", "2.7.1+cpu", [], {"other.py": ""})


def change_numpy(world, standins, monkeypatch):
    """Another file under the version that is pinned, on an index that gives its hash, to a uv that knows no other."""
    shutil.rmtree(world.index / "numpy")
    changed = standins.write_wheel(world.index.parent / "changed", "numpy", "1.26.4", [], {"numpy/evil.py": ""})
    standins.write_index(world.index, [changed])
    monkeypatch.setenv("UV_CACHE_DIR", str(world.index.parent / "empty"))


def test_a_lock_has_the_hash_of_every_pin_and_says_for_which_python(world):
    assert world.lock() == 0
    found = pins.read(world.pins)
    assert set(found) == {"torch", "triton", "numpy", "pytest", "pytest-timeout"}
    wheel = next((world.index / "torch").glob("*.whl"))
    assert found["torch"].hashes == (f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}",)
    assert f"# for Python {HERE}" in world.pins.read_text().splitlines()[:4]
    before = world.pins.read_text()
    assert world.lock() == 0
    assert world.pins.read_text() == before


def test_a_lock_does_not_hold_what_only_this_machine_has(world, standins, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_FIND_LINKS", str(other_torch(standins, tmp_path / "mine").parent))
    assert world.lock() == 0
    assert pins.read(world.pins)["torch"].version == "2.7.1"


def test_the_pinned_files_are_what_is_installed(world):
    assert world.lock() == 0
    assert world.provide() == 0
    assert {"torch==2.7.1", "triton==3.3.1", "numpy==1.26.4", "tiny==0.1.0"} <= set(world.installed())


def test_another_file_under_a_pinned_version_is_refused(world, standins, capfd, monkeypatch):
    assert world.lock() == 0
    change_numpy(world, standins, monkeypatch)
    assert world.provide() == 1
    assert "hash" in capfd.readouterr().err.lower()
    assert "numpy==1.26.4" not in world.installed()


@pytest.mark.parametrize("how", ["a folder", "an index"])
def test_a_build_that_the_users_setting_brings_is_installed_and_said(
    world, standins, tmp_path, monkeypatch, capsys, how
):
    assert world.lock() == 0
    other = other_torch(standins, tmp_path / "mine")
    if how == "a folder":
        setting, value = "UV_FIND_LINKS", str(other.parent)
    else:
        setting, value = "UV_INDEX", standins.write_index(tmp_path / "vendor", [other]).as_uri()
    monkeypatch.setenv(setting, value)
    assert world.provide() == 0
    said = f"torch 2.7.1+cpu in place of the pinned 2.7.1: {setting} brings it"
    assert capsys.readouterr().out.splitlines().count(said) == 1
    assert {"torch==2.7.1+cpu", "numpy==1.26.4"} <= set(world.installed())
    stamp = json.loads((world.python.parents[1] / installed.STAMP).read_text())
    assert [(each["name"], each["settings"]) for each in stamp["other_builds"]] == [("torch", [setting])]


def test_another_build_does_not_loosen_the_hashes_of_the_rest(world, standins, tmp_path, monkeypatch):
    assert world.lock() == 0
    monkeypatch.setenv("UV_FIND_LINKS", str(other_torch(standins, tmp_path / "mine").parent))
    change_numpy(world, standins, monkeypatch)
    assert world.provide() == 1, "the folder brings no numpy: the index changed its file"
    assert "numpy==1.26.4" not in world.installed()


def test_what_another_build_is_is_kept(world, standins, tmp_path, monkeypatch):
    assert world.lock() == 0
    monkeypatch.setenv("UV_FIND_LINKS", str(other_torch(standins, tmp_path / "mine").parent))
    assert builds.resolve(pins.read(world.pins), sys.executable, commands.uv()).others == [
        {"name": "torch", "pinned": "2.7.1", "installed": "2.7.1+cpu", "hashes": [], "settings": ["UV_FIND_LINKS"]}
    ]


@pytest.fixture(scope="module")
def with_pip(venv, linked_tools, tmp_path_factory):
    """An environment that has pip and its bytecode, to be copied."""
    folder = tmp_path_factory.mktemp("with pip")
    _, pip = linked_tools(folder)
    install = [commands.uv(), "pip", "install", "--quiet", "--offline", "--compile-bytecode", str(pip)]
    commands.run([*install, "--python", str(venv(folder / "environment"))])
    return folder / "environment"


@pytest.mark.parametrize("index", ["the pinned files", "another numpy", "another build of torch"])
def test_pip_alone_holds_to_the_hashes_too(world, standins, with_pip, tmp_path, monkeypatch, capsys, index):
    assert world.lock() == 0
    shutil.copytree(with_pip, tmp_path / "environment", symlinks=True)
    monkeypatch.setattr(commands, "find_uv", lambda: None)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    if index == "another numpy":
        wheel = standins.write_wheel(tmp_path / "changed", "numpy", "1.26.4", [], {"numpy/evil.py": ""})
        monkeypatch.setenv("PIP_INDEX_URL", world.address)
        text = world.pins.read_text()
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        world.pins.write_text(text.replace(pins.read(world.pins)["numpy"].hashes[0], f"sha256:{digest}"))
        assert world.provide() == 0
        assert "numpy 1.26.4 of another file in place of the pinned 1.26.4" in capsys.readouterr().out
        return
    monkeypatch.setenv("PIP_INDEX_URL", world.address)
    if index == "another build of torch":
        monkeypatch.setenv("PIP_FIND_LINKS", str(other_torch(standins, tmp_path / "mine").parent))
    assert world.provide() == 0
    said = "in place of the pinned" in capsys.readouterr().out
    assert said == (index == "another build of torch")
    freeze = commands.run([str(world.python), "-m", "pip", "list", "--format", "freeze"])
    assert ("torch==2.7.1+cpu" in freeze) == said


def test_without_a_setting_nothing_is_asked(world):
    assert world.lock() == 0
    found = pins.read(world.pins)
    world.asked.clear()
    assert builds.resolve(found, sys.executable, commands.uv()).pins == found
    assert world.asked == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("torch==2.7.1", "torch==2.8.0"), "pins torch 2.8.0, and the row of cell small says torch 2.7.1"),
        (("triton==3.3.1", "triton==3.4.0"), "pins triton 3.4.0, and the row of cell small says triton 3.3.1"),
        (("triton==3.3.1", "tritium==3.3.1"), "does not pin triton, and the row of cell small says triton 3.3.1"),
        (
            (f"# for Python {HERE}", "# for Python 3.8"),
            f"is for Python 3.8, and the row of cell small says python {HERE}",
        ),
        (("    --hash=", "    # --hash="), "has no hashes for "),
    ],
)
def test_pins_that_do_not_fit_the_row_are_noticed_before_anything_is_asked_for(world, capsys, change, says):
    assert world.lock() == 0
    world.pins.write_text(world.pins.read_text().replace(*change))
    world.asked.clear()
    assert world.provide() == 2
    said = capsys.readouterr().err
    assert says in said
    assert "`nox -s lock -- small`" in said
    assert len(said.splitlines()) == 1
    assert world.asked == []


@pytest.mark.parametrize("what", ["full", "absent", "a file"])
def test_a_folder_for_temporary_files_that_cannot_be_used_is_one_sentence(world, tmp_path, what):
    assert world.lock() == 0
    world.provide()
    tmp = tmp_path / "tmp"
    prelude = ""
    if what == "full":  # nothing can be written to any file
        tmp.mkdir()
        prelude = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        prelude += "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    elif what == "a file":
        tmp.write_text("")
    code = prelude + "import sys, tempfile\ntempfile.tempdir = sys.argv.pop(1)\n"
    code += "from triton_matrix.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    verb = ["provide", "--cell", "small", "--root", str(world.root), "--python", str(world.python)]
    env = {**os.environ, "PYTHONPATH": str(Path(pins.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp), *verb], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("provide: ")


def test_an_environment_that_was_left_half_made_is_emptied_first(world):
    assert world.lock() == 0
    assert world.provide() == 0
    site = next(world.python.parents[1].glob("lib/python*/site-packages"))
    (site / contents.UNFINISHED).write_text("")  # beside, where nothing looks
    (site / "numpy" / "left.py").parent.mkdir(exist_ok=True)
    (site / "numpy" / "left.py").write_text("")
    assert world.provide() == 0
    assert (site / "numpy" / "left.py").exists(), "a finished environment is used as it is"
    (world.python.parents[1] / contents.UNFINISHED).write_text("")
    assert world.provide() == 0
    assert not (site / "numpy" / "left.py").exists()
    assert {"torch==2.7.1", "numpy==1.26.4", "tiny==0.1.0"} <= set(world.installed())
    assert not (world.python.parents[1] / contents.UNFINISHED).exists()


def test_another_build_leaves_with_the_setting_that_brought_it(world, standins, tmp_path, monkeypatch):
    assert world.lock() == 0
    monkeypatch.setenv("UV_FIND_LINKS", str(other_torch(standins, tmp_path / "mine").parent))
    assert world.provide() == 0
    monkeypatch.delenv("UV_FIND_LINKS")
    assert world.provide() == 0
    assert "torch==2.7.1" in world.installed()


def test_the_python_that_runs_the_harness_is_never_emptied(venv, tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom triton_matrix.environments import contents\n"
        "(Path(sys.prefix) / contents.UNFINISHED).write_text('')\ncontents.begin(sys.executable)\n"
    )
    python = venv(tmp_path / "e")
    site = next((tmp_path / "e").glob("lib/python*/site-packages"))
    (site / "kept.py").write_text("")
    env = {**os.environ, "PYTHONPATH": str(Path(pins.__file__).parents[2])}
    commands.run([str(python), "-c", code], env=env)
    assert (site / "kept.py").exists()
