"""What broke: each failure is put down to a cause, and failures of one root are one group."""

from __future__ import annotations

import pytest

from triton_matrix.evidence import causes, column, reading


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("TypeError: missing a required argument: 'num_warps'", "launch"),
        ("TypeError: k() got an unexpected keyword argument 'num_warps'", "launch"),
        ("triton.runtime.autotuner.OutOfResources: out of resource: shared memory, Required: 300000", "launch"),
        ("ValueError: Pointer argument (at 0) cannot be accessed from Triton (cpu tensor?)", "launch"),
        ("triton.compiler.errors.CompilationError: at 3:8: invalid operands of type pointer", "compile"),
        ("AttributeError: module 'triton.language' has no attribute 'rsqrt'", "compile"),
        ("ValueError: 0d block_type is forbidden", "compile"),
        ("NameError: Cannot access global variable SIZE from within @jit'ed function", "compile"),
        ("ImportError: libcudart.so.12: cannot open shared object file: No such file", "environment"),
        ("TypeError: only 0-dimensional arrays can be converted to Python scalars", "environment"),
        ("RuntimeError: Found no NVIDIA driver: no CUDA GPUs are available", "environment"),
        ("AssertionError: Tensor-likes are not close! Mismatched elements: 3 / 9", "numerics"),
        ("AssertionError: dx is off by 4.56; torch is off by 8.51e-07", "numerics"),
        ("AssertionError: spill_stores 808 where 158 was", "codegen"),
        ("AssertionError: large-bf16 is 1.4 times slower than the baseline", "speed"),
        ("fixture 'devise' not found", "harness"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "harness"),
        ("RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.", "launch"),
        ("ZeroDivisionError: division by zero", "harness"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'data/x.json'", "environment"),
    ],
)
def test_each_cause_is_known_by_what_the_failure_says(message, cause):
    assert causes.classify(reading.Failure("matrix.test_x::test_y", "call", message, ""))[0] == cause


def test_a_failed_assertion_is_numerics_only_in_a_suite_that_compares_values():
    for test, cause in (
        ("correctness.test_values::test_eps", "numerics"),
        ("correctness.test_names::test_x", "harness"),
    ):
        assert causes.classify(reading.Failure(test, "call", "AssertionError: assert 1 == 2", ""))[0] == cause


def test_a_test_that_imports_its_own_folder_is_told_what_helps():
    said = "ModuleNotFoundError: No module named 'tests.util'"
    assert "tests/__init__.py" in str(causes.classify(reading.Failure("tests.test_x::test_y", "call", said, "")))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ModuleNotFoundError: No module named 'tabulate'", True),
        ("ModuleNotFoundError: No module named 'tritonclient.grpc'", True),
        ("ImportError: ipdb is not available, please install it via pip install ipdb", True),
        ("ModuleNotFoundError: No module named 'triton.ops'", False),
        ("ImportError: cannot import name 'Partial' from 'torch.distributed.tensor'", False),
    ],
)
def test_where_a_requirement_of_the_tests_is_missing_its_place_is_told(said, told):
    cause, hint = causes.classify(reading.Failure("tests.test_x::test_y", "call", said, ""))
    assert cause == "environment"
    assert ("`test` of [package]" in hint) == told


def test_every_row_of_the_table_names_a_cause_and_gives_a_hint():
    assert {row.cause for row in causes.rows()} == set(causes.CAUSES)
    assert all(row.hint and row.where in ("message", "text", "test") for row in causes.rows())


def test_a_lone_case_is_named_whole_in_its_command():
    test = "correctness.test_sizes::test_results_are_as_exact_as_torch[5-1-fp32]"
    assert causes.command(column.parse("triton3x"), "interpreter", [test]).endswith(
        "-k 'test_results_are_as_exact_as_torch[5-1-fp32]'"
    )
    assert causes.command(column.parse("ambient-3.6.0"), "device", [test]).startswith(
        "nox --no-venv --no-install -s tests-ambient -- "
    )
    many = [f"correctness.test_sizes::test_{letter}" for letter in "abcdefgh"]
    assert causes.command(column.parse("triton3x"), "device", many) == "nox -s tests-triton3x -- --level device"


def test_failures_that_differ_in_numbers_addresses_and_paths_have_one_root():
    one = causes.root_key("ValueError: at 0x7f01 in /a/b/c/d.py: 3.5 of 17 failed on triton 3.3.1 in fp16")
    other = causes.root_key("ValueError: at 0x9b22 in /e/f/g/h.py: 0.1 of 2 failed on triton 3.3.1 in fp16")
    assert one == other
    assert one != causes.root_key("ValueError: at 0x9b22 in /e/f/g/h.py: 0.1 of 2 failed on triton 3.4.0 in fp16")
