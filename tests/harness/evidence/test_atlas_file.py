"""An atlas file says which sources it is of, and whether it is whole."""

import json
import subprocess

import pytest

from triton_matrix.base import sources
from triton_matrix.base.cells import find_root, load_at
from triton_matrix.evidence import atlas_file

from ..atlases import entry

ROOT = find_root()
ENTRY = entry("toys:k", metrics={"registers": 9})


def made(source, **other):
    read = {"read": {}, "shell": {}}
    return {**atlas_file.make("3.9.0", "3.9.0", source, "a digest", of_launches=False), **read, **other}


def whole(source, *entries):
    asked = {"cuda:90": {item["label"]: [item["label"]] for item in entries}}
    return atlas_file.fill(made(source), asked, list(entries))


def test_it_names_the_commit_and_the_sources(monkeypatch):
    monkeypatch.delenv("TRITON_MATRIX_COMMIT", raising=False)
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert made(ROOT)["commit"] == (head.stdout.strip() or None)
    assert made(ROOT)["sources"] == sources.package_digest(load_at(ROOT))


def test_sources_without_history_take_the_commit_they_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_MATRIX_COMMIT", "abc123")
    assert (made(tmp_path)["commit"], made(tmp_path)["sources"]) == ("abc123", None)


LOST = {
    "all": lambda content: content.update(entries=[]),
    "one twice": lambda content: content.update(entries=content["entries"] * 2),
    "no list": lambda content: content.update(entries=None),
    "not what was asked": lambda content: content["configurations"]["cuda:90"].update(other=["other"]),
    "a configuration that gave nothing": lambda content: content["configurations"]["cuda:90"].update(other=[]),
    "what was read": lambda content: content.pop("read"),
    "no configurations": lambda content: content.pop("configurations"),
    "no metrics": lambda content: content["entries"][0].pop("metrics"),
    "not one metric": lambda content: content["entries"][0].update(metrics={}),
    "an error without its reason": lambda content: content["entries"][0].update(status="error"),
    "no status that there is": lambda content: content["entries"][0].update(status="fine"),
    "an entry that is none": lambda content: content["entries"].append("k"),
}


@pytest.mark.parametrize("lost", LOST)
def test_one_that_is_not_whole_is_refused(tmp_path, lost):
    path = tmp_path / "3.9.0.json"
    atlas_file.write(path, whole(tmp_path, ENTRY))
    content = atlas_file.read(path)
    LOST[lost](content)
    path.write_text(json.dumps(content))
    with pytest.raises(atlas_file.RecordError, match="is not whole"):
        atlas_file.read(path)


def test_the_rows_of_a_tuned_kernel_are_those_of_its_configuration(tmp_path):
    rows = [entry("toys:k", (n,), metrics={"registers": 9}) for n in "12"]
    content = atlas_file.fill(made(tmp_path), {"cuda:90": {"toys:k": ["toys:k[1]", "toys:k[2]"]}}, rows)
    assert atlas_file.lacks(content) == ""
    assert atlas_file.lacks({**content, "entries": rows[:1]}) == "it has no entry of toys:k[2] cuda:90"
