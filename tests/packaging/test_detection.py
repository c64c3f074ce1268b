"""Which platform is found, from what, and in which order. Every probe looks below a root that the test made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# As in released torch; from 2.15 on a ROCm build sets `rocm` beside `hip`.
TORCH_VERSION_FILE = """\
from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '2.7.1'
debug = False
cuda: Optional[str] = {cuda!r}
git_version = 'd44533f9d073df13895333e70b66f81c513c1889'
hip: Optional[str] = {hip!r}
xpu: Optional[str] = {xpu!r}
"""


@pytest.fixture
def torch_of(tmp_path):
    """Site directories holding a torch that must not be imported."""

    def make(text: str) -> list[str]:
        package = tmp_path / "site" / "torch"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise AssertionError('torch was imported')\n")
        (package / "version.py").write_text(text)
        return [str(tmp_path / "empty"), str(tmp_path / "site")]

    return make


@pytest.fixture
def machine(tmp_path):
    """A root with the files given, by their path below it."""

    def make(files: dict[str, str]) -> str:
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path / "root")

    return make


NVIDIA = {"proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15\n"}
NVIDIA_MODULE = {"sys/module/nvidia/version": "550.54.15\n"}
KFD = "sys/class/kfd/kfd/topology/nodes"
AMD_CPU_NODE = {f"{KFD}/0/properties": "cpu_cores_count 64\nsimd_count 0\ngfx_target_version 0\n"}
AMD_GPU_NODE = {f"{KFD}/1/properties": "cpu_cores_count 0\nsimd_count 304\ngfx_target_version 90402\n"}


@pytest.mark.parametrize(
    ("set_by_torch", "platform"),
    [
        ({"cuda": "12.1"}, "cuda"),
        ({"hip": "6.2.41134-65d174c3e"}, "rocm"),
        ({"xpu": "20250004"}, "xpu"),
        # torch.cuda.is_available() is True on ROCm; should a build ever set both, it is a ROCm build
        ({"cuda": "12.1", "hip": "6.2.41134-65d174c3e"}, "rocm"),
    ],
)
def test_the_installed_torch_says_its_platform_without_being_imported(
    helpers, torch_of, machine, set_by_torch, platform
):
    text = TORCH_VERSION_FILE.format(**{"cuda": None, "hip": None, "xpu": None, **set_by_torch})
    found = helpers.detect_platform(environ={}, root=machine(NVIDIA), site_directories=torch_of(text))
    assert found.platform == platform
    assert "torch/version.py says" in found.evidence


@pytest.mark.parametrize(
    "text",
    [TORCH_VERSION_FILE.format(cuda=None, hip=None, xpu=None), "cuda: = 'half a file", "cuda = str(12)\n", "\0", ""],
    ids=["cpu build", "broken", "computed", "null bytes", "empty"],
)
def test_a_torch_that_names_no_gpu_leaves_the_question_to_the_drivers(helpers, torch_of, machine, text):
    sites = torch_of(text)
    assert helpers.detect_platform(environ={}, root=machine({}), site_directories=sites).platform == "cpu"
    assert helpers.detect_platform(environ={}, root=machine(NVIDIA), site_directories=sites).platform == "cuda"


def test_the_first_torch_on_the_path_is_the_one_that_counts(helpers, tmp_path):
    for name, hip in (("first", None), ("second", "6.2")):
        (tmp_path / name / "torch").mkdir(parents=True)
        (tmp_path / name / "torch" / "version.py").write_text(f"cuda = None\nhip = {hip!r}\n")
    sites = [str(tmp_path / "first"), str(tmp_path / "second")]
    assert helpers.detect_platform(environ={}, root=str(tmp_path), site_directories=sites).platform == "cpu"


@pytest.mark.parametrize(
    ("files", "platform"),
    [
        (NVIDIA, "cuda"),
        (NVIDIA_MODULE, "cuda"),
        ({**AMD_CPU_NODE, **AMD_GPU_NODE}, "rocm"),
        (AMD_CPU_NODE, "cpu"),  # kfd lists the processors of a machine with no AMD GPU too
        ({f"{KFD}/1/properties": "simd_count 304\n"}, "cpu"),
        ({f"{KFD}/1/properties": "gfx_target_version 90402\nsimd_count\n\n"}, "cpu"),
        ({f"{KFD}/1/properties": ""}, "cpu"),  # a GPU that the container may not use
        ({"proc/driver/nvidia/version": ""}, "cpu"),
        # a Ryzen with integrated graphics and an NVIDIA card
        ({**AMD_GPU_NODE, **NVIDIA}, "cuda"),
        ({}, "cpu"),
    ],
)
def test_a_driver_in_sysfs_or_proc_says_the_platform(helpers, machine, files, platform):
    found = helpers.detect_platform(environ={}, root=machine(files), site_directories=[])
    assert found.platform == platform
    assert platform == "cpu" or found.evidence.endswith("shows a GPU")


def test_a_probe_that_cannot_be_read_is_passed_over(helpers, machine):
    root = machine(AMD_GPU_NODE)
    Path(root, KFD, "0", "properties").mkdir(parents=True)  # reading it raises, whoever runs this
    assert helpers.detect_platform(environ={}, root=root, site_directories=[]).platform == "rocm"


def test_nothing_found_is_the_base_list_quietly(helpers, machine, capfd):
    found = helpers.detect_platform(environ={}, root=machine({}), site_directories=[])
    assert found == (helpers.FALLBACK, "no torch for a GPU, no driver of a GPU and no tool that lists one was found")
    assert helpers.get_platform_dependencies(found.platform) == ["torch>=2.1.2", "triton>=2.3.1"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("platform", ["cuda", "rocm", "xpu", "cpu"])
def test_the_users_word_goes_before_every_probe(helpers, torch_of, machine, platform):
    everything = {
        "root": machine({**NVIDIA, **AMD_GPU_NODE}),
        "site_directories": torch_of(TORCH_VERSION_FILE.format(cuda="12.1", hip=None, xpu=None)),
    }
    by_variable = helpers.detect_platform(environ={"LIGER_KERNEL_PLATFORM": platform}, **everything)
    assert by_variable == (platform, f"LIGER_KERNEL_PLATFORM is {platform!r}")
    by_setting = helpers.detect_platform(
        {"platform": platform},
        environ={"LIGER_KERNEL_PLATFORM": "cuda" if platform != "cuda" else "rocm"},
        **everything,
    )
    assert by_setting == (platform, f"config setting platform is {platform!r}")


@pytest.mark.parametrize("setting", [{}, {"platform": "auto"}, {"platform": ""}])
@pytest.mark.parametrize("variable", [{}, {"LIGER_KERNEL_PLATFORM": "auto"}, {"LIGER_KERNEL_PLATFORM": ""}])
def test_auto_and_empty_probe(helpers, machine, setting, variable):
    assert helpers.detect_platform(setting, variable, machine(AMD_GPU_NODE), []).platform == "rocm"


def test_a_setting_of_auto_overrules_the_variable(helpers, machine):
    environ = {"LIGER_KERNEL_PLATFORM": "cuda"}
    assert helpers.detect_platform({"platform": "auto"}, environ, machine(AMD_GPU_NODE), []).platform == "rocm"


@pytest.mark.parametrize("value", ["gpu", "ROCm", "cuda ", "cuda,rocm"])
def test_any_other_word_is_an_error_that_lists_the_allowed_ones(helpers, value):
    with pytest.raises(ValueError, match=r"^LIGER_KERNEL_PLATFORM is '.*'; allowed are cuda, rocm, xpu, cpu, auto$"):
        helpers.detect_platform(environ={"LIGER_KERNEL_PLATFORM": value})
    with pytest.raises(ValueError, match=r"^config setting platform is '.*'; allowed are cuda, rocm, xpu, cpu, auto$"):
        helpers.detect_platform({"platform": value}, environ={})


def test_two_platforms_in_one_build_are_an_error(helpers):
    with pytest.raises(ValueError, match="allowed are cuda, rocm, xpu, cpu, auto"):
        helpers.detect_platform({"platform": ["cuda", "rocm"]}, environ={})


def test_the_lists_are_the_ones_promised(helpers):
    base = ["torch>=2.1.2", "triton>=2.3.1"]
    assert helpers.get_platform_dependencies("cuda") == helpers.get_platform_dependencies("cpu") == base
    assert helpers.get_platform_dependencies("rocm") == [
        "torch>=2.6.0.dev",
        "setuptools-scm>=8",
        "torchvision>=0.20.0.dev",
        "triton>=3.0.0",
    ]
    assert helpers.get_platform_dependencies("xpu") == ["torch>=2.6.0"]
    with pytest.raises(ValueError, match=r"^platform is 'auto'; allowed are cuda, rocm, xpu, cpu$"):
        helpers.get_platform_dependencies("auto")


def test_a_caller_cannot_change_the_lists_of_the_next_one(helpers):
    helpers.get_platform_dependencies("cuda").append("nothing")
    helpers.get_optional_dependencies()["test"].append("nothing")
    assert "nothing" not in helpers.get_platform_dependencies("cuda")
    assert "nothing" not in helpers.get_optional_dependencies()["test"]


def test_a_new_platform_is_one_row(helpers, machine):
    helpers.PLATFORMS["npu"] = helpers.Platform(
        ("torch>=2.6.0", "torch-npu"), drivers=(helpers.Driver("dev/davinci*", lambda text: True),)
    )
    found = helpers.detect_platform(environ={}, root=machine({"dev/davinci0": ""}), site_directories=[])
    assert found.platform == "npu"
    assert helpers.detect_platform({"platform": "npu"}, environ={}).platform == "npu"
    assert helpers.get_platform_dependencies("npu") == ["torch>=2.6.0", "torch-npu"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_prints_platform_evidence_and_dependencies(helpers, options):
    # -I -S: no site-packages at all, so the file needs nothing but the standard library
    command = [sys.executable, "-I", "-S", str(ROOT / "build_helpers.py"), *options]
    environ = {**os.environ, "LIGER_KERNEL_PLATFORM": "rocm"}
    printed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    evidence, dependencies = "LIGER_KERNEL_PLATFORM is 'rocm'", helpers.get_platform_dependencies("rocm")
    if options:
        assert json.loads(printed) == {
            "platform": "rocm",
            "evidence": evidence,
            "dependencies": dependencies,
            "optional_dependencies": helpers.get_optional_dependencies(),
        }
    else:
        lines = printed.splitlines()
        assert lines[:3] == ["platform: rocm", f"evidence: {evidence}", f"dependencies: {', '.join(dependencies)}"]


def test_the_command_refuses_a_wrong_setting_in_one_sentence():
    environ = {**os.environ, "LIGER_KERNEL_PLATFORM": "gpu"}
    command = [sys.executable, str(ROOT / "build_helpers.py")]
    finished = subprocess.run(command, env=environ, capture_output=True, text=True)
    expected = "build_helpers.py: LIGER_KERNEL_PLATFORM is 'gpu'; allowed are cuda, rocm, xpu, cpu, auto\n"
    assert (finished.returncode, finished.stdout, finished.stderr) == (2, "", expected)
