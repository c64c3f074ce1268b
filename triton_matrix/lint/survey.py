"""What one Triton has: its language, read off the installed release. ``language.json`` is made of one survey a release.

    python -m triton_matrix.lint.survey > 3.9.0.json                  # in an environment with that Triton
    python -m triton_matrix.lint.survey --merge 2.3.1.json ... 3.9.0.json    # all releases into language.json

``nox -s codegen`` leaves an environment for each release of the table under .nox/codegen. The language is read off the
imported modules, all else off the files: some modules need torch.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional

from ..base import files, language, versions

LANGUAGE = "triton.language"
# what the compiler itself gives to a builtin; no caller passes it
HIDDEN = ("_builder", "_generator", "_semantic")
# modules of the language that kernels have no use for
INTERNAL = (f"{LANGUAGE}.semantic", f"{LANGUAGE}._utils")
# programs that come with Triton and are run, not imported
TOOLS = ("triton.tools.triton_to_gluon", "triton.tools.gsan", "triton.experimental.gsan", "triton.profiler.")
# what host code calls with keywords, whose parameters are surveyed beside those of the language
CALLED_BY_HOSTS = ("Config", "autotune", "heuristics", "jit")
NO_LIMIT = 99


def survey() -> dict[str, Any]:
    """The language of the Triton in this Python.

    Returns:
        ``release``; ``names``, by module; ``parameters`` and ``positions`` (how many arguments it takes by position)
        of each function of the language, method of a tensor and decorator; ``options``, the compile options;
        ``builtins``, the builtins of Python that a kernel may call; ``syntax``, the kinds of ast nodes that the
        compiler reads.
    """
    import triton
    import triton.language as tl
    from triton.compiler import code_generator

    if versions.key(triton.__version__) < (versions.key("3.0.0")):
        options = set(importlib.import_module("triton.compiler.backends.cuda").CUDAOptions.__dataclass_fields__)
    else:
        nvidia = importlib.import_module("triton.backends.nvidia.compiler").CUDAOptions
        amd = importlib.import_module("triton.backends.amd.compiler").HIPOptions
        options = {*nvidia.__dataclass_fields__, *amd.__dataclass_fields__}
    names = {module.__name__: sorted(_public(module)) for module in _modules(tl)}
    members = vars(tl.tensor).items()
    # up to 3.3 a method of a tensor that is itself a jit function does not compile: x.sum()
    binds = hasattr(code_generator, "BoundJITMethod")
    methods = [name for name, value in members if binds or not _wraps_jit(value)]
    names[f"{LANGUAGE}.tensor"] = sorted(name for name in methods if not name.startswith("_"))
    names.update(_outside_the_language(Path(triton.__file__).parent))
    functions = {f"{LANGUAGE}.{name}": getattr(tl, name) for name in _public(tl)}
    functions.update({f"triton.{name}": getattr(triton, name) for name in CALLED_BY_HOSTS})
    functions.update({f"{LANGUAGE}.tensor.{name}": getattr(tl.tensor, name) for name in names[f"{LANGUAGE}.tensor"]})
    signatures = {name: signature for name, function in functions.items() for signature in _signature(name, function)}
    visited = {name[len("visit_") :] for name in dir(code_generator.CodeGenerator) if name.startswith("visit_")}
    return {
        "release": triton.__version__.partition("+")[0],
        "names": names,
        "parameters": {name: parameters for name, (parameters, _) in signatures.items()},
        "positions": {name: count for name, (_, count) in signatures.items()},
        "options": sorted(options),
        "builtins": sorted(code_generator.CodeGenerator.builtin_namespace),
        "syntax": sorted(name for name in visited if isinstance(getattr(ast, name, None), type)),
    }


def _modules(language: Any) -> Iterator[Any]:
    yield language
    for submodule in pkgutil.walk_packages(language.__path__, f"{LANGUAGE}.", onerror=lambda name: None):
        if submodule.name not in INTERNAL:
            yield importlib.import_module(submodule.name)


def _outside_the_language(package: Path) -> dict[str, list[str]]:
    """Module -> the names that its file binds at its top level, and its submodules, of all modules but the language's.

    A module that may have any name, by ``__getattr__`` or a star import from elsewhere, is not in it.
    """
    files_of = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        files_of[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    bound = {name: _top_level_names(name, path, files_of) for name, path in files_of.items()}
    by_module = {}
    for name, own in bound.items():
        if own is not None and not name.startswith((LANGUAGE, *TOOLS)) and "._" not in name:
            below = {other.rpartition(".")[2] for other in files_of if other.rpartition(".")[0] == name}
            names = sorted(item for item in own | below if not item.startswith("__"))
            by_module.update({name: names} if names else {})
    return by_module


def _top_level_names(name: str, path: Path, files_of: dict[str, Path]) -> Optional[set[str]]:
    """The names that a module binds at its top level; None where it may have any."""
    names: set[str] = set()
    for node in _run_at_import(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ImportFrom) and not node.level and not (node.module or "").startswith("triton"):
            continue  # what it uses itself is not for others
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            inner = _top_level_names(source, files_of[source], files_of) if source in files_of else None
            if inner is None:
                return None
            names |= inner
        elif isinstance(node, ast.ImportFrom):
            names |= {item.asname or item.name for item in node.names}
    return None if "__getattr__" in names else names


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from _run_at_import(child)


def _wraps_jit(method: Any) -> bool:
    """Whether a method of a tensor is a jit function, or a closure over one."""
    from triton.runtime.jit import JITFunction

    inner = [cell.cell_contents for cell in getattr(method, "__closure__", None) or ()]
    return any(isinstance(item, JITFunction) for item in (method, *inner))


def _public(module: Any) -> set[str]:
    """The names of a module that a kernel may use: no modules but the language's own."""
    names = set()
    for name, value in vars(module).items():
        own = not inspect.ismodule(value) or value.__name__.startswith(LANGUAGE)
        typing = getattr(value, "__module__", "") in ("typing", "__future__", "builtins", "functools", "enum")
        if own and not typing and not name.startswith("__"):
            names.add(name)
    return names


