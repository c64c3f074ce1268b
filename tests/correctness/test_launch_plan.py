"""The launch plan as a function: for every target, what it chooses can be launched there, and covers what it must."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
from pathlib import Path

import pytest
import triton.language as tl

from liger_kernel.kernels import layer_norm as kernels
from liger_kernel.kernels import plan as launch_plan
from liger_kernel.kernels.geometry import longest_body
from liger_kernel.kernels.kinds import DIRECTIONS, KINDS
from liger_kernel.kernels.parameters import PARAMETERS
from liger_kernel.kernels.plan import backward_plan, forward_plan, partial_rows
from liger_kernel.kernels.settings import backward_settings, check_table, forward_settings

from .devices import DEVICES, H100, INTERPRETER, device_of
from .test_sizes import SIZES

# and a product with tuned settings of its own
H200 = dataclasses.replace(H100, name="NVIDIA H200")
TARGETS = {**DEVICES, "cuda:90 H200": H200}
# One row, fewer rows than a target has multiprocessors, and more rows than any number of programs
ROWS = (1, 33, 100_003)
NEEDS = [dict(zip(("need_dx", "need_dw", "need_db"), flags)) for flags in itertools.product([True, False], repeat=3)]
FROM_2_TO_THE_31 = 2**31 + 5


def plans(target: str):
    """The launches of every plan for ``target`` over its branches, dtypes and row counts."""
    device = TARGETS[target]
    for n_rows, n_cols, dtype in itertools.product(ROWS, launch_plan.branch_sizes(), launch_plan.BYTES):
        yield n_rows, n_cols, forward_plan(n_rows, n_cols, dtype, device)
        yield n_rows, n_cols, backward_plan(n_rows, n_cols, dtype, device)


@pytest.mark.parametrize("target", TARGETS)
def test_every_launch_fits_the_target(target):
    device = TARGETS[target]
    for _, _, plan in plans(target):
        for launch in plan:
            assert 1 <= launch.num_warps * device.warp_size <= device.max_threads_per_program, launch
            assert launch.num_warps & (launch.num_warps - 1) == 0, launch  # Triton takes powers of two only
            assert launch.num_stages >= 1, launch
            assert device.is_cuda or "maxnreg" not in launch.options, launch  # HIP has no such option
            # CUDA and HIP take 2**31 - 1 programs along the first axis, 65535 along the others
            assert all(1 <= n <= limit for n, limit in zip(launch.grid, (2**31 - 1, 65535, 65535))), launch


@pytest.mark.parametrize("target", TARGETS)
def test_every_tile_has_a_shape_that_triton_takes(target):
    for _, _, plan in plans(target):
        for launch in plan:
            rows, block_n = launch.constexprs.get("ROWS", 1), launch.constexprs["BLOCK_N"]
            assert rows & (rows - 1) == 0, launch
            assert block_n & (block_n - 1) == 0, launch
            assert rows * block_n <= 2**20, launch  # Triton's own limit of elements in a block


@pytest.mark.parametrize("target", TARGETS)
def test_every_program_of_a_split_row_has_a_slot_that_is_read(target):
    for n_rows, n_cols, plan in plans(target):
        for launch in plan:
            if "SPLIT" in launch.constexprs:
                split, block_n = launch.constexprs["SPLIT"], launch.constexprs["BLOCK_N"]
                shared = longest_body(n_cols, launch.args["X"][1:]) if launch.constexprs.get("ALIGN", 1) > 1 else n_cols
                assert (split - 1) * block_n < shared <= split * block_n, launch
                # where warps wait together, a slot belongs to one thread; in a pipelined kernel each waits for itself
                threads = 1 if "STAGES" in launch.constexprs else 2 * 32 * launch.num_warps
                assert launch.constexprs["LANES"] >= max(split, threads), launch
                assert split <= TARGETS[target].n_multiprocessors, launch
                part = launch.constexprs.get("PART", block_n)
                assert (split - 1) * part < shared <= split * part <= split * block_n, launch
                assert split == 1 or part * launch_plan.BYTES[launch.args["X"][1:]] % 16 == 0, launch
                assert launch.grid[0] % split == 0, launch
                assert launch.exchange_slots in (0, n_rows * split), launch


@pytest.mark.parametrize("tuned", [False, True])
def test_two_elements_share_a_register_where_rows_start_between_words_nowhere(tuned):
    device = dataclasses.replace(H100, tuned=tuned)
    for plan in (forward_plan, backward_plan):
        packed, odd, single = (
            plan(9, n_cols, dtype, device)[0] for n_cols, dtype in ((65536, "bf16"), (65535, "bf16"), (65536, "fp32"))
        )
        # kernels that hold words have no constexpr that says so
        assert [launch.constexprs.get("PACK", 2) for launch in (packed, odd, single)] == [2, 1, 1]
    if tuned:  # a pipelined kernel has fewer programs anyway
        return
    rows = 2**11  # enough for every program: an element in a register of its own leaves room for fewer of them
    assert backward_plan(rows, 65535, "bf16", device)[0].grid < backward_plan(rows, 65536, "bf16", device)[0].grid


@pytest.mark.parametrize("target", TARGETS)
def test_a_program_of_rows_that_are_not_aligned_keeps_to_those_that_start_alike(target):
    for n_rows, n_cols, plan in plans(target):
        for launch in plan:
            align, split = launch.constexprs.get("ALIGN", 1), launch.constexprs.get("SPLIT", 1)
            if align > 1:
                bytes_each, blocks = launch_plan.BYTES[launch.args["X"][1:]], launch.constexprs.get("CHUNKS", split)
                assert n_cols * bytes_each % 8 != 0, launch
                assert align * bytes_each in (16, 32), launch
                assert n_cols - n_cols % align <= blocks * launch.constexprs["BLOCK_N"], launch
                n_groups = launch.grid[0] // split
                assert n_groups % align == 0 or n_rows <= n_groups, launch


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("dtype", launch_plan.BYTES)
def test_a_block_holds_every_column_of_its_rows(dtype, tuned):
    device = dataclasses.replace(H100, tuned=tuned)
    around = (2**k + offset for k in range(9, 18) for offset in range(-9, 10))
    for n_cols, plan in itertools.product(around, (forward_plan, backward_plan)):
        launch = plan(4096, n_cols, dtype, device)[0]
        in_blocks = n_cols - n_cols % launch.constexprs.get("ALIGN", 1)
        blocks = launch.constexprs.get("SPLIT", 1) * launch.constexprs.get("CHUNKS", 1)
        assert in_blocks <= launch.constexprs["BLOCK_N"] * blocks, launch
        assert launch.constexprs.get("CHUNKS", 1) <= 6, launch


@pytest.mark.parametrize("plan", [forward_plan, backward_plan])
def test_a_block_too_small_for_unaligned_rows_is_an_error(plan):
    settings = launch_plan.Settings("unaligned", 1, 8192, 16)
    assert plan(9, 8195, "fp32", H100, settings=settings)[0].constexprs["BLOCK_N"] == 8192
    with pytest.raises(ValueError, match="block_n is 8192; unaligned rows of 8197 columns need at least 16384"):
        plan(9, 8197, "fp32", H100, settings=settings)


def test_a_row_of_the_table_may_hold_for_earlier_releases_of_triton_only():
    device = H100
    newest, old, later = (
        backward_plan(4096, 8192, "bf16", dataclasses.replace(device, triton=triton))
        for triton in ("", "3.1.0", "3.10.0+git1234")
    )
    assert old != newest
    assert later == newest == backward_plan(4096, 8192, "bf16", device)


def test_a_row_of_the_table_may_hold_from_a_release_on():
    device = H100
    before, since, newest = (
        forward_plan(4096, 65536, "bf16", dataclasses.replace(device, triton=triton))[0].kernel
        for triton in ("2.3.1", "3.0.0", "")
    )
    assert before == "_layer_norm_forward_split_kernel"
    assert since == newest == "_layer_norm_forward_pipelined_kernel"


def test_a_product_of_an_architecture_may_have_settings_of_its_own():
    assert forward_plan(4096, 512, "bf16", H200) != forward_plan(4096, 512, "bf16", H100)
    fewer = dataclasses.replace(H200, n_multiprocessors=100)  # a part of one, which nobody measured
    assert forward_plan(4096, 512, "bf16", fewer) == forward_plan(
        4096, 512, "bf16", dataclasses.replace(fewer, tuned=False)
    )


@pytest.mark.parametrize(
    ("n_rows", "n_cols", "triton", "launches"),
    [
        (128, 768, "3.6.0", 1),
        (2048, 4096, "3.9.0", 1),
        (2049, 4096, "3.9.0", 2),
        (1024, 8192, "3.4.0", 1),
        (2048, 8192, "3.6.0", 2),
        (1024, 4096, "3.3.1", 1),
        (1025, 4096, "3.3.1", 2),
        (1024, 8192, "3.0.0", 2),
        (512, 4096, "2.3.1", 2),
        (512, 16384, "3.6.0", 1),
        (513, 16384, "3.6.0", 2),
        (1024, 1023, "3.6.0", 1),
        (1024, 1025, "3.6.0", 2),
    ],
)
def test_few_rows_have_a_backward_of_one_launch_on_an_h200(n_rows, n_cols, triton, launches):
    device = dataclasses.replace(H200, triton=triton)
    plan = backward_plan(n_rows, n_cols, "bf16", device)
    assert len(plan) == launches
    wide = plan[0].kernel == "_layer_norm_backward_wide_kernel"
    assert wide == (launches == 1)
    assert plan[0].values.get("n_partials", 1) == 1
    assert partial_rows(plan) == (0 if wide else plan[-1].values["n_partials"])
    if wide:
        programs_of_dx = min(n_rows, 132 * 16)
        without_dx = backward_plan(n_rows, n_cols, "bf16", device, need_dx=False)[0]
        assert plan[0].grid[0] - without_dx.grid[0] in (programs_of_dx, min(n_rows, 132 * 4))
        assert without_dx.constexprs["SLICE"] * without_dx.grid[0] >= n_cols
        assert without_dx.values["rows_per_program"] >= n_rows
        assert plan[0].constexprs["STAGES"] == (1 if device.compiled_before("3.4") else 3)


AHEAD, PAIRS, PIPELINED, SPLIT, TILE = (
    f"_layer_norm_backward{way}_kernel" for way in ("_ahead", "_pairs", "_pipelined", "_split", "")
)


# kernel, programs of a row, warps, passes behind
@pytest.mark.parametrize(
    ("dtype", "n_cols", "triton", "reached"),
    [
        ("bf16", 8192, "3.9.0", (TILE, 1, 8, 0)),
        ("bf16", 10240, "3.9.0", (AHEAD, 1, 8, 0)),
        ("bf16", 12288, "3.0.0", (AHEAD, 1, 16, 0)),
        ("fp16", 12288, "3.0.0", (AHEAD, 1, 16, 0)),
        ("fp16", 12288, "3.9.0", (AHEAD, 1, 16, 0)),
        ("bf16", 12288, "2.3.1", (TILE, 1, 16, 0)),
        ("bf16", 16384, "3.6.0", (AHEAD, 1, 16, 0)),
        ("bf16", 16384, "3.3.1", (AHEAD, 1, 16, 0)),
        ("bf16", 16384, "3.5.1", (AHEAD, 1, 16, 0)),
        ("fp16", 16384, "3.3.1", (AHEAD, 1, 16, 0)),
        ("bf16", 15360, "3.5.1", (AHEAD, 1, 16, 0)),
        ("bf16", 16384, "3.9.0", (PAIRS, 16, 1, 0)),
        ("fp16", 16384, "3.6.0", (PAIRS, 16, 1, 0)),
        ("bf16", 16384, "2.3.1", (SPLIT, 16, 2, 0)),
        ("bf16", 131072, "3.0.0", (PIPELINED, 64, 2, 0)),
        ("fp16", 131072, "3.9.0", (PAIRS, 64, 2, 0)),
        ("bf16", 131071, "3.9.0", (AHEAD, 64, 2, 1)),
        ("bf16", 131071, "2.3.1", (SPLIT, 128, 2, 0)),
        ("bf16", 16385, "3.6.0", (AHEAD, 16, 1, 1)),
        ("bf16", 16385, "3.9.0", (AHEAD, 8, 2, 1)),
        ("bf16", 8191, "3.9.0", (AHEAD, 1, 8, 0)),
        ("bf16", 131072, "2.3.1", (SPLIT, 128, 2, 0)),
        ("fp32", 10240, "3.9.0", (TILE, 1, 8, 0)),
        ("fp32", 12288, "3.6.0", (AHEAD, 2, 16, 1)),
        ("fp32", 16384, "3.9.0", (AHEAD, 16, 1, 1)),
        ("fp32", 131072, "3.9.0", (AHEAD, 64, 2, 1)),
        ("fp32", 16383, "3.9.0", (AHEAD, 16, 1, 1)),
        ("fp32", 16383, "3.0.0", (AHEAD, 16, 1, 1)),
        ("fp32", 16383, "2.3.1", (SPLIT, 8, 4, 0)),
        ("bf16", 16385, "3.0.0", (SPLIT, 17, 2, 0)),
        ("fp32", 131072, "3.0.0", (AHEAD, 64, 4, 1)),
        ("fp32", 131072, "2.3.1", (SPLIT, 64, 4, 0)),
    ],
)
def test_how_an_h200_walks_long_rows_backward(dtype, n_cols, triton, reached):
    launch = backward_plan(4096, n_cols, dtype, dataclasses.replace(H200, triton=triton))[0]
    shape = launch.constexprs
    assert (launch.kernel, shape.get("SPLIT", 1), launch.num_warps, shape.get("BEHIND", 0)) == reached


@pytest.mark.parametrize("device", [H100, H200], ids=["H100", "H200"])
@pytest.mark.parametrize("triton", ["2.3.1", "3.0.0", "3.6.0", "3.9.0"])
def test_rows_of_an_odd_length_are_words_only_where_their_ends_lie_apart(device, triton):
    device = dataclasses.replace(device, triton=triton)
    for n_cols, plan in itertools.product(
        (4999, 8191, 16383, 20001, 49151, 65535, 131071), (forward_plan, backward_plan)
    ):
        for launch in plan(4096, n_cols, "bf16", device):
            assert "pipelined" not in launch.kernel
            assert "pairs" not in launch.kernel
            assert "packed" not in launch.kernel
            if "ahead" in launch.kernel:
                assert launch.constexprs["ALIGN"] > 1
                assert device.name
                assert not device.compiled_before("3.4"), (triton, n_cols)


@pytest.mark.parametrize(
    ("kind", "n_cols", "dtype", "named"),
    [
        ("packed", 63, "bf16", "63 columns of bf16 are no words"),
        ("pipelined", 4095, "fp16", "4095 columns of fp16 are no words"),
        ("ahead", 63, "bf16", "63 columns of bf16 are no words"),
        ("pairs", 4095, "bf16", "4095 columns of bf16 are no words"),
        ("packed", 9216, "fp32", "block_n is 1024; 9216 columns are more than 8 packed chunks"),
        ("ahead", 1024, "bf16", "block_n is 1024; forward shares rows of 1024 columns, in smaller blocks"),
    ],
)
def test_settings_of_words_are_refused_where_rows_have_none(kind, n_cols, dtype, named):
    settings = launch_plan.Settings(kind, 1, 1024, 4)
    plan = forward_plan if "forward" in KINDS[kind].directions else backward_plan
    with pytest.raises(ValueError, match=named):
        plan(9, n_cols, dtype, H100, settings=settings)


def test_packed_rows_load_ahead_only_what_is_words():
    settings = launch_plan.Settings("packed", 1, 1024, 4, prefetch=2)
    for n_cols, dtype, prefetch in ((4096, "bf16", 2), (4098, "bf16", 2), (4097, "bf16", 0), (4097, "fp32", 2)):
        (launch,) = forward_plan(9, n_cols, dtype, H100, settings=settings)
        assert launch.constexprs["PREFETCH"] == prefetch, (n_cols, dtype)


@pytest.mark.parametrize(
    ("arch", "triton", "dependent"),
    [
        ("cuda:90", "", True),
        ("cuda:90", "3.4.0", True),
        ("cuda:90", "3.3.1", False),
        ("cuda:80", "3.9.0", False),
        ("hip:gfx942", "3.9.0", False),
    ],
)
def test_the_reduction_is_a_dependent_launch_where_there_is_such_a_one(arch, triton, dependent):
    *others, reduction = backward_plan(4096, 4096, "bf16", dataclasses.replace(device_of(arch), triton=triton))
    assert (
        reduction.constexprs["DEPENDENT"] is dependent
    )  # the kernel waits for the partial rows, if it can start early
    assert reduction.options.get("launch_pdl", False) is dependent
    assert not any("launch_pdl" in launch.options for launch in others)


def test_the_reduction_knows_how_many_passes_it_takes_unless_they_are_many():
    for n_rows, rows, passes in ((3, 4, 1), (100, 64, 2), (132, 64, 3), (1056, 128, 0)):
        reduction = backward_plan(
            n_rows, 512, "fp32", H100, settings=launch_plan.Settings("tile", 1, 512, 4, programs=8)
        )[-1]
        assert reduction.values == {"n_partials": n_rows}
        assert (reduction.constexprs["ROWS"], reduction.constexprs["PASSES"]) == (rows, passes)


def test_every_kind_has_a_builder_and_nothing_else_has_one():
    assert set(launch_plan.BUILDERS) == set(KINDS)


MI300X = device_of("hip:gfx942")
OLD_H100, OLD_INTERPRETER = (dataclasses.replace(device, triton="2.3.1") for device in (H100, INTERPRETER))
NO_CUDA = "it runs on CUDA devices only, and this is"


# n_cols is a length that each kind takes, on a device that has it, in blocks of 4096
@pytest.mark.parametrize(
    ("kind", "plan", "device", "named"),
    [
        ("packed", forward_plan, MI300X, f"{NO_CUDA} hip:gfx942"),
        ("packed", forward_plan, OLD_INTERPRETER, "it needs Triton 3.0 or later on an interpreter"),
        ("packed", backward_plan, H100, "it has no backward kernel"),
        ("split", forward_plan, MI300X, f"{NO_CUDA} hip:gfx942"),
        ("split", backward_plan, INTERPRETER, f"{NO_CUDA} an interpreter"),
        ("pipelined", forward_plan, MI300X, f"{NO_CUDA} hip:gfx942"),
        ("pipelined", backward_plan, INTERPRETER, f"{NO_CUDA} an interpreter"),
        ("pipelined", backward_plan, OLD_H100, "it needs Triton 3.0 or later on cuda:90, and this is Triton 2.3.1"),
        ("ahead", backward_plan, MI300X, f"{NO_CUDA} hip:gfx942"),
        ("ahead", backward_plan, OLD_H100, "it needs Triton 3.0 or later on cuda:90, and this is Triton 2.3.1"),
        ("ahead", backward_plan, OLD_INTERPRETER, "it needs Triton 3.0 or later on an interpreter"),
        ("ahead", backward_plan, INTERPRETER, "4 programs of a row would wait for each other"),
        ("pairs", forward_plan, H100, "it has no forward kernel"),
        ("unaligned", forward_plan, OLD_INTERPRETER, "it needs Triton 3.0 or later on an interpreter"),
    ],
)
def test_a_kind_that_a_device_or_its_triton_cannot_run_is_refused_whatever_settings_say(kind, plan, device, named):
    settings = launch_plan.Settings(kind, 1, 4096, 8)
    with pytest.raises(ValueError, match=f"^kind is '{kind}'; {named}") as refused:
        plan(9, 4098 if kind == "unaligned" else 16384, "bf16", device, settings=settings)
    assert len(str(refused.value).splitlines()) == 1
    newest = INTERPRETER if kind == "unaligned" else H100
    there = (forward_plan if "forward" in KINDS[kind].directions else backward_plan)(
        9, 4098 if kind == "unaligned" else 16384, "bf16", newest, settings=settings
    )
    assert kind in there[0].kernel


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        ({"forward": forward_plan, "backward": backward_plan}[direction], name)
        for name, kind in KINDS.items()
        if kind.shares_rows
        for direction in kind.directions
    ],
)
def test_rows_that_would_wait_for_ever_are_refused_whatever_settings_say(kind, plan):
    settings = launch_plan.Settings(kind, 1, 2048, 4, programs=1)
    few = dataclasses.replace(H100, n_multiprocessors=8)  # as a green context has them
    assert plan(9, 65536, "bf16", dataclasses.replace(H100, n_multiprocessors=1000), settings=settings)
    with pytest.raises(ValueError, match="; 32 programs of a row would wait for each other, "):
        plan(9, 65536, "bf16", few, settings=settings)


@pytest.mark.parametrize("plan", [forward_plan, backward_plan])
@pytest.mark.parametrize(
    ("kind", "n_cols", "named"),
    [
        ("tile", 1025, "block_n is 1024; a tile of 1025 columns needs at least as many"),
        ("split", 1024, "block_n is 1024; a row of 1024 columns is split into blocks of fewer"),
    ],
)
def test_a_block_that_is_not_of_the_kind_is_refused(kind, n_cols, named, plan):
    with pytest.raises(ValueError, match=named):
        plan(9, n_cols, "bf16", H100, settings=launch_plan.Settings(kind, 1, 1024, 4))


def test_more_rows_than_a_tile_of_dw_and_db_has_elements_are_refused():
    with pytest.raises(ValueError, match="rows is 8192; a tile of dw and db has 4096 elements"):
        backward_plan(9, 512, "bf16", H100, settings=launch_plan.Settings("wide", 8192, 512, 4))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("triton", ["2.3.1", "3.0.0", "3.9.0"])
def test_no_plan_of_its_own_is_refused(target, triton):
    device = dataclasses.replace(TARGETS[target], triton=triton)
    for n_cols, dtype in itertools.product(launch_plan.branch_sizes(), launch_plan.BYTES):
        for plan, choose in ((forward_plan, forward_settings), (backward_plan, backward_settings)):
            chosen = choose(4096, n_cols, dtype, device)
            assert plan(4096, n_cols, dtype, device) == plan(4096, n_cols, dtype, device, settings=chosen)


@pytest.mark.parametrize("target", TARGETS)
def test_partial_rows_do_not_grow_with_the_rows(target):
    # dw and db are first added up in fp32 rows of their own: a few for each multiprocessor, however many rows there are
    for n_rows, _, plan in plans(target):
        for launch in plan:
            n_partials = launch.values.get("n_partials", 1)
            assert n_partials <= min(n_rows, 16 * TARGETS[target].n_multiprocessors), launch


@pytest.mark.parametrize("kernel", kernels.__all__)
def test_the_declared_parameters_are_those_of_the_signature(kernel):
    parameters = inspect.signature(getattr(kernels, kernel).fn).parameters
    assert PARAMETERS[kernel] == tuple(name for name in parameters if not _is_constant(parameters[name]))


@pytest.mark.parametrize("target", TARGETS)
def test_a_launch_gives_every_parameter_of_the_signature_once(target):
    for _, _, plan in plans(target):
        for launch in plan:
            parameters = inspect.signature(getattr(kernels, launch.kernel).fn).parameters
            assert tuple(launch.args) == PARAMETERS[launch.kernel]
            assert set(launch.constexprs) == {name for name in parameters if _is_constant(parameters[name])}, launch


def test_every_declared_kernel_exists():
    assert set(PARAMETERS) == set(kernels.__all__)


def _is_constant(parameter: inspect.Parameter) -> bool:
    return parameter.annotation is tl.constexpr


def test_the_plan_reads_no_environment(monkeypatch):
    device = H100
    before = forward_plan(4096, 4096, "bf16", device)
    monkeypatch.setenv("LIGER_KERNEL_TUNED", "0")
    assert forward_plan(4096, 4096, "bf16", device) == before
    assert forward_plan(4096, 4096, "bf16", dataclasses.replace(device, tuned=False)) != before


def a_table(**row):
    sizes = [f"{size} bytes{odd}" for size in (2, 4) for odd in ("", " unaligned")]
    rows = [{"up_to": 512, "kind": "tile", "rows": 8, "block_n": 512, "num_warps": 4, **row}]
    entry = {"arch": "cuda:90", "n_multiprocessors": 132}
    return [{**entry, "forward": dict.fromkeys(sizes, rows), "backward": dict.fromkeys(sizes, rows)}]


def test_a_table_of_settings_that_the_plan_can_take_is_taken():
    check_table(a_table())
    check_table(a_table(before="3.2", prefetch=2, dtype="bf16"))


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"kind": "tiles"}, "kind is 'tiles'"),
        ({"block_n": 500}, "block_n is 500"),
        ({"num_warps": 0}, "num_warps is 0"),
        ({"prefetch": 3}, "prefetch is 3"),
        ({"max_registers": 7}, "max_registers is 7"),
        ({"behind": 3}, "behind is 3"),
        ({"stages": 0}, "stages is 0"),
        ({"stages": 2, "prefetch": 1}, "stages is 2, prefetch 1"),
        ({"steps": 2}, "steps is no setting"),
        ({"before": 3.2}, "before is 3.2"),
        ({"since": 3.2}, "since is 3.2"),
        ({"rows_up_to": "512"}, "rows_up_to is '512'"),
        ({"dtype": "fp64"}, "dtype is 'fp64'"),
        ({"from": 513}, "up_to is missing or below from"),
    ],
    ids=str,
)
def test_a_table_of_settings_that_no_plan_takes_is_refused(row, named):
    with pytest.raises(ValueError, match=rf"cuda:90 with 132 multiprocessors, forward, 2 bytes, row .*: {named}"):
        check_table(a_table(**row))


def test_a_table_that_lacks_a_size_is_refused():
    devices = a_table()
    del devices[0]["backward"]["4 bytes"]
    with pytest.raises(ValueError, match="backward must have exactly 2 bytes, 2 bytes unaligned, 4 bytes, "):
        check_table(devices)


def test_the_sizes_of_the_suites_reach_every_kernel_that_the_interpreter_can_run():
    def launched(sizes):
        for n_rows, n_cols in sizes:
            for plan in (forward_plan, backward_plan):
                yield from (launch.kernel for launch in plan(n_rows, n_cols, "fp32", INTERPRETER))

    everything = itertools.product(ROWS, launch_plan.branch_sizes())
    assert set(launched(SIZES)) == set(launched(everything))


def test_every_kernel_is_in_a_plan():
    in_plans = {launch.kernel for target in TARGETS for _, _, plan in plans(target) for launch in plan}
    assert in_plans == set(kernels.__all__)


@pytest.mark.parametrize("plan", [forward_plan, backward_plan])
def test_the_plan_is_a_function_of_its_arguments(plan):
    assert plan(33, 1000, "bf16", H100) == plan(33, 1000, "bf16", H100)


@pytest.mark.parametrize("plan", [forward_plan, backward_plan])
def test_zero_rows_need_no_launch(plan):
    assert plan(0, 1000, "fp32", H100) == ()


@pytest.mark.parametrize("n_cols", [1000, 65537])
@pytest.mark.parametrize(
    "needs", NEEDS, ids=lambda needs: "".join(n[-1] for n, wanted in needs.items() if wanted) or "-"
)
def test_a_backward_launches_only_what_is_wanted(needs, n_cols):
    launches = backward_plan(33, n_cols, "fp32", H100, **needs)
    assert bool(launches) == any(needs.values())
    reduces = ["dW_partial" in launch.args and "n_partials" in launch.values for launch in launches]
    assert any(reduces) == (needs["need_dw"] or needs["need_db"])
    for launch in launches:
        for name, wanted in needs.items():
            assert launch.constexprs.get(name.upper(), wanted) == wanted, launch


@pytest.mark.parametrize("plan", [forward_plan, backward_plan])
def test_more_than_2_to_the_31_rows_are_counted_in_64_bits(plan):
    for launch in plan(FROM_2_TO_THE_31, 1, "bf16", H100):
        assert launch.args.get("n_rows", "i64") == "i64", launch


@pytest.mark.parametrize("plan", [forward_plan, backward_plan])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [((-1, 8, "fp32"), "n_rows is -1"), ((1, 0, "fp32"), "n_cols is 0"), ((1, 8, "fp64"), "dtype is 'fp64'")],
    ids=str,
)
def test_a_plan_for_nothing_that_exists_is_refused(plan, arguments, named):
    with pytest.raises(ValueError, match=named):
        plan(*arguments, H100)


@pytest.mark.parametrize("device", [H100, H200], ids=["H100", "H200"])
@pytest.mark.parametrize("triton", ["2.3.1", "3.0.0", "3.6.0", "3.9.0"])
def test_lengths_beside_the_edges_of_the_measured_settings_have_a_plan(device, triton):
    """A row of the table may hold for lengths that only a newer Triton's kernels take in blocks of that size."""
    device = dataclasses.replace(device, triton=triton)
    table = json.loads((Path(launch_plan.__file__).parent / "tuned.json").read_text())["devices"]
    rows = [row for each in table for direction in DIRECTIONS for rows in each[direction].values() for row in rows]
    edges = {row[name] for row in rows for name in ("from", "up_to") if name in row}
    for n_cols in sorted({edge + beside for edge in edges for beside in (-2, -1, 0, 1, 2)}):
        for dtype, plan in itertools.product(("bf16", "fp32"), (forward_plan, backward_plan)):
            assert plan(4096, n_cols, dtype, device)
