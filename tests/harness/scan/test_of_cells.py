"""The package of a table is scanned where it lies: on its cells' releases, with what its tests launch captured once."""

import json

import pytest

from triton_matrix.base import cells
from triton_matrix.scan import capturing, cli, of_cells

from ..conftest import ENVS
from .conftest import PROJECT
from .test_cli import FMA, SOURCE

TABLE = '[package]\nname = "toys"\n[cell.a]\ntriton = "3.4.0"\nplatforms = ["cuda"]\nwhy = "toys"\n'


@pytest.fixture
def root(tmp_path):
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / "k.py").write_text(SOURCE.format(body=FMA))
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text(TABLE)
    return tmp_path


def test_a_package_without_tests_gets_its_answer_on_its_cells_releases(release_python, root, capsys):
    release_python("3.4.0")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert cli.main(["--cells", "--root", str(root), "--envs", str(ENVS), "--target", "cuda:90"]) == 0
    found = json.loads((root / "reports" / "launches" / "scan.json").read_text())
    assert found["kernels"][0]["how"] == "guessed"
    assert found["kernels"][0]["status"] == {"cuda": {"3.4.0": "ok"}}
    assert found["said"] == [capturing.NOTHING]
    assert {path: path.read_bytes() for path in before} == before
    assert "1 kernels: 1 guessed" in capsys.readouterr().out


def test_without_a_kernel_or_a_cell_there_is_no_answer(root, capsys):
    (root / "toys" / "k.py").write_text("")
    assert cli.main(["--cells", "--root", str(root)]) == of_cells.UNAVAILABLE
    assert "defines a kernel" in capsys.readouterr().err
    (root / "constraints" / "cells.toml").write_text('[cell.ambient]\nplatforms = ["cuda"]\nwhy = "what is there"\n')
    assert cli.main(["--cells", "--root", str(root)]) == of_cells.UNAVAILABLE
    assert "pins a release" in capsys.readouterr().err


def test_tests_run_once_until_the_package_or_they_change(root, monkeypatch):
    (root / "tests").mkdir()
    (root / "tests" / "test_k.py").write_text("def test_nothing(): pass\n")
    runs = []
    monkeypatch.setattr(capturing, "capture", lambda *what: runs.append(what) or ["it ran"])
    table = cells.load_at(root)
    folder = root / "reports" / "launches" / "launches" / "captured"

    def captured():
        return of_cells._captured(table, None, type("How", (), {"envs": root}), folder, 60)

    assert (captured(), captured()) == (["it ran"], ["it ran (kept)"])
    (root / "tests" / "test_k.py").write_text("def test_other(): pass\n")
    assert (captured(), len(runs)) == (["it ran"], 2)
    (root / "tests" / "test_k.py").write_text("def test_third(): pass\n")
    monkeypatch.setattr(capturing, "capture", lambda *what: [f"{capturing.NO_TORCH}: offline"])
    assert captured() == captured() == [f"{capturing.NO_TORCH}: offline"]


def test_what_is_scanned_is_a_package_or_that_of_the_table(root, capsys):
    assert cli.main(["--cells", str(root)]) == 2
    assert cli.main([]) == 2
    assert capsys.readouterr().err.count("WHAT is") == 2
