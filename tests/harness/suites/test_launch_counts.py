"""Launches are counted where each Triton begins a grid or calls its C function, whoever launches; nothing else changes.

Real Tritons, with no torch. At level device the compiled kernels, the launcher's class and all Python around it are
Triton's own; the driver and the C function are stood in for, since there is no GPU.
"""

import json

import pytest

from triton_matrix.suites import kernels

RELEASES = ["2.3.1", "3.0.0", "3.3.1", "3.6.0", "3.9.0"]
MODULE = """
import triton, triton.language as tl

@triton.jit
def helper(x):
    return x + 1

@triton.jit
def plain(n, grid, B: tl.constexpr):  # a parameter may have any name
    p = helper(tl.program_id(0))

@triton.heuristics({"EVEN": lambda args: args["n"] % args["B"] == 0})
@triton.jit
def guessed(n, B: tl.constexpr, EVEN: tl.constexpr):
    p = helper(tl.program_id(0))

@triton.jit
def never(n):
    p = tl.program_id(0)

def make():
    @triton.jit
    def hidden(n):
        p = tl.program_id(0)
    return hidden

def launch_all():
    plain[(2,)](4, 1, B=8)
    launch = plain[(2, 1)]
    launch(4, 1, B=8)
    launch(4, 1, B=8)
    plain[lambda meta: (3,)](4, 1, B=8)
    plain[(0,)](4, 1, B=8)  # an empty grid runs nothing
    make()[(1,)](4)
"""
START = """
import json, os, sys, types
from pathlib import Path
from triton_matrix.suites.launch_counts import LaunchCounter
counter = LaunchCounter({"shown/mine.py": Path("mine.py")}, ["mine"], print)
"""
INTERPRETED = """
import mine  # before anything is counted, as a conftest may
assert counter.install(interpreted=True) == ""
mine.launch_all()
try:
    mine.plain[(1,)](B=8)
except TypeError:
    pass  # it did not bind, so nothing ran
assert counter.raised == {"shown/mine.py:plain": 1}
print(json.dumps([counter.taken(), sorted(counter.own), counter.taken()]))
"""
COMPILED = """
import inspect
from triton_matrix.base import targets
from triton_matrix.launches import driver_standin
driver_standin.install(targets.parse("cuda:90"))
import mine
import triton
from triton.compiler import compiler
assert counter.install(interpreted=False) == ""
handed = []

def c_function(*args):
    handed.append(args)

old = triton.__version__.startswith("2.")
if old:
    from triton.compiler.backends import cuda
    from triton.runtime import driver
    utils = driver._obj.utils
    Path("stub.py").write_text("import __main__; launch = __main__.c_function")
    cuda.CUDABackend.make_launcher_stub = lambda self, src, metadata: str(Path("stub.py").resolve())
else:
    from triton.backends.nvidia.driver import CudaLauncher
    from triton.runtime.driver import driver
    utils = driver.active.utils

    def launcher(src, metadata):
        made = object.__new__(CudaLauncher)
        words = ["launch_cooperative_grid", "launch_pdl", "arg_annotations", "kernel_signature", "gsan_enabled"]
        sizes = [f"{kind}_scratch_{what}" for kind in ("global", "profile") for what in ("size", "align")]
        vars(made).update(dict.fromkeys(words, False), **dict.fromkeys(sizes, 0), num_ctas=1, launch=c_function)
        return made

    driver.active.launcher_cls = launcher
    driver.active.allocate_default_profile_scratch = lambda *args: None
threads = "n_max_threads" in inspect.getsource(compiler.CompiledKernel._init_handles)
utils.load_binary = lambda *args: ("module", "function", 32, 0) + ((1024,) if threads else ())
utils.unload_module = lambda module: None
mine.launch_all()
mine.guessed[(1,)](128, B=4)
mine.never.run(4, grid=(1,), warmup=True)  # compiled, and not launched
compiled = mine.plain[(1,)](4, 1, B=8)
compiled[(1, 1, 1)](4, 1, stream=7)  # past kernel[grid]
direct = compiled.run if old else compiled.run.launch
assert direct(1, 1, 1, 7, "handed on") is None  # past all of Triton's Python
assert handed[-1] == (1, 1, 1, 7, "handed on")
counts = counter.taken()
assert len(handed) == sum(counts.values()) + 1, "the empty grid is handed on too"
amd = counter._counting(lambda *args: args, "amd")  # AMD's C function takes a switch before the grid
assert amd(False, 2, 1, 1, 7) == (False, 2, 1, 1, 7) and amd(True, 2, 0, 1, 7) and counter.taken() == {"amd": 1}
print(json.dumps([counts, sorted(counter.own), counter.taken()]))
"""


@pytest.fixture
def counted(run_script, release_python, tmp_path):
    """Run a script beside the module in a Python with that Triton; gives the last line that it printed."""

    def run(release, script):
        (tmp_path / "mine.py").write_text(MODULE)
        return json.loads(run_script(release_python(release), START + script).splitlines()[-1])

    return run


@pytest.mark.parametrize("release", RELEASES)
def test_interpreted_launches_are_counted(counted, monkeypatch, release):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    counts, own, later = counted(release, INTERPRETED)
    assert counts == {"shown/mine.py:plain": 4, "shown/mine.py:hidden": 1}
    assert own == sorted(counts)
    assert later == {}


@pytest.mark.parametrize("release", RELEASES)
def test_compiled_launches_are_counted_whoever_makes_them(counted, own_ptxas, monkeypatch, tmp_path, release):
    own_ptxas(release)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    counts, own, later = counted(release, COMPILED)
    assert counts == {"shown/mine.py:plain": 7, "shown/mine.py:hidden": 1, "shown/mine.py:guessed": 1}
    assert own == sorted(counts)
    assert later == {}


def test_a_triton_that_launches_in_another_way_is_said(counted, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    gone = "from triton.runtime import interpreter\ndel interpreter.GridExecutor\n"
    said = counted("3.9.0", gone + "print(json.dumps(counter.install(interpreted=True)))")
    assert said.startswith("launches cannot be counted with this Triton")


USES = """
import triton, triton.language as tl
from triton import jit as compiled
from . import other

@compiled
def called(x): return x

@triton.jit
def combined(a, b): return a + b

@triton.jit
def passed(x): return x

@triton.autotune(configs=[], key=[])
@triton.heuristics({})
@compiled
def kernel(x, ACT: tl.constexpr):
    passed_on = called(x)
    tl.reduce(other.imported(x), 0, combined)
    never = 1  # a name of its own

@triton.jit
def never(x): pass

def plain(x): return x

def launch(x):
    kernel[(1,)](x, ACT=passed)
    called_too[(1,)](x)

@triton.jit
def called_too(x): return x

@triton.jit
def second(x): called_too(x)

made = triton.jit(plain)
"""


def test_kernels_are_found_in_sources_and_what_only_kernels_use_is_none(tmp_path):
    files = {"a/uses.py": USES, "a/other.py": "import triton\n@triton.jit\ndef imported(x): return x\n"}
    files["a/later.py"] = "import triton\n@triton.jit\nthis is no Python\n"
    paths = {}
    for name, text in files.items():
        paths[name] = tmp_path / name.replace("/", "_")
        paths[name].write_text(text)
    found = [name.removeprefix("a/uses.py:") for name in kernels.find(paths)]
    assert found == ["called_too", "kernel", "never", "plain", "second"]
