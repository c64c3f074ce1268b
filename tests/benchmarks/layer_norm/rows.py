"""The table of rows: which shapes, dtypes and directions are timed, and how many bytes each must move."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

DIRECTIONS = ("forward", "backward", "forward+backward")
ELEMENT_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
# powers of two, and lengths between them that models have
N_COLS = (512, 768, 1024, 1536, 2048, 2560, 3072, 4096, 5120, 6144, 7168, 8192, 12288, 16384, 32768, 65536, 131072)
N_ELEMENTS = 2**27  # of X, for every dtype: 256 MiB in 16 bits and 512 MiB in fp32, far beyond any L2
SMALL_SHAPES = ((128, 768), (4096, 1024), (2048, 4096))
QUICK_N_COLS = (1024, 4096, 6144, 16384, 65536)
ODD_N_COLS = (1009, 2999, 5003, 11213, 50257, 100003, 2**17 - 1)
TINY_SHAPES = ((8, 64), (4, 200))  # for the interpreter, which proves that the rows run and times nothing


@dataclass(frozen=True)
class Row:
    """One thing to time.

    Attributes:
        kind: ``large`` (at the memory limit), ``small`` (bound by the host; its host time is a figure too), ``sweep``
            or ``tiny``.
        direction: ``forward``, ``backward`` or ``forward+backward``.
        dtype: of X, W, B and their gradients: ``bf16``, ``fp16`` or ``fp32``.
        n_rows, n_cols: X has shape (n_rows, n_cols) and is normalised over its last dimension.
    """

    kind: str
    direction: str
    dtype: str
    n_rows: int
    n_cols: int

    @property
    def shape_id(self) -> str:
        """What rows on the same tensors share, e.g. ``large-bf16-32768x4096``."""
        return f"{self.kind}-{self.dtype}-{self.n_rows}x{self.n_cols}"

    @property
    def id(self) -> str:
        """e.g. ``large-bf16-32768x4096-forward``."""
        return f"{self.shape_id}-{self.direction}"

    @property
    def bytes(self) -> int:
        """The fewest bytes that go through device memory: each input read once, each output written once.

        With M rows, N columns and s bytes an element. Forward: X, Y, W and B, and the mean and 1/std of each row in
        fp32 (2MNs + 8M + 2Ns). Backward: X, dY, dX, W, dW, dB, and the two statistics (3MNs + 8M + 3Ns).
        """
        m, n, s = self.n_rows, self.n_cols, ELEMENT_BYTES[self.dtype]
        forward = 2 * m * n * s + 8 * m + 2 * n * s
        backward = 3 * m * n * s + 8 * m + 3 * n * s
        return {"forward": forward, "backward": backward, "forward+backward": forward + backward}[self.direction]


def full(n_elements: int = N_ELEMENTS) -> tuple[Row, ...]:
    """Every row of the table, rows on the same tensors side by side; the small ones first, so that no limit on the
    time that peers may take cuts them off.

    Args:
        n_elements: elements of X in a large row; rounded down to whole rows.
    """
    return (*_small(SMALL_SHAPES), *_large(tuple(ELEMENT_BYTES), N_COLS, DIRECTIONS, n_elements))


def quick(n_elements: int = N_ELEMENTS) -> tuple[Row, ...]:
    """A subset that answers in under a minute: bf16, forward and backward, a handful of sizes."""
    return (*_small(SMALL_SHAPES[1:2]), *_large(("bf16",), QUICK_N_COLS, DIRECTIONS[:2], n_elements))


def sweep(n_elements: int = N_ELEMENTS) -> tuple[Row, ...]:
    """A fine sweep of N, odd sizes too, in bf16 and fp32: where it drops from one N to the next, there is a cliff."""
    return _large(("bf16", "fp32"), sweep_n_cols(), DIRECTIONS[:2], n_elements, kind="sweep")


def tiny() -> tuple[Row, ...]:
    """Rows that Triton's interpreter gets through."""
    return tuple(Row("tiny", direction, "fp32", *shape) for shape in TINY_SHAPES for direction in DIRECTIONS)


def sweep_n_cols() -> tuple[int, ...]:
    """N from 512 to 131072: eight steps an octave, the odd neighbours of 2^k and 3 * 2^k, and some primes."""
    steps = [base + base // 8 * step for base in (2**power for power in range(9, 17)) for step in range(8)]
    odd = [n + offset for n in steps if n & (n - 1) == 0 or (n // 3) & (n // 3 - 1) == 0 for offset in (-1, 1)]
    return tuple(sorted({n for n in [*steps, *odd, *ODD_N_COLS, 2**17] if 512 <= n <= 2**17}))


def matching(ids: Sequence[str], pattern: Optional[str], argument: str = "rows") -> list[str]:
    """The ids that contain a match of the regular expression ``pattern``; all of them where it is None.

    Raises:
        ValueError: it is none; names the argument.
    """
    if pattern is None:
        return list(ids)
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{argument} is {pattern!r}, which is no regular expression: {error}") from None
    return [name for name in ids if expression.search(name)]


def with_peers(table: Sequence[Row], pattern: Optional[str]) -> set[str]:
    """The ids of the rows to time every peer on: those that match, and the small ones, which cost little."""
    return {
        *matching([row.id for row in table], pattern, "peer-rows"),
        *(row.id for row in table if row.kind == "small"),
    }


def fitting(memory_bytes: int) -> int:
    """Elements of a large X that a GPU with this much free memory can hold: N_ELEMENTS, halved as often as needed.

    A row keeps X, dY and one set of results and gradients per implementation at a time: ten fp32 tensors at most.
    """
    n_elements = N_ELEMENTS
    while n_elements * ELEMENT_BYTES["fp32"] * 10 > memory_bytes and n_elements > 2**20:
        n_elements //= 2
    return n_elements


def _large(
    dtypes: Sequence[str], n_cols: Sequence[int], directions: Sequence[str], n_elements: int, kind: str = "large"
) -> tuple[Row, ...]:
    return tuple(
        Row(kind, direction, dtype, n_elements // n, n) for dtype in dtypes for n in n_cols for direction in directions
    )


def _small(shapes: Sequence[tuple[int, int]]) -> tuple[Row, ...]:
    return tuple(Row("small", direction, "bf16", *shape) for shape in shapes for direction in DIRECTIONS)
