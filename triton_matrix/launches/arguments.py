"""What a launch file says of an argument: checked, as a compiler is told it, and with what its memory holds.

An argument is a type (``"*fp32"``: enough to compile), a value, or a table of one key: ``tensor``, ``descriptor``,
``tuple`` or ``number``. docs/launches.md shows each.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .signing import DTYPES, POINTEE_TYPES, is_none

TENSOR = ("dtype", "shape", "strides", "offset", "storage", "fill", "unknown", "written", "scratch")
DESCRIPTOR = (*TENSOR, "block_shape", "padding")
FILE_LIMIT = 1 << 20  # bytes of a launch's compressed integers, all its files together
MEMORY_LIMIT = 1 << 26  # bytes of the integers of one tensor
_NUMBERS = ("nan", "inf", "-inf")
_FILE_NAME = re.compile(r"[0-9a-f]{16}\.bin")
_SIZES = {"shape": 0, "strides": 0, "block_shape": 1}  # lists of integers, and the least of each


class ArgumentError(ValueError):
    """What is said of an argument cannot be; one sentence that begins with where it stands."""


def check(where: str, value: Any) -> None:
    """Refuse a table that is no argument.

    Args:
        where: such as ``args.x_ptr``.

    Raises:
        ArgumentError: its key is unknown, or what stands there is not of its kind.
    """
    kind, content = _only(where, value)
    if kind == "number":
        if content not in _NUMBERS:
            raise ArgumentError(f"{where}.number is {content!r}; allowed are {', '.join(_NUMBERS)}")
    elif kind == "tuple":
        if not isinstance(content, list):
            raise ArgumentError(f"{where}.tuple is {content!r}; allowed is a list")
        for index, item in enumerate(content):
            if isinstance(item, Mapping):
                check(f"{where}[{index}]", item)
    else:
        _check_tensor(where, kind, content)


def _only(where: str, value: Mapping[str, Any]) -> tuple[str, Any]:
    allowed = ("tensor", "descriptor", "tuple", "number")
    if len(value) != 1 or next(iter(value)) not in allowed:
        raise ArgumentError(f"{where} is {value!r:.120}; allowed is a table of one of {', '.join(allowed)}")
    return next(iter(value.items()))


def _check_tensor(where: str, kind: str, about: Any) -> None:
    allowed = TENSOR if kind == "tensor" else DESCRIPTOR
    if not isinstance(about, Mapping):
        raise ArgumentError(f"{where}.{kind} is {about!r:.80}; allowed is a table of {', '.join(allowed)}")
    for key in about:
        if key not in allowed:
            raise ArgumentError(f"{where}.{kind} has {key!r}; allowed are {', '.join(allowed)}")
    if about.get("dtype") not in POINTEE_TYPES:
        raise ArgumentError(f"{where}.dtype is {about.get('dtype')!r}; allowed are {', '.join(POINTEE_TYPES)}")
    for key, least in _SIZES.items():
        needed = key == "shape" or (key == "block_shape" and kind == "descriptor")
        sizes = about.get(key, None if needed else [])
        if not isinstance(sizes, list) or not all(type(each) is int and each >= least for each in sizes):
            raise ArgumentError(f"{where}.{key} is {sizes!r}; allowed is a list of integers from {least} up")
    if len(about.get("strides", about["shape"])) != len(about["shape"]):
        raise ArgumentError(f"{where} has shape {about['shape']} and strides {about['strides']}; allowed are as many")
    offset = about.get("offset", 0)
    if type(offset) is not int or offset < 0:
        raise ArgumentError(f"{where}.offset is {offset!r}; allowed is an integer from 0 up, in elements")
    if type(about.get("scratch", False)) is not bool:
        raise ArgumentError(f"{where}.scratch is {about['scratch']!r}; allowed are true and false")
    fill = about.get("fill", {})
    if not isinstance(fill, Mapping) or (fill.get("kind") == "file" and not _is_file_name(fill.get("name"))):
        raise ArgumentError(f"{where}.fill is {fill!r:.120}; a file lies beside the launch and is called <digest>.bin")


def _is_file_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_FILE_NAME.fullmatch(name))


def compiled(value: Any) -> Any:
    """An argument as signing.py takes it: a type or a value; a tuple is a list."""
    if not isinstance(value, Mapping):
        return value
    ((kind, about),) = value.items()
    if kind == "tuple":
        return [compiled(item) for item in about]
    if kind == "number":
        return "fp32"
    if kind == "tensor":
        return f"*{about['dtype']}"
    return f"tensordesc<{about['dtype']}[{', '.join(map(str, about['block_shape']))}]>"


def told(value: Any) -> Any:
    """What a compiler is told of a value; two that give the same are the same to it."""
    if isinstance(value, (list, tuple)):
        return [told(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return (value == 1, value % 16 == 0, -(2**31) <= value < 2**31)
    return "fp32" if isinstance(value, float) else value


def is_aligned(value: Any) -> bool:
    """Whether an argument is a tensor whose address is a multiple of 16: its storage's is."""
    about = value.get("tensor") if isinstance(value, Mapping) else None
    return about is not None and about.get("offset", 0) * itemsize(about["dtype"]) % 16 == 0


