"""A launch's values in one release against another: how many differ, by how much, where, and why."""

import hashlib
import json

import numpy as np
import pytest

from triton_matrix.values import compare, dtypes, outcomes


@pytest.fixture
def outcome(tmp_path):
    """What a child left of a launch that wrote ``values`` into y, whole or at ``places``."""
    made = []

    def make(
        values, dtype="fp32", places=None, shape=None, status="computed", programs=((0, 0, 0),), reason="", **more
    ):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        element = dtypes.find(dtype)
        bits = dtypes.encode(np.array(values), element)
        at = np.arange(len(bits)) if places is None else np.array(places, np.int64)
        digest = hashlib.sha256(f"{at.tolist()}{bits.tobytes()}".encode()).hexdigest()
        np.savez(folder / f"{digest}.npz", places=at, bits=bits)
        storage = {"args": ["y"], "dtype": dtype, "shape": shape or [len(bits)], "offset": 0, "read": False}
        storage |= {"strides": [int(np.prod(storage["shape"][at + 1 :])) for at in range(len(storage["shape"]))]}
        storage |= {"written": len(at), "digest": digest}
        row = {
            "status": status,
            "reason": reason,
            "programs": list(programs),
            "storages": [storage],
            **more,
        }
        made.append(outcomes.Outcome("launch", row, folder))
        return made[-1]

    return make


def changes(*releases):
    return compare.changes({f"3.{number}.0": each for number, each in enumerate(releases)})


def test_what_differs_is_named_with_its_index_and_both_values(outcome):
    before = outcome([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], shape=[2, 3])
    after = outcome([0.0, 1.0, 2.0, 3.5, 4.0, 9.0], shape=[2, 3])
    (change,) = changes(before, before, after)
    assert (change.kind, change.against, change.release) == ("values", "3.1.0", "3.2.0")
    (found,) = change.differences
    assert (found.argument, found.differing, found.of, found.index) == ("y", 2, 6, (1, 2))
    assert (found.absolute, found.relative) == (4.0, pytest.approx(4 / 9))
    assert found.sentence() == "y: 2 of 6 elements differ, by up to 4 (0.44 of the value); [1, 2] is 5, then 9"


def test_every_release_that_differs_from_the_one_before_it_is_told(outcome):
    found = changes(outcome([1.0]), outcome([2.0]), outcome([2.0]), outcome([1.0]))
    assert [change.release for change in found] == ["3.1.0", "3.3.0"]


@pytest.mark.parametrize(("dtype", "step"), [("fp32", 1e-6), ("bf16", 0.008), ("fp16", 0.0009), ("fp8e4nv", 0.1)])
def test_what_rounding_explains_is_told_apart_by_the_type(outcome, dtype, step):
    """One step of the type more or less, and twenty."""
    base = np.array([1.0, 96.0, -3.0])
    near, far = base * (1 + step), base * (1 + 20 * step)
    assert [change.kind for change in changes(outcome(base, dtype), outcome(near, dtype))] in (["rounding"], [])
    assert [change.kind for change in changes(outcome(base, dtype), outcome(far, dtype))] == ["values"]


def test_what_is_left_of_larger_numbers_may_differ_as_they_do(outcome):
    base, near = [1e-9, 1.0, -1.0], [3e-9, 1.0, -1.0]
    assert [change.kind for change in changes(outcome(base), outcome(near))] == ["rounding"]
    assert [change.kind for change in changes(outcome([1e-9]), outcome([3e-9]))] == ["values"]


def test_integers_do_not_round(outcome):
    large = 2**62
    (change,) = changes(outcome([large], "i64"), outcome([large + 1], "i64"))
    assert change.kind == "values"
    assert str(large) in change.reason
    assert str(large + 1) in change.reason


def test_nan_and_infinity_are_values_and_the_sign_of_zero_is_none(outcome):
    assert changes(outcome([np.nan, 0.0, np.inf]), outcome([np.nan, -0.0, np.inf])) == []
    (change,) = changes(outcome([1.0, np.inf]), outcome([np.nan, 3e38]))
    assert change.kind == "values"
    assert change.differences[0].absolute is None


