"""What rows said at each commit, and the two formats that other tools read."""

import json
from pathlib import Path

import jsonschema
import pytest

from triton_matrix.evidence import history_file
from triton_matrix.evidence.history_file import Point
from triton_matrix.releases import exports, history

DATA = Path(__file__).parent / "data"
ROW = "ambient-3.6.0 large-bf16-forward H100"
ABOUT = {"triton": "3.6.0+git1234567", "gpu": "NVIDIA H100", "dtype": "bf16", "n_cols": "4096", "name": "large-bf16"}
POINTS = [
    Point("triton3x interpreter", "a" * 40, "2026-11-01T00:00:00+00:00", "pass", {"passed": 42.0}),
    Point(ROW, "a" * 40, "2026-11-01T01:00:00+00:00", "", {"median_s": 2e-5, "spread": 0.1}, ABOUT),
    Point("triton3x interpreter", "b" * 40, "2026-11-02T00:00:00+00:00", "pass", {"passed": 40.0}),
    Point("triton3x interpreter", "b" * 40, "2026-11-02T01:00:00+00:00", "fail", {"passed": 41.0}),
    Point(ROW, "b" * 40, "2026-11-02T02:00:00+00:00", "", {"median_s": 3e-5, "spread": 0.1}, ABOUT),
]


@pytest.fixture
def remembered(tmp_path, capsys):
    """Call the verb on a folder that remembers POINTS; gives exit status, output and error."""
    history_file.add(tmp_path, POINTS)

    def ask(*arguments):
        status = history.main([*arguments, "--reports", str(tmp_path)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return ask


def test_a_commit_is_told_by_its_last_run(remembered):
    status, out, _ = remembered("--row", "triton3x")
    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        ["row", "a" * 10, "b" * 10],
        ["triton3x", "interpreter", "pass", "fail"],
    ]


def test_a_figure_is_shown_and_only_the_newest_commits(remembered):
    out = remembered("--metric", "median_s", "--commits", "1")[1]
    assert out.split() == ["median_s", "b" * 10, "triton3x", "interpreter", "-", *ROW.split(), "3e-05"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--row", "zz"], "--row is 'zz'; rows are triton3x interpreter, ambient"),
        (["--metric", "x"], "--metric is 'x'; allowed are median_s, passed, spread"),
        (["--commits", "0"], "--commits is 0; allowed is a number above 0"),
        (["add"], "of a KERNEL, --target and --metric are needed"),
    ],
)
def test_bad_input_is_one_sentence(words, said, remembered):
    status, _, error = remembered(*words)
    assert status == 2
    assert said in error


def test_a_folder_that_remembers_nothing_says_who_writes_it(tmp_path, capsys):
    assert history.main(["--reports", str(tmp_path)]) == 2
    assert "remembers nothing; `report` writes it from a clean checkout" in capsys.readouterr().err


@pytest.mark.parametrize("name", exports.FORMATS)
def test_an_export_is_what_its_published_schema_allows(name, remembered):
    file = {"pytorch": "pytorch_benchmark_v3", "bencher": "bencher"}[name]
    schema = json.loads((DATA / f"{file}.schema.json").read_text())
    status, out, _ = remembered("--export", name)
    assert status == 0
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(out), schema)


def test_pytorch_is_told_triton_and_what_is_to_be_reached():
    found = {(each["benchmark"]["extra_info"]["row"], each["metric"]["name"]): each for each in exports.pytorch(POINTS)}
    timed = found[ROW, "median_s"]
    assert timed["dependencies"] == {"triton": {"version": "3.6.0+git1234567", "sha": "1234567"}}
    assert timed["metric"]["benchmark_values"] == [3e-5]
    assert timed["metric"]["target_value"] == 2e-5
    assert timed["runners"][0]["gpu_info"] == "NVIDIA H100"
    assert found["triton3x interpreter", "passed"]["metric"]["target_value"] == 42.0


def test_bencher_is_told_the_spread_of_a_time():
    measure = exports.bencher(POINTS)[ROW]["median_s"]
    assert measure == {"value": 3e-5, "lower_value": pytest.approx(2.7e-5), "upper_value": pytest.approx(3.3e-5)}


def test_a_schema_refuses_what_the_format_does_not_have():
    for file, wrong in (("bencher", {"a": {"b": {"lower_value": 1}}}), ("pytorch_benchmark_v3", [{"metric": {}}])):
        schema = json.loads((DATA / f"{file}.schema.json").read_text())
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
