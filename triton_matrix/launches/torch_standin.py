"""What is known of torch where it is not installed, and of the GPU that it would see where it is.

Kernel files ask torch for names of types, for decorators and bases of the wrappers beside a kernel, and for the device.
The first two need no torch; the device is the target's, whether torch is real or stood in for.
"""

from __future__ import annotations

import math
import sys
import typing
from typing import Any, Optional

from ..base import devices, versions
from ..base.targets import Target
from .standins import Named, StandIn, StandInError, place

# name: bytes, floating point, complex, signed
_DTYPES = {
    "float64": (8, True, False, True),
    "float32": (4, True, False, True),
    "float16": (2, True, False, True),
    "bfloat16": (2, True, False, True),
    "float8_e4m3fn": (1, True, False, True),
    "float8_e4m3fnuz": (1, True, False, True),
    "float8_e5m2": (1, True, False, True),
    "float8_e5m2fnuz": (1, True, False, True),
    "float8_e8m0fnu": (1, True, False, False),
    "float4_e2m1fn_x2": (1, True, False, True),
    "complex64": (8, False, True, True),
    "complex128": (16, False, True, True),
    "int64": (8, False, False, True),
    "int32": (4, False, False, True),
    "int16": (2, False, False, True),
    "int8": (1, False, False, True),
    "uint64": (8, False, False, False),
    "uint32": (4, False, False, False),
    "uint16": (2, False, False, False),
    "uint8": (1, False, False, False),
    "bool": (1, False, False, False),
}
# What vendors' own builds add to torch: who asks for it asks whether this is such a build.
_ABSENT = frozenset(f"torch.{name}" for name in ("npu", "mlu", "musa", "hpu", "gcu", "ptpu", "txda", "tpu", "aipu"))
_ALIASES = {"float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32"}
_ALIASES |= {"short": "int16", "cfloat": "complex64", "cdouble": "complex128"}
# bits of the exponent and of the fraction, from IEEE 754 and the OCP 8-bit formats
_FLOATS = {"float64": (11, 52), "float32": (8, 23), "float16": (5, 10), "bfloat16": (8, 7), "float8_e5m2": (5, 2)}


def _of_typing(name: str) -> Any:
    """Typing's variable in place of that of typing_extensions, which takes a default in every Python."""
    kind = getattr(typing, name)
    return lambda *given, default=None, **more: kind(*given, **more)


_VARIABLES = {
    f"typing_extensions.{name}": _of_typing(name)
    for name in ("TypeVar", "ParamSpec", "TypeVarTuple")
    if hasattr(typing, name)
}


