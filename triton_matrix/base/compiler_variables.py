"""Environment variables that change what a Triton compiles: a shell may hold some, and evidence must not hide it.

Read off the released wheels of the table (``TRITON_``, ``AMDGCN_``, ... in ``triton/knobs.py`` and ``libtriton.so``).
"""

from __future__ import annotations

from collections.abc import Mapping

from . import env_vars

PREFIXES = ("TRITON_", "AMDGCN_", "NVPTX_", "MLIR_", "LLVM_", "PTXAS_")
NAMES = (
    "ALLOW_LHS_TMEM_LAYOUT_CONVERSION",
    "DISABLE_FAST_REDUCTION",
    "DISABLE_LLVM_OPT",
    "DISABLE_MMA_V3",
    "DISABLE_MMA_V5",
    "DISABLE_PTXAS_OPT",
    "ENABLE_LHS_TO_TMEM",
    "ENABLE_TMA",
    "PYTHONOPTIMIZE",  # the assertions of a kernel's module
    "STORE_TMEM_TO_GLOBAL_BYPASS_SMEM",
    "USE_IR_LOC",
)
# where Triton keeps files, and this harness's own
_OTHER = ("TRITON_CACHE_DIR", "TRITON_HOME", "TRITON_DUMP_DIR", "TRITON_MATRIX_")

# what runs then is not what this Triton makes of the kernels: code of a folder, another GPU's, a plugin's
_REPLACING = (
    "LLVM_PASS_PLUGIN_PATH",
    "TRITON_KERNEL_OVERRIDE",
    "TRITON_OVERRIDE_ARCH",
    "TRITON_PLUGIN_PATHS",
    "TRITON_SWAP_MIR",
)
_OFF = ("", "0", "false", "off", "n", "no")
# which GPU is found, and what it is taken for
_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION", "ROCR_VISIBLE_DEVICES")


def replacing(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that put other compiled code in the place of what this Triton makes of a kernel."""
    return {name: environ[name] for name in _REPLACING if environ.get(name, "").lower() not in _OFF}


def of_run(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that are set, and those that choose the GPU: what a run says of its shell."""
    return {**of_shell(environ), **{name: environ[name] for name in _DEVICES if name in environ}}


def of_shell(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that are set, sorted by name, but not the one of level interpreter. An empty one is not set to Triton."""
    names = [name for name in sorted(environ) if environ[name] and _is_one(name)]
    return {name: environ[name] for name in names if name != env_vars.INTERPRET}


def without(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without them: a Triton as it comes."""
    return {name: value for name, value in environ.items() if not _is_one(name)}


def is_switch(name: str) -> bool:
    """Whether a variant of the table may set it: Triton reads it when it compiles, and compiles the kernels itself."""
    return _is_one(name) and name not in (*_REPLACING, env_vars.INTERPRET, "PYTHONOPTIMIZE")


def shown(variables: Mapping[str, str]) -> str:
    """``DISABLE_LLVM_OPT=1, TRITON_PTXAS_PATH=/opt/ptxas``."""
    return ", ".join(f"{name}={value}" for name, value in variables.items())


def left_out(environ: Mapping[str, str]) -> str:
    """The sentence that says what :func:`without` leaves out; "" where that is nothing."""
    names = ", ".join(of_shell(environ))
    return f"not passed on, so that each Triton compiles as it comes: {names}" if names else ""


def _is_one(name: str) -> bool:
    return (name.startswith(PREFIXES) or name in NAMES) and not name.startswith(_OTHER)
