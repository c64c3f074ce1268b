"""A cell with an index of its own, against two indexes on loopback: its own, and the user's with what tempts."""

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root, load
from triton_matrix.environments import index, lock, provide, wheelhouse

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
SOURCES = (
    "pyproject.toml",
    "build_helpers.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "liger_kernel",
    "noxfile.py",
    "triton_matrix",
)
NEW, OLD = "2.12.0.dev20261119+rocm7.0", "2.12.0.dev20261101+rocm7.0"

pytestmark = pytest.mark.skipif(commands.find_uv() is None, reason="needs uv; `pip install uv` adds it")


@pytest.fixture
def secret():
    """user:password of the cell's index; empty: it asks for none."""
    return ""


@pytest.fixture
def world(tmp_path, standins, monkeypatch, secret, linked_tools):
    """A checkout with one nightly ROCm cell, its index and the user's; both on loopback, nothing else configured."""
    if int(metadata.version("setuptools").split(".")[0]) < 69:
        pytest.skip("needs setuptools 69 or newer in the Python that runs the tests; `nox -s check` has it")
    wheels = tmp_path / "wheels"
    hip = standins.torch_files(__version__=NEW, hip="7.0.51831")
    cuda = standins.torch_files(__version__="2.15.0", cuda="13.2")

    class World:
        root = tmp_path / "checkout"
        rocm = tmp_path / "index" / "rocm"
        pypi = tmp_path / "index" / "pypi"
        wants = "triton-rocm==3.7.0+git0e8f1a2c"
        older_wants = "pytorch-triton-rocm==3.5.1+gitabc"

        def wheel(self, name, version, requires=(), contents=None):
            return standins.write_wheel(wheels, name, version, requires, contents or {})

        def publish(self, torch_files=hip, version=NEW):
            own = [self.wheel("torch", version, [f'{self.wants}; platform_system == "Linux"', "filelock"], torch_files)]
            own += [self.wheel("torchvision", "0.27.0.dev20261119+rocm7.0", ["torch"])]
            own += [self.wheel("torch", OLD, [self.older_wants, "filelock"], hip)]
            for name, of in (("triton-rocm", "3.7.0+git0e8f1a2c"), ("pytorch-triton-rocm", "3.5.1+gitabc")):
                own += [self.wheel(name, of, [], standins.TRITON)]
            # an index of PyTorch's carries copies of common packages: none of them may be taken
            own += [self.wheel("filelock", "0.0.1"), self.wheel("pytest", "1.0")]
            standins.write_index(self.rocm, own)

        def lock(self):
            return lock.main(["cell-under-test", "--root", str(self.root)])

        def provide(self, python):
            return provide.main(["--cell", "cell-under-test", "--root", str(self.root), "--python", str(python)])

        def pins(self):
            return index.pins_of(self.table(), self.cell())

        def table(self):
            return load(self.root / "constraints" / "cells.toml")

        def cell(self):
            return self.table().cell("cell-under-test")

        def kept(self, name):
            return json.loads((self.root / "reports" / "cell-under-test" / name).read_text())

    world = World()
    world.publish()
    # the rest of the world: a newer CUDA torch with its Triton, a stray triton-rocm, and what the suites need
    tempting = [world.wheel("torch", "2.15.0", ["triton==3.9.0", "filelock"], cuda)]
    tempting += [world.wheel("triton", "3.9.0", [], standins.TRITON), world.wheel("torchvision", "0.30.0")]
    tempting += [world.wheel("triton-rocm", "9.9.9", [], standins.TRITON), world.wheel("pytorch-triton-rocm", "0.0.1")]
    plain = {"filelock": "3.20", "pytest": "9.0", "pytest-benchmark": "5.0", "hypothesis": "6.0", "numpy": "2.3"}
    plain |= {"setuptools-scm": "9.0", "pytest-timeout": "2.4"}
    rest = [world.wheel(name, of) for name, of in plain.items()]
    rest += linked_tools(wheels)
    standins.write_index(world.pypi, [*tempting, *rest])
    with standins.serving(tmp_path / "index", secret) as (address, asked):
        world.asked = asked
        world.root.mkdir()
        here = find_root()
        for name in SOURCES:
            copy = shutil.copytree if (here / name).is_dir() else shutil.copy2
            if (here / name).exists():
                copy(here / name, world.root / name)
        (world.root / "constraints").mkdir()
        (world.root / "constraints" / "cells.toml").write_text(
            '[package]\nplatform = "build_helpers.py"\n'
            f'[cell.cell-under-test]\npython = "{HERE}"\ntorch = "nightly"\ntriton = "nightly"\nplatforms = ["rocm"]\n'
            f'index = "{address.replace("://", f"://{secret}@") if secret else address}/rocm"\nwhy = "the test"\n'
        )
        for name in ("UV_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX_URL", "PIP_FIND_LINKS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{address}/pypi")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/pypi")
        yield world


