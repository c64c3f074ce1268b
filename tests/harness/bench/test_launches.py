"""Launches in two Tritons on a GPU that stands in: values, verdicts, files; what ends or hangs costs itself."""

import json
import shutil
import subprocess
import sys

import pytest

from .gpu import COPY, WRONG, Machine

KERNELS = (
    COPY
    + WRONG
    + """
@triton.jit
def slower(x, out):
    triton.takes(10 if V == "3.6.0" else 13)
    out[:] = x

@triton.jit
def adds(x, out):
    triton.takes(10)
    out[:] = out + x * (1 if V == "3.6.0" else 1 + 1e-6)

@triton.jit
def by_lot(x, out):
    triton.takes(10)
    out[:] = x * int.from_bytes(os.urandom(2), "big")

@triton.jit
def ends(x, out):
    triton.takes(10)
    if V == "3.9.0":
        os.kill(os.getpid(), signal.SIGSEGV)
    out[:] = x

@triton.jit
def hangs(x, out):
    triton.takes(10)
    if V == "3.9.0":
        time.sleep(60)
    out[:] = x

@triton.jit
def refused(x, out):
    triton.takes(10)
    out[:] = x

@triton.jit
def lacks(x, out, other):
    out[:] = x

@triton.jit
def newer(x, out):
    triton.takes(10)
    out[:] = x

def binary(name, options):
    if name == "refused" and V == "3.9.0" or name == "newer" and V == "3.6.0":
        raise RuntimeError("PassManager::run failed")
    worse = name == "slower" and V == "3.9.0"
    return f"REG:{64 if worse else 32} STACK:{8 if worse else 0}"
"""
)
NAMES = ("copy", "slower", "wrong", "adds", "by_lot", "ends", "hangs", "refused", "lacks", "newer")


class Ran:
    """A run over launches, and its files."""

    def __init__(self, machine, done):
        self.machine, self.done, self.said = machine, done, " ".join(done.stdout.split())
        self.files = {path.stem: json.loads(path.read_text()) for path in machine.evidence.glob("*.json")}

    def entry(self, release, name):
        return next(each for each in self.files[release]["entries"] if f":{name}[" in each["label"])

    def timing(self, release, name):
        return next(each for each in self.files[release]["benchmarks"] if f":{name}[" in each["name"])

    def kinds(self, release, name):
        return [each["kind"] for each in self.entry(release, name)["verdicts"]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("launches"))
    machine.kernels(KERNELS)
    for name in NAMES:
        machine.launch(name, num_warps=4)
    done = machine.bench("--triton-path", str(machine.newer), "--seconds", "2", "--budget", "0.01")
    assert done.returncode == 1, done.stderr
    return Ran(machine, done)


def test_every_launch_has_an_entry_in_every_triton(ran):
    assert "10 launches on triton 3.6.0, 3.9.0: 14 of 20 ran" in ran.said
    assert all(len(ran.files[release]["entries"]) == len(NAMES) for release in ("3.6.0", "3.9.0"))


def test_what_is_alike_is_ok(ran):
    assert ran.entry("3.9.0", "copy")["status"] == "ok"
    assert ran.kinds("3.9.0", "copy") == ran.kinds("3.6.0", "copy") == []


def test_times_are_the_gpus_and_stand_beside_the_copy(ran):
    timing = ran.timing("3.6.0", "copy")
    assert timing["stats"]["median"] == pytest.approx(10e-6)
    assert timing["extra_info"]["bytes"] == 2 * 4 * 1024
    assert timing["extra_info"]["copy_gb_per_s"] == pytest.approx(4000)
    assert timing["extra_info"]["share_of_copy"] == pytest.approx(8192 / 10e-6 / 4e12)


def test_slower_is_said_beside_the_code_of_the_binary_that_ran(ran):
    assert ran.kinds("3.9.0", "slower") == ["worse code", "slower"]
    assert ran.entry("3.9.0", "slower")["metrics"]["registers"] == 64
    assert "slower: 1.30 x triton 3.6.0 (13.0 us, was 10.0; beyond 5.0%), measured twice" in ran.said


