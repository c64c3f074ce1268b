"""What counts as worse between two atlas files, what is accepted, and what the verb's exit status says."""

import copy
import json

import pytest

from triton_matrix.codegen import compare

from .. import atlases
from ..atlases import atlas

CUDA = {
    "registers": 64,
    "spill_stores": 0,
    "spill_loads": 0,
    "stack_bytes": 0,
    "occupancy_warps": 32,
    "global_loads": 10,
    "global_loads_128": 8,
    "global_load_bits": 1088,
    "fp64_instructions": 0,
}
HIP = {
    "vgprs": 64,
    "vgpr_spills": 0,
    "sgpr_spills": 0,
    "scratch_bytes": 0,
    "waves_per_simd": 8,
    "global_loads": 8,
    "global_loads_128": 0,
    "global_load_bits": 512,
}


def entry(metrics, label="add[n_cols=512]", target="cuda:90", status="ok", **other):
    kernel, _, settings = label.rstrip("]").partition("[")
    launch = {"constexprs": {"BLOCK": 512}, "options": {"num_warps": 4}}
    return atlases.entry(kernel, [*filter(None, [settings])], target, status, metrics=metrics, **{**launch, **other})


def step(base, **changed):
    return atlas("3.3.1", entry(base)), atlas("3.4.0", entry({**base, **changed}))


@pytest.mark.parametrize(
    ("base", "changed", "cause"),
    [
        (CUDA, {"spill_stores": 3}, "spills"),
        ({**CUDA, "spill_stores": 158}, {"spill_stores": 808}, "spills"),
        (HIP, {"vgpr_spills": 1}, "spills"),
        (HIP, {"sgpr_spills": 1}, "spills"),
        ({**CUDA, "mma_instructions": 256}, {"mma_instructions": 0}, "dot"),
        ({**HIP, "mfma_instructions": 64}, {"mfma_instructions": 0}, "dot"),
        (CUDA, {"stack_bytes": 16}, "scratch"),
        (HIP, {"scratch_bytes": 16}, "scratch"),
        (CUDA, {"occupancy_warps": 24}, "occupancy"),
        (HIP, {"waves_per_simd": 7}, "occupancy"),
        (CUDA, {"global_loads": 34, "global_loads_128": 2, "global_load_bits": 1280}, "loads"),
        (HIP, {"global_loads": 16}, "loads"),
        (CUDA, {"fp64_instructions": 2}, "fp64"),
    ],
)
def test_worse_is_named_with_both_values(base, changed, cause):
    (worse,) = [change for change in compare.changes(*step(base, **changed)) if change.kind == "worse"]
    assert worse.cause == cause
    for name in changed:
        if name != "global_load_bits":
            assert f"{name} {base[name]} -> {changed[name]}" in worse.what


@pytest.mark.parametrize(
    "changed",
    [
        {"registers": 255},
        {"occupancy_warps": 64},
        {"global_loads": 11, "global_load_bits": 1120},  # one scalar load more, the wide ones untouched
        {"global_loads": 5, "global_loads_128": 4, "global_load_bits": 544},  # half the loads, as wide as before
    ],
)
def test_a_change_that_is_not_worse_is_info(changed):
    assert [change.kind for change in compare.changes(*step(CUDA, **changed))] == ["info"]


def test_shared_memory_that_a_listed_gpu_of_the_family_has_not_is_worse():
    """Of 80 KiB an L4 or A10G (sm_86, sm_89) has enough for a block, of 128 KiB not; an H100 has."""
    found = compare.changes(*step({**CUDA, "shared_bytes": 81920}, shared_bytes=131072))
    assert [(change.kind, change.cause) for change in found] == [("worse", "shared")]
    assert found[0].what.startswith("shared_bytes 81920 -> 131072: more than cuda:86 (101376) and cuda:89 (101376)")
    assert "cuda:90" not in found[0].what
    assert "hip" not in found[0].what


