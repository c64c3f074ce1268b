"""Every job of the workflows, played here: their ``run`` steps as written, on a toy package with a stand-in GPU."""

from __future__ import annotations


def test_a_pull_request_plays_every_job_of_the_matrix_and_is_green(played):
    said = {name: ended.result for name, ended in played.ended.items()}
    assert set(said.values()) == {"success"}, "\n".join(ended.said for ended in played.ended.values())
