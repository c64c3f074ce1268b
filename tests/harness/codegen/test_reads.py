"""A kept result is of what the kernel's module really reads: whatever else it reads, it is compiled again."""

import json
import os
import subprocess

import pytest

from ..conftest import ROOT, plain_environment
from ..forks import forked

KERNEL = """\
import triton
import triton.language as tl
{head}

@triton.jit
def copy(x_ptr, n, BLOCK: tl.constexpr, TIMES: tl.constexpr = TIMES):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    for _ in tl.static_range(TIMES):
        tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=offsets < n) * 2, mask=offsets < n)
"""
LAUNCH = """\
kernel = "../package/mine.py:copy"
[args]
x_ptr = "*fp32"
n = 4096
[constexprs]
BLOCK = 64
"""
HERE = "import json, os, sys\nfrom pathlib import Path\nHERE = Path(__file__).parent\n"
# how the module comes to TIMES, the file that decides it, and what that holds before and after; None: it is not there
WAYS = {
    "an environment variable": ("TIMES = int(os.environ.get('MY_TIMES', '1'))", "MY_TIMES", None, "3"),
    "a module imported by name": (
        "import importlib\nTIMES = importlib.import_module('.backends.' + 'a', __package__).TIMES",
        "package/backends/a.py",
        "TIMES = 1",
        "TIMES = 3",
    ),
    "a module that may be there": (
        "try:\n    from .tuned import TIMES\nexcept ImportError:\n    TIMES = 1",
        "package/tuned.py",
        None,
        "TIMES = 3",
    ),
    "a module that would come first": ("from settings_of_mine import TIMES", "settings_of_mine.py", None, "TIMES = 3"),
    "a file of settings that may be there": (
        "FILE = HERE / 'tuned.json'\nTIMES = json.loads(FILE.read_text())['times'] if FILE.exists() else 1",
        "package/tuned.json",
        None,
        '{"times": 3}',
    ),
    "files found by a pattern": ("TIMES = 1 + len([*HERE.glob('data/*.cfg')])", "package/data/a.cfg", None, ""),
    "a file elsewhere in the checkout": (
        "TIMES = int((HERE.parent / 'conf' / 'times.txt').read_text())",
        "conf/times.txt",
        "1",
        "3",
    ),
    "a file found through a link": (
        "TIMES = int((HERE / 'linked' / 'times.txt').read_text())",
        "conf/times.txt",
        "1",
        "3",
    ),
    "a file of the same time and size": ("from .sizes import TIMES", "package/sizes.py", "TIMES = 1", "TIMES = 3"),
}


HOOK = """\
import sys
from pathlib import Path
ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tools"))
import sizes

def configurations(targets):
    one = {"kernel": f"{ROOT}/package/mine.py:copy", "args": {"x_ptr": "*fp32", "n": 64}, "options": {}, "hints": []}
    return [{**one, "label": "", "target": t, "constexprs": {"BLOCK": b}} for t in targets for b in sizes.BLOCKS]
"""


