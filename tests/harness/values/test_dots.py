"""What dots compute, counted in real releases' interpreters."""

from pathlib import Path

import pytest

KERNELS = Path(__file__).with_name("kernels.py")
OLDEST, NEWEST = "2.3.1", "3.9.0"
RELEASES = [OLDEST, "3.0.0", "3.4.0", NEWEST]
TILE = 2 * 32**3  # operations of a dot of 32 x 32 x 32


@pytest.fixture(scope="module")
def launches(tensor):
    """Launch -> its description."""

    def matrix(dtype, *shape, **fill):
        return tensor(dtype, list(shape), **(fill or {"kind": "constant", "value": 1}))

    def product(dtype, grid, *sizes):
        m, n, k = sizes
        args = {"x": matrix(dtype, m, k), "y": matrix(dtype, k, n), "out": matrix("fp32", m, n)}
        return "matmul", grid, {**args, "M": m, "N": n, "K": k}, {"BLOCK": 32}

    square, out, block = matrix("fp32", 32, 32), matrix("fp32", 32, 32), {"BLOCK": 32}
    counts = matrix("i32", 3, kind="count")
    small, scale = (
        matrix("u8", 32, 32, kind="integers", low=0, high=64),
        matrix("u8", 32, 2, kind="constant", value=127),
    )
    asked = {
        "whole": product("fp16", [2, 3], 64, 96, 128),
        "padded": product("bf16", [2, 2], 40, 48, 80),
        "fp64": product("fp64", [1, 1], 32, 32, 32),
        "fp8": product("fp8e5", [2, 1], 64, 32, 64),
        "int8": (
            "precise",
            [1],
            {"x": matrix("i8", 32, 32), "out": matrix("i32", 32, 32)},
            {**block, "PRECISION": "tf32"},
        ),
        "many": product("fp16", [8, 8], 256, 256, 64),
        "data": ("as_many_as_it_reads", [3], {"x": square, "out": matrix("fp32", 3, 32, 32), "n": counts}, block),
        "batched": (
            "batched",
            [1],
            {"x": matrix("fp16", 4, 32, 32), "out": matrix("fp32", 4, 32, 32)},
            {**block, "B": 4},
        ),
        "none": ("beyond", [1], {"x": matrix("fp32", 5), "out": matrix("fp32", 5)}, {"BLOCK": 8}),
        "allowed": ("as_asked", [1], {"x": square, "out": out}, {**block, "TF32": True}),
        "refused": ("as_asked", [1], {"x": square, "out": out}, {**block, "TF32": False}),
        "scaled": ("scaled", [1], {"x": small, "y": matrix("fp8e4nv", 64, 32), "scale": scale, "out": out}, block),
    }
    for precision in ("tf32", "tf32x3", "ieee"):
        asked[precision] = "precise", [1], {"x": square, "out": out}, {**block, "PRECISION": precision}
    return [
        {"name": name, "kernel": f"{KERNELS}:{kernel}", "grid": grid, "args": args, "constexprs": constexprs}
        for name, (kernel, grid, args, constexprs) in asked.items()
    ]


@pytest.fixture(scope="module")
def counted(child, launches, tmp_path_factory):
    """Launch -> its row, of a release; each release is asked once."""
    known = {}

    def of(release):
        if release not in known:
            folder = tmp_path_factory.mktemp(release)
            answers = child(release, folder, launches, seconds=60, most=16)
            known[release] = {name: outcome.row for name, outcome in answers.items()}
        return known[release]

    return of


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole", {"fp16": 2 * 64 * 96 * 128}),
        ("padded", {"bf16": 2 * 64 * 64 * 96}),  # a GPU multiplies whole blocks, whatever is masked
        ("data", {"tf32": 3 * TILE}),  # 0, 1 and 2 times
        ("allowed", {"tf32": TILE}),
        ("refused", {"fp32": TILE}),
        ("none", {}),
    ],
)
def test_operations_are_those_of_the_blocks_by_kind_of_input(counted, release, name, expected):
    row = counted(release)[name]
    assert (row["status"], row["reason"], row["dots"]) == ("computed", "", expected)


@pytest.mark.parametrize("release", RELEASES[1:])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fp8", {"fp8": 2 * 64 * 32 * 64}),
        ("int8", {"int8": TILE}),
        ("batched", {"fp16": 4 * TILE}),
        ("tf32", {"tf32": TILE}),
        ("tf32x3", {"tf32x3": TILE}),
        ("ieee", {"fp32": TILE}),
    ],
)
def test_what_came_with_3_0_is_counted_where_it_is(counted, release, name, expected):
    row = counted(release)[name]
    assert (row["status"], row["reason"], row["dots"]) == ("computed", "", expected)


def test_doubles_are_a_kind_of_their_own(counted):
    assert counted(NEWEST)["fp64"]["dots"] == {"fp64": TILE}


@pytest.mark.parametrize("release", ["3.2.0", "3.7.1"])
def test_a_scaled_dot_is_n_a_where_the_language_has_it_and_the_interpreter_does_not(counted, release):
    row = counted(release)["scaled"]
    assert (row["status"], row["reason"]) == ("n/a", "this release's interpreter has no tl.dot_scaled")


def test_a_scaled_dot_is_counted_as_the_wider_of_its_formats(counted):
    row = counted(NEWEST)["scaled"]
    assert (row["status"], row["reason"], row["dots"]) == ("computed", "", {"fp8": 2 * 32 * 32 * 64})


def test_of_a_sample_the_programs_that_ran_are_counted(counted):
    row = counted(NEWEST)["many"]
    assert (len(row["programs"]), row["total"]) == (16, 64)
    assert row["dots"] == {"fp16": 16 * 2 * TILE}


def test_of_a_program_that_does_not_end_nothing_counts(child, tensor, tmp_path):
    """In the second that the launch has, one program ends, one waits and one still runs; each did its dot.

    Takes 10 s: such a program's process is waited for before it is ended.
    """
    args = {"x": tensor("fp16", [32, 32]), "out": tensor("fp32", [32, 32]), "flag": tensor("i32", [4])}
    asked = {"name": "late", "kernel": f"{KERNELS}:one_ends", "grid": [3], "args": args, "constexprs": {"BLOCK": 32}}
    row = child(NEWEST, tmp_path, [asked], seconds=1)["late"].row
    assert (row["status"], row["programs"], row["dots"]) == ("late", [[1, 0, 0]], {"fp16": TILE})
