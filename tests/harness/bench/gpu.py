"""A GPU, a torch and Tritons that stand in for the real ones: kernels are Python on numpy, and say how long they take.

The clock is the GPU's own: it stands still but for kernels, copies and flushes. So a bench of launches goes its whole
way (processes, turns, files) and every time is known.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import triton_matrix

from .. import forks, light_pytest

# kernels that several tests launch, in 10 us: one that computes as it should, one that computes otherwise on 3.9.0
COPY = """
@triton.jit
def copy(x, out):
    triton.takes(10)
    out[:] = x
"""
WRONG = """
@triton.jit
def wrong(x, out):
    triton.takes(10)
    out[:] = x * (1 if V == "3.6.0" else 1.01)
"""
TORCH = '''
"""What the bench asks of torch."""
import sys, types
from importlib.machinery import EXTENSION_SUFFIXES
import numpy as np
from . import version

__version__ = "2.11.0"
sys.modules["torch._C"] = types.ModuleType("torch._C")  # it has compiled modules, as the real one
sys.modules["torch._C"].__file__ = __file__.replace("__init__.py", "_C" + EXTENSION_SUFFIXES[0])
clock = [0.0]  # seconds
precision = ["highest"]
NAMES = {"uint8": "u1", "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "float16": "f2", "float32": "f4"}
NAMES.update(float64="f8", bfloat16="u2")
for _name, _kind in NAMES.items():
    globals()[_name] = np.dtype(_kind)


class Tensor:
    def __init__(self, array, large=0):
        self.array, self.large = array, large

    def cuda(self): return Tensor(self.array.copy())
    def cpu(self): return self
    def numpy(self): return self.array.copy()
    def clone(self): return Tensor(self.array.copy())
    def view(self, dtype): return Tensor(self.array.view(dtype))
    def __getitem__(self, places): return Tensor(self.array[places])
    def all(self): return self.array.all()
    def __eq__(self, other): return Tensor(self.array == other.array)

    def as_strided(self, shape, strides, offset):
        steps = [each * self.array.itemsize for each in strides]
        return Tensor(np.lib.stride_tricks.as_strided(self.array[offset:], shape, steps))

    def zero_(self): clock[0] += 50e-6

    def copy_(self, other):
        if self.large:
            clock[0] += 4 * self.large / 4e12  # 4 TB/s
        else:
            self.array[...] = other.array


def from_numpy(array): return Tensor(array)
def randn(n, *columns, dtype, device): return Tensor(np.zeros(1), n)
def empty(n, dtype, device): return Tensor(np.zeros(1), n)
def empty_like(other): return Tensor(np.zeros(1), other.large)
def get_float32_matmul_precision(): return precision[0]
def set_float32_matmul_precision(given): precision[0] = given


def matmul(x, y, out):
    clock[0] += 2 * x.large**3 / (400e12 if precision[0] == "high" else 800e12)


class Event:
    def __init__(self, enable_timing): pass
    def record(self): self.at = clock[0]
    def query(self): return False
    def elapsed_time(self, other): return (other.at - self.at) * 1e3


cuda = types.ModuleType("torch.cuda")
cuda.is_available = lambda: "STAND_IN_UUID" in sys.modules["os"].environ
cuda.device_count = lambda: 1
cuda.current_device = lambda: 0
cuda.synchronize = cuda.empty_cache = lambda: None
cuda.Event = Event
cuda.get_device_properties = lambda index: types.SimpleNamespace(
    name="NVIDIA H200", major=9, minor=0, multi_processor_count=132, total_memory=1 << 37, L2_cache_size=60 << 20,
    uuid="stand-in-%s" % sys.modules["os"].environ["STAND_IN_UUID"],
)
sys.modules["torch.cuda"] = cuda
'''
TRITON = '''
"""Version {version}. A kernel is a Python function of numpy arrays, which runs once for the whole grid."""
import sys, types
from importlib.machinery import EXTENSION_SUFFIXES
import torch
from .compiler import compiled

__version__ = "{version}"
sys.modules["triton._C"] = types.ModuleType("triton._C")
sys.modules["triton._C"].__file__ = __file__.replace("__init__.py", "_C" + EXTENSION_SUFFIXES[0])


class jit:
    def __init__(self, fn):
        self.fn, self.__name__ = fn, fn.__name__

    def warmup(self, *, grid, **given):
        return compiled(self.fn, self.split(given)[1])

    def __getitem__(self, grid):
        def launch(**given):
            arguments, options = self.split(given)
            compiled(self.fn, options)
            tell_the_sanitizer(self.fn)
            self.fn.__globals__["options"] = options
            self.fn(**{{name: getattr(each, "array", each) for name, each in arguments.items()}})
        return launch

    def split(self, given):
        own = self.fn.__code__.co_varnames[: self.fn.__code__.co_argcount]
        missing = [name for name in own if name not in given]
        if missing:
            raise TypeError("missing a required argument: %r" % missing[0])
        options = {{name: value for name, value in given.items() if name not in own}}
        return {{name: given[name] for name in own}}, options


def set_allocator(given):
    global allocator
    allocator = given


def takes(microseconds):
    torch.clock[0] += microseconds * 1e-6
'''
COMPILER = '''
import types


def compiled(fn, options):
    """What the kernel's module says of its binary; the cubin's text is what the stand-in of cuobjdump shows."""
    made = fn.__globals__.get("binary", lambda name, options: "REG:32 STACK:0")(fn.__name__, options)
    about = types.SimpleNamespace(shared=0)
    ttir = "tt.dot" if fn.__name__ in fn.__globals__.get("DOTS", ()) else ""
    return types.SimpleNamespace(asm={"ttir": ttir, "cubin": made.encode()}, metadata=about)
'''
CELLS = '[package]\nname = "toy"\n\n[cell.ambient]\nplatforms = ["cuda"]\nwhy = "whatever is there"\n'


def torch_at(folder: Path) -> Path:
    """A folder with the torch."""
    write(folder / "torch" / "__init__.py", TORCH)
    write(folder / "torch" / "version.py", "hip = None\ncuda = '13.0'\n")
    return folder


def triton_at(folder: Path, version: str) -> Path:
    """A folder with a Triton, as unpacked."""
    from .sanitizer import TELLS

    write(folder / "triton" / "__init__.py", TRITON.format(version=version) + TELLS)
    write(folder / "triton" / "compiler" / "__init__.py", COMPILER)
    driver = "import types\ndriver = types.SimpleNamespace(set_active=lambda driver: None)\n"
    write(folder / "triton" / "runtime" / "__init__.py", driver)
    write(folder / f"triton-{version}.dist-info" / "METADATA", f"Name: triton\nVersion: {version}\n")
    tool = folder / "triton" / "backends" / "nvidia" / "bin" / "cuobjdump"
    write(tool, '#!/bin/sh\ncat "$2"\n')
    tool.chmod(0o755)
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Machine:
    """A repository with launches, on a machine with the GPU and Triton 3.6.0; 3.9.0 lies unpacked beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "repository"
        self.newer = triton_at(folder / "triton39", "3.9.0")
        self.older = triton_at(folder / "triton36", "3.6.0")
        self.has_gpu, self.uuid = True, uuid.uuid4().hex  # each machine's GPU is another one, and so is its lock
        self._paths = [torch_at(folder / "torch211"), self.older]
        write(self.root / "constraints" / "cells.toml", CELLS)

    @property
    def evidence(self) -> Path:
        """Where the files of the launches go."""
        return self.root / "reports" / "device" / "launches" / "launches"

    def kernels(self, text: str) -> None:
        """The module of the kernels."""
        write(self.root / "toys.py", f"import os, signal, time\nimport triton\nV = triton.__version__\n{text}")

    def launch(self, kernel: str, n: int = 1024, **options: int) -> None:
        """A launch file of a kernel ``(x, out)``, both fp32."""
        tensor = f'{{tensor = {{dtype = "fp32", shape = [{n}]'
        lines = [f'kernel = "../toys.py:{kernel}"', "grid = [4]", "[args]", f"x = {tensor}}}}}"]
        lines += [f'out = {tensor}, fill = {{kind = "zeros"}}}}}}', "[options]"]
        lines += [f"{name} = {value}" for name, value in options.items()]
        write(self.root / "launches" / f"{kernel}.toml", "\n".join(lines) + "\n")

    def interpret(self, said: Mapping[str, Any], dots: Mapping[str, Any], ran: int = 4) -> None:
        """Leave what an interpreter computed of launches ``(x, out)``, as the verb ``values`` does.

        Args:
            said: kernel -> what it makes of x.
            dots: kernel -> what its dots compute, by kind of input.
            ran: programs that ran, of four.
        """
        from triton_matrix.evidence import atlas_file, schemas
        from triton_matrix.launches import launch_list
        from triton_matrix.values import arrays, code_digest, description, entries
        from triton_matrix.values.outcomes import Outcome

        folder, items = self.root / ".nox" / "codegen" / "values" / "arrays", []
        asked = [each for each in launch_list.of_files([self.root / "launches"]) if each.settings[0] in said]
        for launch in asked:
            name, tensors = launch.settings[0], description.prepared(launch.asked).tensors
            tensors["out"].array[...] = said[name](tensors["x"].array)
            tensors["out"].storage.written[:] = tensors["x"].storage.read = True
            row = {"status": "computed", "reason": "", "programs": [[n, 0, 0] for n in range(ran)], "total": 4}
            row |= {"outside": {}, "storages": arrays.keep(tensors, folder), "seconds": 0.1}
            row["dots"] = dots.get(name, {})
            items.append(
                entries.entry(launch.kernel, launch.settings, launch.asked, Outcome(launch.label, row, folder))
            )
        about = {"of_launches": True, "schema": schemas.VALUES}
        made = atlas_file.make("3.6.0", "interpreter", self.root, code_digest(), **about)
        labels = {"interpreter": {each.label: [each.label] for each in asked}}
        content = {**atlas_file.fill({**made, "read": {}, "shell": {}}, labels, items), "compared": []}
        out = self.root / "reports" / "values" / "launches" / "launches"
        out.mkdir(parents=True)
        atlas_file.write(out / "3.6.0.json", content)

    def bench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the verb over the launches."""
        return self.verb("bench", "--launches", "launches", *arguments)

    def verb(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a verb on this machine."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("TRITON_", "PYTEST", "NOX"))}
        here = Path(triton_matrix.__file__).resolve().parents[1]
        env["PYTHONPATH"] = os.pathsep.join(map(str, [*self._paths, here]))
        env.update({"STAND_IN_UUID": self.uuid} if self.has_gpu else {}, PYTHONDONTWRITEBYTECODE="1")
        env.update({**light_pytest.WITHOUT, **environ})
        return forks.run(arguments, self.root, env)
