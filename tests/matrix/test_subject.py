"""Another package under the suites: never mixed with ours, and refused in one sentence where it is no subject."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest

from liger_kernel.matrix import launches, pythons, subject, tools
from liger_kernel.matrix.cells import find_root, load_at

ROOT = find_root()
LAYER_NORM = {
    "liger_kernel/__init__.py": "",
    "liger_kernel/ops/__init__.py": "",
    "liger_kernel/ops/layer_norm.py": "class LigerLayerNormFunction:\n    pass\n",
}


def wheel(folder, files, name="liger_kernel", version="9.9"):
    """A wheel of nothing but ``files``."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    files = {**files, f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
    return path


@pytest.fixture
def table(tmp_path):
    """A checkout with one cell that pins nothing, so that its environment is made at once."""
    (tmp_path / "constraints").mkdir()
    (tmp_path / "tests").mkdir()
    row = f'python = "{sys.version_info[0]}.{sys.version_info[1]}"\ntorch = "1"\ntriton = "1"\nplatforms = ["cuda"]\n'
    ambient = '[cell.ambient]\nplatforms = ["cuda"]\nwhy = "y"\n'
    (tmp_path / "constraints" / "cells.toml").write_text(f'[cell.empty]\n{row}why = "x"\n{ambient}')
    (tmp_path / "constraints" / "empty.txt").write_text("")
    return tmp_path


def ask(table, *args):
    return subject.main(["--cell", "empty", "--root", str(table), "--envs", str(table / "envs"), *args])


def test_a_package_without_the_needed_name_gets_one_sentence(table, capsys):
    files = {**LAYER_NORM, "liger_kernel/ops/layer_norm.py": "def layer_norm(): pass\n"}
    assert ask(table, str(wheel(table, files))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no liger_kernel.ops.layer_norm.LigerLayerNormFunction" in line


def test_a_package_that_cannot_be_installed_is_named(table, capsys):
    path = table / "broken-1-py3-none-any.whl"
    path.write_text("not a wheel")
    assert ask(table, str(path)) == 2
    assert f"subject is {str(path)!r}, which cannot be installed" in capsys.readouterr().err


@pytest.mark.parametrize(("cell", "said"), [("ambient", "needs a cell with pins"), ("none", "unknown cell 'none'")])
def test_a_cell_that_has_no_pins_is_refused(table, capsys, cell, said):
    assert subject.main(["--cell", cell, "--root", str(table), "liger-kernel"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_only_the_harness_of_this_checkout_is_found_beside_the_subject(table):
    envs = table / "envs"
    cell = load_at(table).cell("empty")
    loaded = load_at(table)
    python = subject.install(loaded, cell, str(wheel(table, LAYER_NORM)), envs)
    assert subject.check(python, "x") == ("liger-kernel", "9.9")
    code = (
        "import importlib.util, liger_kernel, liger_kernel.matrix.cells\n"
        "print(liger_kernel.__file__)\nprint(liger_kernel.matrix.cells.__file__)\n"
        "print(importlib.util.find_spec('liger_kernel.kernels'))"
    )
    theirs, ours, kernels = tools.run([str(python), "-c", code], cwd=table).splitlines()
    assert theirs.startswith(str(envs))
    assert ours == str(ROOT / "liger_kernel" / "matrix" / "cells.py")
    assert kernels == "None"


def test_our_own_package_is_not_tested_under_a_subjects_name():
    code = "from liger_kernel.matrix import subject_plugin; subject_plugin.ensure_subject()"
    env = {"LIGER_MATRIX_SUBJECT": "liger-kernel==0.5.10", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert "the subject is liger-kernel==0.5.10, but liger_kernel is found in" in done.stderr


def test_a_local_path_is_installed_anew_each_time(table):
    envs, path = table / "envs", wheel(table, LAYER_NORM)
    loaded = load_at(table)
    python = subject.install(loaded, loaded.cell("empty"), str(path), envs)
    path.unlink()
    wheel(table, {**LAYER_NORM, "liger_kernel/changed.py": ""})
    subject.install(loaded, loaded.cell("empty"), str(path), envs)
    tools.run([str(python), "-c", "import liger_kernel.changed"], cwd=table)


def test_a_cell_whose_python_is_missing_is_unavailable(table, monkeypatch, capsys):
    monkeypatch.setattr(pythons, "find_python", lambda version: None)
    assert ask(table, "liger-kernel==0.5.10") == 3
    assert "needs Python" in capsys.readouterr().err


OK = {"kernel": "k", "n_cols": 8192, "dtype": "float32", "target": "cuda:90", "status": "ok", "num_warps_passed": True}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"metrics": {"spill_stores": 0, "registers": 100}}, []),
        ({"num_warps_passed": False}, ["launched without num_warps, at the default of 4"]),
        (
            {"metrics": {"spill_stores": 9, "stack_bytes": 64, "registers": 255}},
            ["9 spills, 64 bytes of stack, 255 reg"],
        ),
        ({"metrics": {"vgpr_spills": 3, "scratch_bytes": 12, "vgprs": 512}}, ["3 spills, 12 bytes of stack, 512 reg"]),
        ({"metrics": {"fp64_instructions": 2}}, ["2 fp64 instructions"]),
        ({"status": "error", "reason": "the launch does not bind: x"}, ["the launch does not bind: x"]),
        ({"status": "n/a", "reason": "no HIP"}, []),
    ],
)
def test_a_finding_is_one_sentence(changed, said):
    found = launches.findings({**OK, **changed})
    assert len(found) == len(said)
    for sentence, part in zip(found, said):
        assert sentence.startswith("k n_cols=8192 float32 cuda:90: ")
        assert part in sentence


def test_the_summary_is_a_table_of_what_was_found_by_triton(tmp_path, capsys):
    def leave(cell, triton, *rows):
        (tmp_path / cell).mkdir()
        (tmp_path / cell / "launches.json").write_text(json.dumps({"cell": cell, "triton": triton, "rows": rows}))

    spills = {"metrics": {"spill_stores": 9, "stack_bytes": 64, "registers": 32}}
    fewer = {"dtype": "bfloat16", "metrics": {"spill_stores": 3, "stack_bytes": 8, "registers": 255}}
    leave("a@one-1", "3.10.0", {**OK, **spills, "num_warps_passed": False}, {**OK, **fewer})
    leave("b@one-1", "3.9.0", OK)
    leave("b@two-2", "3.9.0", {**OK, "status": "error", "reason": "it does not bind; see | there"})
    assert launches.main(["--summary", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| what was launched | 3.9.0 | 3.10.0 |",
        "| --- | --- | --- |",
        "| one-1 | nothing | k: no num_warps<br>k 8192 cuda:90: 9 spills, 64 B of stack at 32 registers |",
        "| two-2 | k cuda:90: it does not bind |  |",
    ]
    assert launches.main(["--summary", str(tmp_path / "none")]) == 2
    assert "holds no <cell>/launches.json" in capsys.readouterr().err
