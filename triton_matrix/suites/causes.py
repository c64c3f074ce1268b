"""What broke: a cause for every failure, and one line for all failures with the same root.

The patterns are data: ``causes.toml`` beside this file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from ..base import files
from ..evidence.reading import Document, Failure, Suite, is_subject, session

Cause = Literal["environment", "launch", "compile", "numerics", "codegen", "speed", "harness"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
NO_ROW = "no row of causes.toml matches: add one when its cause is known"
TESTS_KEPT = 50  # test ids kept per group and cell; the count is always the full one
_K_NAME = re.compile(r"[\w:+.\[\]/-]+")  # what pytest's -k takes as one name
FUNCTIONS_NAMED = 4  # test functions named in a -k expression; more select too little to be worth reading

# What varies between two failures of one root: numbers, addresses, paths, reprs of long values
_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x…"),
    (re.compile(r"/[\w.+-]+(?:/[\w.+-]+){2,}"), "…"),
    # a version (3.3.1), a bit width (fp16) or a name (x2) is part of what failed; a free-standing number is not
    (re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])(?!\.\d)"), "#"),
    (re.compile(r"\s+"), " "),
)


_DTYPE = re.compile(r"(torch\.)?\b(bfloat16|float(16|32|64)|bf16|fp(16|32))\b")

_UNBOUND = re.compile(r"missing .*?arguments?: (?P<names>.+)")


@dataclass(frozen=True)
class Row:
    """One row of ``causes.toml``."""

    cause: Cause
    pattern: re.Pattern[str]
    where: str
    hint: str


@dataclass
class Group:
    """Failures with one root cause.

    Attributes:
        message: what one of them says, to one line.
        tests: cell -> level -> ids of the tests (at most TESTS_KEPT each).
        counts: cell -> level -> how many there are.
        known: the reason where a row of known failures accepts all of them.
    """

    cause: Cause
    message: str
    hint: str
    example: str
    known: str = ""
    tests: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many tests failed of this root, over all cells."""
        return sum(count for levels in self.counts.values() for count in levels.values())

    def add(self, cell: str, level: str, test: str) -> None:
        """Count one more failing test."""
        counts = self.counts.setdefault(cell, {})
        counts[level] = counts.get(level, 0) + 1
        tests = self.tests.setdefault(cell, {}).setdefault(level, [])
        if len(tests) < TESTS_KEPT:
            tests.append(test)

    def as_json(self) -> dict[str, Any]:
        """The group as matrix.json holds it, with the commands that reproduce it."""
        where = [
            {
                "cell": cell,
                "level": level,
                "count": count,
                "tests": self.tests[cell][level],
                "command": command(cell, level, self.tests[cell][level]),
            }
            for cell, levels in sorted(self.counts.items())
            for level, count in sorted(levels.items())
        ]
        described = {"cause": self.cause, "message": self.message, "hint": self.hint, "example": self.example}
        return {**described, "known": self.known or None, "count": self.count, "where": where}


@cache
def rows() -> tuple[Row, ...]:
    """The table, in its order."""
    table = files.read_toml(Path(__file__).with_name("causes.toml"), "the table of causes")
    return tuple(
        Row(row["cause"], re.compile(row["pattern"]), row.get("in", "message"), row["hint"]) for row in table["row"]
    )


def classify(failure: Failure) -> tuple[Cause, str]:
    """The failure's cause and a hint for the reader."""
    where = {
        "message": failure.message,
        "text": f"{failure.message}\n{failure.text}",
        "test": f"{failure.test}\n{failure.message}",
    }
    if not failure.message:  # pytest gives an error at collection a message without the exception
        where["message"] = failure.text
    elif failure.phase == "setup":
        where["message"] = where["text"]
    for row in rows():
        if row.pattern.search(where[row.where]):
            return row.cause, row.hint
    return "harness", NO_ROW


