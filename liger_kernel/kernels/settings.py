"""How a kernel cuts up the matrix: settings measured on a device (`tuned.json`), and the general rule for the others.

Standard library only, and no environment variable is read: `DeviceProperties.tuned` says whether the table counts.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Optional

from .device import DeviceProperties
from .geometry import (
    BYTES,
    body_block,
    can_wait,
    cdiv,
    elements_in_a_word,
    is_aligned,
    is_parted,
    longest_body,
    next_power_of_2,
)
from .kinds import DIRECTIONS, KINDS

# what a row of the table says of where it holds, beside its settings
_RANGE = {"rows_up_to": int, "from": int, "up_to": int, "since": str, "before": str, "dtype": str, "odd": bool}


@dataclass(frozen=True)
class Settings:
    """How one kernel cuts up the matrix. Elements and rows are per program.

    Attributes:
        kind: which kernels; one of `kinds.KINDS`.
        rows, block_n: shape of the tile that a program holds at a time. In the backward of "wide" block_n is dx's, and
            with rows above 1 a program adds dw and db of all rows, so many at a time.
        num_warps, num_stages: compile options; num_warps is in warps of 32 threads and is converted to the device's.
        programs: persistent programs per multiprocessor, where the kernel is persistent.
        prefetch: tiles that the backward of tiles loads early into registers, 0 to 2, for Triton before 3.0; of
            "packed", chunks of w and b that are loaded early, and in what else follows from that (the kernel says it).
        stages: of the loop over rows of "pipelined", "ahead", "pairs" and of the backward of tiles and of "wide". With
            n of them Triton, from 3.0 on, copies the rows of the next n - 1 passes to shared memory meanwhile.
        behind: passes after which the backward of "ahead" collects the sums of a shared row, 0 or 1; forward's are 2.
        keep_w: whether the backward of tiles keeps w in registers.
        max_registers: most registers a thread may have, 0 for no limit; only some releases of Triton take one.

    Raises:
        ValueError: a value that no kernel takes, named.
    """

    kind: str
    rows: int
    block_n: int
    num_warps: int
    num_stages: int = 1
    programs: int = 1
    prefetch: int = 0
    stages: int = 1
    behind: int = 0
    keep_w: bool = True
    max_registers: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        for name in ("rows", "block_n", "num_warps"):
            value = getattr(self, name)
            if value < 1 or value & (value - 1):
                raise ValueError(f"{name} is {value}; it must be a power of two")
        if self.num_stages < 1 or self.programs < 1:
            raise ValueError(f"num_stages is {self.num_stages}, programs {self.programs}; they must be at least 1")
        if self.prefetch not in (0, 1, 2):
            raise ValueError(f"prefetch is {self.prefetch}; it must be 0, 1 or 2")
        if self.behind not in (0, 1):
            raise ValueError(f"behind is {self.behind}; it must be 0 or 1")
        if self.stages < 1 or (self.stages > 1 and self.prefetch > 0):
            raise ValueError(
                f"stages is {self.stages}, prefetch {self.prefetch}; stages is at least 1, and only 1 beside a prefetch"
            )
        if self.max_registers != 0 and not 16 <= self.max_registers <= 255:
            raise ValueError(f"max_registers is {self.max_registers}; it must be 0, or 16 to 255")


def forward_settings(n_rows: int, n_cols: int, dtype: str, device: DeviceProperties) -> Settings:
    """The settings that `forward_plan` takes where it is given none."""
    tuned = tuned_settings("forward", n_rows, n_cols, dtype, device)
    if tuned is not None:
        return _for_few_rows(tuned, n_rows, device)
    block_n = next_power_of_2(n_cols)
    if _pays_to_align(n_cols, dtype, device):
        block_n = body_block(n_cols, dtype)
        num_warps = cdiv(block_n, 1024)
        return Settings("unaligned", 1, block_n, num_warps, programs=cdiv(12, num_warps), max_registers=168)
    if block_n <= 16384:
        rows = max(1, 4096 // block_n)
        num_warps = max(8, block_n // 1024)
        # two programs of 16 warps fit on an NVIDIA multiprocessor, if no release takes a few registers more
        max_registers = 64 if num_warps == 16 and BYTES[dtype] == 2 else 0
        tile = Settings("tile", rows, block_n, num_warps, max_registers=max_registers)
        return _for_few_rows(tile, n_rows, device)
    split = Settings("split", 1, 4096, 4, programs=8 // BYTES[dtype])
    split = _for_odd_rows(split, n_cols, dtype)
    if not refusal(split, "forward", n_cols, dtype, device):
        return split
    return Settings("wide", 1, 8192, 32)


def backward_settings(n_rows: int, n_cols: int, dtype: str, device: DeviceProperties) -> Settings:
    """The settings that `backward_plan` takes where it is given none."""
    tuned = tuned_settings("backward", n_rows, n_cols, dtype, device)
    if tuned is not None:
        return _for_few_rows(tuned, n_rows, device)
    block_n = next_power_of_2(n_cols)
    if _pays_to_align(n_cols, dtype, device):
        block_n = body_block(n_cols, dtype)
        num_warps = cdiv(block_n, 1024)
        return Settings("unaligned", 1, block_n, num_warps, programs=max(1, 8 // num_warps))
    if block_n <= 8192:
        rows = max(1, 4096 // block_n)
        num_warps = max(1, rows * block_n // 512)
        # 16 elements a thread take about 128 registers, of which an NVIDIA multiprocessor has 65536
        programs = max(1, 16 // num_warps)
        return _for_few_rows(Settings("tile", rows, block_n, num_warps, programs=programs, prefetch=1), n_rows, device)
    programs, max_registers = (4, 128) if BYTES[dtype] == 2 else (3, 168)
    split = Settings("split", 1, 2048, 4, programs=programs, max_registers=max_registers)
    split = _for_odd_rows(split, n_cols, dtype)
    if not refusal(split, "backward", n_cols, dtype, device):
        return split
    return Settings("wide", 1, 8192, 32)


def takes_apart(kind: str, n_cols: int, dtype: str) -> bool:
    """Whether kernels of the kind take such rows apart, into ends and a body."""
    return is_parted(n_cols, dtype) and KINDS[kind].parts


def refusal(settings: Settings, direction: str, n_cols: int, dtype: str, device: DeviceProperties) -> str:
    """Why the device cannot run such rows in these settings, in one sentence; "" where it can."""
    kind = KINDS[settings.kind]
    parted = takes_apart(settings.kind, n_cols, dtype)
    columns = longest_body(n_cols, dtype) if parted else n_cols
    parts = cdiv(columns, settings.block_n)
    waits = (settings.num_warps, settings.programs, settings.max_registers, device)
    why = kind.lacks(direction, device)
    words = BYTES[dtype] * elements_in_a_word(n_cols, dtype) == 4 or parted
    if not why and kind.in_words and not (words and BYTES[dtype] in kind.in_words):
        why = f"rows of {n_cols} columns of {dtype} are no words of two elements"
    if not why and kind.shares_rows and parts > 1 and not can_wait(columns, settings.block_n, *waits):
        why = f"{parts} programs of a row would wait for each other, for which {device.arch} has too few places"
    return f"kind is {settings.kind!r}; {why}" if why else ""


def tuned_settings(
    direction: str, n_rows: int, n_cols: int, dtype: str, device: DeviceProperties
) -> Optional[Settings]:
    """The measured settings for this device, if it has any and `device.tuned` holds.

    A row of the table holds for lengths from "from" (if it says so) up to "up_to", for no more than "rows_up_to" rows
    (if it says so), and for releases of Triton from "since" on and before "before" (if it says so), for one dtype of
    its size alone if it says "dtype", for odd lengths alone, or even ones, if it says "odd"; the first that holds is
    taken.
    """
    if not device.tuned:
        return None
    settings = next(_tuned_rows(direction, n_rows, n_cols, dtype, device), None)
    if settings is None:
        return None
    block_n = min(settings.block_n, next_power_of_2(n_cols))
    if settings.kind == "tile" and block_n < settings.block_n:
        # the shape is for the longest row; of shorter ones as many more go into a tile
        return replace(settings, rows=settings.rows * settings.block_n // block_n, block_n=block_n)
    return settings


def check_table(devices: list[dict[str, Any]]) -> None:
    """Raise where a table of tuned settings has a key or value that no plan takes.

    Raises:
        ValueError: in one sentence that names the device, the direction, the size and the row.
    """
    for entry in devices:
        name = f"{entry.get('arch')} with {entry.get('n_multiprocessors')} multiprocessors {entry.get('product', '')}"
        for direction in DIRECTIONS:
            sizes = {f"{BYTES[dtype]} bytes" for dtype in BYTES}
            sizes |= {f"{size} unaligned" for size in sizes}
            if set(entry.get(direction, ())) != sizes:
                raise ValueError(f"{name.strip()}: {direction} must have exactly {', '.join(sorted(sizes))}")
            for size, rows in entry[direction].items():
                for row in rows:
                    try:
                        _check_row(row)
                    except (TypeError, ValueError) as error:
                        raise ValueError(f"{name.strip()}, {direction}, {size}, row {row}: {error}") from None


def _check_row(row: dict[str, Any]) -> None:
    unknown = set(row) - set(_RANGE) - {field.name for field in fields(Settings)}
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is no setting")
    for name, kind in _RANGE.items():
        if name in row and type(row[name]) is not kind:
            raise ValueError(f"{name} is {row[name]!r}; it must be of type {kind.__name__}")
    if row.get("dtype", "bf16") not in BYTES:
        raise ValueError(f"dtype is {row['dtype']!r}; it must be one of {', '.join(BYTES)}")
    if "up_to" not in row or row.get("from", 0) > row["up_to"]:
        raise ValueError("up_to is missing or below from")
    _settings_of(row)


def _settings_of(row: dict[str, Any]) -> Settings:
    return Settings(**{name: value for name, value in row.items() if name not in _RANGE})


@functools.cache
def _tuned_table() -> list[dict[str, Any]]:
    devices: list[dict[str, Any]] = json.loads((Path(__file__).parent / "tuned.json").read_text())["devices"]
    check_table(devices)
    return devices


def _tuned_rows(direction: str, n_rows: int, n_cols: int, dtype: str, device: DeviceProperties) -> Iterator[Settings]:
    """The settings of the rows that hold, in the order of the table, of the first device in it that this one is.

    A row of the table whose kernels cannot run such rows does not hold for them.
    """
    size = f"{BYTES[dtype]} bytes"
    for entry in _tuned_table():
        same = (entry["arch"], entry["n_multiprocessors"]) == (device.arch, device.n_multiprocessors)
        if same and entry.get("product", "") in device.name:
            rows = entry[direction][size]
            if BYTES[dtype] * elements_in_a_word(n_cols, dtype) < 4:
                # settings that were measured on rows of words say nothing of those whose bodies alone are words
                rows = [row for row in rows if not KINDS[row["kind"]].in_words]
            unaligned = [] if is_aligned(n_cols, dtype) else entry[direction][f"{size} unaligned"]
            for row in (*unaligned, *rows):
                in_range = row.get("from", 0) <= n_cols <= row["up_to"] and n_rows <= row.get("rows_up_to", n_rows)
                has_release = "before" not in row or device.compiled_before(row["before"])
                has_release &= "since" not in row or not device.compiled_before(row["since"])
                in_range &= row.get("dtype", dtype) == dtype and row.get("odd", n_cols % 2) == n_cols % 2
                settings = _for_odd_rows(_settings_of(row), n_cols, dtype)
                if in_range and has_release and not refusal(settings, direction, n_cols, dtype, device):
                    yield settings
            return


def _for_few_rows(settings: Settings, n_rows: int, device: DeviceProperties) -> Settings:
    """With too few rows to give every multiprocessor a tile of them, fewer rows and warps in a tile."""
    rows = settings.rows
    while settings.kind == "tile" and rows > 1 and rows * device.n_multiprocessors > n_rows:
        rows //= 2
    return replace(settings, rows=rows, num_warps=max(1, settings.num_warps * rows // settings.rows))


def _for_odd_rows(settings: Settings, n_cols: int, dtype: str) -> Settings:
    """Elements that cannot be packed take more registers, so that fewer programs fit on a multiprocessor."""
    if settings.kind == "split" and BYTES[dtype] == 2 and elements_in_a_word(n_cols, dtype) == 1:
        return replace(settings, programs=max(1, settings.programs * 3 // 4), max_registers=168)
    return settings


def _pays_to_align(n_cols: int, dtype: str, device: DeviceProperties) -> bool:
    """Whether the general rule takes the kernels for rows that are not aligned: in fp32 for long ones only."""
    shortest = 512 if BYTES[dtype] == 2 else 4096
    return not is_aligned(n_cols, dtype) and shortest < n_cols <= 8192 and device.arch != "interpreter"
