"""Launches become files: what a launch says, each distinct one once, on releases old and new, with no GPU.

The kernels are launched for real, in environments that have a Triton and no torch; the tensors are of a class that has
what a launch asks a tensor for. A tuner of 3.0 to 3.2 imports torch, so these releases are left out.
"""

import functools
import os
import re
import shutil
import subprocess

import pytest

from triton_matrix.base import files
from triton_matrix.launches import launch_file

from ..conftest import ROOT

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


def capture_in(folder, python, *arguments, options=(), **env):
    """How the verb ended in a folder, and the files that it left there, by name."""
    done = subprocess.run(
        [str(python), "-m", "triton_matrix", "capture", *options, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done, {path.stem: files.read_toml(path, "launches") for path in sorted((folder / "launches").glob("*.toml"))}


@pytest.fixture
def capture(tmp_path):
    """The verb without its last step, which compiles what it wrote."""
    return functools.partial(capture_in, tmp_path, options=["--no-check"])


@pytest.fixture(scope="module")
def captured(release_python, tmp_path_factory):
    """What the verb makes of the script on a release: how it ended, the files it left, and their folder."""

    @functools.cache
    def of(release):
        folder = tmp_path_factory.mktemp(release)
        (folder / "mine.py").write_text(SCRIPT)
        said = ["python"] if release == "3.3.1" else []  # it may stand there, and says nothing
        return *capture_in(folder, release_python(release), "--", *said, "mine.py"), folder

    return of


@pytest.mark.parametrize("release", ["2.3.1", "3.3.1", "3.9.0"])
def test_each_distinct_launch_is_a_launch_file_once(captured, release):
    done, launches, _ = captured(release)
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


def test_what_a_tuner_does_before_its_first_configuration_is_done(release_python, capture, tmp_path):
    script = SCRIPT.replace('triton.Config({"BLOCK": 64})', 'triton.Config({"BLOCK": 64}, pre_hook=narrow)')
    hook = '\ndef narrow(given):\n    given["x_ptr"].dtype = f"torch.float{given[\'BLOCK\'] // 4}"\n'
    (tmp_path / "mine.py").write_text(
        script.replace("import triton.language as tl\n", f"import triton.language as tl\n{hook}")
    )
    _, launches = capture(release_python("3.9.0"), "--", "mine.py")
    assert launches["tuned-1"]["args"]["x_ptr"] == "*fp16"


@pytest.mark.parametrize("release", ["2.3.1", "3.9.0"])
def test_what_was_captured_compiles_as_it_is(captured, codegen, release):
    folder = captured("3.3.1")[-1]
    done = codegen(release, "--launches", folder / "launches", "--target", "cuda:90", "--no-cache")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert re.search(r"tuned\[fp32,#\w+,BLOCK=128,num_warps=8\]", done.stdout), done.stdout


def test_every_launch_file_can_be_read_again(captured):
    folder = captured("3.9.0")[-1]
    assert len(launch_file.expand_all(folder / "launches", ["cuda:90"])) == 5  # sizes alone make no other code


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["-o", "launches"], 2, "capture: no command; write it behind --"),
        (["--target", "cuda:1", "--", "x.py"], 2, "capture: target is 'cuda:1'; allowed are cuda:70, cuda:75, cuda:80"),
        (["--", "no_such_script"], 1, "capture: there is no script 'no_such_script' in this Python"),
        (["--", "python", "-c", "print('nothing')"], 1, "0 launches of 0 kernels, 0 files in launches"),
    ],
)
def test_what_cannot_be_captured_is_said(release_python, capture, arguments, status, sentence):
    done, launches = capture(release_python("3.9.0"), *arguments)
    assert (done.returncode, launches) == (status, {})
    assert sentence in done.stdout + done.stderr


def test_a_run_that_ends_early_is_said_in_the_launch_files_and_old_launch_files_are_named(
    release_python, captured, capture, tmp_path
):
    done, _, folder = captured("3.9.0")
    assert "the command ended with 0" in done.stdout
    shutil.copytree(folder / "launches", tmp_path / "launches")
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


