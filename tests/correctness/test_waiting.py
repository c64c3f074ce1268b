"""Programs of one row wait for each other: none may wait for ever, whatever else the GPU does.

Each case runs in a process of its own, which is ended where it hangs.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from liger_kernel.kernels.device import DeviceProperties
from liger_kernel.kernels.plan import BYTES, backward_plan, forward_plan
from triton_matrix.base import targets

from .side_by_side import CASES

LIMIT = 120  # seconds; the slowest case takes about ten
DEVICES = [DeviceProperties("cuda:90", count, name=name) for count in (8, 16, 64, 132) for name in ("", "NVIDIA H200")]


def run(script: str, *arguments: str) -> None:
    # where the process is ended by a signal, it says what its threads were at
    command = [sys.executable, "-X", "faulthandler", str(Path(__file__).with_name(script)), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{script} {' '.join(arguments)} was not done after {LIMIT} s: a program waits for ever")
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout)


def need_two_gpus() -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two GPUs, this machine shows {torch.cuda.device_count()}: run on one with two")


@pytest.mark.device("programs that wait for each other cannot be interpreted")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("n_cols", [16384, 65536, 131072])
@pytest.mark.parametrize("case", ["streams", "priorities", "threads", "graphs"])
def test_no_program_waits_for_ever(case, n_cols, dtype):
    run("side_by_side.py", case, str(n_cols), dtype)


@pytest.mark.device("a green context is a part of a GPU")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("n_cols", [16384, 131072])
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("green")])
def test_no_program_waits_for_ever_on_a_part_of_the_gpu(case, n_cols, dtype):
    if not hasattr(torch.cuda, "green_contexts"):
        pytest.skip(f"needs a torch that makes green contexts, from 2.9 on; this is {torch.__version__}")
    run("side_by_side.py", case, str(n_cols), dtype)


@pytest.mark.device("two GPUs work side by side")
@pytest.mark.parametrize("n_cols", [16384, 131072])
def test_two_gpus_in_one_process(n_cols):
    need_two_gpus()
    run("side_by_side.py", "two-gpus", str(n_cols), "bfloat16")


@pytest.mark.device("two processes train on two GPUs")
def test_two_processes_train_one_model():
    need_two_gpus()
    run("train_on_two.py")


# The worst that streams can do: of a row for each of the six priorities all programs but one are there and wait.
@pytest.mark.parametrize("device", DEVICES, ids=lambda device: f"{device.n_multiprocessors}{device.name[-4:]}")
@pytest.mark.parametrize("triton", ["", "3.0.0", "2.3.1"])
def test_rows_that_wait_leave_room_for_those_that_they_wait_for(device, triton):
    device = DeviceProperties(device.arch, device.n_multiprocessors, name=device.name, triton=triton)
    for n_cols in (12288, 16384, 20001, 65536, 100000, 131072, 400000):
        for dtype in ("bf16", "fp32"):
            for plan in (forward_plan, backward_plan):
                for launch in plan(4096, n_cols, dtype, device):
                    if launch.exchange_slots:
                        programs_of_a_row = launch.constexprs["SPLIT"]
                        places = launch.grid[0] + programs_of_a_row  # the grid is a whole number of rows
                        assert places > 6 * (programs_of_a_row - 1), launch


# `can_wait` counts registers; with rows copied ahead, shared memory must not leave fewer places than these.
@pytest.mark.parametrize("name", ["", "NVIDIA H200"])
def test_the_rows_copied_ahead_leave_as_many_places_as_the_registers(name):
    device, limits, seen = DeviceProperties("cuda:90", 132, name=name), targets.parse("cuda:90").limits, set()
    for n_cols, dtype, (direction, plan) in itertools.product(
        (12288, 16384, 32768, 65536, 100000, 131072), BYTES, (("forward", forward_plan), ("backward", backward_plan))
    ):
        launch = plan(4096, n_cols, dtype, device)[0]
        if launch.exchange_slots and "STAGES" in launch.constexprs:
            tensors = 1 if direction == "forward" else 2
            block = tensors * launch.constexprs["BLOCK_N"] * BYTES[dtype]
            shared = (launch.constexprs["STAGES"] - 1) * block + 2048 + limits.shared_reserved  # 2048: of reductions
            programs = -(-launch.grid[0] // device.n_multiprocessors)
            assert programs * shared <= limits.shared, launch
            seen.add((launch.kernel, programs))
    assert {programs for _, programs in seen} >= ({1, 2, 4, 8} if name else {2, 4})


def test_on_the_whole_gpu_long_rows_are_shared():
    device = DeviceProperties("cuda:90", 132)
    assert all(plan(4096, 131072, "bf16", device)[0].exchange_slots for plan in (forward_plan, backward_plan))
