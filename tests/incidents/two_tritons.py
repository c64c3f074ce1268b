"""On ROCm, Triton's distribution has another name: a requirement of ``triton`` installs a second over its files."""

import base64
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from triton_matrix.base import commands

from .incident import EVERY, Incident, Missing, Observation, Seen

ROCM = "pytorch-triton-rocm"


def install_both() -> Seen:
    """Install ROCm's torch, then a package that requires ``triton``, and one that requires ROCm's own name for it."""
    try:
        uv = commands.uv()
    except ValueError as error:
        raise Missing(str(error)) from None
    with tempfile.TemporaryDirectory() as scratch:
        wheels = Path(scratch) / "wheels"
        wheels.mkdir()
        _wheel(wheels, ROCM, "3.5.1", {"triton/__init__.py": "backend = 'hip'\n"})
        _wheel(wheels, "triton", "3.6.0", {"triton/__init__.py": "backend = 'cuda'\n"})
        _wheel(wheels, "torch", "2.9.1", {"torch/__init__.py": ""}, requires=[f"{ROCM}==3.5.1"])
        _wheel(wheels, "plain", "1", {"plain.py": ""}, requires=["torch", "triton>=3.0.0"])
        _wheel(wheels, "named", "1", {"named.py": ""}, requires=["torch", f"{ROCM}>=3.0.0"])
        plain, named = (_backend_after(uv, Path(scratch), wheels, name) for name in ("plain", "named"))
    assert named == "hip", named
    return Seen(plain != "hip", f"import triton gives the {plain} build after `triton>=3.0.0`, {named} after `{ROCM}`")


def _backend_after(uv: str, scratch: Path, wheels: Path, package: str) -> str:
    """The build that ``import triton`` finds after torch, and then ``package``, were installed."""
    home = scratch / package
    python = str(home / "bin" / "python")
    commands.run([uv, "venv", "--quiet", "--python", sys.executable, str(home)])
    for name in ("torch", package):
        commands.run(
            [uv, "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels), "--python", python, name]
        )
    code = "import triton; print(triton.backend)"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _wheel(folder: Path, name: str, version: str, files: dict, requires: tuple = ()) -> None:
    """Write a wheel of nothing but ``files`` and metadata."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    contents = {
        **files,
        f"{stem}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in contents.items()]
    contents[f"{stem}.dist-info/RECORD"] = "\n".join([*record, f"{stem}.dist-info/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


INCIDENT = Incident(
    title="two distributions own triton/ on ROCm",
    reference="state-spaces/mamba#595",
    symptom="on ROCm, kernels fail with 'no HIP backend' or CUDA errors after an installation that reported success",
    affected="pytorch-triton-rocm (to 3.5.1) and triton-rocm beside a requirement of triton; no matter of Triton",
    observations=(Observation("build", install_both, EVERY),),
)
