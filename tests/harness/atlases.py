"""Atlas files for tests: whole ones, of the entries that a test gives."""

from triton_matrix.evidence import schemas
from triton_matrix.launches import naming


def entry(kernel="toys.add:add", settings=(), target="cuda:90", status="ok", **other):
    """An entry with the names that go with it."""
    label = naming.label(kernel, settings)
    about = {"id": naming.identifier(label, target), "kernel": kernel, "settings": list(settings), "label": label}
    return {**about, "target": target, "constexprs": {}, "options": {}, "status": status, "metrics": {}, **other}


def atlas(release, *entries, **other):
    """The content of a file: each entry is what its own configuration was asked for."""
    configurations = {}
    for item in entries:
        configurations.setdefault(item["target"], {})[item["label"]] = [item["label"]]
    about = {"schema": schemas.CODEGEN, "triton": release, "date": "2026-01-02T00:00:00+00:00"}
    about |= {"sources": None, "hook": None, "read": {}, "shell": {}, "harness": "", "configurations": configurations}
    return {**about, "entries": list(entries), **other}