def test_an_older_gpu_than_those_of_the_default_counts_for_who_compiles_for_it():
    """A T4 (sm_75) has 64 KiB for a block."""
    before, after = step({**CUDA, "shared_bytes": 49152}, shared_bytes=81920)
    assert [change.kind for change in compare.changes(before, after)] == ["info"]
    for content in (before, after):
        for entry in content["entries"]:
            entry["target"] = "cuda:75"
    assert compare.changes(before, after)[0].what.endswith("more than cuda:75 (65536) allows a block")


def test_shared_memory_that_grows_within_every_limit_is_the_first_info():
    before, after = step({**CUDA, "shared_bytes": 1536}, shared_bytes=3072, registers=72)
    found = compare.changes(before, after)
    assert [(change.kind, change.what) for change in found] == [
        ("info", "shared_bytes 1536 -> 3072"),
        ("info", "registers 64 -> 72"),
    ]


@pytest.mark.parametrize(
    ("target", "base", "changed", "what"),
    [
        (
            "cuda:90",
            {**CUDA, "threads": 256, "shared_bytes": 49152},
            {"shared_bytes": 98304, "occupancy_warps": 16, "registers": 66},
            "occupancy_warps 32 -> 16 by shared_bytes 49152 -> 98304",
        ),
        (
            "cuda:90",
            {**CUDA, "threads": 128},
            {"registers": 72, "occupancy_warps": 28},
            "occupancy_warps 32 -> 28 by registers 64 -> 72",
        ),
        (
            "hip:gfx942",
            {**HIP, "threads": 256, "sgprs": 32, "lds_bytes": 0},
            {"vgprs": 66, "waves_per_simd": 7, "sgprs": 40, "lds_bytes": 512},
            "waves_per_simd 8 -> 7 by vgprs 64 -> 66",
        ),
        (
            "hip:gfx942",
            {**HIP, "threads": 256, "sgprs": 32, "lds_bytes": 0},
            {"waves_per_simd": 7, "sgprs": 106},
            "waves_per_simd 8 -> 7 by sgprs 32 -> 106",
        ),
        (
            "hip:gfx942",
            {**HIP, "threads": 256, "lds_bytes": 0},
            {"waves_per_simd": 3, "vgprs": 65, "lds_bytes": 20480},
            "waves_per_simd 8 -> 3 by lds_bytes 0 -> 20480",
        ),
    ],
)
def test_occupancy_that_falls_names_the_resource_that_ran_out(target, base, changed, what):
    before = atlas("3.3.1", entry(base, target=target))
    after = atlas("3.4.0", entry({**base, **changed}, target=target))
    assert ("occupancy", what) in [(change.cause, change.what) for change in compare.changes(before, after)]


@pytest.mark.parametrize(
    ("had", "has", "what"),
    [
        ({"mma": 128}, {}, "mma_instructions 128 -> 0: a dot runs on plain multiplies"),
        (
            {"wgmma": 8},
            {"mma": 128},
            "wgmma_instructions 8 -> 0, mma_instructions 0 -> 128: a dot runs on slower units",
        ),
        ({"wgmma": 8}, {"wgmma": 4}, None),
        ({"mma": 128}, {"wgmma": 8}, None),
        ({"mma": 128, "wgmma": 8}, {"wgmma": 8}, None),  # nothing moved down
        ({}, {"mma": 128}, None),
    ],
)
def test_a_dot_that_moves_to_slower_units_is_worse(had, has, what):
    names = ("mma", "wgmma", "tcgen05")
    base, then = ({f"{name}_instructions": values.get(name, 0) for name in names} for values in (had, has))
    found = compare.changes(*step({**CUDA, **base}, **then))
    assert [change.what for change in found if change.cause == "dot"] == ([what] if what else [])


def test_lds_is_held_against_the_amd_targets():
    found = compare.changes(
        atlas("3.6.0", entry({**HIP, "lds_bytes": 60 * 1024}, target="hip:gfx950")),
        atlas("3.7.1", entry({**HIP, "lds_bytes": 100 * 1024}, target="hip:gfx950")),
    )
    assert found[0].cause == "shared"
    assert "hip:gfx942 (65536)" in found[0].what


