"""The subset of Triton that 2.3.1 and every later release to 3.9.0 share: what a portable kernel may use.

Read off the eleven released wheels of the table (``[release]`` and the pinned cells). tests/incidents/test_portable.py
compares it with the Triton of every cell, so that a release that takes a name away, or adds a compile option, is seen.
"""

from __future__ import annotations

import re

from ..base.compile_options import COMPILE_OPTIONS as COMPILE_OPTIONS

OLDEST, NEWEST = "2.3.1", "3.9.0"

# Names of triton.language that every release exports and compiles; those that WORSE lists are left out.
LANGUAGE = frozenset(re.findall(r"\w+", """
abs arange argmax argmin associative_scan atomic_add atomic_and atomic_cas atomic_max atomic_min atomic_or
atomic_xchg atomic_xor bfloat16 block_type broadcast broadcast_to cat cdiv constexpr cos cumprod cumsum
debug_barrier device_assert device_print dot dtype exp expand_dims fdiv float16 float32 float64 float8e4b15
float8e4nv float8e5 full inline_asm_elementwise int1 int16 int32 int64 int8 load log max max_constancy
max_contiguous maximum min minimum multiple_of num_programs pair_uniform_to_normal philox philox_impl pointer_type
program_id rand rand4x randint randint4x randn randn4x ravel reduce reshape sigmoid sin softmax sort sqrt
static_assert static_print static_range store sum swizzle2d tensor trans uint16 uint32 uint64 uint8
uint_to_uniform_float umulhi view void where xor_sum zeros zeros_like
"""))  # fmt: skip

# Names that a kernel may well reach for, with what to write instead; "extra" and "math" stand for all they hold.
WORSE = {
    "range": "tl.range came with 3.0; write range",
    "rsqrt": "tl.rsqrt came with 3.0; write 1 / tl.sqrt(x)",
    "math": "tl.math is libdevice in 2.3.1, which its interpreter lacks, and lost most of its names in 3.0; "
    "for rsqrt write 1 / tl.sqrt(x)",
    "extra": "libdevice is tl.math in 2.3.1 and tl.extra.libdevice from 3.0, and no interpreter has it; "
    "for rsqrt write 1 / tl.sqrt(x)",
    "cast": "tl.cast came with 3.0; write x.to(dtype)",
    "make_block_ptr": "block pointers are gone in 3.9; write pointers and a mask",
    "advance": "block pointers are gone in 3.9; write pointers and a mask",
    "make_tensor_descriptor": "tensor descriptors came with 3.4; write pointers and a mask",
    "assume": "tl.assume came with 3.2; there is nothing like it before",
}

# Calls whose signatures differ: how many arguments every release takes by position, and the keywords some do not have.
CALLS = {
    "argmax": (3, {"keep_dims"}),
    "argmin": (3, {"keep_dims"}),
    "associative_scan": (3, {"reverse"}),
    "cat": (3, {"dim"}),
    "cumprod": (2, {"reverse", "dtype"}),
    "cumsum": (2, {"reverse", "dtype"}),
    "device_assert": (2, {"mask"}),
    "device_print": (None, {"hex"}),
    "dot": (3, {"input_precision"}),
    "fdiv": (3, {"approx"}),
    "load": (3, {"boundary_check", "padding_option"}),
    "max": (4, {"keep_dims"}),
    "maximum": (2, {"propagate_nan"}),
    "min": (4, {"keep_dims"}),
    "minimum": (2, {"propagate_nan"}),
    "ravel": (1, {"can_reorder"}),
    "reduce": (3, {"keep_dims"}),
    "reshape": (None, {"can_reorder"}),
    "softmax": (1, {"dim", "keep_dims"}),
    "store": (3, {"boundary_check"}),
    "sum": (2, {"keep_dims", "dtype"}),
    "trans": (1, {"dims"}),
    "xor_sum": (2, {"keep_dims"}),
}

# Methods of a tensor, and builtins of Python, that are not in every release.
METHODS = {
    "cast": "there is no .cast in 2.3.1; write .to(dtype) on a block",
}
BUILTINS = {
    "max": "a kernel has no builtin max in 2.3.1; write tl.maximum(a, b)",
    "min": "the builtin min compares with Python's in an interpreter; write tl.minimum(a, b)",
    "len": "a kernel has no builtin len in 2.3.1",
    "list": "a kernel has no builtin list in 2.3.1",
}
