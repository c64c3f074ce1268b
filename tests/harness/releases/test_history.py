"""One metric over releases: lines, gaps, and what is refused."""

import json

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import load_at
from triton_matrix.codegen.cache import code_digest
from triton_matrix.evidence import atlas_file, atlas_runs
from triton_matrix.releases import history

from ..atlases import atlas, entry
from ..conftest import ROOT


@pytest.fixture
def folder(tmp_path):
    def add(n_cols, status, **metrics):
        return entry("toys:add", (f"n_cols={n_cols}",), status=status, metrics=metrics, reason="why")

    atlases = {
        "3.10.0": [add(4096, "ok", registers=40), add(512, "ok", registers=30)],
        "3.9.0": [add(512, "ok", registers=28), add(4096, "error")],
        "2.3.1": [add(512, "n/a"), entry("toys:mul", target="hip:gfx942", metrics={"registers": 9})],
    }
    for release, entries in atlases.items():
        (tmp_path / f"{release}.json").write_text(json.dumps(atlas(release, *entries)))
    return tmp_path


def run(folder, *arguments):
    return history.main([*arguments, "--reports", str(folder)])


def test_releases_are_columns_in_their_order_and_sizes_in_theirs(folder, capsys):
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["registers", "cuda:90", "2.3.1", "3.9.0", "3.10.0"],
        ["toys:add[n_cols=512]", "n/a", "28", "30"],
        ["toys:add[n_cols=4096]", "-", "error", "40"],
    ]


@pytest.mark.parametrize("label", ["add[n_cols=512]", "toys:add[n_cols=512]", "toys:add[n_cols=512] cuda:90"])
def test_one_configuration_can_be_asked_for_by_its_label(folder, capsys, label):
    assert run(folder, label, "--target", "cuda:90", "--metric", "registers", "--markdown") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "| toys:add[n_cols=512] | n/a | 28 | 30 |"


def test_a_name_that_two_modules_have_is_refused_with_both(folder, capsys):
    content = json.loads((folder / "2.3.1.json").read_text())
    content = atlas("2.3.1", *content["entries"], entry("others:add", metrics={"registers": 9}))
    (folder / "2.3.1.json").write_text(json.dumps(content))
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers") == 2
    assert "KERNEL is 'add'; allowed are others:add, toys:add" in capsys.readouterr().err
    assert run(folder, "toys:add", "--target", "cuda:90", "--metric", "registers") == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sub", "--target", "cuda:90", "--metric", "registers"], "KERNEL is 'sub'; allowed are toys:add, toys:mul"),
        (["mul", "--target", "cuda:90", "--metric", "registers"], "--target is 'cuda:90'; allowed are hip:gfx942"),
        (["add", "--target", "cuda:90", "--metric", "spills"], "--metric is 'spills'; allowed are registers"),
    ],
)
def test_what_the_atlas_does_not_have_is_refused_with_what_it_has(folder, capsys, arguments, sentence):
    assert run(folder, *arguments) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_without_an_atlas_says_what_writes_one(tmp_path, capsys):
    assert run(tmp_path, "add", "--target", "cuda:90", "--metric", "registers") == 2
    assert "nox -s codegen" in capsys.readouterr().err


@pytest.fixture
def declared(folder):
    """A closed run that asked for what the folder holds; gives it, for a test to change and write."""
    asked = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        targets = {name: [*labels] for name, labels in content["configurations"].items()}
        asked[content["triton"]] = atlas_runs.Asked(targets, atlas_runs.DONE)
    date = "2026-01-02T00:00:00+00:00"
    run = atlas_runs.AtlasRun("one", date, None, None, None, None, asked, closed=date)
    atlas_runs.write(folder, run)
    return run


def asked_of(folder, capsys):
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers") == 0
    return capsys.readouterr().err.splitlines()


def test_releases_of_several_sources_are_told_apart(folder, declared, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no checkout
    assert asked_of(folder, capsys) == []
    content = json.loads((folder / "3.10.0.json").read_text())
    (folder / "3.10.0.json").write_text(json.dumps({**content, "sources": "new", "commit": "0123456789abcdef"}))
    assert asked_of(folder, capsys) == [
        "history: 2.3.1, 3.9.0, of commit unknown: of the sources that go with it",
        "history: 3.10.0, of commit 0123456789: of the sources that go with it",
    ]


def test_an_atlas_of_other_sources_than_the_checkout_s_is_said_to_be(folder, declared, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    table = load_at(ROOT)
    now = {"sources": sources.package_digest(table), "hook": atlas_file.hook_digest(table), "harness": code_digest()}
    for path in folder.glob("[0-9]*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), **now, "commit": "0123456789abcdef"}))
    assert asked_of(folder, capsys) == []
    for path in folder.glob("[0-9]*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "sources": "another"}))
    why = "it is of other sources than the checkout has now"
    assert asked_of(folder, capsys) == [f"history: 2.3.1, 3.9.0, 3.10.0, of commit 0123456789: {why}"]


def test_what_the_last_run_did_not_answer_is_said(folder, declared, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    declared.releases["3.9.0"] = atlas_runs.Asked({"cuda:90": None}, atlas_runs.FAILED, "the hook raises")
    declared.releases["3.10.0"].targets["cuda:90"].append("mul")
    atlas_runs.write(folder, declared)
    assert asked_of(folder, capsys) == [
        "history: 3.9.0: the hook raises",
        "history: 3.10.0: its file lacks what was asked for, mul cuda:90",
    ]
    declared.closed = None
    atlas_runs.write(folder, declared)
    assert "was never closed" in asked_of(folder, capsys)[0]
    (folder / atlas_runs.NAME).unlink()
    assert asked_of(folder, capsys) == ["history: 2.3.1, 3.9.0, 3.10.0: no run-codegen.json says that it was asked for"]


def test_the_plot_is_an_svg_with_a_line_per_configuration(folder):
    pytest.importorskip("matplotlib", reason="--plot draws with matplotlib; install it to run this")
    path = folder / "registers.svg"
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers", "--plot", str(path)) == 0
    text = path.read_text()
    assert text.lstrip().startswith("<?xml")
    assert "<svg" in text
