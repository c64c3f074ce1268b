"""On ROCm another distribution may own ``import triton``: installing liger-kernel must not put a second one over it.

Real installs of stand-in wheels that have the names, versions and files of PyTorch's ROCm index, next to a tempting
``triton`` as on PyPI.
"""

from __future__ import annotations

import json
import subprocess

import pytest

# torch, the distribution of its Triton there, and that one's version: PyTorch's index to torch 2.9, then since 2.10
OWNERS = [
    ("2.9.1+rocm6.4", "pytorch-triton-rocm", "3.5.1"),
    ("2.12.0.dev20261101+rocm7.1", "triton-rocm", "3.7.1+git4a5b"),
]
TRITON_FILES = {"triton/__init__.py": "", "triton/language/__init__.py": ""}


def torch_files(**names: str) -> dict[str, str]:
    says = {"cuda": None, "hip": None, **names}
    return {"torch/__init__.py": "", "torch/version.py": "".join(f"{k}: str = {v!r}\n" for k, v in says.items())}


@pytest.fixture
def index(write_wheel):
    """A folder of wheels: both ROCm toolchains, and what PyPI has under the names that our lists mention."""
    for torch, owner, version in OWNERS:
        write_wheel("torch", torch, torch_files(hip="6.4"), (f"{owner}=={version}",))
        write_wheel(owner, version, TRITON_FILES)
    write_wheel("torchvision", "0.24.1", {"torchvision/__init__.py": ""})
    write_wheel("setuptools-scm", "9.2.2", {"setuptools_scm/__init__.py": ""})
    return write_wheel("triton", "3.9.0", TRITON_FILES)


@pytest.fixture
def rocm_environment(python, environment, index):
    """Make an environment that has a ROCm torch and its Triton; returns its interpreter."""

    def make(torch: str):
        interpreter = environment()
        python("uv", "pip", "install", "--python", interpreter, "--find-links", index, f"torch=={torch}")
        return interpreter

    return make


def owners_of_triton(python, interpreter) -> list[str]:
    listed = json.loads(python("uv", "pip", "list", "--python", interpreter, "--format", "json", "--quiet"))
    return [each["name"] for each in listed if "triton" in each["name"]]


@pytest.mark.parametrize(("frontend", "toolchain"), [("pip, isolated", OWNERS[0]), ("uv, not isolated", OWNERS[1])])
def test_an_install_into_a_rocm_environment_brings_no_second_triton(
    python, rocm_environment, checkout, index, frontend, toolchain
):
    """pip's isolation leaves sysconfig pointing at the environment; uv's does not, so there it is left out."""
    torch, owner, _ = toolchain
    interpreter = rocm_environment(torch)
    if frontend == "pip, isolated":
        python("pip", "--python", interpreter, "install", "--find-links", index, checkout)
    else:
        python("uv", "pip", "install", "--python", interpreter, "setuptools", "wheel")
        options = ["--no-build-isolation", "--find-links", index]
        python("uv", "pip", "install", "--python", interpreter, *options, checkout)
    assert owners_of_triton(python, interpreter) == [owner]
    asked = "from importlib.metadata import requires; print(*requires('liger-kernel'), sep='\\n')"
    printed = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert f"{owner}>=3.0.0" in printed.splitlines()
    python("pip", "--python", interpreter, "check")


@pytest.mark.parametrize(("setting", "brought"), [("triton", ["triton"]), ("none", []), ("triton-rocm", [])])
def test_a_wheel_built_elsewhere_brings_one_unless_it_was_told_the_owner(
    python, build, rocm_environment, checkout, index, setting, brought
):
    torch, owner, _ = OWNERS[1]
    interpreter = rocm_environment(torch)
    wheel = build(checkout, settings=["platform=rocm", f"triton={setting}"])
    python("uv", "pip", "install", "--python", interpreter, "--find-links", index, wheel)
    assert sorted(owners_of_triton(python, interpreter)) == sorted([*brought, owner])


@pytest.mark.parametrize(
    ("torch_says", "installed", "platform", "named"),
    [
        ({"hip": "6.4"}, ["pytorch-triton-rocm"], "rocm", "pytorch-triton-rocm"),
        ({"hip": "7.1"}, ["triton-rocm"], "rocm", "triton-rocm"),
        # AMD's own builds call it triton; with both there, the harm is done and triton is satisfied
        ({"hip": "7.1"}, ["triton"], "rocm", "triton"),
        ({"hip": "7.1"}, ["triton", "pytorch-triton-rocm"], "rocm", "triton"),
        # CUDA nightlies before torch 2.10
        ({"cuda": "12.8"}, ["pytorch-triton"], "cuda", "pytorch-triton"),
        # built on a ROCm machine for another one
        ({"hip": "7.1"}, ["triton-rocm"], "cuda", "triton"),
        ({"hip": "7.1"}, [], "rocm", "triton"),
        (None, ["triton-rocm"], "rocm", "triton"),
    ],
)
def test_the_owner_is_found_beside_a_torch_of_the_platform(helpers, tmp_path, torch_says, installed, platform, named):
    files = {} if torch_says is None else torch_files(**torch_says)
    for name in installed:
        files[f"{name.replace('-', '_')}-3.6.0.dist-info/RECORD"] = "triton/__init__.py,,\n"
    files["tritonclient-2.50.0.dist-info/RECORD"] = (
        "tritonclient/__init__.py,,\n"  # of another project, owns no triton/
    )
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert helpers.find_triton(platform, environ={}, site_directories=[str(tmp_path)]) == named
    variable = {"LIGER_KERNEL_TRITON": "my-triton"}
    assert helpers.find_triton(platform, environ=variable, site_directories=[str(tmp_path)]) == "my-triton"
    assert helpers.find_triton(platform, {"triton": "other"}, variable, [str(tmp_path)]) == "other"


def test_only_the_name_changes_in_the_list(helpers):
    promised = helpers.get_platform_dependencies("rocm")
    assert helpers.get_platform_dependencies("rocm", triton="triton-rocm") == [*promised[:-1], "triton-rocm>=3.0.0"]
    assert helpers.get_platform_dependencies("rocm", triton="none") == promised[:-1]
    assert helpers.get_platform_dependencies("xpu", triton="triton-xpu") == ["torch>=2.6.0"]
    with pytest.raises(
        ValueError, match=r"^triton is 'triton>=3 ; x'; allowed are the name of one distribution, and none$"
    ):
        helpers.get_platform_dependencies("rocm", triton="triton>=3 ; x")
