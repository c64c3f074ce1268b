"""Find a kernel by its reference, "module:function" or "path/to/file.py:function", and load it as it stands.

A kernel's module is loaded with what this environment has. The packages around it are not run (packages.py), what is
missing is stood in for (standins.py), and questions to the GPU are answered for the target (torch_standin.py,
driver_standin.py). docs/launches.md tells more.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from typing import Any, Optional

from ..base import listening, sources, versions
from ..base.targets import Target
from . import driver_standin, local_kernels, packages, torch_standin
from .import_names import import_name
from .standins import Finder, StandIn, StandInError, is_users, keep_from_inspect, way_out

GLUON_SINCE = "3.4.0"
_GLUON = "is written in Gluon, which is compiled and neither interpreted, explained nor timed"


class KernelError(ValueError):
    """The kernel asked for is not there, or its module does not load; one sentence."""


class GluonIsNewer(KernelError):
    """The kernel is written in Gluon, and this release has none; one sentence."""


class ImportFailure(KernelError):
    """The kernel's module does not load in this release; ``str`` says where and why."""


class Loader:
    """Loads kernels for one target. It changes this process's import system: use it in a process of its own.

    Args:
        target: what questions to the GPU are answered for; None: this machine's own GPU answers them.
        source_root: where absolute imports start; None finds it from the kernel's file.
        torch_version: what a torch that is not installed says to be.
        gluon: take kernels of Gluon too.
    """

    def __init__(
        self,
        target: Optional[Target],
        source_root: Optional[Path] = None,
        torch_version: Optional[str] = None,
        *,
        gluon: bool = False,
    ) -> None:
        self._source_root, self._gluon = source_root, gluon
        self._local = packages.LocalFinder()
        known = torch_standin.answers(target, torch_version) if target else {}
        self._stand_ins = Finder(known, ["torch"], self._local.own)
        keep_from_inspect()
        if target:
            driver_standin.install(target)
            driver_standin.tell_backends(target)
            if importlib.util.find_spec("torch") is not None:
                importlib.import_module("torch")
                torch_standin.tell_real(target)
        _forget_users_modules()
        sys.argv = [""]  # a module that reads it reads nothing of ours
        sys.meta_path[:0] = [packages.NotingFinder(self._local), self._local]
        sys.meta_path += [packages.FolderFinder(self._local), self._stand_ins]

    def load(self, reference: str) -> Any:
        """The function that ``reference`` names.

        Raises:
            KernelError: there is no such file, module or function, or it is a Gluon kernel and these are not taken.
            GluonIsNewer: it is one, and this release has none.
            ImportFailure: the module does not load.
        """
        module_name, function = split(reference)
        path = file_of(reference)
        if path is not None:
            root, module_name = import_name(path, self._source_root)
            self._local.add(module_name.partition(".")[0], root)
            self._local.search([self._source_root] if self._source_root else packages.folders_above(path))
        try:
            module = importlib.import_module(module_name)
            kernel = _named(module, function)
        except StandInError as problem:
            raise ImportFailure(str(problem)) from None
        except KernelError:
            raise
        except BaseException as problem:  # sys.exit at import is an answer too
            if path is not None and not has_gluon() and _is_gluon(path, function):
                if self._gluon:
                    raise GluonIsNewer(f"is written in Gluon, which Triton has from {GLUON_SINCE} on") from None
                raise KernelError(f"kernel is {reference!r}, which {_GLUON}") from None
            raise ImportFailure(_why(problem)) from None
        if isinstance(kernel, StandIn) and kernel._problem:
            raise ImportFailure(kernel._problem)
        if kernel is None:
            raise KernelError(f"kernel is {reference!r}; {module_name} has no {function}")
        if is_gluon(kernel) and not self._gluon:
            raise KernelError(f"kernel is {reference!r}, which {_GLUON}")
        return kernel


def has_gluon() -> bool:
    """Whether this Triton has Gluon."""
    import triton

    return bool(versions.key(triton.__version__) >= versions.key(GLUON_SINCE))


def is_gluon(fn: Any) -> bool:
    """Whether a kernel was made with ``gluon.jit``."""
    while hasattr(fn, "fn") and "JITFunction" not in type(fn).__name__:  # a tuner around it
        fn = fn.fn
    return "Gluon" in type(fn).__name__


