"""A package's tests, captured beside a real torch, with a stand-in GPU and in the interpreter, and computed again."""

import textwrap

import pytest

from triton_matrix import values
from triton_matrix.base import cells
from triton_matrix.environments import stamped
from triton_matrix.launches import launch_file
from triton_matrix.launches.describing import describe

from ..conftest import ENVS, ROOT
from .test_capture import SCRIPT, capture, capture_in
from .test_describing import written

__all__ = ["capture"]


@pytest.fixture(scope="session")
def torch_python(environments):
    """A Python with a torch, pytest and Triton 3.6.0."""
    row = cells.load(ROOT / "constraints" / "cells.toml").releases["3.6.0"]
    return stamped.of_release(row, ("torch", "pytest", "numpy"), ENVS)


PACKAGE_TESTS = """
import pytest, torch
from mine import copy

class Side(torch.cuda.Stream):
    pass

@torch.library.custom_op("mine::emptied", mutates_args=())
def emptied(x: torch.Tensor) -> torch.Tensor:
    if not x.is_cuda:
        raise ValueError("x must be on the GPU")
    return torch.empty_like(x)

def test_inside_of_an_operator_all_is_as_outside():
    x = torch.ones(4096, device="cuda")
    torch.full_like(x, 3e38)  # its memory is free again, and holds this
    copy[(1,)](emptied(x), None, 4096, 1, 0.5, KIND=None, NAME="operator")

def test_streams_and_events_are_classes(stream: torch.cuda.Stream | None = None, event: torch.cuda.Event | None = None):
    if not isinstance(torch.cuda.current_stream(), torch.cuda.Stream) or isinstance(Side(), torch.cuda.Event):
        raise ValueError("what is asked of a stream is no stream")
    with torch.cuda.device(0), torch.cuda.stream(Side()):
        torch.cuda.Event(enable_timing=True).record()

@pytest.mark.skipif(not hasattr(torch._C, "_cuda_getCompiledVersion"), reason="a torch for the CPU")
def test_the_version_of_cuda_is_what_torch_was_built_for():
    version = torch._C._cuda_getCompiledVersion()
    if torch.version.cuda != f"{version // 1000}.{version % 1000 // 10}":
        raise ValueError(f"{torch.version.cuda} is not {version}")

@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_copy(dtype):
    x = torch.ones(4096, device="cuda", dtype=dtype)
    assert x.is_cuda and x.device.type == "cuda" and torch.cuda.get_device_capability(x.device) == (9, 0)
    y = torch.nn.Linear(4096, 4096).cuda().to("cuda", dtype)(x)
    copy[(1,)](x, None, x.numel(), x.stride(0), 0.5, KIND=None, NAME="gelu")
    assert x.sum() == 8192, "nothing ran, so this is not judged"
    torch.testing.assert_close(x, torch.full_like(x, 2))
    copy[(1,)](y, y, y.numel(), y.stride(0), 0.5, KIND=None, NAME="after the assertions")
    z = Doubled.apply(x.clone().requires_grad_())
    z.backward(torch.ones_like(z))

class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, dz):
        if not dz.is_cuda:
            raise ValueError("dz must be on the GPU")
        copy[(1,)](dz, None, dz.numel(), dz.stride(0), 0.5, KIND=None, NAME="backward")
        return dz
"""


@pytest.mark.parametrize("interpret", [False, True])
def test_a_package_s_tests_are_captured_without_a_gpu(capture, torch_python, tmp_path, interpret):
    (tmp_path / "mine.py").write_text(textwrap.dedent(SCRIPT))
    tests = PACKAGE_TESTS if not interpret else PACKAGE_TESTS.replace("8192", "4096 + 64")  # one block of 64, doubled
    tests = tests if not interpret else tests.replace("    torch.testing", "    # torch.testing")
    (tmp_path / "test_mine.py").write_text(tests)
    extra = ["--interpret"] if interpret else []
    done, launches = capture(
        torch_python, *extra, "--", "pytest", "-q", "test_mine.py", PYTHONPATH=f"{ROOT}:{tmp_path}"
    )
    assert "5 passed" in done.stdout or "4 passed, 1 skipped" in done.stdout, done.stdout
    assert sorted({each["args"]["x_ptr"]["tensor"]["dtype"] for each in launches.values()}) == ["fp16", "fp32"]
    assert {each["constexprs"]["NAME"] for each in launches.values()} == {
        "gelu",
        "after the assertions",
        "backward",
        "operator",
    }
    (inside,) = (each for each in launches.values() if each["constexprs"]["NAME"] == "operator")
    assert inside["args"]["x_ptr"]["tensor"]["fill"] == {"kind": "zeros"}


