"""Compilers that crash, told from those that refuse: on texts that compilers really printed, and on real releases."""

import json
import os
from pathlib import Path

import pytest

from triton_matrix.codegen import crashes, diagnostics

LAUNCHES = Path(__file__).parent / "launches"
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
SILENT = "RuntimeError: PassManager::run failed"


def test_an_assertion_is_quoted_with_the_compiler_s_own_line_and_function():
    failure = crashes.of_process("SIGABRT", ASSERTION)
    assert failure.kind == diagnostics.CRASH
    assert failure.reason == (
        "does not compile: the compiler crashed with a failed assertion: "
        "Dialect.cpp:1035: getTotalElemsPerThread: Assertion `order.size() == 2' failed"
    )


def test_where_nothing_is_said_the_signal_is_and_the_innermost_pass_that_llvm_lists():
    failure = crashes.of_process("SIGSEGV", LLVM_STACK)
    assert "with SIGSEGV in the pass NVPTX DAG->DAG Pattern Instruction Selection" in failure.sentence
    frames = "mine.py:3:4: error: no such layout\n#0 0x00007f3a5c1d2e40 PrintStackTrace (/lib/libtriton.so+0x3f1e40)\n"
    failure = crashes.of_process("SIGSEGV", frames)
    assert failure.sentence == "the compiler crashed with SIGSEGV: no such layout, at mine.py:3:4"
    assert crashes.of_process("SIGBUS", frames.partition("\n")[2]).sentence == "the compiler crashed with SIGBUS"


@pytest.mark.parametrize("printed", [ASSERTION, "LLVM ERROR: Fatal error of a pass\n"])
def test_what_triton_catches_is_as_much_a_crash_as_what_ends_the_process(printed):
    caught = crashes.of_exception(SILENT, SILENT, printed + MLIR_NOTE)
    assert caught == crashes.of_process("SIGABRT", printed + MLIR_NOTE)
    assert caught.kind == diagnostics.CRASH
    assert "in the pass TritonGPUPipeline: " in caught.sentence


def test_an_exception_that_says_nothing_gets_the_pass_from_what_was_printed():
    failure = crashes.of_exception(SILENT, SILENT, MLIR_NOTE)
    assert failure == crashes.Failure(diagnostics.REFUSAL, f"{SILENT} in the pass TritonGPUPipeline")
    assert crashes.of_exception(SILENT, SILENT, "nothing of interest").sentence == SILENT


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Internal Triton PTX codegen error\n`ptxas` raised SIGSEGV", "the compiler crashed with SIGSEGV in ptxas"),
        ("`ptxas-blackwell` failed with error code -6", "the compiler crashed with SIGABRT in ptxas-blackwell"),
        ("LLVM ERROR: Cannot select: bf16 = fmaxnum", "an LLVM error in the pass instruction selection: LLVM ERROR"),
    ],
)
def test_an_exception_may_tell_of_a_crash(text, sentence):
    failure = crashes.of_exception("", text, text)
    assert failure.kind == diagnostics.CRASH
    assert sentence in failure.sentence


@pytest.mark.parametrize("text", ["`ptxas` failed with error code 255", "PassManager::run failed", "no such thing"])
def test_a_refusal_is_no_crash(text):
    assert crashes.of_exception(text, text) == crashes.Failure(diagnostics.REFUSAL, text)


def test_llvm_that_ends_the_process_with_a_status_refuses_the_kernel():
    failure = crashes.of_process("exit status 1", "error: couldn't allocate output register for constraint 'l'\n")
    assert failure == crashes.Failure(diagnostics.REFUSAL, "couldn't allocate output register for constraint 'l'")
    assert crashes.of_process("exit status 1", "no error that is known\n").kind == diagnostics.CRASH


@pytest.mark.parametrize(
    "failure",
    [
        crashes.of_process("SIGKILL", "LLVM ERROR: what it printed before\n"),
        crashes.of_process("SIGABRT", "LLVM ERROR: out of memory\nAllocation failed\n"),
        crashes.of_exception("", "`ptxas` failed with error code 137"),
        crashes.of_exception("MemoryError", "MemoryError: "),
        crashes.of_exception("", "OSError: [Errno 28] No space left on device: '/tmp/x.ptx'"),
    ],
)
def test_what_the_machine_lacks_says_nothing_of_the_kernel(failure):
    assert failure.kind == diagnostics.OUTSIDE
    assert failure.reason.startswith("was not compiled: ")


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
from triton_matrix.base import targets
from triton_matrix.codegen import adapters, compile, worker

