"""rocm-smi exits 0, and may even print, where there is no AMD GPU: neither proves one."""

import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path

from triton_matrix.base.cells import find_root

from .incident import EVERY, Incident, Observation, Seen

# Word for word what two rocm-smi print on a machine without an AMD GPU, and both exit 0.
DEBIAN_523 = "echo 'ERROR:root:Driver not initialized (amdgpu not found in modules)' >&2"
WITHOUT_LIBRARY = "echo 'cat: /sys/module/amdgpu/initstate: No such file or directory'; echo 'Unable to load library'"


def probe() -> Seen:
    """A probe by exit status takes both for a GPU; the build's own probe takes neither."""
    fooled = []
    for body in (DEBIAN_523, WITHOUT_LIBRARY):
        with tempfile.TemporaryDirectory() as folder:
            tool = Path(folder) / "rocm-smi"
            tool.write_text(f"#!/bin/sh\n{body}\nexit 0\n")
            tool.chmod(0o755)
            fooled.append(subprocess.run([tool], capture_output=True, check=False).returncode == 0)
            environ = {"PATH": os.pathsep.join([folder, "/usr/bin", "/bin"])}
            # an empty root and no site directory: only the tool on PATH is left to be asked
            found = _build_helpers().detect_platform(environ=environ, root=folder, site_directories=[])
            assert found.platform != "rocm", found
    return Seen(all(fooled), "exit status 0 from both without a GPU; the build's own probe finds no ROCm in either")


def _build_helpers():
    spec = importlib.util.spec_from_file_location("build_helpers_of_incident", find_root() / "build_helpers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INCIDENT = Incident(
    title="rocm-smi succeeds without a GPU",
    reference="linkedin/Liger-Kernel#460 (its probe), #538",
    symptom="the dependencies of ROCm on a machine without an AMD GPU",
    affected="rocm-smi 5.2.3 of Debian, and those of 2025 without their library; no matter of Triton",
    observations=(Observation("build", probe, EVERY),),
)
