"""A driver for Triton that answers for a target and launches nothing, for what asks the GPU at import."""

from __future__ import annotations

import contextlib
import types
from typing import Any

from ..base import devices, versions
from ..base.targets import Target


class Driver:
    """The driver's questions that need no GPU, answered for ``target``."""

    def __init__(self, target: Target, generation_2: bool) -> None:
        self._target = target
        self._generation_2 = generation_2
        self.utils = types.SimpleNamespace(get_device_properties=lambda device=0: devices.triton_properties(target))
        self.binary_ext = "cubin" if target.backend == "cuda" else "hsaco"

    def get_current_device(self) -> int:
        return 0

    def set_current_device(self, device: int) -> None:
        pass

    def get_current_stream(self, device: int = 0) -> int:
        return 0

    def get_device_capability(self, device: int = 0) -> tuple[int, int]:
        return devices.capability(self._target)

    def get_current_target(self) -> Any:
        if self._generation_2:
            return (self._target.backend, self._target.arch)
        from triton.backends.compiler import GPUTarget

        return GPUTarget(self._target.backend, self._target.arch, self._target.warp_size)

    def get_benchmarker(self) -> Any:
        def refuse(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("nothing is timed here: there is no GPU")

        return refuse

    def get_active_torch_device(self) -> Any:
        import torch

        return torch.device("cuda", 0)

    def get_device_interface(self) -> Any:
        import torch

        return torch.cuda

    def assemble_tensormap_to_arg(self, *args: Any) -> tuple[Any, ...]:
        return ()


def install(target: Target) -> None:
    """Make Triton's active driver one that answers for ``target``. Imports Triton."""
    import triton
    from triton.runtime import driver

    generation_2 = versions.key(triton.__version__) < versions.key("3.0.0")
    standin = Driver(target, generation_2)
    if generation_2:
        driver._obj = standin
    else:
        driver.set_active(standin)


def tell_backends(target: Target) -> None:
    """Let the one of Triton's backends that is ``target``'s say that it is active: a package may count those that do.

    Triton itself then makes a driver of that backend where it is asked for its default one, which needs the GPU.
    """
    with contextlib.suppress(ImportError):  # Triton 2 has no backends, nor has one that stands in
        from triton.backends import backends

        about = Driver(target, generation_2=False).get_current_target()
        for backend in backends.values():
            own = backend.compiler.supports_target(about)
            backend.driver.is_active = staticmethod(lambda own=own: own)
