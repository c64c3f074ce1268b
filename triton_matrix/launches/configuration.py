"""A configuration: a launch, fully settled, as it is compiled for one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import naming


@dataclass(frozen=True)
class Configuration:
    """One kernel, fully settled, for one target.

    Attributes:
        kernel: "module:function" or "path/to/file.py:function".
        settings: what tells this configuration from the kernel's others, in words: ``("num_warps=4",)``.
        target: such as "cuda:90".
        args: Triton type, or a launch's value, of every parameter that is not a constant (signing.py).
        constexprs: value of every ``tl.constexpr`` parameter, as a spec writes it (signing.decode).
        options: compile options; ``num_warps`` is 4 where neither this nor a tuner says it.
        hints: names of the parameters given as types that are divisible by 16.
    """

    kernel: str
    settings: tuple[str, ...]
    target: str
    args: dict[str, Any]
    constexprs: dict[str, Any]
    options: dict[str, Any]
    hints: tuple[str, ...]

    @property
    def function(self) -> str:
        return self.kernel.rpartition(":")[2]

    @property
    def label(self) -> str:
        return naming.label(naming.kernel(self.kernel), self.settings)

    @property
    def id(self) -> str:
        return naming.identifier(self.label, self.target)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Configuration:
        """The configuration of which :func:`dataclasses.asdict` went through JSON."""
        return cls(**{**given, "settings": tuple(given["settings"]), "hints": tuple(given["hints"])})
