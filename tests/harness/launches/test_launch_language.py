"""What a launch can say, a launch file can say; what a release cannot be asked is n/a there, with the reason."""

import pytest

from .test_loading import COPY, HEAD, LAUNCH, NEWEST, OLDEST, ask, statuses

__all__ = ["ask"]
RELEASES = [OLDEST, "3.2.0", "3.3.1", NEWEST]


def only(entries):
    (entry,) = entries
    return entry["status"], entry.get("reason", ""), entry["metrics"]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ["tl.float16", "torch.float16"])
def test_a_dtype_is_a_constexpr_and_a_default_may_be_left_out(ask, release, name):
    kernel = COPY.replace("x * 2", "(x.to(KIND) * 2).to(tl.float32)").replace(
        "BLOCK: tl.constexpr", "KIND: tl.constexpr, BLOCK: tl.constexpr = 512"
    )
    launch = LAUNCH.replace("BLOCK = 512", f'KIND = "{name}"')
    status, entries, errors = ask(release, {"mine.py": HEAD + kernel}, launch)
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), (errors, entries)


BIASED = HEAD + COPY.replace("x_ptr, n,", "x_ptr, bias_ptr, n,").replace(
    "    tl.store(",
    "    if bias_ptr is not None:\n        x += tl.load(bias_ptr + offsets, mask=offsets < n)\n    tl.store(",
)


