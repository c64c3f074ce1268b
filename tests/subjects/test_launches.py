"""What is said of another package's launches."""

from __future__ import annotations

import json

import pytest

from . import launches

OK = {"kernel": "k", "n_cols": 8192, "dtype": "float32", "target": "cuda:90", "status": "ok", "num_warps_passed": True}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"metrics": {"spill_stores": 0, "registers": 100}}, []),
        ({"num_warps_passed": False}, ["launched without num_warps, at the default of 4"]),
        (
            {"metrics": {"spill_stores": 9, "stack_bytes": 64, "registers": 255}},
            ["9 bytes spilled, 64 bytes of stack, 255 reg"],
        ),
        (
            {"metrics": {"vgpr_spills": 3, "scratch_bytes": 12, "vgprs": 512}},
            ["3 registers spilled, 12 bytes of stack, 512 reg"],
        ),
        ({"metrics": {"fp64_instructions": 2}}, ["2 fp64 instructions"]),
        ({"status": "error", "reason": "the launch does not bind: x"}, ["the launch does not bind: x"]),
        ({"status": "n/a", "reason": "no HIP"}, []),
    ],
)
def test_a_finding_is_one_sentence(changed, said):
    found = launches.findings({**OK, **changed})
    assert len(found) == len(said)
    for sentence, part in zip(found, said):
        assert sentence.startswith("k n_cols=8192 float32 cuda:90: ")
        assert part in sentence


def test_the_summary_is_a_table_of_what_was_found_by_triton(tmp_path, capsys):
    def leave(cell, triton, *rows):
        (tmp_path / cell).mkdir()
        (tmp_path / cell / "launches.json").write_text(json.dumps({"cell": cell, "triton": triton, "rows": rows}))

    spills = {"metrics": {"spill_stores": 9, "stack_bytes": 64, "registers": 32}}
    fewer = {"dtype": "bfloat16", "metrics": {"spill_stores": 3, "stack_bytes": 8, "registers": 255}}
    leave("a@one-1", "3.10.0", {**OK, **spills, "num_warps_passed": False}, {**OK, **fewer})
    leave("b@one-1", "3.9.0", OK)
    leave("b@two-2", "3.9.0", {**OK, "status": "error", "reason": "it does not bind; see | there"})
    assert launches.main(["--summary", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| what was launched | 3.9.0 | 3.10.0 |",
        "| --- | --- | --- |",
        "| one-1 | nothing | k: no num_warps<br>k 8192 cuda:90: 9 bytes spilled, 64 B of stack at 32 registers |",
        "| two-2 | k cuda:90: it does not bind |  |",
    ]
    assert launches.main(["--summary", str(tmp_path / "none")]) == 2
    assert "holds no <cell>/launches.json" in capsys.readouterr().err


def test_a_launch_is_of_the_call_that_its_tensors_tell():
    def of(dtype, *shape):
        return {"tensor": {"dtype": dtype, "shape": list(shape)}}

    backward = {"args": {"X": of("bf16", 64, 4096), "Partial": of("fp32", 524288), "n": 4096, "Y": "*fp32"}}
    assert launches.about(backward, (4096, 8192)) == {"n_cols": 4096, "dtype": "bfloat16"}
    reduction = {"args": {"Partial": of("fp32", 128, 8192)}}
    assert launches.about(reduction, (4096, 8192)) == {"n_cols": 8192, "dtype": "float32"}
