"""A level in which no kernel of the package ran is no pass, with a real Triton and the real verbs."""

import json
import shutil
from importlib import metadata
from pathlib import Path

import pytest

PACKAGE = """
import triton, triton.language as tl

@triton.jit
def helper(x):
    return x + 1

@triton.jit
def first(n):
    p = helper(tl.program_id(0))

@triton.jit
def second(n):
    p = this_name_does_not_exist(tl.program_id(0))

def double(x, fall_back=True):
    if fall_back:  # as packages do where a tensor is on the CPU
        return 2 * x
    first[(2,)](x)
    first[(1,)](x)
    return 2 * x
"""
FALLS_BACK = "import tiny\ndef test_double(): assert tiny.double(2) == 4\n"
LAUNCHES = "import tiny\ndef test_launches(): assert tiny.double(2, fall_back=False) == 4\n"
OWN_KERNEL = """
import triton
@triton.jit
def of_the_suite(n): pass
def test_own(): of_the_suite[(1,)](4)
"""
FORKS = """
import os, tiny
def test_forks():
    child = os.fork()
    if not child:
        tiny.double(2, fall_back=False)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
OUTSIDE = "import tiny\ntiny.double(2, fall_back=False)\ndef test_nothing(): pass\n"
GOES_ON = """
import tiny
def test_double():
    try:  # a package may go on without its kernel, and hide that it raised
        tiny.second[(1,)](2)
    except Exception:
        pass
"""
CHANGES = """
def test_on_the_cpu(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from tiny import later
    later.double(2, fall_back=False)
"""
NEEDS_GPU = "import pytest\n@pytest.mark.device('its numbers')\ndef test_on_a_gpu(): assert 0\n"
TOOLS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers")


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A folder with pytest and what it needs, of this Python, and nothing else: no numpy."""
    folder = tmp_path_factory.mktemp("tools")
    for name in TOOLS:
        for top in {file.parts[0] for file in metadata.files(name) or () if file.parts[0] not in ("..", "__pycache__")}:
            place = Path(str(metadata.distribution(name).locate_file(top)))
            if place.exists():
                (folder / top).symlink_to(place)
    return folder


@pytest.fixture
def launching(checkout, release_python, tools):
    """A checkout whose package has kernels, beside a real Triton; gives run(settings, name=suite, ...)."""
    shutil.rmtree(checkout.root / "modules" / "triton")
    torch = checkout.root / "modules" / "torch" / "__init__.py"
    torch.write_text(torch.read_text() + "class Tensor: pass\n")  # Triton asks whether an argument is one
    (checkout.root / "tiny" / "__init__.py").write_text(PACKAGE)
    checkout.write("test_small.py", "")
    python = str(release_python("3.9.0"))

    def run(settings="", gpu="0", **suites):
        table = checkout.root / "constraints" / "cells.toml"
        table.write_text(table.read_text().replace("kernels = false\n", settings))
        for name, text in suites.items():
            checkout.write(f"test_{name}.py", text)
        return checkout.verb("run", "--cell", "small", python=python, path=str(tools), STAND_IN_GPU=gpu)

    return run


def level(checkout, *arguments):
    status, matrix, said = checkout.report(*arguments)
    return status, matrix["cells"]["small"]["levels"]["interpreter"], said


def test_a_package_that_falls_back_and_runs_no_kernel_is_no_pass(launching, checkout):
    done = launching(falls_back=FALLS_BACK)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "level interpreter: no Triton kernel ran: none of the package's 2 was launched" in done.stderr
    status, found, said = level(checkout)
    assert (status, found["verdict"]) == (1, "fail")
    assert found["reason"] == "no Triton kernel ran: none of the package's 2 was launched"
    assert "small interpreter: 0 of 2 kernels ran, 0 launches; never: first, second" in said


def test_launches_are_counted_by_test_and_kernel_and_what_never_ran_is_named(launching, checkout):
    done = launching(falls_back=FALLS_BACK, launches=LAUNCHES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "level interpreter: 1 of 2 kernels ran, 2 launches" in done.stdout
    run = json.loads(checkout.evidence("run-interpreter.json").read_text())
    assert run["kernels"] == ["tiny/__init__.py:first", "tiny/__init__.py:second"]
    assert run["launches"] == {"tests/correctness/test_launches.py::test_launches": {"tiny/__init__.py:first": 2}}
    status, found, said = level(checkout)
    assert (status, found["verdict"]) == (0, "pass")
    assert found["launched"] == {"tiny/__init__.py:first": 2, "tiny/__init__.py:second": 0}
    sentence = "small interpreter: 1 of 2 kernels ran, 2 launches; never: second"
    assert sentence in said
    assert sentence in (checkout.reports / "summary.md").read_text()
    page = (checkout.reports / "index.html").read_text()
    assert "1 of 2 kernels ran, 2 launches" in page
    assert "<li>never tiny/__init__.py:second</li>" in page


@pytest.mark.parametrize(
    ("suite", "says"),
    [
        (OWN_KERNEL, "no Triton kernel ran: none of the package's 2 was launched; 1 launches were of kernels outside"),
        (FORKS, "1 of 2 kernels ran, 2 launches"),
        (OUTSIDE, "1 of 2 kernels ran, 2 launches"),
    ],
    ids=["a kernel of the suite", "a forked child", "an import"],
)
def test_whose_launch_it_is_and_where(launching, suite, says):
    done = launching(suite=suite)
    assert says in done.stdout + done.stderr
    assert done.returncode == (2 if says.startswith("no") else 0)


def test_a_launch_that_is_interpreted_at_level_device_is_none_of_that_level(launching, checkout):
    (checkout.root / "tiny" / "__init__.py").rename(checkout.root / "tiny" / "later.py")
    (checkout.root / "tiny" / "__init__.py").write_text("")
    done = launching(changes=CHANGES, gpu="1")
    assert "level device: 0 of 2 kernels ran, 0 launches" in done.stdout, done.stdout + done.stderr
    assert "note: 2 launches were interpreted, first of tiny.later:first: TRITON_INTERPRET was changed" in done.stdout
    assert "run: cell small, level device: no Triton kernel ran" in done.stderr


def test_a_launch_that_raises_is_none(launching, checkout):
    done = launching(goes_on=GOES_ON)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no Triton kernel ran" in done.stderr
    assert "note: tiny/__init__.py:second was launched 1 times, and raised each time" in done.stdout


def test_a_package_that_says_that_it_has_none_passes_without(launching, checkout):
    done = launching("kernels = false\n", falls_back=FALLS_BACK)
    assert done.returncode == 0, done.stdout + done.stderr
    status, found, _ = level(checkout)
    assert (status, found["verdict"], found["launched"]) == (0, "pass", {})
    table = checkout.root / "constraints" / "cells.toml"
    table.write_text(table.read_text().replace("kernels = false\n", ""))  # what was not counted proves nothing
    status, found, _ = level(checkout)
    assert (status, found["reason"]) == (1, "which Triton kernels ran was not counted")


def test_suites_that_wait_for_a_gpu_are_neither_pass_nor_fail(launching, checkout):
    done = launching("needs_gpu = true\n", falls_back=FALLS_BACK, waits=NEEDS_GPU)
    assert done.returncode == 0, done.stdout + done.stderr
    _, found, _ = level(checkout)
    assert (found["verdict"], found["reason"]) == ("unavailable", "no Triton kernel ran, and 1 tests need a GPU")
    (checkout.suite / "test_waits.py").unlink()
    launching(falls_back=FALLS_BACK)
    assert level(checkout)[1]["verdict"] == "fail"  # nothing waits for one
