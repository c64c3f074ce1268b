"""Rows keep their names and their values, whatever was compiled before and whatever else is asked for."""

import json

import pytest

from ..atlas_package import RELEASES, Package
from ..conftest import ENVS

LAUNCH = """\
kernel = "{kernel}:copy"
[args]
x_ptr = "*fp32"
n = 4096
[constexprs]
BLOCK = {block}
"""
# the newer release makes fp64 instructions of it
WORSE = """
import triton
import triton.language as tl

NEW = tl.constexpr(triton.__version__ >= "3.4")

@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    tl.store(x_ptr + offsets, tl.exp(x.to(tl.float64)).to(tl.float32) if NEW else x, mask=offsets < n)
"""


@pytest.fixture
def package(release_python, tmp_path):
    (tmp_path / "envs").mkdir()  # with results of its own
    for release in RELEASES:
        release_python(release)
        (tmp_path / "envs" / release).symlink_to(ENVS / release)
    return Package(tmp_path / "checkout", tmp_path / "envs").write()


def write(package, name, kernel="../p/mine.py", block=64, options=""):
    path = package.root / "launches" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LAUNCH.format(kernel="../" * name.count("/") + kernel, block=block) + options)


def compiled(package, *options, launch="launches"):
    """The exit status, and by release what each row is called and how it ended."""
    status = package.codegen("--launches", str(package.root / launch), "--target", "hip:gfx90a", *options)
    found = {}
    for path in (package.folder / "launches" / "launches").glob("[0-9]*.json"):
        entries = json.loads(path.read_text())["entries"]
        found[path.stem] = {item["label"]: item["status"] for item in entries}
    return status, found


def test_launch_files_of_one_stem_are_all_compiled_and_what_does_not_compile_is_red(package):
    for folder, block in (("a", 64), ("b", 100), ("c", 128)):
        write(package, f"{folder}/add", block=block)
    status, found = compiled(package, "--triton", RELEASES[1])
    assert status == 1
    assert sorted(found[RELEASES[1]].values()) == ["error", "ok", "ok"]


def test_a_row_that_is_kept_is_called_as_one_that_is_compiled_now(package, capfd):
    write(package, "add", options="[options]\nnum_warps = 4\n")
    _, before = compiled(package, "--triton", RELEASES[0])
    write(package, "add", options="[options]\nnum_warps = [4]\n")
    capfd.readouterr()
    status, found = compiled(package)
    assert status == 0
    assert f"{RELEASES[0]}: 1 kept from before" in capfd.readouterr().err
    assert found[RELEASES[0]] == found[RELEASES[1]] == before[RELEASES[0]]


def test_a_launch_that_does_not_fit_is_not_counted_as_compiled_and_is_asked_once(package, capfd):
    write(package, "add")
    write(package, "unfit", options="SIZE = 64\n")  # below [constexprs], which the launch ends with
    status, found = compiled(package, "--triton", RELEASES[0])
    assert status == 1
    assert sorted(found[RELEASES[0]].values()) == ["error", "ok"]
    assert f"{RELEASES[0]}: 1 compiled in" in capfd.readouterr().err
    assert compiled(package, "--triton", RELEASES[0])[1] == found
    said = capfd.readouterr().err
    assert f"{RELEASES[0]}: 2 kept from before" in said
    assert "compiled in" not in said


def test_a_kernel_keeps_its_name_where_a_file_is_added_that_comes_first(package):
    write(package, "m")
    _, before = compiled(package, "--triton", RELEASES[1])
    (package.root / "p" / "other.py").write_text((package.root / "p" / "mine.py").read_text())
    write(package, "a", kernel="../p/other.py", block=100)  # which does not compile
    _, found = compiled(package, "--triton", RELEASES[1])
    assert sorted(found[RELEASES[1]].values()) == ["error", "ok"]
    (label,) = before[RELEASES[1]]
    assert found[RELEASES[1]][label] == "ok"


def test_what_got_worse_is_red_whatever_was_compiled_before_it(package):
    (package.root / "p" / "mine.py").write_text(WORSE)
    package.write_hook(blocks="(64,)")
    write(package, "add")
    compiled(package, "--triton", RELEASES[0])
    assert package.codegen("--target", "hip:gfx90a") == 1
    assert package.verdicts() == (1, {RELEASES[0]: "pass", RELEASES[1]: "regressed"})


def test_an_atlas_is_stale_when_a_file_that_its_hook_imports_was_changed(package):
    (package.root / "tools").mkdir()
    (package.root / "tools" / "sizes.py").write_text("BLOCKS = (64,)")
    head = "import sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / 'tools')); import sizes"
    package.write_hook(head=head, blocks="sizes.BLOCKS")
    assert package.codegen("--target", "hip:gfx90a") == 0
    assert package.verdicts()[0] == 0
    (package.root / "tools" / "sizes.py").write_text("BLOCKS = (64, 128)")
    found = package.report()
    assert found["exit_status"] == 2
    assert "tools/sizes.py, which a kernel's module or the hook reads, was changed since" in found["said"]


def test_an_atlas_is_stale_when_a_file_that_a_kernel_reads_was_changed(package):
    (package.root / "conf").mkdir()
    head = "TIMES = int((pathlib.Path(__file__).parents[1] / 'conf' / 'times.txt').read_text())\n"
    (package.root / "conf" / "times.txt").write_text("2")
    mine = package.root / "p" / "mine.py"
    mine.write_text("import pathlib\n" + head + mine.read_text())
    assert package.codegen("--target", "hip:gfx90a") == 0
    assert package.verdicts()[0] == 0
    (package.root / "conf" / "times.txt").write_text("3")
    found = package.report()
    assert found["exit_status"] == 2
    assert "conf/times.txt, which a kernel's module or the hook reads, was changed since" in found["said"]
