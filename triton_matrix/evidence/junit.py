"""Read pytest's JUnit files, and hold what their headers say against what they hold."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Optional

from ..base import display_text
from ..base.levels import SHOWN
from . import runs
from .column import parse
from .documents import OUTCOMES, Failure, Suite, Unusable, as_utc, shown

NOT_APPLICABLE = "n/a: "  # how the pytest plugin begins the reason of a skip that is a known gap of the cell
NEEDS_GPU = "needs a GPU"  # and of one that another machine could run
TEXT_KEPT = 4000  # characters of a failure's traceback that are looked at: its end, where the raising frame is


def read_junit(path: Path, source: str) -> Suite:
    """One JUnit file of pytest's, with the properties that the pytest plugin of the matrix records.

    Raises:
        Unusable: not XML, not JUnit, without its cell, level or date, or in another cell's folder.
        OSError: it cannot be read.
    """
    suite: Optional[Suite] = None
    properties: dict[str, str] = {}
    timestamp, outermost = None, None
    counted = runs.Counted()
    try:
        for event, element in ET.iterparse(path, events=("start", "end")):
            if event == "start":
                outermost = outermost or element.tag
                if outermost not in ("testsuites", "testsuite"):
                    raise Unusable(f"is foreign: its root is <{outermost}>, not <testsuites>", broken=False)
                if element.tag == "testsuite":
                    timestamp = element.get("timestamp")
                    _count_header(counted, element)
                elif element.tag == "testcase":  # pytest writes the suite's own properties before its first test
                    suite = suite or _suite(path, source, properties, timestamp)
            elif element.tag == "properties" and suite is None:
                properties = _properties(element)
            elif element.tag == "testcase" and suite is not None:
                _add_case(suite, counted, element)
                element.clear()
    except Unusable:
        raise
    except (ET.ParseError, ValueError, LookupError) as error:  # also an encoding that is unknown or none of text
        raise Unusable(f"is not XML: {error}") from None
    suite = suite or _suite(path, source, properties, timestamp)
    counted.run = suite.properties.get("run", "")
    suite.counted = counted
    return suite


def _properties(element: ET.Element) -> dict[str, str]:
    said = {item.get("name", ""): display_text.clean(item.get("value", "")) for item in element}
    return {name: value for name, value in said.items() if value not in ("", "None")}


def _suite(path: Path, source: str, properties: dict[str, str], timestamp: Optional[str]) -> Suite:
    level = properties.get("level") or path.stem.removeprefix("junit-")
    if level not in SHOWN:
        raise Unusable(f"does not say its level: neither a property `level` nor its name is one of {', '.join(SHOWN)}")
    cell = properties.get("cell") or path.parent.name
    if "cell" in properties and path.name.startswith("junit-") and path.parent.name != cell:
        raise Unusable(f"says that it is of cell {cell!r} but lies in the folder {path.parent.name!r}")
    column = parse(cell, properties.get("triton", ""))
    return Suite(column, level, as_utc(properties.get("date") or timestamp), shown(path), source, properties)


def _count_header(counted: runs.Counted, element: ET.Element) -> None:
    """Add the counts that a suite's own line gives; one that is no number makes the sum none."""
    for name in ("tests", "failures", "errors", "skipped"):
        said, before = element.get(name, ""), counted.header.get(name, 0)
        number = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None
        counted.header[name] = None if number is None or before is None else before + number


def _add_case(suite: Suite, counted: runs.Counted, element: ET.Element) -> None:
    # of a file that cannot be collected pytest gives no class, and the file's dotted name as the name
    parts = filter(None, (element.get("classname"), element.get("name")))
    identity = display_text.clean("::".join(parts))
    counted.cases[identity] += 1
    test = identity.removeprefix("tests.")
    _add_seconds(suite, test, element.get("time") or "0")
    outcome = "."
    for child in element:
        message = display_text.clean((child.get("message") or "").strip())
        if child.tag in ("failure", "error"):
            outcome = "F" if child.tag == "failure" else "E"
            counted.held["failures" if outcome == "F" else "errors"] += 1
            said = display_text.clean((child.text or "")[-TEXT_KEPT:])
            suite.failures.append(Failure(test, "call" if outcome == "F" else "setup", message, said))
        elif child.tag == "skipped":
            outcome = "n" if message.startswith(NOT_APPLICABLE) else "s"
            counted.held["skipped"] += 1
            suite.skips[message or "no reason given"] += 1
    order = list(OUTCOMES)
    known = suite.outcomes.get(test, outcome)
    suite.outcomes[test] = min(outcome, known, key=order.index)
    properties = element.find("properties")
    if properties is not None and test.startswith("incidents"):
        values = {item.get("name", ""): display_text.clean(item.get("value", "")) for item in properties}
        suite.incidents.append({"test": test, "outcome": OUTCOMES[suite.outcomes[test]], **values})


def _add_seconds(suite: Suite, test: str, time: str) -> None:
    try:
        seconds = float(time)
    except ValueError:
        seconds = math.nan
    suite.seconds += seconds
    if not math.isfinite(suite.seconds) or seconds < 0:
        raise Unusable(f"says that {test} took {time!r} seconds")
