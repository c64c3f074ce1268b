"""Where a change enters: the judgement over swaps, the counts of each stage's text, and real releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from triton_matrix.releases import explain
from triton_matrix.releases.explaining import compiling, judging, statistics, telling
from triton_matrix.releases.explaining.judging import COMPILES, Outcome, Swap

from .conftest import ASKED, COPY

ROOT = Path(__file__).parents[3]
ENVS = ["3.3.1", "3.4.0"]
STAGES = ["source", "ttir", "ttgir", "llir", "ptx"]
SPILLS = "spill_stores"
REFUSED = Outcome("error", "does not compile: RuntimeError: Parse MLIR file failed.")


def ok(value: int) -> Outcome:
    return Outcome("ok", metrics={SPILLS: value})


def swaps(forward: list[Outcome], backward: list[Outcome]) -> list[Swap]:
    """A's stages finished by B, and B's finished by A, in the order of STAGES."""
    return [
        *(Swap(stage, "A", "B", outcome) for stage, outcome in zip(STAGES, forward)),
        *(Swap(stage, "B", "A", outcome) for stage, outcome in zip(STAGES, backward)),
    ]


def judge(forward: list[Outcome], backward: list[Outcome], same: tuple[str, ...] = ()) -> judging.Verdict:
    return judging.judge("cuda", SPILLS, ("A", ok(10)), ("B", ok(110)), swaps(forward, backward), same)


@pytest.mark.parametrize("entering", range(6))
def test_every_step_is_found_where_every_swap_is_accepted(entering):
    forward = [ok(110 if index < entering else 10) for index in range(5)]
    backward = [ok(10 if index < entering else 110) for index in range(5)]
    verdict = judge(forward, backward)
    assert verdict.entered == ([*STAGES, "cubin"][entering],)
    assert verdict.share == 1
    assert not verdict.others
    assert not verdict.contradictions
    proof = [swap.stage for swap in (*verdict.left, *verdict.right)]
    assert set(proof) == set(STAGES[max(0, entering - 1) : entering + 1])


def test_one_direction_is_enough():
    verdict = judge([ok(110), ok(110), ok(110), ok(10), ok(10)], [REFUSED] * 5)
    assert verdict.entered == ("llir",)
    assert len(verdict.refused) == 5


def test_steps_that_no_swap_tells_apart_are_all_named():
    verdict = judge([ok(110), ok(110), REFUSED, REFUSED, ok(10)], [ok(10), ok(10), REFUSED, REFUSED, ok(110)])
    assert verdict.entered == ("ttgir", "llir", "ptx")


def test_a_stage_that_is_the_same_in_both_is_where_nothing_has_entered_yet():
    assert judge([REFUSED] * 5, [REFUSED] * 5).entered == (*STAGES, "cubin")
    assert judge([REFUSED] * 5, [REFUSED] * 5, same=("ttir", "ttgir")).entered == ("llir", "ptx", "cubin")


def test_a_change_of_several_steps_is_shared_out():
    verdict = judge([ok(110), ok(110), ok(40), ok(40), ok(10)], [ok(10), ok(10), ok(80), ok(80), ok(110)])
    assert verdict.entered == ("ttgir",)
    assert verdict.share == pytest.approx(0.7)
    assert verdict.others == ((("ptx",), pytest.approx(0.3)),)


def test_directions_that_disagree_are_said():
    verdict = judge([ok(110), ok(110), ok(110), ok(110), ok(10)], [ok(10), ok(110), ok(10), ok(10), ok(110)])
    assert verdict.contradictions == ("ttir",)


def test_a_kernel_that_no_longer_compiles_is_followed_by_its_own_reason():
    """A swap that fails with another reason than the later release's own says nothing."""
    own = Outcome("error", "does not compile: RuntimeError: PassManager::run failed (in the pass X)")
    found = [
        Swap("ttir", "A", "B", own),
        Swap("ttir", "B", "A", Outcome("ok")),
        Swap("ttgir", "A", "B", REFUSED),
        Swap("llir", "A", "B", Outcome("ok")),
    ]
    verdict = judging.judge("cuda", COMPILES, ("A", Outcome("ok")), ("B", own), found)
    assert verdict.entered == ("ttgir", "llir")
    assert [swap.stage for swap in verdict.refused] == ["ttgir"]


