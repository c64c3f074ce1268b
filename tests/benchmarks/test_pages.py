"""Files written from reports: the page's block between its marks, the tables, and a plot for each GPU."""

import json
import re

import pytest

from triton_matrix.base import markdown_sections

from .layer_norm import render, runs
from .layer_norm.peers import OURS
from .layer_norm.render import Outputs
from .layer_norm.runs import Run
from .reports import variant

BEGIN, END = markdown_sections.marks(render.PART)


@pytest.fixture
def outputs(tmp_path):
    """Where to write: a page with nothing but its marks, and a folder for the tables."""
    pytest.importorskip("matplotlib", reason="install matplotlib to draw plots")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "p.md").write_text(f"before\n{BEGIN}\nstale figures\n{END}\nafter\n")
    return Outputs(tmp_path / "docs" / "p.md", tmp_path / "results" / "tables.md", tmp_path / "docs" / "p.svg")


def drawn(outputs, *reports):
    """Write the reports; gives all SVGs by name."""
    written = render.write(runs.ordered([Run(report) for report in reports]), outputs)
    return {path.name: path.read_text() for path in written if path.suffix == ".svg"}


def test_the_page_and_the_tables_are_what_the_stored_results_give(outputs):
    standard, again = render.STANDARD, "render the results again: nox -s performance"
    fresh = Outputs(outputs.page.parent / standard.page.name, outputs.tables, outputs.plot.parent / standard.plot.name)
    fresh.page.write_text(standard.page.read_text())
    for path in render.write(runs.read([render.ROOT / "results"]), fresh):
        stored = (standard.page if path.parent == fresh.page.parent else standard.tables).parent / path.name
        assert stored.is_file(), again
        if path.suffix == ".md":
            assert path.read_text() == stored.read_text(), again


def test_the_page_is_written_between_its_marks_only(outputs, report):
    for _ in range(2):  # writing again changes nothing
        drawn(outputs, report)
        text = outputs.page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n### Goals")
    assert text.endswith(f"(p.svg)\n\n{END}\nafter\n")
    assert "stale figures" not in text
    assert outputs.tables.read_text().count("### What was run") == 1


def test_the_page_shows_the_newest_run_of_each_triton(outputs, report, row):
    def run(triton, date, share, **settings):
        found = variant(report, triton, rows=[row("large", "forward", "bf16", 2**17, 1024, OURS, share)], **settings)
        found["triton_matrix"].update(date=date, commit=date.replace("-", ""))
        return found

    drawn(
        outputs,
        run("3.0.0", "2026-11-22", 0.5),
        run("3.0.0", "2026-11-25", 0.7),
        run("3.0.0", "2026-11-27", 0.6, settings="general rule"),
        run("3.9.0", "2026-11-22", 0.99),
    )
    page = outputs.page.read_text()
    assert "| forward bf16 | 1024 | 0.98 | **0.700** | 0.990 |" in page
    assert "Timed: 3.0.0 2026-11-25 (2026112), 3.9.0 2026-11-22 (2026112)." in page


def test_the_page_says_that_the_tree_which_ran_had_changes(outputs, report):
    report["triton_matrix"].update(commit="0123456789ab", dirty=True)
    drawn(outputs, report)
    assert "(0123456 + changes)." in outputs.page.read_text()


def test_a_page_without_marks_is_refused_before_anything_is_written(outputs, report):
    outputs.page.write_text("nothing to replace\n")
    with pytest.raises(ValueError, match=r"the page is .*p\.md; it must hold the lines"):
        drawn(outputs, report)
    assert outputs.page.read_text() == "nothing to replace\n"
    assert not outputs.tables.exists()
    assert not outputs.plot.exists()


