"""The compile options of every released Triton: what a launch may pass besides the kernel's own parameters.

Read off the released wheels of the table; a test compares it with the linter's survey of them.
"""

from __future__ import annotations

import difflib
from typing import Any

# Compile options: the fields of CUDAOptions and HIPOptions, with the first and the last release that has each.
COMPILE_OPTIONS = {
    "allow_flush_denorm": ("3.0.0", "3.9.0"),
    "allow_fp8e4b15": ("3.0.0", "3.1.0"),
    "allow_fp8e4nv": ("2.3.1", "3.1.0"),
    "allowed_dot_input_precisions": ("3.0.0", "3.9.0"),
    "arch": ("3.0.0", "3.9.0"),
    "backend_name": ("3.0.0", "3.9.0"),
    "clc": ("3.9.0", "3.9.0"),
    "cluster_dims": ("2.3.1", "3.5.1"),
    "debug": ("2.3.1", "3.9.0"),
    "default_dot_input_precision": ("3.0.0", "3.9.0"),
    "deprecated_fp8_dot_operand_dtypes": ("3.4.0", "3.9.0"),
    "deprecated_fp8_dtypes": ("3.2.0", "3.3.1"),
    "enable_fp_fusion": ("2.3.1", "3.9.0"),
    "enable_persistent": ("2.3.1", "2.3.1"),
    "enable_reflect_ftz": ("3.6.0", "3.9.0"),
    "enable_warp_specialization": ("2.3.1", "2.3.1"),
    "extern_libs": ("2.3.1", "3.9.0"),
    "fpsan_homomorphic_casts": ("3.9.0", "3.9.0"),
    "instruction_sched_variant": ("3.2.0", "3.3.1"),
    "instrumentation_mode": ("3.5.1", "3.9.0"),
    "ir_override": ("3.4.0", "3.9.0"),
    "kpack": ("3.0.0", "3.9.0"),
    "launch_cooperative_grid": ("3.3.1", "3.9.0"),
    "launch_pdl": ("3.4.0", "3.9.0"),
    "llvm_fn_attrs": ("3.8.0", "3.9.0"),
    "matrix_instr_nonkdim": ("3.0.0", "3.9.0"),
    "max_num_imprecise_acc_default": ("2.3.1", "3.9.0"),
    "maxnreg": ("3.0.0", "3.9.0"),
    "min_shared_mem": ("3.9.0", "3.9.0"),
    "num_buffers_warp_spec": ("3.2.0", "3.3.1"),
    "num_consumer_groups": ("3.2.0", "3.3.1"),
    "num_ctas": ("2.3.1", "3.9.0"),
    "num_stages": ("2.3.1", "3.9.0"),
    "num_warps": ("2.3.1", "3.9.0"),
    "optimize_epilogue": ("2.3.1", "2.3.1"),
    "ptx_options": ("3.4.0", "3.9.0"),
    "ptx_version": ("2.3.1", "3.9.0"),
    "reg_dec_producer": ("3.2.0", "3.3.1"),
    "reg_inc_consumer": ("3.2.0", "3.3.1"),
    "sanitize_overflow": ("3.2.0", "3.9.0"),
    "sched4reg": ("3.9.0", "3.9.0"),
    "schedule_hint": ("3.4.0", "3.9.0"),
    "supported_fp8_dtypes": ("3.2.0", "3.9.0"),
    "warp_size": ("3.5.1", "3.9.0"),
    "waves_per_eu": ("3.0.0", "3.9.0"),
    "wgp_cu_mode": ("3.9.0", "3.9.0"),
}

_TEXTS = {"arch", "backend_name", "default_dot_input_precision", "instruction_sched_variant", "instrumentation_mode"}
_TEXTS |= {"ir_override", "ptx_options", "schedule_hint"}


def check(name: str, value: Any, where: str) -> None:
    """Refuse an option that no release has, and a value that none can take.

    Args:
        where: what the options are to a reader, such as ``options``.

    Raises:
        ValueError: one sentence with the nearest name, or what is allowed.
    """
    if name not in COMPILE_OPTIONS:
        near = difflib.get_close_matches(name, COMPILE_OPTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(COMPILE_OPTIONS)}"
        raise ValueError(f"{where} has {name!r}, which no Triton release knows; {hint}")
    if name == "num_warps":
        if not _is_count(value, 1) or value & (value - 1):
            raise ValueError(f"{where}.num_warps is {value!r}; allowed is a power of two")
    elif name in ("num_stages", "num_ctas", "maxnreg"):
        least = 0 if name == "num_stages" else 1
        if not _is_count(value, least):
            raise ValueError(f"{where}.{name} is {value!r}; allowed is a whole number from {least} on")
    elif name in _TEXTS:
        if not isinstance(value, str):
            raise ValueError(f"{where}.{name} is {value!r}; allowed is a text")
    elif not isinstance(value, (bool, int, float, str, list, dict)):
        raise ValueError(f"{where}.{name} is {value!r}; allowed is a number, a truth value or a text")


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
