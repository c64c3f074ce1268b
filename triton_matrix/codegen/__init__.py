"""The codegen atlas: what each Triton release makes of a kernel on each target, with no GPU, driver or torch.

The public call is :func:`compile_kernel`; ``python -m triton_matrix codegen`` is the command; docs/codegen.md
tells more. Importing this package imports neither torch nor triton.
"""

from __future__ import annotations

from .compile import Result, compile_kernel

__all__ = ["Result", "compile_kernel"]
