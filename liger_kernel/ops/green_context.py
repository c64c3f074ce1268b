"""How many multiprocessors the current stream has: a CUDA green context gives its streams a part of the GPU.

Kernels whose programs wait for each other must know: programs that are waited for, and find no place on that part of
the GPU, would never start. torch does not say, so the CUDA driver is asked (cuda.h of CUDA 12.4 to 13).
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Optional

import torch

_SM = 1  # CU_DEV_RESOURCE_TYPE_SM
_RESOURCE_BYTES = 256  # a CUdevResource takes 144
_COUNT_AT = 96  # its type and 92 bytes of padding come before the count


@functools.cache
def _driver() -> Optional[Any]:
    """The CUDA driver, if it knows green contexts (from 12.4 on)."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    names = ("cuStreamGetGreenCtx", "cuGreenCtxGetDevResource", "cuCtxGetCurrent", "cuCtxGetDevResource")
    return driver if all(hasattr(driver, name) for name in names) else None


def multiprocessors(device: torch.device) -> Optional[int]:
    """How many multiprocessors launches on the device's current stream get; None where the driver does not say."""
    driver = _driver() if torch.version.hip is None else None
    if driver is None:
        return None
    stream = ctypes.c_void_p(torch._C._cuda_getCurrentRawStream(device.index))
    context, resource = ctypes.c_void_p(), ctypes.create_string_buffer(_RESOURCE_BYTES)
    if driver.cuStreamGetGreenCtx(stream, ctypes.byref(context)) == 0 and context.value:
        failed = driver.cuGreenCtxGetDevResource(context, resource, _SM)
    else:
        failed = driver.cuCtxGetCurrent(ctypes.byref(context)) or driver.cuCtxGetDevResource(context, resource, _SM)
    return None if failed else ctypes.c_uint.from_buffer(resource, _COUNT_AT).value
