"""What a result is of: a cell of the table, the Triton that was there, or another package under our suites."""

from __future__ import annotations

from dataclasses import dataclass

AMBIENT = "ambient"


@dataclass(frozen=True)
class Column:
    """What a result is of. As text: ``triton3x``, ``ambient-3.6.0``, ``triton231@liger_kernel-0.5.10``.

    Attributes:
        cell: a row of the table.
        triton: of the cell ``ambient``, whose results stand apart by the Triton that was there; else "".
        subject: the package and version that is under our suites in place of the table's own; "" for the own.
    """

    cell: str
    triton: str = ""
    subject: str = ""

    def __str__(self) -> str:
        return self.cell + (f"-{self.triton}" if self.triton else "") + (f"@{self.subject}" if self.subject else "")

    def __lt__(self, other: Column) -> bool:
        return str(self) < str(other)

    def of(self, cell: Column) -> bool:
        """Whether what is asked of ``cell`` is asked of this: ``ambient`` is each of its Tritons, and no subject's."""
        return self == cell or (not self.subject and Column(self.cell) == cell)

    def session(self) -> str:
        """The command that runs the cell's suites; what the running Python has is taken as it is."""
        options = "--no-venv --no-install " if self.cell == AMBIENT else ""
        return f"nox {options}-s tests-{self.cell}"


NONE = Column("")  # of what is of no cell: the atlas, the values


def parse(name: str, triton: str = "") -> Column:
    """The column that a file of the evidence, or an option, names.

    Args:
        triton: what was there, as the file says; it tells results of the cell ``ambient`` apart.
    """
    cell, _, subject = name.partition("@")
    if cell.startswith(f"{AMBIENT}-"):
        return Column(AMBIENT, cell[len(AMBIENT) + 1 :], subject)
    return Column(cell, triton if cell == AMBIENT and not subject else "", subject)
