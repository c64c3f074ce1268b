"""What got worse and is lived with: of which configuration, up to which value, and how the file says it."""

import json
import re

import pytest

from triton_matrix.codegen import accepted, compare, metrics
from triton_matrix.releases import summary

from ..atlases import atlas, entry
from ..conftest import ROOT

CUDA = {"spill_stores": 0, "spill_loads": 0, "stack_bytes": 0, "occupancy_warps": 32}
GROUP = """
[[accepted]]
what = "spills"
reason = "measured: no slower"
worst = { spill_stores = 2, spill_loads = 0 }
[accepted."toys.add:add"]
"3.3.1 -> 3.4.0 on cuda:80 cuda:90" = ["n_cols=512"]
"""
FIRST = (("spill_loads", 0), ("spill_stores", 2))


def step(kernel="toys.add:add", settings=("n_cols=512",), target="cuda:90", cpu=(0, 0), **changed):
    """Two releases of one configuration, in the later of which some metrics are others."""
    before = entry(kernel, settings, target, metrics=CUDA, cpu_seconds=cpu[0])
    return atlas("3.3.1", before), atlas("3.4.0", {**before, "metrics": {**CUDA, **changed}, "cpu_seconds": cpu[1]})


def judged(entries, *both):
    found = compare.changes(*both)
    return accepted.judge(found, entries, "3.3.1", "3.4.0")


def one(what="spills", settings="n_cols=512", from_="3.3.1", to="3.4.0", worst=FIRST, **other):
    given = {"kernel": "toys.add:add", "target": "cuda:90", "reason": "why", **other}
    return accepted.Accepted(settings=settings, from_=from_, to=to, what=what, worst=worst, **given)


@pytest.fixture
def file(tmp_path):
    def write(text=GROUP):
        (tmp_path / "accepted.toml").write_text(text)
        return tmp_path / "accepted.toml"

    return write


@pytest.mark.parametrize(("stores", "is_open"), [(1, False), (2, False), (3, True), (4000, True)])
def test_what_is_worse_than_it_was_when_it_was_accepted_is_open_again(file, stores, is_open):
    open_, unused = judged(accepted.read(file()), *step(spill_stores=stores))
    assert [change.values[1] for change in open_] == ([("spill_stores", stores)] if is_open else [])
    assert [entry.target for entry in unused] == ["cuda:80"]  # too large is not gone


def test_a_metric_of_which_no_value_was_accepted_is_open(file):
    (change,), _ = judged(accepted.read(file()), *step(spill_stores=2, spill_loads=9))
    assert "spill_loads 0 -> 9" in change.what
    assert judged([one(worst=(("spill_stores", 2),))], *step(spill_stores=2))[0]


def test_less_is_worse_of_occupancy():
    entries = [one("occupancy", worst=(("occupancy_warps", 24),))]
    assert judged(entries, *step(occupancy_warps=24)) == ([], [])
    assert len(judged(entries, *step(occupancy_warps=16))[0]) == 1


def test_a_compile_time_counts_beyond_what_its_noise_is():
    entries = [one("time", worst=((accepted.TIMES, 3.0),))]
    assert judged(entries, *step(cpu=(1, 2.5 * metrics.MUCH_LONGER))) == ([], [])
    assert len(judged(entries, *step(cpu=(1, 3.5 * metrics.MUCH_LONGER)))[0]) == 1
    assert judged(entries, *step()) == ([], [])  # it may not show this time, and is not stale


@pytest.mark.parametrize(
    "other",
    [{"kernel": "others:add"}, {"settings": ("n_cols=1024",)}, {"settings": ()}, {"target": "cuda:100"}],
)
def test_a_namesake_in_another_module_or_another_configuration_is_not_covered(file, other):
    both = step(spill_stores=1, **other)
    open_, _ = judged(accepted.read(file()), *both)
    assert [change.id for change in open_] == [both[0]["entries"][0]["id"]]


def test_accepting_one_kind_of_change_does_not_hide_another(file):
    open_, _ = judged(accepted.read(file()), *step(spill_stores=1, occupancy_warps=16))
    assert [change.cause for change in open_] == ["occupancy"]


def test_a_step_over_several_releases_is_covered_by_the_steps_within(file):
    entries = [entry for entry in accepted.read(file()) if entry.target == "cuda:90"]
    found = compare.changes(*step(spill_stores=2))
    assert accepted.judge(found, entries, "3.2.0", "3.5.1") == ([], [])
    assert accepted.judge(found, entries, "3.4.0", "3.5.1")[0] == found


@pytest.mark.parametrize(
    ("from_", "to", "open_"),
    [("3.4.0", "3.4.0+plain", 0), ("3.4.0+plain", "3.4.0", 1), ("3.3.1", "3.5.1", 1), ("3.4.0", "3.4.0+other", 1)],
)
def test_what_a_switch_makes_worse_is_accepted_of_that_switch_and_in_that_direction_alone(from_, to, open_):
    found = compare.changes(*step(spill_stores=2))
    assert len(accepted.judge(found, [one(from_="3.4.0", to="3.4.0+plain")], from_, to)[0]) == open_


