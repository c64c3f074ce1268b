"""Which platform is this, and what does liger-kernel depend on there. Also the build backend that declares it.

pyproject.toml calls ``dependencies`` dynamic and names this file as its PEP 517 backend: the hooks at the bottom are
setuptools' own, with the list of the platform put in, and each checks the METADATA that it produced. Standard library
only, and nothing is imported to find an answer: it also works from a noxfile, in a container built without a GPU,
offline, and inside an isolated build.

``python build_helpers.py [--json]`` prints the platform, what proved it, and what a build here would declare.

Settings of a build; the first one given wins:
    platform   ``-C platform=rocm``, then LIGER_KERNEL_PLATFORM: cuda, rocm, xpu, cpu, or auto (probe; the default)
    triton     ``-C triton=triton-rocm``, then LIGER_KERNEL_TRITON: the distribution that owns ``import triton`` where
               the wheel will be installed; ``none`` leaves Triton to torch. Default: see find_triton
uv keeps a built wheel by its source and its ``-C`` settings, not by the environment: with uv, say it with ``-C``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import glob
import json
import os
import re
import select
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

TOOL_LIMIT_S = 10.0
TOOL_OUTPUT_LIMIT = 1 << 20  # bytes; rocm-smi prints about 200 for each GPU


class Driver(NamedTuple):
    """Files that a loaded kernel driver shows."""

    pattern: str  # a glob below the root
    proves: Callable[[str], bool]  # asked with one file's text


class Tool(NamedTuple):
    """A program whose stdout proves a GPU. Its exit status does not: rocm-smi exits 0 without one."""

    command: tuple[str, ...]
    folders: tuple[str, ...]  # below the root; searched before PATH
    proves: Callable[[str], bool]


class Platform(NamedTuple):
    """One row of PLATFORMS."""

    dependencies: tuple[str, ...]
    torch_names: tuple[str, ...] = ()  # what torch/version.py sets in a torch built for this platform
    drivers: tuple[Driver, ...] = ()
    tools: tuple[Tool, ...] = ()


class Detection(NamedTuple):
    """A platform, and the words that say what proved it."""

    platform: str
    evidence: str


def _is_amd_gpu(properties: str) -> bool:
    """A node of kfd is a GPU, and not a CPU, when it has both SIMDs and a gfx version."""
    values = dict(line.split() for line in properties.splitlines() if len(line.split()) == 2)
    return all(values.get(name, "0") != "0" for name in ("simd_count", "gfx_target_version"))


def _lists_amd_card(output: str) -> bool:
    """``rocm-smi --json`` prints one object, now and then below warnings, with a key ``card<number>`` for each GPU."""
    cards, _ = json.JSONDecoder().raw_decode(output, output.index("{"))
    return any(re.fullmatch(r"card\d+", name) for name in cards)


_BASE = ("torch>=2.1.2", "triton>=2.3.1")
FALLBACK = "cpu"

# A platform is one row. Drivers and tools are asked in this order: an NVIDIA card beside the graphics of an AMD
# processor, which kfd lists too, makes a CUDA machine. torch is asked in the reverse order: hip before cuda.
PLATFORMS = {
    "cuda": Platform(
        _BASE,
        torch_names=("cuda",),
        drivers=(Driver("proc/driver/nvidia/version", bool), Driver("sys/module/nvidia/version", bool)),
    ),
    "rocm": Platform(
        ("torch>=2.6.0.dev", "setuptools-scm>=8", "torchvision>=0.20.0.dev", "triton>=3.0.0"),
        torch_names=("hip", "rocm"),
        drivers=(Driver("sys/class/kfd/kfd/topology/nodes/*/properties", _is_amd_gpu),),
        tools=(Tool(("rocm-smi", "--showid", "--json"), ("opt/rocm/bin", "usr/bin"), _lists_amd_card),),
    ),
    # torch 2.6.0 is the first with XPU wheels. They are on PyTorch's own index and bring their own Triton, called
    # pytorch-triton-xpu and from torch 2.10 triton-xpu; neither is on PyPI, and PyPI's `triton` on top breaks them, so
    # no Triton is named here. Nor is there a probe: the driver of an Arc card also runs every Intel laptop's display,
    # and xpu-smi and sycl-ls succeed with no device. The installed torch says xpu, or the user does.
    "xpu": Platform(("torch>=2.6.0",), torch_names=("xpu",)),
    FALLBACK: Platform(_BASE),
}

_TEST = ["pytest>=8", "pytest-benchmark", "hypothesis", "numpy"]
_REPORT = ["rich", "jinja2", "jsonschema", "matplotlib"]
_DEV = ["build", "mypy", "nox", "pip", "ruff", "setuptools>=69", "uv", "wheel"]


def get_platform_dependencies(platform: Optional[str] = None, triton: Optional[str] = None) -> list[str]:
    """Say what liger-kernel requires on ``platform``, as PEP 508 requirements.

    Args:
        platform: a row of PLATFORMS. Without one: exactly what a build here and now would declare.
        triton: the distribution to require in place of ``triton``; ``none`` requires no Triton.

    Raises:
        ValueError: a platform that has no row, or a ``triton`` that is no distribution's name.
    """
    if platform is None:
        platform = detect_platform().platform
        triton = triton or find_triton(platform)
    if platform not in PLATFORMS:
        raise ValueError(f"platform is {platform!r}; allowed are {', '.join(PLATFORMS)}")
    triton = triton or "triton"
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", triton):
        raise ValueError(f"triton is {triton!r}; allowed are the name of one distribution, and none")
    dependencies = PLATFORMS[platform].dependencies
    if triton == "none":
        return [each for each in dependencies if not each.startswith("triton>")]
    return [re.sub(r"^triton(?=>)", triton, each) for each in dependencies]


def get_optional_dependencies() -> dict[str, list[str]]:
    """Say what each extra requires; it is the same on every platform."""
    return {"test": list(_TEST), "report": list(_REPORT), "dev": [*_TEST, *_REPORT, *_DEV]}


def detect_platform(
    config_settings: Optional[Mapping[str, Any]] = None,
    environ: Optional[Mapping[str, str]] = None,
    root: str = "/",
    site_directories: Optional[Sequence[str]] = None,
) -> Detection:
    """Find the platform: what the user set, else the installed torch, the kernel's drivers, a vendor's tool.

    Nothing found is no error, it is the fallback.

    Args:
        config_settings: those of a PEP 517 build.
        environ: the environment variables; by default this process's.
        root: the folder that stands for ``/`` in every path but those of PATH.
        site_directories: where to look for torch; by default where this Python keeps its packages.

    Raises:
        ValueError: a setting that is neither a row of PLATFORMS nor ``auto``.
    """
    environ = os.environ if environ is None else environ
    name, value = _setting("platform", config_settings, environ)
    if value in PLATFORMS:
        return Detection(value, f"{name} is {value!r}")
    if value not in ("", "auto"):
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join([*PLATFORMS, 'auto'])}")
    return (
        _ask_torch(_site_directories() if site_directories is None else site_directories)
        or _ask_drivers(root)
        or _ask_tools(root, environ)
        or Detection(FALLBACK, "no torch for a GPU, no driver of a GPU and no tool that lists one was found")
    )


def find_triton(
    platform: str,
    config_settings: Optional[Mapping[str, Any]] = None,
    environ: Optional[Mapping[str, str]] = None,
    site_directories: Optional[Sequence[str]] = None,
) -> str:
    """Name the distribution that owns ``import triton`` where the wheel goes: ``triton`` unless set or found otherwise.

    PyTorch's ROCm index calls it pytorch-triton-rocm (to 3.5.1) or triton-rocm. Requiring ``triton`` beside that would
    install a second distribution over the same files. The owner found here counts only beside a torch of ``platform``:
    a wheel made for another machine must not name what happens to be installed on this one.

    Args: as for detect_platform.
    """
    _, value = _setting("triton", config_settings, os.environ if environ is None else environ)
    if value:
        return value
    directories = _site_directories() if site_directories is None else site_directories
    beside = _ask_torch(directories)
    if beside is None or beside.platform != platform:
        return "triton"
    owners = set()
    for directory in directories:
        for record, text in _texts(directory, "*triton*.dist-info/RECORD"):
            if any(line.startswith("triton/") for line in text.splitlines()):
                owners.add(Path(record).parent.name.partition("-")[0].replace("_", "-"))
    return "triton" if "triton" in owners else min(owners, default="triton")


def _setting(key: str, config_settings: Optional[Mapping[str, Any]], environ: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of a setting. The config setting wins; an empty value is one that was not given."""
    value = (config_settings or {}).get(key)
    if value:  # a list, where a frontend was given the key twice, is no allowed value: the error will show it
        return f"config setting {key}", str(value)
    name = f"LIGER_KERNEL_{key.upper()}"
    return name, environ.get(name, "")


