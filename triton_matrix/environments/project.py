"""What a package's own files say of it: name, interpreters, dependencies, extras, dependency groups.

What ``pyproject.toml``, ``setup.cfg`` or ``setup.py`` says as it stands is read. What a build computes is asked of the
package's own build backend.
"""

from __future__ import annotations

import ast
import configparser
import functools
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from ..base import commands, files
from . import copying

FILES = ("pyproject.toml", "setup.cfg", "setup.py")
# pypa/build runs the backend in an environment of its own; what the backend prints must not end up in the answer
ASK_BACKEND = """
import json, os, subprocess, sys, tempfile
from build.util import project_wheel_metadata

def ask(command, cwd=None, extra_environ=None):
    with tempfile.TemporaryFile("w+", errors="replace") as said:  # no pipe: what is left behind would hold it open
        try:
            subprocess.run(command, cwd=cwd, env={**os.environ, **(extra_environ or {})}, timeout=float(sys.argv[3]),
                           stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, check=True)
        except subprocess.TimeoutExpired:
            sys.exit(f"it did not end in {sys.argv[3]} s")
        except subprocess.CalledProcessError as error:
            said.seek(0)
            sys.exit((said.read().strip().splitlines() or [f"exit status {error.returncode}"])[-1])

found = project_wheel_metadata(sys.argv[1], runner=ask)
answer = {"name": found["Name"], "requires_python": found["Requires-Python"],
          "dependencies": found.get_all("Requires-Dist") or [], "extras": found.get_all("Provides-Extra") or []}
open(sys.argv[2], "w", encoding="utf-8").write(json.dumps(answer))
"""

OF_EXTRA = r";?\s*(?:and\s+)?\(?extra\s*==\s*['\"]%s['\"]\)?"  # the marker of a requirement of this extra
LIMIT_S = 30  # of one question to a build backend, its setup.py and all; what it needs is installed before


@dataclass(frozen=True)
class Project:
    """A package as its own files describe it.

    Attributes:
        name: the distribution's name.
        requires_python: a version specifier; empty where there is none.
        dependencies: requirements of the package itself.
        extras: extra -> its requirements.
        groups: dependency group -> its requirements, included groups resolved.
        source: where dependencies and extras were read, for a reader.
    """

    name: str
    requires_python: str
    dependencies: tuple[str, ...]
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = "pyproject.toml"


def read(root: Path) -> Project:
    """The package whose sources are at ``root``.

    Raises:
        ValueError: there is no file that describes it, or one cannot be read, or the build backend does not answer.
    """
    if not any((root / name).is_file() for name in FILES):
        raise ValueError(f"the folder is {str(root)!r}, which has no {', '.join(FILES)}; name a package's repository")
    pyproject = described(root)
    _no_workspace(root, pyproject)
    groups = _groups(pyproject.get("dependency-groups", {}))
    stated = _from_pyproject(pyproject, groups)
    if stated:
        return stated
    computed = _from_setup_cfg(root, groups) or _from_setup_py(root, groups)
    return _with_static(computed, pyproject.get("project", {})) if computed else _from_backend(root, groups)


def described(root: Path) -> dict[str, Any]:
    """The content of ``pyproject.toml`` at ``root``; empty where there is none."""
    path = root / "pyproject.toml"
    return files.read_toml(path, "the package's description") if path.is_file() else {}


def _no_workspace(root: Path, pyproject: Mapping[str, Any]) -> None:
    """ValueError where the folder is no package of its own, but holds several: it names them."""
    workspace = pyproject.get("tool", {}).get("uv", {}).get("workspace")
    if workspace is None or "project" in pyproject:
        return
    folders = {path for pattern in workspace.get("members", ()) for path in root.glob(str(pattern))}
    members = sorted(path.relative_to(root).as_posix() for path in folders if (path / "pyproject.toml").is_file())
    one = f", such as --root {members[0]}" if members else ""
    raise ValueError(f"the folder is {str(root)!r}, a uv workspace of {', '.join(members) or 'nothing'}; name one{one}")


def _with_static(package: Project, project: Mapping[str, Any]) -> Project:
    """What setup.cfg or setup.py says, for what pyproject.toml leaves to them; the rest as pyproject.toml says."""
    extras = {name: tuple(rows) for name, rows in project.get("optional-dependencies", {}).items()}
    return replace(
        package,
        name=str(project.get("name", package.name)),
        requires_python=str(project.get("requires-python", package.requires_python)),
        extras=extras or package.extras,
    )


