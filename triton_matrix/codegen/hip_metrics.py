"""What an AMD kernel's assembly text holds: the resource figures that LLVM wrote into it, and its instructions."""

from __future__ import annotations

import re
from typing import Any

from ..base.targets import HipLimits, Target
from .occupancy import hip_waves_per_simd

_FIELDS = {
    "vgprs": r"^\s*(?:- )?\.vgpr_count:\s+(\d+)",
    "sgprs": r"^\s*(?:- )?\.sgpr_count:\s+(\d+)",
    "agprs": r"^\s*(?:- )?\.agpr_count:\s+(\d+)",
    "vgpr_spills": r"^\s*(?:- )?\.vgpr_spill_count:\s+(\d+)",
    "sgpr_spills": r"^\s*(?:- )?\.sgpr_spill_count:\s+(\d+)",
    "scratch_bytes": r"^\s*(?:- )?\.private_segment_fixed_size:\s+(\d+)",
    "code_bytes": r"^;\s*codeLenInByte = (\d+)",
}
_OPTIONAL = ("agprs", "code_bytes")  # no such registers on RDNA; Triton 3.0 and 3.1 have the comments left out
_INSTRUCTION = re.compile(r"^\t([a-z][a-z0-9_]*)(.*)$")
_MEMORY = re.compile(r"(global|buffer|scratch)_(load|store)_(\w+)")
_MATRIX = {"mfma_instructions": ("v_mfma_", "v_smfmac_"), "wmma_instructions": ("v_wmma_", "v_swmmac_")}
_TILES = {"tensor_load_to_lds": "tma_loads", "tensor_store_from_lds": "tma_stores"}  # gfx1250
_WIDTH = {"dword": 32, "dwordx2": 64, "dwordx3": 96, "dwordx4": 128, "b32": 32, "b64": 64, "b96": 96, "b128": 128}


def fields(text: str) -> dict[str, int]:
    """Registers, spills and scratch of the one kernel in an amdgcn text.

    Raises:
        ValueError: a figure is missing, or there is more than one kernel.
    """
    result = {}
    for name, pattern in _FIELDS.items():
        values = re.findall(pattern, text, re.MULTILINE)
        if name == "code_bytes":  # of each function: one may be called that was not inlined
            values = values and [sum(map(int, values))]
        if len(values) != 1 and not (name in _OPTIONAL and not values):
            raise ValueError(f"the amdgcn text has {len(values)} values of {name} where one kernel was compiled")
        if values:
            result[name] = int(values[0])
    return result


def llvm_occupancy(text: str) -> int:
    """The waves per SIMD that LLVM computed from registers alone."""
    return int(re.findall(r"^; Occupancy: (\d+)", text, re.MULTILINE)[0])


def operations(text: str) -> list[tuple[str, str]]:
    """Name and rest of the line of each instruction between the kernel's label and its end."""
    body = text.partition("\n.Lfunc_end")[0]
    matches = (_INSTRUCTION.match(line) for line in body.splitlines())
    return [(match.group(1), match.group(2)) for match in matches if match]


def count(text: str) -> dict[str, int]:
    """The exact metrics that come from instructions. A load or store is wide when one lane moves 128 bit."""
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
            "buffer_loads",
            "buffer_stores",
            "tma_loads",
            "tma_stores",
            *_MATRIX,
            "fp64_instructions",
            "barriers",
        ),
        0,
    )
    for name, rest in operations(text):
        result["instructions"] += 1
        if name.startswith("s_barrier") and not name.startswith("s_barrier_wait"):
            result["barriers"] += 1  # from gfx12 on a barrier is a signal and a wait: one of the two counts
        elif name.startswith("v_") and "f64" in name:
            result["fp64_instructions"] += 1
        for metric, starts in _MATRIX.items():
            result[metric] += name.startswith(starts)
        if name in _TILES:
            result[_TILES[name]] += 1
        memory = _MEMORY.fullmatch(name)
        if memory and (memory.group(1) == "scratch" or "Folded" in rest):  # CDNA 2 and older spill through buffers
            result[f"local_{memory.group(2)}s"] += 1
        elif memory:
            result[f"buffer_{memory.group(2)}s"] += memory.group(1) == "buffer"
            bits = _bits(memory.group(3))
            if memory.group(2) == "load":
                result["global_loads"] += 1
                result["global_loads_128"] += bits >= 128
                result["global_load_bits"] += bits
            else:
                result["global_stores"] += 1
                result["global_stores_128"] += bits >= 128
    return result


def _bits(suffix: str) -> int:
    """Width of a memory instruction from the end of its name: dwordx4 and b128 are 128, ushort and u16 are 16.

    What stands before it is how the data goes: ``tr_b128`` through a transpose, ``async_to_lds_b128`` past registers.
    """
    for name, bits in _WIDTH.items():
        if suffix == name or suffix.startswith(f"{name}_") or suffix.endswith(f"_{name}"):
            return bits
    return 8 if "byte" in suffix or "8" in suffix else 16


def metrics(text: str, num_warps: int, shared: int, target: Target) -> dict[str, Any]:
    """All exact metrics of one kernel. ``shared`` is the LDS in bytes that the launch asks for (Triton's metadata)."""
    limits = target.limits
    assert isinstance(limits, HipLimits)
    figures = fields(text)
    return {
        **figures,
        "lds_bytes": shared,
        "threads": num_warps * target.warp_size,
        "waves_per_simd": hip_waves_per_simd(limits, figures["vgprs"], figures["sgprs"], num_warps, shared),
        **count(text),
    }
