"""Kernels are found in sources, and a launch of each is guessed from what the source does with its parameters."""

import pytest

from triton_matrix.base import files
from triton_matrix.launches import guess, launch_file, skeleton

SOURCE = """
import triton
import triton.language as tl

@triton.jit
def helper(x):
    return x * 2

@triton.jit
def fetched(where, at):
    return tl.load(where + at)

@triton.jit
def stored(x_ptr, value):
    tl.store(x_ptr, value)

@triton.jit
def gather(
    out, source, rows, eps, n_cols,
    HAS_BIAS: tl.constexpr, PRECISION: tl.constexpr, BLOCK: tl.constexpr, KNOWN: tl.constexpr = 4,
):
    row = tl.load(rows + tl.program_id(0))
    at = row * n_cols + tl.arange(0, BLOCK)
    stored(out, eps)
    tl.store(out + at, helper(tl.load(source + at)))

@triton.autotune([triton.Config({"BLOCK": 64})], key=[])
@triton.jit
def tuned(desc, out, BLOCK: tl.constexpr):
    tl.atomic_add(out + tl.arange(0, BLOCK), desc.load([tl.program_id(0), 0]))

@triton.jit
def coded(x_ptr, y_ptr, out, kept, beside, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    x, mask = tl.load(x_ptr + at), at < 4
    code = tl.load(y_ptr + at)
    code |= code << 2
    tl.store(out + at, code, mask=mask & (at > 1))
    tl.store(kept + at, x + fetched(beside, at))

@triton.jit
def unrolled(out, N_DIMS: tl.constexpr, BLOCK: tl.constexpr, STEP_SIZE: tl.constexpr, WIDTH: tl.constexpr):
    for k in tl.static_range(N_DIMS - 1, 0, -1):
        for at in tl.static_range(0, WIDTH, STEP_SIZE):
            for turn in tl.static_range(BLOCK):
                tl.store(out + at + tl.arange(0, BLOCK), k * turn)

def make():
    @triton.jit
    def made(x_ptr):
        tl.store(x_ptr, 1.0)
    return made
"""


