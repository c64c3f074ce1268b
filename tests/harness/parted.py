"""Files that ``-m environment`` need not import: to import them all takes each worker 7 s, to read them 0.1 s.

Such a file names no fixture that asks for ``environments``. Wherever all files are imported, as in `nox -s check`, a
test that this would lose is an error.
"""

import functools
import re
from pathlib import Path

import pytest

MARK, FIXTURE = "environment", "environments"
TESTS = Path(__file__).parents[1]
ASKS = re.compile(r"def (\w+)\(([^)]*)\)|(?:usefixtures|getfixturevalue)\(([^)]*)\)")


def asked_for(text: str) -> list[tuple[str, set[str]]]:
    """(function, what it takes) of a source text; the function is empty where a call names the fixtures."""
    return [(name, set(re.findall(r"\w+", taken + named))) for name, taken, named in ASKS.findall(text)]


@functools.cache
def fixtures() -> frozenset[str]:
    """The fixtures of all conftest.py that ask for an environment, themselves or through others."""
    functions = [each for path in TESTS.rglob("conftest.py") for each in asked_for(path.read_text(encoding="utf-8"))]
    found, before = {FIXTURE}, set()
    while found != before:
        before = set(found)
        found |= {name for name, taken in functions if name and taken & found}
    return frozenset(found)


@functools.cache
def asks(path: Path) -> bool:
    """Whether a file of tests names one of them."""
    return any(taken & fixtures() for _, taken in asked_for(path.read_text(encoding="utf-8")))


def pytest_ignore_collect(collection_path, config):
    return True if config.option.markexpr == MARK and collection_path.is_file() and not asks(collection_path) else None


def check(items: list) -> None:
    """Raise where a test that has the mark is in a file that is not imported for it."""
    lost = next((item for item in items if item.get_closest_marker(MARK) and not asks(item.path)), None)
    if lost is not None:
        raise pytest.UsageError(f"`-m {MARK}` would not find {lost.nodeid}: move its fixture into a conftest.py")
