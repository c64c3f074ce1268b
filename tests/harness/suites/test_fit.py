"""One sentence before the run, where what is installed cannot run a level: the package, its version and the remedy."""

import json
import sys

import pytest

from triton_matrix.base import pairs
from triton_matrix.base.cells import Cell
from triton_matrix.suites import fit

AMBIENT, PINNED = Cell("ambient", ("cuda",), "x"), Cell("mine", ("cuda",), "x", python="3.11")


@pytest.fixture
def installed(monkeypatch):
    """Say what is installed: name -> version; the rest is as it is."""

    def install(triton, **versions):
        own = fit._version
        monkeypatch.setattr(fit, "triton_version", lambda: triton)
        monkeypatch.setattr(fit, "_version", lambda name: versions.get(name, own(name)))

    return install


@pytest.mark.parametrize(
    ("triton", "versions", "level", "says"),
    [
        ("2.3.1", {"numpy": "2.0.0"}, "interpreter", "needs numpy<2 (beside numpy 2 its interpreter loads garbage"),
        ("3.0.0", {"numpy": "2.2.1"}, "interpreter", "has numpy 2.2.1"),
        ("3.1.0", {"numpy": "2.4.6"}, "interpreter", "needs numpy<2 "),
        ("3.2.0", {"numpy": "2.4.0"}, "interpreter", "needs numpy<2.4 "),
        ("3.3.1", {"numpy": "2.4.6"}, "interpreter", "only 0-dimensional arrays"),
        ("3.5.0", {"numpy": "2.4.6"}, "interpreter", "Triton 3.5.0 needs numpy<2.4"),  # as 3.5.1, which is known
        ("3.6.0+git5c8a1e2", {"numpy": "2.5.2"}, "interpreter", "has numpy 2.5.2"),
        ("3.5.1", {"python": "3.14.0"}, "device", "`ast.Num`"),
        ("3.5.1", {"python": "3.14.0rc1", "numpy": "1.26.4"}, "interpreter", ""),  # nothing is compiled there
        ("3.5.1", {"python": "3.13.9"}, "device", ""),
        ("3.6.0", {"python": "3.14.0"}, "device", ""),
        ("3.6.0", {"numpy": "2.4.6"}, "device", ""),
        ("3.6.0", {"numpy": "2.3.5"}, "interpreter", ""),
        ("3.1.0", {"numpy": "1.26.4", "setuptools": "69.0"}, "interpreter", ""),
        ("3.7.1", {"numpy": "2.5.2"}, "interpreter", ""),
        ("4.0.0", {"numpy": "2.5.2"}, "interpreter", ""),  # nobody knows
        (None, {"numpy": "2.5.2"}, "interpreter", ""),
    ],
)
def test_what_breaks_beside_what_is_said_with_its_version(installed, triton, versions, level, says):
    installed(triton, **versions)
    said = fit.misfit(AMBIENT, level)
    assert (says in said) if says else said == ""
    assert "\n" not in said


def test_what_is_not_there_at_all_is_said_too(installed, monkeypatch):
    installed("3.2.0", numpy="1.26.4", setuptools=None)
    monkeypatch.setattr(fit.importlib.util, "find_spec", lambda name: None)
    for level in ("interpreter", "device"):
        said = fit.misfit(AMBIENT, level)
        assert said.startswith("Triton 3.2.0 needs setuptools (it imports setuptools and does not declare it), and ")
        assert f"{sys.executable} has no setuptools: `{sys.executable} -m pip install" in said


def test_what_is_there_and_says_no_version_is_not_judged(installed):
    installed("3.6.0", numpy=None)  # some images have one without its metadata
    assert fit.misfit(AMBIENT, "interpreter") == ""


