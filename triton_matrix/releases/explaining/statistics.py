"""What one stage's text holds, as counts that two releases can be compared by. Text only: no Triton is needed.

A dialect that was renamed between releases counts under its newest name, and source locations count nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Union

Value = Union[int, str]
_RENAMED = (("triton_nvidia_gpu.", "ttng."), ("triton_gpu.", "ttg."))
_LOCATION = re.compile(r" ?\bloc\((?:[^()\"]|\"[^\"]*\"|\((?:[^()]|\([^()]*\))*\))*\)")
_OPERATION = re.compile(r"^(?:%[\w:, %#]+ = )?\"?([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_.]*)\"?\b")
_LAYOUT = re.compile(r"^#(\w+) = #(?:ttg\.)?(\w+)<?(.*)$", re.MULTILINE)
_SIZE_PER_THREAD = re.compile(r"sizePerThread = \[([\d, ]*)\]")
_ATTRIBUTES = re.compile(r"(tt\.num_stages|loop\.stage|tt\.latency|tt\.warp_specialize|tt\.divisibility|num-warps\")")
_LLVM = re.compile(r"^(?:%[\w.]+ = |)(?:tail |musttail |notail )?([a-z_]+)\b")
_CALLED = re.compile(r"@(llvm\.[\w.]+)")
_ASM = re.compile(r"\basm (?:sideeffect )?\"([^\"]*)\"")
_MNEMONIC = re.compile(r"(?:@!?\S+\s+)?([a-z][a-z0-9_]*(?:\.[\w:]+)*)")
_KERNEL_ATTRIBUTE = re.compile(r"\"((?:nvvm\.|amdgpu-flat|amdgpu-waves|amdgpu-agpr|denormal)[\w.-]*)\"=\"([^\"]*)\"")
_DIRECTIVE = re.compile(r"^\.(version|target|maxntid|reqntid|minnctapersm|maxnreg|pragma)\s+(.*?);?$")
_VIRTUAL = re.compile(r"^\.reg \.(\w+)\s+%\w+<(\d+)>")


def of(stage: str, text: str) -> dict[str, Value]:
    """The counts of a stage's text by name; of what is no count (a directive's arguments) the text.

    Args:
        stage: "source", "ttir", "ttgir", "llir" or "ptx"; any other has none.
    """
    if stage in ("source", "ttir", "ttgir"):
        return _of_mlir(text)
    return _of_llvm(text) if stage == "llir" else _of_ptx(text) if stage == "ptx" else {}


def plain(stage: str, text: str) -> str:
    """The text with what says nothing about the code left out: locations, comments, debug metadata, names of values."""
    if stage in ("source", "ttir", "ttgir"):
        lines = _mlir_lines(text)
    elif stage == "llir":
        lines = [
            re.sub(r"(, !\w+ !\d+|!dbg !\d+| #\d+)", "", line)
            for line in text.splitlines()
            if not re.match("[!;]", line)
        ]
    else:
        lines = _ptx_lines(text)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def differences(before: Mapping[str, Value], after: Mapping[str, Value]) -> list[tuple[str, Value, Value]]:
    """Name and both values of what differs: texts first, then counts, the largest relative difference first."""

    def weight(row: tuple[str, Value, Value]) -> tuple[float, str]:
        _, old, new = row
        if isinstance(old, str) or isinstance(new, str):
            return -float("inf"), row[0]
        return -abs(new - old) / max(old, new, 1) * min(abs(new - old), 8), row[0]

    rows: list[tuple[str, Value, Value]] = []
    for name in {**before, **after}:
        given = before.get(name, after.get(name))
        nothing: Value = "" if isinstance(given, str) else 0
        old, new = before.get(name, nothing), after.get(name, nothing)
        if old != new:
            rows.append((name, old, new))
    return sorted(rows, key=weight)


def _mlir_lines(text: str) -> list[str]:
    for old, new in _RENAMED:
        text = text.replace(old, new)
    lines = []
    for line in text.splitlines():
        if line.startswith("#loc"):
            continue
        lines.append(_LOCATION.sub("", line))
    return lines


def _of_mlir(text: str) -> dict[str, Value]:
    counts: Counter[str] = Counter()
    lines = _mlir_lines(text)
    layouts = {name: f"{kind}<{rest}" for name, kind, rest in _LAYOUT.findall("\n".join(lines))}
    for line in lines:
        stripped = line.strip()
        operation = _OPERATION.match(stripped)
        if operation and operation.group(1) not in ("arith.constant", "tt.func", "tt.return", "tt.reduce.return"):
            counts[operation.group(1)] += 1
            if operation.group(1) in ("tt.load", "tt.store"):
                width = _width_of(stripped, layouts)
                if width:
                    counts[f"{operation.group(1)} of {width} a thread"] += 1
        for attribute in _ATTRIBUTES.findall(stripped):
            counts[f"attribute {attribute.strip(chr(34))}"] += 1
        if re.search(r"\bf64\b", stripped) and operation:
            counts["operations in f64"] += 1
        if "bf16" in stripped and operation and operation.group(1).startswith("arith.") and "ext" not in stripped:
            counts["arithmetic in bf16"] += 1
    if layouts:
        counts["layouts"] = len(layouts)
    return dict(counts)


def _width_of(line: str, layouts: Mapping[str, str]) -> str:
    """The elements that a thread holds side by side in the layout that a load or store names."""
    for name in re.findall(r"#(\w+)>", line):
        size = _SIZE_PER_THREAD.search(layouts.get(name, ""))
        if size:
            return f"[{size.group(1)}]"
    return ""


def _of_llvm(text: str) -> dict[str, Value]:
    counts: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if not line.startswith("  "):
            texts.update(_KERNEL_ATTRIBUTE.findall(stripped) if stripped.startswith("attributes") else ())
            counts["basic blocks"] += bool(re.match(r"[\w.$]+:", stripped))
            continue
        instruction = _LLVM.match(stripped)
        if not instruction:
            continue
        opcode = instruction.group(1)
        asm, called = _ASM.search(stripped), _CALLED.search(stripped)
        if opcode == "call" and asm:
            for name in _asm_mnemonics(asm.group(1)):
                counts[f"asm {name}"] += 1
        elif opcode == "call" and called:
            counts[f"call {called.group(1)}"] += 1
        elif opcode in ("load", "store"):
            space = re.search(r"addrspace\((\d+)\)", stripped)
            vector = re.search(r"<(\d+ x \w+)>", stripped)
            where = {"1": " global", "3": " shared"}.get(space.group(1), "") if space else ""
            counts[f"{opcode}{where}{f' <{vector.group(1)}>' if vector else ''}"] += 1
        else:
            counts[opcode] += 1
            if " double" in stripped and opcode.startswith("f"):
                counts["arithmetic in double"] += 1
    return {**texts, **counts}


def _asm_mnemonics(text: str) -> list[str]:
    names = []
    for statement in re.split(r";|\\0A|\n", text):
        match = _MNEMONIC.match(statement.replace("\\09", " ").strip(" \t{}$"))
        if match and "." in match.group(1) and not match.group(1).startswith("mov"):
            names.append(match.group(1))
    return names


def _ptx_lines(text: str) -> list[str]:
    body = text.split(".section\t.debug", 1)[0]
    lines = (line.partition("//")[0].strip() for line in body.splitlines())
    dropped = (".loc", ".file", "$L__tmp", "$L__func")
    return [" ".join(line.split()) for line in lines if line and not line.startswith(dropped)]


def _of_ptx(text: str) -> dict[str, Value]:
    counts: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for line in _ptx_lines(text):
        directive, virtual = _DIRECTIVE.match(line), _VIRTUAL.match(line)
        if directive:
            texts[f".{directive.group(1)}"] = directive.group(2)
        elif virtual:
            counts[f"virtual registers .{virtual.group(1)}"] += int(virtual.group(2)) - 1
        elif not line.startswith((".", "$", "{", "}", ")", "(")):
            match = _MNEMONIC.match(line)
            if match:
                counts[re.sub(r"\.(?:L[12]::\w+|b\d+|u\d+|s\d+)$", "", match.group(1))] += 1
    return {**texts, **counts}
