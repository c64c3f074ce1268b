"""Bisecting over Triton releases: the search, what counts as a change, and two real bisections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import locks
from triton_matrix.base.cells import find_root
from triton_matrix.releases import bisect
from triton_matrix.releases.searching import Answer, CannotAnswer, confirm

from .. import launch_files

DATA = Path(__file__).parents[1] / "report" / "data"
VERSIONS = ["2.3.1", "3.0.0", "3.1.0", "3.2.0", "3.3.1", "3.4.0", "3.5.1", "3.6.0", "3.7.1", "3.8.0", "3.9.0"]


class Releases:
    """Releases that say what they are told to: one letter each, ``?`` for one that cannot be asked."""

    def __init__(self, letters: str) -> None:
        self.letters = dict(zip(VERSIONS, letters))
        self.asked: list[str] = []

    def __call__(self, version: str) -> Answer:
        self.asked.append(version)
        letter = self.letters[version]
        how = {"i": "environment", "n": "numerics", "l": "launch"}.get(letter, "")
        return Answer(None if letter == "?" else "fails" if how else letter, f"output of {version}", how)


@pytest.mark.parametrize("first_new", range(1, len(VERSIONS)))
def test_every_place_of_a_single_change_is_found_in_few_questions(first_new):
    ask = Releases("a" * first_new + "b" * (len(VERSIONS) - first_new))
    found = bisect.search(VERSIONS, ask, False)
    assert (found.before, found.after) == (VERSIONS[first_new - 1], VERSIONS[first_new])
    assert found.answers[found.after].output == f"output of {found.after}"
    assert len(ask.asked) == len(set(ask.asked)) <= 6
    assert set(found.unchecked) == set(VERSIONS) - set(ask.asked)


def test_ends_that_do_not_differ_are_said_before_anything_else_is_asked_unless_everything_is():
    ask = Releases("aaaaabaaaaa")
    with pytest.raises(CannotAnswer, match=r"triton 2\.3\.1 and 3\.9\.0 both say: a; --all asks every release between"):
        bisect.search(VERSIONS, ask, False)
    assert ask.asked == ["2.3.1", "3.9.0"]
    with pytest.raises(CannotAnswer, match="both say: a, and so does every release between them"):
        bisect.search(VERSIONS, Releases("aaaaaaa?aaa"), True)


def test_one_bad_release_between_two_good_ones_is_found(capsys):
    found = bisect.search(VERSIONS, Releases("aaaaaaabaaa"), True)
    assert found.changes == (("3.5.1", "3.6.0"), ("3.6.0", "3.7.1"))
    assert (found.before, found.after, found.unchecked) == ("3.5.1", "3.6.0", ())
    assert bisect._tell("x", found, VERSIONS) == 1
    said = capsys.readouterr().out
    assert "x changes with triton 3.6.0: from 'a' on 3.5.1 to 'b'" in said
    assert "x changes with triton 3.7.1: from 'b' on 3.6.0 to 'a'" in said
    assert "not one change: 'a' on 2.3.1 - 3.5.1, 3.7.1 - 3.9.0; 'b' on 3.6.0" in said
    assert "output of 3.7.1" in said


def test_an_end_that_nobody_named_is_the_nearest_release_that_can_be_asked():
    found = bisect.search(VERSIONS, Releases("??aaaabbbb?"), False, (False, False))
    assert (found.before, found.after) == ("3.4.0", "3.5.1")
    assert "2.3.1" not in found.unchecked
    with pytest.raises(CannotAnswer, match=r"triton 2\.3\.1 could not be asked"):
        bisect.search(VERSIONS, Releases("??aaaabbbbb"), False, (True, False))
    with pytest.raises(CannotAnswer, match=r"triton 3\.9\.0 could not be asked"):
        bisect.search(VERSIONS, Releases("a??????????"), False, (False, False))


def test_an_end_that_cannot_be_asked_is_said_with_its_output():
    with pytest.raises(CannotAnswer, match=r"3\.9\.0 could not be asked: output of 3\.9\.0"):
        bisect.search(VERSIONS, Releases("aaaaaaaaaa?"), True)


def test_more_than_one_change_is_said_where_every_release_is_asked():
    found = bisect.search(VERSIONS, Releases("aaaaabababb"), True)
    assert (found.before, found.after) in found.changes
    assert [after for _, after in found.changes] == ["3.4.0", "3.5.1", "3.6.0", "3.7.1", "3.8.0"]
    assert found.unchecked == ()


def test_a_third_state_beyond_the_change_is_no_second_change():
    assert bisect.search(VERSIONS, Releases("aaaaabbbccc"), True).changes == (("3.3.1", "3.4.0"),)


def test_releases_that_cannot_be_asked_widen_the_answer():
    found = bisect.search(VERSIONS, Releases("aaaa??bbbbb"), False)
    assert (found.before, found.after, found.skipped) == ("3.2.0", "3.5.1", ("3.3.1", "3.4.0"))


def test_a_release_that_lacks_a_module_is_not_the_first_bad_one_unless_the_bad_end_lacks_it_too():
    found = bisect.search(VERSIONS, Releases("aaaaiiinnnn"), True)
    assert (found.before, found.after, found.skipped) == ("3.2.0", "3.6.0", ("3.3.1", "3.4.0", "3.5.1"))
    assert found.otherwise == ()
    assert bisect.search(VERSIONS, Releases("aaaaiiiiiii"), True).after == "3.3.1"


def test_a_first_bad_release_that_fails_otherwise_than_the_bad_end_is_said(capsys):
    found = bisect.search(VERSIONS, Releases("aaaalllnnnn"), True)
    assert found.after == "3.3.1"
    assert found.otherwise == ("triton 3.9.0 fails otherwise (numerics) than 3.3.1 (launch)",)
    assert bisect._tell("x", found, VERSIONS) == 1
    assert "it may be another change" in capsys.readouterr().out


def test_what_says_something_else_when_it_is_asked_again_cannot_be_bisected():
    ask = Releases("aaaabbbbbbb")
    found = bisect.search(VERSIONS, ask, False)
    confirm(found, ask)
    with pytest.raises(CannotAnswer, match=r"triton 3\.3\.1 said 'b', and 'a' when it was asked again"):
        confirm(found, Releases("aaaaaaaaaaa"))


def test_the_ends_may_be_named_in_either_order():
    assert bisect.choose(VERSIONS, "3.4.0", "3.2.0") == bisect.choose(VERSIONS, "3.2.0", "3.4.0")
    assert bisect.choose(VERSIONS, None, "3.0.0") == ["2.3.1", "3.0.0"]


def test_impossible_ends_are_refused():
    with pytest.raises(ValueError, match="must be two releases"):
        bisect.choose(VERSIONS, "3.0.0", "3.0.0")


def entry(name, status="ok", **metrics):
    return {"id": name, "status": status, "reason": "because" if status != "ok" else "", "metrics": metrics}


def test_the_worst_configuration_of_a_launch_file_decides():
    entries = [entry("narrow", spill_stores=0), entry("wide", spill_stores=300)]
    answer = bisect.judge_launches(entries, "spill_stores", 200)
    assert answer.state == "spill_stores above 200"
    assert "wide: spill_stores 300" in answer.output
    assert bisect.judge_launches(entries, "spill_stores", 300).state == "spill_stores within 300"


def test_of_some_metrics_less_is_worse():
    assert (
        bisect.judge_launches([entry("k", occupancy_warps=8)], "occupancy_warps", 16).state
        == "occupancy_warps below 16"
    )
    assert (
        bisect.judge_launches([entry("k", occupancy_warps=32)], "occupancy_warps", 16).state
        == "occupancy_warps within 16"
    )


def test_without_a_condition_it_is_compiling_that_counts():
    assert bisect.judge_launches([entry("k", registers=9)], None, None).state == "compiles"
    broken = bisect.judge_launches([entry("k", registers=9), entry("l", "error")], None, None)
    assert (broken.state, broken.output) == ("does not compile", "l: error: because")
    assert bisect.judge_launches([entry("k", "n/a")], None, None).state is None
    assert bisect.judge_launches([], None, None).state is None


def test_a_launch_file_of_which_a_configuration_has_no_figure_is_within_no_limit():
    rest = entry("wide", "error")
    assert bisect.judge_launches([entry("narrow", spill_stores=0), rest], "spill_stores", 200).state is None
    beyond = bisect.judge_launches([entry("narrow", spill_stores=300), rest], "spill_stores", 200)
    assert beyond.state == "spill_stores above 200"
    killed = {**rest, "unanswered": True}
    assert bisect.judge_launches([entry("narrow", spill_stores=300), killed], None, None).state is None


def test_one_configuration_of_a_launch_file_is_asked_by_its_label_or_id():
    named = {"kernel": "toys:k", "target": "cuda:90"}
    entries = [{**named, "settings": [name], "label": f"toys:k[{name}]"} for name in ("a", "b")]
    assert bisect.labelled(entries, None) == entries
    assert bisect.labelled(entries, "k[b]") == bisect.labelled(entries, "k[b] cuda:90") == entries[1:]
    with pytest.raises(ValueError, match=r"--label is 'l'; allowed are toys:k\[a\], toys:k\[b\]"):
        bisect.labelled(entries, "l")


def test_a_kernel_that_does_not_load_is_told_from_one_that_does_not_compile():
    loads = {**entry("k", "error"), "reason": "does not load: ImportError"}
    assert bisect.judge_launches([loads], None, None).how == "does not load"
    assert bisect.judge_launches([loads, entry("l", "error")], None, None).how == ""


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'spills': k has registers, spill_stores"):
        bisect.judge_launches([entry("k", spill_stores=1, registers=2)], "spills", 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no_such_test.py"], "there is no test no_such_test.py"),
        (["no_such.toml"], "there is no launch file no_such.toml"),
        ([str(DATA / "wide_backward.toml"), "--metric", "spill_stores"], "--metric and --worse-than go together"),
        (
            ["tests/harness/releases/test_bisect.py", "--metric", "registers", "--worse-than", "9"],
            "a test passes or fails",
        ),
        ([str(DATA / "wide_backward.toml"), "--level", "device"], "allowed for a launch file are codegen, interpreter"),
        ([str(DATA / "wide_backward.toml"), "--level", "interpreter", "--target", "cuda:90"], "are for level codegen"),
        (["tests/harness/releases/test_bisect.py", "--level", "codegen"], "allowed for a test are interpreter, device"),
        (["tests/harness/releases/test_bisect.py", "--good", "1.0"], "triton is '1.0'; allowed are 2.3.1"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence_and_status_2(arguments, sentence, capsys):
    assert bisect.main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.strip().splitlines()) == 1


TESTS = {
    "passes": ("def test_it(): pass", ("passes", "")),
    "fails": ("def test_it(): assert 1 == 2", ("fails", "harness")),
    "lacks a module": ("import no_such_module", ("fails", "environment")),
    "ends pytest": ("import pytest\ndef test_a(): pass\ndef test_b(): pytest.exit('enough')", (None, "")),
    "is interrupted": ("def test_a(): pass\ndef test_b(): raise KeyboardInterrupt", (None, "")),
    "ends the process": ("import os\ndef test_a(): pass\ndef test_b(): os._exit(0)", (None, "")),
    "is skipped": ("import pytest\ndef test_a(): pytest.skip('not here')", (None, "")),
    "has no test": ("", (None, "")),
    "hangs": ("import time\ndef test_a(): time.sleep(60)", (None, "")),
}


@pytest.mark.parametrize("how", TESTS)
def test_what_one_release_says_of_a_test(tmp_path, how):
    source, expected = TESTS[how]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(source)
    seconds = 3 if how == "hangs" else 60
    said = bisect.run_test(Path(sys.executable), "test_it.py", "device", tmp_path, tmp_path / "out", seconds)
    assert (said.state, said.how) == expected, said.output
    assert said.state or said.output


def test_two_bisections_that_leave_their_answers_in_one_folder_do_not_read_each_other_s(tmp_path, capsys):
    command = [sys.executable, "-m", "triton_matrix", "bisect", str(DATA / "wide_backward.toml"), "--envs", tmp_path]
    with locks.held(tmp_path / ".bisect.lock", "a test"):
        done = subprocess.run(command, cwd=find_root(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is in use by process" in done.stderr


def run_bisect(*arguments):
    command = [sys.executable, "-m", "triton_matrix", "bisect", *map(str, arguments)]
    return subprocess.run(command, cwd=find_root(), capture_output=True, text=True, check=False)


needs_releases = pytest.mark.usefixtures("environments")  # of several Tritons


@needs_releases
def test_the_release_is_found_whose_interpreter_binds_a_declared_num_warps():
    done = run_bisect("tests/harness/report/data/declared_num_warps.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changes with triton 3.3.1: from 'fails' on 3.2.0 to 'passes'" in done.stdout
    assert "launch: TypeError: add_one() missing 1 required positional argument: 'num_warps'" in done.stdout


@needs_releases
def test_the_release_is_found_that_spills_more():
    launch = ["tests/harness/report/data/wide_backward.toml", "--metric", "spill_stores", "--worse-than", "800"]
    done = run_bisect(*launch, "--bad", "3.4.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changes with triton 3.4.0" in done.stdout
    for line in (" cuda:90: spill_stores 652\n", " cuda:90: spill_stores 916\n"):
        assert line in done.stdout


BRANCHING = """\
import triton
import triton.language as tl

