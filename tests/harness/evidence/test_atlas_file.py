"""An atlas file says which sources it is of, and whether it is whole."""

import json
import subprocess

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import find_root, load_at
from triton_matrix.evidence import atlas_file

ROOT = find_root()
ENTRY = {"id": "k cuda:90", "kernel": "k", "label": "k", "target": "cuda:90", "status": "ok", "metrics": {}}


def test_it_names_the_commit_and_the_sources(monkeypatch):
    monkeypatch.delenv("TRITON_MATRIX_COMMIT", raising=False)
    made = atlas_file.make("3.9.0", "3.9.0", [ENTRY], ROOT)
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert made["commit"] == (head.stdout.strip() or None)
    assert made["sources"] == sources.package_digest(load_at(ROOT))


def test_sources_without_history_take_the_commit_they_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_MATRIX_COMMIT", "abc123")
    made = atlas_file.make("3.9.0", "3.9.0", [ENTRY], tmp_path)
    assert (made["commit"], made["sources"]) == ("abc123", None)


@pytest.mark.parametrize("entries", [[], [ENTRY, ENTRY], None])
def test_one_that_is_not_whole_is_refused(tmp_path, entries):
    path = tmp_path / "3.9.0.json"
    atlas_file.write(path, atlas_file.make("3.9.0", "3.9.0", [ENTRY], tmp_path))
    assert atlas_file.read(path)["count"] == 1
    path.write_text(json.dumps({**json.loads(path.read_text()), "entries": entries}))
    with pytest.raises(atlas_file.RecordError, match="is not whole"):
        atlas_file.read(path)
