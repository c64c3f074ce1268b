"""What ptxas says and Triton throws away: spills, warnings, and the Python line of a line of PTX."""

import json
import os
from pathlib import Path

import pytest

from triton_matrix.codegen import compile, ptxas

LAUNCHES = Path(__file__).parent / "launches"
SAID = """\
ptxas info    : 35 bytes gmem
ptxas info    : Compiling entry function 'k' for 'sm_90a'
ptxas info    : Function properties for k
    48 bytes stack frame, 40 bytes spill stores, 24 bytes spill loads
ptxas info    : Function properties for helper
    8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
ptxas warning : Potential Performance Loss: wgmma.mma_async instructions are serialized in function 'k'
ptxas warning : Potential Performance Loss: wgmma.mma_async instructions are serialized in function 'k'
ptxas info    : Used 64 registers, 48 bytes cumulative stack size
"""


def test_spills_are_those_of_a_kernel_and_of_the_functions_that_it_calls():
    assert ptxas.spills(SAID) == {"spill_stores": 44, "spill_loads": 28}


def test_a_ptxas_that_says_nothing_of_spills_is_no_kernel_without_spills():
    with pytest.raises(ValueError, match="says nothing of spills: 'ptxas info'"):
        ptxas.spills("ptxas info")


def test_a_warning_is_told_once():
    (warning,) = ptxas.warnings(SAID)
    assert warning == "Potential Performance Loss: wgmma.mma_async instructions are serialized in function 'k'"


PTX = """\
\t.loc\t1 10 0
\tmov.u32 %r1, %tid.x;
\t.loc\t1 12 20, function_name $L__info_string0, inlined_at 1 28 5
\t.loc\t2 263 15, function_name $L__info_string1, inlined_at 1 12 20
\tadd.f32 %f1, %f2, %f3;
\t.file\t1 "/pkg" "mine.py"
\t.file\t2 "/env/triton/language/standard.py"
"""


def test_a_line_of_ptx_is_the_kernel_s_line_through_all_that_is_inlined():
    places = [(place.path, place.line, place.column) for place in ptxas.calls(PTX, 5)]
    standard = "/env/triton/language/standard.py"
    assert places == [("/pkg/mine.py", 28, 5), ("/pkg/mine.py", 12, 20), (standard, 263, 15)]
    assert [(place.line, place.column) for place in ptxas.calls(PTX, 2)] == [(10, 0)]
    assert ptxas.calls("mov.u32 %r1, %tid.x;", 1) == ()


def test_what_ptxas_prints_is_heard_and_the_environment_is_as_before(tmp_path, monkeypatch):
    tool = tmp_path / "ptxas"
    tool.write_text("#!/bin/sh\necho heard of $1 >&2\n")
    tool.chmod(0o755)
    monkeypatch.setenv("TRITON_PTXAS_PATH", str(tool))
    before = dict(os.environ)
    with ptxas.listening(lambda name: str(tool if name == "ptxas" else tmp_path / "none")) as heard:
        os.system(f"{os.environ['TRITON_PTXAS_PATH']} this")
        assert "TRITON_PTXAS_BLACKWELL_PATH" not in os.environ  # this Triton has none
    assert str(heard) == "heard of this\n"
    assert dict(os.environ) == before


def test_a_folder_that_lets_nothing_be_run_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(ptxas.os, "access", lambda path, mode: False)
    tool = tmp_path / "ptxas"
    tool.touch()
    with (
        pytest.raises(
            ValueError, match=r"nothing can be run in .* \(TMPDIR\); name a folder that is not mounted noexec"
        ),
        ptxas.listening(lambda name: str(tool)),
    ):
        pass


def test_a_disk_that_is_full_is_seen(monkeypatch):
    """ptxas run from C++ cannot say so: 2.3.1 raised 'Internal Triton PTX codegen error' and that was kept."""
    assert not ptxas.disk_is_full()
    monkeypatch.setattr(ptxas, "_NO_SPACE", 1 << 80)
    assert ptxas.disk_is_full()
    result = compile.failed(RuntimeError("Internal Triton PTX codegen error"), "", "")
    assert (result.unanswered, result.lasting) == (True, False)
    assert result.reason.startswith("was not compiled: the disk is full: ")


TURNED = """\
kernel = "{folder}/crashing.py:turned"
args = {{x_ptr = "*fp32", angle_ptr = "*fp32"}}
constexprs.N = 1024
"""


@pytest.mark.parametrize("release", ["2.3.1", "3.3.1", "3.6.0"])
def test_a_local_array_of_the_kernel_s_own_is_no_spill(codegen, release, tmp_path):
    """Sines of large angles: every one of these instructions was counted as a spill."""
    launch, out = tmp_path / "turned.toml", tmp_path / "out.json"
    launch.write_text(TURNED.format(folder=LAUNCHES))
    done = codegen(release, "--launches", launch, "--target", "cuda:90", "--no-cache", "--json", out)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(out.read_text())["entries"]
    found = entry["metrics"]
    assert (found["spill_stores"], found["spill_loads"]) == (0, 0)
    assert (found["local_stores"], found["local_loads"], found["stack_bytes"]) == (32, 48, 32)


SCRIPT = """
import sys
sys.path.insert(0, {launches!r})
import triton
from layer_norm_rows import layer_norm_backward_rows as kernel
from triton_matrix.codegen import compile_kernel
args = {{name: "*fp32" if name[0].isupper() or name[0] == "d" else "i32" for name in kernel.arg_names[:-1]}}
found = compile_kernel(kernel, args, {{"BLOCK_SIZE": 8192}}, {{"num_warps": 4}}, target="cuda:90").metrics
print(found["spill_stores"], found["local_stores"], found["spill_loads"], found["local_loads"])
"""


@pytest.mark.parametrize("release", ["2.3.1", "3.4.0"])
def test_a_kernel_that_runs_out_of_registers_spills(release_python, run_script, release):
    said = run_script(release_python(release), SCRIPT.format(launches=str(LAUNCHES)))
    stored, store_instructions, loaded, load_instructions = map(int, said.split())
    assert stored >= 4 * store_instructions > 0  # bytes; an instruction moves four of them or more
    assert loaded >= 4 * load_instructions > 0