def test_what_only_one_of_them_wrote_differs(outcome):
    (change,) = changes(outcome([5.0, 7.0], places=[0, 3]), outcome([5.0, 8.0], places=[0, 9]))
    (found,) = change.differences
    assert (found.differing, found.of, found.unwritten) == (2, 3, 2)
    assert (found.index, found.before, found.after) == ((3,), "7", "not written")


def test_beside_a_device_which_does_not_tell_what_it_wrote_that_is_compared_which_the_other_one_wrote(outcome):
    device = outcome([7.0, 5.0, 7.0], whole=True)
    assert changes(outcome([5.0], places=[1]), device) == []
    (change,) = changes(device, outcome([5.0, 6.0], places=[1, 2]))
    assert (change.differences[0].differing, change.differences[0].of, change.differences[0].index) == (1, 2, (2,))


def test_a_release_that_could_not_be_asked_is_told_and_left_out(outcome):
    missing = outcome([], status="n/a", reason="inline assembly")
    found = changes(outcome([1.0]), missing, outcome([1.0]), outcome([2.0]))
    assert [(change.kind, change.release, change.against) for change in found] == [
        ("not compared", "3.1.0", "3.0.0"),
        ("values", "3.3.0", "3.2.0"),
    ]
    assert found[0].reason == "n/a: inline assembly"


def test_a_release_that_no_longer_runs_it_is_a_change_and_so_is_one_that_does_again(outcome):
    broken = outcome([], status="error", reason="does not run: TypeError: no")
    found = changes(outcome([1.0]), broken, broken, outcome([1.0]))
    assert [(change.kind, change.release) for change in found] == [("status", "3.1.0"), ("status", "3.3.0")]
    assert found[0].reason == "ran, now does not run: TypeError: no"


def test_other_programs_are_not_compared(outcome):
    few = outcome([2.0], programs=[(0, 0, 0)])
    (change,) = changes(outcome([1.0], programs=[(0, 0, 0), (1, 0, 0)]), few)
    assert (change.kind, change.reason) == ("not compared", "2 programs ran, then 1")


def test_a_launch_that_ended_its_process_has_crashed(tmp_path):
    lines = [{"begin": "one"}, {"launch": "one", "status": "computed", "reason": ""}, {"begin": "two"}]
    (tmp_path / outcomes.ROWS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert {name: each.status for name, each in outcomes.read(tmp_path).items()} == {
        "one": "computed",
        "two": "crashed",
    }


def on_device(before, after, **more):
    """What comparing says of what an interpreter and a GPU computed, asked as the bench asks it."""
    sides = {
        name: {"row": {**each.row, "total": 1}, "folder": str(each.folder)}
        for name, each in (("before", before), ("after", after))
    }
    return compare._of_pair({"launch": "launch", "reference": True, "device": False, **sides, **more})


def test_of_a_share_that_is_kept_only_what_both_keep_is_compared(outcome):
    """A GPU's storage is whole; of a large one a share is kept, and the rest was written all the same."""
    interpreted = outcome([1.0, 2.0, 3.0, 4.0])
    share = outcome([1.0, 3.5], places=[0, 2], whole=True)
    share.row["storages"][0]["written"] = 4
    change = on_device(interpreted, share)
    assert change.differences[0].of == 2
    assert change.differences[0].index == (2,)


def test_a_gpu_may_sum_in_another_order_and_round_what_a_dot_multiplies(outcome):
    before, after, dot = outcome([1.0] * 4), outcome([1.0 + 6e-6] * 4, whole=True), outcome([1.001] * 4, whole=True)
    assert on_device(before, after).kind == "rounding"
    assert changes(before, before, after)[0].kind == "values"
    assert on_device(before, dot).kind == "values"
    assert on_device(before, dot, device=True).kind == "rounding"


def test_what_is_left_of_large_numbers_is_held_against_their_size(outcome):
    before, after = outcome([1e-3] * 4), outcome([1e-3 + 2e-7] * 4, whole=True)
    assert on_device(before, after).kind == "values"
    before.row["scale"] = 1.0
    assert on_device(before, after).kind == "rounding"