def _from_pyproject(pyproject: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> Optional[Project]:
    project = pyproject.get("project", {})
    computed = {"name", "dependencies", "optional-dependencies", "requires-python"} & set(project.get("dynamic", ()))
    if "name" not in project or computed:
        return None
    extras = {name: tuple(rows) for name, rows in project.get("optional-dependencies", {}).items()}
    python = str(project.get("requires-python", ""))
    return Project(str(project["name"]), python, tuple(project.get("dependencies", ())), extras, groups)


def _from_setup_cfg(root: Path, groups: Mapping[str, tuple[str, ...]]) -> Optional[Project]:
    parser = setup_cfg(root)
    name, wanted = parser.get("metadata", "name", fallback=""), parser.get("options", "install_requires", fallback="")
    if not name or not wanted or "file:" in wanted:
        return None
    section = "options.extras_require"
    extras = {key: _lines(parser.get(section, key)) for key in parser.options(section)} if section in parser else {}
    python = parser.get("options", "python_requires", fallback="")
    return Project(name, python, _lines(wanted), extras, groups, "setup.cfg")


def setup_cfg(root: Path) -> configparser.ConfigParser:
    """The content of ``setup.cfg`` at ``root``; empty where there is none. ValueError where it cannot be read."""
    path = root / "setup.cfg"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ValueError(f"the package's description is {str(path)!r}; it is not a setup.cfg: {error}") from None
    return parser


def _from_setup_py(root: Path, groups: Mapping[str, tuple[str, ...]]) -> Optional[Project]:
    """From the arguments of ``setup(...)``, where those that are asked for are literals."""
    path = root / "setup.py"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"the package's description is {str(path)!r}; it is not Python: {error}") from None
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called != "setup":
            continue
        given = {each.arg: each.value for each in call.keywords if each.arg}
        try:
            asked = ("name", "install_requires", "python_requires", "extras_require")
            said: dict[str, Any] = {key: ast.literal_eval(given[key]) for key in asked if key in given}
        except ValueError:
            return None  # computed
        if "name" in said and "install_requires" in said:
            extras = {name: tuple(rows) for name, rows in said.get("extras_require", {}).items()}
            wanted = said["install_requires"]
            rows = _lines(wanted) if isinstance(wanted, str) else tuple(wanted)
            return Project(said["name"], said.get("python_requires", ""), rows, extras, groups, path.name)
    return None


def _from_backend(root: Path, groups: Mapping[str, tuple[str, ...]]) -> Project:
    stamps = tuple((root / name).stat().st_mtime_ns for name in FILES if (root / name).is_file())
    answer = _ask_backend(root.resolve(), stamps)
    extras = {}
    for name in answer["extras"]:
        marked = re.compile(OF_EXTRA % re.escape(name))
        extras[name] = tuple(marked.sub("", each).strip() for each in answer["dependencies"] if marked.search(each))
    own = tuple(each for each in answer["dependencies"] if "extra ==" not in each)
    where = "what its build backend computes"
    return Project(answer["name"], answer["requires_python"] or "", own, extras, groups, where)


@functools.cache
def _ask_backend(root: Path, stamps: tuple[int, ...]) -> dict[str, Any]:
    """The metadata that the backend computes; kept while the files that describe the package stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder) / "source", Path(folder) / "answer.json"
        copying.copy_sources(root, source)
        run = [commands.uv(), "run", "--quiet", "--no-project", "--with", "build", "python", "-c", ASK_BACKEND]
        try:
            # as a group of its own, so that what a setup.py started ends with it
            commands.run([*run, str(source), str(answer), str(LIMIT_S)], cwd=Path(folder))
        except commands.ToolError as error:
            last = error.tail.splitlines()[-1] if error.tail else f"exit status {error.status}"
            computed = f"the dependencies of {str(root)!r} are computed by its build, and the build backend fails"
            raise ValueError(f"{computed}: {last}; a [project] table in pyproject.toml may say them") from None
        return dict(json.loads(answer.read_text(encoding="utf-8")))


def _groups(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Dependency groups with ``include-group`` resolved; a group that includes itself ends there."""

    def rows(name: str, above: tuple[str, ...]) -> list[str]:
        entries: list[str] = []
        for each in raw.get(name, ()) if name not in above else ():
            entries += [each] if isinstance(each, str) else rows(str(each.get("include-group", "")), (*above, name))
        return entries

    return {name: tuple(rows(name, ())) for name in raw}


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))
