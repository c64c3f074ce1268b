"""The element types by their three names: in a launch file, in ``triton.language``, and in torch."""

from __future__ import annotations

# (launch file, triton.language, torch; "" where torch has none)
_ROWS = (
    ("i1", "int1", "bool"),
    *((f"i{bits}", f"int{bits}", f"int{bits}") for bits in (8, 16, 32, 64)),
    *((f"u{bits}", f"uint{bits}", f"uint{bits}") for bits in (8, 16, 32, 64)),
    ("fp16", "float16", "float16"),
    ("bf16", "bfloat16", "bfloat16"),
    ("fp32", "float32", "float32"),
    ("fp64", "float64", "float64"),
    ("fp8e4nv", "float8e4nv", "float8_e4m3fn"),
    ("fp8e5", "float8e5", "float8_e5m2"),
    ("fp8e4b15", "float8e4b15", ""),
    ("fp8e4b8", "float8e4b8", "float8_e4m3fnuz"),
    ("fp8e5b16", "float8e5b16", "float8_e5m2fnuz"),
)
NAMES = tuple(name for name, _, _ in _ROWS)
SCALARS = tuple(name for name in NAMES if not name.startswith("fp8"))
LANGUAGE = {name: language for name, language, _ in _ROWS}
TORCH = {name: torch for name, _, torch in _ROWS if torch}
OF_LANGUAGE = {language: name for name, language in LANGUAGE.items()}
OF_TORCH = {torch: name for name, torch in TORCH.items()}
