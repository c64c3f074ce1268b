"""Two 16-bit elements in one 32-bit register: what a kernel holds of a row for later takes half the registers so.

A compiled kernel keeps a loaded 16-bit element in a register of its own, on every Triton from 2.3.1 to 3.9.0. Rows that
are loaded early, or that wait for a sum, are therefore read as 32-bit words and unpacked where they are used. Rows of
words need an even number of columns and tensors that start at a multiple of 4 bytes.

A word has two halves: 0 is its first element, 1 its second. Kernels take them out in one of two ways:

    `unpack`, `pack`          both halves as one tile: words are [1, n], elements [PACK, n], those of a word in one
                              thread. With PACK 1 a word is an element of any dtype, so one kernel serves all rows.
    `half`, `pack_halves`     each half as a tile of its own, [1, n] as the words, and one instruction packs both.
"""

import os

import triton
import triton.language as tl

# an interpreter runs no inline PTX
# lint: allow not-interpreted (the plan packs no row where Triton 2 interprets)
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET", "0") == "1")
# lint: allow not-interpreted (the same)
SAMPLE = tl.constexpr(32)  # words at the start of a row about whose mean both its sums are taken


@triton.jit
def as_words(pointer, PACK: tl.constexpr):
    """The pointer, to words: of fp32, which is packed nowhere but in weight and bias, to words of 64 bits."""
    if PACK == 2:
        if pointer.dtype.element_ty == tl.float32:
            pointer = pointer.to(tl.pointer_type(tl.int64))
        else:
            pointer = pointer.to(tl.pointer_type(tl.int32))
    return pointer


@triton.jit
def halves(PACK: tl.constexpr):
    """[PACK, 1]: 0 for the first element of a word, 1 for the second."""
    return tl.expand_dims(tl.arange(0, PACK), 1)


@triton.jit
def load_vector(vector, cols, mask, PACK: tl.constexpr):
    """Weight or bias at the words `cols` of a row as fp32 [PACK, n]; 0 where masked."""
    if PACK == 2:
        elements = unpack(tl.load(as_words(vector, PACK) + cols, mask=mask, other=0), vector, PACK)
    else:
        elements = unpack(tl.load(vector + cols, mask=mask, other=0.0), vector, PACK)
    return elements


@triton.jit
def unpack(words, pointer, PACK: tl.constexpr):
    """Words as fp32: element PACK * i + h of the row is at [h, i]. `pointer` is to the elements that they hold."""
    if PACK == 2:
        if pointer.dtype.element_ty == tl.bfloat16:
            elements = ((words << (16 - 16 * halves(PACK))) & -65536).to(tl.float32, bitcast=True)
        elif pointer.dtype.element_ty == tl.float32:
            elements = (words >> (32 * halves(PACK))).to(tl.int32).to(tl.float32, bitcast=True)
        else:
            elements = (words >> (16 * halves(PACK))).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    else:
        # Triton 2.3.1's compiler crashes on a reduction of the value that a loop carries; the sum is another one
        elements = words.to(tl.float32) + 0.0
    return elements


@triton.jit
def pack(elements, pointer, PACK: tl.constexpr):
    """The inverse of `unpack`, rounded to what `pointer` points to."""
    words = elements.to(pointer.dtype.element_ty)
    if PACK == 2:
        bits = (words.to(tl.int16, bitcast=True).to(tl.int32) & 0xFFFF) << (16 * halves(PACK))
        words = tl.expand_dims(tl.sum(bits, axis=0), 0)
    return words


@triton.jit
def half(words, pointer, HALF: tl.constexpr):
    """One element of each word, as fp32. `pointer` is to the elements that the words hold."""
    if pointer.dtype.element_ty == tl.bfloat16:
        if HALF == 0:
            element = (words << 16).to(tl.float32, bitcast=True)
        else:
            element = (words & -65536).to(tl.float32, bitcast=True)
    elif pointer.dtype.element_ty == tl.float32:
        element = (words >> (32 * HALF)).to(tl.int32).to(tl.float32, bitcast=True)
    elif HALF == 0:
        element = words.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    else:
        element = (words >> 16).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    return element


@triton.jit
def mean_of_sample(words, pointer, PACK: tl.constexpr):
    """The mean of the elements of SAMPLE words, which both sums of their row are then taken about."""
    if PACK == 2:
        mean = tl.sum(half(words, pointer, 0) + half(words, pointer, 1), axis=0) / (2 * SAMPLE)
    else:
        mean = tl.sum(words, axis=0) / SAMPLE
    return mean


