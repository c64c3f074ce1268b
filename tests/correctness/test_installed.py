"""What runs in a pinned cell is that cell's wheel on that cell's toolchain, and not something beside it."""

from __future__ import annotations

import importlib.util
import platform
import re
from importlib import metadata
from pathlib import Path

import pytest
import torch
import triton
from packaging.requirements import Requirement

import liger_kernel
from triton_matrix.base.cells import find_root


@pytest.fixture(autouse=True)
def pinned(cell):
    if cell.ambient:
        pytest.skip(
            "cell ambient runs the source tree on whatever is there; a pinned cell (nox -s tests-triton3x) runs this"
        )
    return cell


def test_the_package_is_imported_from_site_packages():
    assert {"site-packages", "dist-packages"} & set(Path(liger_kernel.__file__).parts), liger_kernel.__file__


def test_the_wheel_requires_what_the_cells_platform_needs(pinned, pytestconfig):
    build_helpers = _load(find_root(pytestconfig.rootpath) / "build_helpers.py")
    expected = build_helpers.get_platform_dependencies(pinned.platforms[0], triton=_owner_of("triton/__init__.py"))
    declared = [Requirement(text) for text in metadata.requires("liger-kernel") or ()]
    assert sorted(str(each) for each in declared if each.marker is None) == sorted(map(_normal, expected))
    extras = build_helpers.get_optional_dependencies()
    for extra, requirements in extras.items():
        of_extra = [each for each in declared if each.marker and each.marker.evaluate({"extra": extra})]
        assert {each.name for each in of_extra} == {Requirement(each).name for each in requirements}


def test_python_torch_and_triton_are_the_cells(pinned):
    assert platform.python_version().startswith(f"{pinned.python}.")
    for module, version in ((torch, pinned.torch), (triton, pinned.triton)):
        if version == "rc":
            continue  # its index gives the next release's name to each candidate
        if version == "nightly":
            assert re.search(r"\.dev\d|[+]git", module.__version__), f"{module.__name__} {module.__version__}"
        else:
            assert module.__version__.split("+")[0] == version, module.__name__


def _owner_of(file: str) -> str:
    """The distribution that installed ``file``: on ROCm, Triton's is not called triton."""
    (owner,) = (each for each in metadata.distributions() if any(str(path) == file for path in each.files or ()))
    return owner.metadata["Name"]


def _normal(requirement: str) -> str:
    return str(Requirement(requirement))


def _load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
