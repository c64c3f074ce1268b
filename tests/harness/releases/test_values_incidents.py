"""Incidents at level interpreter from a launch alone: in the right release, or by a reference where all are wrong."""

import pytest

from triton_matrix.evidence import atlas_file, schemas
from triton_matrix.releases import values_cli

from .. import launch_files
from ..conftest import ENVS, ROOT

RELEASES = ("3.1.0", "3.2.0", "3.3.1", "3.8.0", "3.9.0")
INCIDENTS = ROOT / "tests" / "incidents"
LANGUAGE = """
import triton
import triton.language as tl


@triton.jit
def below_zero(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, (tl.load(x + i) - 1).to(tl.int32))


@triton.jit
def count(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i * 0, tl.sum(tl.load(x + i) > 0, 0).to(tl.int32))


@triton.jit
def tenth(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, (tl.load(x + i) * 0.1).to(tl.float32))


@triton.jit
def remainder(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, tl.load(x + i) % 2.5)


@triton.jit
def running_sum(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, tl.cumsum(tl.load(x + i), 0).to(tl.float32))
"""
NORMAL = {"kind": "normal", "mean": 0.0, "deviation": 1.0}


def tensor(dtype, *shape, **fill):
    return {"tensor": {"dtype": dtype, "shape": list(shape), "fill": fill or {"kind": "zeros"}}}


def of_language(kernel, kind, out, fill):
    args = {"x": tensor(kind, 64, **fill), "out": tensor(out, 64)}
    return {"kernel": f"language.py:{kernel}", "grid": [1], "args": args, "constexprs": {"N": 64}}


def of_incident(kernel, reference="", args=None, **constexprs):
    launch = {"kernel": f"{INCIDENTS}/{kernel}", "grid": [1], "args": args, "constexprs": constexprs}
    return {**launch, "reference": f"{INCIDENTS}/references.py:{reference}"} if reference else launch


def weight_gradient(dtype):
    gradient = {"kind": "uniform", "low": 0.5, "high": 1.5}
    args = {"X": tensor("bf16", 512, 16, **gradient), "Out": tensor(dtype, 16), "n_rows": 512}
    return of_incident("bf16_weight_gradient.py:add_rows", "sum_of_rows", args, BLOCK=16)


def variances(masked):
    args = {"X": tensor("fp32", 2, 100, **{**NORMAL, "mean": 1.0}), "Out": tensor("fp32", 2), "n_cols": 100}
    return of_incident("masked_variance.py:variances", "variance", args, ROWS=2, BLOCK=128, MASKED=masked)


def offsets(wide):
    args = {"Out": tensor("i64", 8), "row": 40_000, "stride": 65_536}
    return of_incident("offsets_2_31.py:offsets", "wide_offsets", args, BLOCK=8, WIDE=wide)


ROW_SUMS = {"X": tensor("bf16", 2, 1024, kind="uniform", low=0.0, high=1.0), "Out": tensor("fp32", 2)}
CHANGES = {  # name -> the launch, the release that differs first
    "bf16_sum": (of_incident("bf16_sum.py:row_sums", args=ROW_SUMS, ROWS=2, BLOCK=1024), "3.3.1"),
    "below_zero": (of_language("below_zero", "u8", "i32", {"kind": "zeros"}), "3.2.0"),
    "count": (of_language("count", "fp32", "i32", NORMAL), "3.3.1"),
    "tenth": (of_language("tenth", "fp16", "fp32", NORMAL), "3.2.0"),
    "remainder": (of_language("remainder", "fp32", "fp32", {**NORMAL, "deviation": 4.0}), "3.3.1"),
    "running_sum": (of_language("running_sum", "bf16", "fp32", NORMAL), "3.9.0"),
}
WRONG = {
    "bf16_weight_gradient": weight_gradient("bf16"),
    "masked_variance": variances(False),
    "offsets": offsets(False),
}
RIGHT = {"gradient in fp32": weight_gradient("fp32"), "masked": variances(True), "wide": offsets(True)}


@pytest.fixture(scope="module")
def found(release_python, tmp_path_factory):
    """By the name of a launch, its entry in each release."""
    for release in RELEASES:
        release_python(release)
    folder = tmp_path_factory.mktemp("incidents")
    (folder / "language.py").write_text(LANGUAGE)
    asked = {**{name: launch for name, (launch, _) in CHANGES.items()}, **WRONG, **RIGHT}
    launch_files.write(folder, **asked)
    options = ["--root", str(ROOT), "--envs", str(ENVS), "--out", str(folder / "out"), "--no-cache"]
    assert values_cli.main([str(folder), "--triton", ",".join(RELEASES), *options]) == 1
    files = [atlas_file.read(folder / "out" / f"{release}.json", schemas.VALUES) for release in RELEASES]
    by_name = [{item["settings"][0]: item for item in content["entries"]} for content in files]
    return {name: [items[name] for items in by_name] for name in asked}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_language_is_found_in_the_release_that_made_it(found, name):
    told = [item["values"] for item in found[name]]
    changed = [release for release, before, after in zip(RELEASES[1:], told, told[1:]) if before != after]
    assert changed == [CHANGES[name][1]]


@pytest.mark.parametrize("name", WRONG)
def test_what_every_release_computes_wrong_is_found_by_its_reference(found, name):
    assert len({item["values"] for item in found[name]}) == 1
    assert all(item.get("wrong") for item in found[name])
    assert "and should be" in found[name][0]["reason"]


@pytest.mark.parametrize("name", RIGHT)
def test_the_same_kernels_done_right_are_no_finding(found, name):
    assert [item["status"] for item in found[name]] == ["ok"] * len(RELEASES)
    assert len({item["values"] for item in found[name]}) == 1
