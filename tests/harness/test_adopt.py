"""Another package takes the matrix: tests/adopt, copied out of this repository, with our wheel beside nox."""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from triton_matrix.base import commands, sources
from triton_matrix.base.cells import find_root, load
from triton_matrix.environments import harness, wheel

UV = commands.find_uv()
WRITTEN = ("noxfile.py", "constraints/cells.toml", "tests/conftest.py", ".github/workflows/triton-matrix.yml")
ROOT = find_root()

pytestmark = pytest.mark.usefixtures("environments")


@pytest.fixture(scope="module")
def adopter(tmp_path_factory):
    """The second package where no file of this repository is near it."""
    ignored = shutil.ignore_patterns(".nox", "reports", "__pycache__", ".pytest_cache")
    return Path(
        shutil.copytree(ROOT / "tests" / "adopt", tmp_path_factory.mktemp("elsewhere") / "adopt", ignore=ignored)
    )


@pytest.fixture(scope="module")
def nox(adopter, tmp_path_factory, venv):
    """nox in an environment that has the harness's wheel: no torch, no triton."""
    folder = tmp_path_factory.mktemp("tools")
    commands.run([UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT / "triton_matrix")])
    python = str(venv(folder / "environment"))
    install = [UV, "pip", "install", "--quiet", "--python", str(folder / "environment")]
    commands.run([*install, "nox", "uv"])
    commands.run([*install, "--no-deps", *map(str, folder.glob("*.whl"))])
    dropped = ("TRITON_MATRIX", "NOX", "PYTEST", "VIRTUAL_ENV", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}

    def run(*arguments, module="nox"):
        command = [python, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=adopter, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )

    return run


def test_its_files_are_what_init_writes(nox, adopter):
    written = {name: (adopter / name).read_bytes() for name in WRITTEN}
    try:
        for name in WRITTEN:
            (adopter / name).unlink()
        done = nox("init", "--no-lock", module="triton_matrix")
        assert done.returncode == 0, done.stdout
        assert {name: (adopter / name).read_bytes() for name in WRITTEN} == written
    finally:
        for name, content in written.items():
            (adopter / name).write_bytes(content)


def test_its_pins_are_those_of_its_cells(adopter):
    table = load(adopter / "constraints" / "cells.toml")
    pinned = {table.pins(cell).name for cell in table.cells.values() if not cell.ambient}
    assert {path.name for path in (adopter / "constraints").glob("*.txt")} == pinned


def test_its_cells_are_sessions_and_nothing_of_ours_is_among_them(nox, adopter):
    listed = nox("-l").stdout
    names = {line.split()[1]: line[0] for line in listed.splitlines() if line[:2] in ("* ", "- ")}
    cells = {f"{what}-{cell}" for what in ("tests", "bench") for cell in ("triton390", "ambient")}
    verbs = {"bench", "report", "bisect", "codegen", "values", "lock", "wheelhouse", "ci-matrix", "sanitize"}
    of_launches = {"codegen-cells", "values-cells"}
    assert set(names) == cells | verbs | of_launches
    plain = {"tests-triton390", "tests-ambient", "report"} | of_launches
    assert {name for name, mark in names.items() if mark == "*"} == plain


def test_the_jobs_of_its_workflow_come_from_its_table(nox):
    done = nox("-s", "ci-matrix", "--", "--event", "pull_request", "--on", "hosted")
    assert done.returncode == 0, done.stdout
    jobs = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))["include"]
    interpreted = "nox -s tests-triton390 -- --level interpreter"
    assert [job["commands"] for job in jobs] == [[interpreted], ["nox -s codegen"], ["nox -s values"]]


