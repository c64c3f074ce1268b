"""A wheelhouse is installed to the letter of its manifest, and a manifest that says anything else is one sentence."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from triton_matrix.base import commands, sources
from triton_matrix.environments import provide as verb

pytestmark = pytest.mark.skipif(commands.find_uv() is None, reason="needs uv; `pip install uv` adds it")


@pytest.fixture
def provide(checkout, house, tmp_path, venv, capfd):
    """The verb ``provide`` from the folder ``house``, as a session calls it, but in this process: each start took
    half of the time."""
    environment = tmp_path / "environment"

    def call():
        python = environment / "bin" / "python"
        if not python.exists():
            venv(environment)
        asked = ["--cell", "small", "--python", str(python), "--root", str(checkout)]
        asked += ["--wheelhouse", str(house), "--reports", str(tmp_path / "reports")]
        capfd.readouterr()
        status = verb.main(asked)
        return subprocess.CompletedProcess(asked, status, *capfd.readouterr())

    call.environment = environment
    return call


def planted(house, name):
    """The same wheel again, as a build that tools prefer, and with something in it that nobody gathered."""
    (listed,) = (house / "wheels").glob(f"{name}-*.whl")
    parts = listed.name.split("-")
    extra = listed.with_name("-".join([*parts[:2], "9", *parts[2:]]))
    extra.write_bytes(listed.read_bytes())
    with zipfile.ZipFile(extra, "a") as wheel:
        wheel.writestr("nobody_gathered_this.py", "")
    return extra


def test_a_wheel_that_the_manifest_does_not_list_is_never_installed(provide, house):
    planted(house, "pluggy")
    planted(house, "triton")
    done = provide()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(provide.environment.rglob("nobody_gathered_this.py"))


def test_a_wheel_that_only_building_needs_is_not_taken_from_beside_the_list(provide, house, checkout):
    planted(house, "setuptools")
    manifest = json.loads((house / "manifest.json").read_text())
    manifest["sources"] = "0" * 64  # as if the checkout had been edited: the wheel is built anew
    (house / "manifest.json").write_text(json.dumps(manifest))
    extra = next((house / "wheels").glob("setuptools-*-9-*.whl"))
    extra.write_bytes(b"not even a wheel")
    done = provide()
    assert done.returncode == 0, done.stdout + done.stderr


def changed(**keys):
    return lambda manifest: manifest.update(keys)


def renamed(to):
    def change(manifest):
        name = next(name for name in manifest["files"] if name.startswith("pluggy"))
        manifest["files"][to] = manifest["files"].pop(name)

    return change


def in_first_file(key, value):
    def change(manifest):
        next(iter(manifest["files"].values()))[key] = value

    return change


def piece_named(name):
    return in_first_file("pieces", [{"name": name, "sha256": "0" * 64, "bytes": 1}])


BAD = {
    "no files": (changed(files={}), "there is no [files.*] row"),
    "files is a list": (changed(files=[]), "files"),
    "a name that climbs": (renamed("../../x.whl"), 'the name is "../../x.whl"; allowed is the file name of a wheel'),
    "an absolute name": (renamed("/tmp/x.whl"), 'the name is "/tmp/x.whl"; allowed is'),
    "a name that is no wheel": (renamed("x.tar.gz"), 'the name is "x.tar.gz"; allowed is'),
    "a piece that climbs": (piece_named("../../x.whl.000"), 'is "../../x.whl.000"; allowed is'),
    "a piece that is another wheel": (piece_named("x.whl"), 'is "x.whl"; allowed is NAME.whl.000'),
    "no pieces": (in_first_file("pieces", []), "is []; allowed is a list of pieces"),
    "pieces is a number": (in_first_file("pieces", 3), "is 3; allowed is a list of pieces"),
    "a hash is a number": (in_first_file("sha256", 3), "is 3; allowed is a SHA-256"),
    "a file is a string": (changed(files={"x-1-py3-none-any.whl": "y"}), 'is "y"; allowed is sha256 and bytes'),
    "package is a list": (changed(package=[]), "package is []; allowed is the file name of a wheel"),
    "package climbs": (changed(package="../../x.whl"), 'package is "../../x.whl"; allowed is'),
    "package is not listed": (changed(package="x-1-py3-none-any.whl"), "which is none of its files"),
    "cell is a number": (changed(cell=3), "cell is 3; allowed is text"),
    "slim is a string": (changed(slim="yes"), 'slim is "yes"; allowed is true or false'),
    "pins is null": (changed(pins=None), "pins is null; allowed is a SHA-256"),
    "another build is empty": (changed(other_builds=[{}]), "other_builds[0]: the key 'name' is missing"),
    "what it was made from is a name": (in_first_file("made_from", "x"), 'is "x"; allowed is a SHA-256'),
    "an unknown schema": (changed(schema=7), "schema is 7; this reads"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_manifest_that_says_anything_else_is_one_sentence_and_nothing_is_touched(provide, house, name):
    change, said = BAD[name]
    manifest = json.loads((house / "manifest.json").read_text())
    change(manifest)
    (house / "manifest.json").write_text(json.dumps(manifest))
    before = sorted(house.parent.rglob("*"))
    done = provide()
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    after = {path for path in house.parent.rglob("*") if not {"environment", "reports"} & set(path.parts)}
    assert after == set(before)


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{", '{"schema": 1}', "[" * 100_000, "\udc80"])
def test_a_manifest_that_is_no_object_is_one_sentence(provide, house, text):
    (house / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    done = provide()
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_folder_in_the_place_of_the_manifest_is_one_sentence(provide, house):
    (house / "manifest.json").unlink()
    (house / "manifest.json").mkdir()
    done = provide()
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_pin_that_was_not_gathered_is_named(provide, house):
    manifest = json.loads((house / "manifest.json").read_text())
    gone = next(name for name in manifest["files"] if name.startswith("pluggy"))
    del manifest["files"][gone]
    (house / "manifest.json").write_text(json.dumps(manifest))
    done = provide()
    assert done.returncode == 2
    assert "has no file of pluggy" in done.stderr
    assert Path(house / "wheels" / gone).is_file()


def exchanged(house, name, **said):
    """Put something into a wheel, and let its entry in the manifest say the new hash, and what is ``said``."""
    (wheel,) = (house / "wheels").glob(f"{name}-*.whl*")
    with zipfile.ZipFile(wheel, "a") as content:
        content.writestr("nobody_gathered_this.py", "")
    manifest = json.loads((house / "manifest.json").read_text())
    about = {"sha256": sources.sha256(wheel), "bytes": wheel.stat().st_size, **said}
    manifest["files"][wheel.name] = about
    manifest["slim"] = False
    (house / "manifest.json").write_text(json.dumps(manifest))
    return wheel.name


@pytest.mark.parametrize(("name", "pins"), [("pluggy", "small.txt"), ("pytest", "small.txt"), ("nox", "tools.txt")])
def test_a_file_that_was_exchanged_together_with_its_hash_is_not_the_pinned_one(provide, house, name, pins):
    wheel = exchanged(house, name)
    done = provide()
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"{wheel} is none of those that constraints/{pins} pins; gather it again" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(provide.environment.rglob("nobody_gathered_this.py"))


def test_a_slimmed_file_is_held_by_what_it_was_made_from(provide, house, checkout):
    manifest = json.loads((house / "manifest.json").read_text())
    made = {name.split("-")[0]: about["made_from"] for name, about in manifest["files"].items() if "made_from" in about}
    assert "triton" in made
    assert f"sha256:{made['triton']}" in (checkout / "constraints" / "small.txt").read_text()
    wheel = exchanged(house, "triton", made_from="0" * 64)
    done = provide()
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"{wheel} was made from a file that is none of those that constraints/small.txt pins" in done.stderr


def test_what_the_manifest_alone_vouches_for_is_named_and_counted(provide, house):
    done = provide()
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("no pin of this checkout has the hash of"))
    assert "liger_kernel-" in line
    assert "triton-2.15.0+standin" in line  # which was slimmed
    assert "pluggy" not in line


def test_another_build_that_is_said_so_is_installed_and_said_again(provide, house):
    (listed,) = (house / "wheels").glob("pluggy-*.whl")
    exchanged(house, "pluggy")
    manifest = json.loads((house / "manifest.json").read_text())
    version = listed.name.split("-")[1]
    about = {"name": "pluggy", "pinned": version, "installed": version, "settings": ["UV_INDEX"]}
    manifest["other_builds"] = [{**about, "hashes": [f"sha256:{sources.sha256(listed)}"]}]
    (house / "manifest.json").write_text(json.dumps(manifest))
    done = provide()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pluggy {version} of another file in place of the pinned {version}: UV_INDEX brings it" in done.stdout
