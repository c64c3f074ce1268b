"""Compilers that crash, told from those that refuse: on texts that compilers really printed, and on a real crash."""

from __future__ import annotations

import json

import pytest

from triton_matrix.codegen import crashes

LLVM_STACK = """\
Stack dump:
0.\tRunning pass 'Function Pass Manager' on module 'LLVMDialectModule'.
1.\tRunning pass 'NVPTX DAG->DAG Pattern Instruction Selection' on function '@kernel'
"""
MLIR_NOTE = """\
a.py:4:0: error: Failures have been detected while processing an MLIR pass pipeline
a.py:4:0: note: Pipeline failed while executing [`TritonGPUPipeline` on 'builtin.module' operation]: reproducer ...
"""
ASSERTION = """\
python: /project/lib/Dialect/TritonGPU/IR/Dialect.cpp:1035: unsigned getTotalElemsPerThread() const: \
Assertion `order.size() == 2' failed.
"""


def test_an_assertion_is_quoted_and_the_signal_named():
    crash = crashes.of_process("SIGABRT", ASSERTION)
    assert str(crash) == "the compiler crashed with SIGABRT: Assertion `order.size() == 2' failed."


def test_the_innermost_pass_that_llvm_lists_is_named():
    crash = crashes.of_process("SIGSEGV", LLVM_STACK)
    assert crash.in_pass == "NVPTX DAG->DAG Pattern Instruction Selection"
    assert "with SIGSEGV in the pass NVPTX DAG->DAG Pattern Instruction Selection" in str(crash)


def test_an_exception_that_says_nothing_gets_the_pass_from_what_was_printed():
    reason = "does not compile: RuntimeError: PassManager::run failed"
    assert crashes.remark(reason, MLIR_NOTE) == " (in the pass TritonGPUPipeline)"
    assert crashes.remark(f"{reason} (in the pass TritonGPUPipeline)", MLIR_NOTE) == ""
    assert crashes.remark(reason, "nothing of interest") == ""


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("Internal Triton PTX codegen error\n`ptxas` raised SIGSEGV", "SIGSEGV"),
        ("`ptxas` failed with error code -11", "SIGSEGV"),
        ("LLVM ERROR: Cannot select: bf16 = fmaxnum", "an LLVM error"),
    ],
)
def test_an_exception_may_tell_of_a_crash(text, how):
    crash = crashes.of_exception(text)
    assert crash is not None
    assert crash.how == how


@pytest.mark.parametrize(
    "text",
    ["at 4:8: block pointers have been removed", "`ptxas` failed with error code 255", "PassManager::run failed"],
)
def test_a_refusal_is_no_crash(text):
    assert crashes.of_exception(text) is None


CANNOT_SELECT = """\
target triple = "nvptx64-nvidia-cuda"
declare i32 @llvm.amdgcn.workitem.id.x()
define ptx_kernel void @k(ptr addrspace(1) %0) {
  %t = call i32 @llvm.amdgcn.workitem.id.x()
  store i32 %t, ptr addrspace(1) %0
  ret void
}
"""
SCRIPT = """
import json, pathlib, triton
from triton_matrix.codegen import adapters, compile, targets, worker

def job():
    adapter, _ = adapters.choose(triton.__version__)
    noted = {{"shared": 0, "num_warps": 4}}
    path = pathlib.Path({path!r})
    return compile.compiled_result(
        adapter.resume("llir", path, {{"num_warps": 4}}, targets.parse("cuda:90"), noted), 0
    )

for result in worker.surviving_crashes([job]):
    print(json.dumps([result.status, result.crash, result.reason]))
"""


@pytest.mark.parametrize("release", ["3.0.0", "3.9.0"])
def test_what_llvm_cannot_select_is_a_crash_in_instruction_selection(release_python, run_script, tmp_path, release):
    path = tmp_path / "k.llir"
    path.write_text(CANNOT_SELECT)
    status, crash, reason = json.loads(run_script(release_python(release), SCRIPT.format(path=str(path))))
    assert (status, crash) == ("error", True)
    assert "crashed with SIGABRT in the pass instruction selection: LLVM ERROR: Cannot select" in reason


def test_a_pass_manager_that_only_says_that_it_failed_is_given_what_the_compiler_printed():
    log = "loc(\"mine.py\":3:0): error: 'llvm.fcmp' op operand #0 must be floating point\n"
    found = crashes.remark("does not compile: RuntimeError: PassManager::run failed", log)
    assert found == " ('llvm.fcmp' op operand #0 must be floating point)"
    assert crashes.remark("does not compile: ValueError: no", log) == ""
