"""Kernels as they stand: what real packages' files have around a kernel, each blocker alone, on releases old and new.

Environments have a Triton and no torch. Each case was seen failing before what it asks for was there.
"""

import itertools
import json
import textwrap

import pytest

from triton_matrix.codegen import batches
from triton_matrix.launches import naming

OLDEST, NEWEST = "2.3.1", "3.9.0"
HEAD = "import triton\nimport triton.language as tl\n"
COPY = """
@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n, other=0.0)
    tl.store(x_ptr + offsets, x * 2, mask=offsets < n)
"""
LAUNCH = """
kernel = "{kernel}"
[args]
x_ptr = "*fp32"
n = 4096
[constexprs]
BLOCK = 512
"""


@pytest.fixture
def ask(codegen, tmp_path):
    """Write files and compile the kernel that the last of them holds; gives exit status, entries and the error text.

    Without a target it is one of AMD's where the release has those: no disassembler starts, which is half of the time.
    """

    def run(release, files, launch=LAUNCH, targets="", *options, kernel=None):
        targets = targets or ("cuda:90" if release == OLDEST else "hip:gfx942")
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (tmp_path / "launch.toml").write_text(launch.format(kernel=kernel or f"{list(files)[-1]}:copy"))
        out = tmp_path / "out.json"
        out.unlink(missing_ok=True)
        arguments = ["--launches", tmp_path / "launch.toml", "--target", targets, "--no-cache", "--json", out]
        done = codegen(release, *arguments, "--torch", "2.5.1", *options)
        return done.returncode, json.loads(out.read_text())["entries"] if out.exists() else [], done.stderr

    return run


def statuses(entries):
    """Status by kernel, and of a tuned one by what its tuner sets."""
    found = {}
    for entry in entries:
        tuned = list(itertools.dropwhile(lambda each: each[0] != "#", entry["settings"]))[1:]
        found[naming.label(entry["kernel"].rpartition(":")[2], tuned)] = entry["status"]
    return found


TORCH_AT_THE_TOP = (
    "import torch\nimport torch.nn as nn\nfrom torch.autograd.function import once_differentiable\n"
    "from cachetools import LRUCache\nfrom collections.abc import Callable\nfrom typing_extensions import ParamSpec\n"
    "from torch.utils._triton import has_triton, has_triton_package\n"
    "from einops import rearrange\nfrom packaging import version\n"
    + HEAD
    + COPY
    + """
to = torch.Tensor.to

class Meta(type):
    pass

class Own(nn.Module, metaclass=Meta):
    pass

P = ParamSpec("P", default=...)
Wrapped = Callable[P, int]

class Cache(LRUCache[str, int]):
    pass

class Kept(Cache[str, int]):
    pass

NEW = version.parse(torch.__version__) >= version.parse("2.4")
if has_triton() and has_triton_package():
    copy = copy
else:
    del copy
TYPES = {torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}
SMALLEST = torch.finfo(torch.float32).tiny

class Copy(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cuda")
    def forward(ctx, x: torch.Tensor, y: "torch.Tensor | None" = None):
        copy[(1,)](x, x.numel(), BLOCK=512)

    @staticmethod
    @once_differentiable
    def backward(ctx, dy):
        return dy

class Layer(nn.Module):
    def forward(self, x):
        return Copy.apply(rearrange(x, "a b -> (a b)"))

@torch.library.custom_op("mine::copy", mutates_args=())
def op(x: torch.Tensor) -> torch.Tensor:
    return Copy.apply(x)

@op.register_fake
def _(x):
    return torch.empty_like(x)

@torch.compiler.disable
@torch.no_grad()
def wrapper(x, dtype: torch.dtype = torch.float32):
    return op(x)

apply = Copy.apply
"""
)


@pytest.mark.parametrize("release", [OLDEST, "3.1.0", NEWEST])
def test_torch_at_the_top_and_in_wrappers_is_stood_in_for(ask, release):
    status, entries, errors = ask(release, {"mine.py": TORCH_AT_THE_TOP})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), (errors, entries)


def test_a_kernel_may_have_a_module_as_a_global_whether_it_is_installed_or_not(ask):
    """Triton takes a module there, and nothing of a class that is derived from modules."""
    source = (
        HEAD + "import torch\nimport pkg.sizes\n" + COPY.replace("other=0.0", "other=-torch.finfo(torch.float32).max")
    )
    source = source.replace("x * 2", "x * pkg.sizes.N")
    files = {"pkg/__init__.py": "import nothing_of_that_name as n\nassert n.x > 1\n", "pkg/sizes.py": "N = 2\n"}
    status, entries, err = ask(NEWEST, {**files, "pkg/mine.py": source})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), [entries, err]


