"""Kernels that use those of another package get that beside them, where the package declares it."""

import zipfile

import pytest

from triton_matrix.scan import beside

ABOUT = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
HELPER = "import triton\n\n@triton.jit\ndef doubled(x):\n    return x * 2\n"


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """An index of wheels; gives the function that writes one."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    (tmp_path / "wheels").mkdir()

    def write(name, module, text):
        stem = name.replace("-", "_")
        with zipfile.ZipFile(tmp_path / "wheels" / f"{stem}-1.0-py3-none-any.whl", "w") as out:
            out.writestr(f"{module}/__init__.py", "")
            out.writestr(f"{module}/k.py", text)
            out.writestr(f"{stem}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            out.writestr(
                f"{stem}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            out.writestr(f"{stem}-1.0.dist-info/RECORD", "")

    return write


def test_a_declared_package_with_kernels_is_laid_beside_and_no_other(wheels, tmp_path):
    wheels("kern-core", "kern", HELPER)
    wheels("plain", "plain", "N = 4\n")
    root = tmp_path / "root"
    root.mkdir()
    assert beside.lay("kern", root, ["torch>=2", "kern-core>=0.5; python_version > '3'"]) == (
        "kern-core>=0.5; python_version > '3'"
    )
    assert (root / "kern" / "k.py").read_text() == HELPER
    assert beside.lay("kern", root, ["kern-core"]) is None  # it is there
    assert beside.lay("plain", root, ["plain"]) is None  # it has no kernel
    assert beside.lay("other", root, ["torch>=2"]) is None  # nothing declared is called so
    assert [path.name for path in root.iterdir()] == ["kern"]