def test_the_remedy_is_for_who_owns_the_environment(installed):
    installed("3.6.0", numpy="2.4.6")
    assert fit.misfit(AMBIENT, "interpreter").endswith(f': `{sys.executable} -m pip install "numpy<2.4"`')
    wanted = ": add it to `requires` of [cell.mine] and run `nox -s lock -- mine`"
    assert fit.misfit(PINNED, "interpreter").endswith(wanted)


def test_every_requirement_of_a_known_triton_says_what_goes_wrong_without_it():
    for pair in pairs.known():
        told = {**pair.needs("interpreter"), **pair.needs("device")}
        assert set(told) == {*pair.requires, *filter(None, [pair.only_on])}
        assert all(told.values())


def test_another_triton_than_torch_requires_is_said_and_no_error(installed, monkeypatch):
    lines = ["filelock", "triton==3.6.0; platform_system == 'Linux'", "triton==1.0; extra == 'old'"]
    monkeypatch.setattr(fit, "_requires", lambda name: lines)
    installed("3.4.0", torch="2.11.0")
    assert fit.pinned_otherwise() == "torch 2.11.0 requires triton==3.6.0, and Triton is 3.4.0"
    installed("3.6.0+gitabc", torch="2.11.0")
    assert fit.pinned_otherwise() == ""
    monkeypatch.setattr(fit, "_requires", lambda name: [])  # a build for the CPU
    assert fit.pinned_otherwise() == ""


def write_distribution(folder, name, version, *, requires=()):
    """A distribution as an installer leaves it."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n")
    (folder / name).mkdir(exist_ok=True)


@pytest.fixture
def image(checkout):
    """A checkout beside Triton 3.6.0, a torch that requires another one, and a numpy that is too new."""
    modules = checkout.root / "modules"
    write_distribution(modules, "triton", "3.6.0")
    write_distribution(modules, "torch", "2.15.0", requires=["triton==3.9.0"])
    write_distribution(modules, "numpy", "2.5.2")
    (modules / "numpy" / "__init__.py").write_text("")
    return checkout


def test_a_level_that_cannot_run_is_refused_before_it_starts_and_the_other_runs(image):
    image.write("test_a.py", "import os\ndef test_level(): assert os.environ.get('TRITON_INTERPRET') != '1'\n")
    done = image.run(STAND_IN_GPU="1")
    assert done.returncode == 2
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("run: ")]
    assert sentence.startswith("run: cell small, level interpreter was not run: Triton 3.6.0 needs numpy<2.4 (")
    assert "has numpy 2.5.2: `" in sentence
    assert "note: torch 2.15.0 requires triton==3.9.0, and Triton is 3.6.0" in done.stdout
    status, matrix, said = image.report()
    levels = matrix["cells"]["small"]["levels"]
    assert (status, levels["interpreter"]["verdict"], levels["device"]["verdict"]) == (1, "fail", "pass")
    assert levels["interpreter"]["reason"].startswith("environment: it was not run: Triton 3.6.0 needs numpy<2.4")
    assert {group["cause"] for group in matrix["failures"]} == {"environment"}
    assert "small device: torch 2.15.0 requires triton==3.9.0, and Triton is 3.6.0" in said


def test_a_selection_is_refused_too_and_leaves_the_evidence_as_it_was(image):
    done = image.run("-k", "nothing")
    assert (done.returncode, done.stderr.count("was not run")) == (2, 1)
    assert not image.evidence("run-interpreter.json").exists()


def test_a_run_that_left_no_result_is_shown_with_its_triton(image):
    table = image.root / "constraints" / "cells.toml"
    table.write_text(table.read_text() + '\n[cell.ambient]\nplatforms = ["cuda"]\nwhy = "an image"\n')
    assert image.run(cell="ambient").returncode == 2
    run = json.loads(image.evidence("run-interpreter.json", "ambient").read_text())
    assert {name: run["versions"][name] for name in ("torch", "triton")} == {"torch": "2.15.0", "triton": "3.6.0"}
    assert "ambient-3.6.0" in image.report()[1]["cells"]
