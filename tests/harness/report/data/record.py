"""Record the results that the tests of the report read: real suites, in real cells, with a kernel broken on purpose.

    [RECORD_COMMIT=HEAD] python record.py CELL PYTHON SABOTAGE [SABOTAGE ...]
    [RECORD_COMMIT=HEAD] python record.py codegen PYTHON SABOTAGE [SABOTAGE ...]

PYTHON is the interpreter of an environment of the cell that has pytest, hypothesis, torch and Triton. Each result goes
to ``recorded/<sabotage>/<cell>/``. With ``codegen`` PYTHON needs a Triton only, and what is kept is the backward kernel
of the widest rows that are held in registers. Machine paths and host names are taken out; a traceback keeps its end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
CARRIED = ("liger_kernel", "tests", "constraints", "pyproject.toml")
COMMIT = os.environ.get("RECORD_COMMIT", "HEAD")
TEXT_KEPT = 1500
# One size per branch of the plan, and a case that no cell may fail; the whole suite would add nothing but length
SELECTION = ["correctness/test_sizes.py", "-k", "test_results_are_as_exact_as_torch or parameter_gradients"]
# sabotage -> (file, what to replace, by what). "none" is the healthy code.
SABOTAGES = {
    "none": (),
    "numerics": (
        "liger_kernel/kernels/layer_norm_backward.py",
        "dx = (g - c1 - (x - mean) * rstd * c2) * rstd",
        "dx = (g - c1 - (x - mean) * rstd) * rstd",
    ),
    "num_warps": (
        "liger_kernel/kernels/layer_norm_forward.py",
        "    BLOCK_N: tl.constexpr,\n",
        "    BLOCK_N: tl.constexpr,\n    num_warps: tl.constexpr,\n",
    ),
    "four_warps": (
        "liger_kernel/kernels/plan.py",
        "        _warps(device, threads),\n        1,\n        {\n            **_backward_args(",
        "        4,\n        1,\n        {\n            **_backward_args(",
    ),
    "import": ("liger_kernel/ops/layer_norm.py", "import torch\n", "import torch\nimport a_module_that_is_not_there\n"),
}


def record(cell: str, python: str, sabotage: str) -> None:
    """Run the selection in ``cell`` with the sabotage applied to a copy of the code, and keep its evidence."""
    target = HERE / "recorded" / sabotage / cell
    if cell != "codegen":
        shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="record-") as scratch:
        copy = Path(scratch)
        # a commit, not the working tree: what is recorded must be what the evidence's commit says
        tree = subprocess.run(
            ["git", "-C", ROOT, "archive", COMMIT, *CARRIED], stdout=subprocess.PIPE, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", scratch], input=tree, check=True)
        if SABOTAGES[sabotage]:
            file, old, new = SABOTAGES[sabotage]
            text = (copy / file).read_text()
            if old not in text:
                sys.exit(f"{file} no longer holds {old!r}: write the sabotage {sabotage!r} anew")
            (copy / file).write_text(text.replace(old, new))
        if cell == "codegen":
            return compile_widest_backward(target, python, copy)
        level = {"TRITON_MATRIX_CELL": cell, "TRITON_MATRIX_LEVEL": "interpreter", "TRITON_INTERPRET": "1"}
        folders = {"TRITON_MATRIX_EVIDENCE": str(target), "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        junit = target / "junit-interpreter.xml"
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SELECTION, f"--junitxml={junit}"]
        subprocess.run(command, cwd=copy / "tests", env={**os.environ, **level, **folders}, check=False)
        clean(target, python, copy)


def compile_widest_backward(target: Path, python: str, copy: Path) -> None:
    """Compile the kernels for cuda:90 with this Triton, and keep what the widest backward in registers became."""
    scratch = copy / "atlas.json"
    command = [
        python,
        "-m",
        "triton_matrix",
        "codegen",
        "--atlas",
        "--target",
        "cuda:90",
        "--no-cache",
        "--quiet",
    ]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    subprocess.run([*command, "--json", str(scratch)], cwd=copy, env=env, check=True)
    found = json.loads(scratch.read_text())
    kept = [row for row in found["entries"] if row["label"].startswith("_layer_norm_backward_kernel[n_cols=8192,")]
    found.update(commit=commit(), entries=kept)
    (target / f"{found['triton']}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def clean(target: Path, python: str, copy: Path) -> None:
    """Take out what tells of the machine, and shorten tracebacks to their end."""
    site = re.compile(r"/\S*?/(?:site-packages|lib/python3\.\d+)/")

    def scrub(text: str) -> str:
        return site.sub("", text.replace(f"{copy}/", "").replace(str(copy), "").replace(python, "python"))

    junit = target / "junit-interpreter.xml"
    tree = ET.parse(junit)
    for item in tree.iter("property"):
        if item.get("name") == "commit":
            item.set("value", commit())
    for suite in tree.iter("testsuite"):
        suite.set("hostname", "recorded")
    for element in tree.iter():
        if element.get("message"):
            element.set("message", scrub(element.get("message", ""))[-TEXT_KEPT:])
        if element.text and element.tag in ("failure", "error", "skipped"):
            element.text = scrub(element.text)[-TEXT_KEPT:]
    tree.write(junit, encoding="utf-8", xml_declaration=True)
    environment = target / "environment.json"
    found = json.loads(environment.read_text())
    found.update(commit=commit(), dirty=False)
    found["platform"]["release"] = "recorded"
    environment.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def commit() -> str:
    """The full name of the commit that is recorded."""
    return subprocess.run(
        ["git", "-C", ROOT, "rev-parse", COMMIT], capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    for name in sys.argv[3:]:
        record(sys.argv[1], sys.argv[2], name)