@pytest.mark.parametrize(
    ("before", "after", "causes"),
    [(1.2, 2.5, ["time"]), (1.2, 2.3, []), (0.6, 1.9, []), (0.9, 2.1, ["time"]), (0, 5, [])],
)
def test_a_long_compilation_of_twice_the_cpu_time_is_worse(before, after, causes):
    """``0`` stands for a file of before that was noted."""
    found = compare.changes(
        atlas("3.3.1", entry(CUDA, cpu_seconds=before)), atlas("3.4.0", entry(CUDA, cpu_seconds=after))
    )
    assert [change.cause for change in found] == causes


def test_a_compiler_that_crashes_is_worse_than_one_that_refuses():
    crashed = entry({}, status="error", reason="does not compile: the compiler crashed", label="b", crash=True)
    refused = entry({}, status="error", reason="does not compile: no", label="a")
    found = compare.changes(
        atlas("3.3.1", entry(CUDA, label="a"), entry(CUDA, label="b")), atlas("3.4.0", refused, crashed)
    )
    assert [(change.label, change.cause) for change in found] == [("b", "crash"), ("a", "compile")]


def test_what_was_n_a_and_does_not_compile_now_did_not_get_worse():
    before = atlas("3.3.1", entry({}, status="n/a", reason="no backend"), entry(CUDA, label="b"))
    after = atlas("3.4.0", entry({}, status="error", reason="no", crash=True), entry(CUDA, label="b"))
    (change,) = compare.changes(before, after)
    assert (change.kind, change.cause, change.what) == ("info", "", "was n/a, does not compile: no")
    assert "n/a in one of the two or in both: 1 configuration: add[n_cols=512] cuda:90" in compare.beside(before, after)


def test_what_compiled_and_is_n_a_now_is_worse_and_counts_as_compared():
    before, after = atlas("3.3.1", entry(CUDA)), atlas("3.4.0", entry({}, status="n/a", reason="no backend"))
    assert [(change.kind, change.cause) for change in compare.changes(before, after)] == [("worse", "compile")]
    assert compare.beside(before, after) == []


def test_a_compiler_that_was_killed_is_of_no_cause_that_could_be_accepted():
    killed = entry({}, status="error", reason="was not compiled: SIGKILL", unanswered=True)
    found = compare.changes(atlas("3.3.1", entry(CUDA)), atlas("3.4.0", killed))
    assert [(change.kind, change.cause) for change in found] == [("worse", "")]


def test_a_metric_that_one_side_lost_is_no_equal_one():
    before, after = step(CUDA)
    del after["entries"][0]["metrics"]["spill_stores"]
    assert [change.what for change in compare.changes(before, after)] == ["spill_stores 0 -> not known"]
    said = ["spill_stores is not known in 3.4.0, and not compared: 1 configuration: add[n_cols=512] cuda:90"]
    assert compare.beside(before, after) == said
    assert compare.beside(after, before) == said  # in whichever order the two are named


def test_what_is_in_one_file_only_or_compiled_in_neither_is_said_beside_the_changes(tmp_path, capsys):
    refused = entry({}, label="c", status="error", reason="no")
    before = atlas("3.3.1", entry(CUDA), entry(CUDA, label="gone"), refused)
    after = atlas("3.4.0", entry(CUDA), entry(CUDA, label="new"), refused)
    for path, content in ((tmp_path / "a.json", before), (tmp_path / "b.json", after)):
        path.write_text(json.dumps(content))
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "no codegen change",
        "in 3.3.1 only, and not compared: 1 configuration: gone cuda:90",
        "in 3.4.0 only, and not compared: 1 configuration: new cuda:90",
        "does not compile in both: 1 configuration: c cuda:90",
    ]


