"""A finding, and findings grouped by cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One line that breaks a rule.

    Attributes:
        cause: what it is, alike for all findings that one change of habit would mend: ``tl.rsqrt``.
        kernel: the kernel that it is about; empty where there is none.
        sentence: on which releases it fails, and what to write instead; alike for all of a cause.
    """

    path: str
    line: int
    rule: str
    cause: str
    kernel: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.cause}: {self.sentence}"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same while lines move: path, rule, cause, kernel."""
        return (self.path, self.rule, self.cause, self.kernel)


def grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings by rule and cause: the rules by name, within one the most frequent cause first."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings):
        groups.setdefault((finding.rule, finding.cause), []).append(finding)
    return sorted(groups.values(), key=lambda group: (group[0].rule, -len(group), group[0].cause))
