"""What a file asks of Triton outside its kernels is found, unless it asks first whether it is there."""

from __future__ import annotations

import pytest

from triton_matrix.lint import kernels, portable

HEAD = "import triton\nimport triton.language as tl\n"


@pytest.fixture
def causes(tmp_path):
    """The causes that a source text has, for a package that supports some releases."""

    def check(text, oldest=None, newest=None, backends=portable.BACKENDS):
        path = tmp_path / "source.py"
        path.write_text(text)
        return [found.cause for found in kernels.check([path], portable.language(oldest, newest, backends))[0]]

    return check


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("import triton.ops", "triton.ops"),
        ("from triton import knobs", "triton.knobs"),
        ("from triton.compiler.compiler import AttrsDescriptor", "triton.compiler.compiler.AttrsDescriptor"),
        ("def f():\n    triton.set_allocator(f)", "triton.set_allocator"),
        ("class C:\n    f = staticmethod(triton.set_allocator)", "triton.set_allocator"),
        ("for i in range(4):\n    triton.set_allocator(i)", "triton.set_allocator"),
        ("C = triton.Config(kwargs={}, num_warps=4, nosuch=1)", "triton.Config(nosuch=)"),
    ],
)
def test_what_some_release_lacks_is_found(causes, line, cause):
    assert causes(f"{HEAD}{line}\n") == [cause]


GUARDED = {
    "try": "try:\n    from triton import knobs\nexcept ImportError:\n    knobs = None",
    "suppress": "import contextlib\nwith contextlib.suppress(ImportError):\n    from triton import knobs",
    "if": "if hasattr(triton, 'knobs'):\n    triton.knobs.autotuning = 1",
    "else": "if triton.__version__ < '3.4':\n    pass\nelse:\n    triton.knobs.autotuning = 1",
    "in place": "k = triton.knobs if hasattr(triton, 'knobs') else None",
    "and": "k = hasattr(triton, 'knobs') and triton.knobs",
    "return": "def f():\n    if not hasattr(triton, 'knobs'):\n        return\n    triton.knobs.autotuning = 1",
    "raise": "if not hasattr(triton, 'knobs'):\n    raise SystemExit\ntriton.knobs.autotuning = 1",
    "skip": "import pytest\nif triton.__version__ < '3':\n    pytest.skip('')\ntriton.knobs.autotuning = 1",
    "decorator": "import pytest\n@pytest.mark.skipif(triton.__version__ < '3', reason='')\ndef f():\n    triton.knobs",
    "types only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from triton import knobs",
}


@pytest.mark.parametrize("text", GUARDED.values(), ids=GUARDED)
def test_what_asks_for_the_release_first_is_left_alone(causes, text):
    assert causes(f"{HEAD}{text}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "triton.runtime.driver.active.get_current_target()",  # an object, called as its module is
        "from triton._C.libtriton import ir",  # not surveyed
        "from triton.language.extra.mlu import libdevice",  # of another vendor's Triton
        "import tritonclient.http",
        "from .triton import knobs",
        "triton.nosuch = 1\ntriton.nosuch",
    ],
)
def test_what_no_survey_covers_is_left_alone(causes, text):
    assert causes(f"{HEAD}{text}\n") == []


def test_a_launch_option_is_no_finding_where_the_kernel_has_such_a_parameter(causes):
    kernel = f"{HEAD}@triton.jit\ndef k(X, maxnreg: tl.constexpr):\n    pass\n\n\n"
    launch = "def host(x):\n    k[(1,)](x, maxnreg=64, num_warps=4)\n"
    assert "kernel[grid](maxnreg=)" not in causes(kernel + launch)
    assert "kernel[grid](maxnreg=)" in causes(kernel.replace("maxnreg", "other") + launch)


def test_what_holds_on_one_backend_only_is_said_for_packages_that_support_it(causes):
    text = (
        f"{HEAD}from triton.language.extra.cuda import libdevice\n\n\n"
        "@triton.jit\ndef k(X):\n    tl.store(X, libdevice.rint(tl.load(X)))\n"
    )
    assert causes(text, "3.0") == ["libdevice", "CUDA's libdevice on HIP"]
    assert causes(text, "3.0", backends=("cuda",)) == ["libdevice"]
    launch = f"{HEAD}@triton.jit\ndef k(X):\n    pass\n\n\ndef host(x):\n    k[(1,)](x, num_warps=4, num_ctas=2)\n"
    assert causes(launch, "3.0") == ["num_ctas", "num_ctas on HIP"]
    assert causes(launch, "3.0", backends=("hip",)) == ["num_ctas on HIP"]
    assert causes(launch, "3.8", backends=("cuda",)) == []


def test_a_constant_that_widened_its_operand_is_said_where_releases_differ(causes):
    text = f"{HEAD}@triton.jit\ndef k(X):\n    x = tl.load(X).to(tl.uint8)\n    tl.store(X, x + {{}})\n"
    assert causes(text.format(200)) == ["uint8 and 200"]
    assert causes(text.format(200), "3.2") == causes(text.format(200), newest="3.1.0") == []
    assert causes(text.format(1)) == causes(text.format(200).replace("x + 200", "x & 200")) == []
    assert causes(text.format(300)) == ["constant out of range"]
