"""``init`` writes what is not there, and nothing else."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from triton_matrix.base import commands, pairs
from triton_matrix.base.cells import find_root, load
from triton_matrix.ci import jobs
from triton_matrix.environments import lock, project
from triton_matrix.init import cli, texts

ROOT = find_root(Path(__file__).parent)
WRITTEN = ["noxfile.py", "constraints/cells.toml", "tests/conftest.py", ".github/workflows/triton-matrix.yml"]


def init(root, *options):
    return cli.main(["--root", str(root), "--no-lock", *options])


def contents(root):
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_it_writes_four_files_and_asks_nothing(package, capsys):
    root = package(files={"tests/test_a.py": ""})
    before = set(contents(root))
    assert init(root) == 0
    assert set(contents(root)) - before == set(WRITTEN)
    said = capsys.readouterr().out
    assert all(f"{name} written" in said for name in WRITTEN)


def test_a_dry_run_prints_the_files_and_writes_nothing(package, capsys):
    root = package()
    before = contents(root)
    assert init(root, "--dry-run") == 0
    assert contents(root) == before
    said = capsys.readouterr().out
    assert "constraints/cells.toml would be written:" in said
    assert "    [cell.triton331]" in said


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_is_there_stays_and_what_it_lacks_is_printed(package, capsys, name):
    root = package(files={name: "# mine\n", "tests/test_a.py": ""})
    assert init(root, "--dry-run") == 0
    assert contents(root)[name] == "# mine\n"
    said = capsys.readouterr().out
    assert f"{name} is there and stays as it is" in said


def test_a_second_time_changes_nothing(package):
    root = package(files={"tests/test_a.py": ""})
    assert init(root) == 0
    first = contents(root)
    assert init(root) == 0
    assert contents(root) == first


def test_the_table_is_one_that_loads_with_the_pairs_as_they_are_known(package):
    root = package(files={"test/test_a.py": "device = 'cuda'\n"})
    assert init(root) == 0
    table = load(root / "constraints" / "cells.toml")
    known = {pair.triton: pair for pair in pairs.known()}
    pinned = [cell for cell in table.cells.values() if not cell.ambient]
    assert len(pinned) == len(known)
    for cell in pinned:
        pair = known[cell.triton]
        assert (cell.torch, cell.requires) == (pair.torch[0], pair.requires)
        assert [vars(gap) for gap in cell.gaps] == list(pair.gaps)
    assert (table.package.suites, table.package.needs_gpu, table.package.oldest) == (("test",), True, pinned[0].triton)
    assert list(table.releases) == list(known)


def test_the_noxfile_is_a_few_lines_that_only_call_the_harness():
    lines = texts.NOXFILE.splitlines()
    assert 5 <= len(lines) <= 10
    assert lines[-1] == "sessions.from_table(__file__)"


def test_the_workflow_runs_nox_commands_with_the_actions_that_this_repository_pins(package):
    root = package(files={"tests/test_a.py": ""})
    assert init(root) == 0
    text = (root / ".github" / "workflows" / "triton-matrix.yml").read_text()
    own = (ROOT / ".github" / "workflows" / "matrix.yml").read_text()
    pins = set(re.findall(r"uses: (\S+@[0-9a-f]{40} # \S+)", text))
    assert len(pins) == 4
    assert pins <= set(re.findall(r"uses: (\S+@[0-9a-f]{40} # \S+)", own))
    assert len(pins) == len(set(re.findall(r"uses: (\S+)", text)))
    assert "python -m pip install triton-matrix 'nox[uv]'" in text
    assert not re.search(r"tests-triton|\bINSTALL\b|\bBRANCH\b", text)
    listed = jobs.jobs(load(root / "constraints" / "cells.toml"))
    assert all(command.startswith("nox ") for job in listed for command in job["commands"])
    assert {job["on"] for job in listed} == {"hosted", "device"}


def test_the_workflow_installs_the_commit_that_init_was_installed_from(tmp_path, monkeypatch):
    info = tmp_path / "triton_matrix-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: triton-matrix\nVersion: 9\n")
    origin = {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "f" * 40}}
    (info / "direct_url.json").write_text(json.dumps({**origin, "subdirectory": "triton_matrix"}))
    monkeypatch.syspath_prepend(tmp_path)
    expected = f"triton-matrix @ git+https://example.org/x.git@{'f' * 40}#subdirectory=triton_matrix"
    assert texts.harness_requirement() == expected
    assert f"pip install '{expected}' 'nox[uv]'" in texts.workflow("main", "small-kernels", "")


def test_the_workflow_runs_for_pushes_to_the_branch_of_the_repository(package):
    root = package()
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q", "-b", "trunk"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    assert init(root) == 0
    assert 'branches: ["trunk"]' in (root / ".github" / "workflows" / "triton-matrix.yml").read_text()


def test_below_a_repositorys_root_the_workflow_is_written_where_github_looks_and_runs_in_the_package(
    package, capsys, tmp_path_factory
):
    top = tmp_path_factory.mktemp("repository")
    root = shutil.copytree(package(files={"tests/test_a.py": ""}), top / "python" / "kern")
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(top)], check=True)
    assert init(root) == 0
    assert not (root / ".github").exists()
    written = top / ".github" / "workflows" / "triton-matrix-small-kernels.yml"
    said = capsys.readouterr().out
    shown = f"../../.github/workflows/{written.name}"
    assert f"{shown} is at the root of the repository: GitHub looks there alone" in said
    text = written.read_text()
    assert 'working-directory: "python/kern"' in text
    assert text.count('path: "python/kern/reports/"') == 3
    assert text.count('path: "python/kern/evidence"') == 1
    assert 'name: "report small-kernels"' in text  # several packages of a repository have one each
    before = written.read_text()
    assert init(root) == 0
    assert written.read_text() == before


def test_a_setup_py_that_does_not_end_is_ended_with_all_that_it_started(package, monkeypatch, capsys):
    root, mark = package(), f"{time.monotonic_ns()}"
    (root / "pyproject.toml").unlink()
    (root / "setup.py").write_text(
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{mark}'])\n"
        f"open({str(root / 'began')!r}, 'a').close()\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(project, "LIMIT_S", 2)
    try:
        lock.resolve("3.11", ["setuptools"])
    except (commands.ToolError, ValueError) as problem:
        pytest.skip(f"needs uv and a package index: {problem}")
    assert init(root) == 2
    err = capsys.readouterr().err
    assert "are computed by its build, and the build backend fails: it did not end in 2 s; a [project] table" in err
    assert err.count("\n") == 1
    assert (root / "began").exists()
    until = time.monotonic() + 10
    while [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in read(path)]:
        assert time.monotonic() < until
        time.sleep(0.1)


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def _index():
    try:
        lock.resolve("3.11", ["torch==2.3.1", "iniconfig"])
    except (commands.ToolError, ValueError) as problem:
        pytest.skip(f"needs uv and a package index: {problem}")


@pytest.mark.usefixtures("_index")
def test_pins_hold_the_packages_own_dependencies_and_tests_get_what_resolves(package, capsys):
    more = '\n[project.optional-dependencies]\ntest = ["numpy>=2", "einops"]\n'  # numpy<2 is what torch 2.3.1 needs
    root = package(dependencies=["torch==2.3.1", "triton", "iniconfig<2.1"], more=more)
    assert cli.main(["--root", str(root)]) == 0
    table = load(root / "constraints" / "cells.toml")
    pins = (root / "constraints" / "triton231.txt").read_text()
    assert table.package.test[-1:] == ("einops",)
    assert re.search(r"^einops==", pins, re.MULTILINE)
    assert re.search(r"^iniconfig==2\.0", pins, re.MULTILINE)
    said = capsys.readouterr().out
    assert "does not resolve in cell triton231 (torch 2.3.1, Triton 2.3.1): numpy>=2" in said
    assert said.endswith("next: `nox`, and commit what is new\n")


@pytest.mark.parametrize(
    ("files", "says"),
    [({}, "has no pyproject.toml, setup.cfg, setup.py"), ({"pyproject.toml": "[project"}, "is not TOML")],
)
def test_a_folder_without_a_readable_package_is_one_sentence_and_exit_status_2(tmp_path, files, says):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "triton_matrix", "init", "--root", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("init: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == set(files)