def test_a_command_that_brings_nothing_new_is_ended_and_its_progress_is_said(release_python, capture, tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT + "    import time\n    time.sleep(60)\n")
    done, launches = capture(release_python("3.9.0"), "--quiet-seconds", "6", "--", "mine.py")
    assert (done.returncode, sorted(launches)) == (0, FILES), done.stderr
    assert "the command was ended since nothing new came for 6 s; there may be launches" in done.stdout
    assert re.search(r"capture: \d s: \d+ launches, 6 kept of 3 kernels", done.stderr)


def test_what_a_factory_s_tuner_sets_is_written(release_python, capture, tmp_path):
    plain = "@triton.jit\ndef plain(x_ptr, n, SIZE: tl.constexpr):\n    tl.store(x_ptr + tl.arange(0, SIZE), 1.0)\n\n"
    made = "    tune = triton.autotune([triton.Config({'SIZE': 32}, num_warps=2)], key=['n'])\n"
    made += "    x.made = tune(plain)\n    x.made[(1,)](x, 1024)\n"  # no name of the module has it
    (tmp_path / "mine.py").write_text(SCRIPT.replace("def make(", plain + "def make(", 1) + made)
    done, launches = capture(release_python("3.9.0"), "--", "mine.py")
    launch = launches["plain-1"]
    assert (launch["constexprs"], launch["options"]["num_warps"], "tuned" in launch) == ({"SIZE": 32}, 2, False), (
        done.stderr
    )


def test_of_many_launches_a_few_are_kept_and_the_others_counted(release_python, capture, tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT)
    done, launches = capture(release_python("3.9.0"), "--most", "2", "--", "mine.py")
    kept = [launches[name]["args"] for name in ("copy-1", "copy-2")]
    assert ([each["x_ptr"] for each in kept], "copy-3" in launches) == (["*fp32", "*fp32"], False)
    assert [each["n"] for each in kept] == [4096, 4095]  # not 8192, which is 4096 to a compiler
    assert "capture: copy: 2 more distinct launches are left out; --most is 2" in done.stderr
    assert "compiles" not in done.stderr  # since it was asked not to


def test_what_was_written_is_compiled_once_and_what_does_not_is_said(release_python, captured, tmp_path):
    broken = "@triton.jit\ndef broken(x_ptr):\n    tl.store(x_ptr, tl.nosuch(1.0))\n\n"
    (tmp_path / "mine.py").write_text(SCRIPT.replace("def make(", broken + "def make(") + "    broken[(1,)](x)\n")
    done, _ = capture_in(tmp_path, release_python("3.9.0"), "--", "mine.py")
    said = [line for line in done.stderr.splitlines() if line.startswith("capture: on triton")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith("capture: on triton 3.9.0, ")
    assert "mine:broken[" in said[0]
    assert "has no attribute 'nosuch'" in said[0]
    assert "each launch compiles on triton 3.9.0 for cuda:90" in captured("3.9.0")[0].stderr


def test_an_installed_copy_is_called_by_the_file_of_the_checkout(release_python, capture, tmp_path):
    installed = tmp_path / "env" / "lib" / "site-packages"
    for folder in (installed, tmp_path / "src"):
        folder.mkdir(parents=True)
        (folder / "mine.py").write_text(SCRIPT)
    (installed / "other.py").write_text(SCRIPT)  # of another project: it stays where it is
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    (tmp_path / "go.py").write_text(
        "import mine, other\n"
        "for each in (mine, other):\n    each.copy[(1,)](each.Tensor('torch.float32'), None, 4, 1, 0.5, None, 'a')\n"
    )
    python = release_python("3.9.0")
    done, launches = capture(python, "--", "go.py", PYTHONPATH=f"{ROOT}:{installed}")
    kernels = {launch["kernel"] for launch in launches.values()}
    assert kernels == {"../src/mine.py:copy", "../env/lib/site-packages/other.py:copy"}, done.stderr
