"""Tables derived from reports: every figure in them is one of the reports'."""

import json
import re

import pytest

from .layer_norm import goals, render, runs
from .layer_norm.peers import OURS
from .layer_norm.runs import Run
from .reports import variant


@pytest.fixture(autouse=True)
def _goals_of_a_test(monkeypatch):
    """Goals that stay, whatever the kernels aim at."""
    monkeypatch.setattr(goals, "GPUS", {"H100": {("forward", "bf16"): ((16384, 0.96), (131072, 0.80))}})


def document(*reports):
    return render.document(runs.ordered([Run(report) for report in reports]))


def folded(block):
    return re.sub(r"<details>.*?</details>", "", block, flags=re.DOTALL)


def test_two_runs_of_the_same_triton_are_told_apart(report):
    first, again = variant(report), variant(report)
    again["triton_matrix"]["commit"] = "0123abc"
    text = document(first, again)
    assert f"3.6.0 ({first['triton_matrix']['commit'][:7]})" in text
    assert "3.6.0 (0123abc)" in text
    again["triton_matrix"].update(commit=first["triton_matrix"]["commit"], date="2026-11-22T01:02:03+00:00")
    text = document(first, again)
    assert f"3.6.0 ({first['triton_matrix']['date'][:19]})" in text
    assert "3.6.0 (2026-11-22T01:02:03)" in text


@pytest.mark.parametrize(
    ("gpus", "label"),
    [
        (["NVIDIA H100 80GB HBM3"], "H100, triton 3.6.0"),
        (["NVIDIA H200", "NVIDIA H200"], "H200, triton 3.6.0"),
        (["AMD Instinct MI300X"], "MI300X, triton 3.6.0"),
        (["NVIDIA GeForce RTX 4090"], "4090, triton 3.6.0"),
        (["NVIDIA TITAN V"], "NVIDIA TITAN V, triton 3.6.0"),
        ([], "none, triton 3.6.0"),
    ],
)
def test_a_label_names_the_gpus_model(report, gpus, label):
    report["triton_matrix"]["gpus"] = [{"name": name} for name in gpus]
    assert Run(report).label == label


def test_goals_stand_first_with_the_lowest_share_of_each_range_and_every_miss(report, row):
    block = document(report)
    assert block.startswith("### Goals")
    assert "| forward bf16 | 1024 - 16384 | 0.96 | **0.900** (16384) |" in block
    report["benchmarks"][2] = row("large", "forward", "bf16", 8192, 16384, OURS, 0.965)
    assert "| forward bf16 | 1024 - 16384 | 0.96 | 0.965 |" in document(report)


def test_goals_have_a_column_for_each_run_on_their_gpu_and_none_for_another(report, row):
    rows = [row("large", "forward", "bf16", 2**17, 1024, OURS, 0.5)]
    block = document(
        report,
        variant(report, "2.3.1", rows=rows),
        variant(report, settings="general rule", rows=rows),
        variant(report, gpu="NVIDIA H200"),
    )
    assert "|  | N | goal | 2.3.1 | 3.6.0 | 3.6.0, general rule |" in block
    assert "| 0.96 | **0.500** (1024) | **0.900** (16384) | **0.500** (1024) |" in block
    assert "### Goals" not in document(variant(report, gpu="NVIDIA H200"))
    apart = block[block.index("### Shares of the copy bandwidth on NVIDIA H200") :]
    assert apart.splitlines()[2:5:2] == ["|  | N | 3.6.0 |", "| forward bf16 | 1024 - 16384 | 0.900 |"]
    assert "### Against the peers: H200, triton 3.6.0" in block


