"""What a launch's dots compute, counted as an interpreter runs them: the shapes that a GPU multiplies, padding too."""

from __future__ import annotations

from typing import Any

_PACKED = 2  # values of fp4 in a byte
_FORMATS = {"E2M1": "fp4", "E2M3": "fp6", "E3M2": "fp6", "E4M3": "fp8", "E5M2": "fp8"}


class Counting:
    """Stands before a builder: each dot adds ``2 * M * N * K``, for each of a batch, to its kind of input.

    Kinds are ``fp64``, ``fp32`` (IEEE), ``tf32``, ``tf32x3``, ``bf16x3``, ``bf16x6`` (of fp32), ``fp16``, ``bf16``,
    ``fp8``, ``fp6``, ``fp4`` and ``int8``. What the kernel leaves to the backend is tf32, as on CUDA.
    """

    executor: Any

    def create_dot(self, a: Any, b: Any, d: Any, *settings: Any) -> Any:
        kind = _kind(self.executor, a, b, settings[0])
        self.executor.dots[kind] += 2 * int(a.data.size) * int(d.data.shape[-1])
        return super().create_dot(a, b, d, *settings)  # type: ignore[misc]


class CountingScaled(Counting):
    """The same where a release's interpreter has ``tl.dot_scaled``."""

    def create_dot_scaled(self, a: Any, a_scale: Any, a_format: Any, b: Any, b_scale: Any, *rest: Any) -> Any:
        kinds = [_FORMATS.get(each.name, each.name.lower()) for each in (a_format, rest[0])]
        size = int(a.data.size) * (_PACKED if kinds[0] == "fp4" else 1)
        # a unit that multiplies two formats runs at the pace of the wider one
        kind = min(kinds, key=("fp16", "bf16", "fp8", "fp6", "fp4").index)
        self.executor.dots[kind] += 2 * size * int(rest[-1].data.shape[-1])
        return super().create_dot_scaled(a, a_scale, a_format, b, b_scale, *rest)  # type: ignore[misc]


def before(builder: type) -> type:
    """The class to put before a release's builder."""
    return CountingScaled if hasattr(builder, "create_dot_scaled") else Counting


def _kind(executor: Any, a: Any, b: Any, precision: Any) -> str:
    operands = [executor.dtype(each) for each in (a, b)]
    if any(each.small is not None for each in operands):
        return "fp8"
    if operands[0].kind != "float":
        return "int8"
    if operands[0].name != "fp32":
        return str(operands[0].name)
    if isinstance(precision, bool):  # up to 2.3.1: allow_tf32
        return "tf32" if precision else "fp32"
    return "fp32" if precision.name == "IEEE" else str(precision.name).lower()
