"""What the verb prints of our rows: shares beside the peers', who was absent, who refused which row."""

import re

from triton_matrix.bench import table

from .layer_norm import tables


def text(report):
    return table.text(report, tables.lines(report))


def test_the_printed_table_fits_and_has_shares_peers_absences_and_refusals(report):
    said = text(report)
    assert max(map(len, said.splitlines())) <= 100
    assert re.search(r"^1024 +0\.970 +0\.600 +0\.960 .* 1\.01$", said, re.MULTILINE)
    assert re.search(r"^16384 +0\.900 +0\.950 +- .* 0\.95$", said, re.MULTILINE)
    assert "absent: liger (ImportError: not there)" in said
    assert "quack refuses large-bf16-8192x16384-forward: too wide" in said


def test_rows_refused_for_the_same_reason_share_a_line(report):
    refused = report["triton_matrix"]["refused"]
    refused += [{**refused[0], "row": f"row-{index}"} for index in range(20)]
    said = " ".join(text(report).split())
    assert "quack refuses large-bf16-8192x16384-forward, row-0, row-1, row-2" in said
    assert said.count("too wide") == 1


def test_rows_that_may_hold_gaps_are_listed(report):
    assert "gaps" not in text(report)
    report["benchmarks"][0]["extra_info"]["late"] = 15
    assert "may hold gaps, because the host came late: large-bf16-131072x1024-forward ours" in text(report)
