"""One configuration in this Python's Triton, stage by stage: what each left, and what it makes of another release's.

``python -m triton_matrix.codegen.stages REQUEST.json`` runs inside one release's environment; the verbs of
``releases/`` write the request and read the answer. Each compilation has a process of its own, which LLVM may end.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

from ..base import env_vars, files, targets
from ..launches import hook, kernel_source, launch_file, loading, naming, signing, tuned
from ..launches.configuration import Configuration
from . import adapters, compile, ptxas
from .cli import check_release, installed_triton
from .compile import Result
from .worker import Job, Printed, surviving_crashes

# Of one release's metadata, what its earlier stages decided and the later stages of another must take over.
_DECIDED = (
    "shared",
    "num_warps",
    "name",
    "cluster_dims",
    "tmem_size",
    "global_scratch_size",
    "global_scratch_align",
    "profile_scratch_size",
    "profile_scratch_align",
)
_TOO_NEW = re.compile(r"Unsupported \.version (\d+\.\d+); current version is '(\d+\.\d+)'")


def main(argv: Sequence[str]) -> int:
    """Answer one request. Exit status 0, or 2 with one sentence when it cannot be asked.

    The request: ``folder`` to leave the stages in; ``launches`` or ``atlas`` with ``root``, and ``target``, ``label``;
    or the ``configuration`` itself; ``release``, the Triton that is meant; ``swaps``, each with ``name``, ``stage``,
    ``file`` and ``metadata``. The answer, ``answer.json`` in the folder, has the configuration, the release,
    the kernel's ``source``, ``own`` and one result per swap.
    """
    request = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    os.environ.pop(env_vars.INTERPRET, None)  # it would hand out interpreted functions, which cannot be compiled
    try:
        if "release" in request:
            check_release(request["release"], installed_triton())
        configuration = chosen(request)
        loader = loading.Loader(targets.parse(configuration.target), torch_version=request.get("torch"))
        function = loader.load(configuration.kernel)
        configuration = _settled(configuration, function)
        signing.sign(loading.unwrap(function), configuration.args, configuration.constexprs, configuration.hints)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    answer(configuration, function, Path(request["folder"]), request.get("swaps", []), request.get("own", True))
    return 0


def chosen(request: dict[str, Any]) -> Configuration:
    """The one configuration that a request names.

    Raises:
        ValueError: none or several fit; the sentence lists those there are.
    """
    if "configuration" in request:
        return Configuration.of(request["configuration"])
    if request.get("launches"):
        configurations = launch_file.expand_all(Path(request["launches"]), [request["target"]])
    else:
        configurations = hook.configurations(request["atlas"], Path(request["root"]), [request["target"]])
    wanted = request.get("label") or ""
    fitting = [each for each in configurations if not wanted or _fits(wanted, each)]
    if len(fitting) == 1:
        return fitting[0]
    labels = ", ".join(each.label for each in (fitting or configurations))
    if not fitting:
        raise ValueError(f"kernel is {wanted!r}; allowed are, for {request['target']}: {labels}")
    asked = f"kernel is {wanted!r}, which is" if wanted else "the launch file has"
    raise ValueError(f"{asked} {len(fitting)} configurations; name one with its label: {labels}")


def _fits(wanted: str, configuration: Configuration) -> bool:
    return naming.fits(wanted, naming.kernel(configuration.kernel), configuration.settings, configuration.target)


def _settled(configuration: Configuration, function: Any) -> Configuration:
    """The configuration with what a tuner and heuristics around the kernel set.

    Raises:
        ValueError: a tuner has several, and the launch file leaves more than one of them.
    """
    points = tuned.expand(function, configuration)
    if len(points) > 1:
        raise ValueError(
            f"the kernel is tuned, and the launch leaves {len(points)} of its configurations; set what tells one"
            f" from the others under [constexprs] and [options]: {'; '.join(','.join(point.shown) for point in points)}"
        )
    return tuned.labelled(configuration, points[0])


def answer(configuration: Configuration, function: Any, folder: Path, swaps: list[Any], own: bool = True) -> None:
    """Compile what is asked, leave the stages in ``folder``, and ``answer.json`` last.

    Args:
        swaps: each with the ``name`` its stages are left under, the ``stage`` that ``file`` holds another release's
            result of, and that release's ``metadata`` after it.
        own: compile the configuration itself too; otherwise the folder has that from an earlier call.
    """
    import triton

    folder.mkdir(parents=True, exist_ok=True)
    target = targets.parse(configuration.target)
    jobs = [_own(configuration, function, folder)] if own else []
    jobs += [_swap(configuration, swap, folder) for swap in swaps]
    results = [result for job in jobs for result in surviving_crashes([job])]
    compile.measure([(target, result) for result in results])
    names = [*(["own"] if own else []), *(swap["name"] for swap in swaps)]
    files.write_json(
        folder / "answer.json",
        {
            "triton": triton.__version__,
            "source": kernel_source.of(loading.unwrap(function)),
            "configuration": dataclasses.asdict(configuration),
            "results": {name: _told(result) for name, result in zip(names, results)},
        },
    )


def _told(result: Result) -> dict[str, Any]:
    return {
        "status": result.status,
        "reason": result.reason,
        "metrics": result.metrics,
        "crash": result.crash,
        "unanswered": result.unanswered,
        "note": result.note,
        "cpu_seconds": round(result.cpu_seconds, 3),
    }


def _own(configuration: Configuration, function: Any, folder: Path) -> Job:
    return lambda printed: compile.compile_stages(
        function,
        configuration.args,
        configuration.constexprs,
        configuration.options,
        configuration.hints,
        targets.parse(configuration.target),
        _keeper(folder, "own"),
        printed=printed,
    )


def _swap(configuration: Configuration, swap: dict[str, Any], folder: Path) -> Job:
    """A job that runs this release's later stages on what another release's earlier ones left."""
    target = targets.parse(configuration.target)

    def swapped(printed: Printed) -> Result:
        import triton

        why = compile.unknown_to(target, triton.__version__)
        if why:
            return Result("n/a", reason=why)
        adapter, _ = adapters.choose(triton.__version__)
        decided = {name: value for name, value in swap["metadata"].items() if name in _DECIDED}
        noted = folder / f"own.{swap['stage']}.metadata.json"
        own = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else {}
        metadata = {**own, **decided} if swap["stage"] in adapters.TEXT_STAGES else {**decided, **own}
        path, note = Path(swap["file"]), ""
        start = time.perf_counter()
        while True:
            with ptxas.listening(adapter.tool) as heard:
                try:
                    keep = _keeper(folder, swap["name"])
                    compiled = adapter.resume(swap["stage"], path, configuration.options, target, metadata, keep)
                    break
                except Exception as problem:  # whatever the compiler raises is the answer
                    lowered = _older_ptx(path, str(heard)) if swap["stage"] == "ptx" and not note else None
                    if lowered is None:
                        return compile.failed(problem, str(heard), printed())
            path = folder / f"{swap['name']}.lowered.ptx"
            files.write_text(path, lowered[0])
            note = lowered[1]
        result = compile.compiled_result(compiled, str(heard), printed(), time.perf_counter() - start)
        result.note = note
        return result

    return swapped


def _older_ptx(path: Path, refusal: str) -> Optional[tuple[str, str]]:
    """The PTX with the version that an older ptxas allows, and a remark; None where that is not why it refused.

    Triton sets this line itself, from the ptxas it finds.
    """
    match = _TOO_NEW.search(refusal)
    if not match:
        return None
    newer, older = match.groups()
    text = path.read_text(encoding="utf-8").replace(f".version {newer}", f".version {older}", 1)
    return text, f"with its .version lowered from {newer} to {older}"


def _keeper(folder: Path, name: str) -> Callable[[str, Any, dict[str, Any]], None]:
    """Leaves each stage as ``<name>.<stage>``; of the release's own, what of the metadata is plain data beside it."""

    def keep(stage: str, content: Any, metadata: dict[str, Any]) -> None:
        with files.replacing(folder / f"{name}.{stage}") as scratch:
            scratch.write_bytes(content if isinstance(content, bytes) else content.encode())
        if name == "own":
            plain = {key: value for key, value in metadata.items() if _is_plain(value)}
            files.write_json(folder / f"{name}.{stage}.metadata.json", plain)

    return keep


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, str))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
