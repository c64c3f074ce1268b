"""From what a configuration says of a kernel's parameters to the signature that a launch of them would have.

A parameter is given as a type ("*fp16", "i32") or as the value of a launch (4096, 1, 0.5, true); from a value follow
its type and what a launch tells the compiler: that it is a multiple of 16, or that it is 1.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Optional

from ..base import versions
from . import dtypes
from .signature import Signature

SCALAR_TYPES, POINTEE_TYPES = dtypes.SCALARS, dtypes.NAMES
# what a launch may call a type, torch's names among them, -> what triton.language calls it
DTYPES = {language: language for language in dtypes.OF_LANGUAGE}
DTYPES |= {torch: dtypes.LANGUAGE[name] for torch, name in dtypes.OF_TORCH.items()}
REFERENCES = ("function", "object")  # what a constexpr may name of a module
_DTYPE = re.compile(r"(?:tl|triton\.language|torch)\.(\w+)")
_DESCRIPTOR = re.compile(r"tensordesc<(\w+)\[([\d, ]+)\]>")


class NotInThisRelease(Exception):
    """A launch of this Triton cannot say what the configuration says; one sentence."""


def sign(
    fn: Any,
    args: dict[str, Any],
    constexprs: dict[str, Any],
    hints: Optional[Iterable[str]],
    load: Optional[Callable[[str], Any]] = None,
) -> Signature:
    """Check that every parameter of ``fn`` is covered, with a type that Triton knows.

    Args:
        fn: a ``triton.jit`` function.
        hints: of the parameters given as types, those divisible by 16; None: all pointers.
        load: gives what a reference names, for constexprs that are functions or other objects.

    Raises:
        ValueError: one sentence with the parameter's name.
        NotInThisRelease: this Triton has no such argument.
    """
    names = tuple(fn.arg_names)
    constant = {names[i] for i in getattr(fn, "constexprs", ())}
    _check_names(fn, names, args, constexprs)
    params = {param.name: param for param in fn.params}
    made = _Made(names)
    hinted = [n for n, kind in args.items() if _is_pointer(kind)] if hints is None else list(hints)
    for name in hinted:
        if name not in args:
            raise ValueError(f"hints has {name!r}; allowed are {', '.join(args)}")
    for index, name in enumerate(names):
        if name in constant or name in constexprs:
            if name in args:
                raise ValueError(f"parameter {name!r} of {fn.__name__} is a constexpr; it belongs under constexprs")
            value = constexprs[name] if name in constexprs else _default(fn, name, "constexprs")
            made.constants[name] = decode(value, f"constexprs.{name}", load)
            continue
        given = args[name] if name in args else _default(fn, name, "args")
        annotated = getattr(params[name], "annotation_type", "") or ""
        made.add(name, given, name in hinted, (index,), params[name], annotated)
    return made.signature()


def _check_names(fn: Any, names: tuple[str, ...], args: dict[str, Any], constexprs: dict[str, Any]) -> None:
    for what, given in (("args", args), ("constexprs", constexprs)):
        for name in given:
            if name not in names:
                raise ValueError(f"{what} has {name!r}; the parameters of {fn.__name__} are {', '.join(names)}")
    for name in args:
        if name in constexprs:
            raise ValueError(f"parameter {name!r} of {fn.__name__} is given twice, in args and in constexprs")


def _default(fn: Any, name: str, where: str) -> Any:
    default = inspect.signature(fn.fn).parameters[name].default
    if default is inspect.Parameter.empty:
        raise ValueError(f"parameter {name!r} of {fn.__name__} is not covered; it belongs under {where}")
    return default


class _Made:
    """The signature while it is made."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.types: dict[str, Any] = {}
        self.constants: dict[str, Any] = {}
        self.inner: dict[tuple[int, ...], Any] = {}
        self.ones: set[str] = set()
        self.divisible: set[str] = set()
        self.divisible_inner: set[tuple[int, ...]] = set()

    def add(self, name: str, given: Any, hinted: bool, path: tuple[int, ...], param: Any, annotated: str) -> None:
        """Enter one parameter that is no constexpr."""
        if is_none(given):
            self.constants[name] = None
            return
        if isinstance(given, (list, tuple)):
            _need("3.3.0", f"{name!r} is a tuple; tuples as arguments came with Triton 3.3")
            self.types[name] = self._tuple(name, given, path)
            return
        kind, divisible, one = _of(given, f"args.{name}")
        specialized = not param.do_not_specialize
        aligned = specialized and not getattr(param, "do_not_specialize_on_alignment", False)
        if one and specialized and not annotated:
            self.constants[name] = 1
            self.ones.add(name)
            return
        is_value = not isinstance(given, str)
        self.types[name] = annotated if annotated and is_value else kind
        if hinted and is_value and not divisible:
            raise ValueError(f"hints has {name!r}, whose value is {given!r}; that is no multiple of 16")
        if aligned and (divisible if is_value else hinted):
            self.divisible.add(name)

    def _tuple(self, name: str, given: Any, path: tuple[int, ...]) -> tuple[Any, ...]:
        kinds: list[Any] = []
        for index, item in enumerate(given):
            where = (*path, index)
            if isinstance(item, (list, tuple)):
                kinds.append(self._tuple(name, item, where))
                continue
            if is_none(item):
                self.inner[where] = None
                kinds.append("constexpr")
                continue
            kind, divisible, one = _of(item, f"args.{name}[{index}]")
            if one:
                self.inner[where] = 1
                kinds.append("constexpr")
                continue
            if divisible or _is_pointer(item):
                self.divisible_inner.add(where)
            kinds.append(kind)
        return tuple(kinds)

    def signature(self) -> Signature:
        return Signature(
            self.names,
            self.types,
            self.constants,
            frozenset(self.divisible),
            frozenset(self.ones),
            self.inner,
            frozenset(self.divisible_inner),
        )


