"""What a kernel's module imports and this environment does not have, stood in for: enough to define,
never to compute.

A stand-in may be named, called, subclassed, used as a decorator or in an annotation. A module that only defines
wrappers loads with it. Whoever needs its *value* (a truth, a number, an order) gets a :class:`StandInError` with the
file, the line and the way out, so that nothing is ever compiled on a guess.
"""

from __future__ import annotations

import abc
import ast
import functools
import importlib.machinery
import importlib.metadata
import inspect
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Optional

_LIBRARY = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib"))
_HERE = str(Path(__file__).parents[1])
_CATCHES = {"ImportError", "ModuleNotFoundError", "PackageNotFoundError", "Exception", "BaseException"}
_STDLIB: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset(sys.builtin_module_names))  # from Python 3.10
_STANDS_IN = "_triton_matrix_stands_in"
_strict = [False]  # while a kernel is compiled, even calling a stand-in is asking for its value


class StandInError(Exception):
    """Something that is not installed here was asked for its value; one sentence with the file and the line."""


class Named(abc.ABCMeta):
    """Of the classes that stand in for others: what the real one has, or would have inherited, is a stand-in too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return StandIn(f"{cls.__module__}.{cls.__qualname__}.{name}", {})


class _Base(metaclass=Named):
    def __class_getitem__(cls, key: Any) -> type:
        return cls

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()


class StandIn:
    """Something of a module that is not installed, known by its dotted name."""

    def __init__(self, name: str, answers: Mapping[str, Any], problem: str = "") -> None:
        self._name, self._answers, self._problem = name, answers, problem

    def _refuse(self, what: str = "the value of ") -> NoReturn:
        raise StandInError(self._problem or f"{place()} needs {what}{self._name}, {way_out(self._name)}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        dotted = f"{self._name}.{name}"
        if (_strict[0] or self._problem) and dotted not in self._answers:
            self._refuse("")
        value = self._answers[dotted] if dotted in self._answers else StandIn(dotted, self._answers)
        self.__dict__[name] = value
        return value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _strict[0] or self._problem:
            self._refuse("")
        if len(args) == 1 and not kwargs and (callable(args[0]) or hasattr(args[0], "__func__")):
            inner = args[0]  # a decorator: what it decorates stays what it is
            return Decorated(inner, self) if isinstance(inner, types.FunctionType) else inner
        return StandIn(f"{self._name}()", self._answers)

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (_base_class(self._name),)

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *raised: Any) -> None:
        pass

    def __getitem__(self, key: Any) -> StandIn:
        if _strict[0] or self._problem:
            self._refuse("")
        return self

    def __or__(self, other: Any) -> StandIn:
        return self

    __ror__ = __or__

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __subclasscheck__(self, subclass: type) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<{self._name}, which is not installed>"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: Any) -> bool:
        if other is None or isinstance(other, (StandIn, type)):
            return self is other
        self._refuse()

    def __ne__(self, other: Any) -> bool:
        return not self == other


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: StandIn, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    refuse.__name__ = name
    return refuse


for _name in ["bool", "int", "float", "index", "len", "iter", "lt", "le", "gt", "ge", "contains", "next", "neg", "abs"]:
    setattr(StandIn, f"__{_name}__", _refusing(f"__{_name}__"))
for _name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "lshift", "rshift"]:
    for _side in ("", "r"):
        setattr(StandIn, f"__{_side}{_name}__", _refusing(f"__{_side}{_name}__"))


class Decorated(StandIn):
    """A function under a stand-in's decorator: called, it is the function; what the decorator adds is a stand-in."""

    def __init__(self, function: types.FunctionType, decorator: StandIn) -> None:
        super().__init__(f"{decorator._name}.{function.__name__}", decorator._answers)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


@functools.cache
def _base_class(name: str) -> type:
    """The plain class that stands in for a base; the same one each time, so that classes of classes have an order."""
    module, _, own = name.rpartition(".")
    made: type = Named(own, (_Base,), {"__module__": module})
    return made


def stand_in_module(name: str, answers: Mapping[str, Any]) -> types.ModuleType:
    """A module that is not installed. It holds the answers known for it; everything else in it is a stand-in.

    It is a plain module, of no class of its own: a kernel may have a module as a global, and nothing that is like one.
    """
    module = types.ModuleType(name)

    def missing(attribute: str) -> Any:
        if attribute == "__all__":
            raise StandInError(f"{place()} takes all names of {name}, {way_out(name)}")
        dotted = f"{name}.{attribute}"
        if dotted in answers:
            return answers[dotted]
        if attribute == "__version__" and not _is_optional():
            raise StandInError(f"{place()} needs the version of {name}, {way_out(name)}")
        if (attribute.startswith("__") and attribute.endswith("__")) or dotted in answers.get("absent", ()):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        value = StandIn(dotted, answers)
        module.__dict__[attribute] = value
        return value

    module.__dict__.update({"__path__": [], "__getattr__": missing, _STANDS_IN: True})
    return module


