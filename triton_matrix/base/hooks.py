"""What a package brings itself: functions in its own files, named in ``[package]`` of the table."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def module_of(root: Path, file: str, what: str) -> ModuleType:
    """The module that a hook's file is, imported under a name of its own.

    Args:
        root: the repo root, which the file is relative to.
        file: the file as the table names it.
        what: the key that names it, for an error.

    Raises:
        ValueError: no such file, one outside the repo root, or one that does not import.
    """
    path = (root / file).resolve()
    if not path.is_file() or not path.is_relative_to(root.resolve()):
        raise ValueError(f"{what} is {file!r}; allowed is a Python file below the repo root")
    name = f"_triton_matrix_hook_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{what} is {file!r}, which does not import: {type(error).__name__}: {error}") from error
    return module


def function_of(root: Path, reference: str, what: str) -> Any:
    """The function that ``path/to/file.py:function`` names.

    Raises:
        ValueError: not of that form, or as of :func:`module_of`, or there is no such function.
    """
    file, colon, name = reference.rpartition(":")
    if not colon or not name.isidentifier():
        raise ValueError(f"{what} is {reference!r}; allowed is path/to/file.py:function")
    function = getattr(module_of(root, file, what), name, None)
    if not callable(function):
        raise ValueError(f"{what} is {reference!r}; there is no function {name} in {file}")
    return function
