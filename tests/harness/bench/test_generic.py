"""The bench serves any kernel: it knows no LayerNorm, no peer by name, none of our goals, and imports none of ours."""

import ast
import re
from pathlib import Path

import pytest

from triton_matrix import bench
from triton_matrix.evidence import benchmark_file

FILES = [*sorted(Path(bench.__file__).parent.glob("*.py")), Path(benchmark_file.__file__)]
OURS = re.compile(r"layer.?norm|liger|quack|launch.?plan|\bgoals?\b|rstd|\bdw\b|tuned|general rule", re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_of_it_names_what_is_ours(path):
    assert OURS.findall(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_of_it_imports_a_suite(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"liger_kernel", "benchmarks", "tests"}