class Dtype:
    """A torch dtype by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.itemsize, self.is_floating_point, self.is_complex, self.is_signed = _DTYPES[name]

    def __repr__(self) -> str:
        return f"torch.{self.name}"


class Version(str):
    """``torch.__version__``: a text that compares as a release, with another text or a tuple of numbers."""

    __slots__ = ()

    def _keys(self, other: Any) -> tuple[Any, Any]:
        text = ".".join(map(str, other)) if isinstance(other, tuple) else str(other)
        return versions.key(self), versions.key(text)

    def __lt__(self, other: Any) -> bool:
        mine, theirs = self._keys(other)
        return bool(mine < theirs)

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __gt__(self, other: Any) -> bool:
        mine, theirs = self._keys(other)
        return bool(mine > theirs)

    def __ge__(self, other: Any) -> bool:
        return not self < other


class Tensor(metaclass=Named):
    """torch.Tensor as a class: for annotations, isinstance and dispatch. There are no instances."""

    __module__ = "torch"


class Module:
    """torch.nn.Module as a base, of classes with a metaclass of their own too."""


class Function:
    """torch.autograd.Function as a base; ``apply`` may be named, not called."""

    apply = StandIn("torch.autograd.Function.apply", {})


class _Limits:
    """torch.finfo and torch.iinfo."""

    def __init__(self, dtype: Optional[Any] = None) -> None:
        name = getattr(dtype, "name", "float32")
        if name == "float8_e4m3fn":  # no infinity: the last exponent is used for numbers too
            self.max, self.eps, self.tiny = 448.0, 0.125, 2.0**-6
            self.min = -self.max
        elif name in _FLOATS:
            exponent, fraction = _FLOATS[name]
            bias = 2 ** (exponent - 1) - 1
            self.eps, self.tiny = 2.0**-fraction, 2.0 ** (1 - bias)
            self.max = math.ldexp(2.0 - self.eps, bias)
            self.min = -self.max
        else:
            bits, signed = 8 * _DTYPES[name][0], _DTYPES[name][3]
            self.max = 2 ** (bits - signed) - 1
            self.min = -(2 ** (bits - 1)) if signed else 0
        self.bits, self.dtype, self.smallest_normal = 8 * _DTYPES[name][0], name, getattr(self, "tiny", 0)


class Device:
    """torch.device: a type and an index."""

    def __init__(self, kind: Any = "cuda", index: Optional[int] = None) -> None:
        name, _, number = str(kind).partition(":")
        self.type, self.index = name, int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"


class _NoVersion:
    """Refuses to be read as a version: nobody said which torch is stood in for."""

    def __getattr__(self, name: str) -> Any:
        raise StandInError(
            f"{place()} needs the version of torch, which is not installed here; `--torch VERSION` says which one to"
            " stand in for, or `--with torch` installs it"
        )

    __str__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, *other: self.__getattr__("")


def answers(target: Target, version: Optional[str]) -> dict[str, Any]:
    """What is known of a torch that is not installed, by dotted name.

    Args:
        target: the GPU that it sees.
        version: the release that it says to be; None where nobody said.
    """
    known: dict[str, Any] = {f"torch.{name}": Dtype(name) for name in _DTYPES}
    known |= {f"torch.{alias}": known[f"torch.{name}"] for alias, name in _ALIASES.items()}
    about: dict[str, Any] = {
        "torch.__version__": Version(version) if version else _NoVersion(),
        "torch.version.__version__": version,
        "absent": _ABSENT,
        "torch.dtype": Dtype,
        "torch.device": Device,
        "torch.Size": tuple,
        "torch.Tensor": Tensor,
        "torch.nn.Parameter": type("Parameter", (Tensor,), {}),
        "torch.nn.Module": Module,
        "torch.autograd.Function": Function,
        "torch.autograd.function.Function": Function,
        "torch.finfo": _Limits,
        "torch.iinfo": _Limits,
        "torch.get_default_dtype": lambda: known["torch.float32"],
        "torch.is_tensor": lambda value: False,
        "torch.compiler.is_compiling": lambda: False,
        "torch._dynamo.is_compiling": lambda: False,
        "torch.jit.is_scripting": lambda: False,
        "torch.jit.is_tracing": lambda: False,
        "torch.is_grad_enabled": lambda: True,
        "torch.is_inference_mode_enabled": lambda: False,
        "torch.is_anomaly_enabled": lambda: False,
        "torch.is_autocast_enabled": lambda *device: False,
        "torch.are_deterministic_algorithms_enabled": lambda: False,
        "torch.is_deterministic_algorithms_warn_only_enabled": lambda: False,
        "torch.get_deterministic_debug_mode": lambda: 0,
        "torch.get_float32_matmul_precision": lambda: "highest",
        "torch.distributed.is_available": lambda: False,
        "torch.distributed.is_initialized": lambda: False,
        "torch.utils._triton.has_triton": lambda: True,
        "torch.utils._triton.has_triton_package": lambda: True,
        "torch.backends.mps.is_available": lambda: False,
        "torch.backends.cuda.is_built": lambda: True,
        "torch.mps.is_available": lambda: False,
        "torch.xpu.is_available": lambda: False,
        "torch.accelerator.is_available": lambda: True,
        "torch.accelerator.current_accelerator": lambda *args, **kwargs: Device("cuda"),
    }
    return known | about | _VARIABLES | {"torch.backends.cuda.matmul.allow_tf32": False} | of_device(target)


def of_device(target: Target) -> dict[str, Any]:
    """What torch says of the GPU, for ``target``, by dotted name: true of a stand-in and of a real torch alike."""
    hip = target.backend == "hip"
    properties = devices.torch_properties(target)
    return {
        "torch.version.cuda": None if hip else "12.8",
        "torch.version.hip": "6.4.0" if hip else None,
        "torch.version.xpu": None,
        "torch.cuda.is_available": lambda: True,
        "torch.cuda.is_initialized": lambda: True,
        "torch.cuda.init": lambda: None,
        "torch.cuda.device_count": lambda: 1,
        "torch.cuda.current_device": lambda: 0,
        "torch.cuda.set_device": lambda device: None,
        "torch.cuda.get_device_capability": lambda device=None: devices.capability(target),
        "torch.cuda.get_device_properties": lambda device=None: properties,
        "torch.cuda.get_device_name": lambda device=None: properties.name,
        "torch.cuda.get_arch_list": lambda: [f"sm_{target.arch}" if not hip else str(target.arch)],
        "torch.cuda.is_bf16_supported": lambda including_emulation=True: True,
        "torch.cuda.mem_get_info": lambda device=None: (properties.total_memory, properties.total_memory),
    }


def tell_real(target: Target) -> None:
    """Let the torch that is installed describe ``target`` where it is asked about the GPU.

    The version that it was built for stays: torchvision holds its own against it.
    """
    torch = sys.modules["torch"]
    for dotted, value in of_device(target).items():
        *path, name = dotted.split(".")[1:]
        owner: Any = torch
        for part in path:
            owner = getattr(owner, part, None)
        if owner is not None and not (isinstance(value, str) and isinstance(getattr(owner, name, None), str)):
            setattr(owner, name, value)
