"""The atlas compiles what the launch plan launches: every kernel of it, every number of warps, nothing else."""

import pytest

from liger_kernel.kernels import launch_plan
from triton_matrix.base.cells import find_root, load
from triton_matrix.codegen import hook
from triton_matrix.codegen.targets import TARGETS

from . import layer_norm as atlas


def configurations(names):
    """As the verb gets them: through the hook that the table names."""
    return hook.configurations(load().package.atlas, find_root(), names)


def planned(target, n_cols, dtype="bf16"):
    device = atlas.device_of(target)
    return (
        *launch_plan.forward_plan(atlas.N_ROWS, n_cols, dtype, device),
        *launch_plan.backward_plan(atlas.N_ROWS, n_cols, dtype, device),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_every_kernel_and_number_of_warps_that_a_long_row_reaches_is_in_the_atlas(target):
    reached = {
        (launch.kernel, launch.num_warps)
        for n_cols in launch_plan.branch_sizes()
        if n_cols >= min(atlas.SIZES)
        for launch in planned(target, n_cols)
    }
    compiled = {
        (configuration.label.partition("[")[0], configuration.options["num_warps"])
        for configuration in configurations([target])
    }
    assert reached <= compiled, "add to atlas.SIZES a size that reaches what is missing"


def test_the_sizes_are_among_those_that_the_plan_names():
    assert set(atlas.SIZES) <= set(launch_plan.branch_sizes())


def test_ids_are_unique():
    found = configurations(list(TARGETS))
    assert len({configuration.id for configuration in found}) == len(found)


def test_a_configuration_is_a_launch_of_the_plan_and_nothing_more():
    launches = planned("cuda:90", 8192)
    by_label = {configuration.label: configuration for configuration in configurations(["cuda:90"])}
    for launch in launches:
        configuration = by_label.get(f"{launch.kernel}[n_cols=8192,bf16]")
        if configuration is None:  # the same settings as at a shorter row
            continue
        assert configuration.constexprs == launch.constexprs
        assert configuration.options == {"num_warps": launch.num_warps, "num_stages": launch.num_stages}
        assert configuration.args == launch.args


@pytest.mark.parametrize("n_cols", [8192, 65535])
def test_hints_are_what_the_launch_s_values_are(n_cols):
    for launch in planned("cuda:90", n_cols):
        configuration = atlas._configuration(launch, n_cols, "bf16", "cuda:90")
        values = {"n_rows": atlas.N_ROWS, "n_cols": n_cols, **launch.values}
        for name, kind in launch.args.items():
            divisible = kind.startswith("*") or (name in values and values[name] % 16 == 0)
            assert (name in configuration["hints"]) == divisible, (configuration["label"], name)


def test_both_dtypes_are_compiled_and_narrow_loads_in_bf16():
    labels = {configuration.label for configuration in configurations(["cuda:90"])}
    assert {"_layer_norm_forward_kernel[n_cols=4096,fp32]", "_layer_norm_forward_kernel[n_cols=4096,bf16]"} <= labels
    assert "_layer_norm_forward_kernel[n_cols=1000,fp32]" not in labels
