"""The verb ``codegen`` in real Tritons: what it makes of kernels that compile, and of those that do not."""

import json
import re
from pathlib import Path

import pytest

from triton_matrix.base import targets
from triton_matrix.codegen import metrics
from triton_matrix.codegen.cli import target_names

ROOT = Path(__file__).parents[3]
LAUNCHES = Path(__file__).parent / "launches"
NEWEST, OLDEST = "3.9.0", "2.3.1"


@pytest.fixture
def broken_launch(tmp_path):
    def write(function="copy", args='x_ptr = "*fp32"\nn = "i32"', constexprs="BLOCK = 512", options="num_warps = 4"):
        path = tmp_path / "broken.toml"
        path.write_text(
            f'kernel = "{LAUNCHES / "broken.py"}:{function}"\n[args]\n{args}\n'
            f"[constexprs]\n{constexprs}\n[options]\n{options}\n"
        )
        return path

    return write


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"args": 'x_ptr = "*fp32"'}, "parameter 'n' of copy is not covered; it belongs under args"),
        ({"constexprs": ""}, "parameter 'BLOCK' of copy is not covered; it belongs under constexprs"),
        ({"args": 'x_ptr = "*fp32"\nn = "int"'}, "type of 'n' is 'int'; allowed are i1, i8"),
        ({"args": 'x_ptr = "*fp32"\nn = "i32"\nm = "i32"'}, "args has 'm'; the parameters of copy are x_ptr, n, BLOCK"),
        ({"function": "no_such_kernel"}, "broken has no no_such_kernel"),
        ({"function": "not_a_kernel"}, "kernel is 'not_a_kernel', a function; allowed is a triton.jit function"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence_and_exit_status_2(codegen, broken_launch, change, sentence):
    done = codegen(NEWEST, "--launches", broken_launch(**change), "--target", "cuda:90", "--no-cache")
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_units_that_a_dot_runs_on_are_told_of_every_generation(codegen, tmp_path):
    """The newest Triton multiplies on a T4 without tensor cores, and on RDNA 3 and CDNA 3 with two kinds of them."""
    units = {
        "cuda:75": [],
        "cuda:80": ["mma_instructions"],
        "cuda:90": ["wgmma_instructions"],
        "cuda:100": ["tcgen05_instructions"],
        "hip:gfx942": ["mfma_instructions"],
        "hip:gfx1100": ["wmma_instructions"],
    }
    launch = tmp_path / "product.toml"
    launch.write_text(
        f'kernel = "{LAUNCHES / "product.py"}:product"\n[args]\nx_ptr = "*fp16"\ny_ptr = "*fp16"\nout_ptr = "*fp32"\n'
        "[constexprs]\nN = 64\n[options]\nnum_warps = 4\n"
    )
    out = tmp_path / "out.json"
    done = codegen(NEWEST, "--launches", launch, "--target", ",".join(units), "--no-cache", "--json", out)
    assert done.returncode == 0, done.stderr
    entries = {item["target"]: item["metrics"] for item in json.loads(out.read_text())["entries"]}
    roles = metrics.of_role("matrix")
    assert {name: [each for each in roles if found.get(each)] for name, found in entries.items()} == units
    assert entries["hip:gfx942"]["buffer_loads"] == entries["hip:gfx942"]["global_loads"] > 0
    assert "cluster_ctas" not in entries["cuda:90"]
    assert "wgmma" in done.stdout  # a table shows what some kernel has
    assert "tma ld" not in done.stdout


@pytest.mark.parametrize(
    "switch", ["TRITON_DEFAULT_FP_FUSION", "TRITON_DEFAULT_FP_FUSION=", "HOME=/", "TRITON_INTERPRET=1"]
)
def test_what_is_no_switch_is_one_sentence_and_exit_status_2(codegen, broken_launch, switch):
    done = codegen(NEWEST, "--launches", broken_launch(), "--switch", switch)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"--switch is '{switch}'; allowed is NAME=VALUE of a variable that changes what Triton compiles" in done.stderr
    )