def _site_directories() -> list[str]:
    """Where this Python keeps its packages. An isolated build of pip hides the target's from sys.path only."""
    places = [*sys.path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return [each for each in dict.fromkeys(places) if os.path.isabs(each)]


def _texts(root: str, pattern: str) -> Iterator[tuple[str, str]]:
    """Path and text of every file below ``root`` that fits the pattern and can be read."""
    for path in sorted(glob.glob(os.path.join(glob.escape(root), pattern))):
        with contextlib.suppress(OSError):
            yield path, Path(path).read_text(encoding="utf-8", errors="replace")


def _ask_torch(directories: Sequence[str]) -> Optional[Detection]:
    """Read the version file of the torch that would be imported. A CPU build of torch says nothing about the GPU."""
    path, text = next((pair for each in directories for pair in _texts(each, "torch/version.py")), ("", ""))
    says = {}
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.parse(text).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Constant):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    says[ast.unparse(target)] = node.value.value
    for platform, row in reversed(list(PLATFORMS.items())):
        for name in row.torch_names:
            if says.get(name):
                return Detection(platform, f"{path} says {name} = {says[name]!r}")
    return None


def _ask_drivers(root: str) -> Optional[Detection]:
    for platform, row in PLATFORMS.items():
        for driver in row.drivers:
            for path, text in _texts(root, driver.pattern):
                if driver.proves(text.strip()):
                    return Detection(platform, f"{path} shows a GPU")
    return None


