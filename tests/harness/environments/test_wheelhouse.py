"""A cell gathered into a folder, and made from it in a network namespace that has no route anywhere."""

import base64
import ctypes
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import load
from triton_matrix.environments import manifest, slim, wheelhouse

pytestmark = pytest.mark.skipif(commands.find_uv() is None, reason="needs uv; `pip install uv` adds it")


def opened(checkout, house, cell="small"):
    table = load(checkout / "constraints" / "cells.toml")
    return manifest.open_house(table, table.cell(cell), house)


def test_the_folder_holds_all_that_is_needed_and_says_so(gathered):
    found = json.loads((gathered / "manifest.json").read_text())
    names = {name.split("-")[0].lower() for name in found["files"]}
    assert names >= {"torch", "triton", "pytest", "hypothesis", "pluggy", "nox", "uv", "setuptools", "liger_kernel"}
    assert (found["platform"], found["slim"]) == ("xpu", True)
    assert all(each.stat().st_size <= 1 << 20 for each in (gathered / "wheels").iterdir()), "uv alone is 20 MiB"


def test_the_packages_wheel_is_of_the_platform_that_was_asked_for(checkout, house):
    found = opened(checkout, house)
    with zipfile.ZipFile(house / "wheels" / found["package"]) as wheel:
        metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("METADATA"))
    requires = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert requires == ["Requires-Dist: torch>=2.6.0"], "PyTorch's XPU wheels bring their own Triton"


def test_pieces_are_joined_to_the_same_bytes(checkout, house):
    found = opened(checkout, house)
    cut = [name for name, about in found["files"].items() if "pieces" in about]
    assert cut
    for name in cut:
        assert (house / "wheels" / name).stat().st_size == found["files"][name]["bytes"]
    assert not list((house / "wheels").glob("*.whl.*")), "pieces that were joined do not stay"


def test_a_slim_wheel_lost_the_profiler_and_its_record_is_right(checkout, house):
    found = opened(checkout, house)
    (name,) = (name for name in found["files"] if name.startswith("triton-"))
    assert found["files"][name]["bytes"] < 4096
    with zipfile.ZipFile(house / "wheels" / name) as wheel:
        record = next(each for each in wheel.namelist() if each.endswith("RECORD"))
        listed = [line.split(",")[0] for line in wheel.read(record).decode().splitlines()]
        assert sorted(listed) == sorted(wheel.namelist())
    assert not [each for each in listed if "profiler" in each]


def test_a_library_without_its_debug_symbols_has_its_new_hash_in_the_record(tmp_path, standins):
    compiler, strip = shutil.which("gcc"), shutil.which("strip")
    if not compiler or not strip:
        pytest.skip("needs gcc and strip (Debian: gcc, binutils)")
    source = tmp_path / "many.c"
    long = "x" * 1000  # names of fields are in the debug symbols only
    lines = [
        f"struct s{n} {{ int {long}{n}; }}; int f{n}(struct s{n} *p) {{ return p->{long}{n}; }}" for n in range(3000)
    ]
    source.write_text("\n".join(lines))
    library = tmp_path / "many.so"
    subprocess.run([compiler, "-g", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    wheel = standins.write_wheel(tmp_path / "w", "many", "1", [], {"many/many.so": library.read_bytes()})
    assert slim.slim_wheel(wheel, strip)
    target = tmp_path / "target"
    commands.run([commands.uv(), "pip", "install", "--quiet", "--target", str(target), str(wheel)])
    stripped = (target / "many" / "many.so").read_bytes()
    assert len(stripped) < library.stat().st_size - slim.WORTH
    record = (target / "many-1.dist-info" / "RECORD").read_text().splitlines()
    digest = base64.urlsafe_b64encode(hashlib.sha256(stripped).digest()).rstrip(b"=").decode()
    assert f"many/many.so,sha256={digest},{len(stripped)}" in record
    assert ctypes.CDLL(str(target / "many" / "many.so")).f7


@pytest.mark.parametrize("file", ["whole", "piece"])
def test_a_missing_file_is_named(checkout, house, file):
    pattern = "pluggy-*.whl" if file == "whole" else "uv-*.whl.003"
    (path,) = (house / "wheels").glob(pattern)
    path.unlink()
    with pytest.raises(ValueError, match=f"{path.name} is missing"):
        opened(checkout, house)


@pytest.mark.parametrize("file", ["whole", "piece"])
def test_an_altered_file_is_named(checkout, house, file):
    pattern = "pluggy-*.whl" if file == "whole" else "uv-*.whl.003"
    (path,) = (house / "wheels").glob(pattern)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name} was altered"):
        opened(checkout, house)


def test_a_folder_without_a_manifest_is_not_finished(checkout, house):
    (house / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"no manifest\.json"):
        opened(checkout, house)


def test_a_folder_for_other_pins_is_refused(checkout, house):
    pins = checkout / "constraints" / "small.txt"
    kept = pins.read_text()
    try:
        pins.write_text(kept + "# moved on\n")
        with pytest.raises(ValueError, match=r"other pins than constraints/small\.txt; gather it again"):
            opened(checkout, house)
    finally:
        pins.write_text(kept)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["other", "new"], "cell other installs nothing"),
        (["nope", "new"], "unknown cell 'nope'"),
        (["small", "."], "which is not empty"),
        (["small", "new", "--split", "60MB"], "--split is '60MB'; allowed is a whole number with KiB, MiB or GiB"),
    ],
)
def test_bad_input_is_one_sentence(checkout, capsys, arguments, said, monkeypatch):
    monkeypatch.chdir(checkout)
    assert wheelhouse.main([*arguments, "--root", str(checkout)]) == 2
    assert said in capsys.readouterr().err


def without_network(command, **options):
    """Run in a network namespace of its own: not even loopback is up there."""
    return subprocess.run(["unshare", "-rn", *command], capture_output=True, text=True, check=False, **options)


@pytest.fixture
def _namespace():
    if not shutil.which("unshare") or without_network(["true"]).returncode != 0:
        pytest.skip("needs `unshare -rn` (util-linux, and a kernel that gives users network namespaces)")


@pytest.mark.usefixtures("_namespace")
@pytest.mark.parametrize("sources", ["as gathered", "edited since"])
def test_with_no_route_to_anywhere_the_cell_passes_from_the_folder_alone(
    checkout, house, tmp_path, monkeypatch, sources
):
    root = Path(shutil.copytree(checkout, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("standins")))
    if sources == "edited since":
        (root / "liger_kernel" / "edited.py").write_text("")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))  # what is cached here was not carried
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PATH", f"{Path(commands.uv()).parent}:/usr/bin:/bin")
    nox = [sys.executable, "-m", "nox", "-f", str(root / "noxfile.py"), "-s", "tests-small"]
    done = without_network([*nox, "--", "--wheelhouse", str(house)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert ("building another, offline" in done.stdout) == (sources == "edited since")
    assert (root / "reports" / "small" / "junit-interpreter.xml").is_file()


@pytest.mark.usefixtures("_namespace")
def test_with_no_route_and_no_folder_the_cell_is_unavailable(gathered, checkout, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    nox = [sys.executable, "-m", "nox", "-f", str(checkout / "noxfile.py"), "-s", "tests-small"]
    done = without_network(nox)
    assert done.returncode != 0
    assert "cannot be downloaded from here" in done.stdout + done.stderr
