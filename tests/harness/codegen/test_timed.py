"""A compilation that takes long is timed more than once, unless nobody asks for its time."""

import time

import pytest

from triton_matrix.codegen import batches, metrics, worker
from triton_matrix.codegen.compile import Result


@pytest.mark.parametrize(("repeats", "runs"), [({}, worker.REPEATS), ({"repeats": 1}, 1)])
def test_a_long_compilation_runs_as_often_as_its_time_is_asked_for(tmp_path, monkeypatch, repeats, runs):
    monkeypatch.setattr(metrics, "LONG_COMPILATION", 0.02)
    ran = []

    def job(printed):
        ran.append(printed())
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        return Result("ok")

    with (tmp_path / "log").open("w+") as log:
        result = worker.timed(job, log.fileno(), **repeats)
    assert (len(ran), result.cpu_seconds >= 0.05) == (runs, True)


@pytest.mark.parametrize(("settings", "once"), [({}, False), ({"guesses": True}, True), ({"seconds": 600.0}, True)])
def test_where_launches_share_a_time_each_is_compiled_once(settings, once):
    assert (batches.Settings(**settings).repeats == 1) == once