def _ask_tools(root: str, environ: Mapping[str, str]) -> Optional[Detection]:
    # An empty or relative entry of PATH means the current folder: what lies in a checkout is never run.
    on_path = [each for each in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(each)]
    for platform, row in PLATFORMS.items():
        for tool in row.tools:
            for folder in [*(os.path.join(root, each) for each in tool.folders), *on_path]:
                command = [os.path.join(folder, tool.command[0]), *tool.command[1:]]
                with contextlib.suppress(OSError, ValueError, RecursionError):
                    if os.path.isfile(command[0]) and tool.proves(_output_of(command)):
                        return Detection(platform, f"{' '.join(command)} lists a GPU")
    return None


def _output_of(command: Sequence[str]) -> str:
    """Stdout of ``command``. On return it is gone, and so is every process that it left in its group.

    Raises:
        OSError: it cannot be started.
        ValueError: it did not end its output within TOOL_LIMIT_S and TOOL_OUTPUT_LIMIT.
    """
    deadline = time.monotonic() + TOOL_LIMIT_S
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # its own group: killing the tool alone would leave its children running
    )
    assert process.stdout is not None
    output = b""
    try:
        while select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                return output.decode(errors="replace")
            output += chunk
            if len(output) > TOOL_OUTPUT_LIMIT:
                raise ValueError(f"{command[0]} printed more than {TOOL_OUTPUT_LIMIT} bytes")
        raise ValueError(f"{command[0]} was still running after {TOOL_LIMIT_S} s")
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


# --- the build backend: the hooks of setuptools, with the dependencies put in ---------------------------------------


def get_requires_for_build_sdist(config_settings=None):
    return _ask_setuptools("get_requires_for_build_sdist", config_settings)


def get_requires_for_build_wheel(config_settings=None):
    return _ask_setuptools("get_requires_for_build_wheel", config_settings)


