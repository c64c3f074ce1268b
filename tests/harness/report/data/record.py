"""Record anew the results that the tests of the report read: real runs, in real cells, of a kernel broken on purpose.

    for cell in triton231 triton300 triton331 triton3x; do nox -s tests-$cell --install-only; done
    python tests/harness/report/data/record.py [SABOTAGE ...]

The first line makes the cells' environments (they are left with the last sabotage's wheel: make them again afterwards).
What is recorded is the commit HEAD, in a copy whose suites are cut down to a few tests; each sabotage's wheel is built
from the copy and provided and run by the harness's own verbs. A result goes to ``recorded/<sabotage>/<cell>/``. For
level codegen the backward kernel of the widest rows that are held in registers is compiled. Machine paths and host
names are taken out; a traceback keeps its end.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
CARRIED = ("liger_kernel", "triton_matrix", "tests", "constraints", "pyproject.toml", "build_helpers.py", "README.md")
TEXT_KEPT = 1500
CELLS = ("triton231", "triton300", "triton331", "triton3x")
ATLAS = ("3.3.1", "3.4.0")
WIDEST = "_layer_norm_backward_kernel[n_cols=8192,bf16]"
# One size per branch of the plan, and a case that no cell may fail; the whole suite would add nothing but length
SUITE = "tests/correctness/test_sizes.py"
TESTS = ("test_results_are_as_exact_as_torch", "test_zero_rows_give_zero_parameter_gradients")
# sabotage -> (what to replace wherever in the package it is, by what, the cells to run, whether to compile)
SABOTAGES = {
    "none": ("", "", CELLS, True),
    "numerics": (
        "dx = (g - c1 - (x - mean) * rstd * c2) * rstd",
        "dx = (g - c1 - (x - mean) * rstd) * rstd",
        CELLS,
        False,
    ),
    "num_warps": (
        "    HAS_B: tl.constexpr,\n",
        "    HAS_B: tl.constexpr,\n    num_warps: tl.constexpr,\n",
        CELLS,
        False,
    ),
    "four_warps": ("threads = min(32 * num_warps, ", "threads = min(32 * 4, ", (), True),
    "import": (
        "from .eager import EagerLayerNorm\n",
        "import a_module_that_is_not_there\nfrom .eager import EagerLayerNorm\n",
        CELLS[:1],
        False,
    ),
}


def main(wanted: list[str]) -> None:
    """Record these sabotages, all by default."""
    for sabotage in wanted or SABOTAGES:
        _, _, cells, compiles = SABOTAGES[sabotage]
        with broken_checkout(sabotage) as copy:
            for cell in cells:
                record(copy, cell, HERE / "recorded" / sabotage / cell)
            for release in ATLAS if compiles else ():
                compile_widest_backward(copy, release, HERE / "recorded" / sabotage / "codegen")


@contextmanager
def broken_checkout(sabotage: str) -> Iterator[Path]:
    """A copy of HEAD with the sabotage applied and the suites cut down."""
    old, new, _, _ = SABOTAGES[sabotage]
    with tempfile.TemporaryDirectory(prefix="record-") as scratch:
        copy = Path(scratch)
        # a commit, not the working tree: what is recorded must be what the evidence's commit says
        tree = subprocess.run(["git", "-C", ROOT, "archive", "HEAD", *CARRIED], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", scratch], input=tree.stdout, check=True)
        sources = sorted((copy / "liger_kernel").rglob("*.py"))
        holding = [path for path in sources if old and old in path.read_text()]
        if old and not holding:
            sys.exit(f"no file of liger_kernel holds {old!r}: write the sabotage {sabotage!r} anew")
        for path in holding:
            path.write_text(path.read_text().replace(old, new))
        cut_suites(copy)
        yield copy


def cut_suites(copy: Path) -> None:
    """Leave of the suites TESTS of SUITE alone, so that a run of them is small and whole."""
    suite = copy / SUITE
    for path in (copy / "tests" / "correctness").glob("test_*.py"):
        if path != suite:
            path.unlink()
    shutil.rmtree(copy / "tests" / "incidents")
    lines = suite.read_text().splitlines(keepends=True)
    for node in reversed(ast.parse("".join(lines)).body):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name not in TESTS:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            del lines[first - 1 : node.end_lineno]
    suite.write_text("".join(lines))


def record(copy: Path, cell: str, target: Path) -> None:
    """Provide the copy's wheel into the cell's environment, run its suites there, and keep the evidence."""
    python = ROOT / ".nox" / f"tests-{cell}" / "bin" / "python"
    if not python.exists():
        sys.exit(f"there is no {python.relative_to(ROOT)}: `nox -s tests-{cell} --install-only` makes it")
    env = {**os.environ, "TRITON_MATRIX_COMMIT": commit(), "PYTHONDONTWRITEBYTECODE": "1"}
    where = ["--cell", cell, "--root", str(copy)]
    provide = [sys.executable, "-m", "triton_matrix", "provide", *where, "--python", str(python)]
    subprocess.run(provide, cwd=copy, env=env, check=True)
    run = [str(python), "-m", "triton_matrix", "run", *where, "--level", "interpreter"]
    subprocess.run(run, cwd=copy / "tests", env=env, check=False)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(copy / "reports" / cell, target)
    clean(target, copy)


def compile_widest_backward(copy: Path, release: str, target: Path) -> None:
    """Compile the atlas for cuda:90 with this Triton, and keep what the widest backward in registers became."""
    command = [sys.executable, "-m", "triton_matrix", "codegen", "--triton", release, "--target", "cuda:90"]
    command += ["--no-cache", "--envs", str(ROOT / ".nox" / "codegen"), "--out", str(copy / "out")]
    env = {**os.environ, "TRITON_MATRIX_COMMIT": commit()}
    subprocess.run([*command, "--root", str(copy)], cwd=copy, env=env, check=False)
    found = json.loads((copy / "out" / f"{release}.json").read_text())
    found["entries"] = [row for row in found["entries"] if row["label"] == WIDEST]
    found["configurations"] = {"cuda:90": {WIDEST: [WIDEST]}}
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{release}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def clean(target: Path, copy: Path) -> None:
    """Take out what tells of the machine, and shorten tracebacks to their end."""
    site = re.compile(r"/\S*?/(?:site-packages|lib/python3\.\d+)/")

    def scrub(text: str) -> str:
        return site.sub("", text.replace(f"{copy}/", "").replace(str(copy), "").replace(f"{ROOT}/", ""))

    junit = target / "junit-interpreter.xml"
    tree = ET.parse(junit)
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
    found["platform"]["release"] = "recorded"
    environment.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def commit() -> str:
    """The full name of the commit that is recorded."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