@pytest.fixture
def found(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "k.py").write_text(SOURCE)
    (tmp_path / "pkg" / "later.py").write_text("import triton\n@triton.jit\ndef f(:\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "k.py").write_text(SOURCE)
    kernels, unread = guess.kernels(tmp_path)
    assert [path.name for path in unread] == ["later.py"]
    return {kernel.name: kernel for kernel in kernels}


def launch_of(kernel, tmp_path):
    """What the launch file that was guessed for the kernel says."""
    files.write_text(tmp_path / "g.toml", kernel.launch)
    return launch_file.read(tmp_path / "g.toml")


def test_kernels_are_found_wherever_they_are_defined_and_helpers_are_not_kernels(found):
    assert list(found) == ["gather", "tuned", "coded", "unrolled", "make.<locals>.made"]
    assert SOURCE.splitlines()[found["gather"].line - 1].startswith("def gather(")


def test_a_guess_says_types_by_use_and_sizes_and_switches_by_name(found, tmp_path):
    launch = launch_of(found["gather"], tmp_path)
    assert launch["args"] == {"out": "*bf16", "source": "*bf16", "rows": "*i32", "eps": 0.5, "n_cols": 1024}
    assert launch["constexprs"] == {"HAS_BIAS": False, "PRECISION": "ieee", "BLOCK": 64}


def test_what_is_shifted_or_joined_bit_by_bit_is_of_integers(found, tmp_path):
    assert launch_of(found["coded"], tmp_path)["args"] == {
        "x_ptr": "*bf16",
        "y_ptr": "*i32",
        "out": "*i32",
        "kept": "*bf16",
        "beside": "*bf16",
    }


def test_a_loop_that_is_unrolled_is_guessed_short(found, tmp_path):
    assert launch_of(found["unrolled"], tmp_path)["constexprs"] == {
        "N_DIMS": 2,
        "BLOCK": 16,
        "STEP_SIZE": 64,
        "WIDTH": 64,
    }


def test_a_guess_leaves_to_a_tuner_what_it_sets_and_knows_descriptors(found, tmp_path):
    launch = launch_of(found["tuned"], tmp_path)
    assert launch["args"] == {"desc": "tensordesc<bf16[64, 64]>", "out": "*fp32"}
    assert launch["constexprs"] == {}


def test_another_guess_is_of_the_same_kernel(tmp_path):
    (tmp_path / "bf16.py").write_text(SOURCE)
    (kernel, *_), _ = guess.of_file(tmp_path / "bf16.py")
    others = list(guess.otherwise(kernel.launch))
    assert others
    assert {each.splitlines()[0] for each in others} == {kernel.launch.splitlines()[0]}


FOLLOWED = """
import triton
import triton.language as tl

@triton.jit
def address(where, row, at):
    return where + row * 4 + at

@triton.jit
def strided(source, out, P, scale, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    for start in range(tl.program_id(0), 64, P):
        where = address(source, start, at)
        tl.store(out + at, tl.load(where) * scale)

@triton.jit
def unpacked(words, factors, zeros, out, n, stride, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    row = out + at
    for step in range(n):
        where = factors + step
        factor = tl.load(where)
        where = zeros + step
        zero = tl.load(where)
        zero = (zero >> 4) & 15
        zero = zero * factor
        word = tl.load(words + at)
        word = word.to(tl.int32)
        word = (word >> 4) & 15
        tl.store(row, word * factor - zero)
        row = row + stride

@triton.jit
def either(
    left, right, post_mix, left_ptr_stride,
    BLOCK: tl.constexpr, SCALE: tl.constexpr, LEFT_SCALED: tl.constexpr, MIX_STRIDE: tl.constexpr,
):
    at = tl.arange(0, BLOCK)
    if not LEFT_SCALED and BLOCK:
        where = left + at * left_ptr_stride
    else:
        where = right + at
    tl.store(post_mix + at * MIX_STRIDE, tl.load(where) * SCALE)
"""


def test_what_a_parameter_is_used_for_is_followed_to_where_it_is_used(tmp_path):
    """By their names P is a probability, LEFT_SCALED a factor, a stride of a pointer a pointer, and "post" begins as
    positions do; of what is assigned anew the last value above counts."""
    (tmp_path / "k.py").write_text(FOLLOWED)
    args, constexprs = {}, {}
    for kernel in guess.kernels(tmp_path)[0]:
        launch = launch_of(kernel, tmp_path)
        args[kernel.name], constexprs[kernel.name] = launch["args"], launch["constexprs"]
    short, integers = "*bf16", "*i32"
    assert args == {
        "strided": {"source": short, "out": short, "P": 1024, "scale": 0.5},
        "unpacked": {
            "words": integers,
            "factors": short,
            "zeros": integers,
            "out": short,
            "n": 1024,
            "stride": 1024,
        },
        "either": {"left": short, "right": short, "post_mix": short, "left_ptr_stride": 1024},
    }
    assert constexprs["either"] == {"BLOCK": 64, "SCALE": 0.5, "LEFT_SCALED": False, "MIX_STRIDE": 1}


TUNERS = """
import triton
import triton.language as tl
CONFIGS = [triton.Config({"ROWS": 64})]

def others():
    return [triton.Config({"EVEN": True})]

@triton.heuristics({"EVEN": lambda given: given["n"] % given["BLOCK"] == 0})
@triton.autotune([triton.Config({"BLOCK": 64})], key=[])
@triton.jit
def own(x, n, BLOCK: tl.constexpr, ROWS: tl.constexpr, EVEN: tl.constexpr):
    tl.store(x + tl.arange(0, BLOCK) + tl.arange(0, ROWS), 1.0)

@triton.autotune(CONFIGS, key=[])
@triton.jit
def apart(x, n, ROWS: tl.constexpr, EVEN: tl.constexpr):
    tl.store(x + tl.arange(0, ROWS), 1.0)

@triton.autotune(configs=others(), key=[])
@triton.jit
def made(x, n, ROWS: tl.constexpr, EVEN: tl.constexpr):
    tl.store(x + tl.arange(0, ROWS), 1.0)

@triton.jit
def plain(x, n, ROWS: tl.constexpr):
    tl.store(x + tl.arange(0, ROWS), 1.0)
"""


def test_what_other_kernels_of_a_file_are_tuned_by_is_guessed_where_a_kernel_is_not(tmp_path):
    (tmp_path / "k.py").write_text(TUNERS)
    kernels = guess.kernels(tmp_path)[0]
    assert {kernel.name: launch_of(kernel, tmp_path).get("constexprs") for kernel in kernels} == {
        "own": {"ROWS": 64},
        "apart": {"EVEN": False},
        "made": {"ROWS": 64},
        "plain": {"ROWS": 64},
    }


def test_a_launch_to_start_from_is_a_launch_file_and_says_that_it_is_guessed(found, tmp_path, capsys):
    assert skeleton.main([f"{tmp_path}/pkg/k.py:gather"]) == 0
    text = capsys.readouterr().out
    files.write_text(tmp_path / "g.toml", text)
    assert text.startswith("# Guessed from the source of k.py:18.")
    assert launch_file.read(tmp_path / "g.toml")["kernel"] == f"{tmp_path}/pkg/k.py:gather"
    assert skeleton.main([f"{tmp_path}/pkg/k.py:lost"]) == 2
    assert "kernels of k.py are stored, gather, tuned, coded, unrolled, make.<locals>.made" in capsys.readouterr().err