def get_requires_for_build_editable(config_settings=None):
    return _ask_setuptools("get_requires_for_build_editable", config_settings)


def build_sdist(sdist_directory, config_settings=None):
    return _ask_setuptools("build_sdist", sdist_directory, config_settings)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    return _build("prepare_metadata_for_build_wheel", metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    return _build("prepare_metadata_for_build_editable", metadata_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _build("build_wheel", wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _build("build_editable", wheel_directory, config_settings, metadata_directory)


def _build(hook: str, directory: str, config_settings: Optional[Mapping[str, Any]], *rest: Any) -> str:
    """Run a hook that writes METADATA for this platform, and read it back."""
    platform = detect_platform(config_settings).platform
    dependencies = get_platform_dependencies(platform, find_triton(platform, config_settings))
    name = _ask_setuptools(hook, directory, config_settings, *rest, dependencies=dependencies)
    _check_metadata(Path(directory, name), dependencies)
    return name


def _ask_setuptools(hook: str, *arguments: Any, dependencies: Optional[list[str]] = None) -> Any:
    """Run a hook of setuptools. Each ends in a bare ``setuptools.setup()``: that call is given what is ours to say.

    Without ``dependencies`` the fallback's are named, so that an sdist is the same wherever it is made; its wheel asks
    again. What a build leaves goes to a scratch folder: builds of two platforms run side by side in one checkout, and a
    module that was deleted does not come back out of build/.
    """
    import setuptools
    from setuptools import build_meta

    setup = setuptools.setup
    with tempfile.TemporaryDirectory(prefix="liger-kernel-build-") as scratch:
        setuptools.setup = functools.partial(  # type: ignore[assignment]
            setup,
            install_requires=dependencies or get_platform_dependencies(FALLBACK),
            extras_require=get_optional_dependencies(),
            options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}},
        )
        try:
            return getattr(build_meta, hook)(*arguments)
        finally:
            setuptools.setup = setup


def _check_metadata(built: Path, dependencies: list[str]) -> None:
    """Read back what ``built``, a wheel or a .dist-info folder, declares: a wheel without dependencies builds happily.

    Raises:
        RuntimeError: it is not what was to be declared. The wheel is deleted.
    """
    if built.is_dir():
        metadata = (built / "METADATA").read_text(encoding="utf-8")
    else:
        with zipfile.ZipFile(built) as wheel:
            (member,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
            metadata = wheel.read(member).decode("utf-8")
    lines = re.findall(r"^Requires-Dist: (.+)$", metadata.partition("\n\n")[0], re.MULTILINE)
    expected = list(dependencies)
    for extra, requirements in get_optional_dependencies().items():
        expected += [f'{each}; extra == "{extra}"' for each in requirements]
    if sorted(map(_without_layout, lines)) != sorted(map(_without_layout, expected)):
        if built.is_file():
            built.unlink()
        raise RuntimeError(
            f"{built.name} declares {', '.join(lines) or 'no dependency'} and was to declare {', '.join(expected)}; "
            "dependencies and optional-dependencies must both be `dynamic`, and only so, in pyproject.toml"
        )


def _without_layout(requirement: str) -> str:
    """A requirement without the blanks, quotes and brackets that releases of setuptools write differently."""
    return re.sub(r"[\s'\"()]", "", requirement)


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Print the platform, what proved it, and what a build here declares.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args(argv).json
    try:
        platform, evidence = detect_platform()
        dependencies = get_platform_dependencies(platform, find_triton(platform))
    except ValueError as error:
        print(f"build_helpers.py: {error}", file=sys.stderr)
        return 2
    extras = get_optional_dependencies()
    if as_json:
        answer = {"platform": platform, "evidence": evidence, "dependencies": dependencies}
        print(json.dumps({**answer, "optional_dependencies": extras}, indent=2))
    else:
        print(f"platform: {platform}\nevidence: {evidence}\ndependencies: {', '.join(dependencies)}")
        print("\n".join(f"  [{extra}] {', '.join(each)}" for extra, each in extras.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
