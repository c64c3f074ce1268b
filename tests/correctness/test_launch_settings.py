"""What reaches the launcher is what the launch plan says, with block shape and number of warps spelled out.

A launch that leaves out ``num_warps`` runs all the same, with the default of 4 warps and up to 4.5 times slower:
results cannot show it.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch

from liger_kernel.kernels import layer_norm as kernels
from liger_kernel.kernels import plan as launch_plan
from liger_kernel.kernels.plan import Settings
from liger_kernel.ops.launch import PreparedLaunch
from liger_kernel.ops.launch import device_properties as properties_of

from .api import liger_layer_norm
from .devices import H100
from .inputs import FP16, FP32, problem
from .reference import evaluate

PLAN_DTYPE = {torch.float32: "fp32", torch.float16: "fp16"}
TYPE_OF = {torch.float32: "*fp32", torch.float16: "*fp16", torch.int64: "*i64"}

# Row lengths that reach every kind of kernel: a tile of many rows, a masked one, a tile of one row, and rows walked in
# chunks. 9 rows do not fill a tile. Of the 16-bit dtypes one, because a plan knows them by their size.
SIZES = [(9, 17), (9, 1000), (9, 1024), (3, 4096), (3, 12288), (2, 65537)]


def device_properties(device: str) -> launch_plan.DeviceProperties:
    return properties_of(torch.empty(0, device=device).device)


@pytest.mark.parametrize("dtype", [FP32, FP16])
@pytest.mark.parametrize(("n_rows", "n_cols"), SIZES)
def test_forward_and_backward_launch_exactly_the_plan(n_rows, n_cols, dtype, device, launches):
    x, w, b, dy = problem(n_rows, n_cols, dtype=dtype, device=device)
    evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    properties, name = device_properties(device), PLAN_DTYPE[dtype]
    require_plan(
        launches,
        launch_plan.forward_plan(n_rows, n_cols, name, properties)
        + launch_plan.backward_plan(n_rows, n_cols, name, properties),
    )


# What is not asked for is not computed: no reduction without dw and db, and the switches that leave parts out.
@pytest.mark.parametrize("n_cols", [1000, 65537])
@pytest.mark.parametrize("frozen", [("x",), ("w",), ("b",), ("w", "b"), ("x", "w")], ids="".join)
def test_frozen_arguments_reach_the_launcher(frozen, n_cols, device, launches):
    x, w, b, dy = problem(2, n_cols, device=device)
    evaluate(liger_layer_norm, x, w, b, 1e-6, dy, frozen=frozen)
    properties = device_properties(device)
    needs = {f"need_d{name}": name not in frozen for name in "xwb"}
    require_plan(
        launches,
        launch_plan.forward_plan(2, n_cols, "fp32", properties)
        + launch_plan.backward_plan(2, n_cols, "fp32", properties, **needs),
    )


@pytest.mark.parametrize("n_cols", [1000, 65537])
def test_absent_parameters_reach_the_launcher(n_cols, device, launches):
    x, _, b, dy = problem(2, n_cols, device=device)
    evaluate(liger_layer_norm, x, None, b, 1e-6, dy)
    properties = device_properties(device)
    require_plan(
        launches,
        launch_plan.forward_plan(2, n_cols, "fp32", properties, has_w=False)
        + launch_plan.backward_plan(2, n_cols, "fp32", properties, has_w=False, need_dw=False),
    )


def test_parameters_in_fp32_reach_the_launcher(device, launches):
    arguments = problem(9, 1000, dtype=torch.float16, param_dtype=torch.float32, device=device)
    evaluate(liger_layer_norm, *arguments[:3], 1e-6, arguments.dy)
    properties, dtypes = device_properties(device), {"w_dtype": "fp32", "b_dtype": "fp32"}
    require_plan(
        launches,
        launch_plan.forward_plan(9, 1000, "fp16", properties, **dtypes)
        + launch_plan.backward_plan(9, 1000, "fp16", properties, **dtypes),
    )


def test_a_limit_on_registers_is_planned_for_every_triton_that_knows_one_and_no_other():
    limited = Settings("split", 1, 2048, 4, max_registers=128)
    device = H100
    for release, options in (("", {"maxnreg": 128}), ("3.0.0", {"maxnreg": 128}), ("2.3.1", {})):
        there = dataclasses.replace(device, triton=release)
        launch = launch_plan.forward_plan(9, 16384, "fp16", there, settings=limited)[0]
        assert launch.options == {"num_warps": 4, "num_stages": 1, **options}


# The launcher is replaced: what it is handed is all that counts, and the interpreter knows no limit.
@pytest.mark.parametrize("max_registers", [0, 128])
def test_every_option_that_the_plan_names_is_passed(max_registers, monkeypatch):
    handed = {}

    class Kernel:
        arg_names = ()

        def __getitem__(self, grid):
            return lambda *args, **kwargs: handed.update(kwargs, grid=grid)

    monkeypatch.setattr(kernels, "_layer_norm_forward_split_kernel", Kernel())
    settings = Settings("split", 1, 2048, 4, max_registers=max_registers)
    launch = launch_plan.forward_plan(9, 16384, "fp16", H100, settings=settings)[0]
    PreparedLaunch(launch, tuple(launch.args)).first((0,) * len(launch.args), aligned=True)
    assert handed == {**launch.constexprs, **launch.options, "grid": launch.grid}
    assert ("maxnreg" in handed) == bool(max_registers)


def require_plan(launches, plan) -> None:
    """Assert that ``launches`` are those of ``plan``, in order, and that each spells its settings out."""
    assert [launched.kernel for launched in launches] == [launch.kernel for launch in plan]
    for launched, launch in zip(launches, plan):
        settings = {**launch.constexprs, **launch.options}
        assert launched.grid == launch.grid
        assert launched.kwargs == settings
        assert any(name.startswith("BLOCK_") for name in launched.kwargs)
        assert [_type_of(value) for value in launched.args] == list(launch.args.values())


def _type_of(value) -> str:
    """The Triton type of an argument."""
    if isinstance(value, torch.Tensor):
        return TYPE_OF[value.dtype]
    if isinstance(value, float):
        return "fp32"
    return "i32" if value < 2**31 else "i64"
