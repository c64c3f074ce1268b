"""The linter finds in a source what breaks on some Triton, and finds nothing in ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root
from triton_matrix.lint import kernels, portable

HEAD = "import triton\nimport triton.language as tl\n"
KERNEL = HEAD + "@triton.jit\ndef k(X, n, BLOCK: tl.constexpr):\n"


@pytest.fixture
def findings(tmp_path):
    """Check one source text; gives (line, rule) of each finding."""

    def check(text):
        path = tmp_path / "source.py"
        path.write_text(text)
        return [(found.line, found.rule) for found in kernels.check([path])[0]]

    return check


def test_our_own_package_is_clean():
    assert kernels.check([find_root() / "liger_kernel"])[0] == []


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
    ("statement", "rule"),
    [
        ("for i in tl.range(0, n, num_stages=2): pass", "not-portable"),
        ("y = tl.rsqrt(tl.load(X))", "not-portable"),
        ("y = tl.math.rsqrt(tl.load(X))", "not-interpreted"),
        ("y = tl.math.tanh(tl.load(X))", "not-portable"),
        ("y = tl.program_id(0).cast(tl.int64)", "not-portable"),
        ("y = tl.load(X).sum()", "not-portable"),
        ("y = tl.make_block_ptr(X, (n,), (1,), (0,), (BLOCK,), (0,))", "not-portable"),
        ("y = tl.load(X, n > 0, 0.0, '', 'ca')", "not-portable"),
        ("y = tl.load(X, boundary_check=(0,))", "not-portable"),
        ("y = max(n, BLOCK)", "not-portable"),
        ("y = min(tl.arange(0, BLOCK), 3)", "not-interpreted"),
        ("y = tl.zeros([min(BLOCK, 16)], tl.float32)", "not-portable"),
        ("y = tl.sum(tl.arange(0, BLOCK), axis=0, keep_dims=True)", "not-portable"),
        ("y = tl.sum(tl.arange(0, BLOCK), axis=0, dtype=tl.float32)", "not-portable"),
        ("y = tl.arange(0, BLOCK)[:, None]", "not-interpreted"),
        ("y = tl.arange(0, BLOCK)[None]", "not-interpreted"),
        ("y = n + EPS", "not-portable"),
        ("y = tl.gather(X, X, axis=0)", "not-portable"),
        ("y = tl.nowhere(X)", "not-portable"),
        ("y = (z := n)", "not-portable"),
    ],
)
def test_what_some_release_lacks_is_found(findings, statement, rule):
    assert findings(f"EPS = 1e-6\n{KERNEL}    {statement}\n") == [(6, rule)]


def test_libdevice_is_found_where_it_is_missing_and_where_it_is_interpreted(findings):
    by_name = f"from triton.language.extra.libdevice import rsqrt\n{KERNEL}    y = rsqrt(tl.load(X))\n"
    assert findings(by_name) == [(1, "not-portable"), (6, "not-interpreted"), (6, "not-portable")]
    either = f"""try:
    from triton.language.extra.libdevice import rsqrt
