"""What a cubin holds: resources from ``cuobjdump``, instructions from ``nvdisasm``, both out of the Triton wheel.

``cuobjdump --dump-sass`` starts ``nvdisasm`` for each cubin, and 0.3 s of each start goes into nothing but starting.
So the code sections of many cubins are laid end to end and disassembled in one go (``nvdisasm --binary``); the
instructions are the same ones, and tests compare the two ways.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Optional

from ..base.targets import CudaLimits, Target
from .occupancy import cuda_blocks

_RESOURCE = re.compile(r"\b(REG|STACK|SHARED|LOCAL):(\d+)")
_INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]+)\*/\s+(?:@!?\w+\s+)?([A-Z][A-Z0-9_.]*)", re.MULTILINE)
_WIDTH = re.compile(r"\.(8|U8|S8|16|U16|S16|32|64|128|256)(?=\.|$)")
_GLOBAL_LOADS = ("LDG", "LDGSTS")  # LDGSTS: straight into shared memory, what a pipelined load becomes
_GLOBAL_STORES = ("STG",)
_TMA_LOADS, _TMA_STORES = ("UTMALDG",), ("UTMASTG", "UTMAREDG")
# tensor cores by who asks them: a warp, a warp group (wgmma of PTX), one thread for a block or two (tcgen05)
_MATRIX = {
    "mma_instructions": re.compile(r"[HIDQBO]MMA"),
    "wgmma_instructions": re.compile(r"[HIQB]GMMA"),
    "tcgen05_instructions": re.compile(r"UTC[A-Z]+MMA"),
}
_CLUSTER = {
    "cluster_barriers": re.compile(r"^\s*(?:@\S+\s+)?barrier\.cluster\.arrive", re.MULTILINE),
    "cluster_addresses": re.compile(r"^\s*(?:@\S+\s+)?mapa\.", re.MULTILINE),
}
_INSTRUCTION_BYTES = 16  # of every target here (Volta and later)
TOOL_SECONDS = 120


class ToolError(RuntimeError):
    """A tool of the wheel failed; the message gives its command, exit status and last lines."""


def run_tool(command: list[str]) -> str:
    """Standard output of ``command``; raises :class:`ToolError` when it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ToolError(f"{' '.join(command)}: {problem}") from None
    if done.returncode:
        last = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ToolError(f"{' '.join(command)}: exit status {done.returncode}: {last}")
    return done.stdout


def code_sections(cubin: bytes) -> dict[str, bytes]:
    """Name of each function and its code, out of the cubin's ``.text`` sections.

    The rest of the file is left out: it also holds source paths and debug text.
    """
    if cubin[:4] != b"\x7fELF" or cubin[4] != 2:
        raise ToolError("the compiler's output is not a 64-bit ELF file")
    (headers_at,) = struct.unpack_from("<Q", cubin, 0x28)
    entry_size, n_headers, names_index = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", cubin, headers_at + i * entry_size) for i in range(n_headers)]
    names = headers[names_index][4]
    sections = {}
    for name_at, _, _, _, offset, size in headers:
        name = cubin[names + name_at : cubin.index(b"\0", names + name_at)].decode()
        if name.startswith(".text."):
            sections[name[len(".text.") :]] = cubin[offset : offset + size]
    return sections


def code_of(cubin: bytes) -> bytes:
    """All machine code of a cubin."""
    return b"".join(code_sections(cubin).values())


def kernel_name(cubin: bytes) -> str:
    """The name of the kernel in a cubin with one function; Triton 2.3 adds the types to it."""
    return next(iter(code_sections(cubin)))


def resource_usage(cubin: bytes, cuobjdump: str) -> dict[str, int]:
    """REG, STACK, SHARED and LOCAL of a cubin with one kernel, as cuobjdump reports them (registers; bytes)."""
    with tempfile.TemporaryDirectory(prefix="triton-matrix-codegen-") as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(cubin)
        return parse_resource_usage(run_tool([cuobjdump, "--dump-resource-usage", str(path)]))


def parse_resource_usage(text: str) -> dict[str, int]:
    """The numbers of the one line that has them; raises :class:`ToolError` unless there is exactly one."""
    lines = [line for line in text.splitlines() if "REG:" in line]
    if len(lines) != 1:
        raise ToolError(f"cuobjdump reports {len(lines)} kernels where one was compiled")
    return {name: int(value) for name, value in _RESOURCE.findall(lines[0])}


