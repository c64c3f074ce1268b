"""Atlas files for tests: whole ones, of the entries that a test gives."""

from triton_matrix.evidence import schemas


def atlas(release, *entries, **other):
    """The content of a file: each entry is what its own configuration was asked for."""
    configurations = {}
    for item in entries:
        configurations.setdefault(item["target"], {})[item["label"]] = [item["label"]]
    about = {"schema": schemas.CODEGEN, "triton": release, "date": "2026-01-02T00:00:00+00:00"}
    about |= {"sources": None, "hook": None, "harness": "", "configurations": configurations}
    return {**about, "entries": list(entries), **other}