except ImportError:
    from triton.language.math import rsqrt
{KERNEL}    y = rsqrt(tl.load(X))
"""
    assert findings(either) == [(9, "not-interpreted")]


@pytest.mark.parametrize(
    "statement",
    [
        "for i in range(0, n, BLOCK): pass",
        "y = 1 / tl.sqrt(tl.load(X).to(tl.float32))",
        "y = tl.load(X, n > 0, 0.0, eviction_policy='evict_last')",
        "y = tl.maximum(n, BLOCK)",
        "y = min(BLOCK, 16)",
        "y = min(n, BLOCK)",
        "y = min(tl.program_id(0), n)",
        "y = tl.expand_dims(tl.arange(0, BLOCK), 1)",
        "y = sizes[1:]",
        "y = sizes[:]",
        "y = sizes[0:2]",
        "y = tl.zeros([BLOCK], HALF)",
    ],
)
def test_what_every_release_has_is_left_alone(findings, statement):
    text = HEAD + "HALF = tl.float16\n" + KERNEL[len(HEAD) :]
    assert findings(f"{text}    sizes = [1, 2, 3]\n    {statement}\n") == []


@pytest.mark.parametrize(
    ("statement", "silent_from"),
    [
        ("y = tl.cast(n, tl.float32)", "3.0"),
        ("y = tl.sum(tl.arange(0, BLOCK), axis=0, dtype=tl.float32)", "3.3.1"),
        ("y = tl.load(X).sum()", "3.4"),
        ("y = tl.arange(0, BLOCK)[:, None]", "3.0"),
        ("y = max(n, BLOCK)", "3"),
        ("y = tl.zeros([min(BLOCK, 16)], tl.float32)", "3.6"),
    ],
)
def test_what_only_earlier_releases_lack_is_left_alone(tmp_path, statement, silent_from):
    path = tmp_path / "source.py"
    path.write_text(f"{KERNEL}    {statement}\n")
    assert len(kernels.check([path])[0]) == 1
    assert kernels.check([path], portable.language(silent_from))[0] == []


def test_a_parameter_that_earlier_launches_dropped_is_left_alone_from_3_3_1_on(tmp_path):
    path = tmp_path / "source.py"
    path.write_text(f"{HEAD}@triton.jit\ndef k(X, num_warps: tl.constexpr):\n    pass\n")
    (found,) = kernels.check([path], portable.language("3.0"))[0]
    assert "the interpreter of 3.0.0 - 3.2.0 drops it" in found.sentence
    assert "2.3.1" not in found.sentence
    assert kernels.check([path], portable.language("3.3"))[0] == []


def test_a_global_says_when_it_may_be_read(findings):
    body = KERNEL + "    y = n + EPS\n"
    assert findings("import os\nEPS = float(os.getenv('EPS'))\n" + body) == [(7, "not-portable")]
    assert findings("EPS = None\n" + body) == [(6, "not-portable")]
    annotated = HEAD + "EPS: tl.constexpr = 2\n" + body[len(HEAD) :]
    assert findings(annotated) == [(6, "not-portable")]
    constexpr = HEAD + "EPS = tl.constexpr(2)\n" + body[len(HEAD) :]
    assert findings(constexpr) == [(3, "not-interpreted")]  # every kernel of the file, in the interpreter of 2.3.1
    both = HEAD + "EPS: tl.constexpr = tl.constexpr(2)\n" + body[len(HEAD) :]
    assert findings(both) == [(3, "not-interpreted")]
    assert findings("from elsewhere import helper\nEPS = helper()\n" + body) == []  # it may be a constexpr


def test_a_kernel_for_some_releases_only_may_use_what_they_have(findings):
    body = "    @triton.jit\n    def k(X):\n        y = tl.gather(X, X, axis=0)\n"
    assert findings(f"{HEAD}if hasattr(tl, 'gather'):\n{body}") == []
    assert findings(f"{HEAD}if FAST:\n{body}") == [(6, "not-portable")]


def test_a_name_that_another_vendor_s_triton_has_or_the_file_itself_adds_is_left_alone(findings):
    assert findings(KERNEL + "    y = tl.extra.mlu.libdevice.pow(X, n)\n") == []
    assert findings("tl_added = 1\n" + KERNEL + "    y = tl.added(X)\n") == [(6, "not-portable")]
    assert findings(KERNEL + "    y = tl.added(X)\n\ntl.added = None\n") == []


def test_a_helper_that_only_kernels_call_may_name_its_parameters_freely(findings):
    helper = f"{HEAD}@triton.jit\ndef half(x, num_warps: tl.constexpr):\n    return x / num_warps\n\n"
    kernel = "@triton.jit\ndef k(X):\n    tl.store(X, half(tl.load(X), 2))\n"
    assert findings(helper) == [(4, "compile-option-parameter")]
    assert findings(helper + kernel) == []


def test_deferred_annotations_above_a_kernel_are_found(findings):
    assert findings(f"from __future__ import annotations\n{KERNEL}    pass\n") == [(1, "not-interpreted")]
    assert findings("from __future__ import annotations\n\ndef host(x: int): pass\n") == []


def test_the_same_names_outside_a_kernel_are_left_alone(findings):
    assert findings(HEAD + "EPS = 1e-6\n\ndef host(x, n):\n    return max(n, EPS), x[:, None], tl.load\n") == []


def test_a_line_is_allowed_one_rule_by_a_comment_with_a_reason(findings):
    body = "    y = tl.rsqrt(n)"
    assert findings(f"{KERNEL}{body}  # lint: allow not-portable (compiled from 3.0 on only)\n") == []
    assert findings(f"{KERNEL}    # lint: allow not-portable (compiled from 3.0 on only)\n{body}\n") == []
    assert findings(f"{KERNEL}{body}  # lint: allow not-portable ()\n") == [(5, "not-portable")]
    assert findings(f"{KERNEL}{body}  # lint: allow num-warps-not-passed (no)\n") == [(5, "not-portable")]


def test_it_finds_the_public_kernels_that_still_declare_num_warps(environments, tmp_path):
    """liger-kernel 0.8.5: sparsemax, multi-token attention and fused neighborhood attention, eleven kernels in all."""
    wheel = "liger-kernel==0.8.5"
    try:
        commands.run([commands.uv(), "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), wheel])
    except (commands.ToolError, ValueError) as error:
        pytest.skip(f"needs {wheel} from a package index or from uv's cache: {error}")
    found = [item for item in kernels.check([tmp_path])[0] if item.rule == "compile-option-parameter"]
    declaring = [item for item in found if item.cause == "parameter num_warps"]
    assert {Path(item.path).name for item in declaring} == {
        "sparsemax.py",
        "multi_token_attention.py",
        "fused_neighborhood_attention.py",
    }
    assert len(declaring) == 11