@triton.jit
def pack_halves(first, second, pointer):
    """Words of two elements in fp32, rounded to what `pointer` points to.

    One instruction for both; element by element, a conversion takes eight times as long as any other instruction.
    """
    if INTERPRETED:
        first_bits = first.to(pointer.dtype.element_ty).to(tl.int16, bitcast=True).to(tl.int32) & 0xFFFF
        words = second.to(pointer.dtype.element_ty).to(tl.int16, bitcast=True).to(tl.int32) << 16 | first_bits
    elif pointer.dtype.element_ty == tl.bfloat16:
        words = tl.inline_asm_elementwise(
            "cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,r,r", [second, first], dtype=tl.int32, is_pure=True, pack=1
        )
    else:
        words = tl.inline_asm_elementwise(
            "cvt.rn.f16x2.f32 $0, $1, $2;", "=r,r,r", [second, first], dtype=tl.int32, is_pure=True, pack=1
        )
    return words


@triton.jit
def load_halves(vector, cols, mask, WORDS: tl.constexpr):
    """Weight or bias at the words `cols` of a row, each half as fp32 [1, n]; 0 where masked.

    WORDS: whether `vector` starts at a multiple of two elements, so that it can be read as words.
    """
    if WORDS:
        words = tl.load(as_words(vector, 2) + cols, mask=mask, other=0)
        first = half(words, vector, 0)
        second = half(words, vector, 1)
    else:
        first = tl.load(vector + cols * 2, mask=mask, other=0.0).to(tl.float32)
        second = tl.load(vector + cols * 2 + 1, mask=mask, other=0.0).to(tl.float32)
    return first, second


@triton.jit
def hold_half(vector, cols, mask, HALF: tl.constexpr, WORDS: tl.constexpr):
    """What a program keeps of weight or bias for `held_half`: the words, or of fp32 the elements of that half.

    WORDS: as in `load_halves`.
    """
    if vector.dtype.element_ty == tl.float32:
        held = tl.load(vector + (2 * cols + HALF), mask=mask, other=0.0)
    elif not WORDS:
        first, second = load_halves(vector, cols, mask, WORDS)
        held = pack_halves(first, second, vector)
    else:
        held = tl.load(as_words(vector, 2) + cols, mask=mask, other=0)
    return held


@triton.jit
def hold(vector, cols, mask, PACK: tl.constexpr, HALF: tl.constexpr, WORDS: tl.constexpr):
    """What a program keeps of weight or bias for `half_after`: as `hold_half`, and of words of one element fp32."""
    if PACK == 1:
        held = tl.load(vector + cols, mask=mask, other=0.0).to(tl.float32)
    else:
        held = hold_half(vector, cols, mask, HALF, WORDS)
    return held


@triton.jit
def held_half(held, vector, zero, HALF: tl.constexpr):
    """What is held of weight or bias, as fp32; not before the compiler knows `zero`, an int32 scalar that is 0."""
    if vector.dtype.element_ty == tl.float32:
        element = held
    else:
        element = half(not_before(held, zero, 2), vector, HALF)
    return element


@triton.jit
def half_after(words, pointer, zero, HALF: tl.constexpr):
    """As `half`, but not before the compiler knows `zero`, an int32 scalar that is 0; of fp32 the words themselves."""
    if pointer.dtype.element_ty == tl.bfloat16:
        if HALF == 0:
            element = (words << (16 + zero)).to(tl.float32, bitcast=True)
        else:
            element = (words & (zero - 65536)).to(tl.float32, bitcast=True)
    elif pointer.dtype.element_ty == tl.float32:
        element = words
    else:
        element = half(words ^ -zero, pointer, HALF)
    return element


@triton.jit
def kept(words):
    """The words, int32, int16 or fp32; no compiler before ptxas sees that they are the same, and ptxas takes no
    instruction.

    A row that a loop carries over a pass would else keep Triton from copying any ahead (loops.py).
    """
    if INTERPRETED:
        same = words
    elif words.dtype == tl.int16:
        same = tl.inline_asm_elementwise("mov.b16 $0, $1;", "=h,h", [words], dtype=tl.int16, is_pure=True, pack=1)
    elif words.dtype == tl.float32:
        same = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=f,f", [words], dtype=tl.float32, is_pure=True, pack=1)
    else:
        same = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [words], dtype=tl.int32, is_pure=True, pack=1)
    return same


@triton.jit
def not_before(words, zero, PACK: tl.constexpr):
    """The words, which no compiler can unpack before it knows `zero`, an int32 scalar that is 0.

    Two uses of a row would otherwise share one unpacking, whose result is then kept from the first to the second. The
    zero is negated, since a compiler knows of many that they are 0 or 1: such a one would leave it the upper half.
    """
    if PACK == 2:
        words = words ^ -zero
    return words


@triton.jit
def zero_after(number, rstd):
    """An int32 0, since no rstd is negative; no compiler knows that, nor the number before it is computed."""
    return ((number != 0.0) & (rstd < 0.0)).to(tl.int32)


@triton.jit
def zero_unless_nan(number):
    """An int32 0 that no compiler knows before the number, and no rstd is needed for; 1 where the number is NaN.

    For words of which nothing is computed but what is then NaN itself.
    """
    return (number != number).to(tl.int32)
