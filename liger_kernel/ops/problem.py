"""Run LayerNorm on tensors: shapes and errors, what calls alike have in common, allocations, launches.

Host time decides small problems, so a call does little more than allocate and launch: everything that follows from
shapes, dtypes and the device is in a `Problem`, kept from the first call on; mean and rstd share one allocation, and
so do the partial sums of dw and db, of which the launches take addresses.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from numbers import Real
from typing import Optional

import torch

from ..kernels.device import DeviceProperties
from ..kernels.plan import Launch, backward_plan, forward_plan, partial_rows
from .green_context import multiprocessors
from .launch import Launches, device_properties, require_device
from .slots import empty_slots

INFINITE = float("inf")
NO_VECTOR = (None, None, None)
# the parameters of the kernels of a direction, in the order in which a call hands their values over
FORWARD = ("X", "W", "B", "Y", "Mean", "RSTD", "Exchange", "n_rows", "eps")
BACKWARD = (
    *("dY", "X", "W", "Mean", "RSTD", "dX", "dW", "dB", "dW_partial", "dB_partial", "Exchange"),
    *("n_rows", "n_partials", "rows_per_program"),
)
DTYPES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


class Problem:
    """LayerNorm of one shape, on one device, in given dtypes, with or without weight and bias."""

    def __init__(
        self,
        shape: torch.Size,
        dtype: torch.dtype,
        device: torch.device,
        w_dtype: Optional[torch.dtype],
        b_dtype: Optional[torch.dtype],
    ) -> None:
        self.n_rows, self.n_cols, self.dtype, self.device = shape[:-1].numel(), shape[-1], dtype, device
        self.has_w, self.w_dtype, self.b_dtype = w_dtype is not None, w_dtype or dtype, b_dtype or dtype
        self.rstd_at = aligned(self.n_rows)
        self.has_b = b_dtype is not None
        self.vectors_like_w = self.has_w and self.w_dtype == self.b_dtype
        self._forwards: dict[Optional[int], Forward] = {}
        self._backwards: dict[tuple[Optional[int], tuple[bool, ...]], Backward] = {}

    def forward(self) -> Forward:
        """What computes y and the statistics on the current stream."""
        whole = self._forwards.get(None) or self._forward_on(None)
        return self._forward_on(self._fewer()) if whole.slots else whole

    def backward(self, needs: tuple[bool, ...]) -> Backward:
        """What computes dx, dw and db, those of them that `needs` says, on the current stream."""
        whole = self._backwards.get((None, needs)) or self._backward_on(needs, None)
        return self._backward_on(needs, self._fewer()) if whole.slots else whole

    def _fewer(self) -> Optional[int]:
        """How many multiprocessors the current stream has, where these are fewer than the device's.

        Asked where programs wait for each other, and what is launched is made for them.
        """
        count = multiprocessors(self.device)
        return None if count is None or count >= self.device_properties(None).n_multiprocessors else count

    def _forward_on(self, count: Optional[int]) -> Forward:
        if count not in self._forwards:
            self._forwards[count] = Forward(self, count)
        return self._forwards[count]

    def _backward_on(self, needs: tuple[bool, ...], count: Optional[int]) -> Backward:
        if (count, needs) not in self._backwards:
            self._backwards[count, needs] = Backward(self, count, *needs)
        return self._backwards[count, needs]

    def device_properties(self, count: Optional[int]) -> DeviceProperties:
        """Of the device, or of `count` of its multiprocessors."""
        return device_properties(self.device, count)

    def split(self, statistics: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and rstd, each of shape (n_rows,), out of what `run_forward` returned."""
        return statistics[: self.n_rows], statistics[self.rstd_at : self.rstd_at + self.n_rows]


class Forward:
    """The forward of a problem on `count` multiprocessors; None: on all."""

    def __init__(self, problem: Problem, count: Optional[int]) -> None:
        plan = forward_plan(
            problem.n_rows,
            problem.n_cols,
            DTYPES[problem.dtype],
            problem.device_properties(count),
            w_dtype=DTYPES[problem.w_dtype],
            b_dtype=DTYPES[problem.b_dtype],
            has_w=problem.has_w,
            has_b=problem.has_b,
        )
        self.launches = Launches(plan, problem.device, FORWARD)
        self.slots = exchange_slots(plan)


