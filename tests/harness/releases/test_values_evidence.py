"""What the verb ``values`` leaves under reports/, and what the report says: killed, edited, different, missing."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from triton_matrix.evidence import atlas_runs
from triton_matrix.releases import values_cli

from .. import launch_files
from ..atlas_package import RELEASES, ROOT, Package
from ..conftest import ENVS

OLD, NEW = RELEASES
HOOK = """
import pathlib

def configurations(targets):
    tensor = {"tensor": {"dtype": "fp32", "shape": [64], "fill": {"kind": "count"}}}
    one = dict(args={"x_ptr": "*fp32", "n": 4096}, options={}, hints=("x_ptr",), constexprs={"BLOCK": 64})
    one["kernel"] = f"{pathlib.Path(__file__).parent}/p/mine.py:copy"
    one.update(grid=[1], values={"x_ptr": tensor, "n": 64})
    return [{**one, "label": "copy[64]", "target": t} for t in targets]
"""
BY_RELEASE = "    tl.store(x_ptr + offsets, tl.load(x_ptr + offsets, mask=offsets < n) * FACTOR, mask=offsets < n)\n"


class Launches(Package):
    """A package whose hook gives one launch."""

    def write(self):
        super().write()
        (self.root / "hook.py").write_text(HOOK)
        return self

    @property
    def folder(self):
        return self.root / "reports" / "values"

    def values(self, *options):
        return values_cli.main(self._options(*options))

    def start_values(self, **env):
        command = [sys.executable, "-m", "triton_matrix", "values", *self._options("--no-cache")]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
        return subprocess.Popen(command, cwd=self.root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def edit_kernel(self):
        """Let the newer release compute something else."""
        path = self.root / "p" / "mine.py"
        text = path.read_text().splitlines(keepends=True)
        head = 'FACTOR = tl.constexpr(2 if triton.__version__ < "3.4" else 3)\n\n'
        at = text.index("@triton.jit\n")
        path.write_text("".join([*text[:at], head, *text[at:-1], BY_RELEASE]))


@pytest.fixture
def package(release_python, tmp_path):
    for release in RELEASES:
        release_python(release)
    return Launches(tmp_path / "package", ENVS).write()


def test_a_package_with_launches_has_a_row_with_both_levels_side_by_side(package):
    assert package.values() == 0
    assert package.codegen("--target", "hip:gfx90a") == 0
    found = package.report("--expect", "values", "--expect", f"codegen:{NEW}")
    assert {release: row["verdict"] for release, row in found["values"]["summary"].items()} == dict.fromkeys(
        RELEASES, "pass"
    )
    both = dict.fromkeys(RELEASES, "pass")
    levels = {"codegen": both, "interpreter": both, "device": {}}
    assert found["launches"] == [{"kernel": "p.mine:copy", "levels": levels, "shares": {}}]
    assert "p.mine:copy: codegen: pass 3.3.1 - 3.9.0 | interpreter: pass 3.3.1 - 3.9.0" in found["said"]
    assert not any("values" in reason for reason in found["status_reasons"])
    assert 'id="launches"' in (package.root / "reports" / "index.html").read_text()


def test_values_that_differ_are_red_with_the_command_that_repeats_exactly_this_until_they_are_accepted(package):
    package.edit_kernel()
    assert package.values() == 1
    found = package.report()
    assert found["exit_status"] == 1
    assert found["values"]["summary"][NEW]["verdict"] == "regressed"
    (group,) = [each for each in found["failures"] if each["cause"] == "numerics"]
    assert group["where"][0]["command"] == f"nox -s values -- --from {OLD} --to {NEW}"
    assert "x_ptr: 63 of 64 elements differ" in group["message"]
    assert found["launches"][0]["levels"]["interpreter"] == {OLD: "pass", NEW: "regressed"}
    # what is accepted is no longer red, and more than that is
    assert package.values("--accept", "values=the factor is another one") == 0
    text = (package.root / "tests" / "atlas" / "accepted.toml").read_text()
    assert "worst = { absolute = 63.0, differing = 63 }" in text
    assert package.report()["values"]["summary"][NEW]["verdict"] == "pass"
    path = package.root / "p" / "mine.py"
    path.write_text(path.read_text().replace("else 3", "else 4"))
    assert package.values() == 1


def test_a_run_that_was_killed_is_red_and_the_last_whole_files_stay(package):
    assert package.values() == 0
    before = package.files()
    process = package.start_values(HANGS=NEW)
    until = time.monotonic() + 60
    while getattr(atlas_runs.read(package.folder, "values"), "closed", "") is not None:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert package.files() == before
    found = package.report()
    assert found["exit_status"] == 1
    for release in RELEASES:
        assert found["values"]["summary"][release]["verdict"] == "fail"
        assert "was never closed" in found["values"]["summary"][release]["reason"]


def test_an_edit_of_the_package_makes_its_values_stale(package):
    assert package.values() == 0
    package.edit()
    summary = package.report()["values"]["summary"]
    assert {row["verdict"] for row in summary.values()} == {"stale"}


def test_a_file_that_is_not_there_or_not_whole_is_red(package):
    assert package.values() == 0
    (package.folder / f"{NEW}.json").unlink()
    found = package.report()
    assert found["values"]["summary"][NEW]["reason"] == "its file is not there, or cannot be read"
    assert package.values() == 0
    package.change(OLD, lambda content: content["entries"].clear())
    found = package.report()
    assert found["exit_status"] != 0
    assert any("is not whole" in row["problem"] for row in found["problems"])


def test_values_that_are_expected_and_were_not_computed_are_named(package):
    found = package.report("--expect", "values")
    assert found["exit_status"] == 2
    assert f"expected but not there: values of {OLD}, {NEW}: nothing says how it ended" in found["status_reasons"]


def test_a_release_alone_is_compared_with_what_others_left(package):
    package.edit_kernel()
    package.values("--triton", OLD)
    package.values("--triton", NEW)
    content = json.loads((package.folder / f"{NEW}.json").read_text())
    assert [each["kind"] for each in content["compared"]] == ["values"]
    assert package.report()["values"]["summary"][NEW]["verdict"] == "regressed"


def test_the_cells_own_releases_are_part_of_plain_nox(package):
    assert package.values("--cells") == 0
    assert [*package.files()] == [f"{OLD}.json"]


def test_a_folder_of_launches_is_the_atlas_of_a_package_that_names_no_other(package):
    table = package.root / "constraints" / "cells.toml"
    table.write_text(table.read_text().replace('atlas = "hook.py:configurations"\n', ""))
    (package.root / "hook.py").unlink()
    (package.root / "launches").mkdir()
    tensor = {"tensor": {"dtype": "fp32", "shape": [64], "fill": {"kind": "count"}}}
    launch = {"kernel": "../p/mine.py:copy", "grid": [1], "args": {"x_ptr": tensor, "n": 64}}
    launch_files.write(package.root / "launches", copy={**launch, "constexprs": {"BLOCK": 64}})
    assert package.codegen("--target", "hip:gfx90a") == 0
    assert package.values() == 0
    both = dict.fromkeys(RELEASES, "pass")
    found = package.report()
    levels = {"codegen": both, "interpreter": both, "device": {}}
    assert found["launches"] == [{"kernel": "p.mine:copy", "levels": levels, "shares": {}}]
    launch_files.write(package.root / "launches", copy={**launch, "constexprs": {"BLOCK": 32}})
    summary = package.report()["values"]["summary"]
    assert {row["verdict"] for row in summary.values()} == {"stale"}


def test_a_launch_that_nothing_can_compute_is_not_applicable_with_the_reason(package, capfd):
    folder = package.root / "some"
    folder.mkdir()
    launch_files.write(folder, typed={"kernel": "../p/mine.py:copy", "grid": [1], "args": {"x_ptr": "*fp32", "n": 64}})
    assert package.values(str(folder)) == 2
    assert "args.x_ptr is '*fp32', a type only" in capfd.readouterr().out
