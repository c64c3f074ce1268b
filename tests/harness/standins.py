"""Stand-in wheels, a loopback index and a tiny checkout: the names and versions of the real ones, few bytes each."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import os
import sys
import threading
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Optional, Union

TRITON = {"triton/__init__.py": "__version__ = '3.7.0'\n"}
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
TABLE = f"""
[package]
name = "tiny"
kernels = false

[cell.small]
python = "{HERE}"
torch = "2.7.1"
triton = "3.3.1"
platforms = ["cuda"]
requires = []
why = "quick: its torch and Triton are stand-ins, all else is real"
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "0.1.0"
dependencies = ["torch", "triton"]

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
"""
# with setuptools it takes a second to build, and every provided cell needs this wheel
BACKEND = """
import pathlib
import zipfile

REQUIRES = ["torch", "triton"]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    requires = "".join(f"Requires-Dist: {each}\\n" for each in REQUIRES)
    files = {path.as_posix(): path.read_text() for path in pathlib.Path("tiny").rglob("*.py")}
    files["tiny-0.1.0.dist-info/METADATA"] = f"Metadata-Version: 2.1\\nName: tiny\\nVersion: 0.1.0\\n{requires}"
    files["tiny-0.1.0.dist-info/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files["tiny-0.1.0.dist-info/RECORD"] = "".join(f"{name},,\\n" for name in [*files, "tiny-0.1.0.dist-info/RECORD"])
    with zipfile.ZipFile(pathlib.Path(wheel_directory, "tiny-0.1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "tiny-0.1.0-py3-none-any.whl"
"""


def write_checkout(root: Path, table: str = TABLE, **files: str) -> None:
    """A package ``tiny`` with the one cell ``small``.

    Args:
        files: path -> text, of further files, or of others in place of these.
    """
    usual = {
        "constraints/cells.toml": table,
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "tiny/__init__.py": "",
    }
    for name, text in {**usual, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def write_uv_config(home: Path, address: str) -> None:
    """Make ``address`` uv's default index, which is no user's own setting, where XDG_CONFIG_HOME is ``home``."""
    (home / "uv").mkdir(parents=True, exist_ok=True)
    (home / "uv" / "uv.toml").write_text(f'[[index]]\nurl = "{address}"\ndefault = true\n')


def torch_files(**says: str) -> dict[str, str]:
    """The files of a torch whose version.py says, for example, ``hip="7.0"``; what is not named is None there."""
    lines = [f"{name} = {says.get(name)!r}" for name in ("__version__", "cuda", "hip", "xpu")]
    return {"torch/__init__.py": "from .version import __version__\n", "torch/version.py": "\n".join(lines) + "\n"}


SEES_A_GPU = """
import os
from . import version

_PLATFORM = os.environ.get("STAND_IN_GPU")
if _PLATFORM == "rocm":
    version.cuda, version.hip = None, "7.0"


class _Properties:
    name = f"Stand-in {'MI300X' if version.hip else 'H100'}"
    major, minor, gcnArchName, multi_processor_count, total_memory = 9, 0, "gfx942:sramecc+", 1, 1 << 30


class cuda:
    is_available = staticmethod(lambda: _PLATFORM is not None)
    device_count = staticmethod(lambda: int(_PLATFORM is not None))
    current_device = staticmethod(lambda: 0)
    get_device_properties = staticmethod(lambda index: _Properties)
"""


def torch_that_sees_a_gpu(version: str, **says: str) -> dict[str, str]:
    """The files of a torch that sees a GPU where STAND_IN_GPU names its platform, ``cuda`` or ``rocm``."""
    files = torch_files(__version__=version, **{"cuda": "12.6", **says})
    return {**files, "torch/__init__.py": files["torch/__init__.py"] + SEES_A_GPU}


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    requires: Sequence[str] = (),
    contents: Mapping[str, Union[str, bytes]] = {},
    compression: int = zipfile.ZIP_DEFLATED,
    programs: Collection[str] = (),
) -> Path:
    """A pure wheel of ``name`` into ``folder``, with a RECORD that is right; ``programs`` of its files can be run."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    about = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    files = {
        **contents,
        f"{info}/METADATA": "\n".join(about) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: stand-in\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = []
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as wheel:
        for member, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{member},sha256={digest},{len(content)}")
            entry = zipfile.ZipInfo(member)
            entry.compress_type = compression
            entry.external_attr = (0o100755 if member in programs else 0o100644) << 16
            wheel.writestr(entry, content)
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path


def wheel_of_installed(name: str, folder: Path, site: Optional[Path] = None, without: Collection[str] = ()) -> Path:
    """An installed distribution as a wheel again: the real one, with no network.

    Args:
        site: the folder that it is in; None means that of the running Python.
        without: folders of it that are left out.
    """
    distribution = next(iter(metadata.distributions(name=name, path=[str(site)] if site else sys.path)))
    contents, programs = {}, set()
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if not (str(file).startswith("..") or {"__pycache__", *without} & {*file.parts}) and path.is_file():
            if ".dist-info" not in file.parts[0]:
                contents[str(file)] = path.read_bytes()
                programs.update([str(file)] if os.access(path, os.X_OK) else [])
            elif file.name == "entry_points.txt":
                contents[f"{name.replace('-', '_')}-{distribution.version}.dist-info/entry_points.txt"] = (
                    path.read_bytes()
                )
    requires = distribution.requires or ()
    # stored: to compress half a GB would take a minute, and to compress pip half a second, in dozens of tests
    return write_wheel(folder, name, distribution.version, requires, contents, zipfile.ZIP_STORED, programs)


def write_index(folder: Path, wheels: Sequence[Path]) -> Path:
    """A simple index of ``wheels``, as plain files, with the hash of each file in its link."""
    for wheel in wheels:
        project = folder / wheel.name.split("-")[0].replace("_", "-")
        project.mkdir(parents=True, exist_ok=True)
        (project / wheel.name).unlink(missing_ok=True)
        os.link(wheel, project / wheel.name)
        links = []
        for each in sorted(project.glob("*.whl")):
            digest = hashlib.sha256(each.read_bytes()).hexdigest()
            links.append(f'<a href="{each.name.replace("+", "%2B")}#sha256={digest}">{each.name}</a>')
        (project / "index.html").write_text("\n".join(links))
    return folder


@contextlib.contextmanager
def serving(folder: Path, secret: str = "") -> Iterator[tuple[str, list[str]]]:
    """Serve ``folder`` on loopback: its address, and the paths that were asked for.

    Args:
        secret: ``user:password``; who does not say it gets 401 below ``/rocm/``, and nothing else does.
    """
    wanted = f"Basic {base64.b64encode(secret.encode()).decode()}"
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if secret and self.path.startswith("/rocm/") and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.end_headers()
                return
            super().do_GET()

        def log_request(self, code="-", size="-"):
            asked.append(self.path)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
