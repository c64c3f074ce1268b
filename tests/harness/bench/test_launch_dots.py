"""Launches with dots beside both bounds: counted by an interpreter, on a GPU of known rates."""

import json
import shutil
import sys
import types

import pytest

from triton_matrix.bench.device import dots
from triton_matrix.bench.device.interpreted import Evidence
from triton_matrix.launches import launch_list

from .gpu import COPY, Machine

# operations of a launch that takes 10 us: half of what the products of the stand-in compute then
HALF = {"bf16": 4_000_000_000, "tf32": 2_000_000_000}
COUNTED = {
    "multiplies": {"bf16": HALF["bf16"]},
    "mixed": {"bf16": HALF["bf16"] // 2, "tf32": HALF["tf32"] // 2},
    "thrice": {"tf32x3": HALF["tf32"] // 2},
    "reads": {"bf16": 1000},
    "packed": {"fp4": 1000},
    "idle": {},
}


def body(name):
    return f"@triton.jit\ndef {name}(x, out):\n    triton.takes(10)\n    out[:] = x\n"


KERNELS = COPY + "\n".join(map(body, [*COUNTED, "unknown"])) + f"\nDOTS = {(*COUNTED, 'unknown')!r}\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Launches of 8192 bytes on a GPU whose copy moves 4 TB/s, and whose products compute 800 TFLOP/s in bf16."""
    machine = Machine(tmp_path_factory.mktemp("dots"))
    machine.kernels(KERNELS)
    for name in ("copy", "unknown", *COUNTED):
        machine.launch(name)
    machine.interpret(dict.fromkeys(COUNTED, lambda x: x), COUNTED)
    machine.done = machine.bench("--budget", "0.01")
    content = json.loads((machine.evidence / "3.6.0.json").read_text())
    machine.content = content
    machine.entries = {each["settings"][0]: each for each in content["entries"]}
    machine.timings = {each["group"].rpartition(":")[2]: each["extra_info"] for each in content["benchmarks"]}
    return machine


@pytest.mark.parametrize(
    ("name", "of_products", "nearer_to"),
    [("multiplies", 0.5, "matmul"), ("mixed", 0.5, "matmul"), ("thrice", 0.75, "matmul"), ("reads", 1.25e-7, "copy")],
)
def test_the_larger_share_is_that_of_what_bounds_it(ran, name, of_products, nearer_to):
    info = ran.timings[name]
    assert info["share_of_matmul"] == pytest.approx(of_products, rel=1e-3)
    assert info["share_of_copy"] == pytest.approx(8192 / 10e-6 / 4e12)
    assert info["nearer_to"] == nearer_to
    assert info["share"] == max(info["share_of_matmul"], info["share_of_copy"])


def test_its_rate_is_that_of_its_own_operations(ran):
    assert ran.timings["multiplies"]["dot_operations"] == {"bf16": HALF["bf16"]}
    assert (ran.timings["multiplies"]["dot_programs"], ran.timings["multiplies"]["dot_programs_of"]) == (4, 4)
    assert ran.timings["multiplies"]["tflop_per_s"] == pytest.approx(400)
    assert ran.timings["thrice"]["tflop_per_s"] == pytest.approx(100)  # each of three products of tf32


def test_the_row_says_what_it_is_measured_by(ran):
    (said,) = ran.entries["multiplies"]["remarks"]
    assert said == (
        "dots: 400 TFLOP/s (counted by the interpreter of triton 3.6.0), 0.500 of a matrix product"
        " (8192^3 in bf16, torch 2.11.0) and 0.000 of the copy: nearer to that"
    )
    assert said in " ".join(ran.done.stdout.split())
    assert ran.content["matmul_operations_per_s"] == {"bf16": pytest.approx(800e12), "tf32": pytest.approx(400e12)}


def test_the_terminal_has_both_shares(ran):
    (row,) = [line.split() for line in ran.done.stdout.splitlines() if line.startswith("3.6.0") and " 400 " in line]
    assert row[4:7] == ["0.000", "400", "0.500"]


def test_without_dots_there_is_a_copy_alone(ran):
    assert ran.timings["copy"]["share_of_copy"] == pytest.approx(8192 / 10e-6 / 4e12)
    assert not {"share_of_matmul", "dot_operations", "nearer_to"} & set(ran.timings["copy"])
    assert "remarks" not in ran.entries["copy"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unknown", "what its dots compute is not known: the interpreter of triton 3.6.0 "),
        ("packed", "no share of a matrix product: torch has no matrix product of fp4; allowed are fp16, bf16, "),
        ("idle", "its dots compute nothing: none of them runs in the interpreter of triton 3.6.0"),
    ],
)
def test_where_there_is_no_share_the_reason_is_said_and_the_copy_stays(ran, name, said):
    assert said in ran.entries[name]["remarks"][0]
    info = ran.timings[name]
    assert (info["share_of_matmul"], info["nearer_to"]) == (None, "copy")
    assert info["share"] == info["share_of_copy"] == pytest.approx(8192 / 10e-6 / 4e12)


def test_its_files_are_evidence(ran, tmp_path):
    pytest.importorskip("jsonschema", reason="reading evidence needs constraints/report.txt: `nox -s check` has it")
    from triton_matrix.evidence import reading

    for verb in ("device", "values"):  # below `launches` lies what someone asked about
        shutil.copytree(ran.root / "reports" / verb / "launches" / "launches", tmp_path / verb)
    found = reading.read([tmp_path])
    assert found.problems == []
    values = {each["settings"][0]: each.get("dots", {}) for each in found.values[0].content["entries"]}
    assert (len(found.device), values) == (1, COUNTED)


def test_a_sample_is_an_estimate_where_no_interpreter_here_can_run_all(tmp_path):
    machine = Machine(tmp_path)
    machine.kernels(KERNELS)
    machine.launch("multiplies")
    machine.interpret({"multiplies": lambda x: x}, {"multiplies": {"bf16": HALF["bf16"] // 2}}, ran=2)
    assert "400 TFLOP/s (counted by the interpreter of triton 3.6.0, from 2 of 4 programs)" in " ".join(
        machine.bench("--budget", "0.01").stdout.split()
    )


MATMUL = """
import triton
import triton.language as tl

@triton.jit
def matmul(x, y, out, limit, N: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK, BLOCK], tl.float32)
    for start in range(0, N, BLOCK):
        k = start + tl.arange(0, BLOCK)
        total += tl.dot(tl.load(x + i[:, None] * N + k[None, :]), tl.load(y + k[:, None] * N + j[None, :]))
    tl.store(out + i[:, None] * N + j[None, :], total)
"""


def test_what_no_evidence_says_an_interpreter_here_counts_of_all_programs(release_python, tmp_path, monkeypatch):
    """First 64 of 256 programs, then all."""
    (tmp_path / "toys.py").write_text(MATMUL)
    matrix = '{tensor = {dtype = "fp16", shape = [256, 256]}}'
    lines = [f'kernel = "{tmp_path}/toys.py:matmul"', "grid = [16, 16]", "[args]", f"x = {matrix}", f"y = {matrix}"]
    lines += [f"out = {matrix.replace('fp16', 'fp32')}", "limit = 1", "[constexprs]", "N = 256", "BLOCK = 16"]
    (tmp_path / "matmul.toml").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(sys, "executable", str(release_python("3.9.0")))
    worker, none = types.SimpleNamespace(path=None, switches={}), tmp_path / "none"
    launches = launch_list.of_files([tmp_path / "matmul.toml"])
    counted = dots.count(launches, {"3.9.0": worker}, Evidence(none, none, none), None, tmp_path / "scratch")
    assert list(counted.values()) == [dots.Counted({"fp16": 2 * 256**3}, 256, 256, "3.9.0")]
