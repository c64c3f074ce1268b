"""Launch what the plan says, with little host time.

The first launch of a plan goes through `kernel[grid](...)`, which compiles. Later ones launch what was compiled, by the
addresses of the tensors, and skip Triton's check of every argument: types and numbers are part of the key that the
preparation is kept under, and the one thing that may change between two calls, whether the tensors start at multiples
of 16 bytes, is checked here.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Sequence
from typing import Any, Callable, Optional

import torch
import triton

from ..kernels import launch_plan
from ..kernels import layer_norm as kernels
from ..kernels.launch_plan import DeviceProperties, Launch
from .direct import TAKES_CONSTANTS, DirectLaunch, direct_launch, hooked
from .utils import compare_version, is_hip

INTERPRETED = os.environ.get("TRITON_INTERPRET", "0") == "1"
LIMITS_REGISTERS = compare_version("triton", operator.ge, "3.0")
REPEATS = not INTERPRETED and not is_hip()  # nobody has tried it on ROCm


class PreparedLaunch:
    """One launch of the plan, bound to its kernel; takes the values of the parameters in the order of `names`."""

    def __init__(self, launch: Launch, names: Sequence[str]) -> None:
        self.plan = launch
        self._kernel = getattr(kernels, launch.kernel)
        self._pick: Callable[[Sequence], tuple] = operator.itemgetter(*map(names.index, launch.args))
        self._options = {**launch.constexprs, **launch.options}
        if not LIMITS_REGISTERS:
            self._options.pop("maxnreg", None)
        constants = [launch.constexprs[name] for name in self._kernel.arg_names if name in launch.constexprs]
        self._constants = tuple(constants) if TAKES_CONSTANTS else ()
        self._compiled: Optional[Callable[..., Any]] = None
        self._direct: Optional[DirectLaunch] = None

    def first(self, values: Sequence, aligned: bool) -> bool:
        """Launch through `kernel[grid]`, which compiles; whether `again` can launch this from now on."""
        arguments = self._pick(values)
        if INTERPRETED:
            # Triton 2.3.1's interpreter writes every tensor back, which autograd must not take for a change of an input
            arguments = tuple(value.data if isinstance(value, torch.Tensor) else value for value in arguments)
        compiled = self._kernel[self.plan.grid](*arguments, **self._options)
        if not (REPEATS and aligned and isinstance(compiled, triton.compiler.CompiledKernel)):
            return False
        grid = (*self.plan.grid, 1, 1)[:3]
        self._compiled = compiled[grid]
        self._direct = direct_launch(compiled, grid)
        return True

    def again(self, stream: int, values: Sequence, with_hooks: bool) -> None:
        """Launch what `first` compiled, with addresses in place of tensors."""
        arguments = (*self._pick(values), *self._constants)
        if self._direct is None or with_hooks:
            assert self._compiled is not None
            self._compiled(*arguments, stream=stream)
        else:
            self._direct(stream, arguments)


class Launches:
    """The launches of one forward or backward on one device, in order.

    `names` are the parameters of all kernels, those that point to tensors before those that are numbers. A call tries
    `again` with addresses, and where that returns False calls `first` with the tensors.
    """

    def __init__(self, plan: Sequence[Launch], names: Sequence[str], device: torch.device) -> None:
        self.plan = tuple(plan)
        self._launches = tuple(PreparedLaunch(launch, names) for launch in plan)
        self._device = device
        self._repeats = False

    def again(self, addresses: tuple[int, ...], numbers: tuple) -> bool:
        """Launch on the current stream what was compiled earlier; False, and nothing, where this call cannot."""
        if not self._repeats:
            return False
        if torch._C._cuda_getDevice() != self._device.index:
            with torch.cuda.device(self._device):
                return self.again(addresses, numbers)
        bits = 0
        for address in addresses:
            bits |= address
        if bits % 16 != 0:
            return False
        stream = torch._C._cuda_getCurrentRawStream(self._device.index)
        values = addresses + numbers
        with_hooks = hooked()
        for launch in self._launches:
            launch.again(stream, values, with_hooks)
        return True

    def first(self, tensors: tuple[torch.Tensor, ...], numbers: tuple) -> None:
        """Launch on the device's current stream through Triton, which compiles what it has not seen yet."""
        if self._device.type != "cpu" and self._device.index != torch.cuda.current_device():
            # Triton launches on the current device, whatever device the tensors are on
            with torch.cuda.device(self._device):
                self.first(tensors, numbers)
            return
        aligned = all(tensor.data_ptr() % 16 == 0 for tensor in tensors)
        repeatable = [launch.first(tensors + numbers, aligned) for launch in self._launches]
        self._repeats = self._repeats or all(repeatable)


@functools.cache
def device_properties(device: torch.device) -> DeviceProperties:
    """What the launch plan needs to know of a device; on the CPU that is the interpreter."""
    if device.type == "cpu":
        return launch_plan.TARGETS["interpreter"]
    properties = torch.cuda.get_device_properties(device)
    if torch.version.hip is not None:
        arch = "hip:" + properties.gcnArchName.split(":")[0]
        warp_size = getattr(properties, "warp_size", 32 if arch.startswith("hip:gfx1") else 64)
    else:
        arch = f"cuda:{properties.major}{properties.minor}"
        warp_size = 32
    return DeviceProperties(arch, properties.multi_processor_count, warp_size, triton=triton.__version__)


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