def is_none(given: Any) -> bool:
    """Whether an argument or a constexpr is None, which TOML can only write as a text."""
    return given is None or given == "None"


def _of(given: Any, where: str) -> tuple[str, bool, bool]:
    """Triton's type of an argument, whether a launch says it is divisible by 16, and whether it is the number 1."""
    if isinstance(given, bool):
        return ("u1" if _at_least("3.3.0") else "i1"), False, False
    if isinstance(given, int):
        kind = "i32" if -(2**31) <= given < 2**31 else "u64" if given >= 2**63 else "i64"
        return kind, given % 16 == 0, given == 1
    if isinstance(given, float):
        return "fp32", False, False
    if isinstance(given, str) and given.startswith("tensordesc"):
        return _descriptor(given, where), False, False
    if isinstance(given, str):
        pointee = given.replace("*k", "*").lstrip("*")
        if pointee in (POINTEE_TYPES if given.startswith("*") else SCALAR_TYPES):
            return given, False, False
        allowed = f"{', '.join(SCALAR_TYPES)}, and pointers to them such as '*fp32'"
        raise ValueError(f"type of {where.partition('.')[2]!r} is {given!r}; allowed are {allowed}, 'None', or a value")
    raise ValueError(f"{where} is {given!r}; allowed is a type such as '*fp32' or 'i32', 'None', or a launch's value")


def _descriptor(given: str, where: str) -> str:
    match = _DESCRIPTOR.fullmatch(given)
    if not match or match[1] not in POINTEE_TYPES:
        raise ValueError(f"{where} is {given!r}; allowed is a descriptor such as 'tensordesc<fp16[64, 64]>'")
    _need("3.4.0", f"{where} is a tensor descriptor; those came with Triton 3.4")
    return f"tensordesc<{match[1]}[{', '.join(item.strip() for item in match[2].split(','))}]>"


def decode(value: Any, where: str, load: Optional[Callable[[str], Any]] = None) -> Any:
    """The Python value of a constexpr as a launch file writes it.

    ``"tl.float32"`` and ``"torch.float32"`` are dtypes, ``"None"`` is None, ``{tuple = [...]}`` is a tuple,
    ``{function = "file.py:name"}`` is a jit function, ``{object = "file.py:NAME"}`` what a module calls so, such as a
    layout of Gluon, and ``{text = "..."}`` a text that would else be one of these.

    Raises:
        ValueError, NotInThisRelease: as of :func:`sign`.
    """
    if is_none(value):
        return None
    if isinstance(value, str):
        match = _DTYPE.fullmatch(value)
        return dtype(match[1], where) if match and match[1] in DTYPES else value
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key == "tuple" and isinstance(inner, (list, tuple)):
            return tuple(decode(item, where, load) for item in inner)
        if key == "text" and isinstance(inner, str):
            return inner
        if key == "function" and isinstance(inner, str) and load is not None:
            _need("3.3.0", f"{where} is a function; a launch takes functions as constexprs from Triton 3.3 on")
            return load(inner)
        if key == "object" and isinstance(inner, str) and load is not None:
            return load(inner)
    if isinstance(value, (dict, list)):
        others = "{function = 'file.py:name'} and {object = 'file.py:NAME'}"
        raise ValueError(f"{where} is {value!r}; allowed are a value, {{tuple = [...]}}, {others}")
    return value


def dtype(name: str, where: str) -> Any:
    """The dtype of triton.language that a name means."""
    import triton.language as tl

    own = DTYPES[name]
    if not hasattr(tl, own):
        raise NotInThisRelease(f"{where} is {name!r}, which this Triton does not have")
    return getattr(tl, own)


def _is_pointer(kind: Any) -> bool:
    return isinstance(kind, str) and kind.startswith("*")


def _need(since: str, sentence: str) -> None:
    if not _at_least(since):
        raise NotInThisRelease(sentence)


def _at_least(since: str) -> bool:
    import triton

    return bool(versions.key(triton.__version__) >= versions.key(since))