def job(printed):
    adapter, _ = adapters.choose(triton.__version__)
    noted = {{"shared": 0, "num_warps": 4}}
    path = pathlib.Path({path!r})
    return compile.compiled_result(
        adapter.resume("llir", path, {{"num_warps": 4}}, targets.parse("cuda:90"), noted), "", printed(), 0
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
    assert "crashed with an LLVM error in the pass instruction selection: LLVM ERROR: Cannot select" in reason


POINTERS = {
    "every_other": 'src_ptr = "*i32"\ndst_ptr = "*i32"',
    "tiles": 'x_ptr = "*fp16"\nw_ptr = "*fp16"\nout_ptr = "*fp32"\nn_tiles = 16\nn_rows = 64',
    "specialized": 'a_ptr = "*fp16"\nb_ptr = "*fp16"\nc_ptr = "*fp16"\nK = 512',
    "total": 'x_ptr = "*fp8e4nv"\nout_ptr = "*fp32"',
    "assembly": 'x_ptr = "*i32"',
}
CONSTANTS = {
    "every_other": "M = 8\nN = 8",
    "tiles": "D = 64",
    "specialized": "D = 128\nBLOCK_K = 64",
    "total": "N = 512",
    "assembly": 'N = 128\nTEXT = "mov.u64 $0, $1;"\nCONSTRAINTS = "=l,r"',
}


@pytest.fixture
def compiled(codegen, tmp_path):
    """The entry of a kernel of launches/crashing.py in a release."""

    def run(release, kernel, target="cuda:90", num_warps=4, **env):
        launch, out = tmp_path / f"{kernel}.toml", tmp_path / "out.json"
        launch.write_text(
            f'kernel = "{LAUNCHES / "crashing.py"}:{kernel}"\n[args]\n{POINTERS[kernel]}\n'
            f"[constexprs]\n{CONSTANTS[kernel]}\n[options]\nnum_warps = {num_warps}\n"
        )
        codegen(release, "--launches", launch, "--target", target, "--no-cache", "--json", out, **env)
        (entry,) = json.loads(out.read_text())["entries"]
        return entry

    return run


REAL = [
    (
        ("3.8.0", "every_other", "cuda:90", 2),
        "a failed assertion in the pass TritonGPUOptimizeThreadLocality: OptimizeThreadLocality.cpp:220: "
        "setOptimizedGatherLayout: Assertion `GatherLoweringHelper(op).isWarpLocal()' failed",
    ),
    (
        ("3.6.0", "tiles", "cuda:90", 4),
        "an LLVM error in the pass TritonGPUPipeline: LLVM ERROR: Fatal pipeliner error; 'ttng.tensormap_create' op "
        "pipeliner doesn't know how to predicate this op., at crashing.py:25:41: tile = tl.make_tensor_descriptor(",
    ),
    (
        ("3.6.0", "specialized", "cuda:90", 4),
        "a failed assertion in the pass NVGPUWarpSpecialization: WSLowerToken.cpp:73: processProducerCommitOp: Assert",
    ),
    (
        ("3.9.0", "specialized", "cuda:90", 4),
        "an LLVM error in the pass NVGPUWarpSpecialization: LLVM ERROR: unsupported load type for producer commit",
    ),
    (
        ("3.9.0", "total", "cuda:90", 4),
        "LLVM ERROR: element type mismatch when packing elements for LLVM struct; invalid element type in "
        "packLLElements. Expected 'i8' but got 'f8E4M3FN', at crashing.py:48:23: tl.store(out_ptr, tl.sum(",
    ),
]


@pytest.mark.parametrize(("asked", "said"), REAL, ids=[f"{asked[1]}-{asked[0]}" for asked, _ in REAL])
def test_what_triton_catches_in_a_pass_is_a_crash_with_the_compiler_s_own_words(compiled, asked, said):
    entry = compiled(*asked)
    assert entry["crash"] is True
    assert entry["reason"].startswith("does not compile: the compiler crashed with ")
    assert said in entry["reason"]


def test_a_line_of_triton_s_own_comes_behind_the_kernel_s(compiled):
    entry = compiled("3.6.0", "total")
    reason = entry["reason"]
    assert "crash" not in entry
    assert ": 'llvm.fadd' op operand #0 must be floating point" in reason
    assert ", at crashing.py:48:29: tl.store(out_ptr, tl.sum(" in reason
    assert reason.endswith(", in triton/language/standard.py:263:15: return a + b")


def test_an_assertion_of_triton_s_that_says_nothing_is_quoted_itself(compiled):
    reason = compiled("2.3.1", "total")["reason"]
    assert "AssertionError: assert False (triton/language/semantic.py:85), at crashing.py:48:" in reason


@pytest.mark.parametrize("release", ["2.3.1", "3.9.0"])
def test_what_ptxas_says_is_told_with_the_kernel_s_line_and_no_name_that_differs_from_run_to_run(compiled, release):
    reason = compiled(release, "assembly")["reason"]
    column = {"2.3.1": 62, "3.9.0": 18}[release]
    said = f"does not compile: ptxas: Arguments mismatch for instruction 'mov', at crashing.py:56:{column}: tl.store("
    assert reason.startswith(said)
    assert "/tmp" not in reason


@pytest.mark.parametrize("release", ["3.6.0", "3.9.0"])
def test_an_error_that_llvm_prints_is_one_where_triton_goes_on_without_it_too(compiled, release):
    """3.9.0 takes no notice: the assembly text that it leaves is of another kernel, and looked as if all were well."""
    entry = compiled(release, "assembly", "hip:gfx942")
    assert entry["status"] == "error"
    assert "allocate output register for constraint 'l'" in entry["reason"]
    assert entry["metrics"] == {}


def test_a_compiler_that_hangs_is_said_with_the_stage_it_is_to_make(codegen, tmp_path):
    ptxas, launch = tmp_path / "ptxas", tmp_path / "launch.toml"
    ptxas.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "release 13.0," && exit\nsleep 60\n')
    ptxas.chmod(0o755)
    launch.write_text(
        f'kernel = "{LAUNCHES / "broken.py"}:copy"\nargs = {{x_ptr = "*fp32", n = 64}}\nconstexprs.BLOCK = 64'
    )
    asked = ("--launches", launch, "--target", "cuda:80", "--no-cache", "--compile-seconds", "2")
    done = codegen("3.9.0", *asked, TRITON_PTXAS_PATH=os.fspath(ptxas))
    assert "does not compile: the compiler took more than 2 s to make cubin" in done.stdout