@pytest.mark.parametrize("release", [OLDEST, "3.0.0", "3.1.0", "3.2.0", "3.3.1", "3.4.0", NEWEST])
def test_a_tuned_kernel_is_compiled_for_each_configuration_without_a_driver(ask, release):
    tuned = HEAD + COPY.replace(
        "@triton.jit",
        "CONFIGS = [triton.Config({'BLOCK': b}, num_warps=w) for b in (256, 512) for w in (4, 8)]\n"
        "@triton.autotune(configs=CONFIGS, key=['n'])\n"
        "@triton.heuristics({'EVEN': lambda args: args['n'] % args['BLOCK'] == 0})\n@triton.jit",
    ).replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr, EVEN: tl.constexpr")
    launch = LAUNCH.partition("[constexprs]")[0]
    status, entries, errors = ask(release, {"mine.py": tuned}, launch)
    assert (status, errors) == (0, "")
    assert statuses(entries) == {f"copy[BLOCK={b},num_warps={w}]": "ok" for b in (256, 512) for w in (4, 8)}
    assert {entry["constexprs"]["EVEN"] for entry in entries} == {True}
    _, entries, _ = ask(release, {"mine.py": tuned}, launch, "", "--configs", "1")
    assert len(entries) == 1
    _, entries, errors = ask(release, {"mine.py": tuned}, launch.replace("4096", '"i32"'))
    assert "the heuristic of 'EVEN' needs the value of 'n'; write the value of a launch, such as n = 4096" in errors


@pytest.mark.parametrize(("warps", "unanswered"), [("(32, 4)", True), ("(32,)", None)])
def test_a_configuration_that_a_tuner_passes_over_says_nothing_of_a_kernel_that_has_others(ask, warps, unanswered):
    configs = f"[triton.Config({{'BLOCK': 4096}}, num_warps=w) for w in {warps}]"
    tuned = HEAD + COPY.replace("@triton.jit", f"@triton.autotune(configs={configs}, key=['n'])\n@triton.jit")
    launch = LAUNCH.partition("[constexprs]")[0]
    _, (entry,), _ = ask(NEWEST, {"mine.py": tuned}, launch, "", "--configs", "1")
    assert (entry["status"], entry.get("unanswered")) == ("error", unanswered)
    assert "is 2048 threads" in entry["reason"]
    assert entry["reason"].endswith(batches.OTHERS) == bool(unanswered)


def test_the_modes_that_every_process_starts_with_alike_are_known(ask):
    modes = "torch.are_deterministic_algorithms_enabled() or torch.is_autocast_enabled('cuda')"
    precise = "torch.get_float32_matmul_precision() == 'highest'"
    few = f"def few(configs):\n    return configs[:1] if {modes} or not ({precise}) else configs\n"
    configs = "few([triton.Config({'BLOCK': b}, num_warps=4) for b in (256, 512)])"
    tuned = COPY.replace("@triton.jit", f"@triton.autotune(configs={configs}, key=['n'])\n@triton.jit")
    launch = LAUNCH.partition("[constexprs]")[0]
    status, entries, errors = ask(NEWEST, {"mine.py": "import torch\n" + HEAD + few + tuned}, launch)
    assert (status, errors) == (0, "")
    assert statuses(entries) == {f"copy[BLOCK={b}]": "ok" for b in (256, 512)}


ASKS_THE_DEVICE = (
    "import torch\n"
    + HEAD
    + """
SMS = torch.cuda.get_device_properties(0).multi_processor_count
HOPPER = torch.cuda.is_available() and torch.version.hip is None and torch.cuda.get_device_capability() >= (9, 0)
"""
    + COPY.replace("BLOCK: tl.constexpr", "SCALE: tl.constexpr = SMS, BLOCK: tl.constexpr = 1024 if HOPPER else 512")
)


def test_questions_to_the_device_at_import_are_answered_for_the_target(ask):
    launch = LAUNCH.partition("[constexprs]")[0]
    status, entries, errors = ask(NEWEST, {"mine.py": ASKS_THE_DEVICE}, launch, "cuda:80,cuda:90,hip:gfx942")
    assert status == 0, errors
    loads = {entry["target"]: entry["metrics"]["global_load_bits"] for entry in entries}
    assert loads["cuda:90"] == 2 * loads["cuda:80"]  # the default of BLOCK is another there


@pytest.mark.parametrize("release", ["3.0.0", "3.3.1", NEWEST])
def test_questions_to_triton_s_own_driver_are_answered_for_the_target(ask, release):
    asks = HEAD + (
        "from triton.runtime import driver\n"
        "TARGET = driver.active.get_current_target()\n"
        "SHARED = driver.active.utils.get_device_properties(0)['max_shared_mem']\n"
        "assert (TARGET.backend, TARGET.arch) == ('hip', 'gfx942') and SHARED == 65536\n"
        "from triton.backends import backends\n"
        "assert [name for name, each in backends.items() if each.driver.is_active()] in (['amd'], ['hip'])\n"
    )
    status, entries, _ = ask(release, {"mine.py": asks + COPY}, LAUNCH, "hip:gfx942")
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries


