"""Stored files say which GPU they are of, and a folder stands for the files of the bench below it."""

import json

import pytest

from triton_matrix.bench import stored_runs


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H200", "H200"),
        ("AMD Instinct MI300X", "MI300X"),
        ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA TITAN V", "NVIDIA TITAN V"),
    ],
)
def test_a_gpu_is_called_by_its_model(name, short):
    assert stored_runs.short_gpu(name) == short


def test_gpus_of_one_model_are_called_by_their_whole_names():
    names = ["NVIDIA H100 NVL", "NVIDIA H100 PCIe", "NVIDIA H200"]
    assert stored_runs.gpus_called(names) == {names[0]: names[0], names[1]: names[1], names[2]: "H200"}


def test_several_gpus_of_one_kind_are_named_once_and_a_run_without_one_says_none():
    about = {"gpus": [{"name": "NVIDIA H200"}] * 2, "level": "device", "versions": {"triton": "3.6.0"}}
    run = stored_runs.Run({"triton_matrix": about, "benchmarks": []})
    assert (run.gpu, run.triton, run.settings, run.is_timed, run.is_sweep) == ("NVIDIA H200", "3.6.0", "", True, False)
    about = {**about, "gpus": [], "level": "codegen", "selection": "sweep, rows x", "settings": "small tiles"}
    run = stored_runs.Run({"triton_matrix": about, "benchmarks": []})
    assert (run.gpu, run.settings, run.is_timed, run.is_sweep) == ("none", "small tiles", False, True)


def test_a_folder_stands_for_the_files_of_the_bench_below_it(tmp_path):
    for name in ("b/benchmark", "a/x/sweep", "a/matrix"):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({}))
    found = stored_runs.files_of([tmp_path, tmp_path / "a" / "matrix.json"], "render")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a/x/sweep.json",
        "b/benchmark.json",
        "a/matrix.json",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"render is .*empty; allowed is a file that bench wrote, or a folder with"):
        stored_runs.files_of([tmp_path / "empty"], "render")