def headline(failure: Failure) -> str:
    """One line that says what happened: the exception with its first sentence, not pytest's frame around it."""
    raised = re.findall(r"^E   +(\S.*)$", failure.text, re.MULTILINE)
    message = failure.message
    if failure.phase == "setup" and raised:
        message = raised[0] if re.match(r"[\w.]+(Error|Exception|Exit|Skipped|Failed)?:", raised[0]) else raised[-1]
    line = next((line.strip() for line in message.splitlines() if line.strip()), "no message")
    return line if len(line) <= 300 else line[:299] + "…"


def root_key(message: str) -> str:
    """``message`` without what varies between failures of one root."""
    for pattern, replacement in _VARYING:
        message = pattern.sub(replacement, message)
    return message[:160]


def group(groups: dict[tuple[str, str], Group], suite: Suite, failure: Failure, known: str = "") -> Cause:
    """Put ``failure`` into the group of its root, making one where it is the first. Returns its cause."""
    cause, hint = classify(failure)
    message = headline(failure)
    key = root_key(message)
    if cause == "numerics":  # one wrong formula shows in every dtype and shape
        key = _DTYPE.sub("dtype", key)[:60]
    unbound = _UNBOUND.search(message)
    if cause == "launch" and unbound:  # one parameter, whichever kernel declares it and whoever binds the call
        key = unbound.group("names")
    text = "\n".join(failure.text.strip().splitlines()[-14:])
    found = groups.setdefault((cause, f"{key}|{known}"), Group(cause, message, hint, text, known))
    found.add(suite.cell, suite.level, failure.test)
    return cause


def group_document(groups: dict[tuple[str, str], Group], document: Document) -> None:
    """Put a cell that stopped before its suites ran (``failure.json``) into its group."""
    found = document.content
    stage, _, level = found["stage"].partition(":")
    tail = str(found["tail"]).strip()
    failure = Failure(f"{stage} of the cell", "setup", "", tail)
    cause, hint = classify(failure)
    if hint == NO_ROW and stage != "run":
        cause, hint = "environment", "the cell's environment could not be made: see the command's last lines"
    last = tail.splitlines()[-1].strip() if tail else "no output"
    message = f"{stage}: `{shlex.join(map(str, found['command']))[:120]}` ended with status {found['status']}: {last}"
    group_ = groups.setdefault((cause, root_key(message)), Group(cause, message[:300], hint, tail[-2000:]))
    group_.add(document.cell, level or "interpreter", f"{stage} of the cell")


def of_shortfall(sentence: str) -> tuple[Cause, str]:
    """The cause and a hint where a run was not a whole one."""
    cause, hint = classify(Failure("the whole run", "call", sentence, ""))
    if cause == "environment":
        return cause, hint
    return (
        "harness",
        "what was running ended the process, or something selected tests: run the level again as it stands",
    )


def group_shortfall(groups: dict[tuple[str, str], Group], suite: Suite, sentence: str) -> None:
    """Put a run that was not a whole one into its group."""
    cause, hint = of_shortfall(sentence)
    group_ = groups.setdefault((cause, root_key(sentence)), Group(cause, sentence[:300], hint, sentence))
    group_.add(suite.cell, suite.level, "the whole run")


def command(cell: str, level: str, tests: list[str]) -> str:
    """The command that runs these tests again in their cell, at their level."""
    subject = ""
    if is_subject(cell):  # the column names the release
        name, _, version = cell.partition("@")[2].rpartition("-")
        subject = f"--subject {name}=={version} "
    nox = f"{session(cell)} -- {subject}--level {level}"
    if level == "codegen":
        return nox if subject else "nox -s codegen"
    names = [test.rsplit("::", 1)[-1] for test in tests if "::" in test]
    if len(tests) == 1 and names and _K_NAME.fullmatch(names[0]):
        return f"{nox} -k {shlex.quote(names[0])}"
    functions = list(dict.fromkeys(name.split("[")[0] for name in names))
    if not functions or len(functions) > FUNCTIONS_NAMED:
        return nox
    return f"{nox} -k {shlex.quote(' or '.join(functions))}"
