"""The launches that the verb ``values`` asks about, from files, folders or the package's atlas."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import commands, compiler_variables
from ..base.reads import Reads
from ..launches import naming


@dataclass(frozen=True)
class Launched:
    """One launch.

    Attributes:
        kernel: ``module:function``.
        settings: what tells it from the kernel's other launches.
        asked: as :func:`values.description.prepared` takes it; its name is the label.
    """

    kernel: str
    settings: tuple[str, ...]
    asked: dict[str, Any]

    @property
    def label(self) -> str:
        return naming.label(self.kernel, self.settings)


def of_files(paths: Iterable[Path]) -> list[Launched]:
    """The launches of files, and of every file below folders.

    Raises:
        ValueError: a file that is no launch, a folder without one, or two launches of one name.
    """
    found: dict[str, Launched] = {}
    for path in paths:
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        if not files:
            raise ValueError(f"{str(path)!r} is a folder without a launch")
        for file in files:
            each = _of_file(file)
            other = found.setdefault(each.label, each)
            if other != each:
                raise ValueError(f"{file} and another file are both called {each.label}")
    return list(found.values())


def _of_file(path: Path) -> Launched:
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in ("kernel", "reference"):
        module, _, function = str(content.get(key, "")).rpartition(":")
        if module.endswith(".py"):
            content[key] = f"{(path.resolve().parent / module).resolve()}:{function}"
    said = json.dumps({**content, "kernel": "", "reference": ""}, sort_keys=True)
    shown = [f"{name}={value}" for name, value in content.get("constexprs", {}).items()]
    settings = (*shown, f"#{hashlib.sha256(said.encode()).hexdigest()[:8]}")
    kernel = naming.kernel(content["kernel"])
    return Launched(kernel, settings, {**content, "name": naming.label(kernel, settings)})


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
    found = []
    for each in said["launches"]:
        kernel = naming.kernel(each["kernel"])
        settings = tuple(each["settings"])
        found.append(Launched(kernel, settings, {**each["asked"], "name": naming.label(kernel, settings)}))
    return found, said["read"]
