"""What the wheel declares, read from the wheel: a build that forgets its dependencies ends well otherwise."""

from __future__ import annotations

import itertools
import re
import subprocess
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

LISTS = {
    "cuda": ["torch>=2.1.2", "triton>=2.3.1"],
    "rocm": ["setuptools-scm>=8", "torch>=2.6.0.dev", "torchvision>=0.20.0.dev", "triton>=3.0.0"],
    "xpu": ["torch>=2.6.0"],
    "cpu": ["torch>=2.1.2", "triton>=2.3.1"],
}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files_below(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


@pytest.fixture(scope="module")
def wheels(call_hook, checkout) -> dict[str, Path]:
    """A wheel of every platform, built side by side in one checkout."""
    with ThreadPoolExecutor() as pool:
        built = pool.map(lambda platform: call_hook("build_wheel", checkout, {"platform": platform}), LISTS)
        return dict(zip(LISTS, built))


@pytest.fixture(scope="module")
def sdists(call_hook, checkout) -> dict[str, Path]:
    """An sdist made on a ROCm machine, and one made on a CUDA machine."""
    made_on = {each: {"LIGER_KERNEL_PLATFORM": each} for each in ("rocm", "cuda")}
    return {each: call_hook("build_sdist", checkout, env=environ) for each, environ in made_on.items()}


@pytest.mark.parametrize("platform", LISTS)
def test_the_wheel_of_each_platform_declares_its_list(wheels, requires, platform):
    assert requires(wheels[platform]) == LISTS[platform]


@pytest.mark.parametrize("frontend", ["build", "pip", "uv"])
def test_each_frontend_passes_the_setting_which_overrules_the_variable(build, requires, checkout, frontend):
    wheel = build(checkout, frontend, settings=["platform=rocm"], env={"LIGER_KERNEL_PLATFORM": "xpu"})
    assert requires(wheel) == LISTS["rocm"]


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("frontend", ["build", "pip", "uv"])
def test_an_isolated_offline_build_on_a_bare_machine_declares_the_base_list(build, requires, checkout, frontend):
    """As in a container that is built without a GPU: no torch, no driver, no network."""
    assert requires(build(checkout, frontend, isolated=True)) == LISTS["cpu"]


def test_the_metadata_hook_says_the_same_as_the_wheel(call_hook, checkout, requires):
    prepared = call_hook("prepare_metadata_for_build_wheel", checkout, {"platform": "rocm"})
    assert requires(prepared) == LISTS["rocm"]


def test_the_extras_are_declared(wheels, helpers):
    (metadata,) = (text for name, text in contents(wheels["cpu"]).items() if name.endswith("/METADATA"))
    declared = re.findall(r"^Requires-Dist: (\S+); extra == \"(\w+)\"$", metadata.decode(), re.MULTILINE)
    expected = helpers.get_optional_dependencies()
    assert {"test", "report", "dev"} <= set(expected)
    assert sorted(declared) == sorted((each, extra) for extra, group in expected.items() for each in group)


def test_the_wheels_of_two_platforms_differ_in_requires_dist_only(wheels):
    cuda, rocm = contents(wheels["cuda"]), contents(wheels["rocm"])
    assert cuda.keys() == rocm.keys()
    assert wheels["cuda"].name == wheels["rocm"].name
    changed = {
        name.partition("/")[2]: {*ours.decode().splitlines()} ^ {*rocm[name].decode().splitlines()}
        for name, ours in cuda.items()
        if ours != rocm[name]
    }
    assert changed.keys() == {"METADATA", "RECORD"}
    assert {line.partition(":")[0] for line in changed["METADATA"]} == {"Requires-Dist"}
    assert {line.partition(",")[0].partition("/")[2] for line in changed["RECORD"]} == {"METADATA"}


def test_the_wheel_holds_every_file_of_the_package_and_its_version(wheels, checkout):
    packaged = {name for name in contents(wheels["cuda"]) if not re.match(r"[^/]+\.dist-info/", name)}
    assert packaged == {f"liger_kernel/{name}" for name in files_below(checkout / "liger_kernel")}
    version = re.search(r'^__version__ = "(.+)"$', (checkout / "liger_kernel/__init__.py").read_text(), re.MULTILINE)
    assert wheels["cuda"].name == f"liger_kernel-{version[1]}-py3-none-any.whl"


def test_the_package_is_not_imported_to_be_built(call_hook, own_checkout):
    init = own_checkout / "liger_kernel" / "__init__.py"
    init.write_text(init.read_text() + "\nraise AssertionError('the package was imported')\n")
    assert call_hook("build_wheel", own_checkout).is_file()


def test_a_deleted_module_is_gone_from_the_next_wheel(call_hook, own_checkout):
    module = own_checkout / "liger_kernel" / "soon_gone.py"
    module.write_text("")
    assert "liger_kernel/soon_gone.py" in contents(call_hook("build_wheel", own_checkout))
    module.unlink()
    assert "liger_kernel/soon_gone.py" not in contents(call_hook("build_wheel", own_checkout))


# --- sdist ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("made_on", "built_on", "frontend"), [("rocm", "cuda", "pip"), ("cuda", "rocm", "uv")])
def test_a_wheel_from_an_sdist_has_the_list_of_where_it_is_built(build, requires, sdists, made_on, built_on, frontend):
    wheel = build(sdists[made_on], frontend, env={"LIGER_KERNEL_PLATFORM": built_on})
    assert requires(wheel) == LISTS[built_on]


def test_the_sdist_is_the_same_wherever_it_is_made_and_says_that_its_list_may_change(sdists):
    held = {}
    for platform, sdist in sdists.items():
        with tarfile.open(sdist) as archive:
            files = [member for member in archive if member.isfile()]
            held[platform] = {each.name.partition("/")[2]: archive.extractfile(each).read() for each in files}
    assert held["rocm"] == held["cuda"]
    info = held["cuda"]["PKG-INFO"].decode()
    # from metadata 2.2 on an installer may take the list of an sdist as final unless it is marked
    assert "\nDynamic: requires-dist\n" in info or "Metadata-Version: 2.1\n" in info
    own_matrix = {"build_helpers.py", "noxfile.py", "constraints/cells.toml", "tests/packaging/conftest.py"}
    assert own_matrix <= held["cuda"].keys()


@pytest.mark.filterwarnings("ignore:Editable installation")
def test_builds_leave_nothing_in_the_source_folder(call_hook, checkout, tmp_path, wheels, sdists):
    call_hook("build_editable", checkout)
    assert (wheels, sdists) != ({}, {})
    assert not [name for name in files_below(checkout) if "egg-info" in name or name.startswith("build/")]


# --- editable -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frontend", "isolated"), [("pip", True), ("uv", False)])
def test_an_editable_install_has_the_list_and_runs_the_source(
    python, environment, requires, own_checkout, frontend, isolated
):
    interpreter = environment()
    command = ["pip", "--python", interpreter, "install", "--config-settings=platform=rocm"]
    if frontend == "uv":
        command = ["uv", "pip", "install", "--python", interpreter, "--config-setting=platform=rocm"]
    if not isolated:
        python("uv", "pip", "install", "--python", interpreter, "setuptools", "wheel")
        command.append("--no-build-isolation")
    python(*command, "--no-deps", "--editable", own_checkout)
    (site,) = interpreter.parents[1].glob("lib/python*/site-packages")
    assert requires(site) == LISTS["rocm"]
    asked = [str(interpreter), "-c", "import liger_kernel; print(liger_kernel.__file__)"]
    printed = subprocess.run(asked, cwd=interpreter.parent, capture_output=True, text=True, check=True).stdout
    assert Path(printed.strip()) == own_checkout / "liger_kernel" / "__init__.py"


# --- uv's cache -----------------------------------------------------------------------------------------------------


@pytest.fixture
def uv_installs(python, requires, tmp_path):
    """Install with one uv cache into a new folder; returns what the installed package requires."""
    numbers = itertools.count()

    def run(*arguments, env=()) -> list[str]:
        target = tmp_path / f"target-{next(numbers)}"
        python("uv", "pip", "install", "--no-deps", "--target", target, *arguments, env=env)
        return requires(target)

    return run


def test_a_uv_cache_never_serves_the_wheel_of_another_platform(uv_installs, sdists):
    """uv knows a wheel that it built from an sdist by the source and the -C settings: hence the setting."""
    for platform in ("rocm", "cuda", "rocm"):
        assert uv_installs(sdists["cuda"], f"--config-setting=platform={platform}") == LISTS[platform]


def test_uv_builds_a_folder_anew_when_the_variable_changes(uv_installs, own_checkout):
    """A folder named in a requirements file is cached, unlike one on the command line; pyproject.toml says by what."""
    listed = own_checkout.parent / "requirements.txt"
    listed.write_text(f"liger-kernel @ {own_checkout.as_uri()}\n")
    for platform in ("rocm", "cuda"):
        assert uv_installs("--requirement", listed, env={"LIGER_KERNEL_PLATFORM": platform}) == LISTS[platform]


# --- builds that must fail ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frontend", ["build", "pip", "uv"])
def test_a_platform_that_does_not_exist_fails_the_build_in_one_sentence(build, checkout, frontend):
    output = build(checkout, frontend, settings=["platform=gpu"], fails=True)
    assert "config setting platform is 'gpu'; allowed are cuda, rocm, xpu, cpu, auto" in output


def goes_around_setuptools_setup(checkout: Path) -> None:
    (checkout / "setup.py").write_text("import setuptools\nfrom distutils.core import setup\nsetup()\n")


def adds_a_static_list(checkout: Path) -> None:
    path = checkout / "pyproject.toml"
    text = path.read_text().replace('"dependencies", ', "", 1)
    path.write_text(text.replace("[project]\n", '[project]\ndependencies = ["torch"]\n', 1))


@pytest.mark.parametrize("spoil", [goes_around_setuptools_setup, adds_a_static_list])
def test_a_build_that_would_declare_something_else_fails_loudly(build, own_checkout, spoil):
    spoil(own_checkout)
    output = build(own_checkout, settings=["platform=rocm"], fails=True)
    assert "was to declare torch>=2.6.0.dev, setuptools-scm>=8, torchvision>=0.20.0.dev, triton>=3.0.0" in output
