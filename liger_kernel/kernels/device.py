"""What the plan needs to know of a device. Standard library only."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class DeviceProperties:
    """What the plan needs to know of a device.

    Attributes:
        arch: "cuda:90", "hip:gfx942", ..., or "interpreter".
        n_multiprocessors: multiprocessors (compute units on AMD).
        warp_size: threads in a warp (lanes in a wave on AMD): 32 or 64.
        max_threads_per_program: most threads one program may have.
        triton: the release of Triton that compiles for it, such as "3.0.0"; empty for the newest.
        name: the product's name, where it counts: tuned settings may hold for one product of an arch only.
        tuned: whether settings measured on this device are taken, where there are any.
    """

    arch: str
    n_multiprocessors: int
    warp_size: int = 32
    max_threads_per_program: int = 1024
    triton: str = ""
    name: str = ""
    tuned: bool = True

    @property
    def is_cuda(self) -> bool:
        return self.arch.startswith("cuda:")

    @property
    def limits_registers(self) -> bool:
        """Whether Triton takes a limit on registers here, the compile option maxnreg: on CUDA, from 3.0 on."""
        return self.is_cuda and not self.compiled_before("3.0")

    @property
    def unrolls(self) -> bool:
        """Whether a kernel's static_range may end at a constexpr: not where Triton 2 interprets."""
        return self.arch != "interpreter" or not self.compiled_before("3.0")

    @property
    def has_dependent_launches(self) -> bool:
        """Whether Triton can start a launch before the one in front of it has ended: from sm_90 and from 3.4 on."""
        return self.is_cuda and int(self.arch.split(":")[1]) >= 90 and not self.compiled_before("3.4")

    def compiled_before(self, release: str) -> bool:
        """Whether the Triton that compiles for it is older than the release."""
        return self.triton != "" and release_numbers(self.triton) < release_numbers(release)

    def warps(self, num_warps: int) -> int:
        """Warps of 32 threads in the device's own warps, within what it can start as one program."""
        threads = min(32 * num_warps, self.max_threads_per_program)
        return max(1, threads // self.warp_size)


# few "multiprocessors", so that programs loop over several rows also in small tests
INTERPRETER = DeviceProperties("interpreter", 4)


def release_numbers(version: str) -> tuple[int, ...]:
    """(3, 1) of "3.1.0+git1234": the release, without zeros at its end; suffixes are left out."""
    match = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in match.group().split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
