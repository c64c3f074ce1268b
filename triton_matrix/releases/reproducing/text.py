"""A reproduction as text: the file, and the words of an upstream issue about it."""

from __future__ import annotations

import difflib
import inspect
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...base import cells, display_text, versions
from ...base.targets import Target
from . import metric_patterns, parts

COMPILES, VALUES = "compiles", "values"
Pieces = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Finding:
    """What a reproduction shows.

    Attributes:
        title: one line: what differs, between which releases.
        what: COMPILES, VALUES, or the metric.
        expected, seen: a sentence each.
        diagnostic: the compiler's own words, or "".
        kernel: what the kernel is called in the file.
    """

    title: str
    what: str
    expected: str
    seen: str
    diagnostic: str
    kernel: str


@dataclass(frozen=True)
class Look:
    """How the file looks at a Triton: names that it uses, functions that it is pasted from, and its own lines.

    Attributes:
        constants: name -> expression.
        pasted: functions and classes of ``parts``, or their text.
        lines: what is written behind the kernel.
        before: what is written before Triton is imported.
        numpy: whether it is used.
    """

    constants: Mapping[str, str]
    pasted: Sequence[Any]
    lines: str
    before: str = ""
    numpy: bool = False


def compiled(
    rows: Sequence[cells.Release], sources: Mapping[str, str], options: Mapping[str, Any], target: Target, metric: str
) -> Look:
    """Look at what the compiler makes of it.

    Args:
        sources: release -> the expression of what it compiles.
        metric: COMPILES, or one of ``metric_patterns``.
    """
    backend = target.backend
    lines = ["def kernel_compiled():", f'    """The kernel, compiled for {target.name}. No GPU is needed."""']
    lines += ["    from triton.compiler import compiler", ""]
    for row in rows[:-1]:
        if sources[row.name] != sources[rows[-1].name] or _generation(row) != _generation(rows[-1]):
            lines += [f"    if RELEASE == {row.triton!r}:"]
            lines += textwrap.indent(_call(row, target, options, sources[row.name]), " " * 8).splitlines()
    lines += textwrap.indent(_call(rows[-1], target, options, sources[rows[-1].name]), " " * 4).splitlines()
    generations = dict.fromkeys(_generation(row) for row in rows)
    how = "\n\n\n".join(_COMPILE[each] for each in generations)
    read = metric_patterns.of(metric, backend) if metric != COMPILES else {}
    pasted = [parts.look_compiled, *([parts.said_of_cuda] if backend == "cuda" and read else [])]
    before = 'CACHE = tempfile.TemporaryDirectory()\nos.environ["TRITON_CACHE_DIR"] = CACHE.name'
    if backend == "hip":  # releases before 3.5 have no linker; nothing is linked here
        before += '\nos.environ.setdefault("TRITON_HIP_LLD_PATH", "/bin/true")'
    return Look(
        {"TARGET": repr(target.name), "READ": _dict({name: tuple(each) for name, each in read.items()})},
        pasted,
        f"{how}\n\n\n" + "\n".join(lines) + "\n\n\nlook = look_compiled",
        before,
    )


def computed(args: Mapping[str, str], tensors: Mapping[str, str], grid: Sequence[int], fills: Sequence[Any]) -> Look:
    """Look at what Triton's interpreter computes.

    Args:
        args: parameter -> expression, constexprs among them; a tensor's is left out.
        tensors: parameter -> expression of its :class:`parts.Tensor`.
        fills: what those expressions call.
    """
    inside = "".join(f"    {name!r}: {text},\n" for name, text in tensors.items())
    given = "".join(f", {name}={text}" for name, text in args.items())
    lines = f"LAUNCHED = {{\n{inside}}}\n\n\ndef launched():\n"
    lines += f'    """The launch."""\n    KERNEL[{tuple(grid)!r}](**LAUNCHED{given})\n\n\nlook = look_computed'
    before = 'os.environ["TRITON_INTERPRET"] = "1"'
    return Look({}, [parts.look_computed, parts.Dtype, parts.Tensor, parts.encoded, *fills], lines, before, True)


def file(finding: Finding, rows: Sequence[cells.Release], pieces: Mapping[str, Pieces], look: Look, called: str) -> str:
    """The whole file.

    Args:
        pieces: release -> the kernel as that release has it.
        called: the file's own name.
    """
    said = [finding.title, "", f"Expected: {finding.expected}", f"Seen: {finding.seen}"]
    said += ["", *finding.diagnostic.splitlines()] if finding.diagnostic else []
    said += ["", f"`uv run {called}` looks with each Triton of the list below."]
    said += [f"`python {called} here` looks with the Triton of that Python."]
    head = textwrap.indent("\n".join(said), "# ").replace("# \n", "#\n").splitlines()
    wanted = "\n".join([*(line.rstrip() if line.strip() else "#" for line in head)])
    needs = "".join(f'# "triton {row.name}" = {_needs(row)}\n' for row in rows)
    constants = {"WHAT": repr(finding.what), **look.constants}
    script = f'# /// script\n# requires-python = ">=3.11"\n# dependencies = []\n#\n# [tool.reproduce]\n{needs}# ///'
    blocks = [
        f"{wanted}\n#\n{script}",
        "\n".join(f"{name} = {text}" for name, text in constants.items()),
        _source(parts.both),
        'if __name__ == "__main__" and sys.argv[1:] != ["here"]:\n    sys.exit(both())',
        look.before,
        _TRITON if not look.numpy else f"import numpy as np\n{_TRITON}",
        merged(pieces, rows[0].triton),
        f"KERNEL = {finding.kernel}" if finding.what == VALUES else "",
        *map(_source, look.pasted),
        look.lines,
        _source(parts.here),
        "here()",
    ]
    return "\n\n\n".join(_with_imports([each for each in blocks if each])) + "\n"


