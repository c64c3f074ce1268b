"""setuptools: imported by a Triton that does not declare it, so that it cannot start in a lean environment."""

import os
import subprocess
import sys
from importlib import metadata

from .incident import Incident, Observation, Releases, Seen

WITHOUT_SETUPTOOLS = """
import sys
sys.modules["setuptools"] = None  # as where it is not installed
from incidents import setuptools_undeclared
setuptools_undeclared.compile_something()
"""


def compile_something() -> None:
    """Import Triton and compile a kernel."""
    from .compiling import stages
    from .fp64_scalar import reciprocal_roots

    assert stages(reciprocal_roots, {"X": "*fp32", "eps": "fp32"}, {"BLOCK": 8}, num_warps=1).status == "ok"


def import_it() -> Seen:
    """Import Triton and compile in a process that has no setuptools."""
    declared = any(each.startswith("setuptools") for each in metadata.requires("triton") or ())
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_SETUPTOOLS]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, check=False)
    said = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode != 0 and "setuptools" not in said:
        raise AssertionError(done.stderr[-800:])
    how = "declared" if declared else "not declared"
    return Seen(done.returncode != 0 and not declared, f"{how}; without it: {said[:120] or 'it compiles'}")


INCIDENT = Incident(
    title="setuptools imported but not declared",
    reference="triton-lang/triton#5090, #7192",
    symptom="ModuleNotFoundError: No module named 'setuptools' from import triton",
    affected="Triton 2.3.1 and before",
    note="The record names 2.3.1. Measured: 3.0.0, 3.1.0 and 3.2.0 import it too, and do not declare it either.",
    observations=(Observation("codegen", import_it, Releases(None, "3.2.0")),),
)