def test_a_time_that_is_none_is_one_sentence_and_exit_status_2(codegen, broken_launch):
    done = codegen(NEWEST, "--launches", broken_launch(), "--seconds", "-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--seconds is -1; allowed is a number from 0 on" in done.stderr


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_what_does_not_compile_is_an_error_and_exit_status_1(codegen, broken_launch, release):
    launch = broken_launch("copy_with_a_typo", args='x_ptr = "*fp32"')
    done = codegen(release, "--launches", launch, "--target", "cuda:90", "--no-cache")
    assert done.returncode == 1
    assert re.search(r"error: \S*:copy_with_a_typo\[\S+\] cuda:90: does not compile:", done.stdout)
    assert "no_such_function" in done.stdout


def test_a_launch_that_a_target_refuses_is_an_error_and_the_other_rows_are_still_done(codegen, broken_launch, tmp_path):
    launch = broken_launch(options="num_warps = [4, 32]")
    done = codegen(
        NEWEST, "--launches", launch, "--target", "hip:gfx942", "--no-cache", "--json", tmp_path / "out.json"
    )
    assert done.returncode == 1
    entries = json.loads((tmp_path / "out.json").read_text())["entries"]
    assert {item["options"]["num_warps"]: item["status"] for item in entries} == {32: "error", 4: "ok"}
    assert "2048 threads" in entries[0]["reason"]


# ends the process that called it when the block has 8 warps
CRASHING_PTXAS = """\
#!/bin/sh
for file in "$@"; do
    case "$file" in *.ptx) grep -q 'ntid 256' "$file" && kill -ABRT $PPID ;; esac
done
exec "{real}" "$@"
"""


def test_a_compiler_that_crashes_costs_only_its_own_configuration(codegen, broken_launch, release_python, tmp_path):
    python = release_python(NEWEST)
    real = python.parent.parent / "lib/python3.11/site-packages/triton/backends/nvidia/bin/ptxas"
    ptxas = tmp_path / "ptxas"
    ptxas.write_text(CRASHING_PTXAS.format(real=real))
    ptxas.chmod(0o755)
    launch = broken_launch(options="num_warps = [4, 8, 16]")
    json_path = tmp_path / "out.json"
    # cuda:80: for later targets this release takes another ptxas
    arguments = ("--launches", launch, "--target", "cuda:80", "--no-cache", "--json", json_path)
    done = codegen(NEWEST, *arguments, TRITON_PTXAS_PATH=str(ptxas))
    assert done.returncode == 1
    entries = {item["options"]["num_warps"]: item for item in json.loads(json_path.read_text())["entries"]}
    assert [entries[n]["status"] for n in (4, 8, 16)] == ["ok", "error", "ok"]
    crashed = entries[8]
    assert "the compiler crashed with SIGABRT" in crashed["reason"]
    assert crashed["crash"] is True


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_two_runs_give_the_same_exact_metrics(codegen, release, tmp_path):
    results = []
    for name in ("first", "second"):
        path = tmp_path / f"{name}.json"
        targets = "cuda:90,hip:gfx90a"
        done = codegen(
            release, "--launches", LAUNCHES / "layer_norm_rows.toml", "--target", targets, "--no-cache", "--json", path
        )
        assert done.returncode == 0, done.stderr
        entries = json.loads(path.read_text())["entries"]
        assert all(0 < item["cpu_seconds"] < 60 for item in entries if item["status"] == "ok")
        varying = ("seconds", "cpu_seconds")
        results.append([{key: value for key, value in item.items() if key not in varying} for item in entries])
    assert results[0] == results[1]


COMPARE_LISTINGS = """
import subprocess, sys, tempfile
sys.path.insert(0, {launches!r})
from triton_matrix.base import targets
from triton_matrix.codegen import metrics
from triton_matrix.codegen import adapters, compile_kernel, cuda_metrics
import triton
from broken import copy
for name in {targets}:
    target = targets.parse(name)
    result = compile_kernel(copy, {{"x_ptr": "*fp32", "n": "i32"}}, {{"BLOCK": 2048}}, target=target)
    tool = adapters.choose(triton.__version__)[0].tool
    cubin = result.stages["cubin"]
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin); file.flush()
        command = [tool("cuobjdump"), "--dump-sass", file.name]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = [operation for _, operation in cuda_metrics.parse_sass(listing)]
    code = cuda_metrics.code_of(cubin)
    assert cuda_metrics.disassemble([code, code], target, tool("nvdisasm")) == [theirs, theirs], name
    print(name, len(theirs))
"""


@pytest.mark.parametrize(("release", "names"), [(OLDEST, ["cuda:90"]), (NEWEST, ["cuda:80", "cuda:90", "cuda:100"])])
def test_code_disassembled_in_bulk_reads_as_cuobjdump_shows_it(release_python, run_script, release, names):
    output = run_script(release_python(release), COMPARE_LISTINGS.format(launches=str(LAUNCHES), targets=names))
    assert [line.split()[0] for line in output.splitlines() if line.startswith("cuda")] == names


OCCUPANCY = """
import sys
sys.path.insert(0, {launches!r})
from triton_matrix.codegen import compile_kernel, hip_metrics
from triton_matrix.codegen.occupancy import hip_waves_per_simd
from triton_matrix.base.targets import TARGETS
from layer_norm_rows import layer_norm_backward_rows as kernel
args = {{name: "*fp32" if name[0].isupper() or name[0] == "d" else "i32" for name in kernel.arg_names[:-1]}}
seen = set()
for name in {names!r}:
    for block in (512, 1024, 2048):
        result = compile_kernel(kernel, args, {{"BLOCK_SIZE": block}}, {{"num_warps": 4}}, target=name)
        text, metrics = result.stages["amdgcn"], result.metrics
        ours = hip_waves_per_simd(TARGETS[name].limits, metrics["vgprs"], metrics["sgprs"], 4, 0)
        assert ours == hip_metrics.llvm_occupancy(text), (name, metrics)
        seen.add(ours)
print("seen", len(seen))
"""


NEW_HIP = ("hip:gfx90a", "hip:gfx942", "hip:gfx950", "hip:gfx1100", "hip:gfx1201", "hip:gfx1250")


@pytest.mark.parametrize(
    ("release", "names"), [(NEWEST, NEW_HIP), ("3.8.0", ("hip:gfx906", "hip:gfx908", "hip:gfx1030"))]
)
def test_hip_occupancy_is_what_llvm_writes_into_the_same_kernel(release_python, run_script, release, names):
    output = run_script(release_python(release), OCCUPANCY.format(launches=str(LAUNCHES), names=names))
    assert int(output.split()[-1]) >= 4, "the sizes no longer differ in occupancy"


def test_a_target_that_a_release_gave_up_is_n_a(codegen, tmp_path):
    launch = ("--launches", LAUNCHES / "layer_norm_rows.toml", "--no-cache", "--quiet", "--json", tmp_path / "out.json")
    assert codegen(NEWEST, *launch, "--target", "hip:gfx1030").returncode == 0
    reasons = {item["reason"] for item in json.loads((tmp_path / "out.json").read_text())["entries"]}
    assert reasons == {"this Triton no longer knows this target; hip:gfx1030 needs 3.8.0 or earlier"}


def test_no_target_named_means_the_default_ones_and_all_means_all():
    assert target_names(None) == list(targets.DEFAULT)
    assert target_names(["cuda:90,all"]) == list(targets.TARGETS)
    assert len(targets.DEFAULT) == 7
    assert set(targets.DEFAULT) < set(targets.TARGETS)


def test_checking_the_driver_without_one_is_one_sentence(codegen):
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has an NVIDIA driver; the sentence is for one without")
    done = codegen(NEWEST, "--check-driver", "tests/atlas/layer_norm.py:configurations", "--root", ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("--check-driver needs an NVIDIA GPU and its driver: libcuda.so.1")
    assert done.stderr.count("\n") == 1


# Every switch of the kernels, not only those of a whole backward with weight and bias that the atlas compiles: a
# compiler may crash on one of them alone, as that of Triton 2.3.1 did where there was no weight in fp32.
EVERY_SWITCH = """
import itertools, sys
from liger_kernel.kernels import layer_norm
from liger_kernel.kernels import plan as launch_plan
from triton_matrix.base import targets
from triton_matrix.codegen.compile import compile_stages

target, compiled = targets.parse("cuda:90"), []
device = launch_plan.DeviceProperties("cuda:90", 132)
# all that there is without a weight; with one, everything and each result alone: has_w, has_b, need_dx, need_dw
switches = [(True, True, True, True), (True, True, False, False), (True, False, True, False)]
switches += [(True, False, False, True)]
switches += [(False, True, True, False), (False, True, False, False), (False, False, True, False)]
launches = {}
for n_cols, (has_w, has_b, need_dx, need_dw) in itertools.product((65, 65537), switches):
    forward = launch_plan.forward_plan(9, n_cols, "fp32", device, has_w=has_w, has_b=has_b)
    backward = launch_plan.backward_plan(
        9, n_cols, "fp32", device, has_w=has_w, need_dx=need_dx, need_dw=need_dw, need_db=has_b
    )
    launches.update((repr(launch), launch) for launch in (*forward, *backward))
for launch in launches.values():
    print(launch.kernel, launch.constexprs, flush=True)
    pointers = [name for name, kind in launch.args.items() if kind.startswith("*")]
    options = {"num_warps": launch.num_warps, "num_stages": launch.num_stages}
    kernel = getattr(layer_norm, launch.kernel)
    # up to the binary, by way of ptxas; its instructions are not counted
    compiled.append(compile_stages(kernel, dict(launch.args), dict(launch.constexprs), options, pointers, target))
sys.exit("; ".join(result.reason for result in compiled if result.status != "ok") or 0)
"""


def test_the_oldest_release_compiles_every_switch_of_our_kernels(release_python, run_script):
    """Takes 4 s, since it compiles 28 launches."""
    run_script(release_python("2.3.1"), EVERY_SWITCH)


DECLARES = """
import triton
import triton.language as tl

@triton.jit
def add(x, y, n, BLOCK: tl.constexpr, num_warps: tl.constexpr{default}):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + at, tl.load(x + at, mask=at < n) + num_warps, mask=at < n)
"""


@pytest.mark.parametrize(
    ("default", "said"),
    [
        ("", "does not launch: TypeError: missing a required argument: 'num_warps'"),
        (" = 8", "does not launch: num_warps is 8, its default, and not 4"),
        (" = 4", None),
    ],
)
def test_a_parameter_named_like_a_compile_option_is_not_launched_by_the_oldest(codegen, tmp_path, default, said):
    """The launch that this project exists for: 2.3.1 compiles the kernel, and binds no call of it."""
    (tmp_path / "declares.py").write_text(DECLARES.format(default=default))
    launch = 'kernel = "declares.py:add"\n[args]\nx = "*fp32"\ny = "*fp32"\nn = "i32"\n'
    (tmp_path / "add.toml").write_text(launch + "[constexprs]\nBLOCK = 128\nnum_warps = 4\n")
    answers = {}
    for release in (OLDEST, "3.0.0"):
        path = tmp_path / f"{release}.json"
        codegen(release, "--launches", "add.toml", "--target", "cuda:90", "--no-cache", "--json", path)
        (answers[release],) = json.loads(path.read_text())["entries"]
    assert answers["3.0.0"]["status"] == "ok"
    assert answers[OLDEST]["status"] == ("error" if said else "ok")
    assert answers[OLDEST].get("reason", "").startswith(said or "")


def test_a_target_that_the_disassembler_does_not_know_has_no_counts_of_instructions(codegen, tmp_path):
    """Triton 3.6.0 compiles for sm_103, and brings a disassembler that is older; the newest one knows it."""
    (tmp_path / "declares.py").write_text(DECLARES.format(default=" = 4"))
    launch = 'kernel = "declares.py:add"\n[args]\nx = "*fp32"\ny = "*fp32"\nn = "i32"\n'
    (tmp_path / "add.toml").write_text(launch + "[constexprs]\nBLOCK = 128\nnum_warps = 4\n")
    found = {}
    for release in ("3.6.0", NEWEST):
        path = tmp_path / f"{release}.json"
        codegen(release, "--launches", "add.toml", "--target", "cuda:90,cuda:103", "--no-cache", "--json", path)
        for entry in json.loads(path.read_text())["entries"]:
            assert entry["status"] == "ok"
            assert entry["metrics"]["registers"] > 0
            found[release, entry["target"]] = "instructions" in entry["metrics"]
    assert found == {("3.6.0", "cuda:90"): True, ("3.6.0", "cuda:103"): False} | dict.fromkeys(
        [(NEWEST, "cuda:90"), (NEWEST, "cuda:103")], True
    )