def test_an_entry_of_a_target_that_was_not_compiled_is_not_called_gone():
    here, there = one(), one(target="hip:gfx90a")
    assert accepted.of_compiled([there, here], [{"target": "cuda:90"}]) == [here]


def test_the_verb_shows_what_is_accepted_and_fails_on_what_no_longer_occurs(file, tmp_path, capsys):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, content in zip(paths, step(spill_stores=2)):
        path.write_text(json.dumps(content))
    arguments = [*map(str, paths), "--accepted", str(file(GROUP.replace("cuda:80 ", "")))]
    assert compare.main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["accepted", "toys.add:add[n_cols=512]"]
    file()
    assert compare.main(arguments) == 1
    said = capsys.readouterr().err
    assert "no longer occurs: toys.add:add[n_cols=512] cuda:80 (spills) from 3.3.1 to 3.4.0" in said


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('reason = "measured: no slower"', "", "group 1 has reason = None; allowed is some text"),
        ('what = "spills"', 'what = "speed"', "group 1 has what = 'speed'; allowed are crash, compile, run, values"),
        (
            "worst = { spill_stores = 2, spill_loads = 0 }",
            "",
            "group 1 has worst = {}; allowed is the worst accepted value of each metric",
        ),
        ("spill_stores = 2", 'spill_stores = "2"', "group 1 has worst.spill_stores = '2'; allowed are numbers"),
        ("spill_stores = 2", "spills = 2", "group 1 has worst.spills = 2; allowed are numbers, of metrics"),
        ('"toys.add:add"', "add", "group 1 has 'add'; allowed are what, reason, worst, and tables 'module:kernel'"),
        ("3.3.1 -> 3.4.0 on", "3.3.1 to 3.4.0 on", "allowed is 'FROM -> TO on TARGET ...'"),
        (" on cuda:80 cuda:90", "", "allowed is 'FROM -> TO on TARGET ...'"),
        ('["n_cols=512"]', '"n_cols=512"', "= 'n_cols=512'; allowed is a list of texts"),
        ('["n_cols=512"]', '["n_cols=512", "n_cols=512"]', "which it or one before it accepts"),
        ("[[accepted]]", "[[accept]]", "has 'accept'; allowed are groups, [[accepted]]"),
        ("[[accepted]]", "[[accepted", "it is not TOML"),
    ],
)
def test_a_malformed_file_is_refused_in_one_sentence(file, old, new, sentence):
    with pytest.raises(accepted.AcceptedError, match=re.escape(sentence)):
        accepted.read(file(GROUP.replace(old, new)))


def test_what_is_written_reads_back_and_is_grouped_by_cause(tmp_path):
    entries = [
        one(reason='says "no slower" – measured', from_="3.10.0", to="3.11.0"),
        one("loads", settings="", worst=(("global_loads", 4), ("global_loads_128", 1))),
        one("compile", worst=()),
        one("loads", settings="n=8", target="cuda:80", worst=(("global_loads", 9), ("global_loads_128", 2))),
        one("loads", settings="n=10", target="cuda:80", worst=(("global_loads", 9), ("global_loads_128", 2))),
    ]
    accepted.write(tmp_path / "accepted.toml", entries)
    text = (tmp_path / "accepted.toml").read_text()
    read = accepted.read(tmp_path / "accepted.toml")
    assert sorted(map(str, read)) == sorted(map(str, entries))
    assert text.count("[[accepted]]") == 3
    assert '"3.3.1 -> 3.4.0 on cuda:80" = ["n=8", "n=10"]' in text
    assert [dict(entry.worst) for entry in read if entry.what == "loads"] == [
        {"global_loads": 9, "global_loads_128": 1}  # the worst of the group, metric by metric
    ] * 3


def test_accepting_writes_what_is_open_as_it_is_and_narrows_what_is_kept(tmp_path):
    wide = [one(worst=(("spill_loads", 90), ("spill_stores", 90)))]
    both = step(spill_stores=5)
    assert summary.accept(both, wide, {"loads": "why"}, whole=True) == [
        one(worst=(("spill_loads", 0), ("spill_stores", 5)))
    ]
    (now,) = summary.accept(both, [one()], {"spills": "looked at again"}, whole=True)
    assert (dict(now.worst)["spill_stores"], now.reason) == (5, "looked at again")
    assert summary.accept(both, [one()], {"loads": "why"}, whole=True) == [one()]  # still open, and still said to be


def test_what_is_accepted_of_a_variant_stays_where_a_run_over_all_releases_does_not_ask_for_it():
    kept = one(from_="3.4.0", to="3.4.0+plain")
    assert summary.accept(step(spill_stores=5), [kept, one(from_="3.3.0", to="3.3.1")], {}, whole=True) == [kept]


def test_the_project_s_own_file_is_short_enough_to_be_read():
    path = ROOT / "tests" / "atlas" / "accepted.toml"
    assert accepted.read(path)
    lines = path.read_text().splitlines()
    assert len(lines) < 300
    assert max(map(len, lines)) < 500