@pytest.fixture
def own_python(venv, tmp_path):
    """An empty environment."""
    return venv(tmp_path / "environment")


def installed(python):
    listed = json.loads(
        commands.run([commands.uv(), "pip", "list", "--quiet", "--format", "json", "--python", str(python)])
    )
    return {item["name"]: item["version"] for item in listed}


def test_torch_and_the_triton_it_wants_come_from_the_cells_index_and_the_rest_from_the_users(world):
    assert world.lock() == 0
    pins = world.pins()
    assert (pins["torch"], pins["triton-rocm"]) == (NEW, "3.7.0+git0e8f1a2c")
    assert "triton" not in pins
    assert "pytorch-triton-rocm" not in pins
    assert (pins["filelock"], pins["pytest"]) == ("3.20", "9.0")
    assert "/pypi/torch/" not in world.asked, "nobody may even look for torch on the user's index"


def test_an_older_torch_is_not_taken_because_its_triton_is_tried_first(world):
    world.wants, world.older_wants = "pytorch-triton-rocm==3.6.0+gitdef", "triton-rocm==3.7.0+git0e8f1a2c"
    world.publish()
    wheels = [world.wheel("pytorch-triton-rocm", "3.6.0+gitdef")]
    (world.rocm / "pytorch-triton-rocm" / wheels[0].name).write_bytes(wheels[0].read_bytes())
    page = world.rocm / "pytorch-triton-rocm" / "index.html"
    page.write_text(page.read_text() + f'\n<a href="{wheels[0].name.replace("+", "%2B")}">{wheels[0].name}</a>')
    assert world.lock() == 0
    assert world.pins()["torch"] == NEW
    assert world.pins()["pytorch-triton-rocm"] == "3.6.0+gitdef"
    assert "triton-rocm" not in world.pins()


def test_the_pin_file_says_when_it_was_resolved_and_from_where(world):
    world.lock()
    when, names = index.recorded(world.table(), world.cell())
    assert abs(datetime.datetime.now(datetime.timezone.utc) - when) < datetime.timedelta(minutes=5)
    assert names == ["torch", "torchvision", "triton-rocm"]
    assert "nox -s lock -- cell-under-test" in world.table().pins(world.cell()).read_text()


def test_the_cell_gets_its_pins_one_triton_and_a_wheel_that_names_it(world, own_python):
    assert world.lock() == 0
    # an environment that is used again holds what an earlier night brought, a Triton of another name among it
    stray = world.wheel("pytorch-triton-rocm", "3.5.1+gitabc", [], {"triton/__init__.py": "old = True\n"})
    commands.run([commands.uv(), "pip", "install", "--quiet", "--python", str(own_python), "--no-deps", str(stray)])
    assert world.provide(own_python) == 0
    there = installed(own_python)
    assert (there["torch"], there["triton-rocm"]) == (NEW, "3.7.0+git0e8f1a2c")
    assert not {"triton", "pytorch-triton-rocm"} & set(there)
    code = "import importlib.metadata as m; print(m.requires('liger-kernel'))"
    requires = commands.run([str(own_python), "-c", code])
    assert "triton-rocm>=3.0.0" in requires
    assert "'triton>=3.0.0'" not in requires


def test_a_torch_that_is_not_built_for_rocm_fails_the_cell(world, own_python, standins):
    world.publish(standins.torch_files(__version__=NEW, cuda="13.2"))
    assert world.lock() == 0
    assert world.provide(own_python) == 1
    assert (
        f"torch {NEW} is not a build for rocm: torch.version.hip is empty (cuda = 13.2)"
        in (world.kept("failure.json")["tail"])
    )


def test_a_second_owner_of_triton_fails_the_cell(world, own_python):
    world.lock()
    pins = world.table().pins(world.cell())
    text = pins.read_text() + "triton==3.9.0\n"
    pins.write_text(text)
    assert world.provide(own_python) == 1
    assert "here are 2: triton 3.9.0, triton-rocm 3.7.0+git0e8f1a2c" in world.kept("failure.json")["tail"]


