"""The language table as a compiler's frontend sees it: whether it takes an operation, and the type of the result.

Nothing is run and no GPU is needed: the IR that the frontend makes of a kernel already says what is stored to ``t``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...base import env_vars, targets
from ...codegen import adapters
from ...launches import loading, signing
from ..dtypes import DTYPES
from ..running import status_of
from . import source

_TYPES = {code: name for name, code in source.CODES.items()}
_STORE = re.compile(r"tt\.store %(?:t|arg6)\b.*?, %(\w+)")  # the seventh parameter; older releases name none
_CONSTANT = r"%{name} = arith\.constant (?:dense<)?(\d+)"


class _Done(Exception):
    """The frontend is through."""


def version() -> str:
    """The Triton of this process."""
    import triton

    return str(triton.__version__)


def types(launches: Sequence[Mapping[str, Any]], target: str = "cuda:90") -> dict[str, dict[str, Any]]:
    """Launch -> ``type`` of its result, or ``error`` with the reason, by the Triton of this process."""
    os.environ.pop(env_vars.INTERPRET, None)
    adapter, _ = adapters.choose(version())
    chosen = targets.parse(target)
    loader = loading.Loader(chosen)
    by_launch: dict[str, dict[str, Any]] = {}
    for launch in launches:
        ir: list[str] = []

        def stop(stage: str, text: Any, metadata: Any, ir: list[str] = ir) -> None:
            ir.append(str(text))
            raise _Done

        function = loader.load(launch["kernel"])
        kinds = {name: _kind(value) for name, value in launch["args"].items()}
        signature = signing.sign(function, kinds, launch["constexprs"], None)
        try:
            adapter.compile(function, signature, launch["options"], chosen, stop)
        except _Done:
            by_launch[launch["name"]] = {"type": _type_of(ir[0])}
        except Exception as problem:
            by_launch[launch["name"]] = {"error": status_of(problem)[1]}
    return by_launch


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"*{DTYPES[value['tensor']['dtype']].name}"
    return "fp32" if isinstance(value, float) else "i32"


def _type_of(ir: str) -> str:
    """The type whose code is stored to ``t``; "?" where the IR is not valid and so is printed another way."""
    stored = _STORE.search(ir)
    constant = stored and re.search(_CONSTANT.format(name=stored[1]), ir)
    return _TYPES.get(int(constant[1]), "?") if constant else "?"