if triton.__version__ < "3.7":

    @triton.jit
    def twice(x):
        return x * 2

else:

    @triton.jit
    def twice(x):
        return tl.exp(x.to(tl.float64)).to(tl.float32)


@triton.jit
def double(x_ptr, N: tl.constexpr):
    at = x_ptr + tl.arange(0, N)
    tl.store(at, twice(tl.load(at)))
"""


BRANCHING_LAUNCH = 'kernel = "mine.py:double"\nargs.x_ptr = "*fp32"\nconstexprs.N = 128\n'


def test_a_release_that_alone_is_bad_is_found_between_two_that_are_good(bisected, tmp_path):
    """The ends do not differ: it was said that nothing does. What is kept is not called compiled."""
    source = BRANCHING.replace('triton.__version__ < "3.7"', 'triton.__version__ != "3.6.0"')
    (tmp_path / "mine.py").write_text(source.replace("tl.exp", "tl.no_such_function"))
    launch = tmp_path / "mine.toml"
    launch.write_text(f"{BRANCHING_LAUNCH}options.num_warps = [4, 8]\n")
    asked = [launch, "--good", "3.5.1", "--bad", "3.7.1", "--envs", bisected("3.5.1", "3.6.0", "3.7.1")]
    run_bisect(*asked, "--label", "double[num_warps=4]")
    done = run_bisect(*asked, "--label", "double[num_warps=4]")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not one change: 'compiles' on 3.5.1, 3.7.1; 'does not compile' on 3.6.0" in done.stdout
    assert "num_warps=4,#d2ac0a96] cuda:90: error: does not compile: " in done.stdout
    assert "num_warps=8" not in done.stdout
    assert "triton 3.6.0: 2 kept from before" in done.stderr
    assert "compiled in" not in done.stderr


def test_a_kernel_that_its_own_module_changes_between_releases_is_said(bisected, tmp_path):
    (tmp_path / "mine.py").write_text(BRANCHING)
    launch = tmp_path / "mine.toml"
    launch.write_text(BRANCHING_LAUNCH)
    asked = [launch, "--metric", "fp64_instructions", "--worse-than", "0", "--good", "3.6.0", "--bad", "3.7.1"]
    asked += ["--envs", bisected("3.6.0", "3.7.1")]
    done = run_bisect(*asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the kernel's own source is not the same in 3.6.0 and 3.7.1: its module chooses by release" in done.stdout
    (tmp_path / "mine.py").write_text(BRANCHING.replace('"3.7"', '"0"'))
    done = run_bisect(*asked)
    assert "both say: fp64_instructions above 0, and so does every release between them" in done.stderr


CHANGING = """
import triton
import triton.language as tl


