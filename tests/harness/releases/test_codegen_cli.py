"""Over releases: what may be asked, and what some make of one LayerNorm backward, pinned."""

import json
import os
import re
from pathlib import Path

import pytest

from triton_matrix.base import targets
from triton_matrix.base.cells import load
from triton_matrix.codegen.compile import unknown_to
from triton_matrix.releases import codegen_cli

from ..conftest import ENVS, ROOT
from .conftest import CALLED, COPY

LAUNCH = Path(__file__).parents[1] / "codegen" / "launches" / "layer_norm_rows.toml"

# (registers, spilled bytes stored and loaded, instructions that store and load local memory, stack bytes) at 4 warps,
# 8192 columns, fp32, cuda:90. The public report of the slow-down in 3.4.0 is the step from 632 to 3712 spilled bytes.
FOUR_WARPS = {
    "3.3.1": (255, 632, 444, 158, 111, 328),
    "3.4.0": (32, 3712, 3964, 808, 940, 1920),
    "3.9.0": (255, 884, 668, 219, 165, 440),
}
# at 16 warps nothing spills
SIXTEEN_WARPS_REGISTERS = {"3.3.1": 104, "3.4.0": 121, "3.9.0": 115}


@pytest.fixture(scope="session")
def measured(release_python, tmp_path_factory):
    """Metrics by number of warps and release, from one run of the verb: both ends of the slow-down, and the newest."""
    for release in FOUR_WARPS:
        release_python(release)
    out = tmp_path_factory.mktemp("atlas")
    arguments = ["--root", str(ROOT), "--envs", str(ENVS), "--out", str(out), "--launches", str(LAUNCH)]
    assert codegen_cli.main([*arguments, "--triton", ",".join(FOUR_WARPS), "--target", "cuda:90"]) == 0
    result = {}
    for release in FOUR_WARPS:
        for item in json.loads((out / f"{release}.json").read_text())["entries"]:
            (num_warps,) = (each for each in item["settings"] if each.startswith("num_warps"))
            result[num_warps, release] = item["metrics"]
    return result


@pytest.mark.parametrize("release", FOUR_WARPS)
def test_the_spills_of_a_layer_norm_backward_at_four_warps(measured, release):
    metrics = measured["num_warps=4", release]
    names = ("registers", "spill_stores", "spill_loads", "local_stores", "local_loads", "stack_bytes")
    assert tuple(metrics[name] for name in names) == FOUR_WARPS[release]


@pytest.mark.parametrize("release", FOUR_WARPS)
def test_the_same_kernel_does_not_spill_at_sixteen_warps(measured, release):
    metrics = measured["num_warps=16", release]
    found = (metrics["registers"], metrics["spill_stores"], metrics["stack_bytes"])
    assert found == (SIXTEEN_WARPS_REGISTERS[release], 0, 0)


ROWS = load(ROOT / "constraints" / "cells.toml").releases


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((None, "3.4.0", None), "--from and --to go together"),
        ((None, "3.4.0", "3.4.0"), "--from and --to are both 3.4.0; they are two releases"),
        (("3.4.0", "3.3.1", "3.4.0"), "give one of the two"),
    ],
)
def test_releases_that_cannot_be_asked_are_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        codegen_cli.choose(ROWS, *arguments)


def test_releases_come_oldest_first_however_they_are_named_but_for_the_two_of_a_pair():
    assert [row.triton for row in codegen_cli.choose(ROWS, "3.4.0,2.3.1", None, None)] == ["2.3.1", "3.4.0"]
    for pair in (["3.3.1", "3.9.0"], ["3.9.0", "3.3.1"]):
        assert [row.triton for row in codegen_cli.choose(ROWS, None, *pair)] == pair


def test_a_downgrade_is_judged_from_the_newer_release_to_the_older(ask):
    changes = []
    for pair in (("3.3.1", "3.9.0"), ("3.9.0", "3.3.1")):
        status, table, errors = ask(COPY.format(head="", n="n"), "512", "--from", pair[0], "--to", pair[1])
        assert status == 0, errors
        changes.append(set(re.findall(r"(\w+) (\d+) -> (\d+)", table)))
    up, down = changes
    assert up
    assert down == {(name, after, before) for name, before, after in up}


