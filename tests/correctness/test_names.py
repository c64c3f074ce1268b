"""The names that Liger's users import, and the module as they use it."""

from __future__ import annotations

import copy
import inspect
import operator
import os
import subprocess
import sys

import pytest
import torch

import liger_kernel.ops
import liger_kernel.ops.layer_norm
import liger_kernel.ops.utils
import liger_kernel.transformers

from .api import LigerLayerNorm, LigerLayerNormFunction, infer_device, liger_layer_norm
from .inputs import problem
from .reference import check


def test_importing_the_package_imports_neither_torch_nor_triton():
    code = (
        "import sys, liger_kernel, liger_kernel.kernels, liger_kernel.kernels.plan, liger_kernel.ops,"
        " liger_kernel.transformers, triton_matrix\n"
        "sys.exit(', '.join({'torch', 'triton'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_eager_operation_does_without_torch_compile():
    # which takes seconds to import, and does not import at all with a Triton older than torch expects
    code = (
        "import sys, liger_kernel.ops.layer_norm\n"
        "sys.exit(', '.join({'torch._dynamo', 'torch._inductor'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_function_under_both_names():
    assert liger_kernel.ops.LigerLayerNormFunction is liger_kernel.ops.layer_norm.LigerLayerNormFunction
    assert liger_kernel.transformers.LigerLayerNorm is LigerLayerNorm
    assert callable(LigerLayerNormFunction.apply)


@pytest.mark.parametrize("package", [liger_kernel.ops, liger_kernel.transformers])
def test_a_name_that_does_not_exist_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="LigerRMSNorm"):
        package.LigerRMSNorm  # noqa: B018


def test_forward_and_backward_are_there_without_autograd(device):
    x, w, b, dy = problem(5, 65, device=device)
    expected = check(x, w, b, dy)
    y, saved_x, mean, rstd, *_ = liger_kernel.ops.layer_norm.layer_norm_forward(x, w, b, 1e-6)
    dx, dw, db = liger_kernel.ops.layer_norm.layer_norm_backward(dy, saved_x, w, b, mean, rstd)
    for got, wanted in zip((y, dx, dw, db), expected):
        assert torch.equal(got.reshape(wanted.shape), wanted)


def test_infer_device_names_the_device_of_the_level(level):
    assert infer_device() == ("cuda" if torch.cuda.is_available() else "cpu")
    assert level == "interpreter" or infer_device() == "cuda"


def test_calculate_settings_gives_a_block_that_holds_the_row():
    for n_cols, block in ((1, 1), (17, 32), (1024, 1024), (1025, 2048), (65536, 65536)):
        got_block, num_warps = liger_kernel.ops.utils.calculate_settings(n_cols)
        assert got_block == block
        assert num_warps in (4, 8, 16, 32)
    with pytest.raises(RuntimeError, match="65537"):
        liger_kernel.ops.utils.calculate_settings(65537)


def test_compare_version_orders_by_number_and_knows_what_is_absent():
    compare_version = liger_kernel.ops.utils.compare_version
    assert compare_version("triton", operator.ge, "2.3.1")
    assert compare_version("torch", operator.lt, "10.0")  # as text, "2..." would come after "10"
    assert not compare_version("no_such_package", operator.ge, "0")


def test_ensure_contiguous_packs_tensors_and_leaves_the_rest():
    @liger_kernel.ops.utils.ensure_contiguous
    def received(ctx, *args, **kwargs):
        return args, kwargs

    transposed = torch.zeros(2, 3).t()
    args, kwargs = received(None, transposed, None, 1e-6, X=transposed)
    assert args[0].is_contiguous()
    assert kwargs["X"].is_contiguous()
    assert args[1:] == (None, 1e-6)


def test_is_hip_says_what_torch_was_built_for():
    assert liger_kernel.ops.utils.is_hip() == (torch.version.hip is not None)


def test_the_module_has_ligers_signature():
    parameters = inspect.signature(LigerLayerNorm).parameters.values()
    assert [(p.name, p.default) for p in parameters] == [
        ("hidden_size", inspect.Parameter.empty),
        ("eps", 1e-6),
        ("bias", False),
        ("init_fn", "ones"),
    ]
    # what Liger's has, and what torch's has beside it
    assert list(inspect.signature(liger_layer_norm).parameters) == ["X", "W", "B", "eps", "normalized_shape"]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("init_fn", ["ones", "zeros"])
def test_weight_bias_and_variance_epsilon_always_exist(bias, init_fn):
    module = LigerLayerNorm(33, eps=1e-5, bias=bias, init_fn=init_fn)
    assert module.variance_epsilon == 1e-5
    assert torch.equal(module.weight, getattr(torch, init_fn)(33))
    assert module.bias.shape == (33,)
    assert bool(module.bias.any()) == bias
    assert {name for name, _ in module.named_parameters()} == {"weight", "bias"}


def test_the_module_normalises_and_trains(device):
    module = LigerLayerNorm(33, eps=1e-3, bias=True).to(device)
    x, _, _, dy = problem(2, 3, 33, device=device)
    expected = check(x, module.weight, module.bias, dy, eps=1e-3)
    y = module(x)
    y.backward(dy)
    assert torch.equal(y, expected.y)
    assert torch.equal(module.weight.grad, expected.dw)
    assert torch.equal(module.bias.grad, expected.db)


def test_the_module_reads_variance_epsilon_at_each_call(device):
    module = LigerLayerNorm(33).to(device)
    x, _, _, dy = problem(5, 33, device=device)
    module.variance_epsilon = 1.0
    assert torch.equal(module(x), check(x, module.weight, module.bias, dy, eps=1.0).y)


def test_checkpoints_of_torchs_layer_norm_load(device):
    torchs = torch.nn.LayerNorm(33)
    module = LigerLayerNorm(33, bias=True)
    module.load_state_dict(torchs.state_dict())
    assert torch.equal(module.bias, torchs.bias)
    assert module.state_dict().keys() == torchs.state_dict().keys()


def test_the_forward_of_the_module_can_be_bound_to_torchs_layer_norm(device):
    # how Liger patches models that are already built
    torchs = torch.nn.LayerNorm(33, eps=1e-3).to(device)
    torchs.variance_epsilon = torchs.eps
    x, _, _, dy = problem(5, 33, device=device)
    expected = check(x, torchs.weight, torchs.bias, dy, eps=1e-3)
    assert torch.equal(LigerLayerNorm.forward(torchs, x), expected.y)


def test_the_module_copies_and_prints():
    module = copy.deepcopy(LigerLayerNorm(33, eps=1e-5))
    assert repr(module) == "LigerLayerNorm(33, eps=1e-05)"


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"hidden_size": 8, "init_fn": "random"}, ValueError, ["init_fn", "'random'", "'ones', 'zeros'"]),
        ({"hidden_size": 8, "init_fn": None}, ValueError, ["init_fn", "None", "'ones', 'zeros'"]),
        ({"hidden_size": 0}, ValueError, ["hidden_size", "0", "at least 1"]),
        ({"hidden_size": -3}, ValueError, ["hidden_size", "-3", "at least 1"]),
        ({"hidden_size": 8.0}, TypeError, ["hidden_size", "8.0", "integer"]),
        ({"hidden_size": "8"}, TypeError, ["hidden_size", "'8'", "integer"]),
        ({"hidden_size": (8, 2.0)}, TypeError, ["hidden_size", "(8, 2.0)", "integer"]),
        ({"hidden_size": ()}, ValueError, ["hidden_size", "()", "one number or more"]),
        ({"hidden_size": (8, 0)}, ValueError, ["hidden_size", "(8, 0)", "at least 1"]),
    ],
    ids=str,
)
def test_a_module_that_cannot_be_is_refused_in_one_sentence(arguments, error, named):
    with pytest.raises(error) as refused:
        LigerLayerNorm(**arguments)
    assert all(text in str(refused.value) for text in named)
    assert len(str(refused.value).splitlines()) == 1


def test_without_a_gpu_and_without_the_interpreter_one_sentence_says_what_is_missing():
    code = (
        "import torch; from liger_kernel.transformers.functional import liger_layer_norm\n"
        "try: liger_layer_norm(torch.ones(2, 8), None, None, 1e-6)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
    env.pop("TRITON_INTERPRET", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.stderr == ""
    assert "TRITON_INTERPRET=1" in done.stdout
    assert "GPU" in done.stdout
    assert len(done.stdout.splitlines()) == 1
