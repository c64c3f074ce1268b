"""Wheels without what running a cell does not need: profilers, headers, static libraries, tests, debug symbols.

A slimmed wheel is a wheel again, with a RECORD that is right. Libraries that torch links against stay, profilers'
among them (libcupti): torch does not import without them.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Optional

from ..base import commands, files, sources

# pattern of a member's path (``*`` also crosses folders): why running does not need it
DROPPED = {
    "triton/profiler/*": "Proton, Triton's profiler",
    "triton/instrumentation/*": "Proton's compiler plugins",
    "triton/backends/nvidia/lib/cupti/*": "Proton's copy of NVIDIA's profiling library",
    "triton/backends/amd/lib/roctracer/*": "Proton's copy of AMD's profiling library",
    "torch/include/*": "headers for C++ extensions",
    "torch/share/cmake/*": "build files for C++ extensions",
    "torch/test/*": "torch's own tests",
    "torch/bin/*test*": "torch's own tests",
    "torch/bin/protoc*": "a compiler of protocol buffers",
    "caffe2/*": "a framework that torch no longer has",
    "nvidia/*/include/*": "headers of CUDA",
    "*.a": "static libraries",
    "*.debug": "debug symbols",
    "*.dwo": "debug symbols",
    "*.pdb": "debug symbols",
}
KEPT = ("torch/bin/torch_shm_manager",)
WORTH = 1 << 20  # bytes; packing a wheel again for less is not worth its time


def slim(wheels: Path) -> dict[str, str]:
    """Slim every wheel of a folder in place, and say for each that changed how large it was and is.

    Returns:
        name of each file that changed -> SHA-256 of what it was made from.
    """
    strip = shutil.which("strip")
    if strip is None:
        print("debug symbols inside libraries stay: there is no `strip` here (Debian: binutils)", flush=True)
    made_from = {}
    for path in sorted(wheels.glob("*.whl")):
        before, digest = path.stat().st_size, sources.sha256(path)
        if slim_wheel(path, strip):
            made_from[path.name] = digest
            print(f"{path.name}: {before / 1e6:,.1f} MB, now {path.stat().st_size / 1e6:,.1f} MB", flush=True)
    return made_from


def slim_wheel(path: Path, strip: Optional[str]) -> bool:
    """Pack the wheel at ``path`` again without what :data:`DROPPED` names and without debug symbols.

    Args:
        strip: the program that removes debug symbols; None leaves them.

    Returns:
        Whether it was worth it: at least WORTH bytes smaller. Where not, the wheel is left as it was.
    """
    with zipfile.ZipFile(path) as wheel, tempfile.TemporaryDirectory() as folder:
        stripped = _strip_all(wheel, strip, Path(folder)) if strip else {}
        dropped = {info.filename for info in wheel.infolist() if is_dropped(info.filename)}
        saved = sum(wheel.getinfo(name).file_size for name in dropped)
        saved += sum(wheel.getinfo(name).file_size - new.stat().st_size for name, new in stripped.items())
        if saved < WORTH:
            return False
        with files.replacing(path) as scratch:
            _pack(wheel, scratch, dropped, stripped)
    return True


def is_dropped(name: str) -> bool:
    """Whether a wheel's member is one that running does not need."""
    return name not in KEPT and any(fnmatch(name, pattern) for pattern in DROPPED)


def _strip_all(wheel: zipfile.ZipFile, strip: str, folder: Path) -> dict[str, Path]:
    """Member -> the same library without debug symbols, for those that have a megabyte of them or more."""
    libraries = {}
    for number, info in enumerate(wheel.infolist()):
        if ".so" not in Path(info.filename).name or is_dropped(info.filename) or info.file_size < WORTH:
            continue
        library = folder / str(number)
        with wheel.open(info) as source, library.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        if library.stat().st_size and _has_debug_sections(library):
            commands.run([strip, "--strip-debug", str(library)])
            if info.file_size - library.stat().st_size >= WORTH:
                libraries[info.filename] = library
                continue
        library.unlink()
    return libraries


def _has_debug_sections(library: Path) -> bool:
    """The names of an ELF file's sections are one string table, and these names stand in no other place so."""
    with library.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return False
        file.seek(0)
        tail = b""
        while data := file.read(1 << 22):
            if b"\0.debug_info\0" in tail + data:
                return True
            tail = data[-16:]
    return False


def _pack(wheel: zipfile.ZipFile, target: Path, dropped: set[str], replaced: dict[str, Path]) -> None:
    record = next(info.filename for info in wheel.infolist() if info.filename.endswith(".dist-info/RECORD"))
    listed = {line.split(",")[0]: line for line in wheel.read(record).decode("utf-8").splitlines() if line}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for info in wheel.infolist():
            if info.filename in dropped or info.filename == record:
                listed.pop(info.filename, None)
                continue
            fresh = zipfile.ZipInfo(info.filename, info.date_time)
            fresh.external_attr, fresh.compress_type = info.external_attr, zipfile.ZIP_DEFLATED
            digest, size = hashlib.sha256(), 0
            source = replaced[info.filename].open("rb") if info.filename in replaced else wheel.open(info)
            with source, out.open(fresh, "w", force_zip64=True) as member:
                while data := source.read(1 << 20):
                    digest.update(data)
                    size += member.write(data)
            if info.filename in replaced:
                hashed = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
                listed[info.filename] = f"{info.filename},sha256={hashed},{size}"
        out.writestr(record, "\n".join([*listed.values(), f"{record},,"]) + "\n")
