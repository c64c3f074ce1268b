"""The files of the evidence are opened in one room, and its words have one owner."""

from __future__ import annotations

import re
from pathlib import Path

import triton_matrix
from triton_matrix.base import levels
from triton_matrix.evidence import reading, schemas

PACKAGE = Path(triton_matrix.__file__).parent
# names of files under reports/ that only triton_matrix.evidence may know
FILES = re.compile(r"(environment|failure|unavailable|launches)\.json|junit-|\brun-\{|\.journal[\"'}]")
OTHERS = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "evidence"]


def code_of(path):
    """The file without comments and docstrings."""
    text = re.sub(r'"""(.|\n)*?"""', "", path.read_text())
    return re.sub(r"#.*", "", text)


def test_no_other_room_opens_a_file_of_the_evidence():
    found = {str(path.relative_to(PACKAGE)) for path in OTHERS if FILES.search(code_of(path))}
    assert found == set()


def test_every_schema_of_the_evidence_is_named_once():
    names = [value for name, value in vars(schemas).items() if name.isupper()]
    found = {
        (str(path.relative_to(PACKAGE)), name) for path in OTHERS for name in names if f'"{name}"' in path.read_text()
    }
    assert found == set()
    assert set(reading.SCHEMAS) < set(names)


def test_levels_and_verdicts_are_listed_once():
    lists = {f'("{a}", "{b}"' for a in levels.LEVELS for b in levels.LEVELS if a != b}
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.name != "levels.py" and any(listed in code_of(path) for listed in lists)
    }
    # the levels of what is observed in every release are others: build is one of them
    assert found <= {"suites/incidents.py"}
