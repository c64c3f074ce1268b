"""The atlas compiles what the plan launches: every kernel of it, every number of warps, nothing else."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from liger_kernel.kernels import geometry, plan, settings
from triton_matrix.base import targets
from triton_matrix.codegen import accepted

from . import layer_norm as atlas

GPUS = list(targets.DEFAULT)
ACCEPTED = Path(__file__).with_name("accepted.toml")


def planned(target, n_cols, dtype="bf16"):
    device = atlas.device_of(target)
    return (
        *plan.forward_plan(atlas.N_ROWS, n_cols, dtype, device),
        *plan.backward_plan(atlas.N_ROWS, n_cols, dtype, device),
    )


@pytest.mark.parametrize("target", GPUS)
def test_every_kernel_and_number_of_warps_that_a_long_row_reaches_is_in_the_atlas(target):
    reached = {
        (launch.kernel, launch.num_warps)
        for n_cols in plan.branch_sizes()
        if n_cols >= min(atlas.SIZES)
        for launch in planned(target, n_cols)
    }
    compiled = {
        (each["kernel"].partition(":")[2], each["options"]["num_warps"]) for each in atlas.configurations([target])
    }
    assert reached <= compiled, "add to atlas.SIZES a size that reaches what is missing"


def test_a_kernel_that_only_another_product_of_a_target_reaches_is_in_the_atlas():
    by_kernel = {}
    for each in atlas.configurations(["cuda:90"]):
        by_kernel.setdefault(each["kernel"].partition(":")[2], []).append(each)
    found = [*by_kernel["_layer_norm_backward_ahead_kernel"], *by_kernel["_layer_norm_backward_pairs_kernel"]]
    assert {(each["kernel"].split("_")[-2], each["constexprs"]["SPLIT"] > 1, each["args"]["X"]) for each in found} == {
        ("ahead", False, "*bf16"),
        ("ahead", True, "*fp32"),
        ("ahead", True, "*bf16"),
        ("pairs", True, "*bf16"),
    }
    sizes = itertools.chain(*(sizes for products in atlas.PRODUCTS.values() for sizes in products.values()))
    assert set(sizes) <= set(plan.branch_sizes())


def test_the_sizes_are_among_those_that_the_plan_names():
    assert {*atlas.SIZES, *itertools.chain(*atlas.TUNED_SIZES.values())} <= set(plan.branch_sizes())


def test_ids_are_unique():
    configurations = atlas.configurations(GPUS)
    assert len({(each["label"], each["target"]) for each in configurations}) == len(configurations)


def test_a_configuration_holds_data_only():
    configurations = atlas.configurations(GPUS)
    assert json.loads(json.dumps(configurations)) == configurations


def test_a_configuration_is_a_launch_of_the_plan_and_nothing_more():
    launches = planned("cuda:90", 8192)
    by_label = {each["label"]: each for each in atlas.configurations(["cuda:90"])}
    seen = 0
    for launch in launches:
        each = by_label.get(f"{launch.kernel}[n_cols=8192,bf16]")
        if each is None:  # the same settings as at a shorter row
            continue
        seen += 1
        assert each["constexprs"] == launch.constexprs
        assert each["options"] == launch.options
        assert each["args"] == launch.args
    assert seen > 0


@pytest.mark.parametrize("n_cols", [8192, 65535])
def test_hints_are_what_the_launch_s_values_are(n_cols):
    for launch in planned("cuda:90", n_cols):
        hints = atlas.configuration(launch, n_cols, "bf16", "cuda:90")["hints"]
        values = {"n_rows": atlas.N_ROWS, **launch.values}
        for name, kind in launch.args.items():
            divisible = kind.startswith("*") or (name in values and values[name] % 16 == 0)
            assert (name in hints) == divisible, (launch.kernel, name)


def test_both_dtypes_are_compiled_and_narrow_loads_in_bf16():
    labels = {each["label"] for each in atlas.configurations(["cuda:90"])}
    assert {"_layer_norm_forward_kernel[n_cols=4096,fp32]", "_layer_norm_forward_kernel[n_cols=4096,bf16]"} <= labels
    assert "_layer_norm_forward_kernel[n_cols=1000,fp32]" not in labels


def test_the_oldest_release_has_configurations_of_its_own_where_the_plan_says_so():
    labels = {each["label"] for each in atlas.configurations(["cuda:90"])}
    assert "_layer_norm_backward_kernel[n_cols=8192,bf16,as for 2.3.1]" in labels
    # and where it knows no limit on registers, that alone makes none
    assert not any("_layer_norm_forward_kernel" in label and "as for" in label for label in labels)


def test_every_accepted_change_names_a_configuration_that_there_is():
    pytest.importorskip("tomllib", reason="needs Python 3.11, which reads TOML by itself")
    there = {each["label"] for each in atlas.configurations(GPUS)}
    named = {f"{each.kernel.rpartition(':')[2]}[{each.settings}]" for each in accepted.read(ACCEPTED)}
    assert named <= there


def test_every_kernel_without_inline_assembly_and_without_a_split_row_is_computed_too():
    computed = {each["kernel"].partition(":")[2] for each in atlas.configurations(["cuda:90"]) if "grid" in each}
    ways = ("forward", "forward_unaligned", "forward_packed", "backward", "backward_unaligned", "backward_reduce")
    assert {f"_layer_norm_{way}_kernel" for way in ways} <= computed
    assert not any("grid" in each for each in atlas.configurations(["cuda:80"]))


def test_what_the_plan_says_of_gpus_itself_is_what_their_rows_say():
    """The product cannot ask the harness, so these stand twice."""
    cuda = targets.of_family("cuda")
    assert {each.limits.registers for each in cuda} == {geometry.REGISTERS}
    assert {each.limits.registers_per_thread for each in cuda} == {geometry.MOST_REGISTERS}
    assert {each.max_threads_per_block for each in targets.TARGETS.values()} == {
        plan.DeviceProperties("", 1).max_threads_per_program
    }
    tuned = json.loads(Path(settings.__file__).with_name("tuned.json").read_text(encoding="utf-8"))["devices"]
    for entry in tuned:
        gpu = targets.parse(entry["arch"]).gpu
        if entry.get("product", "") in gpu.product:
            assert entry["n_multiprocessors"] == gpu.multiprocessors, entry["provenance"]