def stands_in(module: Any) -> bool:
    """Whether a module is one of :func:`stand_in_module`."""
    return isinstance(module, types.ModuleType) and _STANDS_IN in vars(module)


class Finder:
    """The last finder: what no other has found is stood in for, unless its importer is ready to do without it."""

    def __init__(self, answers: Mapping[str, Any], always: Iterable[str], own: Callable[[str], bool]) -> None:
        """
        Args:
            answers: what is known of modules that may be missing, by dotted name.
            always: top-level names that are stood in for even where an importer could do without.
            own: whether a top-level name is the kernel's own package, whose missing modules are really missing.
        """
        self.answers, self._always, self._own = answers, frozenset(always), own
        self.used: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[importlib.machinery.ModuleSpec]:
        top = name.partition(".")[0]
        if top in ("triton", "triton_matrix") or top in _STDLIB or self._own(top):
            return None
        if _asked_by_us():
            return None
        parent = sys.modules.get(top)
        if parent is not None and not stands_in(parent):
            return None  # it is installed, and lacks this submodule
        if top not in self._always and not stands_in(parent) and _is_optional():
            return None
        self.used.add(top)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return stand_in_module(spec.name, self.answers)

    def exec_module(self, module: types.ModuleType) -> None:
        pass

    def find_distributions(self, context: Any) -> Sequence[importlib.metadata.Distribution]:
        version = self.answers.get(f"{context.name}.__version__") if context.name else None
        if version is not None:
            return [_Distribution(str(context.name), str(version))]
        if context.name and not _is_optional() and not _asked_by_us():
            raise StandInError(f"{place()} needs the version of {context.name}, {way_out(context.name)}")
        return []


class _Distribution(importlib.metadata.Distribution):
    """What ``importlib.metadata`` says of a distribution that is stood in for."""

    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> Optional[str]:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


class strictly:
    """``with strictly():`` whoever touches a stand-in gets a StandInError: a kernel cannot be compiled with one."""

    def __enter__(self) -> None:
        _strict[0] = True

    def __exit__(self, *raised: Any) -> None:
        _strict[0] = False


def keep_from_inspect() -> None:
    """Let ``inspect`` say of a stand-in's source that it is not here; it would complain of a type."""
    file_of = inspect.getfile

    def getfile(value: Any) -> str:
        if type(value) is StandIn:
            value._refuse("the source of ")
        return file_of(value)

    setattr(inspect, "getfile", getfile)  # noqa: B010  (a function to type checkers)


def place() -> str:
    """``file.py:12`` of the code that asks: the nearest frame outside the import system and this package."""
    frame: Any = sys._getframe(1)
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return "the kernel" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def is_users(filename: str) -> bool:
    """Whether a frame's file is neither ours nor of Python's own library."""
    library = filename.startswith(("<frozen", *_LIBRARY)) and "site-packages" not in filename
    return not library and not filename.startswith(_HERE) and filename != "<string>"


def way_out(name: str) -> str:
    """The end of a sentence about something that is not installed."""
    top = name.partition(".")[0].removesuffix("()")
    return (
        f"and {top} is not installed here; `--with {top}` installs it,"
        " or name the folder that it is imported from with `--source-root DIR`"
    )


def _asked_by_us() -> bool:
    """Whether this harness imports something for itself."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith("<frozen"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(_HERE)


def _is_optional() -> bool:
    """Whether the import statement under way, or the question whether there is such a module, expects a no."""
    frame: Any = sys._getframe(2)
    while frame is not None and not is_users(frame.f_code.co_filename):
        if frame.f_code.co_filename.endswith(("importlib/util.py", "<frozen importlib.util>")):
            return True
        frame = frame.f_back
    if frame is None:
        return False
    return any(start <= frame.f_lineno <= end for start, end in _guarded(frame.f_code.co_filename))


@functools.cache
def _guarded(filename: str) -> tuple[tuple[int, int], ...]:
    """First and last line of each block of a file in which a failing import is caught."""
    try:
        tree = ast.parse(Path(filename).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    blocks = []
    for node in ast.walk(tree):
        if (isinstance(node, ast.Try) and any(_catches(handler.type) for handler in node.handlers)) or (
            isinstance(node, ast.With) and "suppress" in ast.dump(node.items[0].context_expr)
        ):
            blocks.append((node.body[0].lineno, int(node.body[-1].end_lineno or 0)))
    return tuple(blocks)


def _catches(kind: Optional[ast.expr]) -> bool:
    if kind is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in _CATCHES for node in ast.walk(kind))
