"""The linter finds in a source what breaks on some Triton, and finds nothing in ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root
from triton_matrix.lint import kernels

HEAD = "import triton\nimport triton.language as tl\n"
KERNEL = HEAD + "@triton.jit\ndef k(X, n, BLOCK: tl.constexpr):\n"


@pytest.fixture
def findings(tmp_path):
    """Check one source text; gives (line, rule) of each finding."""

    def check(text):
        path = tmp_path / "source.py"
        path.write_text(text)
        return [(found.line, found.rule) for found in kernels.check([path])]

    return check


def test_our_own_package_is_clean():
    assert kernels.check([find_root() / "liger_kernel"]) == []


@pytest.mark.parametrize("name", ["num_warps", "num_stages", "num_ctas", "enable_fp_fusion", "maxnreg", "waves_per_eu"])
@pytest.mark.parametrize("decorator", ["@triton.jit", "@triton.jit(do_not_specialize=['n'])", "@jit"])
def test_a_compile_option_declared_as_a_parameter_is_found(findings, name, decorator):
    text = f"from triton import jit\n{HEAD}{decorator}\ndef k(X,\n      {name}: tl.constexpr):\n    pass\n"
    assert findings(text) == [(6, "compile-option-parameter")]


def test_a_tuned_kernel_is_a_kernel(findings):
    text = f"{HEAD}@triton.autotune(configs=[], key=[])\n@triton.jit\ndef k(X, num_warps: tl.constexpr):\n    pass\n"
    assert findings(text) == [(5, "compile-option-parameter")]


def test_a_plain_function_may_have_such_a_parameter(findings):
    assert findings("def launch(X, num_warps, num_stages):\n    return X\n") == []


@pytest.mark.parametrize(
    "statement",
    [
        "for i in tl.range(0, n, num_stages=2): pass",
        "y = tl.rsqrt(tl.load(X))",
        "y = tl.math.rsqrt(tl.load(X))",
        "y = tl.extra.libdevice.rsqrt(tl.load(X))",
        "y = rsqrt(tl.load(X))",
        "y = tl.program_id(0).cast(tl.int64)",
        "y = tl.make_block_ptr(X, (n,), (1,), (0,), (BLOCK,), (0,))",
        "y = tl.load(X, n > 0, 0.0, '', 'ca')",
        "y = tl.load(X, boundary_check=(0,))",
        "y = max(n, BLOCK)",
        "y = min(n, BLOCK)",
        "y = tl.sum(tl.arange(0, BLOCK), axis=0, keep_dims=True)",
        "y = tl.sum(tl.arange(0, BLOCK), axis=0, dtype=tl.float32)",
        "y = tl.arange(0, BLOCK)[:, None]",
        "y = tl.arange(0, BLOCK)[None]",
        "y = n + EPS",
        "y = tl.gather(X, X, axis=0)",
    ],
)
def test_what_some_release_lacks_is_found(findings, statement):
    text = "from triton.language.extra.libdevice import rsqrt\nEPS = 1e-6\n" + KERNEL
    assert findings(f"{text}    {statement}\n") == [(7, "not-portable")]


@pytest.mark.parametrize(
    "statement",
    [
        "for i in range(0, n, BLOCK): pass",
        "y = 1 / tl.sqrt(tl.load(X).to(tl.float32))",
        "y = tl.load(X, n > 0, 0.0, eviction_policy='evict_last')",
        "y = tl.maximum(n, BLOCK)",
        "y = tl.expand_dims(tl.arange(0, BLOCK), 1)",
        "y = n + EPS",
        "y = tl.zeros([BLOCK], HALF)",
    ],
)
def test_what_every_release_has_is_left_alone(findings, statement):
    text = HEAD + "EPS = tl.constexpr(1e-6)\nHALF = tl.float16\n" + KERNEL[len(HEAD) :]
    assert findings(f"{text}    {statement}\n") == []


def test_deferred_annotations_above_a_kernel_are_found(findings):
    assert findings(f"from __future__ import annotations\n{KERNEL}    pass\n") == [(1, "not-portable")]
    assert findings("from __future__ import annotations\n\ndef host(x: int): pass\n") == []


def test_the_same_names_outside_a_kernel_are_left_alone(findings):
    assert findings(HEAD + "EPS = 1e-6\n\ndef host(x, n):\n    return max(n, EPS), x[:, None], tl.range\n") == []


def test_a_line_is_allowed_one_rule_by_a_comment_with_a_reason(findings):
    body = "    y = tl.rsqrt(n)"
    assert findings(f"{KERNEL}{body}  # lint: allow not-portable (compiled from 3.0 on only)\n") == []
    assert findings(f"{KERNEL}    # lint: allow not-portable (compiled from 3.0 on only)\n{body}\n") == []
    assert findings(f"{KERNEL}{body}  # lint: allow not-portable ()\n") == [(5, "not-portable")]
    assert findings(f"{KERNEL}{body}  # lint: allow num-warps-not-passed (no)\n") == [(5, "not-portable")]


def test_it_finds_the_public_kernels_that_still_declare_num_warps(tmp_path):
    """liger-kernel 0.8.5: sparsemax, multi-token attention and fused neighborhood attention, eleven kernels in all."""
    wheel = "liger-kernel==0.8.5"
    try:
        commands.run([commands.uv(), "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), wheel])
    except (commands.ToolError, ValueError) as error:
        pytest.skip(f"needs {wheel} from a package index or from uv's cache: {error}")
    found = [item for item in kernels.check([tmp_path]) if item.rule == "compile-option-parameter"]
    declaring = [item for item in found if item.cause == "parameter num_warps"]
    assert {Path(item.path).name for item in declaring} == {
        "sparsemax.py",
        "multi_token_attention.py",
        "fused_neighborhood_attention.py",
    }
    assert len(declaring) == 11
