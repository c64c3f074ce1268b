"""What the verb prints of any suite's file fits 100 columns and says what was timed, on what, and what was not."""

import pytest

from triton_matrix.bench import table


@pytest.fixture
def report():
    """A file of a suite that names no key but its rows' own."""
    gpu = {"name": "NVIDIA H100 80GB HBM3", "driver": "580.1"}
    about = {
        "cell": "newest",
        "level": "device",
        "gpus": [gpu],
        "versions": {"python": "3.12.3", "torch": "2.11.0", "triton": "3.6.0"},
    }
    stats = {"median": 12.34e-6, "rounds": 5, "data": [12.34e-6] * 5}
    return {"triton_matrix": about, "benchmarks": [{"name": "test_scale[8]", "stats": stats, "extra_info": {}}]}


COMPILED = {
    "kind": "compile",
    "configuration": "scale[BLOCK=8]",
    "target": "cuda:90",
    "options": {"num_warps": 4},
    "metrics": {"registers": 32, "spill_stores": 2, "spill_loads": 3, "occupancy_warps": 48},
}


def text(report):
    return table.text(report, table.body(report))


def test_a_timed_row_has_its_median_and_spread_and_no_column_that_is_empty(report):
    assert text(report).splitlines() == [
        "",
        "newest  level device  python 3.12.3  torch 2.11.0  triton 3.6.0  NVIDIA H100 80GB HBM3, driver 580.1",
        "",
        "row            median us  spread",
        "test_scale[8]       12.3    0.0%",
    ]


def test_peers_bandwidth_and_share_are_columns_where_a_row_has_them(report):
    info = {"row": "scale-8", "implementation": "torch", "gb_per_s": 1500.4, "share_of_copy": 0.51}
    report["benchmarks"].append({"name": "x", "stats": {"median": 1e-6}, "extra_info": info})
    lines = text(report).splitlines()
    assert lines[3].split() == ["row", "peer", "median", "us", "spread", "GB/s", "of", "a", "copy"]
    assert lines[5].split() == ["scale-8", "torch", "1.0", "-", "1500", "0.510"]


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("codegen", "no kernel was timed: torch sees no GPU here. Compile times and exact metrics only."),
        ("interpreter", "no kernel was timed: the rows ran on the CPU in Triton's interpreter."),
    ],
)
def test_without_a_gpu_it_says_that_no_kernel_was_timed_and_shows_no_time(report, level, said):
    report["triton_matrix"].update(level=level, gpus=[])
    found = text(report)
    assert said in found
    assert f"1 rows ran, level {level}: test_scale[8]" in found
    assert "median" not in found


def test_what_was_compiled_has_its_target_and_metrics(report):
    report["benchmarks"] = [{"name": "c", "stats": {"median": 0.5}, "extra_info": COMPILED}]
    lines = text(report).splitlines()
    assert lines[-2].split() == [
        *("configuration", "target", "warps"),
        *("compile", "s", "regs", "spills", "occupancy"),
    ]
    assert lines[-1].split() == ["scale[BLOCK=8]", "cuda:90", "4", "0.50", "32", "5", "48"]


def test_a_long_line_is_wrapped_at_100_columns():
    lines = table.wrapped("refused: " + ", ".join(f"row-{index}" for index in range(40)))
    assert max(map(len, lines)) <= 100
    assert all(line.startswith("    ") for line in lines[1:])


def test_what_a_comparison_found_is_said_row_by_row(report):
    assert table.against(report) == []
    report["triton_matrix"]["against"] = {
        "baseline": "oldest",
        "baseline_date": "2026-01-02T03:04:05+00:00",
        "baseline_commit": "0123456789abcdef",
        "compared": 3,
        "threshold": 0.05,
        "too_noisy": [
            {"row": "d", "slowdown": 1.5, "limit": 1.8},
            {"row": "e", "slowdown": 0.0, "limit": None},
        ],
        "not_timed": ["c"],
        "new": ["f"],
        "regressed": [{"row": "a", "slowdown": 0.2, "limit": 0.05}],
        "not_confirmed": ["b"],
    }
    assert table.against(report) == [
        "1 of 3 rows regressed against oldest of 2026-01-02T03:04:05+00:00, commit 0123456789",
        "  a: +20.0%, limit 5.0%",
        "  c: in the baseline, not timed now",
        "  f: not in the baseline",
        "  b: looked slower once, not when measured again",
        "2 rows are too noisy to tell a change of 5%",
        "  d: too noisy to tell, noise 180.0%; it looks 2.50 x the earlier time",
        "  e: too noisy to tell, too few rounds to know its noise; it looks 1.00 x the earlier time",
    ]
