"""Which files decide what is in a package's wheel."""

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load

ROW = '[package]\nname = "small"\n\n[cell.any]\nplatforms = ["cuda"]\nwhy = "x"\n'


@pytest.fixture
def change(tmp_path):
    """Whether writing a file changes the digest of what the wheel is built from."""

    def does(name, *others):
        for each in ("pyproject.toml", *others):
            (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / each).write_text("")
        (tmp_path / "constraints").mkdir()
        (tmp_path / "constraints" / "cells.toml").write_text(ROW)
        table = load(tmp_path / "constraints" / "cells.toml")
        before = sources.package_digest(table)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("changed = 1\n")
        return sources.package_digest(table) != before

    return does


@pytest.mark.parametrize(
    "name",
    [
        "small/a.py",
        "small/tuned.json",
        "src/small/a.py",
        "src/other/a.py",
        "python/small/a.py",
        "python/small/deep/a.cu",
        "small_ops/__init__.py",
        "csrc/kernel.cu",
        "small.py",
        "setup.py",
    ],
)
def test_what_a_build_may_take_into_the_wheel_changes_the_digest(change, name):
    others = ["small/__init__.py"] if not name.startswith(("src", "python")) else []
    assert change(name, *others)


def test_a_folder_that_is_called_like_no_source_is_one_where_it_is_a_package(change):
    assert change("tools/a.py", "small/__init__.py", "tools/__init__.py")


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "small_docs/a.md",
        "docs/conf.py",
        "tests/test_a.py",
        "examples/a.py",
        "benchmark/a.py",
        "scripts/a.py",
        "noxfile.py",
        "build/lib/small/a.py",
        "venv/lib/a.py",
        ".nox/a.py",
        "small/__pycache__/a.py",
    ],
)
def test_what_no_build_takes_into_the_wheel_does_not(change, name):
    assert not change(name, "small/__init__.py", "venv/pyvenv.cfg")


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tests/unit/test_a.py", True),
        ("tests/unit/data/a.json", True),
        ("tests/conftest.py", True),
        ("conftest.py", True),
        ("pytest.ini", True),
        ("tests/pytest.ini", True),
        ("tests/helpers/deep/checks.py", True),
        ("tests/other/checks.py", False),
        ("tests/README.md", False),
        ("tests/unit/.hypothesis/a.py", False),
        ("tests/unit/__pycache__/a.py", False),
        ("noxfile.py", False),
    ],
)
def test_suites_are_what_they_were_while_what_they_may_import_is(tmp_path, name, counts):
    for each in ("constraints/cells.toml", "tests/unit/test_b.py", "tests/helpers/b.py", "tests/other/test_c.py", name):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text(ROW if each.endswith("toml") else "")
    table = load(tmp_path / "constraints" / "cells.toml")
    before = sources.suites_digest(table, tmp_path / "constraints", ["../tests/unit"])
    (tmp_path / name).write_text("changed = 1\n")
    assert (sources.suites_digest(table, tmp_path / "constraints", ["../tests/unit"]) != before) == counts


@pytest.mark.parametrize(
    ("name", "text", "counts"),
    [
        ("pytest.ini", "[pytest]\n", True),
        ("conftest.py", "", True),
        ("packages/tox.ini", "", True),
        ("pyproject.toml", "[tool.pytest.ini_options]\n", True),
        ("setup.cfg", "[tool:pytest]\n", True),
        ("pyproject.toml", "[project]\nname = 'all'\n", False),
        ("README.md", "", False),
        ("../pytest.ini", "[pytest]\n", False),  # of another place than the repository
    ],
)
def test_settings_above_the_root_count_as_far_as_its_repository_reaches(tmp_path, name, text, counts):
    top = tmp_path / "mono"
    root = top / "packages" / "small"
    for folder in (top / ".git", root / "constraints", root / "tests"):
        folder.mkdir(parents=True)
    (root / "constraints" / "cells.toml").write_text(ROW)
    table = load(root / "constraints" / "cells.toml")
    assert sources.repository(root) == top
    before = sources.suites_digest(table, root / "constraints", ["../tests"])
    (top / name).write_text(text)
    assert (sources.suites_digest(table, root / "constraints", ["../tests"]) != before) is counts