def test_nothing_enters_behind_the_stage_that_could_not_be_made():
    own = Outcome("error", "does not compile: the compiler crashed with SIGABRT: LLVM ERROR: no such transfer")
    found = [Swap("ttir", "B", "A", own), Swap("ttir", "A", "B", Outcome("ok")), Swap("ptx", "B", "A", Outcome("ok"))]
    verdict = judging.judge("cuda", COMPILES, ("A", own), ("B", Outcome("ok")), found, stops="llir")
    assert verdict.entered == ("ttgir", "llir")


def test_what_got_worse_is_looked_at_before_what_merely_differs():
    before = Outcome("ok", metrics={"registers": 64, SPILLS: 4, "shared_bytes": 0, "occupancy_warps": 32})
    after = Outcome("ok", metrics={"registers": 72, SPILLS: 0, "shared_bytes": 512, "occupancy_warps": 28})
    assert judging.choose_metric(before, after) == "occupancy_warps"
    assert judging.choose_metric(after, before) == SPILLS
    assert judging.choose_metric(before, after, "registers") == "registers"
    with pytest.raises(ValueError, match="--metric is 'speed'; allowed are registers"):
        judging.choose_metric(before, after, "speed")
    with pytest.raises(judging.NoChange, match="every metric is the same"):
        judging.choose_metric(before, before)


def test_renamed_dialects_and_locations_make_no_difference():
    old = '%0 = triton_gpu.convert_layout %1 : tensor<8xf32, #blocked> loc(callsite(#loc1 at "a.py":3:4))\n'
    new = "%0 = ttg.convert_layout %1 : tensor<8xf32, #blocked> loc(#loc7)\n"
    assert statistics.plain("ttgir", old) == statistics.plain("ttgir", new)
    assert statistics.of("ttgir", old) == statistics.of("ttgir", new) == {"ttg.convert_layout": 1}


def test_loads_are_counted_by_what_a_thread_holds_side_by_side():
    text = """#blocked = #ttg.blocked<{sizePerThread = [1, 8], threadsPerWarp = [1, 32], order = [1, 0]}>
%3 = tt.load %1 : tensor<4x64x!tt.ptr<f16>, #blocked>
%4 = tt.load %2 : !tt.ptr<f32>
"""
    assert statistics.of("ttgir", text) == {"tt.load": 2, "tt.load of [1, 8] a thread": 1, "layouts": 1}


def test_inline_assembly_attributes_and_directives_are_counted():
    llir = """define void @k() #0 {
  %5 = tail call i32 asm sideeffect "mov.u32 $0, 0x0;\\0A\\09@$2 ld.global.v4.b32 { $0 }, [ $1 + 0 ];", "=r,l,b"(ptr %1)
  %6 = load <4 x float>, ptr addrspace(3) @smem
  tail call void @llvm.nvvm.barrier0()
  ret void
}
attributes #0 = { "nvvm.reqntid"="128" }
"""
    found = statistics.of("llir", llir)
    assert found["asm ld.global.v4.b32"] == 1
    assert found["load shared <4 x float>"] == 1
    assert found["call llvm.nvvm.barrier0"] == 1
    assert found["nvvm.reqntid"] == "128"
    ptx = ".version 8.4\n.reqntid 128, 1, 1\n\t.reg .f32 \t%f<17>;\n\t@%p1 ld.global.v4.b32 { %r1 }, [ %rd1 + 0 ];\n"
    assert statistics.of("ptx", ptx) == {
        ".version": "8.4",
        ".reqntid": "128, 1, 1",
        "virtual registers .f32": 16,
        "ld.global.v4": 1,
    }


def test_texts_and_then_the_largest_differences_come_first():
    rows = statistics.differences({"a": 100, "b": 1, "c": "x"}, {"a": 101, "b": 9, "c": "y"})
    assert [name for name, _, _ in rows] == ["c", "b", "a"]


# -- real releases: the public regression of LayerNorm's backward at Triton's default of 4 warps


@pytest.fixture(scope="module")
def wide_backward(tmp_path_factory) -> Path:
    """A launch file of the kernel that tests/incidents keeps."""
    path = tmp_path_factory.mktemp("launches") / "wide.toml"
    pointers = ["X", "W", "Mean", "RSTD", "dX", "dW", "dB", "dY"]
    lines = [f'kernel = "{ROOT / "tests" / "incidents" / "default_warps.py"}:backward"', "[args]"]
    lines += [f'{name} = "*fp32"' for name in pointers] + ['n_cols = "i32"', 'n_rows = "i32"']
    lines += ["[constexprs]", "rows_per_program = 32", "BLOCK = 8192"]
    lines += ["[hints]", f"divisible_by_16 = {json.dumps([*pointers, 'n_cols', 'n_rows'])}"]
    path.write_text("\n".join(lines))
    return path