def test_values_that_differ_are_wrong_numbers(ran):
    assert ran.kinds("3.9.0", "wrong") == ["wrong numbers"]
    assert ran.entry("3.9.0", "wrong")["status"] == "error"
    assert "against triton 3.6.0: out: 1024 of 1024 elements differ" in ran.entry("3.9.0", "wrong")["reason"]


def test_each_run_starts_from_the_same_memory_and_rounding_is_no_verdict(ran):
    assert ran.entry("3.9.0", "adds")["repeats"]
    assert ran.kinds("3.9.0", "adds") == []
    assert ran.entry("3.9.0", "adds")["remarks"] == ["differs from triton 3.6.0 as rounding does"]


def test_what_differs_from_run_to_run_is_not_blamed_on_a_triton(ran):
    assert ran.kinds("3.9.0", "by_lot") == []
    assert "not the same in two runs" in ran.entry("3.9.0", "by_lot")["remarks"][0]


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [
        ("ends", "does not launch", "its process ended with SIGSEGV"),
        ("hangs", "does not launch", "took more than 2 s and was ended"),
        ("refused", "does not compile", "RuntimeError: PassManager::run failed"),
        ("lacks", "does not launch", "TypeError: missing a required argument: 'other'"),
    ],
)
def test_what_does_not_run_is_said_with_its_step(ran, name, kind, what):
    assert ran.entry("3.9.0", name)["verdicts"] == [{"kind": kind, "what": what}]
    assert ran.entry("3.9.0", name)["status"] == "error"


def test_what_only_an_older_triton_cannot_run_is_told_and_no_failure(ran):
    assert ran.kinds("3.6.0", "newer") == ["does not compile"]
    assert ran.entry("3.6.0", "newer")["status"] == "n/a"
    assert "7 bad" in ran.said  # slower, wrong, ends, hangs, refused, and lacks in both


def test_a_run_is_declared_and_closed(ran):
    declared = ran.files["run-device"]
    assert declared["schema"] == "triton-matrix/device-run/1"
    assert declared["closed"]
    asked = declared["releases"]["3.9.0"]
    assert asked["outcome"] == "done"
    assert sorted(asked["targets"]["cuda:90"]) == sorted(each["label"] for each in ran.files["3.9.0"]["entries"])


