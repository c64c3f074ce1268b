"""Launches become files: what a launch says, each distinct one once, on releases old and new, with no GPU.

The kernels are launched for real, in environments that have a Triton and no torch; the tensors are of a class that has
what a launch asks a tensor for. A tuner of 3.0 to 3.2 imports torch, so these releases are left out. With
``TRITON_MATRIX_CAPTURE=1`` a package's tests are captured beside a real torch.
"""

import os
import re
import subprocess
import textwrap

import pytest

from triton_matrix.base import cells, files
from triton_matrix.environments import stamped
from triton_matrix.launches import launch_file

from ..conftest import ENVS, ROOT

SCRIPT = """
import triton
import triton.language as tl

class Tensor:
    def __init__(self, dtype, address=256):
        self.dtype, self.address = dtype, address
    def data_ptr(self):
        return self.address

@triton.jit
def copy(x_ptr, bias_ptr, n, stride, scale, KIND: tl.constexpr, NAME: tl.constexpr, BLOCK: tl.constexpr = 64):
    offsets = tl.arange(0, BLOCK)
    tl.store(x_ptr + offsets, tl.load(x_ptr + offsets) * 2)

@triton.autotune([triton.Config({"BLOCK": 64}), triton.Config({"BLOCK": 128}, num_warps=8)], key=["n"])
@triton.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
@triton.jit
def tuned(x_ptr, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
    offsets = tl.arange(0, BLOCK)
    tl.store(x_ptr + offsets, tl.load(x_ptr + offsets) * 2)

def make(scale=2.0):
    @triton.jit
    def hidden(x_ptr):
        tl.store(x_ptr, 1.0)
    @triton.jit
    def held(x_ptr):
        tl.store(x_ptr, scale)
    return hidden, held

if __name__ == "__main__":
    x = Tensor("torch.float32")
    for n in (4096, 8192, 4095, 4096):
        copy[(n // 64, 2)](x, None, n, 1, 0.5, tl.float16, "gelu", num_warps=8)
    copy[(1,)](Tensor("torch.bfloat16", 264), x, 4096, stride=16, scale=0.5, KIND=tl.float16, NAME="gelu", BLOCK=128)
    tuned[lambda meta: (triton.cdiv(1024, meta["BLOCK"]),)](x, 1024)
    [each[(1,)](x) for each in make()]
"""

FILES = ["copy-1", "copy-2", "copy-3", "copy-4", "hidden-1", "tuned-1"]


@pytest.fixture
def capture(tmp_path):
    def run(python, *arguments, **env):
        done = subprocess.run(
            [str(python), "-m", "triton_matrix", "capture", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        launches = {
            path.stem: files.read_toml(path, "launches") for path in sorted((tmp_path / "launches").glob("*.toml"))
        }
        return done, launches

    return run


@pytest.mark.parametrize("release", ["2.3.1", "3.3.1", "3.9.0"])
def test_each_distinct_launch_is_a_launch_file_once(release_python, capture, tmp_path, release):
    (tmp_path / "mine.py").write_text(SCRIPT)
    done, launches = capture(release_python(release), "--", "mine.py")
    assert (done.returncode, sorted(launches)) == (0, FILES), done.stderr
    assert "held (mine.py:27) uses scale of the function that makes it; no reference names it" in done.stderr
    first = launches["copy-1"]
    assert first["kernel"] == "../mine.py:copy"
    assert first["args"] == {"x_ptr": "*fp32", "bias_ptr": "None", "n": 4096, "stride": 1, "scale": 0.5}
    assert first["constexprs"] == {"KIND": "tl.float16", "NAME": "gelu"}
    assert first["options"] == {"num_warps": 8}
    assert first["hints"] == {"divisible_by_16": ["x_ptr"]}
    assert (first["count"], first["grid"]) == (2, [64, 2])
    assert [launches[f"copy-{number}"]["args"]["n"] for number in (2, 3)] == [8192, 4095]
    last = launches["copy-4"]
    assert (last["args"]["x_ptr"], last["args"]["bias_ptr"], last["args"]["stride"]) == ("*bf16", "*fp32", 16)
    assert last["hints"] == {"divisible_by_16": ["bias_ptr"]}
    assert launches["tuned-1"]["grid"] == [16]
    assert "constexprs" not in launches["tuned-1"]  # the atlas expands what the tuner and the heuristics say
    assert launches["tuned-1"]["tuned"]["constexprs"] == {"BLOCK": 64, "EVEN": True}  # what computes it takes these
    assert launches["hidden-1"]["kernel"] == "../mine.py:make.<locals>.hidden"


@pytest.mark.parametrize("release", ["2.3.1", "3.9.0"])
def test_what_was_captured_compiles_as_it_is(release_python, capture, codegen, tmp_path, release):
    (tmp_path / "mine.py").write_text(SCRIPT)
    capture(release_python("3.3.1"), "--", "python", "mine.py")
    done = codegen(release, "--launches", tmp_path / "launches", "--target", "cuda:90", "--no-cache")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert re.search(r"tuned\[fp32,#\w+,BLOCK=128,num_warps=8\]", done.stdout), done.stdout


def test_every_launch_file_can_be_read_again(release_python, capture, tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT)
    capture(release_python("3.9.0"), "--", "python", "mine.py")
    assert len(launch_file.expand_all(tmp_path / "launches", ["cuda:90"])) == 5  # sizes alone make no other code


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["-o", "launches"], 2, "capture: no command; write it behind --"),
        (["--target", "cuda:1", "--", "x.py"], 2, "capture: target is 'cuda:1'; allowed are cuda:80"),
        (["--", "no_such_script"], 1, "capture: there is no script 'no_such_script' in this Python"),
        (["--", "python", "-c", "print('nothing')"], 1, "0 launches of 0 kernels, 0 files in launches"),
    ],
)
def test_what_cannot_be_captured_is_said(release_python, capture, arguments, status, sentence):
    done, launches = capture(release_python("3.9.0"), *arguments)
    assert (done.returncode, launches) == (status, {})
    assert sentence in done.stdout + done.stderr


