"""The configurations that a tuned kernel is launched with: those of its autotuners, and what its heuristics compute."""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import dtypes
from .configuration import Configuration
from .loading import unwrap
from .signing import is_none
from .standins import StandInError
from .torch_standin import Dtype


@dataclass(frozen=True)
class Point:
    """One configuration as it is compiled.

    Attributes:
        shown: what tells it from the kernel's other tuned configurations; nothing where there is one only.
        constexprs: with what tuner and heuristics set; values from them are Python's own, not a launch file's.
        options: compile options; at least ``num_warps``.
        tuned: an autotuner would pass over it where it cannot be launched.
    """

    shown: tuple[str, ...]
    constexprs: dict[str, Any]
    options: dict[str, Any]
    tuned: bool = False


@dataclass
class _Draft:
    constexprs: dict[str, Any]
    options: dict[str, Any]
    config: dict[str, Any] = field(default_factory=dict)


class CannotTune(ValueError):
    """A heuristic needs a value that the launch does not give; one sentence."""


def expand(fn: Any, configuration: Configuration, smallest_first: bool = False) -> list[Point]:
    """What ``configuration`` is compiled as: one point, or one for each configuration of the tuner around ``fn``.

    What the launch itself sets stands: a tuner's value for it is not taken, and configurations that are then alike are
    one. ``smallest_first`` orders them by the size of their blocks.

    Raises:
        CannotTune: a heuristic needs the value of an argument of which only the type is given.
    """
    inner = unwrap(fn)
    names = set(inner.arg_names)
    drafts = [_Draft({}, {})]
    wrapper, tuned = fn, False
    while wrapper is not inner:
        if hasattr(wrapper, "configs"):
            configs = [settings_of_config(config) for config in wrapper.configs]
            drafts = [_with(draft, config, names) for draft in drafts for config in configs]
            tuned = True
        elif hasattr(wrapper, "values"):
            for draft in drafts:
                _compute(wrapper.values, inner, configuration, draft, names)
        wrapper = wrapper.fn
    for draft in drafts:
        draft.constexprs = {**draft.constexprs, **configuration.constexprs}
        draft.options = {"num_warps": 4, **draft.options, **configuration.options}
        given = {**configuration.constexprs, **configuration.options}
        draft.config = {name: value for name, value in draft.config.items() if name not in given}
    distinct: list[_Draft] = []
    for draft in drafts:
        if not any(draft.constexprs == each.constexprs and draft.options == each.options for each in distinct):
            distinct.append(draft)
    if smallest_first:
        distinct.sort(key=lambda draft: _size({name: draft.config[name] for name in draft.config if name in names}))
    varying = _varying([draft.config for draft in distinct])
    points: list[Point] = []
    for draft in distinct:
        shown = _show({name: draft.config.get(name) for name in varying})
        alike = sum(point.shown[: len(shown)] == shown for point in points)  # values that read the same
        points.append(Point((*shown, f"no. {alike + 1}") if alike else shown, draft.constexprs, draft.options, tuned))
    return points


def _size(constexprs: dict[str, Any]) -> int:
    """The product of the blocks' sizes: what is below 16 is a count or a switch."""
    return math.prod(value for value in constexprs.values() if isinstance(value, int) and value >= 16)


def settings_of_config(config: Any) -> dict[str, Any]:
    """What one triton.Config passes to a launch."""
    if hasattr(config, "all_kwargs"):
        settings = dict(config.all_kwargs())
    else:
        settings = dict(config.kwargs)
        for name in ("num_warps", "num_stages", "num_ctas", "enable_warp_specialization"):
            settings[name] = getattr(config, name, None)
    extra = ("num_ctas", "num_buffers_warp_spec", "num_consumer_groups", "reg_dec_producer", "reg_inc_consumer")
    absent = dict.fromkeys(extra, 0) | {"num_ctas": 1, "enable_warp_specialization": False}
    return {
        name: value for name, value in settings.items() if value is not None and value != absent.get(name, object())
    }


def _with(draft: _Draft, config: dict[str, Any], names: set[str]) -> _Draft:
    constexprs = {name: value for name, value in config.items() if name in names}
    options = {name: value for name, value in config.items() if name not in names}
    return _Draft({**draft.constexprs, **constexprs}, {**draft.options, **options}, {**draft.config, **config})


def _compute(
    values: dict[str, Callable[..., Any]], inner: Any, asked: Configuration, draft: _Draft, names: set[str]
) -> None:
    """Let the heuristics see the arguments as a launch would, and note what they give."""
    known: dict[str, Any] = {}
    for name, parameter in inspect.signature(inner.fn).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            known[name] = parameter.default
    known |= {name: _argument(name, given) for name, given in asked.args.items()}
    known |= {**draft.constexprs, **draft.options, **asked.constexprs, **asked.options}
    for name, compute in values.items():
        if name in asked.constexprs:
            continue
        try:
            draft.constexprs[name] = known[name] = compute(known)
        except StandInError as problem:
            raise CannotTune(str(problem)) from None
        except KeyError as problem:
            raise CannotTune(
                f"the heuristic of {name!r} needs the value of {problem.args[0]!r}, which the launch does not give"
            ) from None
        except _NoValue as problem:
            raise CannotTune(f"the heuristic of {name!r} needs {problem}") from None


def _argument(name: str, given: Any) -> Any:
    if is_none(given):
        return None
    if isinstance(given, str):
        return _Pointer(given[1:]) if given.startswith("*") else _Unknown(name, given)
    return tuple(given) if isinstance(given, list) else given


class _Pointer:
    """A tensor as a heuristic may look at it: it is there, and it has a dtype."""

    def __init__(self, kind: str) -> None:
        self.dtype: Any = _dtype(dtypes.TORCH.get(kind.lstrip("k*"), "float32"))
        self.is_cuda = True

    def data_ptr(self) -> int:
        return 256

    def element_size(self) -> int:
        return int(self.dtype.itemsize)


def _dtype(name: str) -> Any:
    """The dtype that a comparison in the kernel's module means: of the torch it sees, real or stood in for."""
    return getattr(sys.modules.get("torch"), name, None) or Dtype(name)


class _NoValue(Exception):
    pass


class _Unknown:
    """An argument of which only the type is known; whoever computes with it is told."""

    def __init__(self, name: str, kind: str) -> None:
        self._name, self._kind = name, kind

    def _refuse(self, *others: Any) -> Any:
        raise _NoValue(
            f"the value of {self._name!r}; write the value of a launch, such as {self._name} = 4096, under [args]"
            f" instead of {self._kind!r}"
        )

    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = __and__ = __neg__ = _refuse
    __eq__ = __ne__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def _varying(configs: list[dict[str, Any]]) -> list[str]:
    """The settings that are not the same in all configurations."""
    names = list(dict.fromkeys(name for config in configs for name in config))
    return [name for name in names if any(config.get(name) != configs[0].get(name) for config in configs)]


def _show(settings: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in settings.items() if value is not None)


def labelled(configuration: Configuration, point: Point) -> Configuration:
    """``configuration`` as the row of ``point``, with settings that can be written as JSON."""
    return dataclasses.replace(
        configuration,
        settings=(*configuration.settings, *point.shown),
        constexprs={name: _plain(value) for name, value in point.constexprs.items()},
        options={name: _plain(value) for name, value in point.options.items()},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, str, type(None))) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
