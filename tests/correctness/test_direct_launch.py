"""The direct launch hands Triton's C function exactly what the installed Triton's own subscript hands it.

Nothing is compiled and no GPU is needed: the compiled kernel and its launcher are of Triton's classes and run Triton's
code, only their C function is replaced by one that notes what it gets. The one permitted difference is that hooks, and
the metadata made for them, are None.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import types
from typing import Any

import pytest
import torch
import triton
from triton.compiler import CompiledKernel

from liger_kernel.ops import direct

from .api import liger_layer_norm
from .inputs import problem
from .reference import check, evaluate

if torch.version.hip is not None:
    pytest.skip("repeats go through kernel[grid] on ROCm: run on CUDA or the CPU", allow_module_level=True)

HAS_LAUNCHER = not triton.__version__.startswith("2.")  # in 2.3.1 `run` is the C function itself
GRID = (7, 5, 3)
STREAM = 11
HOOKS = ("launch_enter_hook", "launch_exit_hook")
ARGUMENTS = (13 * 16, 17 * 16, 19, 0.5, True)


@pytest.fixture
def handed():
    """What each call of the C function got, oldest first."""
    return []


@pytest.fixture
def compiled(handed, monkeypatch):
    """A kernel that looks compiled for CUDA, of Triton's own class."""

    def c_function(*arguments):
        handed.append(arguments)

    words = ["name", "function", "packed_metadata", "num_warps", "num_ctas", "shared"]
    state: dict[str, Any] = {name: f"the kernel's {name}" for name in words}
    state.update(cluster_dims=("x", "y", "z"), module="loaded", src=None, tensormaps_info=[], run=c_function)
    if HAS_LAUNCHER:
        launcher_class = importlib.import_module("triton.backends.nvidia.driver").CudaLauncher
        launcher = object.__new__(launcher_class)
        words = ["launch_cooperative_grid", "launch_pdl", "arg_annotations", "kernel_signature"]
        vars(launcher).update({name: f"the launcher's {name}" for name in words}, num_ctas=1, gsan_enabled=False)
        sizes = ("global_scratch_size", "global_scratch_align", "profile_scratch_size", "profile_scratch_align")
        vars(launcher).update(dict.fromkeys(sizes, 0), launch=c_function)
        state.update(run=launcher, _run=launcher)
        monkeypatch.setattr(triton.runtime, "driver", types.SimpleNamespace(active=None))
    else:
        expand = importlib.import_module("triton.runtime.driver").CudaDriver.assemble_tensormap_to_arg
        without_gpu = types.SimpleNamespace(assemble_tensormap_to_arg=lambda *arguments: expand(None, *arguments))
        monkeypatch.setattr(importlib.import_module("triton.compiler.compiler"), "driver", without_gpu)
    kernel = object.__new__(CompiledKernel)
    vars(kernel).update(state)
    yield kernel
    vars(kernel).update(module=None)  # there is nothing that Triton 3.8 and later could unload


def without_hooks(arguments):
    """Hooks and the metadata made for them replaced by None."""
    return tuple(None if type(value).__name__ in ("HookChain", "LazyDict") else value for value in arguments)


def test_it_hands_over_what_the_subscript_does(compiled, handed):
    launch = direct.direct_launch(compiled, GRID)
    assert launch is not None
    assert handed == []  # asking launches nothing
    launch(STREAM, ARGUMENTS)
    compiled[GRID](*ARGUMENTS, stream=STREAM)
    ours, theirs = handed
    assert ours == without_hooks(theirs)


def test_one_preparation_takes_any_stream_and_arguments(compiled, handed):
    launch = direct.direct_launch(compiled, GRID)
    assert launch is not None
    for stream, arguments in ((0, ARGUMENTS), (23, ARGUMENTS[::-1])):
        launch(stream, arguments)
        compiled[GRID](*arguments, stream=stream)
        ours, theirs = handed[-2:]
        assert ours == without_hooks(theirs)


@pytest.mark.skipif(not HAS_LAUNCHER, reason="Triton 2.3.1 has no scratch memory: run with 3.3 or later")
@pytest.mark.parametrize("needs", ["global_scratch_size", "profile_scratch_size", "gsan_enabled"])
def test_a_kernel_with_memory_of_its_own_for_every_launch_is_left_to_triton(needs, compiled):
    setattr(compiled.run, needs, 128)
    assert direct.direct_launch(compiled, GRID) is None


def test_a_triton_that_nobody_read_is_left_alone(compiled, monkeypatch):
    monkeypatch.setattr(direct, "KNOWN", False)
    assert direct.direct_launch(compiled, GRID) is None


def test_this_triton_was_read():
    # red with a new release: read its CudaLauncher, CompiledKernel.__getitem__ and JITFunction.run, then raise KNOWN
    assert direct.KNOWN


def test_constants_are_passed_where_triton_passes_them():
    source = inspect.getsource(triton.runtime.jit.JITFunction.run)
    assert ("*bound_args.values()" in source[source.index("kernel.run(") :]) is direct.TAKES_CONSTANTS


@contextlib.contextmanager
def registered(name, hook):
    """Register ``hook`` as Triton's ``name`` for the time being, as its profilers do."""
    holder = triton.knobs.runtime if hasattr(triton, "knobs") else CompiledKernel
    chain = getattr(holder, name)
    if chain is None:  # before 3.5
        setattr(holder, name, hook)
    else:
        chain.add(hook)
    try:
        yield
    finally:
        if chain is None:
            setattr(holder, name, None)
        else:
            chain.remove(hook)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_seen_as_long_as_it_is_registered(name):
    assert not direct.hooked()
    with registered(name, print):
        assert direct.hooked()
    assert not direct.hooked()


@pytest.mark.device("the interpreter has no launcher")
@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("n_cols", [1000, 65537])
def test_hooks_are_called_for_repeated_launches_too(name, n_cols, device, launches):
    x, w, b, dy = problem(9, n_cols, device=device)
    evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    n_launches, calls = len(launches), []
    with registered(name, lambda *arguments: calls.append(arguments)):
        evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    assert len(calls) == n_launches
    evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    assert len(calls) == n_launches
    assert len(launches) == n_launches  # the spy sees kernel[grid] alone: the others were repeats


@pytest.mark.device("the interpreter launches nothing twice")
@pytest.mark.parametrize("n_rows", [1, 9, 64])
@pytest.mark.parametrize("n_cols", [1000, 1023, 65537, 70000])
def test_a_repeat_takes_new_tensors_aligned_or_not(n_rows, n_cols, device):
    held = problem(n_rows, n_cols, dtype=torch.float16, device=device)
    first = check(*held)
    for shift in (0, 1, 8, 3, 0):
        moved = [torch.cat([each.new_zeros(shift), each.flatten()])[shift:].view(each.shape) for each in held]
        again = check(*moved)
        if shift % 8 == 0:  # 16 bytes; others have a kernel of their own, which may add in another order
            assert all(torch.equal(got, expected) for got, expected in zip(again, first))
