"""What broke: a cause for every failure, and one line for all failures with the same root.

The patterns are data: ``causes.toml`` beside this file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from ..base import files
from ..base.levels import SANITIZER
from .column import Column
from .documents import Document, Failure

Cause = Literal["environment", "launch", "compile", "numerics", "codegen", "speed", "harness"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
WHOLE_RUN = "the whole run"  # stands where a test's name would, of what is wrong with none of them
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


@dataclass(frozen=True)
class Finding:
    """One failure put down to its cause.

    Attributes:
        test: the id of what failed.
        key: what failures of one root have in common.
        message: what it says, to one line.
        known: the reason where a row of known failures accepts it.
    """

    test: str
    cause: Cause
    key: str
    message: str
    hint: str
    example: str
    known: str = ""


@dataclass(frozen=True)
class Where:
    """Where failures of one root occurred.

    Attributes:
        cell: a column of the report, or a bare release.
        tests: at most TESTS_KEPT of ``count``.
        command: what runs them again.
        is_ours: whether they count: what fails of another package under our suites does not.
    """

    cell: str
    level: str
    count: int
    tests: tuple[str, ...]
    command: str
    is_ours: bool = True


@dataclass(frozen=True)
class Group:
    """Failures with one root cause; the fields are those of a finding."""

    cause: Cause
    message: str
    hint: str
    example: str
    known: str
    count: int
    where: tuple[Where, ...]


@dataclass
class _Root:
    """Where the failures of one root are, while they are counted: (column, level) -> ids of the tests."""

    first: Finding
    tests: dict[tuple[Column, str], list[str]] = field(default_factory=dict)


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


def found_in(failure: Failure, known: str = "") -> Finding:
    """A failing test with its cause, and ``known``, the reason where it is accepted."""
    cause, hint = classify(failure)
    message = headline(failure)
    key = root_key(message)
    if cause == "numerics":  # one wrong formula shows in every dtype and shape
        key = _DTYPE.sub("dtype", key)[:60]
    unbound = _UNBOUND.search(message)
    if cause == "launch" and unbound:  # one parameter, whichever kernel declares it and whoever binds the call
        key = unbound.group("names")
    text = "\n".join(failure.text.strip().splitlines()[-14:])
    return Finding(failure.test, cause, f"{key}|{known}", message, hint, text, known)


def of_stop(document: Document) -> Finding:
    """Why a cell stopped before its suites ran (``failure.json``)."""
    said = document.content
    stage, tail = said["stage"], str(said["tail"]).strip()
    failure = Failure(f"{stage} of the cell", "setup", "", tail)
    cause, hint = classify(failure)
    if hint == NO_ROW:
        cause, hint = "environment", "the cell's environment could not be made: see the command's last lines"
    last = tail.splitlines()[-1].strip() if tail else "no output"
    message = f"{stage}: `{shlex.join(map(str, said['command']))[:120]}` ended with status {said['status']}: {last}"
    return Finding(failure.test, cause, root_key(message), message[:300], hint, tail[-2000:])


def of_shortfall(sentence: str) -> Finding:
    """The cause and a hint where a run was not a whole one."""
    cause, hint = classify(Failure(WHOLE_RUN, "call", sentence, ""))
    if cause != "environment":
        cause = "harness"
        hint = "what was running ended the process, or something selected tests: run the level again as it stands"
    return Finding(WHOLE_RUN, cause, root_key(sentence), sentence[:300], hint, sentence)


def grouped(findings: Iterable[tuple[Column, str, Finding]]) -> list[Group]:
    """Findings with their column and level, those of one root as one group, in the order of the first of each."""
    roots: dict[tuple[Cause, str], _Root] = {}
    for column, level, finding in findings:
        root = roots.setdefault((finding.cause, finding.key), _Root(finding))
        root.tests.setdefault((column, level), []).append(finding.test)
    return [_group(root) for root in roots.values()]


def _group(root: _Root) -> Group:
    where = []
    for (column, level), tests in sorted(root.tests.items()):
        kept = tests[:TESTS_KEPT]
        again = command(column, level, kept)
        where.append(Where(str(column), level, len(tests), tuple(kept), again, not column.subject))
    first = root.first
    count = sum(each.count for each in where)
    return Group(first.cause, first.message, first.hint, first.example, first.known, count, tuple(where))


def command(column: Column, level: str, tests: list[str]) -> str:
    """The command that runs these tests again in their cell, at their level."""
    if level == SANITIZER:
        tools = " ".join(f"--tool {test.rpartition('::')[2]}" for test in tests if "::" in test)
        return f"{column.session()} -- --sanitize {tools}".rstrip()
    name, _, version = column.subject.rpartition("-")
    subject = f"--subject {name}=={version} " if column.subject else ""
    nox = f"{column.session()} -- {subject}--level {level}"
    if level == "codegen":
        return nox if subject else "nox -s codegen"
    names = [test.rsplit("::", 1)[-1] for test in tests if "::" in test]
    if len(tests) == 1 and names and _K_NAME.fullmatch(names[0]):
        return f"{nox} -k {shlex.quote(names[0])}"
    functions = list(dict.fromkeys(name.split("[")[0] for name in names))
    if not functions or len(functions) > FUNCTIONS_NAMED:
        return nox
    return f"{nox} -k {shlex.quote(' or '.join(functions))}"
