"""The verb ``values``: launches in several releases, what it says of them, what it keeps, and its exit status."""

import json
import subprocess

import pytest

from triton_matrix.evidence import atlas_runs, schemas
from triton_matrix.releases import values_cli

from .. import launch_files
from ..conftest import ENVS, ROOT

KERNELS = """
import triton
import triton.language as tl


@triton.jit
def minus_one(x, out, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i) - 1)


@triton.jit
def third(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i) / FACTOR)


@triton.jit
def lacking(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.no_such_function(tl.load(x + i)))


@triton.jit
def flipped(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.flip(tl.load(x + i)))


def by_three(x):
    return {"out": x / 3}
"""
OLD, NEW = "3.1.0", "3.9.0"


def about(kernel, dtype, size=4, grid=1, **more):
    tensor = {"dtype": dtype, "shape": [size * grid], "fill": {"kind": "count"}}
    out = {"dtype": "i32" if dtype == "u8" else dtype, "shape": [size * grid], "fill": {"kind": "zeros"}}
    args = {"x": {"tensor": tensor}, "out": {"tensor": out}}
    return {"kernel": f"mine.py:{kernel}", "grid": [grid], "args": args, "constexprs": {"BLOCK": size}, **more}


@pytest.fixture
def ask(release_python, tmp_path, capfd):
    """Ask OLD and NEW about launches of ``mine.py``; gives the exit status, what was printed, and the files."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "launches").mkdir()

    def run(*launches, factor="3", options=("--triton", f"{OLD},{NEW}"), cache=False):
        for release in (OLD, NEW):
            release_python(release)
        (tmp_path / "launches" / "mine.py").write_text(KERNELS.replace("FACTOR", factor))
        for old in (tmp_path / "launches").glob("*.toml"):
            old.unlink()
        launch_files.write(tmp_path / "launches", **{f"n{number}": each for number, each in enumerate(launches)})
        arguments = [str(tmp_path / "launches"), "--root", str(ROOT), "--envs", str(ENVS), *options]
        arguments += ["--out", str(tmp_path / "out"), *([] if cache else ["--no-cache"])]
        status = values_cli.main(arguments)
        said = capfd.readouterr()
        files = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").glob("[0-9]*.json")}
        return status, said.out, said.err, files

    return run


def test_a_change_of_the_language_is_named_with_argument_release_size_and_element_in_either_direction(ask):
    status, said, _, files = ask(about("minus_one", "u8"), cache=True)
    assert status == 1
    assert f"{OLD} -> {NEW}  worse  launches.mine:minus_one" in said
    assert "values differ: out: 1 of 4 elements differ, by up to 256 (1 of the value); [0] is -1, then 255" in said
    assert "1 differ, 0 no longer run" in said
    assert files[NEW]["schema"] == schemas.VALUES
    (compared,) = files[NEW]["compared"]
    assert compared["worst"] == {"absolute": 256, "differing": 1}
    status, said, _, _ = ask(about("minus_one", "u8"), options=("--from", NEW, "--to", OLD), cache=True)
    assert status == 1
    assert f"{NEW} -> {OLD}" in said
    assert "[0] is 255, then -1" in said


def test_what_is_alike_is_none_and_what_a_reference_contradicts_is_wrong_in_every_release(ask):
    """``third`` divides by 3 as its reference does; by 2.5 every release is wrong alike."""
    asked = about("third", "fp32", reference="mine.py:by_three")
    status, said, _, _ = ask(asked)
    assert status == 0, said
    assert "no values differ between consecutive releases; 1 compared" in said
    status, said, _, files = ask(asked, factor="2.5")
    assert status == 1
    assert f"triton {OLD}, {NEW}" in said.replace(f"{OLD} - {NEW}", f"{OLD}, {NEW}")
    assert "wrong by its reference mine.py:by_three: out: 3 of 4 elements differ" in said
    assert "[3] is 1.20000005, and should be 1" in said
    assert [files[release]["entries"][0]["status"] for release in (OLD, NEW)] == ["error", "error"]


def test_a_launch_that_no_longer_runs_is_worse_and_one_that_never_did_is_not(ask):
    """``tl.flip`` without a dimension does not compile from 3.4.0 to 3.8.0."""
    status, said, _, _ = ask(about("flipped", "fp32"), options=("--from", "3.3.1", "--to", "3.5.1"))
    assert status == 1
    assert "ran, and now does not run: TypeError" in said
    status, said, _, _ = ask(about("lacking", "fp32"), about("third", "fp32"))
    assert status == 0
    assert "triton 3.1.0 - 3.9.0: does not run: AttributeError" in said


def test_where_nothing_can_be_compared_the_exit_status_is_2(ask):
    status, said, _, _ = ask(about("lacking", "fp32"))
    assert status == 2
    assert "nothing is compared" in said


def test_a_larger_grid_says_how_many_of_its_programs_ran(ask):
    status, said, _, files = ask(about("minus_one", "i32", grid=100))
    assert status == 0
    assert "a sample of the programs ran, the same in every release" in said
    assert "64 of 100" in said
    assert files[NEW]["entries"][0]["metrics"]["programs"] == 64


def test_a_repeat_computes_nothing_and_says_the_same_and_an_edit_of_the_kernel_is_computed_again(ask):
    asked = about("minus_one", "u8"), about("third", "fp32", reference="mine.py:by_three")
    ask(*asked, cache=True)
    status, said, err, files = ask(*asked, cache=True)
    assert "0 computed now" in said, err
    assert f"triton {NEW}: 2 kept from before" in err
    assert status == 1
    assert "[0] is -1, then 255" in said
    assert len(files[NEW]["compared"]) == 2
    _, said, _, _ = ask(asked[1], cache=True, factor="5")
    assert "2 computed now" in said


def test_a_run_is_declared_before_it_starts_and_closed_when_it_ended(ask, tmp_path, monkeypatch):
    seen = []
    compute = values_cli.value_runs.values.compute

    def watched(*given, **named):
        seen.append(atlas_runs.read(tmp_path / "out", "values"))
        return compute(*given, **named)

    monkeypatch.setattr(values_cli.value_runs.values, "compute", watched)
    ask(about("third", "fp32"))
    assert seen[0].closed is None
    assert list(seen[0].releases) == [OLD, NEW]
    assert len(seen[0].releases[NEW].targets["interpreter"]) == 1
    run = atlas_runs.read(tmp_path / "out", "values")
    assert run.closed
    assert {asked.outcome for asked in run.releases.values()} == {"done"}


def test_a_kernel_that_ends_its_process_is_an_error_of_that_release_and_the_others_are_computed(ask, tmp_path):
    (tmp_path / "launches" / "bad.py").write_text("import os\nos.abort()\n")
    bad = {**about("minus_one", "u8"), "kernel": "bad.py:minus_one"}
    _, said, _, files = ask(bad, about("third", "fp32"))
    assert "its process ended with SIGABRT" in said
    by_kernel = {item["kernel"]: item["status"] for item in files[NEW]["entries"]}
    assert by_kernel == {"launches.bad:minus_one": "error", "launches.mine:third": "ok"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--most", "1"], "--most is 1; allowed is a number above 1"),
        (["--seconds", "0"], "--seconds is 0.0; allowed is a number above 0"),
        (["--triton", "1.9.9"], "triton is '1.9.9'; allowed are"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_status_2(tmp_path, capfd, options, said):
    launch_files.write(tmp_path, a=about("third", "fp32"))
    assert values_cli.main([str(tmp_path), "--root", str(ROOT), *options]) == 2
    assert said in capfd.readouterr().err


def test_a_folder_without_a_launch_is_refused(tmp_path, capfd):
    assert values_cli.main([str(tmp_path), "--root", str(ROOT)]) == 2
    assert "this folder holds no *.toml" in capfd.readouterr().err


def test_torch_is_not_imported(release_python, tmp_path):
    """The environments have none; where one had, the interpreter would not need it either."""
    python = str(release_python(NEW))
    done = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
    assert done.returncode != 0