def test_the_liger_backward_regression_enters_with_llvm_s_code_generator(release_python, wide_backward, tmp_path):
    """Not with ptxas: each release's ptxas makes the other's PTX as the other's own does."""
    pythons = {release: release_python(release) for release in ENVS}
    asked = {"launches": str(wide_backward), "target": "cuda:90", "label": None}
    both, metric, verdict = explain.explained(asked, pythons, tmp_path)
    assert both.source == []
    assert metric == SPILLS
    assert verdict.entered == ("ptx",)
    assert verdict.share > 0.9
    values = {(swap.stage, swap.by): swap.outcome.metrics.get(SPILLS) for swap in both.swaps}
    own = {release: both.own[release].metrics[SPILLS] for release in ENVS}
    assert values["ptx", "3.4.0"] == own["3.3.1"]
    assert values["ttgir", "3.4.0"] == own["3.4.0"]
    assert values["ttgir", "3.3.1"] == own["3.3.1"]
    said = telling.sentence(both, metric, verdict)
    assert f"{SPILLS} {own['3.3.1']} -> {own['3.4.0']} enters with LLVM's code generator" in said
    assert "with its .version lowered from 8.7 to 8.4" in said
    assert "3.3.1 with 3.4.0's llir: ptxas: Parsing error near '.nvvm'" in said  # a refusal is said with its reason
    found = telling.document(both, metric, verdict, "2026-11-25")
    assert json.loads(json.dumps(found)) == found
    assert ["nvvm.reqntid", "", "128"] in found["differences"]["llir"]
    assert found["answer"] == said
    digest = both.configuration["settings"][-1].lstrip("#")
    called = f"tests.incidents.default_warps_backward_fp32_rows_per_program=32_BLOCK=8192__{digest}_"
    assert explain.file_name(found) == f"{called}-cuda_90-3.3.1-3.4.0"


def test_a_kernel_that_the_newer_release_refuses_enters_with_the_frontend(release_python, tmp_path):
    launch = tmp_path / "pointers.toml"
    kernel = tmp_path / "pointers.py"
    kernel.write_text(
        "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef copy(X, Y, n, BLOCK: tl.constexpr):\n"
        '    cols = tl.arange(0, BLOCK)\n    x = tl.load(X + cols, cols < n, 0.0, (), "")\n'
        "    tl.store(Y + cols, x, cols < n)\n"
    )
    launch.write_text(
        'kernel = "pointers.py:copy"\nargs = {X = "*fp32", Y = "*fp32", n = "i32"}\nconstexprs = {BLOCK = 64}'
    )
    pythons = {release: release_python(release) for release in ("3.8.0", "3.9.0")}
    asked = {"launches": str(launch), "target": "cuda:90", "label": None}
    both, metric, verdict = explain.explained(asked, pythons, tmp_path / "out")
    assert metric == COMPILES
    assert verdict.entered == ("source",)
    assert "3.8.0's source finished by 3.9.0 compiles" in telling.sentence(both, metric, verdict)


CHOOSING = """\
import triton
import triton.language as tl

FACTOR = tl.constexpr(2.0) if triton.__version__ < "{since}" else tl.constexpr(3.0)
if triton.__version__ < "{since}":

    @triton.jit
    def apply(x):
        return x * FACTOR

else:

    @triton.jit
    def apply(x):
        return tl.exp(x.to(tl.float64) * FACTOR).to(tl.float32)


@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr):
    at = x_ptr + tl.arange(0, BLOCK)
    tl.store(at, apply(tl.load(at)))
"""


def test_a_kernel_that_its_own_module_changes_between_the_releases_is_told_from_what_triton_changes(
    release_python, tmp_path
):
    """It was said to enter with Triton's frontend, and no more."""
    (tmp_path / "mine.py").write_text(CHOOSING.format(since="3.9"))
    (tmp_path / "mine.toml").write_text(ASKED.format(block="64"))
    pythons = {release: release_python(release) for release in ("3.8.0", "3.9.0")}
    asked = {"launches": str(tmp_path / "mine.toml"), "target": "cuda:90", "label": None}
    both, metric, verdict = explain.explained(asked, pythons, tmp_path / "out")
    assert (metric, verdict.entered) == ("fp64_instructions", ("source",))
    assert both.source == [
        ["mine.FACTOR", "2.0", "3.0"],
        ["mine.apply", "mine.py:7", "mine.py:13"],
    ]
    said = telling.render(both, metric, verdict, False)
    assert (
        "the kernel's own source differs between the two releases: mine.FACTOR (2.0 in 3.8.0, 3.0 in 3.9.0), " in said
    )
    assert "mine.apply (mine.py:7 in 3.8.0, mine.py:13 in 3.9.0); what enters with the frontend may come from" in said
    assert telling.document(both, metric, verdict, "2026-11-29")["own_source"] == both.source