def merged(pieces: Mapping[str, Pieces], first: str) -> str:
    """The kernel as both releases have it; where its modules chose by release, so does the file."""
    one, other = ([(name, text) for name, text in each] for each in pieces.values())
    blocks = []
    for kind, low, high, start, end in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            blocks += [text for _, text in one[low:high]]
            continue
        earlier = "\n\n".join(text for _, text in one[low:high]) or "pass"
        later = "\n\n".join(text for _, text in other[start:end]) or "pass"
        indented = [textwrap.indent(text, "    ") for text in (earlier, later)]
        blocks.append(f"if RELEASE == {first!r}:\n{indented[0]}\nelse:\n{indented[1]}")
    return "\n\n\n".join(blocks)


def _needs(row: cells.Release) -> str:
    """What is needed to look at a release, as a TOML table on one line."""
    index = f', index = "{display_text.masked(row.index)}"' if row.index else ""
    return f'{{ python = "{row.python}", with = {json.dumps(requirements(row))}{index} }}'


def requirements(row: cells.Release) -> list[str]:
    """What a release needs to compile and interpret alone."""
    numpy = [] if any(each.startswith("numpy") for each in row.requires) else ["numpy"]
    return [row.requirement, *row.requires, *numpy]


def issue(finding: Finding, text: str, called: str, seen: Mapping[str, str], beside: Sequence[str]) -> str:
    """The words of an upstream issue, in Markdown.

    Args:
        text: the file.
        seen: release -> what the file printed with it.
        beside: names of the files beside it.
    """
    quoted = f"\n```\n{finding.diagnostic}\n```\n" if finding.diagnostic else ""
    ran = "\n".join(f"--- triton {release}\n{said.strip()}" for release, said in seen.items())
    attached = f"\nAttached: {', '.join(f'`{name}`' for name in beside)}.\n" if beside else ""
    return (
        f"### {finding.title}\n\n**Expected**: {finding.expected}\n\n**Seen**: {finding.seen}\n{quoted}\n"
        f"**Reproduce** (no GPU needed): save as `{called}`, then `uv run {called}`.\n\n"
        f"```\n{ran}\n```\n{attached}\n<details><summary>{called}</summary>\n\n```python\n{text}```\n\n</details>\n"
    )


def _source(part: Any) -> str:
    return part if isinstance(part, str) else textwrap.dedent(inspect.getsource(part)).rstrip()


def _dict(rows: Mapping[str, Any]) -> str:
    if not rows:
        return "{}"
    inside = "".join(f"    {name!r}: ({where!r}, r{pattern!r}),\n" for name, (where, pattern) in rows.items())
    return "{\n" + inside.replace("\\\\", "\\") + "}"


def _generation(row: cells.Release) -> str:
    return "2" if versions.key(row.triton) < versions.key("3.0.0") else "3"


def _call(row: cells.Release, target: Target, options: Mapping[str, Any], source: str) -> str:
    told = (target.backend, target.arch, target.warp_size)
    name = f"compiled_by_{_generation(row)}"
    return f"return {name}(\n    {told!r},\n    {dict(options)!r},\n    lambda BACKEND: {source},\n)"


_TRITON = """import triton
import triton.language as tl

RELEASE = triton.__version__.partition("+")[0]"""
_STANDARD = "base64 hashlib json os re subprocess sys tempfile tomllib traceback types zlib"


def _with_imports(blocks: Sequence[str]) -> list[str]:
    """The blocks with the imports that they use behind the first one."""
    whole = "\n".join(blocks)
    used = [f"import {name}" for name in _STANDARD.split() if re.search(rf"\b{name}\.", whole)]
    annotated = ["from typing import Any"] if re.search(r"\bAny\b", whole) else []
    return [blocks[0], "\n".join([*used, "from pathlib import Path", *annotated]), *blocks[1:]]


_COMPILE = {
    "3": '''def compiled_by_3(target, options, source):
    """triton.compile, which needs no GPU where it is told the target."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import make_backend

    target = GPUTarget(*target)
    return triton.compile(source(make_backend(target)), target=target, options=options)''',
    "2": '''def compiled_by_2(target, options, source):
    """The stages of triton.compile one by one: its last step, the launcher, needs a driver."""
    from triton.compiler.backends.cuda import CUDABackend

    backend, stages, asm = CUDABackend(target[:2]), {}, {}
    options = backend.parse_options(options)
    backend.add_stages(stages, options)
    source = source(backend)
    KERNEL_KEY = source.fn.cache_key  # a launch asks for it first, and may refuse
    metadata = {"ids_of_folded_args": (), **options.__dict__}
    module = source.make_ir(options)
    for name, stage in stages.items():
        module = stage(module, metadata)
        asm[name] = module if isinstance(module, bytes) else str(module)
        if name == "cubin":
            break
    return types.SimpleNamespace(asm=asm, metadata=types.SimpleNamespace(shared=metadata["shared"]))''',
}