def _signature(name: str, function: Any) -> Iterator[tuple[list[str], int]]:
    """The parameters that a caller may pass, and how many of them by position; nothing for what is no function."""
    of_a_class = inspect.isclass(function) and inspect.isfunction(function.__init__)  # tl.range, triton.Config
    inner = function.__init__ if of_a_class else inspect.unwrap(getattr(function, "fn", function))
    if not inspect.isfunction(inner):
        return
    every = list(inspect.signature(inner).parameters.values())
    if of_a_class or name.startswith(f"{LANGUAGE}.tensor."):
        every = every[1:]  # the object itself
    shown = [item for item in every if item.name not in HIDDEN]
    kinds = {item.kind for item in shown}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return  # it takes whatever it is given
    free = inspect.Parameter.VAR_POSITIONAL in kinds
    count = sum(1 for item in shown if item.kind is not inspect.Parameter.KEYWORD_ONLY)
    yield [item.name for item in shown], NO_LIMIT if free else count


def merge(surveys: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Surveys of several releases as one: what has each thing, as ranges of releases.

    A range that reaches the newest of them has no end, "3.0.0 -": a release that is not surveyed has what that one has.
    """
    by_release = {facts["release"]: facts for facts in surveys}
    releases = sorted(by_release, key=versions.key)

    def over(ask: Any) -> dict[str, list[str]]:
        """Range -> what exactly these releases have, of what ``ask`` gives for one survey."""
        having: dict[str, list[str]] = {}
        for release in releases:
            for item in ask(by_release[release]):
                having.setdefault(item, []).append(release)
        merged: dict[str, list[str]] = {}
        for item in sorted(having):
            merged.setdefault(versions.ranges(having[item], releases, open_end=True), []).append(item)
        return dict(sorted(merged.items()))

    modules = sorted({name for facts in by_release.values() for name in facts["names"]})
    functions = sorted({name for facts in by_release.values() for name in facts["parameters"]})
    return {
        "releases": releases,
        "options": over(lambda facts: facts["options"]),
        "builtins": over(lambda facts: facts["builtins"]),
        "syntax": over(lambda facts: facts["syntax"]),
        "names": {name: over(lambda facts, name=name: facts["names"].get(name, ())) for name in modules},
        "parameters": {name: over(lambda facts, name=name: facts["parameters"].get(name, ())) for name in functions},
        "positions": {name: _limits(name, releases, by_release) for name in functions},
    }


def _limits(name: str, releases: list[str], by_release: dict[str, dict[str, Any]]) -> dict[str, int]:
    counts = {release: by_release[release]["positions"].get(name) for release in releases}
    return {
        versions.ranges([release for release in releases if counts[release] == count], releases, open_end=True): count
        for count in sorted({count for count in counts.values() if count is not None})
    }


def main(argv: list[str]) -> int:
    if argv[:1] == ["--merge"]:
        surveys = [json.loads(Path(name).read_text(encoding="utf-8")) for name in argv[1:]]
        files.write_text(language.PATH, json.dumps(merge(surveys), indent=1) + "\n")
    else:
        print(json.dumps(survey()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