def itemsize(dtype: str) -> int:
    """Bytes of an element of a type as signatures spell it: 2 of ``fp16``, 1 of ``i1`` and ``fp8e5``."""
    match = re.match(r"[a-z]+(\d+)", dtype)
    assert match is not None
    return max(1, int(match[1]) // 8)


def described(where: str, value: Any, read: Callable[[str], bytes], seed: int) -> Any:
    """An argument as ``values`` takes it (values/description.py), with what its memory holds.

    Args:
        read: the content of a file beside the launch.
        seed: of floats of which nothing says what they are.

    Raises:
        ArgumentError: only a type is said, or what an integer tensor holds is not.
    """
    if is_none(value):
        return None
    if isinstance(value, str):
        raise ArgumentError(f"{where} is {value!r}, a type only; computing needs a value or {{tensor = ...}}")
    if not isinstance(value, Mapping):
        return value
    ((kind, about),) = value.items()
    if kind == "number":
        return value
    if kind == "tuple":
        return {kind: [described(f"{where}[{at}]", each, read, seed + at + 1) for at, each in enumerate(about)]}
    if "unknown" in about:
        raise ArgumentError(f"{where}: {about['unknown']}")
    fill = about.get("fill")
    if fill is None and "storage" in about and about["storage"] != where.partition(".")[2]:
        return {kind: {key: item for key, item in about.items() if key != "written"}}  # another one fills it
    if fill is None:
        if about["dtype"][0] in "iu":
            raise ArgumentError(f"{where} is of integers and has no fill; what they mean is not guessed: say one")
        fill = {"kind": "normal", "mean": 0.0, "deviation": 1.0, "seed": seed}
    elif fill.get("kind") == "file":
        fill = {"kind": "bits", "data": base64.b64encode(_checked(where, fill, read)).decode("ascii")}
    return {kind: {**{key: item for key, item in about.items() if key != "written"}, "fill": fill}}


def _checked(where: str, fill: Mapping[str, Any], read: Callable[[str], bytes]) -> bytes:
    """The content of a fill's file, compressed as it lies there."""
    try:
        content = read(fill["name"])
    except OSError as problem:
        raise ArgumentError(f"{where}.fill names {fill['name']}; {problem.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != fill.get("digest"):
        raise ArgumentError(
            f"{where}.fill names {fill['name']}, whose digest is {digest[:16]}..., not that of the fill"
        )
    return content


def kept(content: bytes) -> tuple[str, bytes, dict[str, Any]]:
    """The name and content of the file that keeps these elements, and the fill that names it."""
    packed = zlib.compress(content, 9)
    digest = hashlib.sha256(packed).hexdigest()
    name = f"{digest[:16]}.bin"
    return name, packed, {"kind": "file", "name": name, "digest": digest}


def constexpr(where: str, value: Any) -> Any:
    """A constexpr of one value as ``values`` takes it."""
    if is_none(value):
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"(?:tl|triton\.language|torch)\.(\w+)", value)
        return {"dtype": _short(DTYPES[match[1]])} if match and match[1] in DTYPES else value
    if isinstance(value, Mapping):
        ((kind, content),) = value.items()
        if kind == "tuple":
            return {kind: [constexpr(where, item) for item in content]}
        return content if kind == "text" else dict(value)
    return value


def _short(language: str) -> str:
    """``fp16`` of ``float16``, ``i32`` of ``int32``: as signatures spell it."""
    for long, short in (("bfloat", "bf"), ("float", "fp"), ("uint", "u"), ("int", "i")):
        if language.startswith(long):
            return short + language[len(long) :]
    return language


def folder_reader(folder: Path) -> Callable[[str], bytes]:
    """What reads the files beside the launches of a folder; more than FILE_LIMIT bytes are not read."""

    def read(name: str) -> bytes:
        with (folder / name).open("rb") as opened:
            return opened.read(FILE_LIMIT + 1)

    return read