USES_A_HELPER = HEAD + "from {where} import double\n" + COPY.replace("x * 2", "double(x)")
HELPER = HEAD + "@triton.jit\ndef double(x):\n    return x * 2\n"


@pytest.mark.parametrize("where", ["..common.helper", "common.helper", "kernels.common.helper"])
def test_a_helper_in_a_parent_folder_without_init_is_found(ask, where):
    status, entries, errors = ask(
        NEWEST, {"kernels/common/helper.py": HELPER, "kernels/ops/mine.py": USES_A_HELPER.format(where=where)}
    )
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), (errors, entries)


def test_a_source_root_says_where_absolute_imports_start(ask, tmp_path):
    files = {"elsewhere/common/helper.py": HELPER, "mine.py": USES_A_HELPER.format(where="common.helper")}
    status, entries, _ = ask(NEWEST, files)
    assert status == 1
    assert "double is common.helper.double, and common is not installed here" in entries[0]["reason"]
    assert "`--source-root DIR`" in entries[0]["reason"]
    status, entries, _ = ask(NEWEST, files, LAUNCH, "", "--source-root", tmp_path / "elsewhere")
    assert (status, statuses(entries)) == (0, {"copy": "ok"})


def test_a_package_s_own_folder_called_triton_is_not_triton(ask):
    files = {"ops/triton/ns/__init__.py": "", "ops/triton/__init__.py": "", "ops/triton/ns/helper.py": HELPER}
    kernel = USES_A_HELPER.format(where=".helper")
    status, entries, errors = ask(NEWEST, {**files, "ops/triton/ns/mine.py": kernel})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), (errors, entries)


def test_the_version_of_what_is_not_installed_costs_the_names_that_follow_from_it(ask):
    version = (
        "from packaging.version import Version\nimport bnb\nV = bnb.__version__\nNEW = Version(V) > Version('1')\n"
    )
    status, entries, _ = ask(NEWEST, {"mine.py": HEAD + version + COPY})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries
    status, entries, _ = ask(NEWEST, {"mine.py": HEAD + version + COPY.replace("x * 2", "x * NEW")})
    assert status == 1
    assert "mine.py:5 needs the version of bnb, and bnb is not installed here" in entries[0]["reason"]


def test_the_source_of_what_is_not_installed_costs_the_names_that_follow_from_it(ask):
    source = HEAD + "import inspect\nimport torch\nTEXT = inspect.getsource(torch._inductor.config)\nLONG = len(TEXT)\n"
    status, entries, _ = ask(NEWEST, {"mine.py": source + COPY})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries
    _, entries, _ = ask(NEWEST, {"mine.py": source + COPY.replace("x * 2", "x * LONG")})
    assert "mine.py:5 needs the source of torch._inductor.config, and torch is not installed" in entries[0]["reason"]


def test_a_package_is_asked_for_its_own_version_where_its_files_say_it(ask):
    asks = HEAD + "from importlib.metadata import version\nassert version('of-mine') == '1.5'\n"
    metadata = "Metadata-Version: 2.1\nName: of-mine\nVersion: 1.5\n"
    status, entries, _ = ask(NEWEST, {"of_mine.egg-info/PKG-INFO": metadata, "of_mine/mine.py": asks + COPY})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_the_chain_of_init_files_above_a_kernel_is_not_run(ask, release):
    files = {
        "package/__init__.py": "import flash_attn_2_cuda\nraise RuntimeError('the world was imported')\n",
        "package/ops/__init__.py": "from .broken import everything\nfrom .helper import double as twice\n",
        "package/ops/broken.py": "raise ImportError('and its wife')\n",
        "package/ops/helper.py": HELPER,
        "package/ops/mine.py": HEAD
        + "from package.ops import twice\nfrom . import helper\n"
        + COPY.replace("x * 2", "twice(helper.double(x))"),
    }
    status, entries, errors = ask(release, files)
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), (errors, entries)


def test_what_only_an_init_holds_is_taken_from_it(ask):
    files = {
        "package/__init__.py": HEAD + "FACTOR = tl.constexpr(2)\n",
        "package/mine.py": HEAD + "from . import FACTOR\n" + COPY.replace("x * 2", "x * FACTOR"),
    }
    status, entries, _ = ask(NEWEST, files)
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries


def test_an_optional_import_is_left_to_the_package_s_own_way_out(ask):
    optional = HEAD + (
        "import importlib.util\ntry:\n    import cutlass_of_mine\n    HAS = True\n"
        "except ImportError:\n    HAS = False\n"
        "assert not HAS and importlib.util.find_spec('cutlass_of_mine') is None\n"
    )
    status, entries, _ = ask(NEWEST, {"mine.py": optional + COPY})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries


