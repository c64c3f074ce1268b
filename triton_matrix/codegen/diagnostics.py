"""What compilers print, read by one table: of what kind it is, in their own words, and to which lines it points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from ..launches.places import Place

CRASH, REFUSAL, OUTSIDE = "crash", "refusal", "outside"
LONGEST = 300  # characters of what a compiler said


@dataclass(frozen=True)
class Pattern:
    """One way in which a compiler says what is wrong.

    Attributes:
        kind: CRASH (its own fault), REFUSAL (about the kernel) or OUTSIDE (about the machine, not the kernel).
        what: how a sentence calls it, "" for a refusal.
        words: what to look for. The group ``said`` is quoted; ``file``, ``line`` and ``function`` are of the compiler's
            own sources, and named before it.
    """

    kind: str
    what: str
    words: re.Pattern[str]


def _row(kind: str, what: str, words: str) -> Pattern:
    return Pattern(kind, what, re.compile(words, re.MULTILINE))


_OWN = r"(?P<file>[^\s:]+):(?P<line>\d+)"  # a place in the compiler's sources
# The most telling first: one line of these decides, and only diagnostics with a place stand beside it.
PATTERNS = (
    _row(OUTSIDE, "no memory was left", r"^(?P<said>LLVM ERROR: out of memory.*|.*std::bad_alloc.*)"),
    _row(OUTSIDE, "no memory was left", r"(?P<said>ptxas\S* fatal *: Memory allocation failure.*)"),
    _row(OUTSIDE, "no memory was left", r"^(?P<said>MemoryError\b.*)"),
    _row(OUTSIDE, "the disk is full", r"^(?P<said>.*No space left on device.*)"),
    _row(CRASH, "a failed assertion", rf"{_OWN}: (?P<function>.+): (?P<said>Assertion [`'].*' failed)"),
    _row(CRASH, "a failed assertion", r"(?P<said>Assertion failed: .*)"),
    _row(CRASH, "unreachable code", rf"(?:^(?P<before>.*)\n)?(?P<said>UNREACHABLE executed) at {_OWN}"),
    _row(CRASH, "an LLVM error", r"(?P<said>LLVM ERROR: .*)"),
    _row(CRASH, "a fatal error", r"(?P<said>fatal error: .*)"),
    _row(CRASH, "an uncaught exception", r"(?P<said>terminate called after throwing .*(?:\n *what\(\): .*)?)"),
    _row(REFUSAL, "", r"(?P<tool>ptxas\S*) \S+, line (?P<at>\d+); (?:error|fatal) *: (?P<said>.*)"),
    _row(REFUSAL, "", r"(?P<tool>ptxas\S*) fatal *: (?P<said>(?!Ptx assembly aborted).*)"),
    _row(REFUSAL, "", r"^error: (?P<said>.*)"),
)
# MLIR's own, which names places: of releases before 3.3 as a location, since then as compilers do
_PLACED = re.compile(
    r"^(?:loc\((?P<loc>.*)\)|(?P<path>[^\s:][^:\n]*):(?P<line>\d+)(?::(?P<column>\d+))?): error: (?P<said>.*)"
)
_CALLED = re.compile(r"^([^\s:][^:\n]*):(\d+):(\d+): note: called from")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{5,}(?:: )?")
_FOLDERS = re.compile(r"(?<![\w./])/(?:[^\s/'\"]+/)+")
_IN_LOC = re.compile(r'"([^"]+)":(\d+):(\d+)')
_SAYS_NOTHING = "Failures have been detected while processing an MLIR pass pipeline"
_FUNCTION = re.compile(r"([\w~]+)\((?!auto\))")  # of a C++ signature
# LLVM numbers the passes that were running, outermost first, and so does MLIR those of which the last failed.
_RUNNING = re.compile(r"^\s*\d+\.\s+Running pass ['\"](.+?)['\"] on (?:basic block|function|loop|module)", re.MULTILINE)
_FAILED = re.compile(r"Pipeline failed while executing \[(.*)")
_NAMED = re.compile(r"`([\w.:-]+)` on ")


@dataclass(frozen=True)
class Said:
    """What a compiler said.

    Attributes:
        kind, what: of the pattern; a diagnostic with a place is a REFUSAL.
        text: its words, no longer than LONGEST.
        calls: the lines that it points to, the kernel's first; empty where it names none.
        of_tool: ptxas says it.
        ptx_line: the line of the PTX text that it is about, or 0.
    """

    kind: str
    what: str
    text: str
    calls: tuple[Place, ...] = ()
    of_tool: bool = False
    ptx_line: int = 0


def read(text: str) -> Optional[Said]:
    """The most telling thing in what was printed, or None where nothing of it is known."""
    return next(filter(None, (_matched(row, text) for row in PATTERNS)), None) or placed(text)


def placed(text: str) -> Optional[Said]:
    """The first diagnostic of MLIR's that says something, with the lines that it points to."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = _PLACED.match(line)
        if match and match["said"] != _SAYS_NOTHING:
            calls = tuple(_calls(match, lines[number + 1 :]))
            return Said(REFUSAL, "", _short(match["said"]), calls[::-1])
    return None


