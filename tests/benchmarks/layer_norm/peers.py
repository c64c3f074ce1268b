"""What is timed: our LayerNorm and its peers, each behind one signature ``layer_norm(x, w, b, eps) -> y``.

A peer that cannot be imported is absent, with the reason; nothing is ever substituted for it. Backward runs through
``torch.autograd.grad`` for everyone, so that nobody is spared the engine that all users go through.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Optional

from triton_matrix.base import files

OURS = "ours"
OURS_COMPILED = "ours-compiled"
OWN = (OURS, OURS_COMPILED)  # neither is a peer
EPS = 1e-6
# (x, w, b, eps) -> y; x and y of shape (n_rows, n_cols), w and b of shape (n_cols,)
LayerNorm = Callable[[Any, Any, Any, float], Any]


@dataclass(frozen=True)
class Implementation:
    """One LayerNorm under test.

    Attributes:
        name: ``ours``, ``ours-compiled`` (our operator under torch.compile) or a peer's name.
        version: of the package that it comes from.
        layer_norm: differentiable in x, w and b.
        fp32_weights: True where it takes w and b in fp32 only; they are then converted before anything is timed.
    """

    name: str
    version: str
    layer_norm: LayerNorm
    fp32_weights: bool = False


def names() -> tuple[str, ...]:
    """Every peer there is an adapter for."""
    return tuple(name for name in _LOADERS if name not in OWN)


def parse_names(text: str) -> tuple[str, ...]:
    """``"torch,liger"`` as a tuple; ValueError names an unknown one."""
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in chosen:
        if name not in names():
            raise ValueError(f"peers has {name!r}; allowed are {', '.join(names())}")
    return chosen


def parse_paths(items: Sequence[str]) -> dict[str, Path]:
    """``["liger=DIR"]`` as a mapping; ValueError names what is wrong with an item."""
    found = {}
    for item in items:
        name, _, path = item.partition("=")
        if name not in names() or not path:
            raise ValueError(
                f"peer-path is {item!r}; allowed is NAME=DIR or NAME=WHEEL, NAME one of {', '.join(names())}"
            )
        found[name] = files.as_given(Path(path))
        if not found[name].exists():
            raise ValueError(f"peer-path is {item!r}; there is no {found[name]}")
    return found


def load(
    wanted: Sequence[str], paths: Optional[Mapping[str, Path]] = None
) -> tuple[tuple[Implementation, ...], dict[str, str]]:
    """Import our LayerNorm and the peers asked for.

    Args:
        wanted: names of peers. torch comes first in any case: every row states its speed against it. With ``compile``
            comes our own operator under torch.compile, which is to be no slower than ours in eager mode.
        paths: peer -> folder or wheel to import it from, instead of what is installed.

    Returns:
        The implementations, torch and ours first; and absent one -> reason.
    """
    found, absent = [], {}
    compiled = [OURS_COMPILED] if "compile" in wanted else []
    for name in ("torch", OURS, *(peer for peer in wanted if peer != "torch"), *compiled):
        try:
            found.append(_LOADERS[name]((paths or {}).get(name)))
        except Exception as error:
            if name in ("torch", OURS):
                raise
            absent[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return tuple(found), absent


def bind(implementation: Implementation, direction: str, x: Any, w: Any, b: Any, dy: Any) -> Callable[[], Any]:
    """The call to time: ``direction`` of ``implementation`` on these tensors.

    Args:
        x, dy: shape (n_rows, n_cols). x, w and b require gradients.
        w, b: shape (n_cols,), x's dtype.

    Returns:
        A call giving y (forward) or (dx, dw, db). A forward keeps what a training step keeps: mean and 1/std.
    """
    import torch

    if implementation.fp32_weights:
        w, b = (t.detach().float().requires_grad_() for t in (w, b))
    layer_norm = implementation.layer_norm
    if direction == "forward":
        return lambda: layer_norm(x, w, b, EPS)
    if direction == "backward":
        y = layer_norm(x, w, b, EPS)
        return lambda: torch.autograd.grad(y, (x, w, b), dy, retain_graph=True)
    return lambda: torch.autograd.grad(layer_norm(x, w, b, EPS), (x, w, b), dy)


@contextmanager
def isolated(package: str, folder: Path) -> Iterator[None]:
    """Import ``package`` from ``folder`` though another package owns its name here.

    Inside, the name resolves to the folder's package; afterwards ``sys.modules`` is as it was, and the functions taken
    from it keep working, because they hold their own modules. What they import later, while running, would be ours.
    """
    ours = {name: module for name, module in sys.modules.items() if name.split(".")[0] == package}
    for name in ours:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
        sys.modules.update(ours)


def _torch(path: Optional[Path]) -> Implementation:
    import torch

    def layer_norm(x: Any, w: Any, b: Any, eps: float) -> Any:
        return torch.nn.functional.layer_norm(x, w.shape, w, b, eps)

    return Implementation("torch", str(torch.__version__), layer_norm)


def _ours(path: Optional[Path]) -> Implementation:
    from liger_kernel import __version__
    from liger_kernel.transformers.functional import liger_layer_norm

    return Implementation(OURS, __version__, liger_layer_norm)


def _compile(path: Optional[Path]) -> Implementation:
    _prepare_torch_compile()
    eager = _torch(None)
    return Implementation("compile", eager.version, _recompiled_per_shape(eager.layer_norm))


def _ours_compiled(path: Optional[Path]) -> Implementation:
    import torch

    from liger_kernel.ops.registration import REGISTERS

    if not REGISTERS:
        raise RuntimeError(f"torch {torch.__version__} cannot put our operator into a graph; torch 2.4 and later can")
    _prepare_torch_compile()
    eager = _ours(None)
    return Implementation(OURS_COMPILED, eager.version, _recompiled_per_shape(eager.layer_norm))


@functools.cache
def _prepare_torch_compile() -> None:
    import torch

    if torch.cuda.is_available():  # an older Triton than this torch pins lacks what Inductor imports, as late as here
        torch.compile(lambda t: t + 1)(torch.zeros(8, device="cuda"))
    for module, switches in _SWITCHED_OFF.items():
        config: Any = importlib.import_module(module)
        for name in switches:
            if hasattr(config, name):  # each has come with some release
                setattr(config, name, False)


_SWITCHED_OFF = {
    # torch 2.6+ refuses retain_graph with it, which backward alone needs; graphs kept on disk are found again by the
    # name of our operator, also when an earlier version of it wrote them, which returned something else
    "torch._functorch.config": ("donated_buffer", "enable_autograd_cache"),
    "torch._inductor.config": ("fx_graph_cache",),
}


# (layer_norm, dtype, shape) -> it compiled; of one dtype and shape at a time, because what torch forgets, it forgets
# for everyone
_compiled: dict[tuple[Any, Any, Any], LayerNorm] = {}


def _recompiled_per_shape(layer_norm: LayerNorm) -> LayerNorm:
    """torch.compile with static shapes, forgotten between shapes: Dynamo runs eagerly from the ninth on, silently."""
    import torch

    def call(x: Any, w: Any, b: Any, eps: float) -> Any:
        key = (layer_norm, x.dtype, x.shape)
        if key not in _compiled:
            if any(other[1:] != key[1:] for other in _compiled):
                _compiled.clear()
                torch.compiler.reset()
            _compiled[key] = torch.compile(layer_norm, dynamic=False, fullgraph=True)
        return _compiled[key](x, w, b, eps)

    return call


def _liger(path: Optional[Path]) -> Implementation:
    """Liger-Kernel, whose import name is ours as well: only ever imported from a path of its own."""
    if path is None:
        raise ImportError("no --peer-path liger=DIR or WHEEL; it shares the import name liger_kernel with this package")
    folder = _unpacked(path)
    with isolated("liger_kernel", folder):
        function = importlib.import_module("liger_kernel.ops.layer_norm").LigerLayerNormFunction
    version = next((item.version for item in metadata.distributions(path=[str(folder)])), "unknown")
    return Implementation("liger", version, function.apply)


def _quack(path: Optional[Path]) -> Implementation:
    """quack's LayerNorm kernels; the autograd function is ours, because quack has one for its RMSNorm only."""
    import torch

    if path is not None:
        sys.path.insert(0, str(_unpacked(path)))
    rmsnorm = importlib.import_module("quack.rmsnorm")

    class QuackLayerNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, w: Any, b: Any, eps: float) -> Any:
            y, rstd, mean = rmsnorm.layernorm_fwd(x, w, b, eps, return_rstd=True, return_mean=True)
            ctx.save_for_backward(x, w, rstd, mean)
            return y

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            x, w, rstd, mean = ctx.saved_tensors
            return (*rmsnorm.layernorm_bwd(x, w, dy, rstd, mean), None)

    return Implementation("quack", metadata.version("quack-kernels"), QuackLayerNorm.apply, fp32_weights=True)


def _unpacked(path: Path) -> Path:
    """The folder to import from: ``path`` itself, or the wheel unpacked, because Triton reads kernels from files."""
    if path.is_dir():
        return path
    folder = Path(tempfile.mkdtemp(prefix="liger-bench-peer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(folder)
    return folder


_LOADERS: dict[str, Callable[[Optional[Path]], Implementation]] = {
    OURS: _ours,
    OURS_COMPILED: _ours_compiled,
    "torch": _torch,
    "compile": _compile,
    "liger": _liger,
    "quack": _quack,
}