def test_the_files_of_a_triton_are_read_by_pytest_benchmark(ran, tmp_path):
    paths = [str(ran.machine.evidence / f"{release}.json") for release in ("3.6.0", "3.9.0")]
    command = [sys.executable, "-m", "pytest_benchmark", "compare", *paths, "--columns=median,rounds"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(":slower[") == 2


@pytest.fixture
def small(tmp_path):
    machine = Machine(tmp_path / "small")
    machine.kernels(KERNELS)
    machine.launch("copy")
    return machine


def test_one_triton_alone_is_enough(small):
    done = small.bench()
    assert done.returncode == 0, done.stderr
    assert "1 launch on triton 3.6.0: 1 of 1 ran, 0 compared" in done.stdout


def end_the_verb(machine, signal_number):
    """A second launch, whose kernel sends the verb a signal."""
    verb = "int(open(f'/proc/{os.getppid()}/stat').read().split()[3])"
    kernel = f"def stops(x, out):\n    os.kill({verb}, {signal_number})\n    time.sleep(9)\n"
    machine.kernels(f"{KERNELS}\n@triton.jit\n{kernel}")
    machine.launch("stops")
    return machine.bench()


def test_a_run_that_was_killed_is_never_closed(small):
    assert end_the_verb(small, 9).returncode == -9
    assert json.loads((small.evidence / "run-device.json").read_text())["closed"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--triton-path", "nowhere"], "which holds no triton/"),
        (["--vary", "num_ctas"], "vary has 'num_ctas'; allowed are num_warps, num_stages"),
        (["--seconds", "0"], "seconds is 0.0"),
        (["-k", "copy"], "the argument '-k' is none of bench --launches"),
    ],
)
def test_bad_input_is_one_sentence(small, arguments, said):
    done = small.bench(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_two_tritons_of_one_release_are_refused(small):
    done = small.bench("--triton-path", str(small.older))
    assert done.returncode == 2
    assert "triton 3.6.0, which is there already" in done.stderr


def test_without_a_gpu_there_is_one_sentence_and_nothing_is_declared(small):
    small.has_gpu = False
    done = small.bench()
    assert (done.returncode, done.stderr) == (2, "bench: level is 'device', and torch sees no GPU here\n")
    assert not (small.evidence / "run-device.json").exists()


def test_its_files_are_evidence_and_each_knows_its_run(ran, tmp_path):
    pytest.importorskip("jsonschema", reason="reading evidence needs constraints/report.txt: `nox -s check` has it")
    from triton_matrix.evidence import reading

    shutil.copytree(ran.machine.evidence, tmp_path / "device")  # below `launches` lies what someone asked about
    found = reading.read([tmp_path])
    assert found.problems == []
    assert [(each.release, each.run.closed is not None) for each in found.device] == [("3.6.0", True), ("3.9.0", True)]


def test_what_was_found_before_an_interrupt_is_kept_and_is_no_whole_answer(small):
    done = end_the_verb(small, 15)
    assert done.returncode not in (0, 1, 2), done.stderr
    assert "interrupted after 1 of 2 launches" in done.stderr
    declared = json.loads((small.evidence / "run-device.json").read_text())
    assert declared["releases"]["3.6.0"]["outcome"] == "failed"
    assert declared["releases"]["3.6.0"]["reason"] == "it was interrupted after 1 launch"
    content = json.loads((small.evidence / "3.6.0.json").read_text())
    assert [each["kernel"] for each in content["entries"]] == ["repository.toys:copy"]


def test_an_interrupt_ends_what_is_compiled(small):
    """A compiler may take minutes: what asked it is not waited for."""
    verb = "int(open(f'/proc/{os.getppid()}/stat').read().split()[3])"
    compiler = f"def binary(name, options):\n    os.kill({verb}, 15)\n    time.sleep(100)\n"
    small.kernels(f"{KERNELS}\n{compiler}")
    done = small.bench()  # its own limit is 60 s
    assert "interrupted after 0 of 1 launch" in done.stderr


def test_a_kernel_gets_the_memory_that_it_asks_of_the_host(small):
    small.kernels(f"{COPY}    triton.allocator(64, 16, None)\n")
    done = small.bench()
    assert "1 of 1 ran" in done.stdout, done.stdout


def test_of_an_error_of_the_gpu_the_first_line_is_said(small):
    advice = "CUDA error: an illegal memory access was encountered\\nCompile with TORCH_USE_CUDA_DSA"
    small.kernels(f"@triton.jit\ndef copy(x, out):\n    raise RuntimeError('{advice}')\n")
    assert "an illegal memory access was encountered" in " ".join(small.bench().stdout.split())


def test_a_variant_is_a_column_beside_its_triton(tmp_path):
    machine = Machine(tmp_path)
    with (machine.root / "constraints" / "cells.toml").open("a") as table:
        table.write('\n[variant.unfused]\nenv = { TRITON_DEFAULT_FP_FUSION = "0" }\nwhy = "a test"\n')
    machine.kernels("""
@triton.jit
def fused(x, out):
    triton.takes(13 if "TRITON_DEFAULT_FP_FUSION" in os.environ else 10)
    out[:] = x

@triton.jit
def split(x, out):
    triton.takes(10 if "TRITON_DEFAULT_FP_FUSION" in os.environ else 13)
    out[:] = x
""")
    for name in ("fused", "split"):
        machine.launch(name)
    paths = ["--triton-path", str(machine.newer)]
    done = machine.bench(*paths, "--variant", "unfused", "--budget", "0.01")
    ran = Ran(machine, done)
    assert "2 launches on triton 3.6.0, 3.6.0+unfused, 3.9.0, 3.9.0+unfused: 8 of 8 ran, 8 compared" in ran.said, done
    for release in ("3.6.0", "3.9.0"):  # and 3.9.0 is compared with 3.6.0, not with 3.6.0+unfused
        assert ran.kinds(release, "fused") == ran.kinds(release, "split") == []
        assert ran.kinds(f"{release}+unfused", "fused") == ["slower"]
        assert ran.files[f"{release}+unfused"]["switches"] == {"TRITON_DEFAULT_FP_FUSION": "0"}
    assert "slower: 1.30 x triton 3.9.0 (13.0 us" in ran.said
    unknown = machine.bench("--variant", "mine")
    assert (unknown.returncode, "allowed are unfused, all" in unknown.stderr) == (2, True)
