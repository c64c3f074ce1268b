"""Launches in real releases' interpreters, torch not installed: what repairs make of them, and what is told."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from triton_matrix.values import compare, computing, filling

KERNELS = Path(__file__).with_name("kernels.py")
OLDEST, NEWEST = "2.3.1", "3.9.0"
COUNT = {"kind": "count"}


@pytest.fixture(scope="module")
def launches(tensor):
    """Launch -> its description, of every kernel here."""

    def values(numbers, dtype=np.float32):
        return filling.packed(np.array(numbers, dtype))

    eight, out = tensor("fp32", [8], **COUNT), tensor("fp32", [8])
    half = tensor("fp16", [8], **COUNT)
    tile = {"kind": "uniform", "low": -4, "high": 4}
    block = {"BLOCK": 8}
    asked = {
        "float_argument": ({"out": tensor("fp32", [1]), "s": 0.5}, {}),
        "loop_variable": ({"x": eight, "out": tensor("fp32", [1]), "n": 8}, {"BLOCK": 4}),
        "both": ({"x": eight, "out": out}, block),
        "smaller": ({"x": eight, "y": tensor("fp32", [8], kind="constant", value=4.5), "out": out}, block),
        "less": (
            {"x": tensor("bf16", [8], **COUNT), "y": tensor("bf16", [8], kind="constant", value=4), "out": out},
            block,
        ),
        "assigned_half": ({"x": half, "out": out}, block),
        "inside_a_function": ({"x": eight, "out": out}, block),
        "beyond": ({"x": tensor("fp32", [5], **COUNT), "out": tensor("fp32", [5])}, block),
        "waits": ({"flag": tensor("i32", [1]), "out": tensor("i32", [1])}, {}),
        "meet": ({"words": tensor("i32", [6]), "out": tensor("i32", [6])}, {"ROUNDS": 3}),
        "all_meet": ({"count": tensor("i32", [1]), "out": tensor("i32", [24])}, {"PROGRAMS": 24}),
        "queue": ({"lock": tensor("i32", [1]), "out": tensor("i32", [1])}, {}),
        "endless": ({"out": tensor("i32", [1])}, {}),
        "tanh": ({"x": tensor("fp32", [8], **values([0, 0.5, -0.5, 1, 2, 20, -20, 1e-3])), "out": out}, block),
        "methods": ({"x": eight, "out": out}, block),
        "exponent": ({"x": eight, "out": tensor("i32", [8])}, block),
        "assembly": ({"x": tensor("i32", [8], **COUNT), "out": tensor("i32", [8])}, block),
        "through_descriptor": (
            {"x": {"descriptor": {"dtype": "fp32", "shape": [8], "fill": COUNT, "block_shape": [8]}}, "out": out},
            block,
        ),
        "dot": (
            {
                "x": tensor("bf16", [16, 16], **tile),
                "y": tensor("bf16", [16, 16], **tile),
                "out": tensor("fp32", [256]),
            },
            {"N": 16},
        ),
        "mapped": ({"x": eight, "out": out}, block),
        "tiles": ({"x": tensor("fp32", [2, 8], **COUNT), "out": tensor("fp32", [2, 8]), "M": 2, "N": 8}, {"BLOCK": 4}),
        "own_reduction": ({"x": tensor("fp32", [8], **values([3, 1, 4, 1, 5, 9, 2, 6])), "out": out}, block),
        "add_at": ({"x": tensor("fp16", [8], **COUNT), "out": tensor("fp16", [2])}, block),
        "rows": ({"out": tensor("i32", [40, 3])}, {"STRIDE": 3}),
        "typo": ({"out": tensor("i32", [1])}, {}),
    }
    made = {}
    for name, (args, constexprs) in asked.items():
        grid = {"rows": [40, 3], "meet": [2], "queue": [6], "all_meet": [24]}.get(name, [1])
        kernel = f"{KERNELS}:{name}"
        made[name] = {"name": name, "kernel": kernel, "args": args, "constexprs": constexprs, "grid": grid}
    return made


@pytest.fixture(scope="module")
def computed(child, launches, tmp_path_factory):
    """Launch -> outcome, of a release; each release is asked once."""
    known = {}

    def of(release):
        if release not in known:
            folder = tmp_path_factory.mktemp(release)
            asked = [launch for name, launch in launches.items() if name != "endless"]
            known[release] = child(release, folder, asked, seconds=60, most=10)
        return known[release]

    return of


def written(outcome, argument="out"):
    """What a launch wrote into an argument, in the order of its places."""
    (found,) = [each for each in compare.written(outcome) if each.argument == argument]
    return compare.dtypes.decode(found.bits, found.dtype).tolist()


@pytest.mark.parametrize("release", [OLDEST, "3.3.1", NEWEST])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float_argument", [1.5]),
        ("loop_variable", [28.0]),
        ("both", [0, 0, 2, 3, 4, 0, 0, 0]),
        ("smaller", [0, 1, 2, 3, 4, 4.5, 4.5, 4.5]),
        ("less", [1, 1, 1, 1, 0, 0, 0, 0]),
        ("inside_a_function", [3, 4, 5, 6, 7, 8, 9, 10]),
        ("beyond", [1, 2, 3, 4, 5]),
        ("add_at", [6, 22]),
        ("meet", [2, 1, 12, 11, 22, 21]),
        ("queue", [15]),
        ("all_meet", list(range(24))),  # more than are run of a grid whose programs do not wait
        ("own_reduction", [12, 12, 13, 13, 14, 18, 18, 18]),
        ("tanh", [0, 0.46211717, -0.46211717, 0.7615942, 0.9640276, 1, -1, 0.0009999997]),
        # `scale = 0.1` makes an fp32 scalar, whatever it is multiplied with
        ("assigned_half", [0.1 * each for each in range(8)]),
    ],
)
def test_a_kernel_computes_what_its_source_says_to_a_compiler(computed, release, name, expected):
    outcome = computed(release)[name]
    assert (outcome.status, outcome.row["reason"]) == ("computed", "")
    assert written(outcome) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("release", ["3.3.1", NEWEST])
@pytest.mark.parametrize(
    ("name", "expected"), [("methods", [0, 1, 1, 2, 2, 2, 2, 3]), ("exponent", [-(2**31), 0, 1, 1, 2, 2, 2, 2])]
)
def test_what_came_with_3_0_is_computed_where_it_is(computed, release, name, expected):
    outcome = computed(release)[name]
    assert (outcome.status, outcome.row["reason"]) == ("computed", "")
    assert written(outcome) == expected


@pytest.mark.parametrize("release", [OLDEST, "3.3.1", NEWEST])
def test_a_product_of_bf16_tiles_is_that_of_their_values(computed, launches, release):
    tile = launches["dot"]["args"]["x"]["tensor"]["fill"]
    bf16 = compare.dtypes.find("bf16")
    x = compare.dtypes.decode(filling.filled(tile, 256, bf16), bf16).astype(np.float64).reshape(16, 16)
    assert written(computed(release)["dot"]) == pytest.approx((x @ x).ravel(), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("waits", "n/a", "a program waits for what none of those that run does"),
        ("assembly", "n/a", "inline assembly is the device's own code"),
        ("typo", "error", "does not run: AttributeError: module 'triton.language' has no attribute 'no_such_function'"),
    ],
)
def test_what_an_interpreter_cannot_do_is_told_apart_from_what_does_not_run(computed, release, name, status, reason):
    outcome = computed(release)[name]
    assert (outcome.status, outcome.row["reason"]) == (status, reason)


def test_a_program_without_end_is_late(child, launches, tmp_path):
    outcome = child(NEWEST, tmp_path, [launches["endless"]], seconds=0.5)["endless"]
    assert (outcome.status, outcome.row["reason"]) == ("late", "0 of 1 programs ran in 0.5 s of CPU time")


def test_descriptors_and_functions_of_elements_are_computed_where_the_language_has_them(computed):
    assert written(computed(NEWEST)["tiles"]) == [2 * each for each in range(16)]
    assert written(computed("3.5.1")["tiles"]) == [2 * each for each in range(16)]  # a stride of 8 is 32 bytes
    assert written(computed(NEWEST)["mapped"]) == [0, 1, 2, 3, 2, 2.5, 3, 3.5]


def test_a_descriptor_is_not_asked_of_a_release_from_before_there_were_any(computed):
    outcome = computed("3.3.1")["through_descriptor"]
    assert outcome.status == "n/a"
    assert outcome.row["reason"] == "a tensor descriptor is an argument, which triton 3.3.1 does not know"
    assert written(computed(NEWEST)["through_descriptor"]) == list(range(8))


def test_an_access_outside_of_the_tensors_is_counted_and_changes_nothing(computed):
    outcome = computed(NEWEST)["beyond"]
    assert outcome.row["outside"] == {"load": 3, "store": 3}
    assert "accesses outside of the tensors" in outcome.row["repairs"]


def test_a_large_grid_runs_the_same_few_programs_in_every_release(computed):
    old, new = (computed(release)["rows"] for release in (OLDEST, NEWEST))
    assert (len(new.programs), new.row["total"]) == (10, 120)
    assert old.programs == new.programs
    assert {(0, 0, 0), (39, 2, 0)} < set(new.programs)
    assert sorted(x * 10 + y for x, y, _ in new.programs) == sorted(written(new))


def test_a_row_names_the_repairs_that_its_launch_went_through(computed):
    rows = computed(NEWEST)
    assert rows["both"].row["repairs"] == ["and, or, not, min, max of tensors"]
    assert "libdevice" in rows["tanh"].row["repairs"]
    assert "tl.dot" in rows["dot"].row["repairs"]
    assert rows["rows"].row["repairs"] == []


def test_the_two_ends_of_the_table_agree_on_every_launch_that_both_compute(computed):
    for name, old in computed(OLDEST).items():
        new = computed(NEWEST)[name]
        if old.status == new.status == "computed":
            assert compare.changes({OLDEST: old, NEWEST: new}) == [], name


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"launches": [], "without": ["bf17"]}, "without has 'bf17'; allowed are the names of repairs"),
        ({"launches": [], "programs": 3}, "the request has 'programs'; allowed are launches, level"),
        ({"launches": [{"name": "x"}]}, "a launch is {'name': 'x'}; each needs a name and a kernel"),
        ({"launches": [], "level": "device"}, "level is 'device', which needs torch"),
    ],
)
def test_a_request_that_cannot_be_is_one_sentence_and_exit_status_2(release_python, tmp_path, request_, sentence):
    asked = tmp_path / "request.json"
    asked.write_text(json.dumps(request_))
    command = [str(release_python(NEWEST)), str(computing.CHILD), str(asked), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"request.json: {sentence}")
    assert done.stderr.count("\n") == 1
