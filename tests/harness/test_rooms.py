"""The drawing of the imports: two distributions that do not know each other, rooms in one order, no circle."""

import ast
from pathlib import Path

import pytest

import triton_matrix
from triton_matrix.base import env_vars
from triton_matrix.base.cells import find_root

ROOT = find_root(Path(__file__).parent)
PACKAGE = ROOT / "triton_matrix"
# A room imports from those before it, as docs and DESIGN draw them: the way data takes. Rooms of one line do not know
# each other.
ORDER = (
    ("base",),
    ("evidence",),
    ("environments",),
    ("suites", "launches"),
    ("codegen",),
    ("values",),
    ("bench",),
    ("releases",),
    ("report",),
    ("ci", "init"),
    ("scan",),
    ("verbs",),
    ("__main__",),
    ("sessions",),
)
ASIDE = {"lint": {"base"}}  # off the way: a room and all that it may import
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def modules(package):
    """Dotted name -> file, of every module of the package at ``package``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name, path, known, *, inner):
    """Modules of ``known`` that the module ``name`` imports; with ``inner``, those inside functions too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), inner=inner):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            submodules = {f"{base}.{alias.name}" for alias in node.names}
            found |= (submodules & set(known)) | ({base} if submodules - set(known) else set())
    return (found & set(known)) - {name}


def statements(tree, *, inner):
    """The nodes of a module; without ``inner``, not those that wait in functions or are for the type checker."""
    for node in ast.iter_child_nodes(tree):
        yield node
        waits = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if inner or not waits:
            yield from statements(node, inner=inner)


def room(name):
    """``suites`` for ``triton_matrix.suites.run``; empty for the package itself."""
    return name.partition(".")[2].partition(".")[0]


def arrows():
    known = modules(PACKAGE)
    found = {name: imported(name, path, known, inner=True) for name, path in known.items()}
    return {(name, other) for name, others in found.items() for other in others if room(other)}


def test_every_folder_and_file_of_the_harness_has_its_place_in_the_order():
    assert {room(name) for name in modules(PACKAGE)} - {""} == set(RANK) | set(ASIDE)


def test_the_package_lists_its_rooms_in_that_order():
    listed = [line.split()[0] for line in triton_matrix.__doc__.splitlines() if line.startswith("    ")]
    folders = [room for rooms in ORDER for room in rooms if (PACKAGE / room).is_dir()]
    assert listed == [*folders, *ASIDE]


def test_arrows_between_rooms_only_go_down():
    up = []
    for name, other in sorted(arrows()):
        here, there = room(name), room(other)
        if here == there or not here:
            continue
        allowed = there in ASIDE[here] if here in ASIDE else RANK.get(there, -1) < RANK[here]
        up += [] if allowed else [f"{name} imports {other}"]
    assert up == []


def test_no_modules_import_each_other_in_a_circle():
    known = modules(PACKAGE)
    graph = {name: imported(name, path, known, inner=False) for name, path in known.items()}
    assert circle(graph) == []


def circle(graph):
    """The names along one circle of ``graph``; empty where there is none."""
    done, path = set(), []

    def walk(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        found = next(filter(None, map(walk, sorted(graph[name]))), [])
        path.pop()
        done.add(name)
        return found

    return next(filter(None, map(walk, sorted(graph))), [])


@pytest.mark.parametrize(("package", "other"), [("triton_matrix", "liger_kernel"), ("liger_kernel", "triton_matrix")])
def test_the_two_distributions_do_not_import_each_other(package, other):
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            # importlib.import_module("liger_kernel.ops")
            names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            wrong = [name for name in names if name == other or name.startswith(f"{other}.")]
            assert wrong == [], f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a/x.py": "from ..b import y\n", "b/y.py": "from ..a.x import f\n"}, ["p.a.x", "p.b.y", "p.a.x"]),
        ({"a/x.py": "from ..b import y\n", "b/y.py": "def f():\n    from ..a import x\n"}, []),
        ({"a/x.py": "import p.b.y\n", "b/y.py": "if True:\n    from p.a import x\n"}, ["p.a.x", "p.b.y", "p.a.x"]),
    ],
)
def test_a_circle_is_seen(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(text)
    known = modules(tmp_path / "p")
    assert circle({name: imported(name, path, known, inner=False) for name, path in known.items()}) == expected


SHORT = ("evidence", "report")  # rooms whose functions are read at a glance
MOST_BRANCHES, MOST_LINES = 15, 50


def branches(function):
    """Ways through a function: statements, conditional expressions, comprehensions and their conditions, and/or."""
    count, left = 0, list(ast.iter_child_nodes(function))
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        count += isinstance(node, (ast.If, ast.While, ast.For, ast.ExceptHandler, ast.IfExp))
        count += 1 + len(node.ifs) if isinstance(node, ast.comprehension) else 0
        count += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        left += ast.iter_child_nodes(node)
    return count


@pytest.mark.parametrize("folder", SHORT)
def test_functions_of_the_report_are_short(folder):
    long = {}
    for path in sorted((PACKAGE / folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                size = branches(node), node.end_lineno - node.lineno + 1
                if size[0] > MOST_BRANCHES or size[1] > MOST_LINES:
                    long[f"{folder}/{path.name}: {node.name}"] = size
    assert long == {}


def test_branches_are_counted():
    text = "def f(a):\n    for b in a or ():\n        if b:\n            return [c for c in b if c] if b else 0\n"
    assert branches(ast.parse(text).body[0]) == 6


def test_no_module_spells_the_name_of_a_variable_that_has_an_owner():
    owned = {value for name, value in vars(env_vars).items() if name.isupper()}
    spelled = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "env_vars.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Constant) and node.value in owned)
        or (isinstance(node, ast.keyword) and node.arg in owned)
    ]
    assert spelled == []
