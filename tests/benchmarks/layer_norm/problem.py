"""The tensors of a row, the same for every implementation, and torch's results on them."""

from __future__ import annotations

from typing import Any

from . import peers
from .rows import Row


class Problem:
    """The tensors of all rows with one shape and dtype, the same for every implementation, and torch's results."""

    def __init__(self, row: Row, device: str, reference: peers.Implementation) -> None:
        import torch

        self.shape_id = row.shape_id
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[row.dtype]
        torch.manual_seed(row.n_cols)

        def normal(*shape: int) -> Any:
            return torch.randn(*shape, dtype=dtype, device=device)

        self.x = normal(row.n_rows, row.n_cols).requires_grad_()
        self.w = normal(row.n_cols).requires_grad_()
        self.b = normal(row.n_cols).requires_grad_()
        self.dy = normal(row.n_rows, row.n_cols)
        self._reference = reference
        self._expected: dict[str, tuple[Any, ...]] = {}

    def bind(self, implementation: peers.Implementation, direction: str) -> Any:
        """``peers.bind`` on these tensors."""
        return peers.bind(implementation, direction, self.x, self.w, self.b, self.dy)

    def difference_from_torch(self, implementation: peers.Implementation, direction: str) -> float:
        """The largest ||out - torch|| / ||torch|| of the direction's results: y, or dx, dw and db."""
        direction = "forward" if direction == "forward" else "backward"
        if direction not in self._expected:
            self._expected[direction] = self._results(self._reference, direction)
        found = self._results(implementation, direction)
        return max(_distance(ours, theirs) for ours, theirs in zip(found, self._expected[direction]))

    def _results(self, implementation: peers.Implementation, direction: str) -> tuple[Any, ...]:
        out = self.bind(implementation, direction)()
        return tuple(t.detach() for t in (out if isinstance(out, (tuple, list)) else (out,)))


def _distance(found: Any, expected: Any) -> float:
    expected = expected.float()
    return float((found.float() - expected).norm() / expected.norm())
