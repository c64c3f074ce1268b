"""Both releases compile the configuration and finish what the other left: what ``explain`` judges by."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ...base import commands, compiler_variables, files
from ...launches import Configuration, kernel_source
from . import statistics
from .judging import STEPS, Outcome, Swap

ANSWER = "answer.json"
SECONDS = 1800.0  # loading, and some thirty compilations


@dataclass(frozen=True)
class Both:
    """What two releases made of one configuration.

    Attributes:
        configuration: as codegen.Configuration has it, with its ``label`` and ``id``.
        own: each release's own outcome.
        swaps: every swap, both ways.
        folders: where each release left its stages, ``own.ttir`` and so on.
        source: what differs in the kernel's own source, as of ``kernel_source.differences``.
    """

    configuration: dict[str, Any]
    own: dict[str, Outcome]
    swaps: tuple[Swap, ...]
    folders: dict[str, Path]
    source: list[list[str]]

    def text(self, release: str, stage: str) -> Optional[str]:
        """What a release left of a stage; None where it did not come that far, or the stage is no text."""
        path = self.folders[release] / f"own.{stage}"
        return path.read_text(encoding="utf-8") if path.is_file() and stage != "cubin" else None


def compile_both(
    asked: Mapping[str, Any], pythons: Mapping[str, Path], folder: Path, imported: Optional[Path] = None
) -> Both:
    """Compile in two releases and swap at every stage.

    Args:
        asked: which configuration, as ``codegen.stages`` takes it: launches or atlas with root, target, label.
        pythons: the Python of each release's environment, the earlier release first.
        folder: a scratch folder that the stages are left in.
        imported: a folder to import the kernel from.

    Raises:
        ValueError: the configuration cannot be asked; the environment's own sentence.
        commands.ToolError: the environment's process failed otherwise.
    """
    (one, first), (other, second) = pythons.items()
    asked = {**asked, "release": one}
    folders = {one: folder / "1", other: folder / "2"}
    for left in [path for each in folders.values() for path in each.glob("own.*")]:
        left.unlink()  # stages of an earlier call that --keep left
    answer = ask(first, {**asked, "folder": str(folders[one])}, imported)
    chosen = answer["configuration"]
    backend = str(chosen["target"]).partition(":")[0]
    by_release = {one: answer["results"]}
    given = _swaps(backend, folders[one])
    asked = {"configuration": chosen, "release": other, "folder": str(folders[other]), "swaps": given}
    newer = ask(second, asked, imported)
    by_release[other] = newer["results"]
    back = {
        "configuration": chosen,
        "release": one,
        "folder": str(folders[one]),
        "own": False,
        "swaps": _swaps(backend, folders[other]),
    }
    by_release[one] = {**by_release[one], **ask(first, back, imported)["results"]}
    own = {release: _outcome(results["own"]) for release, results in by_release.items()}
    swaps = [
        Swap(name, other if by == one else one, by, _outcome(result))
        for by, results in by_release.items()
        for name, result in results.items()
        if name != "own"
    ]
    order = list(STEPS[backend])
    swaps.sort(key=lambda swap: order.index(swap.stage))
    named = Configuration.of(chosen)
    called = {**chosen, "label": named.label, "id": named.id}
    return Both(called, own, tuple(swaps), folders, kernel_source.differences(answer["source"], newer["source"]))


def ask(python: Path, request: Mapping[str, Any], imported: Optional[Path] = None) -> dict[str, Any]:
    """The answer of ``codegen.stages`` in an environment.

    Raises:
        ValueError, commands.ToolError: as of :func:`compile_both`.
    """
    folder = Path(request["folder"])
    (folder / ANSWER).unlink(missing_ok=True)  # of an earlier call: what does not answer now must not look as if it had
    files.write_json(folder / "request.json", request)
    command = [str(python), "-m", "triton_matrix.codegen.stages", str(folder / "request.json")]
    path = os.pathsep.join(filter(None, [str(imported) if imported else None, os.environ.get("PYTHONPATH")]))
    env = {
        **compiler_variables.without(os.environ),
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = commands.captured(command, cwd=folder, env=env, timeout_s=SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{python} took more than {SECONDS:g} s to load and compile the kernel") from None
    if done.returncode == 2:
        raise ValueError(done.stderr.strip())
    if not done.returncode and not (folder / ANSWER).is_file():
        raise ValueError(f"{python} ended with status 0 before it had an answer: does the kernel's module end it?")
    if done.returncode:
        raise commands.ToolError(command, done.returncode, "\n".join(done.stderr.splitlines()[-commands.TAIL_LINES :]))
    answer: dict[str, Any] = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    for result in answer["results"].values():
        if result["unanswered"]:
            raise ValueError(f"triton {answer['triton']} has no answer: {result['reason']}")
    return answer


def stops(both: Both) -> Optional[str]:
    """The first stage that a release which does not compile could not make; None where both compile."""
    for release, own in both.own.items():
        if own.status != "ok":
            left = both.folders[release]
            steps = STEPS[str(both.configuration["target"]).partition(":")[0]]
            return next((stage for stage in steps if not (left / f"own.{stage}").is_file()), None)
    return None


def same_stages(both: Both) -> list[str]:
    """The stages up to which both releases' texts are the same, what says nothing about the code aside."""
    stages = []
    one, other = both.folders
    for stage in list(STEPS[str(both.configuration["target"]).partition(":")[0]])[:-1]:
        texts = [both.text(release, stage) for release in (one, other)]
        if texts[0] is None or texts[1] is None:
            break
        if statistics.plain(stage, texts[0]) == statistics.plain(stage, texts[1]):
            stages.append(stage)
    return stages


def _swaps(backend: str, folder: Path) -> list[dict[str, Any]]:
    """What another release is given to finish: every stage but the last that a release left in its folder."""
    swaps = []
    for stage in list(STEPS[backend])[:-1]:
        path = folder / f"own.{stage}"
        if path.is_file():
            noted = json.loads((folder / f"own.{stage}.metadata.json").read_text(encoding="utf-8"))
            swaps.append({"name": stage, "stage": stage, "file": str(path), "metadata": noted})
    return swaps


def _outcome(result: Mapping[str, Any]) -> Outcome:
    return Outcome(result["status"], result["reason"], result["note"], result["metrics"])
