"""Tables, plot and files derived from a report: every figure in them is one of the report's."""

import copy
import json
import re

import pytest

from liger_kernel.matrix.bench import render, table
from liger_kernel.matrix.bench.peers import OURS
from liger_kernel.matrix.bench.rows import Row

COPY = 3e12


def row(kind, direction, dtype, n_rows, n_cols, name, share):
    found = Row(kind, direction, dtype, n_rows, n_cols)
    seconds = found.bytes / (COPY * share)
    info = {
        "level": "device",
        "row": found.id,
        "kind": kind,
        "implementation": name,
        "direction": direction,
        "dtype": dtype,
        "n_rows": n_rows,
        "n_cols": n_cols,
        "spread": 0.01,
        "gb_per_s": COPY * share / 1e9,
        "share_of_copy": share,
        "speed_against_torch": 1.5,
        "host_us_per_call": 12.5 if kind == "small" else None,
    }
    return {"name": found.id, "stats": {"median": seconds, "data": [seconds]}, "extra_info": info}


@pytest.fixture
def report():
    shares = {1024: (0.97, 0.6), 16384: (0.90, 0.95)}
    rows = [
        row("large", "forward", "bf16", 2**27 // n_cols, n_cols, name, share)
        for n_cols, pair in shares.items()
        for name, share in zip((OURS, "torch"), pair)
    ]
    rows += [row("small", "forward", "bf16", 128, 768, name, 0.1) for name in (OURS, "torch", "quack")]
    rows.append(row("large", "forward", "bf16", 2**17, 1024, "quack", 0.96))
    about = {
        "schema": "liger-matrix/benchmark/1",
        "cell": "ambient",
        "level": "device",
        "selection": "full",
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789abcdef",
        "dirty": False,
        "gpus": [{"name": "NVIDIA H100 80GB HBM3", "driver": "580.1"}],
        "versions": {"python": "3.12.3", "torch": "2.11.0", "triton": "3.6.0", "pytest-benchmark": "5.3.1"},
        "implementations": {OURS: "0.1.0", "torch": "2.11.0", "quack": "0.6.5"},
        "absent": {"liger": "ImportError: not there"},
        "refused": [{"row": "large-bf16-8192x16384-forward", "implementation": "quack", "reason": "too wide"}],
        "failed": [],
        "copy_gb_per_s": COPY / 1e9,
        "copy_gb_per_s_at_end": COPY / 1e9,
    }
    return {"datetime": "x", "liger_matrix": about, "benchmarks": rows}


def older(report, triton, share):
    found = copy.deepcopy(report)
    found["liger_matrix"]["versions"]["triton"] = triton
    found["liger_matrix"]["implementations"] = {OURS: "0.1.0", "torch": "2.11.0"}
    found["benchmarks"] = [row("large", "forward", "bf16", 2**17, 1024, OURS, share)]
    return found


def test_the_printed_table_fits_and_has_shares_peers_absences_and_refusals(report):
    text = table.text(report)
    assert max(map(len, text.splitlines())) <= 100
    assert re.search(r"^1024 +0\.970 +0\.600 +0\.960 .* 1\.01$", text, re.MULTILINE)
    assert re.search(r"^16384 +0\.900 +0\.950 +- .* 0\.95$", text, re.MULTILINE)
    assert "absent: liger (ImportError: not there)" in text
    assert "quack refuses large-bf16-8192x16384-forward: too wide" in text


def test_rows_refused_for_the_same_reason_share_a_line(report):
    refused = report["liger_matrix"]["refused"]
    refused += [{**refused[0], "row": f"row-{index}"} for index in range(20)]
    text = " ".join(table.text(report).split())
    assert "quack refuses large-bf16-8192x16384-forward, row-0, row-1, row-2" in text
    assert text.count("too wide") == 1


def test_a_report_without_timed_rows_says_that_no_kernel_was_timed(report):
    report["liger_matrix"].update(level="codegen", gpus=[], copy_gb_per_s=None)
    report["benchmarks"] = []
    assert "no kernel was timed: torch sees no GPU here" in table.text(report)


def test_compact_json_is_the_same_report_with_a_line_per_benchmark(report):
    text = table.compact_json(report)
    assert json.loads(text) == report
    assert sum('"stats"' in line for line in text.splitlines()) == len(report["benchmarks"])


def test_targets_are_called_met_or_missed_by_the_lowest_share_of_their_range(report):
    block = render.document([report])
    assert "| forward bf16 | 1024 - 16384 | 0.96 | 0.900 | 16384 | missed at 16384 |" in block
    report["benchmarks"][2] = row("large", "forward", "bf16", 8192, 16384, OURS, 0.965)
    assert "| forward bf16 | 1024 - 16384 | 0.96 | 0.965 | 16384 | met |" in render.document([report])


def test_rows_behind_the_fastest_peer_are_listed_and_level_ones_are_not(report):
    block = render.document([report])
    assert "by more than 2 %: forward bf16 N = 16384 (0.95)." in block
    report["benchmarks"][2] = row("large", "forward", "bf16", 8192, 16384, OURS, 0.94)
    assert "by more than 2 %: nowhere." in render.document([report])


def test_targets_of_an_h100_are_not_held_against_another_gpu(report):
    report["liger_matrix"]["gpus"][0]["name"] = "NVIDIA A100"
    assert "### Targets" not in render.document([report])


def test_the_fastest_of_a_row_is_bold(report):
    block = render.document([report])
    assert "| 1024 | **0.970** | 0.600 | 0.960 |" in block
    assert "| 16384 | 0.900 | **0.950** | - |" in block


def test_tritons_stand_side_by_side_oldest_first_against_the_newest(report):
    block = render.document(sorted([report, older(report, "2.3.1", 0.95)], key=render._order))
    assert "| N | 2.3.1 | 3.6.0 | 2.3.1 / 3.6.0 |" in block
    assert "| 1024 | 0.950 | 0.970 | 0.979 |" in block


def test_a_sweep_shows_its_sharpest_drop(report):
    report["liger_matrix"]["selection"] = "sweep"
    shares = [(1023, 0.90), (1024, 0.95), (1025, 0.76), (1152, 0.80)]
    report["benchmarks"] = [row("sweep", "forward", "bf16", 2**27 // n, n, OURS, share) for n, share in shares]
    assert "| forward bf16 | 4 | 0.760 | 1025 | -20.0% | 1024 | 1025 |" in render.document([report])


def test_markdown_is_replaced_between_its_markers_only(tmp_path, report):
    source, page = tmp_path / "r.json", tmp_path / "performance.md"
    source.write_text(json.dumps(report))
    page.write_text(f"before\n{render.BEGIN}\nstale figures\n{render.END}\nafter\n")
    for _ in range(2):  # rendering again changes nothing
        assert render.main([source], page, None) == 0
        text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "stale figures" not in text
    assert text.count("### What was run") == 1


def test_a_page_without_markers_is_left_alone(tmp_path, report):
    source, page = tmp_path / "r.json", tmp_path / "performance.md"
    source.write_text(json.dumps(report))
    page.write_text("nothing to replace\n")
    with pytest.raises(ValueError, match=r"markdown is .*performance.md; it must hold the lines"):
        render.main([source], page, None)
    assert page.read_text() == "nothing to replace\n"


def test_the_plot_has_a_line_per_implementation_and_the_same_bytes_each_time(tmp_path, report):
    pytest.importorskip("matplotlib", reason="install matplotlib to draw plots")
    source = tmp_path / "r.json"
    source.write_text(json.dumps(report))
    plots = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for plot in plots:
        render.main([source], None, plot)
    assert plots[0].read_bytes() == plots[1].read_bytes()
    text = plots[0].read_text()
    for label in ("ours, triton 3.6.0", "torch", "quack", "forward, bf16"):
        assert label in text
