"""LayerNorm kernels in Triton, and the matrix that proves them on every Triton their users run.

Importing this package is instant: neither torch nor triton is imported until a name that needs one is used.
"""

__version__ = "0.1.0"
