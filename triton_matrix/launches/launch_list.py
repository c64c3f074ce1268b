"""The launches that a verb asks about, from launch files or the hook of the package's atlas."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import commands, compiler_variables
from ..base.reads import Reads
from . import describing, launch_file, naming


@dataclass(frozen=True)
class Launched:
    """One launch.

    Attributes:
        kernel: ``module:function``.
        settings: what tells it from the kernel's other launches.
        asked: as :func:`values.description.prepared` takes it; its name is the label.
        refused: why it cannot be computed, in any release; "" where it can.
    """

    kernel: str
    settings: tuple[str, ...]
    asked: dict[str, Any]
    refused: str = ""

    @property
    def label(self) -> str:
        return naming.label(self.kernel, self.settings)


def of_files(paths: Iterable[Path]) -> list[Launched]:
    """The launches of launch files, and of every one below folders.

    A launch is called after its kernel, its file and a digest of what it asks: one that is edited is another one.

    Raises:
        LaunchError: as of :func:`describing.describe`.
        ValueError: two launches of one name.
    """
    by_label: dict[str, Launched] = {}
    for path in paths:
        described = describing.describe(path)
        launches = [_of(each["name"], each["kernel"], each) for each in described.launches]
        for name, why in described.refused.items():
            file = path / f"{name}.toml" if path.is_dir() else path
            launches.append(_of(name, launch_file.read(file)["kernel"], {}, why))
        for each in launches:
            if each.label in by_label:
                raise ValueError(f"two launches are called {each.label}")
            by_label[each.label] = each
    return list(by_label.values())


def _of(name: str, reference: str, asked: Mapping[str, Any], refused: str = "") -> Launched:
    own = {key: value for key, value in asked.items() if key not in ("name", "kernel", "reference")}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:8]
    kernel, settings = naming.kernel(reference), (name, f"#{digest}")
    return Launched(kernel, settings, {**asked, "name": naming.label(kernel, settings)}, refused)


def of_hook(reference: str, root: Path, python: str, folder: Path) -> tuple[list[Launched], Reads]:
    """The launches that a package's hook gives, and what it reads for that.

    Args:
        python: that of a release: a hook may ask for its Triton.
        folder: for the file that passes them on.

    Raises:
        ValueError: the hook cannot be asked.
    """
    out = folder / "asked.json"
    path = os.pathsep.join([str(root), str(Path(__file__).parents[2])])
    command = [python, "-m", "triton_matrix.launches.hook", reference, str(root), str(out)]
    done = commands.captured(command, env={**compiler_variables.without(os.environ), "PYTHONPATH": path})
    if done.returncode:
        raise ValueError((done.stderr.strip().splitlines() or [f"atlas is {reference!r}, which cannot be asked"])[-1])
    said = json.loads(out.read_text(encoding="utf-8"))
    launches = []
    for each in said["launches"]:
        kernel = naming.kernel(each["kernel"])
        settings = tuple(each["settings"])
        launches.append(Launched(kernel, settings, {**each["asked"], "name": naming.label(kernel, settings)}))
    return launches, said["read"]