def disassemble(codes: list[bytes], target: Target, nvdisasm: str) -> Sequence[Optional[list[str]]]:
    """The operation of each instruction ("LDG.E.128") of each code section.

    None for each where the disassembler is older than the target: Triton 3.6.0 brings a compiler for sm_103, and none
    that reads its code.
    """
    with tempfile.TemporaryDirectory(prefix="triton-matrix-codegen-") as folder:
        path = Path(folder) / "code.bin"
        path.write_bytes(b"".join(codes))
        try:
            text = run_tool([nvdisasm, "--binary", f"SM{target.arch}", str(path)])
        except ToolError as problem:
            if f"'SM{target.arch}' is not defined" in str(problem):
                return [None] * len(codes)
            raise
    operations = dict(parse_sass(text))
    result, start = [], 0
    for code in codes:
        end = start + len(code)
        result.append([operations[at] for at in range(start, end, _INSTRUCTION_BYTES)])
        start = end
    return result


def parse_sass(text: str) -> Iterable[tuple[int, str]]:
    """Offset and operation of each instruction in a listing of nvdisasm or cuobjdump, predicates left off."""
    return [(int(offset, 16), operation) for offset, operation in _INSTRUCTION.findall(text)]


def width(operation: str) -> int:
    """Bits that one thread moves with a memory instruction; 32 when the name does not say."""
    widths = _WIDTH.findall(operation)
    return int(widths[-1].lstrip("US")) if widths else 32


def count(operations: Iterable[str]) -> dict[str, int]:
    """The exact metrics that come from instructions. A load or store is wide when one thread moves 128 bit or more."""
    result = dict.fromkeys(
        (
            "instructions",
            "local_stores",
            "local_loads",
            "global_loads",
            "global_loads_128",
            "global_stores",
            "global_stores_128",
            "global_load_bits",
            "tma_loads",
            "tma_stores",
            *_MATRIX,
            "fp64_instructions",
            "barriers",
        ),
        0,
    )
    for operation in operations:
        base = operation.partition(".")[0]
        if base == "NOP":  # padding up to the section's alignment
            continue
        result["instructions"] += 1
        if base == "STL":
            result["local_stores"] += 1
        elif base == "LDL":
            result["local_loads"] += 1
        elif base in _GLOBAL_LOADS:
            result["global_loads"] += 1
            result["global_loads_128"] += width(operation) >= 128
            result["global_load_bits"] += width(operation)
        elif base in _GLOBAL_STORES:
            result["global_stores"] += 1
            result["global_stores_128"] += width(operation) >= 128
        elif base in _TMA_LOADS:
            result["tma_loads"] += 1
        elif base in _TMA_STORES:
            result["tma_stores"] += 1
        elif base == "BAR":
            result["barriers"] += 1
        elif is_fp64(operation):
            result["fp64_instructions"] += 1
        for name, matches in _MATRIX.items():
            result[name] += bool(matches.fullmatch(base))
    return result


def clusters(ptx: str, num_ctas: int) -> dict[str, int]:
    """What a kernel of several blocks a cluster does with that; nothing for all others."""
    if num_ctas == 1:
        return {}
    return {"cluster_ctas": num_ctas, **{name: len(pattern.findall(ptx)) for name, pattern in _CLUSTER.items()}}


def is_fp64(operation: str) -> bool:
    """Arithmetic or conversion in double precision: DADD, DFMA, F2F.F64.F32, MUFU.RCP64H and their like."""
    base, *suffixes = operation.split(".")
    return base in ("DADD", "DMUL", "DFMA", "DSETP", "DMNMX", "DMMA") or any(
        suffix == "F64" or suffix.endswith("64H") for suffix in suffixes
    )


def metrics(
    usage: dict[str, int],
    spills: dict[str, int],
    operations: Optional[list[str]],
    num_warps: int,
    shared: int,
    target: Target,
) -> dict[str, Any]:
    """All exact metrics of one kernel.

    Args:
        usage: of :func:`resource_usage`.
        spills: of ``ptxas.spills``: the instructions do not tell them from accesses to a kernel's own local array.
        operations: of :func:`disassemble`; None: what is counted in instructions is not known, and left out.
        shared: bytes of shared memory that the launch asks for, from Triton's own metadata. cuobjdump's SHARED is left
            out: Triton asks for all of it at launch, and what cuobjdump shows from sm_90 on is the driver's 1 KiB.
    """
    limits = target.limits
    assert isinstance(limits, CudaLimits)
    blocks = cuda_blocks(limits, usage["REG"], num_warps, shared)
    return {
        "registers": usage["REG"],
        "stack_bytes": usage["STACK"],
        "local_bytes": usage["LOCAL"],
        "shared_bytes": shared,
        "threads": num_warps * target.warp_size,
        "occupancy_blocks": blocks,
        "occupancy_warps": blocks * num_warps,
        **spills,
        **({} if operations is None else {"code_bytes": len(operations) * _INSTRUCTION_BYTES, **count(operations)}),
    }
