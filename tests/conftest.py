"""Every suite runs under the matrix's own pytest plugin, which gives fixtures `cell`, `level`, `device` and markers."""

import pytest

pytest_plugins = ["triton_matrix.suites.pytest_plugin"]
collect_ignore = ["adopt"]  # another package, with suites of its own: tests/harness/test_adopt.py runs them


def pytest_configure(config):
    config.addinivalue_line("markers", "environment: uses the fixture `environments`, itself or through another one")


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items):
    """A test is marked by what it uses, so that no list of names says where it runs."""
    for item in items:
        if "environments" in getattr(item, "fixturenames", ()):
            item.add_marker("environment")


@pytest.fixture(scope="session")
def environments():
    """Asked for by whatever needs an environment beside this Python's, or starts programs for many seconds."""
