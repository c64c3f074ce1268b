"""No autograd function where nothing is to be differentiated, and none passed by that a derivative needs."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

from liger_kernel.ops import eager

from .api import liger_layer_norm
from .inputs import problem

JVP = "You must implement the jvp function"
TRANSFORM = "it must override the setup_context staticmethod"


@pytest.fixture
def arguments(device):
    return problem(5, 65, device=device)[:3]


@pytest.mark.parametrize("inside", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_nothing_is_recorded_where_nothing_is_differentiated(arguments, inside, monkeypatch):
    expected = liger_layer_norm(*(each.clone().requires_grad_() for each in arguments), 1e-6)
    if inside is not torch.enable_grad:
        arguments = [each.requires_grad_() for each in arguments]
    monkeypatch.setattr(eager, "EagerLayerNorm", None)
    monkeypatch.setattr(eager, "_apply", None)
    with inside():
        y = liger_layer_norm(*arguments, 1e-6)
    assert not y.requires_grad
    assert torch.equal(y, expected)


@pytest.mark.parametrize("number", range(3))
def test_one_argument_that_asks_for_a_gradient_is_enough(arguments, number):
    arguments[number].requires_grad_()
    assert liger_layer_norm(*arguments, 1e-6).requires_grad


@pytest.mark.parametrize("inside", [torch.enable_grad, torch.no_grad])
def test_a_forward_derivative_is_refused_not_lost(arguments, inside):
    x, w, b = arguments
    with forward_ad.dual_level(), inside(), pytest.raises(NotImplementedError, match=JVP):
        liger_layer_norm(forward_ad.make_dual(x, x), w, b, 1e-6)


@pytest.mark.parametrize("inside", [torch.enable_grad, torch.no_grad])
@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.vmap])
def test_transforms_of_functions_are_refused_in_torchs_words(arguments, transform, inside):
    x, w, b = arguments

    def summed(x):
        with inside():
            return liger_layer_norm(x, w, b, 1e-6).sum()

    with pytest.raises(RuntimeError, match=TRANSFORM):
        transform(summed)(x[None])
    with pytest.raises(RuntimeError, match=TRANSFORM):  # also where only what is around it is transformed
        transform(lambda y: y.sum() * summed(x))(x[None])


@pytest.mark.parametrize("inside", [torch.enable_grad, torch.no_grad])
def test_what_a_transform_left_over_is_taken_for_the_tensor_in_it(arguments, inside, need_of_torch):
    need_of_torch("torch._dynamo")  # which torch's transforms import where a derivative is taken
    x, w, b = arguments
    left = []

    def summed(x):
        left.append(x)
        return x.sum()

    torch.func.grad(summed)(x)
    expected = liger_layer_norm(x, w, b, 1e-6)
    with inside():
        assert torch.equal(liger_layer_norm(left[0], w, b, 1e-6), expected)
