"""Stand-ins for what a bare Triton lacks, so that its own code can run: a tensor for torch's, a driver for a GPU's."""

from __future__ import annotations

import contextlib
from typing import Any, Optional

import numpy as np
import triton

from triton_matrix.base import targets
from triton_matrix.launches import driver_standin


class Dtype:
    """Named as torch's dtypes are: Triton reads the last word of its text."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return f"numpy.{self.name}"

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)


class Tensor:
    """A numpy array with the few methods that Triton's interpreters and launchers of 2.3.1 to 3.9.0 ask of a tensor."""

    device = "cpu"

    def __init__(self, array: Any, dtype: Optional[str] = None) -> None:
        self.array = np.ascontiguousarray(array)
        self.dtype = Dtype(dtype or self.array.dtype.name)

    @property
    def data(self) -> Tensor:
        return self

    def data_ptr(self) -> int:
        return self.array.ctypes.data

    def size(self) -> tuple[int, ...]:
        return self.array.shape

    def stride(self) -> tuple[int, ...]:
        return tuple(step // self.array.itemsize for step in self.array.strides)

    def storage_offset(self) -> int:
        return 0

    # The interpreter copies to the CPU and back. This tensor is there already, and its storage is itself.
    def cpu(self) -> Tensor:
        return self

    def to(self, device: str) -> Tensor:
        return self

    def untyped_storage(self) -> Tensor:
        return self

    def new_empty(self, size: Any, device: str) -> Tensor:
        return self

    def set_(self, *view: Any) -> Tensor:
        return self

    def copy_(self, other: Tensor) -> Tensor:
        return self


def bfloat16(values: Any) -> Tensor:
    """Values rounded to bfloat16, which numpy lacks: the upper half of fp32, to the nearest, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return Tensor(((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16), "bfloat16")


def from_bfloat16(tensor: Tensor) -> np.ndarray:
    """The values of a bfloat16 tensor as fp32."""
    return (tensor.array.astype(np.uint32) << 16).view(np.float32)


@contextlib.contextmanager
def driver():
    """Let Triton's launcher find, in place of a GPU's driver, one that names a GPU that is not there."""
    from triton.runtime import driver as triton_driver

    before = vars(triton_driver).get("_obj")
    driver_standin.install(targets.parse("cuda:90"))
    try:
        yield
    finally:
        if triton.__version__.startswith("2."):
            triton_driver._obj = before
        else:
            with contextlib.suppress(RuntimeError):  # without a GPU there is no driver to go back to
                triton_driver.reset_active()
