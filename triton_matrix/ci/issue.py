"""``nightly``: what the nightlies found, as one issue that is opened, updated, and closed when all is well again."""

from __future__ import annotations

import argparse
import json
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Optional

from ..base import commands
from ..base.cells import Cell, load_at

TITLE = "Nightlies of the matrix"
LABEL = "nightly"
CAUSE_LINES = 12


@commands.exit_status("nightly")
def main(argv: list[str]) -> int:
    """Say what the nightly cells found: resolved versions, verdict and cause, as Markdown.

    With --publish, keep it as the one open issue of this repository (through the program gh). Exit status 0 also where
    a nightly fails: that is the issue's news, not this command's. 1 where gh failed, 2 for bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m triton_matrix nightly", description=main.__doc__)
    parser.add_argument("--evidence", type=Path, help="evidence of all jobs (default: reports/ in the repo root)")
    parser.add_argument("--run", default="", metavar="URL", help="the CI run that the evidence is from")
    parser.add_argument("--publish", action="store_true", help="open, update or close the issue")
    parser.add_argument("--root", type=Path, help="the repo root (default: found from the current folder up)")
    options = parser.parse_args(argv)
    table = load_at(options.root)
    nightlies = [cell for cell in table.cells.values() if cell.nightly]
    if not nightlies:
        raise ValueError(f"{table.path.name} has no nightly cell")
    evidence = options.evidence or table.root / "reports"
    found = [finding(cell, evidence) for cell in nightlies]
    text = render(found, options.run)
    print(text)
    if options.publish:
        publish(text, all(each["verdict"] == "pass" for each in found))
    return 0


def finding(cell: Cell, evidence: Path) -> dict[str, Any]:
    """The cell's verdict, the versions it resolved to, and the cause where it did not pass.

    A cell that left no result, or only a result with no passing test in it, did not pass.

    Returns:
        ``{cell, verdict, resolved: [text], levels: {level: text}, causes: [text]}``; ``verdict`` is ``pass``, ``fail``
        or what unavailable.json says.
    """
    out: dict[str, Any] = {"cell": cell.name, "verdict": "pass", "resolved": [], "levels": {}, "causes": []}
    for _, content in _documents(evidence, cell, "environment.json"):
        out["resolved"].append(_resolved(content))
    for _, content in _documents(evidence, cell, "unavailable.json"):
        out["verdict"] = content["verdict"]
        out["causes"].append(content["reason"])
    for _, content in _documents(evidence, cell, "failure.json"):
        out["verdict"] = "fail"
        command = " ".join(content["command"])
        out["causes"].append(
            f"{content['stage']}: `{command}`, exit status {content['status']}\n\n{_block(content['tail'])}"
        )
    for path in sorted(evidence.rglob("junit-*.xml")):
        counted = _junit(path, cell)
        if counted is None:
            continue
        level, text, cause, passed = counted
        out["levels"][level] = text
        if cause or not passed:
            out["verdict"] = "fail"
            out["causes"].append(f"{level}: {cause or 'no test passed'}")
    if not out["levels"] and not out["causes"]:
        out["verdict"] = "fail"
        out["causes"].append("no job left a result: see the run")
    return out


def render(found: list[dict[str, Any]], run: str) -> str:
    """The issue's body."""
    parts = [f"What the nightly cells found{f' in [this run]({run})' if run else ''}. Kept up to date by that run.", ""]
    for each in found:
        parts += [f"## {each['cell']}: {each['verdict']}", ""]
        parts += [f"- resolved: {line}" for line in dict.fromkeys(each["resolved"])] or ["- resolved: nothing"]
        parts += [f"- {level}: {text}" for level, text in sorted(each["levels"].items())]
        if "device" not in each["levels"]:
            parts.append("- device: did not run")
        for cause in dict.fromkeys(each["causes"]):
            parts += ["", cause]
        parts.append("")
    return "\n".join(parts)


def publish(text: str, well: bool) -> None:
    """Keep ``text`` as the one open issue; where all is ``well``, close the one that is open, if any."""
    listed = commands.run(
        ["gh", "issue", "list", "--state", "open", "--label", LABEL, "--json", "number", "--limit", "1"]
    )
    open_ones = json.loads(listed)
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.md"
        body.write_text(text, encoding="utf-8")
        if open_ones:
            number = str(open_ones[0]["number"])
            commands.run(["gh", "issue", "edit", number, "--body-file", str(body)])
            if well:
                commands.run(["gh", "issue", "close", number, "--comment", "All nightly cells pass."])
        elif not well:
            about = "Opened and updated by the nightly workflow"
            commands.run(["gh", "label", "create", LABEL, "--force", "--description", about])
            commands.run(["gh", "issue", "create", "--title", TITLE, "--label", LABEL, "--body-file", str(body)])


def _documents(evidence: Path, cell: Cell, name: str) -> list[tuple[Path, dict[str, Any]]]:
    found = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(evidence.rglob(name))]
    return [(path, content) for path, content in found if content.get("cell") == cell.name]


def _resolved(environment: dict[str, Any]) -> str:
    words = [f"Python {environment['python']}"]
    for name in ("torch", "triton"):
        about = environment[name]
        version = about.get("version") or about.get("error")
        words.append(f"{name} {version}" + (f" ({about['distribution']})" if about.get("distribution") else ""))
    words.append(", ".join(gpu["name"] for gpu in environment["gpus"]) or "no GPU")
    return ", ".join(words)


def _junit(path: Path, cell: Cell) -> Optional[tuple[str, str, str, int]]:
    """Level, counts, the first failure in short, and how many passed; None for a result of another cell."""
    suite = next(ET.parse(path).getroot().iter("testsuite"), None)
    if suite is None:
        return None
    said = {each.get("name"): each.get("value") for each in suite.iter("property")}
    if said.get("cell") != cell.name:
        return None
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    bad = [(case, each) for case in suite.iter("testcase") for each in case if each.tag in ("failure", "error")]
    passed = total - skipped - len({id(case) for case, _ in bad})
    cause = ""
    if bad:
        case, first = bad[0]
        cause = f"`{case.get('classname')}::{case.get('name')}`\n\n{_block(first.text or first.get('message') or '')}"
    level = str(said.get("level"))
    return level, f"{passed} passed, {len(bad)} failed, {skipped} skipped", cause, passed


def _block(text: str) -> str:
    last = text.strip().splitlines()[-CAUSE_LINES:]
    return "\n".join(f"    {line}" for line in last)