def test_other_files_are_printed_and_no_page_is_touched(tmp_path, report, capsys):
    source = tmp_path / "r.json"
    source.write_text(json.dumps(report))
    before = render.STANDARD.page.read_text()
    assert render.main([str(source)]) == 0
    assert capsys.readouterr().out.startswith("### Goals: shares of the copy bandwidth on NVIDIA H100 80GB HBM3")
    assert render.STANDARD.page.read_text() == before
    assert render.main([str(tmp_path / "gone.json")]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "render is" in said
    assert "gone.json; it cannot be read" in said


def test_the_plot_has_a_line_per_implementation_and_the_same_bytes_each_time(outputs, report):
    plot = drawn(outputs, report)["p.svg"]
    assert set(drawn(outputs, report)) == {"p.svg"}
    assert outputs.plot.read_text() == plot
    for label in ("ours, triton 3.6.0", "torch", "quack", "forward, bf16"):
        assert label in plot


def test_the_plot_takes_a_peer_from_the_run_with_most_of_its_sizes(outputs, report, row):
    few = variant(report, rows=[row("large", "forward", "bf16", 2**17, 1024, name, 0.9) for name in (OURS, "torch")])
    few["triton_matrix"]["implementations"] = dict.fromkeys((OURS, "torch", "quack", "compile", "liger", "more"), "1")
    assert "quack" not in drawn(outputs, few)["p.svg"]
    assert "quack" in drawn(outputs, few, report)["p.svg"]


def test_the_plot_draws_ours_from_the_newest_run_whatever_peers_it_met(outputs, report, row):
    later = variant(report, rows=[row("large", "forward", "bf16", 2**27 // n, n, OURS, 0.5) for n in (1024, 16384)])
    later["triton_matrix"] |= {"commit": "f" * 40, "date": "2999-01-01T00:00:00+00:00"}
    plots = [drawn(outputs, *reports)["p.svg"] for reports in ([report], [report, later])]
    lines = [re.findall(r'<path d="(M [^"]+)" clip-path=', plot) for plot in plots]
    assert "quack" in plots[1]
    assert len(lines[0]) == len(lines[1]) > 2
    assert len(set(lines[0]) - set(lines[1])) == 1  # only ours differs


def test_each_gpu_has_a_plot_of_its_own_and_the_page_has_that_of_the_first_with_goals(outputs, report, row):
    older = variant(report, "2.3.1", rows=[row("large", "forward", "bf16", 2**17, 1024, OURS, 0.95)])
    alone = drawn(outputs, report, older)
    newer = variant(report, gpu="NVIDIA H200")
    plots = drawn(outputs, variant(report, gpu="NVIDIA A100"), report, older, newer)
    assert set(plots) == {"p.svg", "p-h100.svg", "p-a100.svg"}
    assert "NVIDIA H200" in plots["p.svg"]
    assert "triton 2.3.1" not in plots["p.svg"]
    assert plots["p-h100.svg"] == alone["p.svg"]
    tables = outputs.tables.read_text()
    images = ["on NVIDIA H200](../docs/p.svg)", "on NVIDIA H100 80GB HBM3](p-h100.svg)", "on NVIDIA A100](p-a100.svg)"]
    assert sorted(images, key=tables.index) == images
    page = outputs.page.read_text()
    assert "(p.svg)" in page
    assert "H100" not in page


def test_the_plot_draws_the_newest_of_two_like_runs_in_full(outputs, report):
    plot = drawn(outputs, report, variant(report, "3.0.0"))["p.svg"]
    assert plot.index("ours, triton 3.6.0") < plot.index("ours, triton 3.0.0")  # the legend's order


def test_gpus_of_one_model_have_plots_of_different_names(outputs, report):
    found = [Run(variant(report, gpu=gpu)) for gpu in ("NVIDIA H100 NVL", "NVIDIA H100 PCIe")]
    names = [path.name for path in render.plot_paths(found, outputs).values()]
    assert names == ["p.svg", "p-nvidia-h100-pcie.svg"]


def test_the_plot_draws_the_general_rule_only_where_nothing_else_was_timed_and_says_so(outputs, report):
    general, tuned = variant(report, settings="general rule"), variant(report)
    tuned["benchmarks"] = [one for one in report["benchmarks"] if one["extra_info"]["implementation"] != "quack"]
    del tuned["triton_matrix"]["implementations"]["quack"]
    assert "ours, triton 3.6.0, general rule" in drawn(outputs, general)["p.svg"]
    plot = drawn(outputs, general, tuned)["p.svg"]
    assert "ours, triton 3.6.0" in plot
    assert "general rule" not in plot


def test_the_plot_draws_each_triton_once_in_a_look_of_its_own(outputs, report, row):
    rows = [row("large", "forward", "bf16", 2**27 // n, n, OURS, 0.9) for n in (1024, 2048)]
    older = [variant(report, f"3.{minor}.0", rows=rows) for minor in range(6)]
    again = variant(report, rows=rows)  # of the Triton that is drawn in full
    again["triton_matrix"]["commit"] = "another"
    plot = drawn(outputs, report, *older, again)["p.svg"]
    looks = re.findall(r"fill: none; stroke-dasharray: ([\d.,]+); stroke-dashoffset: 0; stroke: (#\w+)", plot)
    assert len(set(looks)) == 6


def test_a_plot_of_nothing_is_refused_before_anything_is_written(outputs, report):
    report["triton_matrix"].update(level="codegen", gpus=[])
    with pytest.raises(ValueError, match=r"the plot is .*p.svg, but none of the files has a timed row for it"):
        drawn(outputs, report)
    assert "stale figures" in outputs.page.read_text()


def test_a_sweep_among_the_files_gets_a_plot_of_its_own_and_leaves_the_other_alone(outputs, report, row):
    sweep = variant(report)
    sweep["triton_matrix"]["selection"] = "sweep"
    sweep["benchmarks"] = [row("sweep", "forward", "bf16", 2**27 // n, n, OURS, 0.9) for n in (1023, 1024, 1025, 1026)]
    alone = drawn(outputs, report)
    both = drawn(outputs, sweep, report)
    assert both["p.svg"] == alone["p.svg"]
    for label in ("H100, triton 3.6.0, even N", "H100, triton 3.6.0, odd N"):
        assert label in both["p-sweep.svg"]
    tables = outputs.tables.read_text()
    assert "(../docs/p.svg)" in tables
    assert "(p-sweep.svg)" in tables
