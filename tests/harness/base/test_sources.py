"""What decides what is in a wheel is read from the checkout, whichever way its build finds it."""

from __future__ import annotations

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load_at

TABLE = '[package]\nname = "tiny"\n[cell.here]\nplatforms = ["cuda"]\nwhy = "a test"\n'
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "_build"\nbackend-path = ["."]\n[project]\nname = "tiny"\n'
SETUP_CFG = "[metadata]\nversion = file: VERSION\nlong_description = file: README.md\n[flake8]\nexclude = scripts\n"
SETUP_PY = (
    "from setuptools import setup\nsetup(ext_modules=[Extension('tiny._c', ['csrc/a.cu'])], data_files=['../x'])\n"
)


def named(root, contents):
    """What decides what is in the wheel of a checkout with these files, from its root."""
    for name, text in {"constraints/cells.toml": TABLE, **contents}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return {path.relative_to(root).as_posix() for path in sources.of_wheel(load_at(root))}


NAMED = '[tool.setuptools]\npackages = ["space.tiny"]\npy-modules = ["one"]\n'
FOUND = '[tool.setuptools.packages.find]\nwhere = ["python"]\nexclude = ["tools"]\n'
HATCH, RUFF = '[tool.hatch.version]\npath = "about/v.py"\n', '[tool.ruff]\nextend = "ruff/x"\n'


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        ({"tiny/__init__.py": "", "noxfile.py": "", "tests/__init__.py": ""}, {"tiny"}),
        ({"tiny.py": "", "other.py": ""}, {"tiny.py"}),
        ({"src/tiny/__init__.py": "", "src/_kernels/__init__.py": ""}, {"src/tiny", "src/_kernels"}),
        ({"tiny/part/a.py": ""}, {"tiny"}),
        ({"pyproject.toml": PYPROJECT, "_build.py": ""}, {"pyproject.toml", "_build.py"}),
        ({"pyproject.toml": NAMED, "space/tiny/a.py": "", "one.py": ""}, {"pyproject.toml", "space/tiny", "one.py"}),
        ({"pyproject.toml": FOUND, "python/tiny/a.py": "", "tools/a.py": ""}, {"pyproject.toml", "python"}),
        ({"pyproject.toml": HATCH, "about/v.py": ""}, {"pyproject.toml", "about/v.py"}),
        ({"pyproject.toml": RUFF, "ruff/x": "", "tiny.py": ""}, {"pyproject.toml", "tiny.py"}),
        ({"setup.cfg": SETUP_CFG, "VERSION": "", "README.md": "", "scripts/a": ""}, {"setup.cfg", "VERSION"}),
        ({"setup.py": SETUP_PY, "csrc/a.cu": "", "tiny.py": ""}, {"setup.py", "csrc", "tiny.py"}),
        ({"setup.py": "glob('csrc/*.cu')", "csrc/a.cu": "", "tiny.py": ""}, {"setup.py", "csrc", "tiny.py"}),
        ({"setup.py": "setup(", "tiny.py": ""}, {"setup.py", "tiny.py"}),
        ({"setup.cfg": "nonsense", "tiny.py": ""}, {"setup.cfg", "tiny.py"}),
    ],
)
def test_a_wheel_is_made_of_its_modules_and_what_its_build_names(tmp_path, contents, found):
    assert named(tmp_path, contents) == found


def test_a_link_that_leads_round_in_a_circle_is_followed_once(tmp_path):
    named(tmp_path, {"tiny/__init__.py": "", "shared/a.py": "", "shared/below/b.py": ""})
    (tmp_path / "tiny" / "linked").symlink_to("../shared")
    (tmp_path / "shared" / "round").symlink_to(".")
    (tmp_path / "shared" / "below" / "up").symlink_to("..")
    (tmp_path / "tiny" / "dangling").symlink_to("nowhere")
    before = sources.package_digest(load_at(tmp_path))
    (tmp_path / "shared" / "below" / "b.py").write_text("changed")
    assert sources.package_digest(load_at(tmp_path)) != before


def test_a_distribution_that_is_not_installed_has_no_digest():
    assert sources.installed_digest("no-such-distribution") is None
    assert sources.installed_names("no-such-distribution") == []
    assert sources.installed_names("pytest") == ["_pytest", "py", "pytest"]
    assert (
        sources.installed_digest("pytest") == sources.installed_digest("Pytest") != sources.installed_digest("pluggy")
    )
