"""Why something did not compile, in one sentence: a compiler that crashed is told from one that refuses the kernel.

A refusal is about the kernel. A crash is the compiler's own fault: a signal, a failed assertion, an instruction that
LLVM cannot select; also where Triton catches it and raises an exception. What a full disk or another process ended says
nothing of the kernel.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, replace

from ..launches import places
from . import diagnostics, ptxas
from .diagnostics import CRASH, OUTSIDE, REFUSAL, Said

_TOOL_ENDED = re.compile(r"`(ptxas\S*?)` (?:raised (SIG\w+)|failed with error code (-\d+|1[345]\d))")
FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")  # no compiler sends these to itself
MEMORY = "Linux does so where memory runs out: try with fewer --jobs"


@dataclass(frozen=True)
class Failure:
    """Why there is no code: CRASH, REFUSAL or OUTSIDE, and the sentence after "does not compile: "."""

    kind: str
    sentence: str

    @property
    def reason(self) -> str:
        return f"was not compiled: {self.sentence}" if self.kind == OUTSIDE else f"does not compile: {self.sentence}"


def from_outside(how: str) -> str:
    """The sentence of a process that another ended, which says nothing of a kernel; "" where ``how`` is its own end."""
    return f"{how} ended the compiler from outside; {MEMORY}" if how in FROM_OUTSIDE else ""


def of_process(how: str, printed: str) -> Failure:
    """Why a process died that compiled.

    Args:
        how: a signal's name, or "exit status 1", which is how LLVM refuses a kernel in some releases.
        printed: on its error stream.
    """
    if from_outside(how):
        return Failure(OUTSIDE, from_outside(how))
    said = diagnostics.read(printed)
    if said and (said.kind != REFUSAL or not how.startswith("SIG")):
        return _of_said(said, printed)
    words = f"{said.text}{_at(said)}" if said else diagnostics.last_line(printed)
    return Failure(CRASH, _crashed(how, printed, words))


def of_exception(cause: str, text: str, printed: str = "", ptx: str = "") -> Failure:
    """Why a compilation raised, of which the exception names no line of the kernel.

    Args:
        cause: the exception's own sentence, which stands where nothing says more.
        text: all of the exception, and what ptxas said.
        printed: by the compiler before, on the error stream.
        ptx: what ptxas was given.
    """
    ended = _TOOL_ENDED.search(text)
    if ended:
        how = ended[2] or _signal(int(ended[3]))
        outside = from_outside(how)
        if outside:
            return Failure(OUTSIDE, outside)
        return Failure(CRASH, f"the compiler crashed with {how} in {ended[1]}")
    said = diagnostics.read(text) or diagnostics.read(printed)
    if said is None:
        return Failure(REFUSAL, cause + _in_pass(printed))
    if said.kind == REFUSAL and not said.of_tool:
        return Failure(REFUSAL, f"{cause}{_in_pass(printed)}: {said.text}{_at(said)}")
    return _of_said(replace(said, calls=ptxas.calls(ptx, said.ptx_line)) if said.ptx_line else said, printed)


def _of_said(said: Said, printed: str) -> Failure:
    if said.kind == OUTSIDE:
        return Failure(OUTSIDE, f"{said.what}: {said.text}")
    if said.kind == REFUSAL:
        return Failure(REFUSAL, f"{said.text}{_at(said)}")
    placed = diagnostics.placed(printed)
    beside = f"; {placed.text}{_at(placed)}" if placed else ""
    return Failure(CRASH, f"{_crashed(said.what, printed, said.text)}{beside}")


def _crashed(how: str, printed: str, said: str) -> str:
    return f"the compiler crashed with {how}{_in_pass(printed)}{f': {said}' if said else ''}"


def _in_pass(printed: str) -> str:
    name = diagnostics.pass_of(printed)
    return f" in the pass {name}" if name else ""


def _at(said: Said) -> str:
    return f", at {places.chain(said.calls)}" if said.calls else ""


def _signal(status: int) -> str:
    """The signal that ended a process, from its status as Python (-9) or a shell (137) has it."""
    try:
        return signal.Signals(-status if status < 0 else status - 128).name
    except ValueError:
        return f"exit status {status}"
