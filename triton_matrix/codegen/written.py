"""A kernel as the text of one file, from inside one release: ``python -m triton_matrix.codegen.written REQUEST.json``.

The request: ``kernel``, ``functions`` (references of further ones), ``torch``, ``target``, ``out``; with a
``configuration``, how this Triton is told of it is written too. The answer, at ``out``: ``triton``, ``name``,
``pieces`` (name and text), ``functions`` (name of each), and ``source``, the expression that this release compiles.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base import env_vars, files, targets
from ..launches import inlining, loading, signing
from ..launches.configuration import Configuration
from . import adapters


def main(argv: Sequence[str]) -> int:
    """Answer one request. Exit status 0, or 2 with one sentence when the kernel cannot be written."""
    request = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    os.environ.pop(env_vars.INTERPRET, None)  # an interpreted function has no source to compile
    try:
        files.write_json(Path(request["out"]), answered(request))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """The answer; ValueError where something of the kernel cannot be written, or it does not load."""
    loader = loading.Loader(targets.parse(request["target"]), torch_version=request.get("torch"))
    function = loader.load(request["kernel"])
    others = [loader.load(each) for each in request.get("functions", ())]
    import triton

    name, made = inlining.of(function, others)
    answer: dict[str, Any] = {"triton": triton.__version__, "name": name}
    answer["functions"] = [loading.unwrap(each).fn.__name__ for each in others]
    if "configuration" in request:
        asked = Configuration.of(request["configuration"])
        signature = signing.sign(loading.unwrap(function), asked.args, asked.constexprs, asked.hints, loader.load)
        adapter, _ = adapters.choose(triton.__version__)
        backend = adapter.backend(targets.parse(asked.target))
        answer["source"] = adapter.source_text(name, signature, backend, made.literal)
    answer["pieces"] = [[key, text] for key, text in made.pieces.items()]  # a constexpr may have added some
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