def test_what_cannot_be_stood_in_for_costs_the_names_it_would_bind_and_names_the_way_out(ask):
    guess = HEAD + "import some_library\nSIZE = 2 if some_library.ready() else 4\nOTHER = some_library.size() + 1\n"
    status, entries, _ = ask(NEWEST, {"mine.py": guess + COPY})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries
    status, entries, _ = ask(NEWEST, {"mine.py": guess + COPY.replace("x * 2", "x * SIZE")})
    assert status == 1
    assert "mine.py:4 needs the value of some_library.ready(), and some_library is not installed here" in str(entries)
    assert "`--with some_library` installs it" in str(entries)
    called = guess.replace("SIZE =", "scale =") + COPY.replace("x * 2", "scale(x)")
    _, entries, _ = ask(NEWEST, {"mine.py": called})
    assert entries[0]["reason"].startswith("does not load: mine.py:4 needs the value of some_library.ready()"), entries


MADE = {
    "triton.jit(fn) under another name": COPY.replace("@triton.jit\ndef copy", "def plain")
    + "copy = triton.jit(plain)\n",
    "do_not_specialize": COPY.replace("@triton.jit", "@triton.jit(do_not_specialize=['n'])"),
    "a helper that is not inlined": "@triton.jit(noinline=True)\ndef half(n):\n    return n // 2\n"
    + COPY.replace("mask=offsets < n)", "mask=offsets < half(n))"),
    "a constexpr global": "TWO = tl.constexpr(2)\n" + COPY.replace("x * 2", "x * TWO"),
}


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
@pytest.mark.parametrize("how", MADE)
def test_a_kernel_may_be_made_in_any_way(ask, release, how):
    status, entries, errors = ask(release, {"mine.py": HEAD + MADE[how]}, LAUNCH, "cuda:90")
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), (errors, entries)


def test_a_closure_over_a_constexpr_is_compiled_where_triton_can(ask):
    body = textwrap.indent(COPY.strip(), "    ").replace("x * 2", "x * FACTOR")
    closure = HEAD + f"def make(factor):\n    FACTOR = tl.constexpr(factor)\n{body}\n    return copy\ncopy = make(2)\n"
    status, entries, _ = ask(NEWEST, {"mine.py": closure})
    assert (status, statuses(entries)) == (0, {"copy": "ok"}), entries


GLUON = """\
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
@gluon.jit
def copy(x_ptr, n, BLOCK: gl.constexpr):
    at = gl.program_id(0) * BLOCK + gl.arange(0, BLOCK, layout=gl.BlockedLayout([1], [32], [4], [0]))
    gl.store(x_ptr + at, gl.load(x_ptr + at, mask=at < n) * 2, mask=at < n)
"""


@pytest.mark.parametrize(
    ("release", "status", "said"), [("3.3.1", "n/a", "Triton has from 3.4.0 on"), (NEWEST, "ok", "")]
)
def test_a_gluon_kernel_is_compiled_from_the_release_on_that_has_gluon(ask, release, status, said):
    _, entries, errors = ask(release, {"mine.py": GLUON}, LAUNCH, "cuda:90")
    assert statuses(entries) == {"copy": status}, errors
    assert said in entries[0].get("reason", "")


def test_a_module_that_needs_what_this_release_lacks_is_an_error_of_this_release(ask):
    status, entries, _ = ask(OLDEST, {"mine.py": "import triton.backends\n" + HEAD + COPY})
    assert (status, statuses(entries)) == (1, {"copy": "error"})
    assert "mine.py:1 fails with ModuleNotFoundError: No module named 'triton.backends'" in entries[0]["reason"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise RuntimeError('no')", "does not load: mine.py:1 fails with RuntimeError: no"),
        ("import sys; sys.exit(0)", "does not load: mine.py:1 fails with a call of sys.exit(0)"),
        ("import os; os._exit(0)", "does not load: importing it ended with exit status 0"),
        (
            "import time; time.sleep(600)",
            "does not load: importing it took more than 3 s, at mine.py:1: import time; time.sleep(600)",
        ),
        ("def f(:", "mine.py line 1: invalid syntax"),
    ],
)
def test_a_module_that_ends_badly_at_import_is_an_error_with_the_reason(ask, line, reason):
    files = {"mine.py": f"{line}\n{HEAD}{COPY}"}
    status, entries, errors = ask(NEWEST, files, LAUNCH, "cuda:90,cuda:80", "--import-seconds", "3")
    if entries:
        assert status == 1
        assert [entry["reason"] for entry in entries] == [reason] * 2
    else:
        assert status == 2
        assert reason in errors