def test_bad_options_end_with_status_2_and_one_sentence(capsys):
    assert codegen_cli.main(["--root", str(ROOT), "--triton", "1.9.9"]) == 2
    assert codegen_cli.main(["--root", str(ROOT), "--target", "cuda:1"]) == 2
    assert codegen_cli.main(["--root", str(ROOT), "--accept", "speed=none"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_a_launch_file_that_does_not_fit_its_kernel_ends_with_status_2(release_python, tmp_path, capfd):
    release_python("3.9.0")
    launch = tmp_path / "launch.toml"
    launch.write_text(
        LAUNCH.read_text().replace("layer_norm_rows.py", str(LAUNCH.parent / "layer_norm_rows.py"), 1) + ""
    )
    launch.write_text(launch.read_text().replace('n_cols = "i32"\n', ""))
    arguments = ["--root", str(ROOT), "--envs", str(ENVS), "--out", str(tmp_path), "--triton", "3.9.0"]
    assert codegen_cli.main([*arguments, "--launches", str(launch), "--target", "cuda:90"]) == 2
    assert not os.path.exists(tmp_path / "3.9.0.json")
    assert "'n_cols'" in capfd.readouterr().err


BREAKS = {
    "its module does not load": (
        COPY.format(head="if triton.__version__.startswith('3.3'): raise RuntimeError('not here')", n="n"),
        f"error: {CALLED} hip:gfx942, triton 3.3.1: does not load: mine.py:3 fails with RuntimeError: not here",
    ),
    "it does not fit the launch file": (
        COPY.format(head="", n="n")
        + "if triton.__version__.startswith('3.3'):\n    @triton.jit\n    def copy(x_ptr): pass\n",
        "error: triton 3.3.1: args has 'n'; the parameters of copy are x_ptr",
    ),
    "it does not compile": (
        COPY.format(head="SCALE = tl.constexpr(2) if triton.__version__.startswith('3.9') else 2", n="n").replace(
            "* 2", "* SCALE"
        ),
        f"error: {CALLED} hip:gfx942, triton 3.3.1: does not compile: NameError: Cannot access global variable SCALE",
    ),
    "its module ends the process": (
        COPY.format(head="import os\nif triton.__version__.startswith('3.3'): os._exit(0)", n="n"),
        f"error: {CALLED} hip:gfx942, triton 3.3.1: does not load: importing it ended with exit status 0",
    ),
}


@pytest.mark.parametrize("how", BREAKS)
def test_one_release_that_fails_does_not_hide_the_others(ask, how):
    source, sentence = BREAKS[how]
    status, table, errors = ask(source)
    assert status == 1, errors
    assert f"{CALLED}  3.9.0" in table
    assert sentence in table
    assert "nothing got worse" not in table


def test_where_every_release_fails_nothing_got_worse_is_not_said(ask):
    status, table, _ = ask(COPY.format(head="", n="n"), "1000")
    assert status == 1
    called = CALLED.replace("512,#b6d084a3", "1000,#7a12ea2f")
    assert table.count(f"error: {called} hip:gfx942, triton 3.3.1, 3.9.0: ") == 1
    assert table.count("arange's range must be a power of 2") == 1
    assert "nothing got worse" not in table


def test_what_no_release_can_be_asked_is_said_once_and_ends_with_status_2(ask):
    status, table, errors = ask(COPY.format(head="", n="m"))
    assert (status, table) == (2, "")
    assert errors.count("args has 'n'; the parameters of copy are x_ptr, m, BLOCK") == 1
    assert "codegen: triton 3.3.1, 3.9.0: " in errors


def test_what_a_kernel_s_module_prints_is_no_progress(ask):
    noisy = "print('progress one two')\nprint('compiled x', flush=True)\nimport os\nos.write(1, b'progress\\n')"
    status, table, errors = ask(COPY.format(head=noisy, n="n"))
    assert status == 0, errors
    assert "nothing got worse" in table


def test_the_caller_s_pythonpath_is_kept_wherever_it_is_relative_to(ask, tmp_path, monkeypatch):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "my_sizes.py").write_text("TWO = 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "beside")
    status, _, errors = ask(COPY.format(head="import my_sizes\nTWO = tl.constexpr(my_sizes.TWO + 0)", n="n"))
    assert status == 0, errors


def test_a_kernel_is_loaded_and_compiled_for_every_target_that_a_release_knows(ask):
    """The oldest release, which knows fewest; test_architectures.py asks the newest for all."""
    status, table, _ = ask(COPY.format(head="", n="n"), "512", "--triton", "2.3.1", "--target", "all")
    assert status == 0, table
    lines = [line.split() for line in table.splitlines()]
    compiled = {words[2] for words in lines if words[:2] == [CALLED, "2.3.1"]}
    known = {name for name, row in targets.TARGETS.items() if not unknown_to(row, "2.3.1")}
    assert compiled == known
    assert len(known) > 3
    assert "error" not in table


def test_a_data_file_that_the_module_reads_is_part_of_what_is_kept(ask, tmp_path):
    head = (
        "import json, pathlib\nTIMES = tl.constexpr(json.loads((pathlib.Path(__file__).parent / 'n.json').read_text()))"
    )
    source = COPY.format(head=head, n="n").replace(
        "    tl.store", "    for _ in tl.static_range(TIMES):\n        tl.store"
    )
    kept = ("512", "--envs", str(tmp_path / "envs"), "--triton", "3.9.0")
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "3.9.0").symlink_to(ENVS / "3.9.0")
    lines = []
    for times in (1, 1, 8):
        (tmp_path / "n.json").write_text(str(times))
        status, table, errors = ask(source, *kept, cache=True)
        assert status == 0, errors
        lines.append((table, "1 compiled" in errors))
    assert lines[0] == (lines[1][0], True)
    assert not lines[1][1]
    assert lines[2][1]
    assert lines[2][0] != lines[0][0]


def test_kernels_without_a_load_are_compared_like_others(ask):
    stores = COPY.format(head="", n="n").replace("tl.load(x_ptr + offsets, mask=offsets < n) * 2", "1.0")
    status, table, errors = ask(stores)
    assert status == 0, errors
    assert "nothing got worse between consecutive releases" in table
    empty = COPY.format(head="", n="n").partition("    offsets")[0] + "    pass\n"
    status, table, errors = ask(empty)
    assert status == 0, errors


def test_only_the_first_configurations_of_a_tuner_may_be_asked_for(ask):
    tuned = COPY.format(head="", n="n").replace(
        "@triton.jit", "@triton.autotune([triton.Config({}, num_warps=w) for w in (1, 2, 4)], key=['n'])\n@triton.jit"
    )
    status, table, errors = ask(tuned, "512", "--configs", "2")
    assert status == 0, errors
    assert [f",num_warps={n}]" in table for n in (1, 2, 4)] == [True, True, False]


LOOPS = """\
import triton
import triton.language as tl
steps = range
@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr):
    for start in steps(0, n, BLOCK):
        offsets = start + tl.arange(0, BLOCK)
        tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=offsets < n) * 2, mask=offsets < n)
"""


def test_what_a_launch_refuses_before_it_compiles_does_not_compile(release_python, tmp_path, capfd):
    """Triton 2.3.1 compiles a loop over an alias of Python's range, and launches none."""
    release_python("2.3.1")
    (tmp_path / "mine.py").write_text(LOOPS)
    (tmp_path / "launch.toml").write_text(
        'kernel = "mine.py:copy"\nargs = { x_ptr = "*fp32", n = 4096 }\nconstexprs = { BLOCK = 512 }\n'
    )
    arguments = ["--root", str(ROOT), "--envs", str(ENVS), "--out", str(tmp_path / "out"), "--no-cache"]
    arguments += ["--launches", str(tmp_path / "launch.toml"), "--triton", "2.3.1", "--target", "cuda:90"]
    assert codegen_cli.main(arguments) == 1
    assert 'does not compile: AssertionError: Function "range" is being called from a Triton' in capfd.readouterr().out
