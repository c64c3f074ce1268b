"""A result is of what it was made of: every module of the wheel, what the build reads, and what the suites import."""

import os

import pytest

from .conftest import PYPROJECT

TWO = PYPROJECT.replace('["tiny"]', '["tiny", "second"]')
READS = PYPROJECT.replace('version = "0.1.0"', 'dynamic = ["version", "dependencies"]')
READS += '[tool.setuptools.dynamic]\nversion = { file = "VERSION" }\ndependencies = { file = ["needs/base.txt"] }\n'
ELSEWHERE = PYPROJECT.replace('packages = ["tiny"]', 'packages.find.where = ["python"]')
GOOD = "def test_a(): pass\n"
USES = "from helpers.reference import ANSWER\ndef test_a(): assert ANSWER == 42\n"
PATHS = "[pytest]\naddopts = --import-mode=importlib\npythonpath = tests\n"
HELPER, KEPT = "tests/helpers/reference.py", "tests/correctness/.hypothesis/constants"
# name -> files of the checkout, and the one that is changed once it has run
CHANGES = {
    "another module of the wheel": ({"pyproject.toml": TWO, "second/__init__.py": ""}, "second/__init__.py"),
    "another module, in src/": ({"src/second/__init__.py": "", "src/second/a.py": ""}, "src/second/a.py"),
    "the module, in a folder of the build's own": (
        {"pyproject.toml": ELSEWHERE, "python/tiny/__init__.py": ""},
        "python/tiny/__init__.py",
    ),
    "a file with the version": ({"pyproject.toml": READS, "VERSION": "1", "needs/base.txt": ""}, "VERSION"),
    "a file with requirements": ({"pyproject.toml": READS, "VERSION": "1", "needs/base.txt": ""}, "needs/base.txt"),
    "a file that setup.py reads": ({"setup.py": "open('needs.txt')\n", "needs.txt": ""}, "needs.txt"),
    "a source that setup.py compiles": ({"setup.py": "['csrc/a.cu']\n", "csrc/a.cu": ""}, "csrc/a.cu"),
    "settings of pytest's": ({"tox.ini": ""}, "pytest.ini"),
    "a helper below tests/": ({"pytest.ini": PATHS, HELPER: "ANSWER = 42\n"}, HELPER),
    "a conftest above a suite": ({"tests/conftest.py": GOOD}, "tests/conftest.py"),
}  # fmt: skip
NO_CHANGES = {
    "prose": ({"setup.cfg": "[metadata]\nlong_description = file: README.md\n", "README.md": ""}, "README.md"),
    "an example": ({"examples/a.py": ""}, "examples/a.py"),
    "what hypothesis keeps": ({KEPT: ""}, KEPT),
    "an egg-info": ({"src/second/__init__.py": "", "src/tiny.egg-info/a": ""}, "src/tiny.egg-info/a"),
}  # fmt: skip


def put(checkout, contents):
    for name, text in contents.items():
        (checkout.root / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout.root / name).write_text(text)
    checkout.write("test_a.py", USES if HELPER in contents else GOOD)


@pytest.mark.parametrize("what", [*CHANGES, *NO_CHANGES])
def test_a_change_of_what_a_result_depends_on_makes_it_stale_and_of_nothing_else(checkout, what):
    contents, changed = {**CHANGES, **NO_CHANGES}[what]
    put(checkout, contents)
    done = checkout.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.verdict() == (0, "pass")
    (checkout.root / changed).write_text("# changed\n")
    assert checkout.verdict() == ((2, "stale") if what in CHANGES else (0, "pass"))


def test_a_change_behind_a_link_makes_a_result_stale(checkout):
    put(checkout, {"shared/test_b.py": GOOD, "shared/below/test_c.py": GOOD})
    (checkout.suite / "linked").symlink_to(os.path.relpath(checkout.root / "shared", checkout.suite))
    assert checkout.run().returncode == 0
    assert checkout.verdict() == (0, "pass")
    (checkout.root / "shared" / "below" / "test_c.py").write_text("def test_a(): assert False\n")
    assert checkout.verdict() == (2, "stale")


@pytest.fixture
def two(checkout):
    """The checkout with a wheel of two modules; what it has must be there before ``provided`` builds it."""
    put(checkout, {"pyproject.toml": TWO, "second/__init__.py": "ANSWER = 42\n"})
    checkout.write("test_a.py", "import second\n\ndef test_a(): assert second.ANSWER == 42\n")
    return checkout


def test_a_second_module_that_the_wheel_no_longer_has_as_it_is_is_no_pass(two, provided):
    done = two.run(cell="pinned", **provided)
    assert done.returncode == 0, done.stdout + done.stderr
    assert two.verdict(cell="pinned") == (0, "pass")
    (two.root / "second" / "__init__.py").write_text("ANSWER = 43\n")
    done = two.run(cell="pinned", **provided)
    assert done.returncode == 2
    assert "not of this checkout's sources" in done.stderr
    assert two.verdict(cell="pinned") == (2, "stale")


def test_a_second_module_that_was_changed_where_it_is_installed_is_no_pass(two, provided):
    installed = next(provided["python"].parents[1].rglob("site-packages/second/__init__.py"))
    installed.unlink()  # uv links it to its cache
    installed.write_text("ANSWER = 42  # by hand\n")
    assert two.run(cell="pinned", **provided).returncode == 2
    assert two.verdict(cell="pinned") == (2, "stale")


def test_a_second_module_that_is_found_elsewhere_first_is_no_pass(two, provided, tmp_path):
    (tmp_path / "other" / "second").mkdir(parents=True)
    (tmp_path / "other" / "second" / "__init__.py").write_text("ANSWER = 42\n")
    path = os.pathsep.join([str(tmp_path / "other"), provided["path"]])
    assert two.run(cell="pinned", python=provided["python"], path=path).returncode == 2
    assert two.verdict(cell="pinned")[1] != "pass"


def test_a_second_module_of_the_checkout_is_not_taken_for_the_installed_one(two, provided):
    (two.root / "lib").mkdir()
    (two.root / "second").rename(two.root / "lib" / "second")  # alone: the other module would be named first
    two.write("conftest.py", f"import sys; sys.path.insert(0, {str(two.root / 'lib')!r})\n")
    done = two.run(cell="pinned", **provided)
    assert done.returncode == 2
    assert "the suites imported second from the checkout" in done.stderr
    assert two.verdict(cell="pinned")[1] != "pass"
