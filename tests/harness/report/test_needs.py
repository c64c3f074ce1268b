"""What the report needs is said where its environments are made from: two pyproject.toml, which cannot ask."""

import pytest
import tomllib

from triton_matrix import report
from triton_matrix.report import cli

from ..conftest import ROOT

EXTRA = ("project", "optional-dependencies")


@pytest.mark.parametrize(
    ("file", "where"), [("pyproject.toml", ("dependency-groups",)), ("triton_matrix/pyproject.toml", EXTRA)]
)
def test_the_distributions_that_the_report_needs_are_installed_for_it(file, where):
    table = tomllib.loads((ROOT / file).read_text(encoding="utf-8"))
    for key in where:
        table = table[key]
    assert set(table["report"]) == {*cli.NEEDS, "matplotlib"}, "matplotlib draws history only"


def test_the_room_names_what_it_needs():
    said = report.__doc__.replace("\n", " ")
    oldest = ".".join(map(str, cli.OLDEST_PYTHON))
    assert f"Needs Python {oldest} and the distributions {', '.join(cli.NEEDS[:-1])} and {cli.NEEDS[-1]};" in said
