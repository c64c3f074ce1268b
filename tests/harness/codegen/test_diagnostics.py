"""What compilers print, read by the table: excerpts of what releases from 2.3.1 to 3.9.0 really printed."""

import time

import pytest

from triton_matrix.codegen import diagnostics
from triton_matrix.codegen.diagnostics import CRASH, OUTSIDE, REFUSAL
from triton_matrix.launches import places
from triton_matrix.launches.places import Place

PRINTED = [
    (
        CRASH,
        "UNREACHABLE executed at /project/lib/Conversion/ElementwiseOpToLLVM.cpp:816!",
        "LLVM.cpp:816: something before UNREACHABLE executed",
    ),
    (
        CRASH,
        "not a type we know\nUNREACHABLE executed at /a/b.cpp:7!",
        "b.cpp:7: not a type we know UNREACHABLE executed",
    ),
    (
        CRASH,
        "python: /root/llvm/include/Casting.h:566: decltype(auto) llvm::cast(const From&) [with To = mlir::Value]: "
        "Assertion `isa<To>(Val)' failed.",
        "Casting.h:566: cast: Assertion `isa<To>(Val)' failed",
    ),
    (
        CRASH,
        "python: /p/R.cpp:31: virtual LogicalResult (anonymous namespace)::Reduce::matchAndRewrite(ReduceOp) const: "
        'Assertion `helper.isReduceWithinCTA() && "Unexpected srcLayout"\' failed.',
        'R.cpp:31: matchAndRewrite: Assertion `helper.isReduceWithinCTA() && "Unexpected srcLayout"\' failed',
    ),
    (CRASH, "Assertion failed: (x), function f, file a.cpp, line 3.", "Assertion failed: (x), function f"),
    (CRASH, "LLVM ERROR: Cannot select: 0x55d0a1c0: f32 = rcp 0x55d0a1f0", "LLVM ERROR: Cannot select: f32 = rcp"),
    (CRASH, "fatal error: error in backend: no", "fatal error: error in backend: no"),
    (
        CRASH,
        "terminate called after throwing an instance of 'std::out_of_range'\n  what():  map::at",
        "terminate called after throwing an instance of 'std::out_of_range' what(): map::at",
    ),
    (
        OUTSIDE,
        "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc",
        "bad_alloc",
    ),
    (OUTSIDE, "ptxas fatal   : Memory allocation failure", "Memory allocation failure"),
    (OUTSIDE, "LLVM ERROR: IO failure on output stream: No space left on device", "No space left on device"),
    (
        REFUSAL,
        "ptxas /tmp/tmpx1.ptx, line 9; error   : Instruction 'setmaxnreg.inc' not supported on .target 'sm_80'\n"
        "ptxas fatal   : Ptx assembly aborted due to errors",
        "ptxas: Instruction 'setmaxnreg.inc' not supported on .target 'sm_80'",
    ),
    (
        REFUSAL,
        "ptxas-blackwell fatal   : (C7602) Entry function 'k' uses too much local data",
        "ptxas: (C7602) Entry function 'k' uses too much local data",
    ),
    (
        REFUSAL,
        "ptxas-blackwell /tmp/tmpx1.ptx, line 7; fatal   : Parsing error near '.nvvm': syntax error",
        "ptxas: Parsing error near '.nvvm': syntax error",
    ),
    (REFUSAL, "error: could not allocate output register for constraint 'l'", "could not allocate output register"),
    (
        REFUSAL,
        "<unknown>:0: error: parent layout must have at least rank >= 2",
        "parent layout must have at least rank",
    ),
]


@pytest.mark.parametrize(("kind", "printed", "said"), PRINTED)
def test_a_line_is_told_by_the_table(kind, printed, said):
    found = diagnostics.read(f"something before\n{printed}\nmodule {{\n}}\n")
    assert found.kind == kind
    assert said in found.text
    assert "\n" not in found.text


def test_every_row_of_the_table_has_such_a_line():
    told = {id(next(row for row in diagnostics.PATTERNS if row.words.search(each))) for _, each, _ in PRINTED[:-1]}
    rest = [row for row in diagnostics.PATTERNS if id(row) not in told]
    assert [row.what for row in rest] == ["no memory was left"]  # Python's own, of test_crashes
    assert rest[0].words.search("MemoryError: ")


