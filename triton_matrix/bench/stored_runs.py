"""Stored files of the bench: which GPU, Triton and settings each is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evidence import benchmark_file, toolchain

FILES = (benchmark_file.NAME, benchmark_file.SWEEP)


@dataclass(frozen=True, eq=False)
class Run:
    """One file that ``bench`` wrote.

    Attributes:
        report: its content.
    """

    report: Mapping[str, Any]

    @property
    def about(self) -> Mapping[str, Any]:
        """The file's header (``benchmark_file.HEADER``)."""
        return dict(self.report["triton_matrix"])

    @property
    def gpu(self) -> str:
        """The GPU's name, ``"none"`` without one; several of one kind are named once."""
        return ", ".join(sorted({toolchain.called(gpu) for gpu in self.about["gpus"]})) or "none"

    @property
    def triton(self) -> str:
        """Triton's version."""
        return str(self.about["versions"]["triton"])

    @property
    def settings(self) -> str:
        """How the kernels were set up; "" where the suite knows one way only, or did not say."""
        return str(self.about.get("settings") or "")

    @property
    def is_timed(self) -> bool:
        """Whether a GPU ran it."""
        return bool(self.about["level"] == "device")

    @property
    def is_sweep(self) -> bool:
        """Whether it is a fine sweep of sizes and not the suite's own rows."""
        return benchmark_file.is_sweep(self.about)


def files_of(paths: Sequence[Path], argument: str) -> list[Path]:
    """The files among ``paths``, and those of a folder that are called as in ``FILES``.

    Raises:
        ValueError: a folder holds none of them; names the argument.
    """
    files: list[Path] = []
    for path in paths:
        there = sorted(file for name in FILES for file in path.rglob(name)) if path.is_dir() else [path]
        if not there:
            allowed = f"a file that bench wrote, or a folder with {' or '.join(FILES)}"
            raise ValueError(f"{argument} is {path}; allowed is {allowed}")
        files += there
    return files


def short_gpu(name: str) -> str:
    """A GPU's model alone: ``H100`` of "NVIDIA H100 80GB HBM3", ``MI300X`` of "AMD Instinct MI300X"."""
    return next((word for word in name.split() if any(map(str.isdigit, word))), name)


def gpus_called(gpus: Iterable[str]) -> dict[str, str]:
    """What GPUs are called beside each other: by model, or by the whole name where several are of one model."""
    names = list(dict.fromkeys(gpus))
    alike = Counter(map(short_gpu, names))
    return {name: short_gpu(name) if alike[short_gpu(name)] == 1 else name for name in names}
