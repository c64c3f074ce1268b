"""What is installed in a Python, by the records of its distributions."""

import sys

from triton_matrix.base import records


def test_of_two_distributions_with_one_name_the_first_is_what_is_there(tmp_path, monkeypatch):
    for folder, version in (("first", "2"), ("second", "1")):
        (tmp_path / folder / f"twice-{version}.dist-info").mkdir(parents=True)
        (tmp_path / folder / f"twice-{version}.dist-info" / "METADATA").write_text(f"Name: twice\nVersion: {version}\n")
    monkeypatch.setattr("sys.path", [str(tmp_path / "first"), str(tmp_path / "second"), *sys.path])
    assert records.installed()["twice"].startswith("2 ")
