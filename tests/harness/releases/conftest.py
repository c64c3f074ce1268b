"""What tests over releases share: a small kernel, asked of an old and a new release."""

import pytest

from triton_matrix.releases import codegen_cli

from ..conftest import ENVS, ROOT

COPY = """\
import triton
import triton.language as tl
{head}
@triton.jit
def copy(x_ptr, {n}, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=offsets < {n}) * 2, mask=offsets < {n})
"""
ASKED = """\
kernel = "mine.py:copy"
[args]
x_ptr = "*fp32"
n = 4096
[constexprs]
BLOCK = {block}
"""


# what `mine.py` with a block of 512 is called, by whoever asks: a label that changes loses its history
CALLED = "mine:copy[fp32,BLOCK=512,#b6d084a3]"


@pytest.fixture
def bisected(release_python, tmp_path):
    """A folder with the environments of these releases, for a bisection: it holds the folder, and others run beside."""

    def linked(*releases):
        folder = tmp_path / "bisected"
        folder.mkdir()
        for release in releases:
            release_python(release)
            (folder / release).symlink_to(ENVS / release)
        return folder

    return linked


@pytest.fixture
def ask(release_python, tmp_path, capfd):
    """Ask 3.3.1 and 3.9.0 about a launch file of ``mine.py``; gives exit status, table and error text."""

    def run(source, block="512", *options, cache=False):
        for release in ("3.3.1", "3.9.0"):
            release_python(release)
        (tmp_path / "pyproject.toml").write_text("")
        (tmp_path / "mine.py").write_text(source)
        (tmp_path / "launch.toml").write_text(ASKED.format(block=block))
        arguments = ["--root", str(ROOT), "--envs", str(ENVS), "--out", str(tmp_path / "out")]
        arguments += [] if cache else ["--no-cache"]
        arguments += ["--launches", str(tmp_path / "launch.toml")]
        if "--from" not in options:
            arguments += ["--triton", "3.3.1,3.9.0"]
        if "--target" not in options:
            arguments += ["--target", "hip:gfx942"]  # no disassembler starts, which is a third of the time
        status = codegen_cli.main([*arguments, *options])
        said = capfd.readouterr()
        return status, said.out, said.err

    return run