def test_a_kernel_that_its_own_module_changes_without_a_difference_is_said_too(release_python, tmp_path):
    source = CHOOSING.format(since="3.9").replace("constexpr(3.0)", "constexpr(2.0)")
    (tmp_path / "mine.py").write_text(source.replace("tl.exp(x.to(tl.float64) * FACTOR).to(tl.float32)", "FACTOR * x"))
    (tmp_path / "mine.toml").write_text(ASKED.format(block="64"))
    pythons = {release: release_python(release) for release in ("3.8.0", "3.9.0")}
    asked = {"launches": str(tmp_path / "mine.toml"), "target": "hip:gfx942", "label": None}
    said = "the kernel's own source differs between the two releases: mine.apply"
    with pytest.raises(judging.NoChange, match=said):
        explain.explained(asked, pythons, tmp_path / "out", metric="vgpr_spills")


def test_an_intermediate_form_that_is_not_accepted_is_quoted(release_python, tmp_path):
    (tmp_path / "mine.py").write_text(COPY.format(head="", n="n"))
    (tmp_path / "mine.toml").write_text(ASKED.format(block="64"))
    pythons = {release: release_python(release) for release in ("3.2.0", "3.3.1")}
    asked = {"launches": str(tmp_path / "mine.toml"), "target": "cuda:90", "label": None}
    both = compiling.compile_both(asked, pythons, tmp_path)
    reasons = {(swap.stage, swap.by): swap.outcome.reason for swap in both.swaps}
    assert "Parse MLIR file failed.: " in reasons["ttgir", "3.3.1"]
    assert "the compiler crashed with an LLVM error: LLVM ERROR: failed to parse IR" in reasons["llir", "3.2.0"]


def test_a_module_that_ends_its_process_is_no_answer_and_no_older_one_is_taken_for_it(release_python, tmp_path):
    kernel, launch = tmp_path / "mine.py", tmp_path / "mine.toml"
    kernel.write_text(COPY.format(head="", n="n"))
    launch.write_text(ASKED.format(block="64"))
    pythons = {release: release_python(release) for release in ("3.8.0", "3.9.0")}
    asked = {"launches": str(launch), "target": "cuda:90", "label": None}
    compiling.compile_both(asked, pythons, tmp_path / "kept")
    for head in ("import os; os._exit(0)", "import os; triton.__version__ > '3.9' and os._exit(0)"):
        kernel.write_text(COPY.format(head=head, n="n"))
        with pytest.raises(ValueError, match="ended with status 0 before it had an answer"):
            compiling.compile_both(asked, pythons, tmp_path / "kept")


def test_a_module_that_hangs_is_no_answer(release_python, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "SECONDS", 1)
    (tmp_path / "mine.py").write_text(COPY.format(head="import time; time.sleep(600)", n="n"))
    (tmp_path / "mine.toml").write_text(ASKED.format(block="64"))
    asked = {"launches": str(tmp_path / "mine.toml"), "target": "cuda:90", "label": None, "folder": str(tmp_path)}
    with pytest.raises(ValueError, match="took more than 1 s to load and compile the kernel"):
        compiling.ask(release_python("3.9.0"), asked)


def test_bad_input_is_one_sentence(release_python, wide_backward, capsys):
    assert explain.main(["--target", "cuda:90", "--from", "3.3.1", "--to", "3.4.0", "--root", str(ROOT)]) == 2
    assert "name a KERNEL of the atlas or give --launches FILE.toml" in capsys.readouterr().err
    assert explain.main(["x.toml", "--target", "cuda:90", "--from", "3.3.1", "--to", "3.4.0"]) == 2
    assert "there is no launch file x.toml" in capsys.readouterr().err
    asked = {"launches": str(wide_backward), "target": "cuda:90", "label": "other", "folder": str(wide_backward.parent)}
    python = release_python("3.4.0")
    with pytest.raises(
        ValueError, match=r"kernel is .other.; allowed are, for cuda:90: tests.incidents.default_warps:backward"
    ):
        compiling.ask(python, asked)
