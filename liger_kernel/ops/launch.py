"""Launch what the plan says, with little host time.

The first launch of a plan goes through `kernel[grid](...)`, which compiles. Later ones launch what was compiled, by the
addresses of the tensors, and skip Triton's check of every argument: types and numbers are part of the key that the
preparation is kept under, and the one thing that may change between two calls, whether the tensors start at multiples
of 16 bytes, is checked here.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import os
from collections.abc import Sequence
from typing import Any, Callable, Optional

import torch
import triton

from ..kernels import layer_norm as kernels
from ..kernels.device import INTERPRETER, DeviceProperties
from ..kernels.plan import Launch
from .direct import TAKES_CONSTANTS, DirectLaunch, direct_launch, hooked
from .utils import is_hip

INTERPRETED = os.environ.get("TRITON_INTERPRET", "0") == "1"
REPEATS = not INTERPRETED and not is_hip()  # nobody has tried it on ROCm

# the values of the parameters of all kernels of a direction, in one order: tensors or their addresses, and numbers
Values = tuple[Any, ...]


class PreparedLaunch:
    """One launch of the plan, bound to its kernel; `names` are those of the values that it will be given."""

    def __init__(self, launch: Launch, names: Sequence[str]) -> None:
        self.plan = launch
        self._pick: Callable[[Values], Values] = operator.itemgetter(*map(names.index, launch.args))
        parameters = getattr(kernels, launch.kernel).arg_names
        constants = [launch.constexprs[name] for name in parameters if name in launch.constexprs]
        self._constants = tuple(constants) if TAKES_CONSTANTS else ()
        self._compiled: Optional[Callable[..., Any]] = None
        self.direct: Optional[tuple[DirectLaunch, Callable[[Values], Values], tuple[Any, ...]]] = None

    def first(self, values: Values, aligned: bool) -> bool:
        """Launch through `kernel[grid]`, which compiles; whether `again` can launch this from now on."""
        plan, arguments = self.plan, self._pick(values)
        if INTERPRETED:
            # Triton 2.3.1's interpreter writes every tensor back, which autograd must not take for a change of an input
            arguments = tuple(value.data if isinstance(value, torch.Tensor) else value for value in arguments)
        options = {name: plan.options[name] for name in plan.options if name not in ("num_warps", "num_stages")}
        kernel = getattr(kernels, plan.kernel)
        compiled = kernel[plan.grid](
            *arguments, **plan.constexprs, num_warps=plan.num_warps, num_stages=plan.num_stages, **options
        )
        if not (REPEATS and aligned and isinstance(compiled, triton.compiler.CompiledKernel)):
            return False
        grid = (*plan.grid, 1, 1)[:3]
        self._compiled = compiled[grid]
        direct = direct_launch(compiled, grid)
        self.direct = None if direct is None else (direct, self._pick, self._constants)
        return True

    def again(self, stream: int, values: Values) -> None:
        """Launch what `first` compiled through its subscript, with addresses in place of tensors."""
        assert self._compiled is not None
        self._compiled(*self._pick(values), *self._constants, stream=stream)


class Launches:
    """The launches of one forward or backward on one device, in order; `names` are those of a call's values.

    A call tries `again` with addresses, and where that returns False calls `first` with the tensors.
    """

    def __init__(self, plan: Sequence[Launch], device: torch.device, names: Sequence[str]) -> None:
        self.plan = tuple(plan)
        self._launches = tuple(PreparedLaunch(launch, names) for launch in plan)
        pointers = {name for launch in plan for name, kind in launch.args.items() if kind.startswith("*")}
        positions = sorted(map(names.index, pointers))
        self._pointers: Callable[[Values], Values] = operator.itemgetter(*positions) if plan else tuple
        self._device, self._index = device, device.index
        self._repeats = False
        self._direct: tuple[Any, ...] = ()  # of each launch, where all of them have it

    def again(self, values: Values, addresses: int) -> bool:
        """Launch on the current stream what was compiled earlier; False, and nothing, where this call cannot.

        `addresses` are those of all tensors, or'ed: whether each is a multiple of 16 bytes.
        """
        if not self._repeats or addresses & 15:
            return False
        if torch._C._cuda_getDevice() != self._index:
            with torch.cuda.device(self._device):
                return self.again(values, addresses)
        stream = torch._C._cuda_getCurrentRawStream(self._index)
        if self._direct and not hooked():
            for direct, pick, constants in self._direct:
                direct(stream, pick(values) + constants)
        else:
            for launch in self._launches:
                launch.again(stream, values)
        return True

    def first(self, values: Values) -> None:
        """Launch on the device's current stream through Triton, which compiles what it has not seen yet."""
        if self._device.type != "cpu" and self._device.index != torch.cuda.current_device():
            # Triton launches on the current device, whatever device the tensors are on
            with torch.cuda.device(self._device):
                self.first(values)
            return
        aligned = all(tensor.data_ptr() % 16 == 0 for tensor in self._pointers(values))
        repeatable = [launch.first(values, aligned) for launch in self._launches]
        self._repeats = self._repeats or all(repeatable)
        direct = [launch.direct for launch in self._launches]
        self._direct = tuple(direct) if all(direct) else ()


@functools.cache
def device_properties(device: torch.device, n_multiprocessors: Optional[int] = None) -> DeviceProperties:
    """What the launch plan needs to know of a device; on the CPU that is the interpreter.

    With LIGER_KERNEL_TUNED=0 in the environment no measured settings are taken.

    Args:
        n_multiprocessors: how many of the device's the launches get, where that is not all of them.
    """
    if device.type == "cpu":
        return dataclasses.replace(INTERPRETER, triton=triton.__version__)
    properties = torch.cuda.get_device_properties(device)
    if torch.version.hip is not None:
        arch = "hip:" + properties.gcnArchName.split(":")[0]
        warp_size = getattr(properties, "warp_size", 32 if arch.startswith("hip:gfx1") else 64)
    else:
        arch = f"cuda:{properties.major}{properties.minor}"
        warp_size = 32
    return DeviceProperties(
        arch,
        n_multiprocessors or properties.multi_processor_count,
        warp_size,
        triton=triton.__version__,
        name=properties.name,
        tuned=os.environ.get("LIGER_KERNEL_TUNED") != "0",
    )


def require_device(device: torch.device) -> None:
    """Raise, in one sentence, where the kernels cannot run on the device.

    Raises:
        RuntimeError: the device is the CPU and Triton does not interpret.
        ValueError: the device is neither a GPU of CUDA or ROCm nor the CPU.
    """
    if device.type not in ("cuda", "cpu"):
        raise ValueError(f"X is on {device}; it must be on a GPU, or on the CPU with TRITON_INTERPRET=1")
    if device.type == "cpu" and not INTERPRETED:
        raise RuntimeError(
            "X is on the CPU, where the kernels run in Triton's interpreter only: "
            "put the tensors on a GPU, or set TRITON_INTERPRET=1 before triton is imported"
        )