def test_a_run_that_ends_early_is_said_in_the_launch_files_and_old_launch_files_are_named(
    release_python, capture, tmp_path
):
    (tmp_path / "mine.py").write_text(SCRIPT)
    done, _ = capture(release_python("3.9.0"), "--", "mine.py")
    assert "the command ended with 0" in done.stdout
    head = "# captured from `mine.py`; the command ended with 0\n"
    assert (tmp_path / "launches" / "copy-1.toml").read_text().startswith(head)
    early = SCRIPT.replace(
        '    copy[(1,)](Tensor("torch.bfloat16"', '    raise SystemExit(3)\n    copy[(1,)](Tensor("torch.bfloat16"'
    )
    (tmp_path / "mine.py").write_text(early)
    done, launches = capture(release_python("3.9.0"), "--", "mine.py")
    assert done.returncode == 0
    said = "the command ended with 3, which is not judged; there may be launches that it did not come to"
    assert said in done.stdout
    assert said in (tmp_path / "launches" / "copy-2.toml").read_text().splitlines()[0]
    assert sorted(launches) == FILES
    others = "may be of before: copy-4.toml, hidden-1.toml, tuned-1.toml"
    assert f"capture: launches also holds what this run did not write, and {others}" in done.stderr


@pytest.mark.parametrize("ending", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.kill(os.getppid(), 15)"])
def test_what_was_launched_before_the_end_is_kept_however_it_ends(release_python, capture, tmp_path, ending):
    (tmp_path / "mine.py").write_text(SCRIPT + f"    import os, time\n    {ending}\n    time.sleep(60)\n")
    done, launches = capture(release_python("3.9.0"), "--", "mine.py")
    assert (done.returncode, sorted(launches)) == (143 if "ppid" in ending else 0, FILES), done.stderr
    said = (tmp_path / "launches" / "copy-1.toml").read_text().partition("\n")[0]
    assert {"os._exit(0)": "ended with 0", "os.kill(os.getpid(), 9)": "ended with -9"}.get(ending, "was ended") in said


def test_a_command_is_ended_at_its_limit(release_python, capture, tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT + "    import time\n    time.sleep(60)\n")
    done, launches = capture(release_python("3.9.0"), "--seconds", "5", "--", "mine.py")
    assert (done.returncode, sorted(launches)) == (0, FILES), done.stderr
    assert "the command was ended after 5 s; there may be launches that it did not come to" in done.stdout


def test_of_many_launches_a_few_are_kept_and_the_others_counted(release_python, capture, tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT)
    done, launches = capture(release_python("3.9.0"), "--most", "2", "--", "mine.py")
    kept = [launches[name]["args"] for name in ("copy-1", "copy-2")]
    assert ([each["x_ptr"] for each in kept], "copy-3" in launches) == (["*fp32", "*fp32"], False)
    assert [each["n"] for each in kept] == [4096, 4095]  # not 8192, which is 4096 to a compiler
    assert "capture: copy: 2 more distinct launches are left out; --most is 2" in done.stderr


PACKAGE_TESTS = """
import pytest, torch
from mine import copy

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


@pytest.mark.skipif("TRITON_MATRIX_CAPTURE" not in os.environ, reason="needs a torch: set TRITON_MATRIX_CAPTURE=1")
@pytest.mark.parametrize("interpret", [False, True])
def test_a_package_s_tests_are_captured_without_a_gpu(capture, tmp_path, interpret):
    row = cells.load(ROOT / "constraints" / "cells.toml").releases["3.6.0"]
    python = stamped.of_release(row, ("torch", "pytest"), ENVS)
    (tmp_path / "mine.py").write_text(textwrap.dedent(SCRIPT))
    tests = PACKAGE_TESTS if not interpret else PACKAGE_TESTS.replace("8192", "4096 + 64")  # one block of 64, doubled
    tests = tests if not interpret else tests.replace("    torch.testing", "    # torch.testing")
    (tmp_path / "test_mine.py").write_text(tests)
    extra = ["--interpret"] if interpret else []
    done, launches = capture(python, *extra, "--", "pytest", "-q", "test_mine.py", PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert "2 passed" in done.stdout, done.stdout
    assert sorted({each["args"]["x_ptr"] for each in launches.values()}) == ["*fp16", "*fp32"]
    assert {each["constexprs"]["NAME"] for each in launches.values()} == {"gelu", "after the assertions", "backward"}
