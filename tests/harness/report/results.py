"""Results for the tests of the report: the recorded ones as if just taken, and how a test changes them."""

from __future__ import annotations

import functools
import json
import xml.etree.ElementTree as ET
from pathlib import Path

from triton_matrix.base import sources
from triton_matrix.base.cells import find_root, load
from triton_matrix.codegen.cache import code_digest
from triton_matrix.evidence import atlas_file, atlas_runs, benchmark_file, column, reading, schemas
from triton_matrix.suites import incidents, suite_paths

RECORDED = Path(__file__).parent / "data" / "recorded"
GENERATE = RECORDED.parent / "generate.py"
TABLE = load(find_root() / "constraints" / "cells.toml")
TRITON2, TRITON3 = ["triton231", "triton300"], ["triton331", "triton3x"]
FAILING = {"triton231": 28, "triton300": 42}  # tests that a declared num_warps fails, by cell
NUMERICS = {"triton231": 6, "triton300": 9, "triton331": 9, "triton3x": 9}  # and a factor left out of dx


# once: no test of the report changes the checkout
package_digest = functools.cache(lambda: sources.package_digest(TABLE))
suites_digest = functools.cache(
    lambda: sources.suites_digest(TABLE, suite_paths.folder(TABLE), suite_paths.paths(TABLE))
)
inputs_of_bench = functools.cache(lambda cell: benchmark_file.inputs(TABLE, TABLE.cells.get(cell)))


def make_current(folder):
    """Let every result below ``folder`` be of the checkout as it is now: its sources, suites and pins."""
    declare(folder)
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        if content.get("schema") == schemas.CODEGEN:
            content.update(about_the_atlas(), harness=code_digest())
        elif content.get("schema") == schemas.CODEGEN_RUN:
            content.update(about_the_atlas())
        elif "machine_info" in content:
            digest = package_digest()
            content["triton_matrix"]["wheel"] = {"checkout": digest, "installed": digest, "problem": ""}
            content["triton_matrix"]["inputs"] = vars(inputs_of_bench(content["triton_matrix"]["cell"]))
        elif content.get("schema") == schemas.INCIDENTS:
            content["sources"] = incidents.digest(TABLE)
        elif content.get("schema") == schemas.RUN:
            cell = TABLE.cells.get(column.parse(content["cell"]).cell)
            digest = package_digest()
            content["wheel"] = {"checkout": digest, "installed": digest}
            content["suites"] = suite_paths.paths(TABLE)
            content["inputs"] = {
                "suites": suites_digest(),
                "pins": cell and sources.pins_digest(TABLE, cell),
            }
        path.write_text(json.dumps(content))
    return folder


def about_the_atlas():
    return {"sources": package_digest(), "hook": atlas_file.hook_digest(TABLE)}


def declare(folder):
    """In each folder of atlas files below ``folder``, a run that asked for just what they hold, and was closed."""
    for place in {path.parent for path in folder.rglob("codegen/[0-9]*.json")}:
        asked = {}
        for path in place.glob("[0-9]*.json"):
            content = json.loads(path.read_text())
            targets = {name: [*labels] for name, labels in content["configurations"].items()}
            asked[content["triton"]] = atlas_runs.Asked(targets, atlas_runs.DONE)
        digests = about_the_atlas().values()
        run = atlas_runs.AtlasRun("a run", content["date"], None, None, *digests, asked, closed=content["date"])
        atlas_runs.write(place, run)


def retake(junit, **changed):
    """Let the run beside a JUnit file that a test has changed say the same as the file; ``changed`` goes into it."""
    suite = reading.read_junit(junit, "")
    old = junit.with_name("run-interpreter.json")
    content = {**json.loads(old.read_text()), **changed}
    cases = list(suite.counted.cases)
    content.update(cell=junit.parent.name, level=suite.level, opened=suite.date, collected=cases, finished=cases)
    if changed.get("closed", "") is not None:
        content["closed"] = suite.date
    old.unlink()
    junit.with_name(f"run-{suite.level}.json").write_text(json.dumps(content))
    make_current(junit.parent)


def set_property(junit, **properties):
    """Change what a JUnit file says it is of."""
    tree = ET.parse(junit)
    for item in tree.getroot().iter("property"):
        if item.get("name") in properties:
            item.set("value", properties[item.get("name")])
    tree.write(junit)


def count_again(tree):
    """Let the header of a JUnit file agree with its cases."""
    suite = next(tree.getroot().iter("testsuite"))
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))


def verdicts(matrix):
    return {name: cell["verdict"] for name, cell in matrix["cells"].items()}


def unavailable(folder, verdict, date, reason="the index cannot be reached"):
    folder.mkdir(parents=True, exist_ok=True)
    found = {"schema": schemas.UNAVAILABLE, "cell": folder.name, "verdict": verdict, "reason": reason}
    (folder / "unavailable.json").write_text(json.dumps({**found, "date": date}))


def stopped(folder, date="2026-11-21T00:00:00+00:00"):
    folder.mkdir(parents=True, exist_ok=True)
    content = {"schema": schemas.FAILURE, "cell": folder.name, "stage": "resolve", "status": 1, "date": date}
    content |= {"command": ["uv", "pip", "install", "torch==9"], "tail": "No solution found when resolving"}
    (folder / "failure.json").write_text(json.dumps(content))


def known(folder, text):
    """A file of known failures."""
    path = folder / "known.toml"
    path.write_text(text)
    return path
