"""Long rows that are copied ahead and finished a pass or two later: whole ones backward, shared ones both ways.

Whole rows run wherever the kernel does. Shared ones wait for each other, which no interpreter can: there, the programs
run twice on the same slots, and what they find in them the second time is what a GPU waits for.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import pytest
import torch
import triton
import triton.language as tl

from liger_kernel.kernels import layer_norm, layer_norm_ahead, layer_norm_pairs
from liger_kernel.kernels import plan as launch_plan
from liger_kernel.kernels.device import DeviceProperties
from liger_kernel.kernels.exchange import published
from liger_kernel.kernels.plan import Launch, Settings, backward_plan, forward_plan
from liger_kernel.kernels.sums import add_two
from liger_kernel.ops import problem as problems
from liger_kernel.ops.utils import compare_version, is_hip
from triton_matrix.suites.pytest_plugin import current_level

from .api import liger_layer_norm
from .inputs import DTYPES, FP16, HALF_DTYPES, problem
from .reference import check, evaluate, torch_layer_norm

KERNEL = "_layer_norm_backward_ahead_kernel"
FORWARD_KERNEL = "_layer_norm_forward_ahead_kernel"
TILE = Settings("tile", 1, 32768, 4)
FORWARD = Settings("ahead", 1, 2048, 4, programs=2, stages=4, max_registers=255)
# ways to share a row: settings but for the block, of elements of 4 and of 2 bytes, or of 2 alone
AHEAD = [Settings("ahead", 1, 2048, 4, programs=2, stages=3, behind=behind, max_registers=255) for behind in (0, 1)]
PAIRS = Settings("pairs", 1, 2048, 2, programs=4, stages=3, max_registers=255)
WAYS = [pytest.param(each, id=f"{each.kind}{each.behind}") for each in (*AHEAD, PAIRS)]
# An interpreter adds the sums of a block up element by element: there, few do. Blocks that are full, that end within a
# row, and within a word of 16 bytes; rows whose ends lie apart.
FULL, BEGUN, UNEVEN, PARTED = (32, 20, 22, 67) if current_level() == "interpreter" else (512, 300, 302, 515)


def whole(n_cols: int, behind: int = 0) -> Settings:
    return Settings("ahead", 1, 2 * FULL if n_cols > FULL else FULL, 4, programs=1, stages=3, behind=behind)


@pytest.fixture
def ahead(monkeypatch):
    """`ahead(settings)`: every backward of the test takes these, and forward TILE or those of `forward`."""
    if compare_version("triton", operator.lt, "3.0"):
        pytest.skip("Triton 2 has no loop that copies rows ahead, so its plans have none: run with 3.0 or later")
    if is_hip():
        pytest.skip("the kernel holds PTX, so that a plan for ROCm refuses it: run on a CUDA GPU or interpreted")
    problems._problem.cache_clear()

    def force(settings: Settings, forward: Settings = TILE) -> None:
        monkeypatch.setattr(launch_plan, "forward_settings", lambda *arguments: forward)
        monkeypatch.setattr(launch_plan, "backward_settings", lambda *arguments: settings)

    yield force
    problems._problem.cache_clear()


# more rows than programs and fewer
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_cols", [FULL, BEGUN, UNEVEN, PARTED])
def test_whole_rows(n_cols, dtype, device, ahead, launches):
    ahead(whole(n_cols, behind=1))
    for n_rows in (1, 9):
        check(*problem(n_rows, n_cols, dtype=dtype, device=device))
    assert {launched.kernel for launched in launches if "backward" in launched.kernel} == {
        KERNEL,
        "_layer_norm_backward_reduce_kernel",
    }
    assert all(launched.kwargs["BEHIND"] == 0 for launched in launches if launched.kernel == KERNEL)


@pytest.mark.parametrize("dtype", HALF_DTYPES)
@pytest.mark.parametrize("n_cols", [BEGUN, PARTED])
def test_parameters_in_fp32_and_none(n_cols, dtype, device, ahead):
    ahead(whole(n_cols))
    x, w, b, dy = problem(9, n_cols, dtype=dtype, device=device)
    check(x, w.float(), b.float(), dy)
    check(x, None, b, dy)
    check(x, None, None, dy)


@pytest.mark.parametrize("frozen", [("x",), ("w",), ("b",), ("w", "b"), ("x", "w")], ids="".join)
@pytest.mark.parametrize("dtype", [FP16, DTYPES[0]])
def test_only_what_is_wanted(dtype, frozen, device, ahead):
    for n_cols in (BEGUN, PARTED) if dtype == torch.float16 else (BEGUN,):
        ahead(whole(n_cols))
        check(*problem(9, n_cols, dtype=dtype, device=device), frozen=frozen)


@pytest.mark.parametrize("n_cols", [UNEVEN, PARTED])
def test_values_that_are_hard(n_cols, device, ahead):
    ahead(whole(n_cols))
    hard_values(problem(9, n_cols, dtype=torch.float16, device=device))


@pytest.mark.device("programs that wait for each other cannot be interpreted")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_cols", [4096, 5000, 16384, 20002, 5001, 20003])
@pytest.mark.parametrize("way", WAYS)
def test_shared_rows_that_wait(way, n_cols, dtype, device, ahead, launches):
    if way.kind == "pairs" and dtype == torch.float32:
        pytest.skip("pairs are of rows of 16 bits: run with another dtype")
    if way.kind == "pairs" and n_cols % 2:
        pytest.skip("pairs are of rows of words: run with an even length")
    ahead(way, FORWARD)
    for n_rows in (1, 2, 3, 700):
        x, w, b, dy = problem(n_rows, n_cols, dtype=dtype, device=device)
        first = check(x, w, b, dy)
        for result, again in zip(first, evaluate(liger_layer_norm, x, w, b, 1e-6, dy)):
            assert torch.equal(result, again)
    kernel = f"_layer_norm_backward_{way.kind}_kernel"
    shared = [launched.kwargs for launched in launches if launched.kernel == kernel]
    assert shared
    assert any(launched.kernel == FORWARD_KERNEL for launched in launches)
    assert {each.get("BEHIND", way.behind) for each in shared} == {way.behind}
    check(x, w.float(), b.float(), dy)
    check(x, None, None, dy)
    for frozen in (("x",), ("w",), ("b",), ("w", "b"), ("x", "w")):
        check(x, w, b, dy, frozen=frozen)


@pytest.mark.device("programs that wait for each other cannot be interpreted")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n_cols", [20002, 20003])
def test_values_that_are_hard_on_shared_rows(n_cols, way, device, ahead):
    if way.kind == "pairs" and n_cols % 2:
        pytest.skip("pairs are of rows of words: run with an even length")
    ahead(way, FORWARD)
    hard_values(problem(300, n_cols, dtype=torch.float16, device=device))


def hard_values(arguments) -> None:
    x, w, b, dy = arguments
    check((x.float() + 1e4).half(), w, b, dy)
    clean = check(x, w, b, dy)
    huge = x.clone()
    huge[:, 0] = 6e4  # the first element alone decides the variance
    check(huge, w, b, dy)
    x[4, 17] = float("nan")
    got = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    others = torch.arange(len(x), device=x.device) != 4
    assert got.dx[4].isnan().all()
    assert torch.equal(got.dx[others], clean.dx[others])
    assert torch.equal(got.db, clean.db)


@triton.jit
def read(slots, lanes, SPLIT: tl.constexpr):
    return tl.load(slots + tl.minimum(lanes, SPLIT - 1))


@triton.jit
def add_up(words, slots, lanes, SPLIT: tl.constexpr):
    first, second = published(words)
    return tl.reduce((tl.where(lanes < SPLIT, first, 0.0), tl.where(lanes < SPLIT, second, 0.0)), 0, add_two)


# Blocks that are full, a last part that is shorter, and equal parts that end within blocks; a group has several rows.
LENGTHS_THAT_END_ANYHOW = [
    (64, torch.float32),
    (94, torch.float32),
    (64, torch.float16),
    (95, torch.float32),
    (91, torch.float16),
    *(pytest.param(70, *dtype.values, id="70-bf16", marks=dtype.marks) for dtype in DTYPES if dtype.id == "bf16"),
]


@pytest.fixture
def sums_are_there(device, ahead, monkeypatch):
    """The programs of a row read what is in its slots, and wait for nothing."""
    if device != "cpu":
        pytest.skip("a GPU's programs wait for each other: test_shared_rows_that_wait")
    for module in (layer_norm_ahead, layer_norm_pairs):
        for name, standin in (("peek", read), ("collect", add_up)):
            monkeypatch.setattr(module, name, standin)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("n_cols", "dtype"), LENGTHS_THAT_END_ANYHOW)
def test_shared_rows_whose_sums_are_there(way, n_cols, dtype, sums_are_there):
    if way.kind == "pairs" and dtype == torch.float32:
        pytest.skip("pairs are of rows of 16 bits: run with another dtype")
    if way.kind == "pairs" and n_cols % 2:
        pytest.skip("pairs are of rows of words: run with an even length")
    n_rows = 10 if way.kind == "pairs" and n_cols == 64 else 9  # of pairs, an even number and odd ones
    x, w, _, dy = problem(n_rows, n_cols, dtype=dtype)
    settings = replace(way, block_n=32, num_warps=1)
    launch, reduction = backward_plan(n_rows, n_cols, NAMES[dtype], few(n_cols, settings), settings=settings)
    mean, rstd = x.float().mean(1), (x.double().var(1, correction=0) + 1e-6).rsqrt().float()
    partials = [torch.full((reduction.values["n_partials"], n_cols), float("nan")) for _ in "wb"]
    values = {"dY": dy, "X": x, "W": w, "Mean": mean, "RSTD": rstd, "dX": torch.empty_like(x)}
    launch_twice(launch, {**values, "dW_partial": partials[0], "dB_partial": partials[1], "n_rows": n_rows})
    truth = evaluate(torch_layer_norm, x.double(), w.double(), w.double(), 1e-6, dy.double())
    assert_close(values["dX"], truth.dx, 2 * torch.finfo(dtype).eps)
    assert_close(partials[0].sum(0), truth.dw, 1e-5)
    assert_close(partials[1].sum(0), truth.db, 1e-5)


@pytest.mark.parametrize(("n_cols", "dtype"), LENGTHS_THAT_END_ANYHOW)
def test_forward_of_shared_rows_whose_sums_are_there(n_cols, dtype, sums_are_there):
    mean = 1e3 if n_cols == 64 else 0.0
    x, w, b, _ = problem(9, n_cols, dtype=dtype)
    x += mean
    settings = replace(FORWARD, block_n=32, num_warps=1)
    (launch,) = forward_plan(9, n_cols, NAMES[dtype], few(n_cols, settings), settings=settings)
    values = {"X": x, "W": w, "B": b, "Y": torch.empty_like(x), "n_rows": 9, "eps": 1e-6}
    # 3.0's interpreter stores a scalar whatever the mask says: what the first passes do not have lies before the rows
    values |= {name: torch.full((3 * 9,), float("nan"))[2 * 9 :] for name in ("Mean", "RSTD")}
    launch_twice(launch, values)
    wide = x.double()
    rstd = (wide.var(1, correction=0) + 1e-6).rsqrt()
    assert_close(values["Mean"], wide.mean(1), 1e-6)
    assert_close(values["RSTD"], rstd, 1e-6)
    wanted = (wide - wide.mean(1, keepdim=True)) * rstd[:, None] * w.double() + b.double()
    assert_close(values["Y"], wanted, max(1e-6 + mean * 2**-24, torch.finfo(dtype).eps))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_makes_nan_of_its_shared_row_alone(value, sums_are_there):
    x, w, b, _ = problem(9, 64)
    settings = replace(FORWARD, block_n=32, num_warps=1)
    (launch,) = forward_plan(9, 64, "fp32", few(64, settings), settings=settings)
    results = []
    for changed in (0.0, value):
        given = x.clone()
        given[4, 17] += changed
        values = {"X": given, "W": w, "B": b, "Y": torch.empty_like(x), "n_rows": 9, "eps": 1e-6}
        values |= {name: torch.full((3 * 9,), float("nan"))[2 * 9 :] for name in ("Mean", "RSTD")}
        launch_twice(launch, values)
        results.append(values["Y"])
    clean, got = results
    assert got[4].isnan().all()
    others = torch.arange(9) != 4
    assert torch.equal(got[others], clean[others])


NAMES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


def few(n_cols: int, settings: Settings) -> DeviceProperties:
    """As few multiprocessors as may share such rows, so that a group has several of 9."""
    return DeviceProperties("cuda:90", 6 * (-(-n_cols // settings.block_n) - 1) // settings.programs + 1)


def launch_twice(launch: Launch, values: dict) -> None:
    """On the same slots, which the first run fills; what the launch writes is that of the second."""
    split = launch.constexprs["SPLIT"]
    assert launch.grid[0] < values["n_rows"] * split
    # the rows that the last passes do not have would lie behind those that there are
    exchange = torch.zeros(launch.exchange_slots + 4 * launch.grid[0], dtype=torch.int64)
    slots, behind = exchange[: launch.exchange_slots], exchange[launch.exchange_slots :]
    values = {**values, "Exchange": exchange}
    for _ in range(2):
        for name in ("dX", "Y"):
            if name in values:
                values[name].fill_(float("nan"))
        kernel = getattr(layer_norm, launch.kernel)
        kernel[launch.grid](*(values[each] for each in launch.args), **launch.constexprs, num_warps=launch.num_warps)
    assert (slots != 0).all()
    if compare_version("triton", operator.ge, "3.1"):  # 3.0's interpreter stores a scalar whatever the mask says
        assert (behind == 0).all()


def assert_close(got: torch.Tensor, wanted: torch.Tensor, allowed: float) -> None:
    assert (got.double() - wanted).abs().max() <= allowed * wanted.abs().max()
