"""The devices that the launch plan is asked about: the interpreter, and the products that stand for the targets."""

from __future__ import annotations

from liger_kernel.kernels.device import INTERPRETER, DeviceProperties
from triton_matrix.base import targets


def device_of(name: str) -> DeviceProperties:
    """What the plan is told of the product that stands for a target, such as "cuda:90"."""
    target = targets.parse(name)
    return DeviceProperties(name, target.gpu.multiprocessors, target.warp_size, target.max_threads_per_block)


H100 = device_of("cuda:90")
DEVICES = {name: device_of(name) for name in targets.DEFAULT} | {INTERPRETER.arch: INTERPRETER}