def printed_errors(text: str) -> list[str]:
    """Errors of LLVM's that end nothing in some releases: the code that is left is not what was asked for."""
    return list(dict.fromkeys(re.findall(r"^error: (.*\S)", text, re.MULTILINE)))


def warnings(text: str) -> tuple[str, ...]:
    """What MLIR and LLVM warn of, each once."""
    texts = re.findall(r"^(?:[^\s:][^:\n]*:\d+:\d+: |loc\(.*\): )?warning: (.*\S)", text, re.MULTILINE)
    return tuple(dict.fromkeys(_short(each) for each in texts))


def pass_of(text: str) -> str:
    """The innermost pass that was running, or ""."""
    failed = _FAILED.search(text)
    names = _NAMED.findall(failed[1]) if failed else _RUNNING.findall(text)
    return names[-1] if names else "instruction selection" if "LLVM ERROR: Cannot select" in text else ""


def alike(reason: str) -> str:
    """What two reasons must share to be the same one: compilers' own lines move from release to release."""
    without = re.sub(r"(\btriton/[\w/]+\.py|\.(?:cpp|cc|c|h|inc)):\d+(?::\d+)?", r"\1", reason)
    return re.sub(r"(\.py:\d+):\d+", r"\1", without)


def _matched(row: Pattern, text: str) -> Optional[Said]:
    match = row.words.search(text)
    if not match:
        return None
    groups = match.groupdict()
    said = _short(" ".join(filter(None, [groups.get("before"), groups["said"]])))
    if groups.get("tool"):
        said = f"ptxas: {said}"
    if groups.get("file"):
        function = _FUNCTION.search(groups.get("function") or "")
        where = [f"{groups['file'].rpartition('/')[2]}:{groups['line']}", *([function[1]] if function else [])]
        said = f"{': '.join(where)}: {said}"
    return Said(row.kind, row.what, said, of_tool=bool(groups.get("tool")), ptx_line=int(groups.get("at") or 0))


def _calls(match: re.Match[str], after: list[str]) -> Iterator[Place]:
    """The Python lines of a diagnostic, innermost first."""
    if match["loc"] is not None:
        places_of = [(path, int(line), int(column)) for path, line, column in _IN_LOC.findall(match["loc"])]
    else:
        places_of = [(match["path"], int(match["line"]), int(match["column"] or 0))]
        for line in after:
            called = _CALLED.match(line)
            if called:
                places_of.append((called[1], int(called[2]), int(called[3])))
            elif _PLACED.match(line) or line.startswith(("module", "LLVM ERROR")) or ": note: " in line:
                break
    yield from (Place(*each) for each in places_of if each[0].endswith(".py"))


def last_line(text: str) -> str:
    """The last line that was printed, frames of a stack left out; "" where nothing was."""
    lines = [line for line in text.splitlines() if line.strip() and not _ADDRESS.search(line)]
    return _short(lines[-1]) if lines else ""


def _short(text: str) -> str:
    """One line, no longer than LONGEST, without folders of files and addresses: those are of one machine and run."""
    plain = _ADDRESS.sub("", _FOLDERS.sub("", " ".join(text.split())))
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 3]}..."
