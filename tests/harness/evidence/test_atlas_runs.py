"""What a run of the atlas asked for stays asked until a later one asks it again, and what is missing of it is told."""

import pytest

from triton_matrix.evidence import atlas_runs
from triton_matrix.evidence.atlas_runs import DONE, FAILED, UNAVAILABLE, Asked

FIRST, SECOND = ("3.3.1", "3.9.0"), ("cuda:90", "hip:gfx942")


def opened(folder, releases=FIRST, targets=SECOND, sources="now", hook="h", whole=False):
    return atlas_runs.open_run(folder, releases, targets, folder, sources, hook, whole=whole)


def asked(folder):
    """(release, target) that each run in the file asks for, the youngest first."""
    return [
        {(release, target) for release, row in run.releases.items() for target in row.targets}
        for run in atlas_runs.read(folder).parts()
    ]


ALL = {(release, target) for release in FIRST for target in SECOND}


def test_a_run_is_open_until_it_is_closed_and_reads_back(tmp_path):
    run = opened(tmp_path)
    assert atlas_runs.read(tmp_path) == run
    assert run.closed is None
    assert asked(tmp_path) == [ALL]


def test_a_run_that_asks_for_less_takes_nothing_back(tmp_path):
    opened(tmp_path)
    opened(tmp_path, ["3.9.0"], ["cuda:90"])
    assert asked(tmp_path) == [{("3.9.0", "cuda:90")}, ALL - {("3.9.0", "cuda:90")}]
    opened(tmp_path, ["3.3.1"], SECOND)
    opened(tmp_path, ["3.9.0"], ["hip:gfx942"])
    assert asked(tmp_path)[1:] == [{("3.3.1", target) for target in SECOND}, {("3.9.0", "cuda:90")}]
    opened(tmp_path)
    assert asked(tmp_path) == [ALL]


def test_only_the_whole_atlas_forgets_what_was_asked_of_other_sources(tmp_path):
    opened(tmp_path, ["3.9.0"], ["cuda:86"], sources="before")
    opened(tmp_path)
    assert len(asked(tmp_path)) == 2
    opened(tmp_path, whole=True)
    assert asked(tmp_path) == [ALL]
    opened(tmp_path, ["3.9.0"], ["cuda:86"])
    opened(tmp_path, whole=True)
    assert asked(tmp_path) == [ALL, {("3.9.0", "cuda:86")}]  # of these sources: it was asked, and is there


def test_a_run_over_a_launch_file_forgets_the_one_before(tmp_path):
    opened(tmp_path, sources=None, hook=None)
    opened(tmp_path, ["3.9.0"], ["cuda:80"], sources=None, hook=None)
    assert asked(tmp_path) == [{("3.9.0", "cuda:80")}]


def test_a_file_that_says_nothing_is_no_run(tmp_path):
    for text in ("", "{}", "[]", '{"schema": "triton-matrix/codegen-run/1"}'):
        (tmp_path / atlas_runs.NAME).write_text(text)
        assert atlas_runs.read(tmp_path) is None
    opened(tmp_path)
    assert asked(tmp_path) == [ALL]


HELD = {"configurations": {"cuda:90": {"k": ["k"]}, "hip:gfx942": {}}}


@pytest.mark.parametrize(
    ("asked_", "content", "why"),
    [
        (Asked({"cuda:90": ["k"], "hip:gfx942": []}, DONE), HELD, ""),
        (Asked({"cuda:90": ["k", "l"]}, DONE), HELD, "its file lacks what was asked for, l cuda:90"),
        (Asked({"cuda:80": ["k"]}, DONE), HELD, "its file lacks what was asked for, all of cuda:80"),
        (Asked({"cuda:90": None}, DONE), HELD, "its file lacks what was asked for, all of cuda:90"),
        (Asked({"cuda:90": ["k"]}, DONE), None, "its file is not there, or cannot be read"),
        (Asked({"cuda:90": ["k"]}, FAILED, "the hook raises"), HELD, "the hook raises"),
        (Asked({"cuda:90": ["k"]}), HELD, "the run does not say how it ended"),
        (Asked({"cuda:90": None}, UNAVAILABLE, "no network"), None, ""),
    ],
)
def test_what_a_closed_run_lacks(tmp_path, asked_, content, why):
    run = opened(tmp_path)
    run.closed = run.opened
    assert atlas_runs.shortfall(run, asked_, content) == why
    run.closed = None
    assert "was never closed" in atlas_runs.shortfall(run, asked_, content)
