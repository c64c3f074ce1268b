"""A compiler that crashes, told from one that refuses a kernel: what its last words say, and which pass they name.

A refusal is an exception with a reason about the kernel. A crash is the compiler's own fault: a signal, a failed
assertion, an instruction that LLVM cannot select, ptxas ended by a signal.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Optional

# The line that says what went wrong, most telling first.
_SAID = (
    re.compile(r"Assertion [`'].*", re.MULTILINE),
    re.compile(r"LLVM ERROR: .*", re.MULTILINE),
    re.compile(r"fatal error: .*", re.MULTILINE),
    re.compile(r"UNREACHABLE executed.*", re.MULTILINE),
)
_PTXAS_SIGNAL = re.compile(r"`ptxas` (?:raised (SIG\w+)|failed with error code (-\d+|1[345]\d))")
FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")  # no compiler sends these to itself
MEMORY = "Linux does so where memory runs out: try with fewer --jobs"
_UNREAD = re.compile(r"\berror: (?!Failures have been detected)(.*)")
# LLVM numbers the passes that were running, outermost first; MLIR names the one that failed.
_PASSES = (
    re.compile(r"Pipeline failed while executing \[`?([\w.:-]+)"),
    re.compile(r"^\s*\d+\.\s+Running pass ['\"](.+?)['\"] on (?:basic block|function|loop|module)", re.MULTILINE),
)


@dataclass(frozen=True)
class Crash:
    """How the compiler ended ("SIGABRT", "assertion", ...), in which pass ("" where nothing says), and what it said."""

    how: str
    in_pass: str
    said: str

    def __str__(self) -> str:
        where = f" in the pass {self.in_pass}" if self.in_pass else ""
        return f"the compiler crashed with {self.how}{where}{f': {self.said}' if self.said else ''}"


def from_outside(how: str) -> str:
    """The sentence of a process that another ended, which says nothing of a kernel; "" where ``how`` is its own end."""
    return f"was not compiled: {how} ended the compiler from outside; {MEMORY}" if how in FROM_OUTSIDE else ""


def of_process(how: str, log: str) -> Crash:
    """The crash of a process that ended with ``how`` (a signal's name, "exit status 1"); ``log`` is what it printed."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    said = next((found.group().strip() for pattern in _SAID if (found := pattern.search(log))), "")
    return Crash(how, pass_of(log), (said or (lines[-1] if lines else ""))[:300])


def of_exception(text: str) -> Optional[Crash]:
    """The crash that an exception's text tells of, or None for a refusal."""
    ptxas = _PTXAS_SIGNAL.search(text)
    if ptxas:
        return Crash(ptxas.group(1) or _signal(int(ptxas.group(2))), "ptxas", "")
    for pattern in _SAID:
        found = pattern.search(text)
        if found:
            how = "an assertion" if "Assertion" in found.group() else "an LLVM error"
            return Crash(how, pass_of(text), found.group().strip()[:300])
    return None


def _signal(status: int) -> str:
    """The signal that ended a process, from its status as Python (-9) or a shell (137) has it."""
    try:
        return signal.Signals(-status if status < 0 else status - 128).name
    except ValueError:
        return f"exit status {status}"


def remark(reason: str, log: str) -> str:
    """What a compiler printed and did not put into its exception: the pass that failed, or why it cannot read an IR."""
    failing = pass_of(log)
    if failing and "in the pass" not in reason:
        return f" (in the pass {failing})"
    unread = _UNREAD.search(log)
    silent = "Parse MLIR" in reason or "PassManager::run failed" in reason  # the reason itself says nothing
    return f" ({unread.group(1).strip()[:200]})" if unread and silent else ""


def pass_of(log: str) -> str:
    """The innermost pass that a log says was running, or ""."""
    for pattern in _PASSES:
        found = pattern.findall(log)
        if found:
            return str(found[-1])
    return "instruction selection" if "LLVM ERROR: Cannot select" in log else ""
