"""Which gradients come, that they do not vary from run to run, and that absent parameters act as ones and zeros."""

from __future__ import annotations

import itertools

import pytest
import torch

from .api import LigerLayerNormFunction, liger_layer_norm
from .inputs import DTYPES, problem
from .reference import check, evaluate

pytestmark = pytest.mark.usefixtures("settings_of_many_rows")

EVERY_SUBSET = [names for size in range(4) for names in itertools.combinations("xwb", size)]


# Every subset, because each asks for other outputs of the backward kernel. check() requires that exactly the gradients
# asked for are there; with all three frozen there is no backward at all.
@pytest.mark.parametrize("frozen", EVERY_SUBSET, ids=lambda names: "".join(names) or "none")
def test_frozen_arguments_get_no_gradient(frozen, device):
    check(*problem(9, 65, device=device), frozen=frozen)


# Either parameter may be absent, at a width in one block and at one where the kernel loops over the row.
@pytest.mark.parametrize("n_cols", [65, 65537])
@pytest.mark.parametrize("absent", ["w", "b", "wb"])
def test_absent_parameters(absent, n_cols, device):
    x, w, b, dy = problem(2, n_cols, device=device)
    check(x, None if "w" in absent else w, None if "b" in absent else b, dy)


# Freezing and absence meet in the backward kernel: no gradient of a parameter at all, or the other one only.
@pytest.mark.parametrize(("absent", "frozen"), [("w", "b"), ("b", "w"), ("wb", "x"), ("w", "x"), ("b", "x")])
def test_absent_parameters_beside_frozen_ones(absent, frozen, device):
    x, w, b, dy = problem(9, 65, device=device)
    check(x, None if "w" in absent else w, None if "b" in absent else b, dy, frozen=(frozen,))


# Enough rows for every program to have several, so that the order of the sums over rows could differ.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_cols"), [(5000, 17), (33, 1025)])
def test_results_are_bitwise_the_same_in_every_run(n_rows, n_cols, dtype, device):
    x, w, b, dy = problem(n_rows, n_cols, dtype=dtype, device=device)
    first = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    for _ in range(1 if device == "cpu" else 20):
        for one, again in zip(first, evaluate(liger_layer_norm, x, w, b, 1e-6, dy)):
            assert torch.equal(one, again)


def test_no_graph_is_kept_under_no_grad(device):
    x, w, b, _ = problem(3, 17, device=device)
    with torch.no_grad():
        y = liger_layer_norm(x.requires_grad_(), w.requires_grad_(), b, 1e-6)
    assert not y.requires_grad


def test_backward_twice_through_a_kept_graph_adds_up(device):
    x, w, b, dy = problem(3, 17, device=device)
    w.requires_grad_()
    y = liger_layer_norm(x, w, b, 1e-6)
    y.backward(dy, retain_graph=True)
    once = w.grad.clone()
    y.backward(dy)
    assert torch.equal(w.grad, once + once)


def test_a_second_derivative_is_refused(device):
    x, w, b, dy = problem(3, 17, device=device)
    (dx,) = torch.autograd.grad(liger_layer_norm(x.requires_grad_(), w, b, 1e-6), x, dy, create_graph=True)
    with pytest.raises(RuntimeError, match=r"does not require grad|once_differentiable|not implemented"):
        dx.sum().backward()


def test_the_input_may_be_saved_by_other_operations_too(device):
    # autograd refuses to use a saved tensor that was written since, even with its own values
    x, w, b, dy = problem(3, 17, device=device)
    x.requires_grad_()
    squared = x * x
    (squared + liger_layer_norm(x, w, b, 1e-6)).backward(dy)
    expected = check(x.detach(), w, b, dy).dx + 2 * x.detach() * dy
    torch.testing.assert_close(x.grad, expected)


def test_the_autograd_function_and_the_functional_form_agree(device):
    x, w, b, dy = problem(9, 65, device=device)
    for one, other in zip(check(x, w, b, dy), check(x, w, b, dy, function=LigerLayerNormFunction.apply)):
        assert torch.equal(one, other)
