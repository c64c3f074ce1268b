"""A run over releases that compared nothing, or not all, or another run's files, never says that nothing changed."""

import subprocess
import sys
from pathlib import Path

import pytest

from triton_matrix.base import locks, sources
from triton_matrix.base.cells import load_at
from triton_matrix.codegen import accepted
from triton_matrix.evidence import atlas_file
from triton_matrix.releases import codegen_cli, compile_runs, history, summary

from ..atlases import atlas, entry
from ..conftest import ENVS, ROOT
from .conftest import COPY

PLAIN = COPY.format(head="", n="n")


def test_a_pair_of_releases_that_both_refuse_a_kernel_is_no_green(ask):
    status, table, errors = ask(PLAIN, "1000", "--from", "3.3.1", "--to", "3.9.0")
    assert status == 2, errors
    assert "no codegen change" not in table
    assert (
        "error: mine:copy[fp32,BLOCK=1000,#7a12ea2f] hip:gfx942, triton 3.9.0: does not compile: ValueError: " in table
    )
    assert "no configuration can be compared between 3.3.1 and 3.9.0; first does not compile" in errors


def test_a_pair_says_what_compiles_in_neither_beside_what_it_compares(ask):
    status, table, _ = ask(PLAIN, "[512, 1000]", "--from", "3.3.1", "--to", "3.9.0")
    assert status == 1
    assert "does not compile in both: 1 configuration: mine:copy[fp32,BLOCK=1000,#7a12ea2f] hip:gfx942" in table


@pytest.mark.parametrize("options", [("--triton", "2.3.1,3.0.0"), ("--from", "2.3.1", "--to", "3.0.0")])
def test_what_is_n_a_in_every_release_was_not_asked(ask, options):
    status, table, errors = ask(PLAIN, "512", "--target", "hip:gfx950", *options)
    assert (status, table) == (2, "")
    assert "every configuration is n/a in every release that was asked" in errors
    assert "this Triton has no HIP backend; hip:gfx950 needs 3.2.0 or later" in errors


def answered(*releases):
    return summary.Told([compile_runs.Outcome(release, Path(release)) for release in releases], 0.0, False, releases)


def test_one_release_has_nothing_to_be_compared_with(capsys):
    only = compiled("3.9.0", "cuda:90", 0)
    assert summary.report_atlas(answered("3.9.0"), [only], [], None) == 0
    assert "one release was compiled, so nothing is compared" in capsys.readouterr().out


def test_what_grows_in_small_steps_is_worse_between_the_releases_of_the_cells(capsys):
    releases = ("3.4.0", "3.6.0", "3.9.0")
    grown = [
        atlas(release, entry(cpu_seconds=seconds, metrics={"registers": 32}))
        for release, seconds in zip(releases, (1.1, 1.9, 3.0))
    ]
    assert summary.report_atlas(answered(*releases), grown, [], None) == 0
    assert "nothing got worse" in capsys.readouterr().out
    assert summary.report_atlas(answered(*releases), grown, [], None, {"3.4.0", "3.9.0"}) == 1
    said = capsys.readouterr()
    assert "3.4.0 -> 3.9.0: 1 worse and not in accepted.toml" in said.err
    assert "compile time 1.1 -> 3.0 s of CPU" in said.out
    label = grown[0]["entries"][0]
    lived_with = accepted.Accepted(
        label["kernel"], "", label["target"], "3.4.0", "3.9.0", "time", "measured", (("times", 2.8),)
    )
    assert summary.report_atlas(answered(*releases), grown, [lived_with], None, {"3.4.0", "3.9.0"}) == 0


