"""On a GPU machine: do the atlas' figures agree with what the driver says of the same kernels?

Each configuration of the atlas for this machine's GPU is compiled by hand as everywhere else, its cubin is loaded
through the driver's C interface (no torch), and registers, stack and occupancy are compared. Then Triton's own launch
path compiles the same launch, and its machine code is compared with ours.
"""

from __future__ import annotations

import ctypes
import datetime
import sys
from pathlib import Path
from typing import Any, Optional

from ..base import files, tables, targets
from ..base.targets import Target
from ..launches import dtypes, hook, loading
from ..launches.configuration import Configuration
from ..launches.loading import unwrap
from . import cuda_metrics
from .compile import compile_stages, measure

SCHEMA = "triton-matrix/driver-check/1"
FEWEST = 10  # an agreement over fewer configurations is not worth the name

# Numbers from cuda.h
_SHARED_SIZE_BYTES, _LOCAL_SIZE_BYTES, _NUM_REGS, _MAX_DYNAMIC_SHARED = 1, 3, 4, 8
_COMPUTE_MAJOR, _COMPUTE_MINOR = 75, 76


class DriverError(ValueError):
    """The driver is missing or refuses something; one sentence."""


class Driver:
    """The first GPU of this machine, through libcuda."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libcuda.so.1")
        except OSError as problem:
            raise DriverError(f"--check-driver needs an NVIDIA GPU and its driver: {problem}") from None
        self._call("cuInit", 0)
        device = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        self._device = device.value
        context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._call("cuCtxSetCurrent", context)

    def _call(self, function: str, *args: Any) -> None:
        status = getattr(self._lib, function)(*args)
        if status:
            text = ctypes.c_char_p()
            self._lib.cuGetErrorString(status, ctypes.byref(text))
            raise DriverError(f"{function} fails with {status}: {(text.value or b'unknown').decode()}")

    def describe(self) -> dict[str, Any]:
        """Name, target and driver version of the GPU."""
        name = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", name, len(name), self._device)
        version = ctypes.c_int()
        self._call("cuDriverGetVersion", ctypes.byref(version))
        major, minor = (self._attribute(number) for number in (_COMPUTE_MAJOR, _COMPUTE_MINOR))
        cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
        return {"gpu": name.value.decode(), "target": f"cuda:{major * 10 + minor}", "driver_cuda": cuda}

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(value), number, self._device)
        return value.value

    def resources(self, cubin: bytes, threads: int, shared: int) -> dict[str, int]:
        """Registers, local bytes, static shared bytes and resident blocks per multiprocessor of a cubin's kernel."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), cubin)
        try:
            name = cuda_metrics.kernel_name(cubin).encode()
            self._call("cuModuleGetFunction", ctypes.byref(function), module, name)
            if shared > 48 * 1024:
                self._call("cuFuncSetAttribute", function, _MAX_DYNAMIC_SHARED, shared)
            blocks = ctypes.c_int()
            self._call(
                "cuOccupancyMaxActiveBlocksPerMultiprocessor",
                ctypes.byref(blocks),
                function,
                threads,
                ctypes.c_size_t(shared),
            )
            return {
                "registers": self._of_function(function, _NUM_REGS),
                "local_bytes": self._of_function(function, _LOCAL_SIZE_BYTES),
                "static_shared_bytes": self._of_function(function, _SHARED_SIZE_BYTES),
                "occupancy_blocks": blocks.value,
            }
        finally:
            self._call("cuModuleUnload", module)

    def _of_function(self, function: ctypes.c_void_p, number: int) -> int:
        value = ctypes.c_int()
        self._call("cuFuncGetAttribute", ctypes.byref(value), number, function)
        return value.value


