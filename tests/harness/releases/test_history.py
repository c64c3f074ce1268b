"""One metric over releases: lines, gaps, and what is refused."""

import json

import pytest

from triton_matrix.releases import history


@pytest.fixture
def folder(tmp_path):
    def entry(label, registers, status="ok", target="cuda:90"):
        metrics = {} if registers is None else {"registers": registers}
        kernel = label.partition("[")[0]
        return {"id": f"{label} {target}", "kernel": kernel, "label": label, "target": target, "status": status} | {
            "metrics": metrics
        }

    atlases = {
        "3.10.0": [entry("add[n_cols=4096]", 40), entry("add[n_cols=512]", 30)],
        "3.9.0": [entry("add[n_cols=512]", 28), entry("add[n_cols=4096]", None, "error")],
        "2.3.1": [entry("add[n_cols=512]", None, "n/a"), entry("mul", 9, target="hip:gfx942")],
    }
    for release, entries in atlases.items():
        content = {"schema": "triton-matrix/codegen/1", "triton": release, "entries": entries}
        (tmp_path / f"{release}.json").write_text(json.dumps(content))
    return tmp_path


def run(folder, *arguments):
    return history.main([*arguments, "--reports", str(folder)])


def test_releases_are_columns_in_their_order_and_sizes_in_theirs(folder, capsys):
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["registers", "cuda:90", "2.3.1", "3.9.0", "3.10.0"],
        ["add[n_cols=512]", "n/a", "28", "30"],
        ["add[n_cols=4096]", "-", "error", "40"],
    ]


def test_one_configuration_can_be_asked_for_by_its_label(folder, capsys):
    assert run(folder, "add[n_cols=512]", "--target", "cuda:90", "--metric", "registers", "--markdown") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "| add[n_cols=512] | n/a | 28 | 30 |"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sub", "--target", "cuda:90", "--metric", "registers"], "KERNEL is 'sub'; allowed are add, mul"),
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


def test_releases_of_several_sources_are_told_apart(folder, capsys):
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers") == 0
    assert capsys.readouterr().err == ""
    content = json.loads((folder / "3.10.0.json").read_text())
    (folder / "3.10.0.json").write_text(json.dumps({**content, "sources": "new", "commit": "0123456789abcdef"}))
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers") == 0
    assert capsys.readouterr().err.splitlines() == [
        "history: of commit unknown and its sources: 2.3.1, 3.9.0",
        "history: of commit 0123456789 and its sources: 3.10.0",
    ]


def test_the_plot_is_an_svg_with_a_line_per_configuration(folder):
    pytest.importorskip("matplotlib", reason="--plot draws with matplotlib; install it to run this")
    path = folder / "registers.svg"
    assert run(folder, "add", "--target", "cuda:90", "--metric", "registers", "--plot", str(path)) == 0
    text = path.read_text()
    assert text.lstrip().startswith("<?xml")
    assert "<svg" in text
