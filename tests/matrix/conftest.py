"""What several files of this folder share."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def standins():
    """The module standins.py: wheels and an index that stand in for the real ones."""
    spec = importlib.util.spec_from_file_location("standins", Path(__file__).with_name("standins.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
