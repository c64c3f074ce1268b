"""What launches did on a GPU, in the report: the package's own, whose folder of launches is its atlas."""

import json

import pytest

from triton_matrix.evidence import file_names

from .gpu import CELLS, COPY, Machine, write

pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")

KERNELS = (
    COPY
    + """
@triton.jit
def other(x, out):
    triton.takes(10 if V == "3.6.0" else 20)
    out[:] = x
"""
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = Machine(tmp_path_factory.mktemp("reported"))
    write(made.root / "constraints" / "cells.toml", CELLS.replace('"toy"', '"toy"\natlas = "launches"'))
    made.kernels(KERNELS)
    made.launch("copy")
    made.launch("other")
    assert made.verb("bench", "--launches", "--triton-path", str(made.newer)).returncode == 1
    return made


def reported(machine, *options):
    done = machine.verb("report", *options)
    return done, json.loads((machine.root / "reports" / "matrix.json").read_text())


def test_a_kernel_has_its_verdict_of_level_device_in_every_triton(machine):
    done, matrix = reported(machine)
    rows = {row["kernel"]: row["levels"]["device"] for row in matrix["launches"]}
    assert rows == {
        "repository.toys:copy": {"3.6.0": "pass", "3.9.0": "pass"},
        "repository.toys:other": {"3.6.0": "pass", "3.9.0": "regressed"},
    }
    assert "launches on a GPU of 3.9.0: regressed: 1 launch slower since 3.6.0" in " ".join(matrix["status_reasons"])
    assert done.returncode == 1


def test_the_page_shows_it(machine):
    reported(machine)
    page = (machine.root / "reports" / "index.html").read_text()
    assert 'title="device: regressed, 0.00 of a device copy"' in page
    assert 'title="codegen: not run"' in page
    assert 'title="device: pass, 0.00 of a device copy"' in page


def test_a_row_says_how_near_its_kernel_is_to_what_bounds_it(machine):
    path = machine.root / "reports" / "device" / "3.9.0.json"
    whole = path.read_text()
    content = json.loads(whole)
    info = next(each["extra_info"] for each in content["benchmarks"] if each["group"].endswith(":other"))
    info |= {"share": 0.5, "share_of_matmul": 0.5, "nearer_to": "matmul", "dot_operations": {"bf16": 4000000000}}
    path.write_text(json.dumps(content))
    try:
        done, matrix = reported(machine)
        shares = {row["kernel"]: row["shares"] for row in matrix["launches"]}
        assert shares["repository.toys:other"]["3.9.0"]["of"] == "matmul"
        assert shares["repository.toys:other"]["3.6.0"]["of"] == "copy"
        said = "device: pass 3.6.0; regressed 3.9.0, 0.50 of a matrix product by torch on 3.9.0"
        assert said in " ".join(done.stdout.split())
        assert said in (machine.root / "reports" / file_names.SUMMARY).read_text()
    finally:
        path.write_text(whole)


def test_a_run_that_was_not_closed_is_red(machine):
    path = machine.root / "reports" / "device" / "run-device.json"
    whole = path.read_text()
    path.write_text(json.dumps({**json.loads(whole), "closed": None}))
    try:
        done, matrix = reported(machine)
        assert done.returncode == 1
        assert any("never closed" in reason for reason in matrix["status_reasons"])
    finally:
        path.write_text(whole)


def lacking(matrix):
    return [reason for reason in matrix["status_reasons"] if reason.startswith("expected but not there")]


def test_what_a_job_was_to_leave_is_there(machine):
    assert lacking(reported(machine, "--expect", "device")[1]) == []


def test_that_a_job_left_nothing_is_red(machine):
    path = machine.root / "reports" / "device"
    path.rename(machine.root / "aside")
    try:
        done, matrix = reported(machine, "--expect", "device")
        assert done.returncode == 2
        assert lacking(matrix) == ["expected but not there: launches on a GPU: nothing says how it ended"]
    finally:
        (machine.root / "aside").rename(path)


def test_of_other_sources_it_is_stale(machine):
    machine.kernels(KERNELS.replace("20", "10"))
    done, matrix = reported(machine, "--expect", "device")
    assert {row["levels"]["device"]["3.9.0"] for row in matrix["launches"]} == {"stale"}
    assert "launches on a GPU: pass of" in lacking(matrix)[0]
    assert done.returncode == 2