def test_what_is_tested_has_one_name_in_a_wheel_and_in_a_checkout(tmp_path):
    for name in ("src/small/deep/a.py", "src/small/b.txt", "setup.py", "constraints/cells.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(ROW if name.endswith("toml") else "")
    found = sources.tested(load(tmp_path / "constraints" / "cells.toml"), None)
    assert found == {"small/deep/a.py": tmp_path / "src/small/deep/a.py", "setup.py": tmp_path / "setup.py"}
    of_wheel = sources.tested(load(tmp_path / "constraints" / "cells.toml"), "pytest")
    assert "_pytest/python.py" in of_wheel
    assert of_wheel["_pytest/python.py"].is_file()


def test_what_judges_results_is_no_part_of_the_suites(tmp_path):
    for each in ("constraints/cells.toml", "tests/test_a.py", "tests/known.toml", "tests/atlas/accepted.toml"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text(ROW if each.endswith("cells.toml") else "")
    table = load(tmp_path / "constraints" / "cells.toml")
    before = sources.suites_digest(table, tmp_path / "tests", ["."])
    table.known.write_text("changed = 1\n")
    table.accepted.write_text("changed = 1\n")
    assert sources.suites_digest(table, tmp_path / "tests", ["."]) == before
    (tmp_path / "tests" / "test_a.py").write_text("changed = 1\n")
    assert sources.suites_digest(table, tmp_path / "tests", ["."]) != before


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('triton = "3.3.1"', 'triton = "3.4.0"'),
        ('python = "3.11"', 'python = "3.12"'),
        ('why = "x"', 'why = "x"\nrequires = ["numpy<2"]'),
        ('why = "x"', 'why = "x"\ngaps = [{ level = "interpreter", feature = "f", reason = "r" }]'),
        ('name = "small"', 'name = "small"\nneeds_gpu = true'),
    ],
)
def test_a_row_that_says_something_else_is_not_what_ran(tmp_path, was, now):
    row = '[package]\nname = "small"\n[cell.any]\npython = "3.11"\ntorch = "2.7.1"\ntriton = "3.3.1"\n'
    row += 'platforms = ["cuda"]\nwhy = "x"\n'
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "any.txt").write_text("torch==2.7.1\n")

    def digest(text):
        (tmp_path / "constraints" / "cells.toml").write_text(text)
        table = load(tmp_path / "constraints" / "cells.toml")
        return sources.pins_digest(table, table.cell("any"))

    assert digest(row.replace(was, now)) != digest(row)
    assert digest(row.replace('why = "x"', 'why = "better"')) == digest(row)


PYPROJECT = """
[tool.setuptools]
py-modules = ["one"]
[tool.setuptools.dynamic]
version = { file = "VERSION" }
"""
SETUP_CFG = "[metadata]\nlong_description = file: README.txt, needs/base.txt\n"
SETUP_PY = "setup(version=open('number.txt').read(), data_files=['../x', '/etc/fstab'])\n"
BUILDS = {"pyproject.toml": PYPROJECT, "setup.cfg": SETUP_CFG, "setup.py": SETUP_PY}


@pytest.fixture
def built(tmp_path):
    """A table whose package has the three files that may say how it is built."""
    for name, text in {**BUILDS, "constraints/cells.toml": ROW, "small/__init__.py": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return load(tmp_path / "constraints" / "cells.toml")


@pytest.mark.parametrize("name", ["VERSION", "one.py", "needs/base.txt", "number.txt"])
def test_a_file_that_the_build_names_changes_the_digest(built, name):
    before = sources.package_digest(built)
    (built.root / name).parent.mkdir(exist_ok=True)
    (built.root / name).write_text("2")
    assert sources.package_digest(built) != before


@pytest.mark.parametrize("name", ["README.txt", "other.txt"])
def test_prose_and_what_no_build_names_does_not(built, name):
    before = sources.package_digest(built)
    (built.root / name).write_text("2")
    assert sources.package_digest(built) == before


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_a_file_of_the_build_that_cannot_be_read_names_nothing(built, name):
    (built.root / name).write_text("setup(")
    assert built.root / name in sources.of_wheel(built)


def test_a_link_that_leads_round_in_a_circle_is_followed_once(built):
    root = built.root
    (root / "shared" / "below").mkdir(parents=True)
    (root / "shared" / "below" / "b.txt").write_text("")
    for link, to in {
        "small/linked": "../shared",
        "shared/round": ".",
        "shared/below/up": "..",
        "small/dangling": "x",
    }.items():
        (root / link).symlink_to(to)
    before = sources.package_digest(built)
    (root / "shared" / "below" / "b.txt").write_text("changed")
    assert sources.package_digest(built) != before


def test_a_distribution_that_is_not_installed_has_no_digest():
    assert sources.installed_digest("no-such-distribution") is None
    assert sources.installed_names("no-such-distribution") == []
    assert sources.installed_names("pytest") == ["_pytest", "py", "pytest"]
    assert (
        sources.installed_digest("pytest") == sources.installed_digest("Pytest") != sources.installed_digest("pluggy")
    )