def main(release: str, atlas: str, root: Path, path: Optional[Path]) -> int:
    """Exit status 0: all agree. 1: some do not, or there are fewer than ten. Raises DriverError without a GPU."""
    driver = Driver()
    machine = driver.describe()
    target = targets.parse(machine["target"])
    rows = [check(configuration, target, driver) for configuration in hook.configurations(atlas, root, [target.name])]
    wrong = [row["label"] for row in rows if row["disagreements"]]
    print(_table(rows))
    print(f"\n{len(rows)} configurations on {machine['gpu']}, Triton {release}: {len(wrong)} disagree")
    if path:
        date = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        files.write_json(path, {"schema": SCHEMA, "triton": release, "date": date, **machine, "rows": rows})
    for row in rows:
        for sentence in row["disagreements"]:
            print(f"{row['label']}: {sentence}", file=sys.stderr)
    return 1 if wrong or len(rows) < FEWEST else 0


def check(configuration: Configuration, target: Target, driver: Driver) -> dict[str, Any]:
    """One configuration: the atlas' figures, the driver's, and whether a real launch compiles the same code."""
    fn = unwrap(loading.load(configuration.kernel))
    result = compile_stages(
        fn, configuration.args, configuration.constexprs, configuration.options, configuration.hints, target
    )
    cubin = result.stages.get("cubin", b"")
    measure([(target, result)])
    row: dict[str, Any] = {"label": configuration.label, "options": configuration.options, "disagreements": []}
    if result.status != "ok":
        row["disagreements"].append(result.reason)
        return row
    ours = result.metrics
    row["atlas"] = {name: ours[name] for name in ("registers", "stack_bytes", "local_bytes", "shared_bytes")}
    row["atlas"]["occupancy_blocks"] = ours["occupancy_blocks"]
    theirs = row["driver"] = driver.resources(cubin, ours["threads"], ours["shared_bytes"])
    compared = (("registers", "registers"), ("stack_bytes", "local_bytes"), ("occupancy_blocks", "occupancy_blocks"))
    for name, driver_name in compared:
        if ours[name] != theirs[driver_name]:
            row["disagreements"].append(f"{name} is {ours[name]}, the driver says {driver_name} {theirs[driver_name]}")
    try:
        launched = launch_compiles(fn, configuration)
        row["launch"] = driver.resources(launched, ours["threads"], ours["shared_bytes"])
        row["same_code_as_launch"] = cuda_metrics.code_of(launched) == cuda_metrics.code_of(cubin)
        if not row["same_code_as_launch"]:
            row["disagreements"].append("a launch compiles other machine code")
    except Exception as problem:  # a newer Triton may build launches otherwise; the driver's figures stand without it
        row["same_code_as_launch"] = None
        row["launch_not_tried"] = f"{type(problem).__name__}: {problem}"
    return row


def launch_compiles(fn: Any, configuration: Configuration) -> bytes:
    """The cubin of Triton's own launch path, for arguments of the same types and divisibility (3.x, with torch)."""
    import torch
    from triton.runtime.jit import MockTensor

    arguments: dict[str, Any] = {}
    for name, kind in configuration.args.items():
        if kind.startswith("*"):
            arguments[name] = MockTensor(getattr(torch, dtypes.TORCH[kind[1:]]))
        elif kind.startswith("fp"):
            arguments[name] = 1.0e-5
        else:
            arguments[name] = (2**40 if kind == "i64" else 4096) + (name not in configuration.hints)
    compiled = fn.warmup(grid=(1,), **arguments, **configuration.constexprs, **configuration.options)
    return bytes(compiled.asm["cubin"])


def _table(rows: list[dict[str, Any]]) -> str:
    headings = [
        "configuration",
        "registers",
        "driver",
        "stack",
        "driver",
        "blocks/MP",
        "driver",
        "same code as a launch",
    ]
    return tables.render(
        headings,
        [
            [
                row["label"],
                row["atlas"]["registers"],
                row["driver"]["registers"],
                row["atlas"]["stack_bytes"],
                row["driver"]["local_bytes"],
                row["atlas"]["occupancy_blocks"],
                row["driver"]["occupancy_blocks"],
                row["same_code_as_launch"],
            ]
            for row in rows
            if "driver" in row
        ],
    )