@pytest.mark.parametrize("how", ["nothing in common", "nothing compiled", "nothing at all", "the first knows nothing"])
def test_where_nothing_can_be_compared_there_is_no_answer(tmp_path, capsys, how):
    refused = entry({}, status="n/a", reason="no backend")
    entries = {"nothing in common": [entry(CUDA)], "nothing at all": []}.get(how, [refused])
    others = {"nothing in common": [entry(CUDA, label="other")], "the first knows nothing": [entry(CUDA)]}.get(
        how, entries
    )
    for name, content in (("a", atlas("3.3.1", *entries)), ("b", atlas("3.4.0", *others))):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "no configuration can be compared between 3.3.1 and 3.4.0" in said.err


def test_releases_of_two_sources_are_said_to_be_so():
    before, after = step(CUDA)
    before.update(sources="one", commit="0123456789abcdef")
    after.update(sources="another", commit=None)
    assert compare.beside(before, after) == ["of other sources: 3.3.1 of commit 0123456789, 3.4.0 of commit unknown"]
    assert compare.beside(before, {**after, "triton": "3.3.1"}) == []  # that is what is asked about


def test_more_scratch_where_there_was_some_is_info():
    assert [c.kind for c in compare.changes(*step({**CUDA, "stack_bytes": 8}, stack_bytes=16))] == ["info"]


def test_fewer_spills_are_info():
    assert [c.kind for c in compare.changes(*step({**CUDA, "spill_stores": 9}, spill_stores=0))] == ["info"]


def test_equal_atlases_have_no_change():
    assert compare.changes(*step(CUDA)) == []


def test_what_no_longer_compiles_is_the_worst():
    before = atlas("3.3.1", entry(CUDA), entry(CUDA, label="mul"))
    after = atlas("3.4.0", entry({**CUDA, "spill_stores": 900}), entry({}, label="mul", status="error", reason="no"))
    assert [(c.cause, c.label) for c in compare.changes(before, after)][:2] == [
        ("compile", "mul"),
        ("spills", "add[n_cols=512]"),
    ]


def test_more_new_spills_come_first():
    before = atlas("3.3.1", entry(CUDA), entry(CUDA, label="mul"))
    after = atlas("3.4.0", entry({**CUDA, "spill_stores": 2}), entry({**CUDA, "spill_stores": 800}, label="mul"))
    assert [change.label for change in compare.changes(before, after)] == ["mul", "add[n_cols=512]"]


def test_other_launch_settings_are_named():
    before, after = step(CUDA)
    after["entries"][0]["options"] = {"num_warps": 16}
    assert [change.what for change in compare.changes(before, after)] == ["other settings: num_warps 4 -> 16"]


def write(folder, base=CUDA, **changed):
    paths = folder / "a.json", folder / "b.json"
    for path, content in zip(paths, step(base, **changed)):
        path.write_text(json.dumps(content))
    return list(map(str, paths))


def test_the_exit_status_is_1_when_something_is_worse(tmp_path, capsys):
    assert compare.main(write(tmp_path, spill_stores=3)) == 1
    assert "worse" in capsys.readouterr().out


def test_the_exit_status_is_0_when_nothing_is_worse(tmp_path):
    assert compare.main(write(tmp_path, registers=70)) == 0


def test_markdown_is_a_table(tmp_path, capsys):
    compare.main([*write(tmp_path, spill_stores=3), "--markdown"])
    assert "| worse | add[n_cols=512] | cuda:90 | spill_stores 0 -> 3 |" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "no json", '{"schema": "another"}'])
def test_a_file_that_is_no_atlas_cannot_be_asked(tmp_path, capsys, content):
    paths = write(tmp_path)
    if content is None:
        (tmp_path / "b.json").unlink()
    else:
        (tmp_path / "b.json").write_text(content)
    assert compare.main(paths) == 2
    assert "b.json" in capsys.readouterr().err


def test_a_change_leaves_the_atlases_as_they_are():
    before, after = step(CUDA, spill_stores=3)
    kept = copy.deepcopy((before, after))
    compare.changes(before, after)
    assert (before, after) == kept