class Backward:
    """The backward of a problem for one choice of results, on `count` multiprocessors; None: on all."""

    def __init__(self, problem: Problem, count: Optional[int], needs_dx: bool, needs_dw: bool, needs_db: bool) -> None:
        plan = backward_plan(
            problem.n_rows,
            problem.n_cols,
            DTYPES[problem.dtype],
            problem.device_properties(count),
            w_dtype=DTYPES[problem.w_dtype],
            b_dtype=DTYPES[problem.b_dtype],
            has_w=problem.has_w,
            need_dx=needs_dx,
            need_dw=needs_dw,
            need_db=needs_db,
        )
        decided = {name: value for launch in plan for name, value in launch.values.items()}
        self.launches = Launches(plan, problem.device, BACKWARD)
        self.numbers = tuple({"n_rows": problem.n_rows, **decided}.get(name, 0) for name in BACKWARD[-3:])
        self.slots = exchange_slots(plan)
        size = aligned(partial_rows(plan) * problem.n_cols)
        self.n_partials = size * (needs_dw + needs_db)
        self.db_partial_at = size if needs_dw else 0


def problem_of(X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor]) -> Problem:
    """The problem that these arguments pose.

    Raises:
        TypeError, ValueError, RuntimeError: in one sentence that names the argument, its value and what is allowed.
    """
    try:
        if W is not None and B is not None:  # the usual call, without what the others cost
            return _problem(X.shape, X.dtype, X.device, W.shape, W.dtype, W.device, B.shape, B.dtype, B.device)
        w = NO_VECTOR if W is None else (W.shape, W.dtype, W.device)
        b = NO_VECTOR if B is None else (B.shape, B.dtype, B.device)
        return _problem(X.shape, X.dtype, X.device, *w, *b)
    except AttributeError:
        for name, value in (("X", X), ("W", W), ("B", B)):
            if not isinstance(value, torch.Tensor) and (name == "X" or value is not None):
                allowed = "a torch.Tensor" if name == "X" else "a torch.Tensor or None"
                raise TypeError(f"{name} is a {type(value).__name__}; it must be {allowed}") from None
        raise


