"""One small kernel for each class of finding that the linter makes in public packages.

``EXAMPLES``: name -> (level, rule, cause, text of the file, constexprs). The kernel is ``k``; X has 16 floats.
"""

HEAD = "import triton\nimport triton.language as tl\n"
OFFSETS = "    o = tl.arange(0, 16)\n"


def text(body, before="", parameters="X", decorator="@triton.jit"):
    """A file with one kernel that has these lines."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"{HEAD}{before}\n\n{decorator}\ndef k({parameters}):\n{OFFSETS}{lines}"


LOAD = "x = tl.load(X + o)\n"


def _compiled(cause, body, constexprs=None, **more):
    return ("codegen", "not-portable", cause, text(body, **more), constexprs or {})


def _interpreted(cause, body, constexprs=None, **more):
    # blocks of two axes: what reduces to a scalar fails in the interpreter of 2.3.1 whatever else it does
    return ("interpreter", "not-interpreted", cause, text(body, **more), constexprs or {})


SQUARE = "y = tl.load(X + tl.expand_dims(o, 0) + tl.expand_dims(o, 1) * 0)\n"


def _on(level, cause, body, constexprs=None, **more):
    return (level, "not-portable", cause, text(body, **more), constexprs or {})


def _launched(option, value):
    launch = f"\n\ndef host(x):\n    k[(1,)](x, num_warps=4, {option}={value!r})\n"
    return ("launch", "not-portable", f"kernel[grid]({option}=)", text("tl.store(X, 1.0)") + launch, {option: value})


def _clustered(level, cause):
    launch = "\n\ndef host(x):\n    k[(1,)](x, num_warps=4, num_ctas=2)\n"
    return (level, "not-portable", cause, text(LOAD + "tl.store(X, tl.sum(x, 0))") + launch, {"num_ctas": 2})


def _host(cause, before):
    return _compiled(cause, "tl.store(X, 1.0)", before=f"{before}\n")


DTYPE = "DTYPE = tl.constexpr(tl.int32)\n"
LIBDEVICE = "try:\n    from triton.language.extra import libdevice\nexcept ImportError:\n    libdevice = None\n"

EXAMPLES = {
    "cast": _compiled("tl.cast", "tl.store(X + o, tl.cast(o, tl.float32))"),
    "rsqrt": _compiled("tl.rsqrt", LOAD + "tl.store(X + o, tl.rsqrt(x))"),
    "exp2": _compiled("tl.exp2", LOAD + "tl.store(X + o, tl.exp2(x))"),
    "clamp": _compiled("tl.clamp", LOAD + "tl.store(X + o, tl.clamp(x, 0.0, 1.0))"),
    "floor": _compiled("tl.floor", LOAD + "tl.store(X + o, tl.floor(x))"),
    "fma": _compiled("tl.fma", LOAD + "tl.store(X + o, tl.fma(x, x, x))"),
    "range": _compiled("tl.range", "for i in tl.range(0, 4):\n    tl.store(X + i, 1.0)"),
    "join": _compiled("tl.join", LOAD + "j = tl.join(x, x)"),
    "assume": _compiled("tl.assume", "tl.assume(n > 0)\ntl.store(X + o, n)", parameters="X, n"),
    "gather": _compiled("tl.gather", LOAD + "tl.store(X + o, tl.gather(x, o, axis=0))"),
    "topk": _compiled("tl.topk", LOAD + "tl.store(X + tl.arange(0, 4), tl.topk(x, 4))"),
    "constexpr_type": _compiled("tl.squeeze", SQUARE + "z = tl.squeeze(tl.expand_dims(o, 0), 0)\ntl.store(X + z, 1.0)"),
    "core": _compiled("tl.core.to_tensor", "tl.store(X, tl.core.to_tensor(1.0))"),
    "math_gone": _compiled("tl.math.tanh", LOAD + "tl.store(X + o, tl.math.tanh(x))"),
    "no_release": _compiled("tl.extract_slice", LOAD + "tl.store(X + o, tl.extract_slice(x, [0], [16], [1]))"),
    "libdevice_module": _compiled(
        "tl.extra.libdevice.tanh",
        LOAD + "tl.store(X + o, tanh(x))",
        before="try:\n    from triton.language.extra.libdevice import tanh\nexcept ImportError:\n    tanh = None\n",
    ),
    "libdevice_attribute": _compiled("libdevice by attribute", LOAD + "tl.store(X + o, tl.extra.libdevice.tanh(x))"),
    "sum_keep_dims": _compiled(
        "tl.sum(keep_dims=)", SQUARE + "tl.store(X + o, tl.sum(tl.sum(y, 1, keep_dims=True), 1))"
    ),
    "sum_dtype": _compiled("tl.sum(dtype=)", LOAD + "tl.store(X, tl.sum(x, 0, dtype=tl.float32))"),
    "cumsum_reverse": _compiled("tl.cumsum(reverse=)", LOAD + "tl.store(X + o, tl.cumsum(x, 0, reverse=True))"),
    "max_keep_dims": _compiled(
        "tl.max(keep_dims=)", SQUARE + "tl.store(X + o, tl.sum(tl.max(y, 1, keep_dims=True), 1))"
    ),
    "dot_precision": _compiled(
        "tl.dot(input_precision=)", SQUARE + 'tl.store(X + o, tl.sum(tl.dot(y, y, input_precision="ieee"), 1))'
    ),
    "to_rounding": _compiled(
        ".to(fp_downcast_rounding=)",
        LOAD + 'tl.store(X + o, x.to(tl.float16, fp_downcast_rounding="rtz").to(tl.float32))',
    ),
    "load_check": _compiled("tl.load(boundary_check=)", "tl.store(X + o, tl.load(X + o, boundary_check=()))"),
    "load_padding": _compiled("tl.load(padding_option=)", 'tl.store(X + o, tl.load(X + o, padding_option=""))'),
    "store_check": _compiled("tl.store(boundary_check=)", "tl.store(X + o, 1.0, boundary_check=())"),
    "load_position": _compiled(
        "tl.load with 5 arguments by position", 'tl.store(X + o, tl.load(X + o, o < 9, 0.0, (), ""))'
    ),
    "trans_position": _compiled(
        "tl.trans with 3 arguments by position", SQUARE + "tl.store(X + o, tl.sum(tl.trans(y, 1, 0), 1))"
    ),
    "method_sum": _compiled(".sum()", LOAD + "tl.store(X, x.sum(0))"),
    "method_exp": _compiled(".exp()", LOAD + "tl.store(X + o, x.exp())"),
    "method_cast": _compiled(".cast()", LOAD + "tl.store(X + o, x.cast(tl.float32))"),
    "method_reshape": _compiled(".reshape()", SQUARE + "tl.store(X + tl.arange(0, 256), y.reshape([256]))"),
    "builtin_max": _compiled("max()", "tl.store(X, max(n, 3))", parameters="X, n"),
    "builtin_len": _compiled("len()", "tl.static_assert(len([1, 2]) == 2)\ntl.store(X, 1.0)"),
    "comprehension": _compiled("a list comprehension", "a = [i for i in (1, 2)]\ntl.store(X, a[0])"),
    "walrus": _compiled(":=", "tl.store(X, (a := 1))"),
    "global": _compiled("global", "tl.store(X, EPS)", before="EPS = 2.0\n"),
    "global_none": _compiled("global None", "if NOTHING is None:\n    tl.store(X, 1.0)", before="NOTHING = None\n"),
    "global_annotated": _compiled("annotated global", "tl.store(X, EPS)", before="EPS: tl.constexpr = 2.0\n"),
    "min_shape": _compiled(
        "min or max as a shape",
        "p = tl.arange(0, min(BLOCK, 8))\ntl.store(X + p, 1.0)",
        {"BLOCK": 16},
        parameters="X, BLOCK: tl.constexpr",
    ),
    "block_pointer": _compiled(
        "block pointer",
        "p = tl.make_block_ptr(X, (16,), (1,), (0,), (16,), (0,))\ntl.store(p, tl.zeros([16], tl.float32))",
    ),
    "annotated": _compiled("annotated assignment", "y: tl.float32 = 1.0\ntl.store(X, y)"),
    "annotated_bare": _compiled("annotated assignment", "y: tl.float32\ny = 1.0\ntl.store(X, y)"),
    "bitcast_global": _compiled(
        "bitcast to a constexpr", LOAD + "y = x.to(DTYPE, bitcast=True)\ntl.store(X + o, y)", before=DTYPE
    ),
    "bitcast_parameter": _compiled(
        "bitcast to a constexpr",
        LOAD + "y = x.to(OTHER, bitcast=True)\ntl.store(X + o, y)",
        {"OTHER": "tl.int32"},
        parameters="X, OTHER: tl.constexpr",
    ),
    "bitcast_local": _compiled(
        "bitcast to a constexpr", LOAD + "T: tl.constexpr = tl.int32\ny = x.to(T, bitcast=True)\ntl.store(X + o, y)"
    ),
    "out_of_range": _compiled("constant out of range", "y = o.to(tl.uint8) + 300\ntl.store(X + o, y)"),
    "out_of_range_signed": _compiled("constant out of range", "y = o.to(tl.int8)\ntl.store(X + o, 200 - y)"),
    "range_unroll": _compiled(
        "tl.range(loop_unroll_factor=)", "for i in tl.range(0, 4, loop_unroll_factor=2):\n    tl.store(X + i, 1.0)"
    ),
    "constexpr_function_tl": _host(
        "tl.constexpr_function", "@tl.constexpr_function\ndef half(n):\n    return n // 2\n"
    ),
    "constexpr_function": _host(
        "triton.constexpr_function", "@triton.constexpr_function\ndef half(n):\n    return n // 2\n"
    ),
    "import_module": _host(
        "triton.tools.tensor_descriptor", "from triton.tools.tensor_descriptor import TensorDescriptor"
    ),
    "import_name": _host(
        "triton.compiler.compiler.AttrsDescriptor", "from triton.compiler.compiler import AttrsDescriptor"
    ),
    "import_plain": _host("triton.knobs", "import triton.knobs"),
    "import_of_the_language": _host("tl.extra.cuda.gdc_wait", "from triton.language.extra.cuda import gdc_wait"),
    "import_math": _host("tl.math.llrint", "from triton.language.math import llrint"),
    "attribute": _host("triton.set_allocator", "keep = triton.set_allocator"),
    "attribute_of_a_module": _host(
        "triton.runtime.cache.make_so_cache_key", "keep = triton.runtime.cache.make_so_cache_key"
    ),
    "config_keyword": _host(
        "triton.Config(num_consumer_groups=)", "C = triton.Config({}, num_warps=4, num_consumer_groups=2)"
    ),
    "autotune_keyword": _host(
        "triton.autotune(cache_results=)", "A = triton.autotune(configs=[], key=[], cache_results=True)"
    ),
    "cuda_libdevice": _on(
        "hip",
        "CUDA's libdevice on HIP",
        LOAD + "tl.store(X + o, libdevice.rint(x))",
        before=LIBDEVICE.replace("extra import libdevice", "extra.cuda import libdevice"),
    ),
    "libdevice_round": _on(
        "hip", "tl.extra.libdevice.round on HIP", LOAD + "tl.store(X + o, libdevice.round(x))", before=LIBDEVICE
    ),
    "libdevice_rint": _on(
        "hip", "tl.extra.libdevice.rint on HIP", LOAD + "tl.store(X + o, libdevice.rint(x))", before=LIBDEVICE
    ),
    "num_ctas": _clustered("codegen", "num_ctas"),
    "num_ctas_on_hip": _clustered("hip", "num_ctas on HIP"),
    "launch_groups": _launched("num_consumer_groups", 0),
    "launch_registers": _launched("maxnreg", 64),
    "dot_of_bf16": _interpreted(
        "dot of bf16",
        SQUARE + "b = y.to(tl.bfloat16)\nz = tl.sum(tl.dot(b, b), 1)\ntl.store(X + o, z)",
        {"DOTTED": 1},
        parameters="X, DOTTED: tl.constexpr",
    ),
    "atomic_add_of_fp16": _interpreted(
        "fp16 atomic_add",
        "r = tl.expand_dims(o, 0)\nH = X.to(tl.pointer_type(tl.float16), bitcast=True)\n"
        "tl.atomic_add(H + r, tl.load(X + r).to(tl.float16))",
    ),
    "indexed": _interpreted("indexed block", "r = o[None, :]\ntl.store(X + r, tl.load(X + r))"),
    "deferred": (
        "interpreter",
        "not-interpreted",
        "deferred annotations",
        "from __future__ import annotations\n"
        + text(
            "c = tl.expand_dims(tl.arange(0, BLOCK), 0)\ntl.store(X + c, tl.load(X + c))",
            parameters="X, BLOCK: tl.constexpr",
        ),
        {"BLOCK": 16},
    ),
    "constexpr_global": _interpreted(
        "constexpr global",
        "r = tl.expand_dims(o, 0)\ntl.store(X + r, tl.load(X + r))",
        before="EPS = tl.constexpr(2.0)\n",
    ),
    "min_block": _interpreted(
        "min or max of a block",
        "r = tl.expand_dims(o, 0)\ntl.store(X + r, min(tl.load(X + r), LOW))",
        {"LOW": 3},
        parameters="X, LOW: tl.constexpr",
    ),
    "math": _interpreted("tl.math", "r = tl.expand_dims(o, 0)\ntl.store(X + r, tl.math.exp(tl.load(X + r)))"),
    "libdevice": _interpreted(
        "libdevice",
        "r = tl.expand_dims(o, 0)\ntl.store(X + r, tanh(tl.load(X + r)))",
        before="try:\n    from triton.language.extra.libdevice import tanh\nexcept ImportError:\n    tanh = None\n",
    ),
    "num_warps": (
        "interpreter",
        "compile-option-parameter",
        "parameter num_warps",
        text("r = tl.expand_dims(o, 0)\ntl.store(X + r, tl.load(X + r))", parameters="X, num_warps: tl.constexpr"),
        {"num_warps": 4},
    ),
}

# What works everywhere and the linter says nothing about.
SILENT = {
    "min_of_constexprs": (
        "codegen",
        text("tl.store(X, min(BLOCK, 8))", parameters="X, BLOCK: tl.constexpr"),
        {"BLOCK": 16},
    ),
    "min_of_numbers": (
        "interpreter",
        text("r = tl.expand_dims(o, 0)\ntl.store(X + r, tl.load(X + r), mask=r < min(n, 3))", parameters="X, n"),
        {},
    ),
    "annotated_constexpr": ("codegen", text("tl.store(X, EPS)", before="EPS: tl.constexpr = tl.constexpr(2.0)\n"), {}),
    "constexpr": ("codegen", text("tl.store(X, EPS)", before="EPS = tl.constexpr(2.0)\n"), {}),
    "plain": ("interpreter", text("r = tl.expand_dims(o, 0)\ntl.store(X + r, 1 / tl.sqrt(tl.load(X + r) + 1.0))"), {}),
    "indexed": ("codegen", text("r = o[None, :]\ntl.store(X + r, tl.load(X + r))"), {}),
}
