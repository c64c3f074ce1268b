"""The verb end to end, in processes of its own as its users start it. Levels interpreter and codegen need no GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import liger_kernel

PACKAGE = Path(liger_kernel.__file__).resolve().parents[1]
LIGER = os.environ.get("LIGER_BENCH_PEER_LIGER")
ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments, cwd=ROOT / "tests"):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("TRITON_INTERPRET", "TRITON_MATRIX"))}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE), env.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "triton_matrix", "bench", *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def interpreted(reports, *arguments):
    fixed = ("--level", "interpreter", "--budget", "0.001", "--no-compile-time", "--reports", str(reports))
    return bench(*fixed, "--rows", "4x200-forward$", *arguments)


def test_rows_run_in_the_interpreter_and_are_not_shown_as_timed(tmp_path):
    done = interpreted(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no kernel was timed: the rows ran on the CPU in Triton's interpreter." in done.stdout
    report = json.loads((tmp_path / "ambient" / "benchmark.json").read_text())
    assert report["triton_matrix"]["level"] == "interpreter"
    assert report["triton_matrix"]["absent"] == {}
    assert report["triton_matrix"]["settings"] == "general rule"  # no table is tuned for a CPU
    by_name = {item["extra_info"]["implementation"]: item for item in report["benchmarks"]}
    assert set(by_name) == {"torch", "ours"}
    info = by_name["ours"]["extra_info"]
    assert (info["level"], info["clock"], info["share_of_copy"]) == ("interpreter", "host", None)
    assert all(info["versions"].values())
    assert info["launches"][0]["num_warps"] >= 1
    assert info["difference_from_torch"] < 1e-3
    stats = by_name["ours"]["stats"]
    assert stats["rounds"] == len(stats["data"]) >= 15
    assert stats["min"] <= stats["median"] <= stats["max"]
    assert stats["median"] == pytest.approx(sorted(stats["data"])[len(stats["data"]) // 2], rel=0.5)


def test_an_absent_peer_is_listed_with_its_reason(tmp_path):
    done = interpreted(tmp_path, "--peers", "torch,liger")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "absent: liger (ImportError: no --peer-path liger=DIR or WHEEL" in done.stdout


def test_our_operator_under_torch_compile_is_timed_beside_the_peer_or_listed_as_absent(tmp_path):
    done = interpreted(tmp_path, "--peers", "torch,compile")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "ambient" / "benchmark.json").read_text())
    timed = {item["extra_info"]["implementation"]: item["extra_info"] for item in report["benchmarks"]}
    if "ours-compiled" in report["triton_matrix"]["absent"]:
        assert "absent: ours-compiled (" in done.stdout
        assert "ours-compiled" not in timed
    else:
        assert timed["ours-compiled"]["difference_from_torch"] < 1e-3
        assert timed["ours-compiled"]["launches"] == timed["ours"]["launches"]


@pytest.mark.skipif(LIGER is None, reason="set LIGER_BENCH_PEER_LIGER to a liger-kernel wheel or folder")
def test_a_peer_that_fails_is_a_refusal_and_not_a_failure_of_the_run(tmp_path):
    peer = ("--peers", "liger", "--peer-path", f"liger={LIGER}")
    rows = ("--level", "interpreter", "--budget", "0.001", "--rows", "4x200-forward$|first-call")
    done = bench(*rows, "--reports", str(tmp_path), *peer)  # libdevice, which Liger uses, cannot be interpreted
    assert done.returncode == 0, done.stdout + done.stderr
    about = json.loads((tmp_path / "ambient" / "benchmark.json").read_text())["triton_matrix"]
    assert {(item["row"], item["implementation"]) for item in about["refused"]} == {
        ("tiny-fp32-4x200-forward", "liger"),
        ("first-call", "liger"),
    }
    assert "first call in a fresh process, empty caches" in done.stdout


def test_a_regression_is_measured_again_and_fails_the_run(tmp_path):
    assert interpreted(tmp_path).returncode == 0
    path = tmp_path / "ambient" / "benchmark.json"
    base = json.loads(path.read_text())
    for item in base["benchmarks"]:  # a baseline that no machine reaches
        item["stats"]["median"] /= 1e6
    (tmp_path / "fast.json").write_text(json.dumps(base))
    done = interpreted(tmp_path, "--against", str(tmp_path / "fast.json"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 rows look slower" in done.stdout
    assert "1 of 1 rows regressed against" in done.stdout
    found = json.loads(path.read_text())["triton_matrix"]["against"]
    assert [change["row"] for change in found["regressed"]] == ["tiny-fp32-4x200-forward"]


def test_saving_and_comparing_work_as_pytest_benchmarks_users_know_them(tmp_path):
    store = f"--benchmark-storage={tmp_path / 'store'}"
    first = interpreted(tmp_path, "--", "--benchmark-save=first", store)
    assert first.returncode == 0, first.stdout + first.stderr
    again = interpreted(tmp_path, "--", "--benchmark-compare", store)
    assert again.returncode == 0, again.stdout + again.stderr
    for side in ("NOW", "0001_first"):
        assert f"test_layer_norm[tiny-fp32-4x200-forward-ours] ({side})" in again.stdout


def test_another_cell_of_the_same_run_serves_as_baseline(tmp_path):
    assert interpreted(tmp_path, "--cell", "triton331").returncode == 0
    path = tmp_path / "triton331" / "benchmark.json"
    base = json.loads(path.read_text())
    for item in base["benchmarks"]:
        item["stats"]["median"] *= 1e6
    path.write_text(json.dumps(base))
    done = interpreted(tmp_path, "--against", "triton331")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 1 rows regressed against triton331" in done.stdout


def test_without_a_gpu_kernels_are_compiled_and_it_says_that_none_was_timed(tmp_path):
    done = bench("--level", "codegen", "--quick", "--rows", "cuda:90.*forward.*-1024", "--reports", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no kernel was timed: torch sees no GPU here" in done.stdout
    report = json.loads((tmp_path / "ambient" / "benchmark.json").read_text())
    assert report["benchmarks"]
    for item in report["benchmarks"]:
        assert item["extra_info"]["level"] == "codegen"
        assert item["extra_info"]["target"] == "cuda:90"
        assert item["extra_info"]["metrics"]["registers"] > 0
        assert item["stats"]["rounds"] == 3


def test_rows_that_match_nothing_leave_the_last_result_alone(tmp_path):
    path = tmp_path / "ambient" / "benchmark.json"
    path.parent.mkdir()
    path.write_text("the last one")
    done = bench("--level", "interpreter", "--no-compile-time", "--rows", "x77777", "--reports", str(tmp_path))
    assert done.returncode == 2
    assert "left no result" in done.stderr
    assert path.read_text() == "the last one"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cell", "triton999"), "unknown cell 'triton999'"),
        (("--peers", "apex"), "peers has 'apex'; allowed are torch, compile, liger, quack"),
        (("--against", "triton300"), "against is 'triton300'; it is no .json file, and there is no"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_sentence(tmp_path, arguments, message):
    done = bench("--reports", str(tmp_path), *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
