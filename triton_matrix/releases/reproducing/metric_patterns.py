"""How a file without this project reads a metric: where it stands, and the pattern that gives or counts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

_AT = r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?\w+\s+)?"  # an instruction's place in a listing of cuobjdump, and its predicate
_CUDA = {
    "registers": ("ptxas", r"Used (\d+) registers"),
    "spill_stores": ("ptxas", r"(\d+) bytes spill stores"),
    "spill_loads": ("ptxas", r"(\d+) bytes spill loads"),
    "stack_bytes": ("ptxas", r"(\d+) bytes stack frame"),
    "shared_bytes": ("shared", r"shared (\d+)"),
    "local_stores": ("sass", _AT + r"STL\b"),
    "local_loads": ("sass", _AT + r"LDL\b"),
    "global_loads": ("sass", _AT + r"LDG(?:STS)?\b"),
    "global_loads_128": ("sass", _AT + r"LDG(?:STS)?\S*\.(?:128|256)\b"),
    "global_stores": ("sass", _AT + r"STG\b"),
    "global_stores_128": ("sass", _AT + r"STG\S*\.(?:128|256)\b"),
    "fp64_instructions": ("sass", _AT + r"(?:D(?:ADD|MUL|FMA|SETP|MNMX|MMA)\b|\S*\.(?:F64\b|\w*64H\b))"),
    "barriers": ("sass", _AT + r"BAR\b"),
    "instructions": ("sass", _AT + r"(?!NOP\b)[A-Z]"),
}
_LINE = r"^\s*"
_HIP = {
    "vgprs": ("amdgcn", r"\.vgpr_count:\s+(\d+)"),
    "sgprs": ("amdgcn", r"\.sgpr_count:\s+(\d+)"),
    "vgpr_spills": ("amdgcn", r"\.vgpr_spill_count:\s+(\d+)"),
    "sgpr_spills": ("amdgcn", r"\.sgpr_spill_count:\s+(\d+)"),
    "scratch_bytes": ("amdgcn", r"\.private_segment_fixed_size:\s+(\d+)"),
    "lds_bytes": ("shared", r"shared (\d+)"),
    "waves_per_simd": ("amdgcn", r"^; Occupancy: (\d+)"),
    "global_loads": ("amdgcn", _LINE + r"(?:global|buffer)_load_"),
    "global_loads_128": ("amdgcn", _LINE + r"(?:global|buffer)_load_(?:dwordx4|b128)"),
    "global_stores": ("amdgcn", _LINE + r"(?:global|buffer)_store_"),
    "global_stores_128": ("amdgcn", _LINE + r"(?:global|buffer)_store_(?:dwordx4|b128)"),
    "barriers": ("amdgcn", _LINE + r"s_barrier"),
}
_ALWAYS = {"cuda": ("registers", "spill_stores", "shared_bytes"), "hip": ("vgprs", "vgpr_spills", "lds_bytes")}
_STANDS_FOR = {"occupancy_warps": ("registers", "shared_bytes"), "occupancy_blocks": ("registers", "shared_bytes")}


def readable(metric: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Optional[str]:
    """The metric that a file shows for ``metric``: itself, or what it follows from and differs; None where none is."""
    known = {**_CUDA, **_HIP}
    candidates = (metric, *_STANDS_FOR.get(metric, ()))
    return next((name for name in candidates if name in known and before.get(name) != after.get(name)), None)


def of(metric: str, backend: str) -> dict[str, tuple[str, str]]:
    """The patterns of a metric and of those that are always shown."""
    rows = _CUDA if backend == "cuda" else _HIP
    return {name: rows[name] for name in dict.fromkeys((*_ALWAYS[backend], metric)) if name in rows}