@pytest.mark.parametrize("release", RELEASES)
def test_a_pointer_may_be_none(ask, release):
    loads = {}
    for bias in ("*fp32", "None"):
        launch = LAUNCH.replace("n = 4096", f'bias_ptr = "{bias}"\nn = 4096')
        _, entries, errors = ask(release, {"mine.py": BIASED}, launch)
        status, reason, metrics = only(entries)
        assert status == "ok", (errors, reason)
        loads[bias] = metrics["global_loads"]
    assert loads["*fp32"] == 2 * loads["None"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_stride_of_1_is_a_constant_as_in_a_launch(ask, release):
    strided = HEAD + COPY.replace("x_ptr, n,", "x_ptr, stride, n,").replace(
        "x_ptr + offsets", "x_ptr + offsets * stride"
    )
    wide = {}
    for stride in ("1", '"i32"', "48"):
        _, entries, errors = ask(
            release, {"mine.py": strided}, LAUNCH.replace("n = 4096", f"stride = {stride}\nn = 4096"), "cuda:90"
        )
        status, reason, metrics = only(entries)
        assert status == "ok", (errors, reason)
        wide[stride] = metrics["global_loads_128"]
    assert wide["1"] > 0
    assert wide['"i32"'] == wide["48"] == 0


@pytest.mark.parametrize("release", RELEASES)
def test_a_value_gives_the_hints_that_a_launch_of_it_would(ask, release):
    wide = {}
    for n in ("4096", "4095", '"i32"'):
        _, entries, _ = ask(release, {"mine.py": HEAD + COPY}, LAUNCH.replace("4096", n), "cuda:90")
        wide[n] = only(entries)[2]["global_loads_128"]
    assert wide["4096"] > 0
    assert wide["4095"] == wide['"i32"'] == 0


@pytest.mark.parametrize("release", RELEASES)
def test_a_tuple_is_an_argument_where_triton_has_them(ask, release):
    pair = HEAD + COPY.replace("x_ptr, n,", "pair,").replace("x_ptr", "pair[0]").replace("< n", "< pair[1]")
    launch = LAUNCH.replace('x_ptr = "*fp32"\nn = 4096', 'pair = {{tuple = ["*fp32", 4096]}}')
    _, entries, errors = ask(release, {"mine.py": pair}, launch, "cuda:90")
    status, reason, metrics = only(entries)
    if release in (OLDEST, "3.2.0"):
        assert (status, reason) == ("n/a", "'pair' is a tuple; tuples as arguments came with Triton 3.3")
    else:
        assert status == "ok", (errors, reason)
        assert metrics["global_loads_128"] > 0  # what a launch says of the pointer and the length inside it


DESCRIPTOR = HEAD + (
    "@triton.jit\ndef copy(x_desc, y_ptr):\n    x = x_desc.load([0, 0])\n"
    "    rows = tl.arange(0, 64)[:, None] * 64 + tl.arange(0, 64)[None, :]\n    tl.store(y_ptr + rows, x)\n"
)


@pytest.mark.parametrize("release", [OLDEST, "3.3.1", "3.4.0", NEWEST])
def test_a_tensor_descriptor_is_an_argument_where_triton_has_them(ask, release):
    launch = 'kernel = "{kernel}"\n[args]\nx_desc = "tensordesc<fp16[64, 64]>"\ny_ptr = "*fp16"\n'
    _, entries, errors = ask(release, {"mine.py": DESCRIPTOR}, launch)
    status, reason, _ = only(entries)
    if release in (OLDEST, "3.3.1"):
        assert (status, reason) == ("n/a", "args.x_desc is a tensor descriptor; those came with Triton 3.4")
    else:
        assert status == "ok", (errors, reason)


@pytest.mark.parametrize("release", RELEASES)
def test_a_jit_function_is_a_constexpr_where_a_launch_takes_one(ask, release, tmp_path):
    (tmp_path / "more.py").write_text(HEAD + "@triton.jit\ndef double(x):\n    return x * 2\n")
    kernel = HEAD + COPY.replace("n, BLOCK", "n, F: tl.constexpr, BLOCK").replace("x * 2", "F(x)")
    launch = LAUNCH.replace("BLOCK = 512", f'BLOCK = 512\nF = {{{{function = "{tmp_path}/more.py:double"}}}}')
    _, entries, errors = ask(release, {"mine.py": kernel}, launch)
    status, reason, _ = only(entries)
    if release in (OLDEST, "3.2.0"):
        assert (status, reason[:27]) == ("n/a", "constexprs.F is a function;")
    else:
        assert status == "ok", (errors, reason)


@pytest.mark.parametrize(
    ("release", "target", "option", "known"),
    [
        (OLDEST, "cuda:90", "maxnreg = 64", False),
        (NEWEST, "cuda:90", "maxnreg = 64", True),
        (NEWEST, "hip:gfx942", "maxnreg = 64", False),
        (NEWEST, "hip:gfx942", "waves_per_eu = 2", True),
        (NEWEST, "cuda:90", "waves_per_eu = 2", False),
    ],
)
def test_an_option_that_this_release_or_backend_does_not_have_is_not_asked_of_it(ask, release, target, option, known):
    _, entries, errors = ask(release, {"mine.py": HEAD + COPY}, f"{LAUNCH}[options]\n{option}\n", target)
    status, reason, _ = only(entries)
    assert status == ("ok" if known else "n/a"), (errors, reason)
    assert known or f"takes no option '{option.split()[0]}' in this Triton" in reason


@pytest.mark.parametrize("release", ["3.0.0", "3.2.0", "3.3.1", "3.4.0", "3.5.1", NEWEST])
def test_the_reason_is_triton_s_own_sentence_with_the_kernel_s_line(ask, release):
    status, entries, _ = ask(release, {"mine.py": HEAD + COPY}, LAUNCH.replace("512", "1000"))
    reason = only(entries)[1]
    assert status == 1
    assert "arange's range must be a power of 2" in reason
    line = "offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)"
    column = len("    ") + line.index("tl.arange") + 1
    assert reason.endswith(f"at mine.py:6:{column}: {line}")


def test_the_reason_lies_in_the_helper_that_fails(ask):
    helper = HEAD + "@triton.jit\ndef double(x):\n    y = x\n    return y.no_such_method()\n"
    kernel = HEAD + "from helper import double\n" + COPY.replace("x * 2", "double(x)")
    for release in ("3.1.0", NEWEST):
        _, entries, _ = ask(release, {"helper.py": helper, "mine.py": kernel})
        reason = only(entries)[1]
        assert "no_such_method" in reason
        assert ", at mine.py:9:" in reason  # the kernel's own line, and where it came to from there
        assert reason.endswith(", in helper.py:6:12: return y.no_such_method()")


def test_a_configuration_that_a_tuner_passes_over_is_no_error_unless_none_is_left(ask):
    tuned = "@triton.autotune([triton.Config({{}}, num_warps=w) for w in {warps}], key=['n'])\n@triton.jit"
    for warps, expected in (("(4, 32)", ["ok", "n/a"]), ("(16, 32)", ["ok", "n/a"]), ("(32, 64)", ["error", "error"])):
        kernel = HEAD + COPY.replace("@triton.jit", tuned.format(warps=warps))
        _, entries, _ = ask(NEWEST, {"mine.py": kernel}, LAUNCH, "hip:gfx942")
        assert [entry["status"] for entry in sorted(entries, key=lambda each: each["options"]["num_warps"])] == expected
