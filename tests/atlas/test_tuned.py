"""The launches that are swept for the table of tuned settings, and what a sweep makes of the table."""

import copy
import json
import math
import sys

import pytest

from liger_kernel.kernels import settings
from triton_matrix.base.cells import find_root
from triton_matrix.bench.device import sweeps, varying
from triton_matrix.launches import launch_list

from . import candidates, tuned

TABLE = json.loads(tuned.TABLE.read_text())
DEVICE = ("NVIDIA H200", "cuda:90", "580", "{triton}", "2.11.0", "3.11", "2026-12-01T00:00:00", "c0ffee", False)


@pytest.fixture(scope="module")
def launches():
    return candidates.launches(["cuda:90"])


def test_each_candidate_is_a_whole_launch_of_its_own(launches):
    assert len({each["label"] for each in launches}) == len(launches) < 250
    directions = {each["label"]: each["label"].partition("direction=")[2].partition(",")[0] for each in launches}
    sizes = {(directions[each["label"]], each["constexprs"]["N_COLS"]) for each in launches}
    assert sizes == {(direction, n_cols) for direction in candidates.PLANS for n_cols in candidates.SIZES}
    for each in launches:
        assert set(each["values"]) == set(each["args"])
        shapes = [about["tensor"]["shape"] for about in each["values"].values() if isinstance(about, dict)]
        assert max(map(math.prod, shapes)) <= candidates.ELEMENTS


def test_no_candidate_waits_for_another_program(launches):
    assert not any("Exchange" in each["args"] for each in launches)


def test_what_the_documented_command_varies_is_there_in_each_launch(launches):
    command = candidates.__doc__.partition("--vary ")[2].split()[0]
    values = varying.parse(command)
    for each in launches:
        own = varying.own_values(each, values)
        assert {"num_warps", "maxnreg"} <= set(own)
        assert ("STAGES" in own) == ("direction=backward" in each["label"])


def swept(triton, direction, n_cols, seconds, dtype="bf16", rows=1, **about):
    """A sweep of a candidate: configuration, as a text -> microseconds."""
    label = f"m:k[direction={direction},dtype={dtype},n_cols={n_cols},kind=tile,rows={rows},block_n=4096,programs=2]"
    points = [
        sweeps.Point({name: int(value) for name, value in (word.split("=") for word in key.split())}, time * 1e-6, 0.01)
        for key, time in seconds.items()
    ]
    device = [each.format(triton=triton) if isinstance(each, str) else each for each in DEVICE]
    return sweeps.Sweep(label, "", "", *device, {}, len(points), points)


def test_taken_is_the_best_worst_case_of_the_tritons():
    found = [
        swept("3.6.0", "forward", 4096, {"num_warps=4": 100, "num_warps=8": 110, "num_warps=16": 130}),
        swept("3.9.0", "forward", 4096, {"num_warps=4": 200, "num_warps=8": 105, "num_warps=16": 100}),
    ]
    row = {"up_to": 4096, "kind": "tile", "rows": 1, "block_n": 4096, "num_warps": 8}
    assert tuned.rows(found) == {("forward", "2 bytes"): [row]}
    assert tuned.rows(found[:1])["forward", "2 bytes"][0]["num_warps"] == 4


def test_what_a_row_needs_is_in_it_and_a_longer_row_of_the_same_settings_takes_in_the_shorter():
    best = {"num_warps=4 STAGES=3 maxnreg=128": 10, "num_warps=4 STAGES=1 maxnreg=255": 20}
    found = [swept("3.9.0", "backward", n_cols, best) for n_cols in (3072, 4096)]
    made = {"since": "3.0", "kind": "tile", "rows": 1, "block_n": 4096, "num_warps": 4, "programs": 2}
    assert tuned.rows(found)["backward", "2 bytes"] == [{"up_to": 4096, **made, "stages": 3, "max_registers": 128}]


def test_the_rows_come_first_in_the_device_s_entry_and_replace_those_of_their_range():
    devices = copy.deepcopy(TABLE["devices"])
    before = copy.deepcopy(devices[0]["forward"]["2 bytes"])
    entry = tuned.merged(devices, [swept("3.9.0", "forward", 4096, {"num_warps=4": 10})])
    after = entry["forward"]["2 bytes"]
    assert after[0] == {"up_to": 4096, "kind": "tile", "rows": 1, "block_n": 4096, "num_warps": 4}
    assert after[1:] == [row for row in before if row["up_to"] != 4096]
    assert entry["provenance"]["triton"] == "3.9.0"
    assert devices[1] == TABLE["devices"][1]
    settings.check_table(devices)


def test_a_gpu_that_the_table_lacks_and_several_are_refused():
    other = swept("3.9.0", "forward", 4096, {"num_warps=4": 10})
    other.gpu, other.arch = "NVIDIA L4", "cuda:89"
    with pytest.raises(ValueError, match="the table has no device NVIDIA L4"):
        tuned.merged(copy.deepcopy(TABLE["devices"]), [other])
    with pytest.raises(ValueError, match="the file is of NVIDIA H200, NVIDIA L4; rows are made of one"):
        tuned.merged(TABLE["devices"], [other, swept("3.9.0", "forward", 512, {"num_warps=4": 10})])


def test_the_table_is_written_as_it_is_kept():
    assert tuned.text(TABLE) == tuned.TABLE.read_text()


def test_the_command_reads_what_tune_writes_and_prints_the_rows(tmp_path, capsys):
    path = tmp_path / "tuned.json"
    sweeps.write(path, [swept("3.9.0", "forward", 4096, {"num_warps=4": 10})], tmp_path)
    assert tuned.main([str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["devices"][0]["forward"]["2 bytes"][0]["num_warps"] == 4
    assert tuned.main([str(tmp_path / "none.json")]) == 2
    assert "none.json: No such file" in capsys.readouterr().err


def test_the_verb_takes_them_as_a_hook(launches, tmp_path):
    reference = candidates.__doc__.partition("--hook ")[2].split()[0]
    found, _ = launch_list.of_hook(reference, find_root(), sys.executable, tmp_path)
    assert len(found) == len(launches)
    about = tuned._ABOUT.findall(found[0].label.partition("[")[2])
    assert dict(about)["direction"] == "forward"