def _named(module: Any, name: str) -> Any:
    """What a module calls ``name``: its own, that of a class of it, or one made anew from a function's source."""
    if "<locals>" in name:
        try:
            return local_kernels.made(module, name)
        except local_kernels.LocalError as problem:
            raise KernelError(f"kernel is {name!r}, which {problem}") from None
    value = module
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _forget_users_modules() -> None:
    """What the package's own hook imported here before is loaded anew, in the way that kernels are.

    A package with compiled modules cannot be loaded twice: its files are noted as if they were read now.
    """
    places = {name: sources.file_of(module) for name, module in sys.modules.items()}
    users = {name: os.path.abspath(file) for name, file in places.items() if file and name != "__main__"}
    users = {name: file for name, file in users.items() if not listening.is_library(file)}
    compiled = {name.partition(".")[0] for name, file in users.items() if file.endswith(tuple(EXTENSION_SUFFIXES))}
    for name, file in users.items():
        if name.partition(".")[0] in compiled:
            listening.looked_for(file, "content")
        else:
            del sys.modules[name]


def _is_gluon(path: Path, function: str) -> bool:
    """Whether a file makes ``function`` with ``gluon.jit``: a release without Gluon cannot say so itself."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return any("'gluon'" in ast.dump(decorator) for decorator in node.decorator_list)
    return False


def load(reference: str) -> Any:
    """The function that ``reference`` names, imported as Python does it: for a machine that has what it needs.

    Raises:
        KernelError: the module does not import, or has no such function.
    """
    module_name, function = split(reference)
    path = file_of(reference)
    if path is not None:
        root, module_name = import_name(path)
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(module_name)
    except Exception as problem:
        raise KernelError(f"kernel is {reference!r}; importing {module_name}: {_why(problem)}") from None
    kernel = _named(module, function)
    if kernel is None:
        raise KernelError(f"kernel is {reference!r}; {module_name} has no {function}")
    return kernel


def split(reference: str) -> tuple[str, str]:
    """Module or path, and function, of a reference; raises KernelError when it is not of that form."""
    module, colon, function = reference.rpartition(":")
    if not colon or not module or not _is_name(function):
        raise KernelError(f"kernel is {reference!r}; allowed is 'module:function' or 'path/to/file.py:function'")
    return module, function


def _is_name(function: str) -> bool:
    """Whether a function may be called so: ``copy``, ``Kernels.copy``, ``make.<locals>.copy``."""
    parts = function.split(".")
    return parts[-1].isidentifier() and all(part.isidentifier() or part == "<locals>" for part in parts)


def file_of(reference: str) -> Optional[Path]:
    """The source file of a reference, or None for a module that has none. Nothing is imported.

    Raises:
        KernelError: there is no such file or module.
    """
    module, _ = split(reference)
    if module.endswith(".py"):
        path = Path(module)
        if not path.is_file():
            raise KernelError(f"kernel is {reference!r}; there is no file {path}")
        return path.resolve()
    names, search = module.split("."), None
    for count in range(1, len(names) + 1):
        name = ".".join(names[:count])
        spec = PathFinder.find_spec(name, search)
        if spec is None:
            if count == len(names) == 1 and name in sys.builtin_module_names:
                return None
            raise KernelError(f"kernel is {reference!r}; there is no module {name}")
        search = list(spec.submodule_search_locations or [])
    assert spec is not None
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _why(problem: BaseException) -> str:
    """Where an import failed, with what, and the way out where there is one."""
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if is_users(frame.filename)]
    lines = str(problem).strip().splitlines()
    said = f"{type(problem).__name__}: {lines[-1]}" if lines else type(problem).__name__
    if isinstance(problem, SyntaxError) and problem.filename:
        return f"{Path(problem.filename).name}:{problem.lineno} fails with {said}"
    if isinstance(problem, SystemExit):
        said = f"a call of sys.exit({problem.code!r})"
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "its import"
    missing = getattr(problem, "name", None) if isinstance(problem, ModuleNotFoundError) else None
    absent = missing and PathFinder.find_spec(missing.partition(".")[0]) is None  # and not only one of its modules
    out = f", {way_out(missing)}" if missing and absent and not missing.startswith("triton") else ""
    return f"{place} fails with {said}{out}"


def unwrap(fn: Any) -> Any:
    """The ``triton.jit`` function inside autotune and heuristics wrappers.

    Raises:
        ValueError: ``fn`` is not a Triton kernel, or Triton's interpreter has taken it over.
    """
    from triton.runtime.jit import JITFunction

    inner = fn
    while not isinstance(inner, JITFunction) and hasattr(inner, "fn"):
        inner = inner.fn
    if not isinstance(inner, JITFunction):
        name = getattr(fn, "__name__", type(fn).__name__)
        raise ValueError(f"kernel is {name!r}, a {type(fn).__name__}; allowed is a triton.jit function")
    return inner
