"""``tune`` on the stand-in GPU: real workers, turns and files; each configuration takes what its kernel says."""

import json

import pytest

from triton_matrix.bench.device import sweeps, varying
from triton_matrix.bench.device.tune import _shown as shown
from triton_matrix.bench.device.workers import Failed

from .gpu import Machine

KERNELS = """
@triton.jit
def copy(x, out, BLOCK):
    times = {1: 40, 2: 30, 4: 20, 8: 15, 16: 25}
    late = V == "3.9.0" and options["num_warps"] == 8
    triton.takes(times[options["num_warps"]] * (2 if late else 1) + 256 / BLOCK)
    out[:BLOCK] = x[:BLOCK]

def binary(name, options):
    if options.get("num_warps") == 16 and V == "3.9.0":
        raise RuntimeError("PassManager::run failed")
    return f"REG:32 STACK:0 {options}"
"""
LAUNCH = """
kernel = "../toys.py:copy"
grid = [4]
[args]
x = {tensor = {dtype = "fp32", shape = [1024]}}
out = {tensor = {dtype = "fp32", shape = [1024], fill = {kind = "zeros"}}}
[constexprs]
BLOCK = 1024
[options]
num_warps = 4
"""


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path / "machine")
    made.kernels(KERNELS)
    (made.root / "launches").mkdir()
    (made.root / "launches" / "copy.toml").write_text(LAUNCH)
    return made


def tune(machine, *arguments, vary="num_warps"):
    return machine.verb("tune", "launches", "--vary", vary, "--out", "tuned.json", "--budget", "0.005", *arguments)


def stored(machine):
    return {each.triton: each for each in sweeps.read(machine.root / "tuned.json")}


def measured(sweep):
    return {point.options["num_warps"]: point.median and round(point.median * 1e6, 2) for point in sweep.points}


def test_every_configuration_is_measured_in_every_triton_and_kept_with_what_it_is_of(machine):
    done = tune(machine, "--triton-path", str(machine.newer))
    assert done.returncode == 0, done.stdout + done.stderr
    old, new = stored(machine)["3.6.0"], stored(machine)["3.9.0"]
    assert measured(old) == {4: 20.25, 2: 30.25, 8: 15.25, 16: 25.25}
    assert measured(new) == {4: 20.25, 2: 30.25, 8: 30.25, 16: None}
    assert (old.best.options, new.best.options) == ({"num_warps": 8}, {"num_warps": 4})
    said = next(each.failed for each in new.points if not each.median)
    assert said == "does not compile: RuntimeError: PassManager::run failed"
    assert (old.gpu, old.torch, old.own, old.place) == ("NVIDIA H200", "2.11.0", {"num_warps": 4}, "launches")
    content = json.loads((machine.root / "tuned.json").read_text())
    assert {"schema", "date", "commit", "dirty", "sweeps"} == set(content)
    assert "num_warps 8" in done.stdout


def test_what_is_kept_is_not_measured_again_until_the_kernel_is_another(machine):
    assert "2 measured" in tune(machine, "--most", "2").stderr
    path = machine.root / "tuned.json"
    path.write_text(path.read_text().replace('"median": 2', '"median": 3'))  # would be overwritten if measured again
    first = measured(stored(machine)["3.6.0"])
    done = tune(machine)
    assert "2 measured" in done.stderr, done.stderr
    both = measured(stored(machine)["3.6.0"])
    assert first.items() < both.items()
    assert len(both) == 4
    assert "0 measured" in tune(machine).stderr
    machine.kernels(KERNELS.replace("256", "512"))
    assert "4 measured" in tune(machine).stderr
    assert measured(stored(machine)["3.6.0"])[4] == 20.5


def test_a_constexpr_that_changes_what_is_written_is_no_candidate(machine):
    done = tune(machine, vary="BLOCK=512:1024:2048")
    assert done.returncode == 0, done.stdout + done.stderr
    failed = {point.options["BLOCK"]: point.failed for point in stored(machine)["3.6.0"].points}
    assert failed == {1024: "", 512: "writes other values than the launch as it is", 2048: ""}
    assert stored(machine)["3.6.0"].best.options["BLOCK"] != 512


