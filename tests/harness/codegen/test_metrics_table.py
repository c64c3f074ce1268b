"""Each exact metric has one row, and everything that a release gives has one."""

import json

import pytest

from triton_matrix.codegen import compare, metrics, table

from ..atlases import entry
from ..conftest import ROOT

RECORDED = ROOT / "tests" / "harness" / "report" / "data" / "recorded" / "none" / "codegen" / "3.4.0.json"


def test_every_metric_of_an_atlas_file_has_its_row():
    found = {name for item in json.loads(RECORDED.read_text())["entries"] for name in item["metrics"]}
    assert found <= set(metrics.BY_NAME)


@pytest.mark.parametrize("name", metrics.of_role("spills"))
def test_a_spill_of_any_kind_is_worse_and_is_counted_in_the_overview(name):
    target = "cuda:90" if "cuda" in metrics.BY_NAME[name].backends else "hip:gfx942"
    before, after = ({"triton": "1.0", "entries": [entry(target=target, metrics={name: value})]} for value in (0, 3))
    (change,) = compare.changes(before, after)
    assert (change.kind, change.cause) == ("worse", "spills")
    assert "1 spill" in table.overview([after])


def test_the_columns_of_a_backend_are_its_own():
    names = {metric.name for metric in metrics.columns("hip")}
    assert "vgprs" in names
    assert "registers" not in names