def run_forward(
    X: torch.Tensor, W: Optional[torch.Tensor], B: Optional[torch.Tensor], eps: float
) -> tuple[Problem, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(problem, flat X, Y, statistics); `Problem.split` parts the statistics.

    Arguments and errors are those of `layer_norm.layer_norm_forward`.
    """
    problem = problem_of(X, W, B)
    eps = eps if type(eps) is float and 0.0 <= eps < INFINITE else _checked_eps(eps)
    X = X.contiguous()
    y = torch.empty_like(X)
    statistics = torch.empty(2 * problem.rstd_at, dtype=torch.float32, device=problem.device)
    forward = problem.forward()
    if forward.launches.plan:
        W = X if W is None else W.contiguous()
        B = X if B is None else B.contiguous()
        exchange = empty_slots(forward.slots, problem.device) if forward.slots else None
        x, w, b, y_at, mean = X.data_ptr(), W.data_ptr(), B.data_ptr(), y.data_ptr(), statistics.data_ptr()
        rstd, slots = mean + 4 * problem.rstd_at, 0 if exchange is None else exchange.data_ptr()
        values = (x, w, b, y_at, mean, rstd, slots, problem.n_rows, eps)
        if not forward.launches.again(values, x | w | b | y_at | mean | slots):
            X = flat(X)
            exchange = _nothing(torch.int64, problem.device) if exchange is None else exchange
            vectors = (flat(W, 8) if problem.has_w else X, flat(B, 8) if problem.has_b else X)
            tensors = (X, *vectors, y, *problem.split(statistics), exchange)
            forward.launches.first((*tensors, problem.n_rows, eps))
    return problem, X, y, statistics


def run_backward(
    problem: Problem,
    needs: tuple[bool, ...],
    dY: torch.Tensor,
    X: torch.Tensor,
    W: Optional[torch.Tensor],
    mean: torch.Tensor,
    rstd: Optional[torch.Tensor] = None,
) -> tuple[Optional[torch.Tensor], Optional[torch.Tensor], Optional[torch.Tensor]]:
    """(dX of dY's shape, dW, dB), None for what `needs` does not want.

    Args:
        problem: as `run_forward` returned it.
        needs: whether dX, dW and dB are wanted.
        X: as `flat` makes it.
        mean, rstd: of shape (n_rows,) each; without rstd, mean is the statistics that `run_forward` returned.
    """
    needs_dx, needs_dw, needs_db = needs
    backward = problem.backward(needs)
    launches, device = backward.launches, problem.device
    dY = dY.contiguous()
    W = X if W is None else W.contiguous()
    dx = torch.empty_like(dY, dtype=problem.dtype) if needs_dx else None
    if problem.vectors_like_w and launches.plan:  # less host time than saying a size, a dtype and a device
        dw = torch.empty_like(W) if needs_dw else None
        db = torch.empty_like(W) if needs_db else None
    else:
        make = torch.empty if launches.plan else torch.zeros
        dw = make(problem.n_cols, dtype=problem.w_dtype, device=device) if needs_dw else None
        db = make(problem.n_cols, dtype=problem.b_dtype, device=device) if needs_db else None
    if launches.plan:
        n_partials = backward.n_partials
        partials = torch.empty(n_partials, dtype=torch.float32, device=device) if n_partials else mean
        exchange = empty_slots(backward.slots, device) if backward.slots else None
        dy_at, x_at, w_at, mean_at = dY.data_ptr(), X.data_ptr(), W.data_ptr(), mean.data_ptr()
        rstd_at = mean_at + 4 * problem.rstd_at if rstd is None else rstd.data_ptr()
        # a kernel does not touch what is not wanted
        dx_at = 0 if dx is None else dx.data_ptr()
        dw_at = 0 if dw is None else dw.data_ptr()
        db_at = 0 if db is None else db.data_ptr()
        dw_shares, slots = partials.data_ptr(), 0 if exchange is None else exchange.data_ptr()
        db_shares = dw_shares + 4 * backward.db_partial_at
        addresses = (dy_at, x_at, w_at, mean_at, rstd_at, dx_at, dw_at, db_at, dw_shares, db_shares, slots)
        ored = dy_at | x_at | w_at | mean_at | rstd_at | dx_at | dw_at | db_at | dw_shares | db_shares | slots
        if not launches.again(addresses + backward.numbers, ored):
            if rstd is None:
                mean, rstd = problem.split(mean)
            dX = _nothing(problem.dtype, device) if dx is None else dx
            dW = _nothing(problem.w_dtype, device) if dw is None else dw
            dB = _nothing(problem.b_dtype, device) if db is None else db
            exchange = _nothing(torch.int64, device) if exchange is None else exchange
            shares = (partials, partials[backward.db_partial_at :])
            vector = flat(W, 8) if problem.has_w else X
            launches.first((flat(dY), X, vector, mean, rstd, dX, dW, dB, *shares, exchange, *backward.numbers))
    return dx, dw, db


def flat(tensor: torch.Tensor, multiple: int = 4) -> torch.Tensor:
    """The tensor, contiguous, and from a multiple of so many bytes on, since kernels read two elements as one word.

    Of 16 bits both; in fp32, whose words have 8 bytes, weight and bias alone.
    """
    tensor = tensor.contiguous()
    return tensor if tensor.data_ptr() % multiple == 0 else tensor.clone()


def exchange_slots(plan: Sequence[Launch]) -> int:
    """64-bit words of zero that the launches need, one after the other."""
    return max((launch.exchange_slots for launch in plan), default=0)


def _nothing(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.empty(0, dtype=dtype, device=device)


def aligned(n: int) -> int:
    """Numbers in fp32 to leave room for, so that what follows n of them starts at a multiple of 16 bytes."""
    return (n + 3) // 4 * 4


@functools.lru_cache(maxsize=4096)
def _problem(
    shape: torch.Size,
    dtype: torch.dtype,
    device: torch.device,
    w_shape: Optional[torch.Size],
    w_dtype: Optional[torch.dtype],
    w_device: Optional[torch.device],
    b_shape: Optional[torch.Size],
    b_dtype: Optional[torch.dtype],
    b_device: Optional[torch.device],
) -> Problem:
    """Check shapes, dtypes and devices; those of W and B are None where there is none."""
    if dtype not in DTYPES:
        why = " (torch.nn.functional.layer_norm takes float64; sums here are in float32)"
        raise TypeError(
            f"X has dtype {dtype}; it must be float32, float16 or bfloat16{why if dtype == torch.float64 else ''}"
        )
    if not shape:
        raise ValueError("X has no dimensions; it must have at least one, the last of which is normalised")
    n_cols = shape[-1]
    if n_cols == 0:
        raise ValueError(f"X has shape {tuple(shape)}; its last dimension must have at least one element")
    for name, v_shape, v_dtype, v_device in (("W", w_shape, w_dtype, w_device), ("B", b_shape, b_dtype, b_device)):
        if v_shape is None:
            continue
        if v_shape != (n_cols,):
            raise ValueError(f"{name} has shape {tuple(v_shape)}; it must be ({n_cols},), the last dimension of X")
        if v_dtype not in (dtype, torch.float32):
            raise TypeError(f"{name} has dtype {v_dtype}; it must be X's ({dtype}) or float32")
        if v_device != device:
            raise ValueError(f"{name} is on {v_device}; it must be on X's device, {device}")
    require_device(device)
    return Problem(shape, dtype, device, w_dtype, b_dtype)


def _checked_eps(eps: object) -> float:
    if not isinstance(eps, Real):
        raise TypeError(f"eps is a {type(eps).__name__}; it must be a number")
    if not 0 <= float(eps) < float("inf"):
        raise ValueError(f"eps is {eps}; it must be finite and at least 0")
    return float(eps)
