"""One file that shows a finding without this project, run where nothing of the project can be reached."""

import json
import os
import re
import subprocess

import pytest

from triton_matrix.base import cells, commands
from triton_matrix.evidence import atlas_file
from triton_matrix.releases import reproduce
from triton_matrix.releases.reproducing import metric_patterns, text

from ..conftest import ENVS, ROOT
from ..launch_files import write

HELPERS = """\
import triton
import triton.language as tl
FACTOR = tl.constexpr(3)
SHIFT = 2
@triton.jit
def scaled(x, by: tl.constexpr):
    return x * by * FACTOR
"""
# what it needs lies in three modules: an alias, a module's member, a default, a choice by release
KERNEL = """\
import triton
import triton.language as tl
import helpers
from helpers import scaled as _scaled
from constants import BLOCK
if triton.__version__.startswith("3.3"):
    TURNS = tl.constexpr(1)
else:
    TURNS = tl.constexpr(9)
@triton.autotune([triton.Config({}, num_warps=4)], key=["n"])
@triton.jit
def mine(x_ptr, n, DTYPE: tl.constexpr, N: tl.constexpr = BLOCK):
    offsets = tl.arange(0, N)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    y = _scaled(x, 2).to(DTYPE) + helpers.scaled(x, 5)
    for _ in tl.static_range(TURNS):
        y = y * y + 1
    tl.store(x_ptr + offsets, y, mask=offsets < n)
"""


@pytest.fixture
def folder(tmp_path):
    """Three modules with a kernel and what it needs."""
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "constants.py").write_text("BLOCK = 64\n")
    (tmp_path / "mine.py").write_text(KERNEL)
    return tmp_path


@pytest.fixture
def asked(release_python, capfd):
    """Call the verb between two releases; gives exit status, what it printed and what it complained of."""

    def ask(folder, one, other, *options):
        for release in (one, other):
            release_python(release)
        arguments = [
            "--from",
            one,
            "--to",
            other,
            "--root",
            str(ROOT),
            "--envs",
            str(ENVS),
            "--out",
            str(folder / "out"),
        ]
        status = reproduce.main([str(folder / "launch.toml"), *arguments, *map(str, options)])
        said = capfd.readouterr()
        return status, said.out, said.err

    return ask


def bare(path):
    """What an environment has in which nothing of this project can be imported."""
    left = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TRITON", "VIRTUAL_ENV"))}
    return {**left, "TMPDIR": str(path)}


def shown(python, path):
    """The last line that a file prints in a Python with one Triton."""
    command = [str(python), str(path), "here"]
    done = subprocess.run(command, cwd=path.parent, env=bare(path.parent), capture_output=True, text=True, timeout=120)
    return done.stdout.strip().splitlines()[-1]


