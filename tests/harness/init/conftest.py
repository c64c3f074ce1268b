"""Small packages as others lay theirs out, written for a test."""

import pytest

KERNEL = "import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef copy(x, y):\n    tl.store(y, tl.load(x))\n"
PYPROJECT = """\
[build-system]
requires = ["setuptools>=69"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"
requires-python = "{python}"
dependencies = {dependencies}
"""


@pytest.fixture
def package(tmp_path):
    """Write a package's repository and return its folder; keywords say what differs from the usual one."""

    def write(
        name="small-kernels",
        python=">=3.9",
        dependencies=("torch", "triton"),
        module="src/small_kernels",
        more="",
        files=(),
    ):
        text = PYPROJECT.format(name=name, python=python, dependencies=list(dependencies))
        contents = {"pyproject.toml": text + more, f"{module}/__init__.py": "", f"{module}/kernel.py": KERNEL}
        for path, content in {**contents, **dict(files)}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content)
        return tmp_path

    return write