OF_3_9 = """\
{triton}/language/standard.py:403:23: error: 'llvm.fcmp' op operand #0 must be floating point
    ret = core.where((x > y) != flip, x, y)
                      ^
{triton}/language/standard.py:425:13: note: called from
        x = _compare_and_swap(x, flip, i)
            ^
{triton}/language/standard.py:490:12: note: called from
{folder}/kernels/helper.py:8:25: note: called from
{folder}/kernels/mine.py:28:25: note: called from
{folder}/kernels/mine.py:26:1: error: Failures have been detected while processing an MLIR pass pipeline
"""
OF_3_2 = (
    'loc(callsite(callsite("{triton}/language/standard.py":256:15 at "{folder}/kernels/helper.py":8:9) at '
    "\"{folder}/kernels/mine.py\":3:54)): error: 'llvm.fadd' op operand #0 must be floating point\n"
)


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (OF_3_9, ["kernels/mine.py:28:25", "kernels/helper.py:8:25", "triton/language/standard.py:403:23"]),
        (OF_3_2, ["kernels/mine.py:3:54", "kernels/helper.py:8:9", "triton/language/standard.py:256:15"]),
    ],
)
def test_the_kernel_s_line_comes_first_and_triton_s_last_named_alike_on_every_machine(tmp_path, printed, lines):
    (tmp_path / "kernels").mkdir()
    for name in ("__init__.py", "helper.py", "mine.py"):
        (tmp_path / "kernels" / name).write_text("\n" * 27 + "x = 1\n")
    found = diagnostics.read(printed.format(triton="/env/lib/python3.11/site-packages/triton", folder=tmp_path))
    assert found.text.startswith("'llvm.f")
    assert [place.partition(": ")[0] for place in places.chain(found.calls).split(", in ")] == lines


def test_a_place_is_short_and_has_its_source(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"x = 1\n    y = {'1 + ' * 60}1\n")
    shown = str(Place(str(path), 2, 5))
    assert shown.startswith("mine.py:2:5: y = 1 + 1")
    assert shown.endswith("...")
    assert len(shown) < places.LONGEST + 20
    assert str(Place("/gone/mine.py", 3)) == "mine.py:3"


def test_what_is_quoted_is_bounded_and_has_no_folder_of_this_machine():
    said = diagnostics.read(f"LLVM ERROR: cannot open '/home/me/some/where/x.so' {'a' * 9999}").text
    assert said.startswith("LLVM ERROR: cannot open 'x.so' aaa")
    assert len(said) == diagnostics.LONGEST


def test_a_long_dump_of_long_lines_is_read_in_no_time():
    printed = f"{'x ' * 50_000}\n{'%0 = tt.load %1 : tensor<8xf32>, ' * 20_000}\nLLVM ERROR: at last\n"
    started = time.process_time()
    assert diagnostics.read(printed).text == "LLVM ERROR: at last"
    assert time.process_time() - started < 2


def test_of_nested_pipelines_the_pass_that_failed_is_the_last():
    note = "a.py:6:0: note: Pipeline failed while executing [`Outer` on 'builtin.module' operation, `Inner` on 'x']: re"
    assert diagnostics.pass_of(note) == "Inner"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("A.cpp:227: f: Assertion `x' failed", "A.cpp:220: f: Assertion `x' failed", True),
        ("A.cpp:227: f: Assertion `x' failed", "A.cpp:227: f: Assertion `y' failed", False),
        ("no, at mine.py:11:38: a = b", "no, at mine.py:11:13: a = b", True),
        ("no, at mine.py:11:38: a = b", "no, at mine.py:12:38: a = b", False),
        ("no, in triton/language/standard.py:290:36: a", "no, in triton/language/standard.py:314:12: a", True),
    ],
)
def test_two_reasons_are_one_where_only_lines_that_move_from_release_to_release_differ(one, other, alike):
    assert (diagnostics.alike(one) == diagnostics.alike(other)) == alike


def test_warnings_are_told_each_once():
    printed = "/a/mine.py:3:4: warning: slow path\n/a/mine.py:9:4: warning: slow path\nwarning: stack is large\n"
    assert diagnostics.warnings(printed) == ("slow path", "stack is large")