def seen(path):
    """Release -> the line that the verb, which ran the file in both, quotes in its issue."""
    said = re.split(r"^--- triton (\S+)$", (path.parent / "issue.md").read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for release, printed in zip(said[::2], said[1::2]):
        (found[release],) = [line for line in printed.partition("```")[0].splitlines() if line.startswith("SEEN ")]
    return found


def compiled(folder, **changed):
    """A launch of ``mine`` that is compiled."""
    launch = {"kernel": "mine.py:mine", "args": {"x_ptr": "*fp32", "n": 48}, "constexprs": {"DTYPE": "tl.float16"}}
    write(folder, launch={**launch, "hints": {"divisible_by_16": ["x_ptr"]}, **changed})


def test_the_file_holds_what_lies_in_other_modules_and_shows_the_change_alone(folder, asked, release_python):
    compiled(folder)
    status, said, error = asked(folder, "3.3.1", "3.9.0", "--target", "cuda:90", "--metric", "instructions")
    assert (status, error) == (0, ""), error
    path = folder / "out" / "mine.py"
    for name in ("helpers.py", "constants.py", "launch.toml"):
        (folder / name).unlink()
    content = path.read_text()
    assert "triton_matrix" not in content
    assert "TURNS = tl.constexpr(1)" in content
    assert "TURNS = tl.constexpr(9)" in content
    before, after = (shown(release_python(release), path) for release in ("3.3.1", "3.9.0"))
    assert '"instructions": ' in before
    assert before != after
    assert sorted(each.name for each in path.parent.iterdir()) == ["3.3.1.ptx", "3.9.0.ptx", "issue.md", "mine.py"]
    assert f"uv run {path}" in said


# 20 s: uv makes two environments, as whoever gets the file lets it; the network may not give them
@pytest.mark.timeout(300)
def test_uv_runs_the_file_in_both_tritons_in_a_bare_environment(folder, asked):
    """Takes 11 s: uv makes an environment of each Triton, as it does for who gets the file."""
    compiled(folder)
    assert asked(folder, "3.3.1", "3.9.0", "--target", "cuda:90", "--metric", "instructions")[0] == 0
    path = folder / "out" / "mine.py"
    done = subprocess.run(
        [commands.uv(), "run", path.name],
        cwd=path.parent,
        env=bare(folder),
        capture_output=True,
        text=True,
        timeout=250,
    )
    if done.returncode == 2:
        pytest.skip(f"uv cannot have both Tritons: {done.stdout}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "the difference shows"


REFUSED = """\
import triton
import triton.language as tl
@triton.jit
def mine(x_ptr, n):
    pointer = tl.make_block_ptr(x_ptr, (n,), (1,), (0,), (16,), (0,))
    tl.store(pointer, tl.load(pointer) + 1)
"""


def test_what_does_not_compile_is_told_with_the_compilers_own_words(folder, asked):
    (folder / "mine.py").write_text(REFUSED)
    compiled(folder, constexprs={})
    status, said, _ = asked(folder, "3.8.0", "3.9.0", "--target", "hip:gfx942", "--markdown")
    assert status == 0
    assert said.startswith("### mine for hip:gfx942 does not compile with Triton 3.9.0, and does with 3.8.0\n")
    assert "make_block_ptr" in said.partition("<details>")[0]
    assert (folder / "out" / "issue.md").read_text() in said
    path = folder / "out" / "mine.py"
    assert seen(path) == {
        "3.8.0": 'SEEN {"compiles": "compiles"}',
        "3.9.0": 'SEEN {"compiles": "fails", "fails": true}',
    }


# generations of compilers are told of a kernel each in its own way; 2.3.1 knows no GPU of AMD's
@pytest.mark.parametrize(
    ("pair", "target", "metric"),
    [
        (("2.3.1", "3.2.0"), "cuda:80", "instructions"),
        (("3.4.0", "3.9.0"), "hip:gfx942", "vgprs"),
    ],
)
def test_the_numbers_are_those_that_level_codegen_has(pair, target, metric, folder, asked, codegen, own_ptxas):
    own_ptxas(pair[0])
    (folder / "mine.py").write_text(KERNEL.replace('startswith("3.3")', f'startswith("{pair[0]}")'))
    compiled(folder, options={"num_warps": 2})
    status, _, error = asked(folder, *pair, "--target", target, "--metric", metric)
    assert (status, error) == (0, ""), error
    lines = seen(folder / "out" / "mine.py")
    for release in pair:  # each compiles three times: by itself, for the file, and in the file
        codegen(release, "--launches", folder / "launch.toml", "--target", target, "--json", folder / "found.json")
        known = atlas_file.read(folder / "found.json")["entries"][0]["metrics"]
        shows = json.loads(lines[release].partition(" ")[2])
        assert metric in shows
        assert {name: known[name] for name in shows} == shows


def of_bytes(folder, fill):
    """The launch of an incident: 200 is added to bytes, as int32 up to 3.1 and as uint8 from 3.2 on."""
    tensor = {"dtype": "u8", "shape": [16], "fill": fill}
    result = {"tensor": {"dtype": "i32", "shape": [16], "fill": {"kind": "zeros"}}}
    kernel = f"{ROOT / 'tests' / 'incidents' / 'narrow_integers.py'}:lifted"
    launch = {"kernel": kernel, "grid": [1], "args": {"X": {"tensor": tensor}, "Out": result}}
    write(folder, launch={**launch, "constexprs": {"N": 16}})


@pytest.mark.parametrize("fill", [{"kind": "constant", "value": 100}, {"kind": "integers", "low": 90, "high": 100}])
def test_other_values_in_the_interpreter_are_shown_by_numpy_alone(fill, folder, asked):
    of_bytes(folder, fill)
    status, said, error = asked(folder, "3.1.0", "3.2.0", "--level", "interpreter", "--markdown")
    assert (status, error) == (0, ""), error
    assert said.startswith("### lifted in Triton's interpreter: other values with 3.2.0 than with 3.1.0")
    lines = seen(folder / "out" / "lifted.py")
    assert set(lines) == {"3.1.0", "3.2.0"}
    assert len(set(lines.values())) == 2
    assert all(line.startswith('SEEN {"values": ') for line in lines.values())


INCIDENTS = {
    "turing_fp32_dot": (
        "product",
        "cuda:75",
        ("3.2.0", "3.3.1"),
        {"A": "*fp32", "B": "*fp32", "Out": "*fp32"},
        {"K": 16},
    ),
    "bf16_scan": ("running_total", "cuda:90", ("2.3.1", "3.0.0"), {"X": "*bf16", "Y": "*bf16"}, {"N": 128}),
}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_from_a_public_thread_goes_from_its_kernel_to_a_file_of_its_own(incident, folder, asked):
    kernel, target, pair, args, constexprs = INCIDENTS[incident]
    file = ROOT / "tests" / "incidents" / f"{incident}.py"
    write(folder, launch={"kernel": f"{file}:{kernel}", "args": args, "constexprs": constexprs})
    status, said, error = asked(folder, *pair, "--target", target, "--markdown")
    assert (status, error) == (0, ""), error
    assert f"does not compile with Triton {pair[0]}, and does with {pair[1]}" in said
    assert "triton_matrix" not in (folder / "out" / f"{kernel}.py").read_text()
    assert str(ROOT) not in said
    assert str(ENVS) not in said


def test_a_finding_that_is_none_is_not_written(folder, asked):
    (folder / "mine.py").write_text(KERNEL.replace('startswith("3.3")', 'startswith("9")'))
    compiled(folder)
    status, _, error = asked(folder, "3.7.1", "3.8.0", "--target", "cuda:90", "--metric", "spill_stores")
    assert status == 1
    assert error == "reproduce: spill_stores is 0 in both\n"
    assert not (folder / "out").exists()


def test_what_cannot_be_written_down_is_named(folder, asked):
    (folder / "constants.py").write_text("BLOCK = object()\n")
    (folder / "mine.py").write_text(KERNEL.replace("helpers.scaled(x, 5)", "BLOCK").replace("= BLOCK", "= 64"))
    (folder / "mine.py").write_text(
        REFUSED.replace("+ 1", "+ 1 if n is LATER else 0").replace(
            "import triton\n", "import triton\nLATER = object()\n", 1
        )
    )
    compiled(folder, constexprs={})
    status, _, error = asked(folder, "3.8.0", "3.9.0", "--target", "cuda:90")
    assert status == 2
    assert "LATER is a object, which cannot be written down in a file of its own" in error


def test_a_level_without_its_target_is_refused(capsys):
    launch = ["launch.toml", "--from", "3.8.0", "--to", "3.9.0", "--root", str(ROOT)]
    assert reproduce.main(launch) == 2
    assert reproduce.main([*launch, "--level", "interpreter", "--target", "cuda:90"]) == 2
    assert capsys.readouterr().err.count("level codegen needs one, and level interpreter has none") == 2


def test_a_piece_that_two_releases_have_alike_stands_once():
    one = [["A", "A = 1"], ["B", "B = 1"], ["C", "C = 3"]]
    other = [["A", "A = 1"], ["B", "B = 2"], ["C", "C = 3"]]
    merged = text.merged({"1.0": one, "2.0": other}, "1.0")
    assert merged.count("A = 1") == merged.count("C = 3") == 1
    for release, expected in (("1.0", 1), ("2.0", 2)):
        scope = {"RELEASE": release}
        exec(merged, scope)
        assert scope["B"] == expected


def test_an_occupancy_is_told_by_what_it_follows_from():
    before, after = {"occupancy_warps": 16, "registers": 64}, {"occupancy_warps": 12, "registers": 80}
    assert metric_patterns.readable("occupancy_warps", before, after) == "registers"
    assert metric_patterns.readable("local_bytes", before, after) is None


def test_every_release_brings_numpy_and_what_its_row_needs():
    for row in cells.load(ROOT / "constraints" / "cells.toml").releases.values():
        needs = text.requirements(row)
        assert needs[0] == f"triton=={row.triton}"
        assert sum(each.startswith("numpy") for each in needs) == 1
        assert set(row.requires) <= set(needs)