@triton.jit
def below_zero(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, (tl.load(x + i) - 1).to(tl.int32))
"""
ZEROS = {"kind": "zeros"}


def test_the_release_is_found_whose_interpreter_computes_something_else(bisected, tmp_path):
    """A uint8 below zero is -1 up to 3.1.0 and 255 from 3.2.0 on; by its reference it is wrong from there on."""
    (tmp_path / "mine.py").write_text(CHANGING)
    (tmp_path / "references.py").write_text("def right(x, out, N):\n    out[:] = -1\n")
    args = {
        "x": {"tensor": {"dtype": "u8", "shape": [16], "fill": ZEROS}},
        "out": {"tensor": {"dtype": "i32", "shape": [16], "fill": ZEROS}},
    }
    launch = {"kernel": "mine.py:below_zero", "grid": [1], "args": args, "constexprs": {"N": 16}}
    launch_files.write(tmp_path, plain=launch, judged={**launch, "reference": "references.py:right"})
    ends = ["--level", "interpreter", "--good", "3.0.0", "--bad", "3.3.1"]
    ends += ["--envs", bisected("3.0.0", "3.1.0", "3.2.0", "3.3.1")]
    done = run_bisect(tmp_path / "plain.toml", *ends)
    assert done.returncode == 0, done.stdout + done.stderr
    said = "changes with triton 3.2.0: from 'computes as 3.0.0 does' on 3.1.0 to 'computes as 3.2.0 does'"
    assert said in done.stdout
    assert "16 of 16 elements" in done.stdout
    judged = run_bisect(tmp_path / "judged.toml", *ends)
    assert "to 'computes as 3.2.0 does, wrong by its reference'" in judged.stdout, judged.stdout + judged.stderr
    alike = run_bisect(tmp_path / "plain.toml", *ends[:3], "3.2.0", *ends[4:])
    assert (alike.returncode, "both say: computes as 3.2.0 does" in alike.stderr) == (2, True)
    assert "--label is 'no'; allowed are" in run_bisect(tmp_path / "plain.toml", *ends, "--label", "no").stderr


def test_confirming_asks_both_neighbours_twice_in_both_orders():
    ask = Releases("aaaaaabbbbb")
    found = bisect.search(VERSIONS, ask, False)
    ask.asked.clear()
    confirm(found, ask)
    assert ask.asked == ["3.5.1", "3.4.0", "3.4.0", "3.5.1"]


def test_a_difference_that_is_gone_when_asked_again_is_no_change():
    found = bisect.search(VERSIONS, Releases("aaaaaabbbbb"), False)
    with pytest.raises(CannotAnswer, match=r"3\.5\.1 and 3\.4\.0 do not differ when asked again"):
        confirm(found, lambda version: Answer("computes as 3.4.0 does", ""), relative=True)


@needs_releases
@pytest.mark.timeout(900)  # 150 MB a wheel
def test_released_wheels_that_are_served_as_nightlies_are_bisected_from_a_folder_and_from_an_index(
    tmp_path, standins, environments, monkeypatch
):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))  # else each run leaves 3 GB in uv's own: a folder is new
    folder = tmp_path / "wheels"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
    ]
    for release in ("3.3.0", "3.3.1", "3.4.0"):
        platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in (27, 28)]
        subprocess.run([*pip, "--python-version", "3.11", *platforms, f"triton=={release}"], check=True)
    launch = ["tests/harness/report/data/wide_backward.toml", "--metric", "spill_stores", "--worse-than", "800"]
    done = run_bisect(*launch, "--wheels", folder, "--envs", tmp_path / "envs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changes with triton 3.4.0+file: from 'spill_stores within 800' on 3.3.1+file" in done.stdout
    with standins.serving(standins.write_index(tmp_path / "index", sorted(folder.glob("*.whl")))) as (address, _):
        done = run_bisect(*launch, "--wheels", address, "--envs", tmp_path / "envs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changes with triton 3.4.0+127.0.0.1: from" in done.stdout
