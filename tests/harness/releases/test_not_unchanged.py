"""A run over releases that compared nothing, or not all, or another run's files, never says that nothing changed."""

import json
import subprocess
import sys

import pytest

from triton_matrix.base import locks
from triton_matrix.codegen import accepted
from triton_matrix.releases import codegen, summary

from ..conftest import ENVS, ROOT
from .conftest import COPY

PLAIN = COPY.format(head="", n="n")


def test_a_pair_of_releases_that_both_refuse_a_kernel_is_no_green(ask):
    status, table, errors = ask(PLAIN, "1000", "--from", "3.3.1", "--to", "3.9.0")
    assert status == 2, errors
    assert "no codegen change" not in table
    assert (
        "error: copy cuda:90, triton 3.9.0: does not compile: ValueError: arange's range must be a power of 2" in table
    )
    assert "no configuration compiled in 3.3.1 or 3.9.0: nothing can be compared" in errors


def test_a_pair_says_what_compiles_in_neither_beside_what_it_compares(ask):
    status, table, _ = ask(PLAIN, "[512, 1000]", "--from", "3.3.1", "--to", "3.9.0")
    assert status == 1
    assert "does not compile in both: 1 configuration: copy[BLOCK=1000] cuda:90" in table


@pytest.mark.parametrize("options", [("--triton", "2.3.1,3.0.0"), ("--from", "2.3.1", "--to", "3.0.0")])
def test_what_is_n_a_in_every_release_was_not_asked(ask, options):
    status, table, errors = ask(PLAIN, "512", "--target", "hip:gfx950", *options)
    assert (status, table) == (2, "")
    assert "every configuration is n/a in every release that was asked" in errors
    assert "this Triton has no HIP backend; hip:gfx950 needs 3.2.0 or later" in errors


def test_one_release_has_nothing_to_be_compared_with(capsys):
    only = atlas("3.9.0", "cuda:90", 0)
    assert summary.report_atlas([], [only], [], 0.0, False, None, ["3.9.0"]) == 0
    assert "one release was compiled, so nothing is compared" in capsys.readouterr().out


def test_two_runs_that_write_to_one_folder_do_not_read_each_other_s_files(ask, tmp_path):
    assert ask(PLAIN)[0] == 0
    before = (tmp_path / "out" / "3.9.0.json").read_text()
    command = [sys.executable, "-m", "triton_matrix", "codegen", "--root", ROOT, "--envs", ENVS, "--triton", "3.9.0"]
    command += ["--spec", tmp_path / "spec.toml", "--out", tmp_path / "out"]
    with locks.held(tmp_path / "out" / ".codegen.lock", "a test"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is in use by process" in done.stderr
    assert (tmp_path / "out" / "3.9.0.json").read_text() == before


def atlas(release, target, spills):
    metrics = {"spill_stores": spills, "spill_loads": 0}
    entry = {"kernel": "k", "label": "k", "constexprs": {}, "options": {}, "status": "ok", "metrics": metrics}
    return {"triton": release, "entries": [{**entry, "id": f"k {target}", "target": target}]}


def test_accepting_in_some_releases_for_some_targets_keeps_what_was_not_asked():
    def entry(target, from_, to):
        return accepted.Accepted("k", target, from_, to, "spills", "measured")

    occurs, gone = entry("cuda:90", "3.3.1", "3.4.0"), entry("cuda:90", "3.4.0", "3.5.1")
    other_target, other_step = entry("hip:gfx942", "3.3.1", "3.4.0"), entry("cuda:90", "3.6.0", "3.7.1")
    asked = [atlas(release, "cuda:90", spills) for release, spills in (("3.3.1", 1), ("3.4.0", 2), ("3.5.1", 2))]
    entries = [occurs, gone, other_target, other_step]
    assert set(summary.accept(asked, entries, {}, whole=False)) == {occurs, other_target, other_step}
    assert set(summary.accept(asked, entries, {}, whole=True)) == {occurs, other_target}


def test_a_release_that_is_not_at_hand_leaves_no_older_result_and_its_name(ask, tmp_path, monkeypatch):
    """A folder of environments that cannot be made: a file lies where it should be."""
    assert ask(PLAIN)[0] == 0
    envs = tmp_path / "envs"
    envs.mkdir()
    (envs / "3.3.1").symlink_to(ENVS / "3.3.1")
    (envs / "results").mkdir()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    status, _, errors = ask(PLAIN, "512", "--envs", str(envs))
    assert status == 1
    assert "codegen: triton 3.9.0: unavailable: " in errors
    assert not (tmp_path / "out" / "3.9.0.json").exists()


def test_what_is_accepted_of_a_release_that_is_gone_is_refused(tmp_path, capsys):
    path = tmp_path / "accepted.toml"
    path.write_text('[[accepted]]\nkernel = "k"\ntarget = "cuda:90"\nfrom = "3.3.9"\nto = "3.4.0"\nreason = "x"\n')
    assert codegen.main(["--root", str(ROOT), "--accepted", str(path), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "accepted.toml accepts k cuda:90 from 3.3.9 to 3.4.0; the table's releases are 2.3.1, " in said


HOOK = """def configurations(targets):
    one = dict(kernel="k.py:k", label="k", args={}, constexprs={}, options={}, hints=())
    return [{**one, "target": target} for target in [*targets, *targets[:1]]]
"""


def test_two_configurations_of_one_name_are_refused(release_python, tmp_path, capfd):
    release_python("3.9.0")
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "cells.toml").write_text(
        '[package]\nname = "p"\natlas = "hook.py:configurations"\noldest = "3.9.0"\n'
        '[cell.ambient]\nplatforms = ["cuda"]\nwhy = "here"\n'
    )
    (tmp_path / "hook.py").write_text(HOOK)
    (tmp_path / "accepted.toml").write_text("")
    options = ["--root", str(tmp_path), "--envs", str(ENVS), "--accepted", str(tmp_path / "accepted.toml")]
    assert codegen.main([*options, "--target", "cuda:90,cuda:80"]) == 2
    assert "its entry 2 is called 'k cuda:90', like one before it" in capfd.readouterr().err
    assert not list((tmp_path / "reports" / "codegen").glob("3.*.json"))


def test_an_atlas_of_another_hook_or_shell_or_of_some_configurations_is_outdated(tmp_path):
    from triton_matrix.base import sources
    from triton_matrix.base.cells import load_at
    from triton_matrix.evidence import atlas_file

    table = load_at(ROOT)
    now = sources.package_digest(table)
    made = atlas_file.make("3.9.0", "3.9.0", [], ROOT)
    assert atlas_file.outdated(made, table, now) == ""
    assert "changed since" in atlas_file.outdated({**made, "hook": "another"}, table, now)
    assert "DISABLE_LLVM_OPT=1" in atlas_file.outdated({**made, "variables": {"DISABLE_LLVM_OPT": "1"}}, table, now)
    assert "no more than the first 2" in atlas_file.outdated({**made, "configs": 2}, table, now)
    assert "other sources" in atlas_file.outdated({**made, "sources": "another"}, table, now)
    path = tmp_path / "3.9.0.json"
    entry = {"id": "k", "target": "cuda:80"}
    for changed, kept in (({}, 1), ({"configs": 2}, 0), ({"hook": "another"}, 0)):
        atlas_file.write(path, made)
        atlas_file.keep_other_targets(path, {**made, **changed, "entries": [entry]}, ["cuda:90"])
        assert len(json.loads(path.read_text())["entries"]) == kept