def test_each_gpu_has_goals_of_its_own(monkeypatch, report):
    aims = {("forward", "bf16"): ((131072, 0.5),)}
    monkeypatch.setattr(goals, "GPUS", {"H200": aims, **goals.GPUS})
    block = document(report, variant(report, gpu="NVIDIA H200"))
    both = [
        "| forward bf16 | 1024 - 16384 | 0.50 | 0.900 |",
        "| forward bf16 | 1024 - 16384 | 0.96 | **0.900** (16384) |",
    ]
    assert sorted(both, key=block.index) == both


def test_the_page_names_the_peer_that_comes_nearest_in_the_run_with_most_of_them(report, row, tmp_path):
    fewer = variant(report, "3.9.0", rows=[row("large", "forward", "bf16", 2**13, 16384, OURS, 0.97)])
    outputs = render.Outputs(tmp_path / "p.md", tmp_path / "t.md", tmp_path / "p.svg")
    block = render.summary(runs.ordered([Run(report), Run(fewer)]), outputs)
    commit = report["triton_matrix"]["commit"][:7]
    assert f"|  | N | goal | 3.6.0 | 3.9.0 | nearest peer, 3.6.0 ({commit}) |" in block
    assert "| forward bf16 | 1024 - 16384 | 0.96 | **0.900** | 0.970 | 0.950 torch (16384) |" in block
    # two peers more, whose time was over before the large rows
    small = [row("small", "forward", "bf16", 4096, 1024, name, 0.5) for name in ("quack", "liger", "compile", "torch")]
    later = variant(report, rows=[row("large", "forward", "bf16", 2**13, 16384, OURS, 0.98), *small])
    later["triton_matrix"]["implementations"] |= {"liger": "1", "compile": "1"}
    later["triton_matrix"] |= {"commit": "f" * 40, "date": "2999-01-01T00:00:00+00:00"}
    block = render.summary(runs.ordered([Run(report), Run(later)]), outputs)
    assert f"|  | N | goal | 3.6.0 | nearest peer, 3.6.0 ({commit}) |" in block  # that of a later run with fewer
    assert "| forward bf16 | 16384 | 0.96 | 0.980 | 0.950 torch (16384) |" in block


