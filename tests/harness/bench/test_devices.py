"""Several GPUs: a process and a folder of evidence for each, and no GPU that two time on at once."""

from __future__ import annotations

import json
import tempfile

import pytest

from triton_matrix.base import per_gpu
from triton_matrix.evidence import toolchain

from .. import standins
from .toy import KNOWN, bench

SHOWS = """
def test_what_this_process_sees(record):
    import os
    from triton_matrix.bench.timing import Measurement

    record(Measurement("device", (0.001,) * 5), {"settings": os.environ["CUDA_VISIBLE_DEVICES"]})
"""


@pytest.fixture
def torch(tmp_path):
    """A folder with a torch that sees one GPU."""
    for name, text in standins.torch_that_sees_a_gpu("2.7.1").items():
        (tmp_path / "torch_here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "torch_here" / name).write_text(text)
    return tmp_path / "torch_here"


@pytest.fixture
def timed(root, torch, tmp_path):
    """The verb at level device, on a stand-in GPU; locks lie in a folder of the test's own."""
    (tmp_path / "tmp").mkdir()

    def run(*arguments, source=KNOWN, **variables):
        (root / "tests" / "benchmarks" / "bench_toy.py").write_text(source)
        given = {"STAND_IN_GPU": "cuda", "TMPDIR": str(tmp_path / "tmp"), **variables}
        return bench(root, "--level", "device", *arguments, paths=(torch,), **given)

    return run


def test_each_gpu_has_a_process_and_a_folder_of_its_own(timed, root):
    done = timed("--devices", "1,0", source=SHOWS, CUDA_VISIBLE_DEVICES="4,7")
    assert done.returncode == 0, done.stdout + done.stderr
    for device, visible in ((0, "4"), (1, "7")):
        report = json.loads((root / "reports" / f"gpu-{device}" / "ambient" / "benchmark.json").read_text())
        (row,) = report["benchmarks"]
        assert row["extra_info"]["settings"] == visible
        (gpu,) = report["triton_matrix"]["gpus"]
        assert gpu["device"] == device
        assert f"GPU {device}: wrote " in done.stdout
        assert f"Stand-in H100 (GPU {device})" in done.stdout


def test_the_worst_of_the_gpus_is_the_exit_status(timed):
    source = KNOWN + "\ndef test_one(record):\n    import os\n    assert os.environ['TRITON_MATRIX_DEVICE'] == '0'\n"
    assert timed("--devices", "0,1", source=source).returncode == 1


@pytest.mark.parametrize("text", ["", "0,0", "0,x", "-1", "0,,1", "1.5"])
def test_what_is_no_list_of_different_numbers_is_refused(timed, text):
    done = timed(f"--devices={text}")
    assert done.returncode == 2
    assert f"bench: devices is {text!r}; allowed are different numbers from 0 on, such as 0,1" in done.stderr


def test_a_gpu_that_the_shell_does_not_show_is_refused(timed):
    done = timed("--devices", "0,2", CUDA_VISIBLE_DEVICES="4,7")
    assert done.returncode == 2
    assert "devices has 2; CUDA_VISIBLE_DEVICES is '4,7', so the last one is 1" in done.stderr


def test_nobody_times_on_a_gpu_on_which_another_does(timed, root, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with per_gpu.timing("0"):
        done = timed()
    assert done.returncode == 2
    assert "the GPU 0, on which only one may time at once, is in use by process" in done.stderr
    assert not (root / "reports" / "ambient" / "benchmark.json").exists()
    assert timed().returncode == 0


def test_gpus_of_one_name_are_machines_of_their_own():
    assert per_gpu.without(["--devices", "0", "--reports=x", "--rows", "a", "--", "--devices"]) == [
        *("--rows", "a"),
        *("--", "--devices"),
    ]
    assert toolchain.called({"name": "H200", "device": 1}) == "H200 (GPU 1)"
    assert toolchain.called({"name": "H200"}) == "H200"