KERNELS = """
import torch, triton, triton.language as tl

@triton.jit
def pick(x_ptr, index_ptr, keep_ptr, y_ptr, n, scale, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    x = tl.load(x_ptr + tl.load(index_ptr + at, mask=inside, other=0), mask=inside, other=0.0)
    tl.store(y_ptr + at, tl.where(tl.load(keep_ptr + at, mask=inside, other=0) != 0, x * scale, 0.0), mask=inside)

@triton.jit
def halves(a_ptr, b_ptr, y_ptr, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    tl.store(y_ptr + at, tl.load(a_ptr + at, mask=at < n) + tl.load(b_ptr + at, mask=at < n), mask=at < n)

@triton.jit
def shares(x_ptr, y_ptr, BLOCK: tl.constexpr):
    tl.store(y_ptr, tl.sum(tl.load(x_ptr + tl.arange(0, BLOCK))))

@triton.jit
def many(x_ptr, BLOCK: tl.constexpr):
    tl.store(x_ptr + tl.arange(0, BLOCK), 1)
"""
CALLS = """
import torch
from kernels import halves, many, pick, shares

def test_kernels():
    index = torch.arange(300, device="cuda") * 7 % 50
    keep = torch.arange(300, device="cuda") % 3 != 0
    y = torch.empty(300, device="cuda")
    pick[(3,)](torch.full((50,), 1.5, device="cuda"), index, keep, y, 300, 2.0, BLOCK=128)
    both = torch.full((128,), 2.0, device="cuda")
    halves[(1,)](both[:64], both[64:], torch.empty(64, device="cuda"), 64, BLOCK=64)
    x = torch.linspace(-4, 4, 1024, device="cuda")
    x[::4], x[1::8], x[2::8] = 0.0, float("nan"), float("-inf")
    shares[(1,)](x, torch.empty(1, device="cuda"), BLOCK=1024)
    torch.manual_seed(0)
    many[(1,)](torch.randint(0, 2**60, (1 << 18,), device="cuda"), BLOCK=16)
"""


WAYS = {"stand-in": [], "interpreter": ["--interpret"]}


@pytest.fixture(scope="module")
def folders(torch_python, tmp_path_factory):
    """The folders of the launches above, by way."""
    found = {}
    for way, options in WAYS.items():
        folder = tmp_path_factory.mktemp("package")
        (folder / "kernels.py").write_text(KERNELS)
        (folder / "test_calls.py").write_text(CALLS)
        asked = (*options, "--", "pytest", "-q", "test_calls.py")
        done, launches = capture_in(folder, torch_python, *asked, PYTHONPATH=f"{ROOT}:{folder}")
        assert sorted(launches) == ["halves-1", "many-1", "pick-1", "shares-1"], done.stdout + done.stderr
        found[way] = folder / "launches"
    return found


@pytest.fixture(params=WAYS)
def captured(folders, request):
    return folders[request.param]


def about(folder, name, argument):
    return launch_file.read(folder / f"{name}.toml")["args"][argument]["tensor"]


def test_both_ways_write_one_file_but_for_what_was_written(folders):
    said, known = {}, {}
    for way, folder in folders.items():
        said[way] = {path.stem: launch_file.read(path)["args"] for path in sorted(folder.glob("*.toml"))}
        tensors = [each["tensor"] for args in said[way].values() for each in args.values() if isinstance(each, dict)]
        known[way] = {each.pop("written", None) for each in tensors}
    assert said["stand-in"] == said["interpreter"]
    assert known == {"stand-in": {None}, "interpreter": {True, False}}


def test_what_is_computed_from_the_files_is_what_torch_gives(captured, release_python, tmp_path):
    found = describe(captured)
    pythons = {release: str(release_python(release)) for release in ("3.3.1", "3.9.0")}
    asked = [each for each in found.launches if each["name"] in ("pick-1", "halves-1")]
    for rows in values.compute(pythons, asked, tmp_path / "out").values():
        # the indices and the mask are exact: what torch's own indexing gives of them
        wanted = {at: 3.0 if at % 3 else 0.0 for at in range(300)}
        assert written(rows["pick-1"]) == {"y_ptr": wanted}
        assert written(rows["halves-1"]) == {"y_ptr": dict.fromkeys(range(64), 4.0)}


def test_memory_that_two_arguments_share_is_one(captured):
    a, b = about(captured, "halves-1", "a_ptr"), about(captured, "halves-1", "b_ptr")
    assert (a["storage"], b["storage"], a.get("offset", 0), b["offset"]) == ("a_ptr", "a_ptr", 0, 64)
    assert "storage" not in about(captured, "halves-1", "y_ptr")


def test_floats_keep_their_range_and_shares(captured):
    fill = about(captured, "shares-1", "x_ptr")["fill"]
    assert {name: fill[name] for name in ("zeros", "nan", "negative_inf")} == {
        "zeros": 0.25,
        "nan": 0.125,
        "negative_inf": 0.125,
    }
    assert -4 < fill["low"] < -3.9
    assert fill["high"] == 4.0


def test_integers_beyond_the_limit_are_refused_with_a_sentence_and_compile(captured):
    said = describe(captured).refused
    assert said == {"many-1": "args.x_ptr: the launch's integers take more than 1,048,576 bytes, compressed"}
    assert launch_file.expand(launch_file.read(captured / "many-1.toml"), ["cuda:90"])[0].args == {"x_ptr": "*i64"}


def test_why_nothing_was_recorded_of_tensors_that_hold_nothing_is_said(capture, torch_python, tmp_path):
    (tmp_path / "mine.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "go.py").write_text(
        "import torch\nfrom mine import copy\n\n"
        "x = torch.ones(64, device='cuda')\nn = int(x.sum().item())\n"
        "copy[(1,)](x, None, n, 1, 0.5, KIND=None, NAME='gelu')\n"
    )
    done, launches = capture(torch_python, "--tensors", "meta", "--", "go.py", PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert (done.returncode, launches) == (1, {})
    assert "go.py:5: item needs values, which tensors on meta do not hold" in done.stderr
    assert "nothing was recorded, since tensors on meta hold no values; leave out `--tensors meta`" in done.stderr
    assert "copy-1" in capture(torch_python, "--", "go.py", PYTHONPATH=f"{ROOT}:{tmp_path}")[1]
