"""Findings as text for a terminal, GitHub's workflow commands, JSON, and SARIF 2.1.0."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from .. import __version__
from .finding import Finding, grouped

SHOWN = 3  # places of each cause that the text names; --all names every one
MEANS = {
    "compile-option-parameter": "A kernel declares a parameter named like a compile option",
    "not-portable": "A supported Triton does not compile it",
    "not-interpreted": "The interpreter of a supported Triton does not run it",
    "num-warps-not-passed": "A kernel is launched without num_warps",
}
SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def text(findings: Sequence[Finding], gone: Sequence[str], everything: bool) -> str:
    """Grouped by cause with counts, the most frequent cause of a rule first."""
    lines: list[str] = []
    for group in grouped(findings):
        first = group[0]
        places = {item.path for item in group}
        count = f"{len(group)} in {len(places)} file{'s' * (len(places) > 1)}"
        lines.append(f"{first.rule}: {first.cause}: {first.sentence} ({count})")
        shown = group if everything else group[:SHOWN]
        lines += [f"    {item.path}:{item.line}" + (f" in {item.kernel}" if item.kernel else "") for item in shown]
        if len(group) > len(shown):
            lines.append(f"    and {len(group) - len(shown)} more; --all names them")
    if findings:
        causes = len(grouped(findings))
        findings_of = f"{len(findings)} finding{'s' * (len(findings) > 1)}"
        lines.append(f"{findings_of} of {causes} cause{'s' * (causes > 1)}")
    return "\n".join([*lines, *(f"no longer there: {sentence}" for sentence in gone)])


def github(findings: Sequence[Finding], gone: Sequence[str], everything: bool) -> str:
    """GitHub's workflow commands: one annotation a finding."""
    lines = []
    for item in findings:
        place = f"file={_property(_relative(item.path))},line={item.line},title={_property(item.rule)}"
        lines.append(f"::error {place}::{_message(_full(item))}")
    lines += [f"::notice title=no longer there::{_message(sentence)}" for sentence in gone]
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], gone: Sequence[str], everything: bool) -> str:
    """One object: every finding, the counts by cause, and what the baseline knows and is gone."""
    fields = ("path", "line", "rule", "cause", "kernel", "sentence")
    causes = [
        {"rule": group[0].rule, "cause": group[0].cause, "sentence": group[0].sentence, "count": len(group)}
        for group in grouped(findings)
    ]
    items = [{name: getattr(item, name) for name in fields} for item in findings]
    return json.dumps(
        {"schema": "triton-matrix-lint/1", "findings": items, "causes": causes, "gone": list(gone)}, indent=1
    )


def sarif(findings: Sequence[Finding], gone: Sequence[str], everything: bool) -> str:
    """SARIF 2.1.0, as code scanning takes it; the fingerprint of a result holds no line."""
    rules = [{"id": rule, "shortDescription": {"text": meaning}} for rule, meaning in MEANS.items()]
    notes: list[dict[str, Any]] = [{"level": "note", "message": {"text": f"no longer there: {each}"}} for each in gone]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "triton-matrix lint", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item) for item in findings],
    }
    if notes:
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": notes}]
    return json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": [run]}, indent=1)


def _result(item: Finding) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": quote(_relative(item.path))}, "region": {"startLine": max(item.line, 1)}}
    return {
        "ruleId": item.rule,
        "ruleIndex": list(MEANS).index(item.rule),
        "level": "error",
        "message": {"text": _full(item)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"cause/v1": f"{item.rule}|{item.cause}|{item.kernel}"},
    }


def _full(item: Finding) -> str:
    return f"{item.kernel + ': ' if item.kernel else ''}{item.cause}: {item.sentence}"


def _relative(path: str) -> str:
    """With slashes, and from the current folder where it is below it: what a repository's viewer can link."""
    plain = PurePath(os.path.relpath(path)) if Path(path).resolve().is_relative_to(Path.cwd()) else PurePath(path)
    return plain.as_posix()


def _message(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _message(value).replace(":", "%3A").replace(",", "%2C")


FORMATS = {"text": text, "github": github, "json": as_json, "sarif": sarif}
