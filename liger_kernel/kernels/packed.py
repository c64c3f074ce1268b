"""Two 16-bit elements in one 32-bit register: what a kernel holds of a row for later takes half the registers so.

A compiled kernel keeps a loaded 16-bit element in a register of its own, on every Triton from 2.3.1 to 3.9.0. Rows that
are loaded early, or that wait for a sum, are therefore read as 32-bit words and unpacked where they are used. A tile of
words is [1, n]; its elements are [PACK, n], the PACK elements of a word in one thread. With PACK 1 a word is an element
of any dtype. Rows of words need an even number of columns and tensors that start at a multiple of 4 bytes.
"""

import os

import triton
import triton.language as tl

# an interpreter runs no inline PTX
# lint: allow not-interpreted (the plan packs no row where Triton 2 interprets)
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET", "0") == "1")


@triton.jit
def as_words(pointer, PACK: tl.constexpr):
    """The pointer, to words."""
    if PACK == 2:
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
        if vector.dtype.element_ty == tl.float32:
            elements = tl.load(vector + (cols * PACK + halves(PACK)), mask=mask, other=0.0)
        else:
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
def not_before(words, zero, PACK: tl.constexpr):
    """The words, which no compiler can unpack before it knows `zero`, an int32 scalar that is 0.

    Two uses of a row would otherwise share one unpacking, whose result is then kept from the first to the second.
    """
    if PACK == 2:
        words = words ^ zero
    return words


@triton.jit
def low(words, pointer):
    """The first element of each word, as fp32. `pointer` is to the elements that the words hold."""
    if pointer.dtype.element_ty == tl.bfloat16:
        element = (words << 16).to(tl.float32, bitcast=True)
    else:
        element = words.to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    return element


@triton.jit
def high(words, pointer):
    """The second element of each word, as fp32."""
    if pointer.dtype.element_ty == tl.bfloat16:
        element = (words & -65536).to(tl.float32, bitcast=True)
    else:
        element = (words >> 16).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    return element


@triton.jit
def word(first, second, pointer):
    """Words of two elements in fp32, rounded to what `pointer` points to.

    One instruction for both; element by element, a conversion takes eight times as long as any other instruction.
    """
    if INTERPRETED:
        low_bits = first.to(pointer.dtype.element_ty).to(tl.int16, bitcast=True).to(tl.int32) & 0xFFFF
        words = second.to(pointer.dtype.element_ty).to(tl.int16, bitcast=True).to(tl.int32) << 16 | low_bits
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
def load_words(vector, cols, mask):
    """Weight or bias at the words `cols` of a row, as (first, second) elements in fp32; 0 where masked."""
    if vector.dtype.element_ty == tl.float32:
        first = tl.load(vector + cols * 2, mask=mask, other=0.0)
        second = tl.load(vector + cols * 2 + 1, mask=mask, other=0.0)
    else:
        words = tl.load(as_words(vector, 2) + cols, mask=mask, other=0)
        first = low(words, vector)
        second = high(words, vector)
    return first, second
