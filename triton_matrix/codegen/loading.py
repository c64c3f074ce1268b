"""Find a kernel by its reference, "module:function" or "path/to/file.py:function", and say what its source is.

The source digest is made without importing the kernel (and so without Triton), because it decides whether there is
anything to compile at all.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, Optional


class KernelError(ValueError):
    """The kernel asked for is not there, or its module does not import; one sentence."""


def split(reference: str) -> tuple[str, str]:
    """Module or path, and function, of a reference; raises KernelError when it is not of that form."""
    module, colon, function = reference.rpartition(":")
    if not colon or not module or not function.isidentifier():
        raise KernelError(f"kernel is {reference!r}; allowed is 'module:function' or 'path/to/file.py:function'")
    return module, function


def file_of(reference: str) -> Optional[Path]:
    """The source file of a reference, or None for a module that cannot be found without importing it."""
    module, _ = split(reference)
    if module.endswith(".py"):
        path = Path(module)
        if not path.is_file():
            raise KernelError(f"kernel is {reference!r}; there is no file {path}")
        return path.resolve()
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as problem:
        raise KernelError(f"kernel is {reference!r}; module {module} cannot be imported: {problem}") from None
    if found is None:
        raise KernelError(f"kernel is {reference!r}; there is no module {module}")
    return Path(found.origin) if found.origin and found.origin.endswith(".py") else None


def load(reference: str) -> Any:
    """Import the kernel's module and return the function.

    Raises:
        KernelError: the module does not import, or has no such function; the message has the import's own last line.
    """
    module_name, function = split(reference)
    path = file_of(reference)
    if module_name.endswith(".py"):
        assert path is not None
        root, module_name = import_name(path)
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(module_name)
    except Exception as problem:
        last = (str(problem).strip().splitlines() or [""])[-1]
        raise KernelError(
            f"kernel is {reference!r}; importing {module_name} fails with {type(problem).__name__}: {last}"
        ) from None
    if not hasattr(module, function):
        raise KernelError(f"kernel is {reference!r}; {module_name} has no {function}")
    return getattr(module, function)


def import_name(path: Path) -> tuple[Path, str]:
    """The folder to put on sys.path, and the dotted name under which ``path`` is imported from there.

    A file inside packages keeps its full name, so that its relative imports work.
    """
    names, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(names)


def source_digest(reference: str) -> str:
    """Digest of the kernel's file and of every file of its own folder or package that it imports, directly or not.

    What it imports from elsewhere (Triton, other distributions) is not looked at.
    """
    first = file_of(reference)
    if first is None:
        raise KernelError(f"kernel is {reference!r}; its module has no Python source")
    root, _ = import_name(first)
    digest, todo, seen = hashlib.sha256(), [first], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        source = path.read_bytes()
        digest.update(hashlib.sha256(source).digest())
        todo += sorted(set(_local_imports(path, source, root)) - seen)
    return digest.hexdigest()


def _local_imports(path: Path, source: bytes, root: Path) -> list[Path]:
    """Files under ``root`` that an import statement of ``path`` may load."""
    try:
        tree = ast.parse(source)
    except SyntaxError as problem:
        raise KernelError(f"{path.name} line {problem.lineno}: {problem.msg}") from None
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [root / alias.name.replace(".", "/") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else root
            module = base / (node.module or "").replace(".", "/")
            candidates = [module, *(module / alias.name for alias in node.names)]
        else:
            continue
        for candidate in candidates:
            found += [file for file in (candidate.with_suffix(".py"), candidate / "__init__.py") if file.is_file()]
    return [file.resolve() for file in found]
