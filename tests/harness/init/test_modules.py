"""The module that holds the kernels, in the layouts that builds know; what is not understood is said."""

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load
from triton_matrix.init import cli, modules
from triton_matrix.suites import suite_paths

KERNEL = "import triton\n"
HATCH = '[tool.hatch.build.targets.wheel]\npackages = ["lib/py/kern"]\n'
POETRY = '[tool.poetry]\npackages = [{ include = "kern", from = "lib" }]\n'
SETUPTOOLS = '[tool.setuptools]\npackage-dir = { "" = "code" }\n'
LAYOUTS = {
    "a namespace": ("my.ns", {"src/my/ns/__init__.py": KERNEL}, '[tool.setuptools.packages.find]\nwhere = ["src"]\n'),
    "a deep one": ("my.ns.kern", {"src/my/ns/kern/__init__.py": "", "src/my/ns/kern/k.py": KERNEL}, ""),
    "a namespace to the end": ("my.ns", {"my/ns/k.py": KERNEL}, ""),
    "maturin": ("kern", {"python/kern/__init__.py": KERNEL}, '[tool.maturin]\npython-source = "python"\n'),
    "hatch": ("kern", {"lib/py/kern/__init__.py": KERNEL}, HATCH),
    "poetry": ("kern", {"lib/kern/__init__.py": KERNEL}, POETRY),
    "scikit-build": ("kern", {"cc/kern/__init__.py": KERNEL}, '[tool.scikit-build]\nwheel.packages = ["cc/kern"]\n'),
    "setuptools' folder": ("kern", {"code/kern/__init__.py": KERNEL}, SETUPTOOLS),
    "one file": ("kern", {"kern.py": KERNEL}, ""),
}


@pytest.fixture
def written(tmp_path):
    def write(name, files, settings=""):
        files = {"pyproject.toml": f'[project]\nname = "{name}"\nversion = "1"\n{settings}', **files}
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_module_is_found_in_each_layout_and_the_table_knows_where_it_lies(written, layout):
    module, files, settings = LAYOUTS[layout]
    root = written(module, files, settings)
    assert modules.of(root, module, None)[0] == module
    assert cli.main(["--root", str(root), "--no-lock"]) == 0
    table = load(root / "constraints" / "cells.toml")
    assert table.package.module == module
    (kernel,) = (root / path for path, text in files.items() if text == KERNEL)
    before = sources.package_digest(table)
    kernel.write_text(f"{KERNEL}changed = 1\n")
    assert sources.package_digest(table) != before
    home = kernel.parents[len(module.split("."))] if kernel.stem in ("__init__", "k") else kernel.parent
    assert suite_paths.sources(table) == [str(home)]


def test_the_module_that_is_named_is_taken(written):
    root = written("kern-pkg", {"kern_a/__init__.py": KERNEL, "kern_b/__init__.py": KERNEL})
    assert modules.of(root, "kern-pkg", "kern_b") == ("kern_b", "")
    assert modules.of(root, "kern-pkg", None) == ("kern_a", "; kern_b imports triton too, --module names it")
    with pytest.raises(ValueError, match=r"--module is 'kern.c'; there is no kern/c or kern/c\.py in "):
        modules.of(root, "kern-pkg", "kern.c")
    for odd in ("", "../kern_a", "kern_a/", "kern a"):
        with pytest.raises(ValueError, match="allowed is a module's name, such as pkg or"):
            modules.of(root, "kern-pkg", odd)


def test_a_layout_that_is_not_understood_is_said_with_the_file_and_the_option_that_helps(written, capsys):
    root = written("kern", {"bindings/python/kern/__init__.py": KERNEL})
    assert cli.main(["--root", str(root), "--no-lock"]) == 2
    err = capsys.readouterr().err
    assert (
        "bindings/python/kern/__init__.py imports triton, and it is in no module at the root, in src/ or where" in err
    )
    assert "name the module with --module, as it is imported" in err
    assert cli.main(["--root", str(root), "--no-lock", "--module", "kern"]) == 0
    table = load(root / "constraints" / "cells.toml")
    assert suite_paths.sources(table) == [str(root / "bindings" / "python")]


def test_a_workspace_of_uvs_names_its_members(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    for name in ("b", "a"):
        (tmp_path / "packages" / name / name).mkdir(parents=True)
        (tmp_path / "packages" / name / name / "__init__.py").write_text(KERNEL)
        about = f'[project]\nname = "{name}"\nversion = "1"\n'
        (tmp_path / "packages" / name / "pyproject.toml").write_text(about)
    assert cli.main(["--root", str(tmp_path), "--dry-run"]) == 2
    said = "a uv workspace of packages/a, packages/b; name one, such as --root packages/a"
    assert said in capsys.readouterr().err
    assert cli.main(["--root", str(tmp_path / "packages" / "a"), "--dry-run"]) == 0