def test_its_suite_runs_in_its_cell_on_its_own_wheel(nox, adopter):
    done = nox("-s", "tests-triton390")
    assert done.returncode == 0, done.stdout
    evidence = adopter / "reports" / "triton390"
    found = json.loads((evidence / "environment.json").read_text())
    assert found["package"] == {"version": "0.1.0", "origin": "wheel", "requires": ["torch", "triton<3.10,>=3.9"]}
    assert (found["triton"]["version"], "liger-kernel" in found["distributions"]) == ("3.9.0", False)
    suite = next(ET.parse(evidence / "junit-interpreter.xml").getroot().iter("testsuite"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "5",
        "0",
        "0",
        "1",
    )


def test_one_command_ends_in_a_table(nox, adopter):
    done = nox()
    assert done.returncode == 0, done.stdout
    assert re.search(r"^triton390 .*✓ pass 4", done.stdout, re.MULTILINE)
    assert "Session tests-ambient skipped: cell ambient installs nothing" in done.stdout
    assert (adopter / "reports" / "index.html").is_file()


def test_a_kernel_that_is_wrong_is_red(nox, adopter):
    kernel = adopter / "squared_relu" / "kernel.py"
    right = kernel.read_text()
    try:
        kernel.write_text(right.replace("x * x", "x"))
        done = nox("-s", "tests-triton390")
        assert done.returncode != 0
        assert "3 failed" in done.stdout or "4 failed" in done.stdout
    finally:
        kernel.write_text(right)


def test_its_benchmarks_run_in_its_cell_and_say_that_no_kernel_was_timed(nox, adopter):
    def bench(*arguments):
        done = nox("-s", "bench-triton390", "--", *arguments)
        assert done.returncode == 0, done.stdout
        assert "no kernel was timed" in done.stdout
        found = json.loads((adopter / "reports" / "triton390" / "benchmark.json").read_text())
        about = found["triton_matrix"]
        assert (about["cell"], about["gpus"], about["versions"]["triton"]) == ("triton390", [], "3.9.0")
        return about["level"], {
            (each["extra_info"]["row"], each["extra_info"].get("target")) for each in found["benchmarks"]
        }

    level, rows = bench("--rows", "compile_time")
    assert level == "codegen"
    named = {(re.sub(r"#[0-9a-f]+", "#", row), target) for row, target in rows}
    launch = "squared_relu.kernel:squared_relu_kernel[fp32,BLOCK=1024,num_warps=4,#]"
    assert named == {(f"test_compile_time[{launch} {target}]", target) for target in ("cuda:90", "hip:gfx942")}
    level, rows = bench("--level", "interpreter", "--rows", "squared-relu-", "--budget", "0.001")
    assert (level, rows) == ("interpreter", {("squared-relu-fp32-4096", None)})


def test_its_kernel_compiles_for_gpus_that_are_not_there(nox, adopter, tmp_path):
    python = adopter / ".nox" / "tests-triton390" / "bin" / "python"
    if not python.exists():
        assert nox("-s", "tests-triton390", "--install-only").returncode == 0
    launch = ["--launches", "launches/squared_relu.toml", "--target", "cuda:90", "--target", "hip:gfx942"]
    out = tmp_path / "out.json"
    command = [str(python), "-m", "triton_matrix", "compile", *launch, "--json", str(out), "--no-cache"]
    commands.run(command, cwd=adopter)
    entries = json.loads(out.read_text())["entries"]
    assert {(each["target"], each["status"]) for each in entries} == {("cuda:90", "ok"), ("hip:gfx942", "ok")}
    assert len(entries) == 4


def test_a_triton_without_torch_compiles_its_kernel_from_the_launch_file(nox, adopter):
    asked = [
        "codegen",
        "--launches",
        "launches/squared_relu.toml",
        "--triton",
        "3.9.0",
        "--target",
        "cuda:90",
        "--no-cache",
    ]
    done = nox(*asked, module="triton_matrix")
    assert done.returncode == 0, done.stdout
    assert "triton 3.9.0: 2 compiled" in done.stdout


def test_the_wheel_of_another_package_is_built_from_its_own_sources(adopter):
    (adopter / "__pycache__").mkdir(exist_ok=True)  # as Python leaves it beside a noxfile
    table = load(adopter / "constraints" / "cells.toml")
    names = {path.name for path in sources.of_build(table.root)}
    assert names == {"noxfile.py", "pyproject.toml", "launches", "squared_relu"}
    assert wheel.name(table) == "squared-relu"


def test_building_the_wheel_of_another_package_leaves_its_folder_as_it_is(adopter, tmp_path):
    before = sorted(adopter.rglob("*"))
    built = wheel.build_wheel(load(adopter / "constraints" / "cells.toml"), "cuda", tmp_path)
    assert built.name == "squared_relu-0.1.0-py3-none-any.whl"
    assert sorted(adopter.rglob("*")) == before


def test_a_package_that_brings_liger_kernel_itself_gets_the_harness_beside_it(venv, tmp_path, standins):
    folder = tmp_path / "environment"
    python = str(venv(folder))
    theirs = standins.write_wheel(tmp_path, "liger-kernel", "0.8.5", [], {"liger_kernel/__init__.py": "HERS = 1\n"})
    commands.run([UV, "pip", "install", "--quiet", "--python", str(folder), str(theirs)])
    harness.install(python)
    code = "import liger_kernel, triton_matrix; print(liger_kernel.HERS, triton_matrix.__version__)"
    assert commands.run([python, "-c", code], cwd=tmp_path).split()[0] == "1"
