"""What compiling may cost: a guess that takes long is made smaller or given up, and all have a time."""

import json

import pytest

from triton_matrix.codegen.batches import OUT_OF_TIME
from triton_matrix.scan import cli

from .test_cli import FMA, LAUNCH, SOURCE

UNROLLED = """\
import triton
import triton.language as tl

ONE = tl.constexpr(1)

@triton.jit
def shrinks(x_ptr, BLOCK: tl.constexpr):
    y = tl.load(x_ptr + tl.arange(0, BLOCK))
    for i in tl.static_range(0, BLOCK * BLOCK * BLOCK // 64, ONE):
        y = y * 2.0 + i
    tl.store(x_ptr + tl.arange(0, BLOCK), y)

@triton.jit
def never(x_ptr, BLOCK: tl.constexpr):
    y = tl.load(x_ptr + tl.arange(0, BLOCK))
    for i in tl.static_range(100000):
        y = y * 2.0 + i
    tl.store(x_ptr + tl.arange(0, BLOCK), y)
"""
TUNED = """\
import triton
import triton.language as tl

@triton.autotune([triton.Config({"BLOCK": size, "GROUP": 8}) for size in (1024, 32, 256)], key=[])
@triton.jit
def tuned(x_ptr, BLOCK: tl.constexpr, GROUP: tl.constexpr):
    at = tl.arange(0, BLOCK)
    tl.store(x_ptr + at, tl.load(x_ptr + at) + GROUP)
"""
IN_TURN = f"""\
import json, pathlib
from triton_matrix.codegen.batches import Settings, compile_all
from triton_matrix.launches import launch_file
for name in "ab":
    pathlib.Path(f"{{name}}.py").write_text({SOURCE.format(body="tl.load(x_ptr + at)")!r})
    for block in (512, 1024) if name == "a" else (512,):
        text = {LAUNCH!r}.replace("../toys/k.py", f"{{name}}.py").replace("512", str(block))
        pathlib.Path(f"{{name}}{{block}}.toml").write_text(text)
launches = launch_file.expand_all(pathlib.Path.cwd(), ["cuda:90"])
order = dict()
for seconds in (None, 600):
    took = order.setdefault(str(seconds), [])
    compile_all(launches, Settings(seconds=seconds), lambda index, rows: took.append(index))
print(json.dumps(order))
"""


def asked(tmp_path, release, name):
    """Entries of the kernel of this name that the release was asked for as a guess."""
    entries = json.loads((tmp_path / "out" / "codegen-guessed" / f"{release}.json").read_text())["entries"]
    return [each for each in entries if each["kernel"].endswith(f":{name}")]


def test_a_guess_that_compiles_long_is_made_smaller_or_given_up_on_the_first_release(scan, tmp_path):
    """Some 12 s: three guesses run into their limit, which is ten times what an idle Triton needs for a small one."""
    status, found, said = scan(UNROLLED, "--guess-seconds", "2")
    assert status == 0
    shrinks, never = found["kernels"]
    assert (shrinks["how"], shrinks["status"]["cuda"]["3.4.0"]) == ("guessed", "ok")
    assert asked(tmp_path, "3.4.0", "shrinks")[0]["constexprs"]["BLOCK"] == 16
    assert (never["how"], never["status"]) == ("not reached", {})
    why = "not compiled within 2 s: a guess at these sizes is too large"
    assert never["reasons"] == {"cuda": {"3.4.0": why}}
    assert not asked(tmp_path, "2.3.1", "never")
    assert found["guesses"] == {"too_large": 1, "out_of_time": 0}
    assert found["lines"][0] == "2 kernels: 1 guessed, 1 not reached; 1 with a guess that is too large"
    assert f"not reached: toys.k:never (toys/k.py:14): {why}" in said.out
    again = scan(UNROLLED, "--guess-seconds", "2")
    assert again[1]["kernels"] == found["kernels"]
    assert "compiled in" not in again[2].err  # what was too large is kept as well


def test_what_the_time_for_guesses_does_not_reach_is_said_and_a_second_run_goes_on_from_what_is_kept(scan):
    source = SOURCE.format(body=FMA)
    late = OUT_OF_TIME
    _, found, said = scan(source, "--guesses", "0")
    assert found["kernels"][0]["reasons"] == {"cuda": {"2.3.1": late, "3.4.0": late}}
    assert found["guesses"] == {"too_large": 0, "out_of_time": 1}
    assert found["lines"][0] == f"1 kernels: 1 not reached; 1 not asked with every launch on every release: {late}"
    assert f"not reached: toys.k:scaled (toys/k.py:5): {late}" in said.out
    assert "triton 2.3.1: 1 not reached" in said.err
    assert scan(source)[1]["kernels"][0]["how"] == "guessed"
    _, found, said = scan(source, "--guesses", "0")  # nothing is left to compile
    assert found["kernels"][0]["status"] == {"cuda": {"2.3.1": "fails", "3.4.0": "ok"}}
    assert found["guesses"] == {"too_large": 0, "out_of_time": 0}


def test_a_launch_of_the_package_is_asked_whatever_guesses_may_cost(scan):
    _, found, _ = scan(SOURCE.format(body=FMA), "--guesses", "0", "--guess-seconds", "0.001", launch=LAUNCH)
    (kernel,) = found["kernels"]
    assert (kernel["how"], kernel["status"]["cuda"]) == ("brought", {"2.3.1": "fails", "3.4.0": "ok"})


def test_what_the_time_for_launches_does_not_reach_is_said_and_is_no_change_for_the_worse(scan):
    source = SOURCE.format(body="tl.load(x_ptr + at)")
    options = ("--launches", "0", "--fail-on", "worse")
    _, found, _ = scan(source, "--triton", "2.3.1", launch=LAUNCH)
    assert found["kernels"][0]["status"] == {"cuda": {"2.3.1": "ok"}}
    status, found, said = scan(source, *options)  # the first release is kept from before
    (kernel,) = found["kernels"]
    assert (status, found["worse"], kernel["how"]) == (0, [], "brought")
    assert kernel["status"] == {"cuda": {"2.3.1": "ok", "3.4.0": "unknown"}}
    assert kernel["reasons"] == {"cuda": {"3.4.0": OUT_OF_TIME}}
    assert found["lines"][0].endswith(f"1 not asked with every launch on every release: {OUT_OF_TIME}")
    assert "triton 3.4.0: 1 not reached" in said.err
    scan(source)
    assert scan(source, *options)[1]["kernels"][0]["status"] == {"cuda": {"2.3.1": "ok", "3.4.0": "ok"}}


def test_every_kernel_has_a_launch_compiled_before_any_has_two_where_there_is_a_time(run_script, release_python):
    """Two files, three launches; the second of the first kernel comes last."""
    said = run_script(release_python("3.4.0"), IN_TURN)
    assert json.loads(said) == {"None": [0, 1, 2], "600": [0, 2, 1]}


def test_a_guess_takes_the_smallest_of_a_tuner_s_configurations(scan, tmp_path):
    scan(TUNED)
    assert [each["constexprs"] for each in asked(tmp_path, "3.4.0", "tuned")] == [{"BLOCK": 32, "GROUP": 8}]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--guesses", "-1", "--guesses is -1; allowed is a number from 0 on"),
        ("--launches", "-1", "--launches is -1; allowed is a number from 0 on"),
        ("--guess-seconds", "0", "--guess-seconds is 0; allowed is a positive number"),
    ],
)
def test_a_time_that_is_none_is_one_sentence(option, value, said, capsys):
    assert cli.main(["anything", option, value]) == 2
    assert said in capsys.readouterr().err
