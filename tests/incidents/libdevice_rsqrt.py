"""rsqrt of libdevice: another home from 3.0 on, and none at all in an interpreter."""

import importlib

import numpy as np
import triton
import triton.language as tl

from . import standins
from .incident import EVERY, Incident, NotApplicable, Observation, Releases, Seen

OLD_HOME = "triton.language.math"
NEW_HOME = "triton.language.extra.libdevice"


def _find(home: str):
    try:
        return getattr(importlib.import_module(home), "rsqrt", None)
    except ImportError:
        return None


# as Liger's kernels choose it, so that one source imports everywhere
rsqrt = _find(OLD_HOME) if triton.__version__.startswith("2.") else _find(NEW_HOME)


@triton.jit
def reciprocal_root(X, BLOCK: tl.constexpr):
    """X[:BLOCK] = 1 / sqrt(X[:BLOCK]), by one program."""
    cols = tl.arange(0, BLOCK)
    tl.store(X + cols, rsqrt(tl.load(X + cols)))


def import_from_new_home() -> Seen:
    missing = _find(NEW_HOME) is None
    return Seen(missing, f"from {NEW_HOME} import rsqrt " + ("fails" if missing else "works"))


def import_tanh_from_old_home() -> Seen:
    """rsqrt itself stayed under its old name as a builtin; most of libdevice did not."""
    missing = not hasattr(importlib.import_module(OLD_HOME), "tanh")
    return Seen(missing, f"{OLD_HOME}.tanh is " + ("gone" if missing else "there"))


def interpreted() -> Seen:
    if rsqrt is None:
        raise NotApplicable("this Triton has libdevice's rsqrt in neither place")
    x = standins.Tensor(np.full(8, 4, np.float32))
    try:
        reciprocal_root[(1,)](x, BLOCK=8, num_warps=1)
    except Exception as error:  # what an interpreter raises differs from release to release
        return Seen(True, f"{type(error).__name__}: {str(error)[:120]}")
    right = bool(np.allclose(x.array, 0.5))
    return Seen(not right, "the interpreter has it" if right else f"1 / sqrt(4) is {x.array[0]}")


INCIDENT = Incident(
    title="libdevice's rsqrt moved, and no interpreter has it",
    reference="the version switch at the top of Liger's kernels, read in the wheels of 2.3.1 and 3.0.0",
    symptom="ModuleNotFoundError or AttributeError when a kernel's module is imported",
    affected="tl.extra.libdevice before 3.0.0; tl.math from 3.0.0; interpreters always",
    observations=(
        Observation("codegen", import_from_new_home, Releases(None, "2.3.1"), "new-home"),
        Observation("codegen", import_tanh_from_old_home, Releases("3.0.0"), "old-home"),
        Observation("interpreter", interpreted, EVERY),
    ),
)
