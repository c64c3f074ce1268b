"""Launch what the plan says, with little host time.

A `PreparedLaunch` is one `Launch` of the plan bound to its kernel. Its first launch goes through `kernel[grid](...)`,
which compiles. From Triton 3.3 on, later ones go through the compiled kernel's own subscript, which skips Triton's
check of every argument: types and counts are part of the key that the preparation is kept under, and the one thing that
may change between two calls, whether the tensors start at multiples of 16 bytes, is checked here.
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
from .utils import compare_version, is_hip

INTERPRETED = os.environ.get("TRITON_INTERPRET", "0") == "1"
# what the compiled kernel's subscript takes was the launcher's inner arguments before 3.3; on ROCm nobody has tried it
REPEATS_COMPILED = compare_version("triton", operator.ge, "3.3") and not is_hip() and not INTERPRETED


class PreparedLaunch:
    """One launch of the plan, ready to be launched with the values that its kernel's parameters take, by name."""

    def __init__(self, launch: Launch) -> None:
        self.plan = launch
        kernel = getattr(kernels, launch.kernel)
        self._kernel = kernel
        self._pick: Callable[[dict], tuple] = operator.itemgetter(*launch.args)
        self._options = {**launch.constexprs, "num_warps": launch.num_warps, "num_stages": launch.num_stages}
        self._constants = tuple(launch.constexprs[name] for name in kernel.arg_names if name in launch.constexprs)
        self.repeat: Optional[Callable[..., Any]] = None

    def first(self, values: dict[str, Any], aligned: bool) -> None:
        """Launch through `kernel[grid]`, and keep what it compiled where it can be launched again by itself."""
        arguments = self._pick(values)
        if INTERPRETED:
            # Triton 2.3.1's interpreter writes every tensor back, which autograd must not take for a change of an input
            arguments = tuple(value.data if isinstance(value, torch.Tensor) else value for value in arguments)
        compiled = self._kernel[self.plan.grid](*arguments, **self._options)
        if REPEATS_COMPILED and aligned and hasattr(compiled, "launch_metadata"):
            self.repeat = compiled[(*self.plan.grid, 1, 1)[:3]]

    def again(self, addresses: dict[str, Any], stream: int) -> None:
        """Launch what `first` compiled; the launcher takes a tensor's address in place of the tensor."""
        assert self.repeat is not None
        self.repeat(*self._pick(addresses), *self._constants, stream=stream)


def launch_all(launches: Sequence[PreparedLaunch], device: torch.device, values: dict[str, Any]) -> None:
    """Launch in order on the device's current stream, with the tensors and numbers that the parameters take by name."""
    if INTERPRETED:
        for launch in launches:
            launch.first(values, False)
        return
    index = device.index
    if index != torch.cuda.current_device():
        # Triton launches on the current device, whatever device the tensors are on
        with torch.cuda.device(device):
            launch_all(launches, device, values)
        return
    addresses = {}
    bits = 0
    for name, value in values.items():
        if value.__class__ is not int and value.__class__ is not float:
            value = value.data_ptr()
            bits |= value
        addresses[name] = value
    aligned = bits % 16 == 0
    for launch in launches:
        if aligned and launch.repeat is not None:
            launch.again(addresses, triton.runtime.driver.active.get_current_stream(index))
        else:
            launch.first(values, aligned)


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
    return DeviceProperties(arch, properties.multi_processor_count, warp_size)


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