@pytest.fixture
def compiled(forking, tmp_path):
    """Compile the kernel of a package with 3.9.0; gives its metrics, and whether it was compiled now."""
    for folder in ("package/backends", "package/data", "conf", "launches", "later"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("package", "package/backends"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "later" / "settings_of_mine.py").write_text("TIMES = 1")
    (tmp_path / "package" / "linked").symlink_to("../conf")
    (tmp_path / "launches" / "copy.toml").write_text(LAUNCH)

    def run(*options, **variables):
        out = tmp_path / "out.json"
        command = ["compile", "--launches", tmp_path / "launches", "--target", "hip:gfx942", "--quiet", "--json", out]
        command += ["--cache", tmp_path / "kept", "--progress", "3", *options]
        path = f"{tmp_path}:{ROOT}:{tmp_path / 'later'}"
        env = {**plain_environment(), "PYTHONPATH": path, **variables}
        done = forked(forking("3.9.0"), list(map(str, command)), tmp_path, env, tmp_path)
        assert done.returncode == 0, done.stderr
        told = (tmp_path / ".progress").read_text().splitlines()
        count = [line.split()[1] for line in told if line.startswith("compiled")]
        (entry,) = json.loads(out.read_text())["entries"]
        return entry["metrics"]["global_stores"], count == ["1"]

    return run


@pytest.mark.parametrize("way", WAYS)
def test_what_decides_a_result_is_noted_in_whatever_way_it_is_read(compiled, tmp_path, way):
    head, name, before, after = WAYS[way]
    (tmp_path / "package" / "mine.py").write_text(KERNEL.format(head=HERE + head))
    path = tmp_path / name
    if before is not None:
        path.write_text(before)
    stores, fresh = compiled()
    assert fresh
    (tmp_path / "package" / "unrelated.txt").write_text("")
    assert compiled() == (stores, False)
    if name.isupper():
        again = compiled(**{name: after})
    else:
        status = path.stat() if before is not None else None
        path.write_text(after)
        if status:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        again = compiled()
    assert again == (stores * 3 if way != "files found by a pattern" else stores * 2, True)


def test_what_a_module_does_not_look_at_compiles_nothing_again(compiled, tmp_path):
    """Nor does the command line decide anything: a module that reads it is loaded as by an interactive Python."""
    head = "TIMES = len(sys.argv) + len(sys.argv[0])"
    (tmp_path / "package" / "mine.py").write_text(KERNEL.format(head=HERE + head))
    stores, _ = compiled()
    assert compiled("--import-seconds", "99", ANOTHER="1") == (stores, False)


def test_a_module_that_asks_a_program_is_compiled_each_time(compiled, tmp_path):
    head = "import subprocess\nTIMES = int(subprocess.check_output(['echo', '1']))"
    (tmp_path / "package" / "mine.py").write_text(KERNEL.format(head=HERE + head))
    assert [compiled()[1], compiled()[1]] == [True, True]


def test_two_checkouts_that_share_what_is_kept_have_each_their_own(compiled, tmp_path):
    head = "TIMES = int((HERE.parent / 'conf' / 'times.txt').read_text())"
    (tmp_path / "package" / "mine.py").write_text(KERNEL.format(head=HERE + head))
    (tmp_path / "conf" / "times.txt").write_text("1")
    stores, _ = compiled()
    for folder in ("package", "launches", "conf"):
        subprocess.run(["cp", "-a", tmp_path / folder, tmp_path / "later"], check=True)
    (tmp_path / "later" / "conf" / "times.txt").write_text("3")
    (tmp_path / "launches" / "copy.toml").write_text(LAUNCH.replace("../package", "../later/package"))
    assert compiled() == (stores * 3, True)


def test_what_the_hook_reads_and_what_kernels_read_stands_in_the_atlas_file(release_python, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "tools").mkdir()
    head = "TIMES = int((HERE.parent / 'times.txt').read_text()) if 'MY_TIMES' not in os.environ else 2"
    (tmp_path / "package" / "mine.py").write_text(KERNEL.format(head=HERE + head))
    (tmp_path / "times.txt").write_text("1")
    (tmp_path / "tools" / "sizes.py").write_text("BLOCKS = (64,)")
    (tmp_path / "hook.py").write_text(HOOK)
    command = [release_python("3.9.0"), "-m", "triton_matrix", "compile", "--atlas", "hook.py:configurations"]
    command += ["--root", tmp_path, "--target", "hip:gfx942", "--quiet", "--json", tmp_path / "out.json"]
    command += ["--cache", tmp_path / "kept"]
    for variables in ({}, {"MY_TIMES": "1"}):
        env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
        subprocess.run([*map(str, command)], env=env, check=True, cwd=tmp_path)
        content = json.loads((tmp_path / "out.json").read_text())
        assert {"hook.py", "tools/sizes.py", "package/mine.py"} <= set(content["read"]["content"])
        assert ("times.txt" in content["read"]["content"]) == (not variables)
        assert [*content["shell"]] == [*variables]
