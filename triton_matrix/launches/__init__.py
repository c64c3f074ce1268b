"""What a launch is: one call of a kernel. Its file, how it is captured, and how its kernel is found and loaded.

docs/launches.md tells more. Importing this package imports neither torch nor triton.
"""

from __future__ import annotations

from .configuration import Configuration

__all__ = ["Configuration"]