def test_a_check_names_the_triton_on_which_the_best_is_one_no_longer(machine):
    tune(machine)
    fine = machine.verb("tune", "--check", "tuned.json", "--budget", "0.005")
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert "triton 3.6.0: num_warps 8 is still the best" in fine.stdout
    off = machine.verb("tune", "--check", "tuned.json", "--budget", "0.005", "--triton-path", str(machine.newer))
    assert off.returncode == 1, off.stdout + off.stderr
    said = " ".join(off.stdout.split())
    assert "num_warps 8, the best on triton 3.6.0, is 1.49 x num_warps 4 on 3.9.0 (30.2 us, 20.2" in said
    assert "2 bests compared on triton 3.6.0, 3.9.0, 1 no longer within 3%" in said


def test_a_check_of_a_launch_that_was_edited_has_no_answer(machine):
    tune(machine)
    (machine.root / "launches" / "copy.toml").write_text(LAUNCH.replace("[4]", "[5]"))
    done = machine.verb("tune", "--check", "tuned.json")
    assert done.returncode == 2
    assert "its file is gone or was edited; not checked" in done.stdout


def test_the_time_is_over_and_the_same_command_goes_on(machine):
    (machine.root / "launches" / "second.toml").write_text(LAUNCH.replace("[4]", "[5]"))
    done = tune(machine, "--seconds", "0.001")
    assert done.returncode == 2
    assert "the time is over after 0 of 2 launches; the same command goes on" in done.stdout
    assert tune(machine).returncode == 0


@pytest.mark.parametrize(("failed", "said"), [("", "not begun: the time was over"), ("launch", "none runs")])
def test_what_was_not_begun_is_not_said_to_fail(failed, said):
    sweep = sweeps.Sweep("copy", "", "", "", "", "", "3.6.0", "", "", "", None, None, {})
    sweep.take({(("num_warps", 4),): Failed("no", failed)} if failed else {})
    assert said in shown([sweep])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["launches", "--vary", "BLOK=1:2"], "vary has 'BLOK', which no launch has"),
        (["launches", "--vary", "BLOCK"], "vary has 'BLOCK'; allowed are num_warps, num_stages, and others with whole"),
        (["launches", "--most", "0"], "most 0"),
        (["launches", "--only", "dot"], "only is 'dot', which is found in the name of none of 1 launches"),
        (["launches", "--check", "tuned.json"], "check is given with launches"),
        (["--check", "nowhere.json"], "nowhere.json: No such file or directory; the verb tune writes such a file"),
        (["--check", "launches/copy.toml"], "copy.toml is no file of the verb tune"),
    ],
)
def test_bad_input_is_one_sentence(machine, arguments, said):
    done = machine.verb("tune", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert said in done.stderr


def test_neighbours_are_one_step_away_among_what_ran():
    asked = [{"num_warps": warps, "BLOCK": block} for warps in (2, 4, 8) for block in (64, 256)]
    points = [sweeps.Point(each, 1.0, 0.0) for each in asked]
    sweep = sweeps.Sweep("x", "", "", "", "", "", "3.9.0", "", "", "", None, None, {}, 0, points)
    near = sweep.neighbours((("num_warps", 4), ("BLOCK", 64)))
    assert [dict(each) for each in near] == [
        {"num_warps": 2, "BLOCK": 64},
        {"num_warps": 4, "BLOCK": 256},
        {"num_warps": 8, "BLOCK": 64},
    ]


def test_vary_takes_names_alone_and_names_with_values():
    assert varying.parse("num_warps, BLOCK=64:128") == {"num_warps": (2, 4, 8, 16), "BLOCK": (64, 128)}
    with pytest.raises(ValueError, match="vary has 'num_warps'"):
        varying.parse("num_warps,num_warps")
