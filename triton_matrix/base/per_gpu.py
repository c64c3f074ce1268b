"""One process a GPU: a verb that is asked for several GPUs runs itself on each, and no GPU is timed by two at once."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import commands, locks

DEVICE = "TRITON_MATRIX_DEVICE"  # the number of the GPU that a process is for, as the command line counts
_OURS = ("--devices", "--reports")
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


def numbers(text: str) -> list[int]:
    """The GPUs of ``--devices``: ``0,1``.

    Raises:
        ValueError: it is no list of different numbers.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words) or len({int(word) for word in words}) < len(words):
        raise ValueError(f"devices is {text!r}; allowed are different numbers from 0 on, such as 0,1")
    return [int(word) for word in words]


def without(arguments: Sequence[str]) -> list[str]:
    """A verb's arguments without ``--devices`` and ``--reports`` and what they are given."""
    left: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            return [*left, word, *rest]
        if word in _OURS:
            next(rest, None)
        elif not word.startswith(tuple(f"{name}=" for name in _OURS)):
            left.append(word)
    return left


def each(verb: str, arguments: Sequence[str], devices: Sequence[int], reports: Path) -> int:
    """Run a verb once for each GPU, at the same time; its lines are printed behind the GPU's number.

    Args:
        arguments: of the verb, without ``--devices`` and ``--reports``.
        devices: as of :func:`numbers`.
        reports: the evidence of a GPU goes to the folder ``gpu-<number>`` in it.

    Returns:
        The worst exit status.

    Raises:
        ValueError: the shell shows fewer GPUs than a number says.
    """
    environments = [_alone(device) for device in devices]
    processes = []
    with contextlib.ExitStack() as stack:
        for device, env in zip(devices, environments):
            command = [sys.executable, "-m", "triton_matrix", verb, *arguments]
            command += ["--reports", str(reports / f"gpu-{device}")]
            pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            process = stack.enter_context(commands.group(command, env=env, text=True, **pipes))
            reader = threading.Thread(target=_tell, args=(device, process.stdout))
            reader.start()
            processes.append((process, reader))
        for process, reader in processes:
            process.wait()
            reader.join()
    return max(process.returncode if process.returncode >= 0 else 2 for process, _ in processes)


def _alone(device: int) -> dict[str, str]:
    """The environment of a process that sees one GPU, of those that this one sees."""
    env = {**os.environ, DEVICE: str(device)}
    for name in _VISIBLE:
        shown = os.environ.get(name)
        there = shown.split(",") if shown is not None else None
        if there is not None and device >= len(there):
            raise ValueError(f"devices has {device}; {name} is {shown!r}, so the last one is {len(there) - 1}")
        env[name] = there[device] if there is not None else str(device)
    return env


def _tell(device: int, lines: Any) -> None:
    for line in lines:
        print(f"GPU {device}: {line}", end="", flush=True)


def timing(identity: str) -> contextlib.AbstractContextManager[None]:
    """Hold a GPU for timing inside the block.

    Args:
        identity: of the GPU on this machine, such as its UUID.

    Raises:
        ValueError: another process times on it.
    """
    path = Path(tempfile.gettempdir()) / f"triton-matrix-gpu-{identity}.lock"
    return locks.held(path, f"the GPU {identity}, on which only one may time at once,")