def test_two_runs_that_write_to_one_folder_do_not_read_each_other_s_files(ask, tmp_path):
    assert ask(PLAIN)[0] == 0
    before = (tmp_path / "out" / "3.9.0.json").read_text()
    command = [sys.executable, "-m", "triton_matrix", "codegen", "--root", ROOT, "--envs", ENVS, "--triton", "3.9.0"]
    command += ["--launches", tmp_path / "launch.toml", "--out", tmp_path / "out"]
    with locks.held(tmp_path / "out" / ".codegen.lock", "a test"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is in use by process" in done.stderr
    assert (tmp_path / "out" / "3.9.0.json").read_text() == before


def compiled(release, target, spills):
    return atlas(release, entry("toys:k", target=target, metrics={"spill_stores": spills, "spill_loads": 0}))


def test_accepting_in_some_releases_for_some_targets_keeps_what_was_not_asked():
    def accept(target, from_, to):
        worst = (("spill_loads", 0), ("spill_stores", 2))
        return accepted.Accepted("toys:k", "", target, from_, to, "spills", "measured", worst)

    occurs, gone = accept("cuda:90", "3.3.1", "3.4.0"), accept("cuda:90", "3.4.0", "3.5.1")
    other_target, other_step = accept("hip:gfx942", "3.3.1", "3.4.0"), accept("cuda:90", "3.6.0", "3.7.1")
    asked = [compiled(release, "cuda:90", spills) for release, spills in (("3.3.1", 1), ("3.4.0", 2), ("3.5.1", 2))]
    entries = [occurs, gone, other_target, other_step]
    assert set(summary.accept(asked, entries, {}, whole=False)) == {occurs, other_target, other_step}
    assert set(summary.accept(asked, entries, {}, whole=True)) == {occurs, other_target}
    wider = accept("cuda:90", "3.3.1", "3.5.1")
    assert set(summary.accept(asked, [occurs, wider], {}, whole=True)) == {occurs, wider}


def test_a_release_that_is_not_at_hand_is_named_and_its_older_file_is_of_no_run_of_now(ask, tmp_path, monkeypatch):
    assert ask(PLAIN)[0] == 0
    before = (tmp_path / "out" / "3.9.0.json").read_text()
    envs = tmp_path / "envs"
    envs.mkdir()
    (envs / "3.3.1").symlink_to(ENVS / "3.3.1")
    (envs / "results").mkdir()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    status, _, errors = ask(PLAIN, "512", "--envs", str(envs))
    assert status == 2  # of one release nothing is compared
    assert "codegen: triton 3.9.0: unavailable: " in errors
    assert errors.splitlines()[-1] == "codegen: this machine could not provide triton 3.9.0"
    assert (tmp_path / "out" / "3.9.0.json").read_text() == before
    (said,) = history.not_whole(history.load(tmp_path / "out"), tmp_path / "out")
    assert said.startswith("3.9.0: unavailable: ")


def test_what_is_accepted_of_a_release_that_is_gone_is_refused(tmp_path, capsys):
    path = tmp_path / "accepted.toml"
    entry = accepted.Accepted("toys:k", "", "cuda:90", "3.3.9", "3.4.0", "compile", "x")
    accepted.write(path, [entry])
    assert codegen_cli.main(["--root", str(ROOT), "--accepted", str(path), "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (
        "accepted.toml accepts toys:k cuda:90 (compile) from 3.3.9 to 3.4.0; the table's releases are 2.3.1, " in said
    )


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
    assert codegen_cli.main([*options, "--target", "cuda:90,cuda:80"]) == 2
    assert f"its entry 2 is called '{tmp_path.name}.k:k cuda:90', like one before it" in capfd.readouterr().err
    assert not list((tmp_path / "reports" / "codegen").glob("3.*.json"))


def test_an_atlas_of_another_question_is_outdated_and_not_put_together_with_this_one():
    table = load_at(ROOT)
    now = sources.package_digest(table)
    made = {**atlas_file.make("3.9.0", "3.9.0", ROOT, "a digest", of_launches=False), "read": {}}

    def why(**changed):
        return atlas_file.outdated({**made, **changed}, table, now, "a digest")

    assert why() == ""
    assert "changed since" in why(hook="another")
    assert "DISABLE_LLVM_OPT=1" in why(variables={"DISABLE_LLVM_OPT": "1"})
    assert "no more than the first 2" in why(configs=2)
    assert "other sources" in why(sources="another")
    assert "another version of the harness" in why(harness="another")
    assert "its row of the table was changed" in why(
        row={**atlas_file.row_of(table.releases["3.9.0"]), "python": "3.8"}
    )
    content = atlas_file.fill(made, {"cuda:90": {}}, [])
    other = {"configurations": {"cuda:80": {"k": ["k"]}}, "entries": [{"id": "k cuda:80", "target": "cuda:80"}]}
    changes = (
        {"configs": 2},
        {"hook": "another"},
        {"harness": "another"},
        {"extra": ["einops"]},
        {"row": "another"},
        {"sources": "another"},
    )
    assert len(atlas_file.with_other_targets(content, {**made, **other})["entries"]) == 1
    for changed in changes:
        assert atlas_file.with_other_targets(content, {**made, **other, **changed}) == content
