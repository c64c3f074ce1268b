"""The kernels as their reader finds them: what each docstring must say, what stands once, and which GPUs reach what."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re

import pytest

import liger_kernel.kernels
from liger_kernel.kernels.device import INTERPRETER
from liger_kernel.kernels.kinds import KINDS
from liger_kernel.kernels.parameters import PARAMETERS, Types, parameter_types
from liger_kernel.kernels.plan import BYTES, Settings, backward_plan, branch_sizes, forward_plan
from liger_kernel.kernels.settings import backward_settings, forward_settings
from triton_matrix.base import targets
from triton_matrix.base.cells import find_root

from . import layer_norm as atlas

MODULES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for folder in liger_kernel.kernels.__path__
    for path in sorted((find_root() / folder).glob("*.py"))
}
JIT = {
    (module, node.name): node
    for module, tree in MODULES.items()
    for node in tree.body
    if isinstance(node, ast.FunctionDef) and any(ast.unparse(each) == "triton.jit" for each in node.decorator_list)
}
DOCSTRINGS = {name: ast.get_docstring(node) or "" for (_, name), node in JIT.items() if name in PARAMETERS}
# of a tensor's line in a docstring: names, shape, dtype
TENSORS = re.compile(r"^([\w, ]+?)  +\[([\w, ]+)\], ([^;:\n]+)", re.MULTILINE)
# what a docstring says of a dtype, where x is in bf16, w and b in fp16
DTYPES = {"*bf16": " bf16", "*fp16": "'s dtype", "*fp32": "fp32", "*i64": "int64"}
H200 = dataclasses.replace(atlas.device_of("cuda:90"), name="NVIDIA H200")


@pytest.mark.parametrize("kernel", PARAMETERS)
def test_a_docstring_gives_shape_and_dtype_of_every_tensor(kernel):
    said = {
        name: (shape, dtype)
        for names, shape, dtype in TENSORS.findall(DOCSTRINGS[kernel])
        for name in names.split(", ")
    }
    types = parameter_types(kernel, Types("bf16", "fp16", "fp16"), 1)
    assert set(said) == {name for name, kind in types.items() if kind.startswith("*")}
    for name, (shape, dtype) in said.items():
        assert DTYPES[types[name]] in f" {dtype}", name
        assert shape.endswith({"Mean": "n_rows", "RSTD": "n_rows", "Exchange": "SPLIT"}.get(name, "N_COLS")), name
        assert ("," in shape) == (name in ("X", "Y", "dX", "dY", "dW_partial", "dB_partial", "Exchange")), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_docstring_says_which_settings_reach_the_kernel_and_why_it_exists(kind):
    n_cols = 4098 if kind == "unaligned" else 16384
    settings = Settings(kind, 1, n_cols if kind == "tile" else 4096, 8)
    plans = {"forward": forward_plan, "backward": backward_plan}
    for direction in KINDS[kind].directions:
        for launch in plans[direction](4096, n_cols, "bf16", atlas.device_of("cuda:90"), settings=settings):
            docstring, reaching = DOCSTRINGS[launch.kernel], "every kind" if "reduce" in launch.kernel else f'"{kind}"'
            assert re.search(rf"^Settings +{reaching}", docstring, re.MULTILINE), launch.kernel
            assert re.search(r"^Why +\w", docstring, re.MULTILINE), launch.kernel
            for name in launch.constexprs:
                if name.isupper() and name not in ("HAS_W", "HAS_B", "NEED_DX", "NEED_DW", "NEED_DB"):
                    assert re.search(rf"\b{name}\b", docstring), (launch.kernel, name)


def test_what_kernels_share_stands_once_and_is_no_module_s_own():
    bodies: dict[str, str] = {}
    names = [name for _, name in JIT]
    assert len(names) == len(set(names))
    for (module, name), node in JIT.items():
        statements = node.body[1:] if ast.get_docstring(node) else node.body
        body = ast.unparse(ast.Module(statements, []))
        assert bodies.setdefault(body, f"{module}.{name}") == f"{module}.{name}"
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and module != "layer_norm":  # which gathers the kernels
                assert not [each.name for each in node.names if each.name.startswith("_")], module


def reached() -> dict[str, set[str]]:
    """The devices that take each kind with their default settings: targets, the H200, the interpreter."""
    devices = {name: atlas.device_of(name) for name in targets.TARGETS} | {"H200": H200, "interpreter": INTERPRETER}
    kinds: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for (name, device), triton in itertools.product(devices.items(), ("2.3.1", "3.0.0", "")):
        there = dataclasses.replace(device, triton=triton)
        for n_cols, dtype, choose in itertools.product(branch_sizes(), BYTES, (forward_settings, backward_settings)):
            kinds[choose(atlas.N_ROWS, n_cols, dtype, there).kind].add(name)
    return kinds


def test_every_kind_is_reached_and_the_page_says_by_which_gpus():
    kinds = reached()
    cuda = {name for name in targets.TARGETS if name.startswith("cuda:")} | {"H200"}
    everything = {*targets.TARGETS, "H200", "interpreter"}
    assert kinds["packed"] == kinds["pipelined"] == {"cuda:90", "H200"}
    assert kinds["ahead"] == kinds["pairs"] == {"H200"}
    assert kinds["split"] == cuda
    assert kinds["tile"] == everything
    assert kinds["unaligned"] == everything - {"interpreter"}
    assert kinds["wide"] >= everything - cuda
    page = (find_root() / "docs" / "kernels.md").read_text(encoding="utf-8")
    assert "H100 and the H200 with 132 multiprocessors" in " ".join(page.split())
