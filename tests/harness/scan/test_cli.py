"""A scan of a small package ends with its range, in text, JSON and a page, and leaves the package as it was."""

import sys

import pytest

from triton_matrix.environments import interpreters

SOURCE = """\
import triton
import triton.language as tl

@triton.jit
def scaled(x_ptr, n_cols, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + at, {body}, mask=at < n_cols)
"""
LAUNCH = 'kernel = "../toys/k.py:scaled"\n[args]\nx_ptr = "*fp32"\nn_cols = 4096\n[constexprs]\nBLOCK = 512\n'
FMA = "tl.fma(tl.load(x_ptr + at), 2.0, 1.0)"  # not in 2.3.1


def test_a_guessed_kernel_gets_a_range_with_the_linters_reason(scan):
    status, found, said = scan(SOURCE.format(body=FMA))
    assert status == 0
    (kernel,) = found["kernels"]
    assert (kernel["how"], kernel["place"]) == ("guessed", "toys/k.py:5")
    assert kernel["status"] == {"cuda": {"2.3.1": "fails", "3.4.0": "ok"}}
    assert found["pyproject"] == "triton>=3.4"
    assert found["ranges"][0]["bounds"] == [{"clause": ">=3.4", "reason": "2.3.1: scaled: tl.fma, k.py:7"}]
    assert found["declared_allows_bad"] == []
    assert 'for pyproject: "triton>=3.4"' in said.out


def test_a_kernel_in_a_function_that_imports_triton_is_compiled_with_what_that_holds(scan):
    """Tritons before 3.4.0 do not look there for a name."""
    helper = "@triton.jit\ndef twice(x):\n    return x * 2.0\n\n"
    inner = SOURCE.format(body="twice(tl.load(x_ptr + at))").replace("@triton.jit", f"{helper}@triton.jit")
    source = "def make():\n" + "".join(f"    {line}\n" for line in inner.splitlines()) + "    return scaled\n"
    _, found, _ = scan(source)
    (kernel,) = found["kernels"]
    assert kernel["kernel"] == "toys.k:make.<locals>.scaled"
    assert kernel["status"] == {"cuda": {"2.3.1": "unknown", "3.4.0": "ok"}}
    assert "NameError: tl is not defined" in kernel["reasons"]["cuda"]["2.3.1"]


@pytest.mark.parametrize(("wanted", "status"), [("range", 1), ("compile", 1), ("worse", 0)])
def test_what_a_declaration_allows_and_does_not_work_fails_where_it_is_asked_for(scan, wanted, status):
    found = scan(SOURCE.format(body=FMA), "--fail-on", wanted, launch=LAUNCH)
    assert found[1]["kernels"][0]["how"] == "brought"
    assert found[1]["declared_allows_bad"] == ["2.3.1"]
    assert found[0] == status


@pytest.mark.skipif(sys.version_info >= (3, 12) or not interpreters.find_python("3.12"), reason="needs 3.11 and 3.12")
def test_a_package_in_a_newer_python_is_read_and_compiled_by_one(scan):
    """Two environments more: what a newer Python alone parses cannot be read here at all."""
    source = SOURCE.replace("@triton.jit", "type Size = int\n\n@triton.jit").format(body=FMA)
    status, found, said = scan(source)
    assert status == 0
    assert "in Python 3.12, which the package needs" in said.err
    (kernel,) = found["kernels"]
    assert kernel["place"] == "toys/k.py:7"
    assert kernel["status"] == {"cuda": {"3.4.0": "ok"}}


def test_a_package_without_a_kernel_is_said(scan):
    status, found, said = scan("import triton\n")
    assert (status, found) == (2, {})
    assert "defines a kernel" in said.err