def test_a_range_that_is_missed_throughout_says_so_without_every_size(report, row):
    sizes = (1024, 2048, 4096)
    report["benchmarks"] = [row("large", "forward", "bf16", 2**27 // n, n, OURS, 0.9 - 1 / n) for n in sizes]
    assert "| forward bf16 | 1024 - 4096 | 0.96 | **0.899** (all 3) |" in document(report)


def test_what_was_run_names_gpu_settings_and_those_timed_and_old_files_say_that_settings_are_not_recorded(report):
    block = document(report, variant(report, gpu="NVIDIA H200", settings="general rule"))
    assert "| NVIDIA H100 80GB HBM3 | 3.6.0 | tuned table | 2.11.0 |" in block
    assert "| NVIDIA H200 | 3.6.0 | general rule | 2.11.0 |" in block
    del report["triton_matrix"]["settings"]
    assert "| NVIDIA H100 80GB HBM3 | 3.6.0 | not recorded | 2.11.0 |" in document(report)


def test_the_peers_summary_has_the_lowest_speed_against_the_best_and_medians(report):
    block = document(report)
    assert "| forward bf16 | 2 | 1 | 0.95 | 16384 | 1.28 | 1.01 |" in block  # x torch: median of 0.97/0.6 and 0.9/0.95


def test_the_fastest_of_a_row_is_bold_and_ours_compiled_does_not_compete(report, row):
    report["triton_matrix"]["implementations"]["ours-compiled"] = "0.1.0"
    report["benchmarks"].append(row("large", "forward", "bf16", 2**17, 1024, "ours-compiled", 0.99))
    block = document(report)
    assert "| 1024 | **0.970** | 0.600 | 0.960 | 185 | 1.50 | 1.01 |" in block
    assert "| 16384 | 0.900 | **0.950** | - |" in block


def test_columns_that_are_empty_in_every_row_are_left_out(report, row):
    report["benchmarks"].append(row("large", "forward", "fp16", 2**17, 1024, OURS, 0.9))
    report["benchmarks"].append(row("large", "forward", "fp16", 2**17, 1024, "torch", 0.5))
    assert "#### forward, fp16\n\n| N | ours | torch | ours, us | x torch |\n" in document(report)


def test_rows_that_may_hold_gaps_are_listed(report):
    assert "gaps" not in document(report)
    report["benchmarks"][0]["extra_info"]["late"] = 15
    assert "the host came late: large-bf16-131072x1024-forward ours." in document(report)


def test_tritons_stand_side_by_side_oldest_first_against_the_newest(report, row):
    older = variant(report, "2.3.1", rows=[row("large", "forward", "bf16", 2**17, 1024, OURS, 0.95)])
    block = document(report, older)
    assert "| N | 2.3.1 | 3.6.0 | 2.3.1 / 3.6.0 |" in block
    assert "| 1024 | 0.950 | 0.970 | 0.979 |" in block
    assert "| forward bf16 | 0.979 at 1024 |" in folded(block)


def test_tritons_are_compared_on_one_gpu_with_the_same_settings_and_dtypes_of_several_runs_only(report, row):
    rows = [row("large", "forward", "bf16", 2**17, 1024, OURS, 0.95)]
    title = "### The same kernels on each Triton"
    assert title not in document(report, variant(report, "2.3.1", gpu="NVIDIA H200", rows=rows))
    assert title not in document(report, variant(report, "2.3.1", settings="general rule", rows=rows))
    report["benchmarks"].append(row("large", "forward", "fp16", 2**17, 1024, OURS, 0.9))
    block = document(report, variant(report, "2.3.1", rows=rows))
    assert title in block
    between = block[block.index(title) : block.index("### Every row")]
    assert "forward, bf16" in between
    assert "fp16" not in between


def test_the_general_rule_stands_against_the_tuned_table_of_the_same_gpu_and_triton(report, row):
    rows = [row("large", "forward", "bf16", 2**17, 1024, OURS, 0.776)]
    general = variant(report, settings="general rule", rows=rows)
    block = document(report, general)
    assert "### General rule against tuned table: NVIDIA H100 80GB HBM3, triton 3.6.0" in block
    assert "| forward bf16 | 1 | 0.800 | 0.800 | 1024 |" in folded(block)
    assert "| 1024 | 0.776 | 0.970 | 0.800 |" in block
    for other in (variant(report, gpu="NVIDIA H200"), variant(report, "2.3.1")):
        assert "### General rule" not in document(other, general)


def test_the_general_rule_stands_once_against_the_newest_tuned_run_and_is_no_reference_of_a_triton(report, row):
    def rows(share):
        return [row("large", "forward", "bf16", 2**17, 1024, OURS, share)]

    def at(date, share, settings="general rule"):
        found = variant(report, settings=settings, rows=rows(share))
        found["triton_matrix"].update(date=date, commit=date[-2:] * 20)
        return found

    unknown = at("2026-01-09", 0.5)
    del unknown["triton_matrix"]["settings"]
    tuned = [at("2026-01-02", 0.6, "tuned table"), at("2026-01-03", 0.8, "tuned table"), unknown]
    block = document(*tuned, at("2026-01-04", 0.3), at("2026-01-05", 0.4), variant(report, "2.3.1", rows=rows(0.72)))
    assert block.count("### General rule against tuned table") == 1
    assert "| 1024 | 0.400 | 0.800 | 0.500 |" in block
    assert "| forward bf16 | 0.900 at 1024 |" in folded(block)  # 2.3.1 against 3.6.0, both tuned
    assert block.count("### The same kernels on each Triton") == 1


def test_small_problems_show_host_time_against_torch_and_half_of_liger(report, row):
    assert "| H100, triton 3.6.0 | 128 x 768 | 25.0 | 20.0 | 40.0 | missed |" in document(report)
    report["triton_matrix"]["implementations"]["liger"] = "0.8.5"
    report["benchmarks"].append(row("small", "forward+backward", "bf16", 128, 768, "liger", 0.1, 51.0))
    assert "| H100, triton 3.6.0 | 128 x 768 | 25.0 | 20.0 | 51.0 | 40.0 | missed | met |" in document(report)


def test_ours_compiled_stands_against_eager_and_torchs_two(report, row):
    assert "### torch.compile of the operator" not in document(report)
    report["triton_matrix"]["implementations"].update({"ours-compiled": "0.1.0", "compile": "2.11.0"})
    report["benchmarks"] += [
        row("large", "forward", "bf16", 2**17, 1024, "ours-compiled", 0.97 * 0.9),
        row("small", "forward+backward", "bf16", 128, 768, "ours-compiled", 0.1, 33.0),
        row("small", "forward+backward", "bf16", 128, 768, "compile", 0.1, 44.0),
    ]
    block = document(report)
    assert "| forward bf16 | 1 | 0.900 | 0.900 | 1024 |" in folded(block)
    assert "| forward+backward | 128 x 768 | 25.0 | 33.0 | 20.0 | 44.0 |" in folded(block)
    assert re.search(r"^\| 1024 \| 18\d\.\d \| 20\d\.\d \| 29\d\.\d \| 0\.900 \|$", block, re.MULTILINE)


def test_a_sweep_shows_its_sharpest_drops_for_even_and_odd_sizes_apart(report, row):
    report["triton_matrix"]["selection"] = "sweep"
    shares = [(1023, 0.70), (1024, 0.95), (1025, 0.63), (1026, 0.76), (1152, 0.80), (1153, 0.7)]
    report["benchmarks"] = [row("sweep", "forward", "bf16", 2**27 // n, n, OURS, share) for n, share in shares]
    block = document(report)
    assert "| forward bf16 | even | 3 | 0.760 | 1026 | -20.0% at 1026 |" in block
    assert "| forward bf16 | odd | 3 | 0.630 | 1025 | -10.0% at 1025 |" in block


def test_parts_of_one_run_are_shown_as_one_and_a_repeated_row_is_another_run(report, row):
    def part(n, commit="0123456789abcdef"):
        rows = [row("large", "forward", "bf16", 2**27 // n, n, name, 0.9) for name in (OURS, "torch")]
        found = variant(report, rows=rows)
        found["triton_matrix"]["commit"] = commit
        return found

    block = document(part(1024), part(16384))
    assert "|  | N | goal | 3.6.0 |\n" in block
    assert "| forward bf16 | 1024 - 16384 | 0.96 | **0.900** (1024, 16384) |" in block
    assert block.count("| NVIDIA H100 80GB HBM3 | 3.6.0 | tuned table |") == 2  # in What was run
    for other in (part(1024), part(16384, commit="another")):
        assert re.search(r"^\|  \| N \| goal( \| 3\.6\.0 \(\S+\)){2} \|$", document(part(1024), other), re.MULTILINE)


def test_a_run_without_peers_that_stands_beside_others_has_no_tables_of_its_own(report, row):
    older = variant(report, "2.3.1", rows=[row("large", "forward", "bf16", 2**17, 1024, OURS, 0.95)])
    summary = "<summary>Shares of the copy bandwidth, every size: H100, triton 2.3.1</summary>"
    assert summary not in document(report, older)
    assert summary in document(older)


def test_a_folder_stands_for_the_results_below_it(tmp_path, report):
    for name, triton in (("b/benchmark", "3.6.0"), ("a/x/sweep", "2.3.1"), ("a/matrix", "3.0.0")):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(variant(report, triton)))
    assert [run.triton for run in runs.read([tmp_path])] == ["2.3.1", "3.6.0"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"render is .*empty; allowed is a file that bench wrote, or a folder with"):
        runs.read([tmp_path / "empty"])