def test_pins_older_than_a_month_are_stale_and_the_command_that_renews_them_is_said(world, own_python):
    world.lock()
    pins = world.table().pins(world.cell())
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=31, hours=1)
    lines = [f"# resolved {old.isoformat()}" if line.startswith("# resolved") else line for line in
             pins.read_text().splitlines()]  # fmt: skip
    pins.write_text("\n".join(lines) + "\n")
    assert world.provide(own_python) == 3
    found = world.kept("unavailable.json")
    assert found["verdict"] == "stale"
    assert "31 days ago" in found["reason"]
    assert "`nox -s lock -- cell-under-test` renews" in found["reason"]


def test_pins_of_thirty_days_are_still_good(world):
    world.lock()
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30, hours=12)
    index.check_fresh(world.table(), world.cell(), later)


def test_pins_that_are_gone_from_the_index_are_stale(world, own_python):
    world.lock()
    shutil.rmtree(world.rocm / "torchvision")
    assert world.provide(own_python) == 3
    found = world.kept("unavailable.json")
    assert found["verdict"] == "stale"
    assert "torchvision 0.27.0.dev20261119+rocm7.0 is gone from" in found["reason"]


def test_why_a_cell_cannot_be_provided_is_said_as_well_as_kept(world, own_python, capsys):
    world.lock()
    shutil.rmtree(world.rocm / "torchvision")
    capsys.readouterr()
    assert world.provide(own_python) == 3
    assert capsys.readouterr().err == f"provide: {world.kept('unavailable.json')['reason']}\n"


def test_an_index_without_a_triton_for_its_torch_is_one_sentence(world, capsys):
    shutil.rmtree(world.rocm / "triton-rocm")
    assert world.lock() == 2
    assert f"belongs to torch=={NEW}" in capsys.readouterr().err
    assert (world.kept("failure.json")["stage"], NEW in world.kept("failure.json")["tail"]) == ("resolve", True)


def test_an_index_that_is_not_there_is_kept_as_the_cause(world):
    shutil.rmtree(world.rocm)
    assert world.lock() == 2
    found = world.kept("unavailable.json")
    assert (found["verdict"], "cannot be reached" in found["reason"]) == ("unavailable", True)


def test_a_wheelhouse_takes_each_wheel_from_its_own_index(world, tmp_path):
    world.lock()
    world.asked.clear()
    wheelhouse.download_pins(world.table(), world.cell(), sys.executable, tmp_path / "gathered")
    gathered = {path.name.split("-")[0]: path for path in (tmp_path / "gathered").iterdir()}
    assert gathered["torch"].name.split("-")[1] == NEW
    assert gathered["filelock"].name.split("-")[1] == "3.20"
    assert set(gathered) == {name.replace("-", "_") for name in world.pins()}
    assert "/pypi/torch/" not in world.asked
    assert "/rocm/filelock/" not in world.asked


def test_the_guard_runs_alone_in_any_python(venv, tmp_path):
    guard = find_root() / "triton_matrix" / "environments" / "torch_check.py"
    python = venv(tmp_path / "e")
    done = subprocess.run([str(python), "-I", str(guard), "rocm"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("there is no torch in")) == (1, True)


@pytest.mark.parametrize("secret", ["me:pass-word"])
@pytest.mark.parametrize("what", ["all is well", "gone since", "out of reach", "no Triton"])
def test_the_password_of_an_index_is_used_and_never_told(world, own_python, capfd, monkeypatch, what, secret):
    if what == "no Triton":
        shutil.rmtree(world.rocm / "triton-rocm")
    assert world.lock() == (2 if what == "no Triton" else 0)
    if what == "gone since":
        shutil.rmtree(world.rocm / "torchvision")
    elif what == "out of reach":
        table = world.root / "constraints" / "cells.toml"
        table.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", table.read_text()))
    assert world.provide(own_python) == {"all is well": 0, "no Triton": 2}.get(what, 3)
    out, err = capfd.readouterr()
    kept = [path.read_text() for path in (world.root / "reports").rglob("*") if path.is_file()]
    kept += [path.read_text() for path in (world.root / "constraints").glob("*.txt")]
    assert "pass-word" not in "".join([out, err, *kept])
    if what in ("gone since", "out of reach"):
        assert "http://***@127.0.0.1:" in world.kept("unavailable.json")["reason"]
