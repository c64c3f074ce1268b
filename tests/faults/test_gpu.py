"""Faults on a real GPU under the verbs `run` and `report`: no false green, no hang, and a repeat that is green.

The cell is ``ambient``: the torch and Triton of this Python.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from driver import CONFTEST, LIMIT_S, MARK, ROOT, Checkout, half_files, standins

from triton_matrix.base.cells import load_at
from triton_matrix.suites import fit

torch = pytest.importorskip("torch", reason="needs a Python with torch and Triton, and a GPU")
pytest.importorskip("triton", reason="needs a Python with torch and Triton, and a GPU")
if not torch.cuda.is_available():
    pytest.skip("needs a GPU that torch sees", allow_module_level=True)
pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt, beside torch and Triton")

TABLE = """
[package]
name = "tiny"
kernels = false
timeout = 20

[cell.ambient]
platforms = ["cuda", "rocm"]
why = "what is installed here"
"""
SUITE = """
import os, signal
import torch, triton, triton.language as tl

@triton.jit
def add_one(x_ptr, n, offset, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    tl.store(x_ptr + offset + at, tl.load(x_ptr + at, mask=at < n) + 1.0, mask=at < n)

@triton.jit
def wait_for(x_ptr):
    while tl.load(x_ptr, volatile=True) == 0.0:
        pass

def check(device):
    x = torch.zeros(100, device=device)
    add_one[(1,)](x, 100, 0, BLOCK=128, num_warps=4)
    assert (x == 1).all()

def test_before(device):
    check(device)

def test_fault(device, level):
    check(device)
    if level == "device":
        x = torch.zeros(1, device=device)
        {fault}

def test_after(device):
    check(device)
"""
FAULTS = {
    "none": "pass",
    "an address that is nobody's": "add_one[(1,)](x, 1, 2**40, BLOCK=128, num_warps=4); torch.cuda.synchronize()",
    "an index that is out of bounds": "x[torch.full((1,), 99, device=device)].sum().item()",
    "more memory than there is": "torch.empty(2**50, device=device)",
    "a kernel that never ends": "wait_for[(1,)](x, num_warps=4); torch.cuda.synchronize()",
    "a kill while a kernel runs": "wait_for[(1,)](x, num_warps=4); os.kill(os.getpid(), signal.SIGKILL)",
    "an exit while a kernel runs": "wait_for[(1,)](x, num_warps=4); os._exit(0)",
}


class Ambient(Checkout):
    """A checkout whose only cell is what this Python has."""

    def __init__(self, root):
        self.root, self.reports, self.mark = root, root / "reports", str(root)

    def write(self, fault="none"):
        """The package, and its suite with a fault at level device."""
        for name, content in {
            "constraints/cells.toml": TABLE,
            "pyproject.toml": standins.PYPROJECT,
            "backend.py": standins.BACKEND,
            "tests/conftest.py": CONFTEST.split("def ")[0],
            "tests/correctness/test_some.py": SUITE.format(fault=FAULTS[fault]),
            "tiny/__init__.py": "",
        }.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(content)

    def env(self, **more):
        dropped = ("TRITON", "PYTEST")
        env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        path = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
        return {**env, "PYTHONPATH": path, MARK: self.mark, **more}

    def run(self, *arguments, **env):
        return self.verb("run", *arguments, **env)

    def levels(self):
        """The exit status of the report, the verdict of each level, and what was said."""
        done = self.verb("report")
        assert "Traceback" not in done.stdout, done.stdout
        # a run that was killed before it had said its Triton has a row of its own
        cells = json.loads((self.reports / "matrix.json").read_text())["cells"].values()
        rows = [row for cell in cells for row in cell["levels"].items()]
        levels = {level: row["verdict"] for level, row in sorted(rows, key=lambda row: row[1]["verdict"] != "pass")}
        return done.returncode, levels, done.stdout


@pytest.fixture
def ambient(tmp_path):
    made = Ambient(tmp_path / "checkout")
    made.write()
    misfit = fit.misfit(load_at(made.root).cell("ambient"), "interpreter")
    if misfit:
        pytest.skip(f"level interpreter runs too: {misfit}")
    yield made
    made.end()


def is_green_again(ambient):
    assert ambient.orphans() == []
    assert half_files(ambient.reports) == []
    ambient.write()
    done = ambient.run()
    assert done.returncode == 0, done.stdout
    status, levels, said = ambient.levels()
    assert (status, levels["interpreter"], levels["device"]) == (0, "pass", "pass"), said


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "none"])
def test_a_fault_on_the_device_is_no_pass_and_the_next_run_is_green(ambient, fault):
    is_green_again(ambient)
    ambient.write(fault)
    began = time.monotonic()
    done = ambient.run()
    assert time.monotonic() - began < LIMIT_S
    assert done.returncode in (1, 2), done.stdout
    status, levels, said = ambient.levels()
    assert (status, levels["interpreter"], levels["device"]) == (1, "pass", "fail"), said
    assert "test_fault" in said
    is_green_again(ambient)


def test_a_killed_verb_leaves_no_pass_of_the_device(ambient):
    ambient.write("a kernel that never ends")
    command = [sys.executable, "-m", "triton_matrix", "run", "--root", str(ambient.root)]
    process = subprocess.Popen(command, cwd=ambient.root, env=ambient.env(), stdout=subprocess.DEVNULL)
    declared, until = ambient.reports / "ambient" / "run-device.json", time.monotonic() + LIMIT_S
    while not declared.exists():
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    status, levels, said = ambient.levels()
    assert (status, levels["device"]) == (1, "fail"), said
    is_green_again(ambient)


def test_a_gpu_that_is_gone_leaves_no_pass_of_other_sources(ambient):
    is_green_again(ambient)
    (ambient.root / "tiny" / "__init__.py").write_text("NEW = True\n")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
    done = ambient.run(**hidden)
    assert done.returncode == 0, done.stdout
    assert "level device: not run, torch sees no GPU here" in done.stdout
    status, levels, said = ambient.levels()
    assert (status, levels["interpreter"], levels["device"]) == (2, "pass", "stale"), said
    done = ambient.run("--level", "device", **hidden)
    assert done.returncode == 2, done.stdout
    is_green_again(ambient)
