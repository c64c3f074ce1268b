"""A run of the atlas is declared before it starts: what it did not get is red, and what was there before stays."""

import json
import resource
import shutil
import signal

import pytest

from triton_matrix.base import cells
from triton_matrix.evidence import atlas_runs
from triton_matrix.releases import codegen_cli

from ..atlas_package import BOTH, RELEASES, TABLE, Package
from ..conftest import ENVS


@pytest.fixture(scope="module")
def answered_once(release_python, tmp_path_factory):
    """The package with a whole atlas of both releases and of two targets; not to be changed."""
    pytest.importorskip("jsonschema", reason="the report needs constraints/report.txt: `nox -s check` has it")
    for release in RELEASES:
        release_python(release)
    found = Package(tmp_path_factory.mktemp("answered") / "checkout", ENVS).write()
    assert found.codegen(*BOTH) == 0
    assert found.verdicts() == (0, {"3.3.1": "pass", "3.9.0": "pass"})
    return found


@pytest.fixture
def answered(answered_once, tmp_path):
    """A copy of it."""
    shutil.copytree(answered_once.root, tmp_path / "checkout")
    return Package(tmp_path / "checkout", ENVS)


@pytest.fixture
def package(answered_once, tmp_path):
    """The package, of which nothing is compiled yet."""
    return Package(tmp_path / "checkout", ENVS).write()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_atlas_that_is_ended_is_red_and_what_it_had_not_finished_is_still_there(answered, number):
    before = answered.files()
    process = answered.hanging()
    process.send_signal(number)
    assert process.wait(30) != 0
    found = answered.report()
    assert found["exit_status"] == 1
    assert "3.3.1, 3.9.0: the run that was opened" in found["said"]
    assert "was never closed" in found["cells"]["one"]["reason"]
    assert answered.files()["3.9.0.json"] == before["3.9.0.json"]
    assert found["codegen"]["summary"]["3.9.0"]["counts"]["ok"] == 4  # two targets of two


def test_a_first_atlas_that_is_killed_is_red_though_it_left_nothing(package):
    process = package.hanging()
    assert package.verdicts() == (1, {"3.3.1": "fail", "3.9.0": "fail"})  # it still runs
    process.kill()
    process.wait(30)
    assert list(package.files()) == ["3.3.1.json"]
    assert package.verdicts() == (1, {"3.3.1": "fail", "3.9.0": "fail"})


def test_what_a_killed_run_asked_for_stays_asked_until_it_is_answered(answered):
    process = answered.hanging()
    process.kill()
    process.wait(30)
    assert answered.codegen("--target", "hip:gfx942", "--triton", "3.3.1,3.9.0") == 0
    assert answered.codegen("--target", "hip:gfx90a", "--triton", "3.3.1") == 0
    assert answered.verdicts() == (1, {"3.3.1": "pass", "3.9.0": "fail"})
    assert answered.codegen("--target", "hip:gfx90a", "--triton", "3.9.0") == 0
    assert answered.verdicts() == (0, {"3.3.1": "pass", "3.9.0": "pass"})


def test_a_hook_that_raises_in_one_release_is_red_for_that_release(answered):
    before = answered.files()
    answered.write_hook(head="if RELEASE == '3.3.1': raise RuntimeError('boom')")
    assert answered.codegen(*BOTH) == 1
    found = answered.report()
    assert found["exit_status"] == 1
    assert "which does not import: RuntimeError: boom" in found["codegen"]["summary"]["3.3.1"]["reason"]
    assert found["codegen"]["summary"]["3.9.0"]["verdict"] == "pass"
    assert answered.files()["3.3.1.json"] == before["3.3.1.json"]
    assert found["codegen"]["summary"]["3.3.1"]["counts"]["ok"] == 0  # of another hook: it is kept, and not shown


def test_a_run_of_one_target_keeps_the_entries_of_the_others(answered):
    before = {name: len(json.loads(content)["entries"]) for name, content in answered.files().items()}
    assert answered.codegen("--target", "hip:gfx90a", "--triton", "3.3.1", "--no-cache") == 0
    assert {name: len(json.loads(content)["entries"]) for name, content in answered.files().items()} == before


def test_targets_that_are_of_other_sources_now_are_stale_until_they_are_asked_again(answered):
    answered.edit()
    assert answered.codegen("--target", "hip:gfx90a", "--triton", "3.3.1,3.9.0") == 0
    found = answered.report()
    assert found["exit_status"] == 2
    reason = "hip:gfx942: it is of other sources than the checkout has now"
    assert [row["reason"] for row in found["codegen"]["summary"].values()] == [reason, reason]
    assert answered.codegen(*BOTH) == 0
    assert answered.verdicts() == (0, {"3.3.1": "pass", "3.9.0": "pass"})


LOST = {
    "a configuration": lambda content: drop(content, "p.mine:copy[64]", "hip:gfx90a"),
    "a target": lambda content: drop(content, None, "hip:gfx942"),
}


def drop(content, label, target):
    """Take entries out of a file so that it says itself that there are no more."""
    asked = content["configurations"]
    asked[target].pop(label) if label else asked.pop(target)
    content["entries"] = [item for item in content["entries"] if item["label"] in asked.get(item["target"], ())]


@pytest.mark.parametrize(
    ("lost", "named"), [("a configuration", "p.mine:copy[64] hip:gfx90a"), ("a target", "all of hip:gfx942")]
)
def test_what_was_asked_for_and_has_no_entry_is_red(answered, lost, named):
    answered.change("3.9.0", LOST[lost])
    found = answered.report()
    assert found["exit_status"] == 1
    assert f"its file lacks what was asked for, {named}" in found["codegen"]["summary"]["3.9.0"]["reason"]


def test_a_file_that_is_gone_or_that_nobody_asked_for_is_red(answered):
    content = answered.files()["3.9.0.json"]
    (answered.folder / "3.9.0.json").unlink()
    assert answered.verdicts() == (1, {"3.3.1": "pass", "3.9.0": "fail"})
    (answered.folder / "3.9.0.json").write_bytes(content)
    (answered.folder / atlas_runs.NAME).unlink()
    assert answered.verdicts() == (1, {"3.3.1": "fail", "3.9.0": "fail"})


def test_a_file_under_another_release_s_name_is_no_evidence(answered):
    (answered.folder / "3.9.0.json").write_bytes(answered.files()["3.3.1.json"])
    found = answered.report()
    assert found["exit_status"] == 1
    assert "says that it is of triton 3.3.1 but is called '3.9.0.json'" in found["said"]


def test_a_damaged_run_file_is_named(answered):
    path = answered.folder / atlas_runs.NAME
    path.write_text(path.read_text()[:100])
    found = answered.report()
    assert found["exit_status"] == 1
    assert f"{atlas_runs.NAME} is not JSON" in found["said"]


def test_a_run_that_cannot_be_declared_leaves_nothing_that_looks_asked(answered):
    """A disk that takes no byte more: what each process may write to a file is limited to none."""
    before = answered.files()
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # noqa: E731
    process = answered.start(*BOTH, preexec_fn=limit)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("codegen: [Errno 27] File too large")
    assert answered.files() == before
    assert answered.verdicts() == (1, {"3.3.1": "fail", "3.9.0": "fail"})


def test_sources_that_change_while_they_are_compiled_make_no_file(package):
    package.write_hook(head="(pathlib.Path(__file__).parent / 'p' / f'other{RELEASE[2]}.py').write_text('x = 1')")
    assert package.codegen("--target", "hip:gfx90a") == 2
    assert package.files() == {}
    reasons = {each.reason for each in atlas_runs.read(package.folder).releases.values()}
    assert reasons == {"the sources were changed while it was compiled"}
    assert package.report()["exit_status"] == 2  # what was asked of is gone


def test_a_launch_file_s_results_are_not_taken_for_the_package_s(answered, capfd):
    launch = answered.root / "launch.toml"
    launch.write_text('kernel = "p/mine.py:copy"\n[args]\nx_ptr = "*fp32"\nn = 4096\n[constexprs]\nBLOCK = 64\n')
    asked = ("--launches", str(launch), "--target", "hip:gfx90a", "--triton", "3.3.1")
    before = answered.files()
    assert answered.codegen(*asked, "--out", str(answered.folder)) == 2
    assert "the folder of the package's atlas; name another one for launches" in capfd.readouterr().err
    assert answered.files() == before
    assert answered.codegen(*asked, "--out", str(answered.root / "out")) == 0
    made = (answered.root / "out" / "3.3.1.json").read_bytes()
    (answered.folder / "3.3.1.json").write_bytes(made)
    assert answered.verdicts()[0] == 1


@pytest.fixture
def without_network(tmp_path, monkeypatch):
    """A folder of environments with the one of 3.3.1, where no other can be made."""
    envs = tmp_path / "envs"
    (envs / "results").mkdir(parents=True)
    (envs / "3.3.1").symlink_to(ENVS / "3.3.1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    return envs


def test_a_release_that_cannot_be_provided_is_named_last_and_is_red_where_it_is_expected(
    package, without_network, capfd
):
    envs = ("--envs", str(without_network))
    assert package.codegen("--target", "hip:gfx90a", *envs) == 2  # of one release nothing is compared
    assert capfd.readouterr().err.splitlines()[-1] == "codegen: this machine could not provide triton 3.9.0"
    found = package.report()
    assert found["exit_status"] == 0
    assert found["said"].splitlines()[-1].startswith("codegen: could not be provided: triton 3.9.0; of 3.9.0: ")
    assert "could not be provided: triton 3.9.0" in (package.root / "reports" / "summary.md").read_text()
    assert "could not be provided: triton 3.9.0" in (package.root / "reports" / "index.html").read_text()
    for asked in ("codegen", "one:codegen"):
        found = package.report("--expect", asked)
        assert found["exit_status"] == 2
        assert "expected but not there: codegen of 3.9.0: it could not be provided" in found["said"]
    assert package.codegen("--cells", *envs) == 0  # what the cells need is there
    assert package.codegen("--triton", "3.9.0", "--cells", *envs) in (2, codegen_cli.UNAVAILABLE)


def test_what_is_there_of_now_does_not_hide_that_a_release_could_not_be_provided(answered, without_network):
    assert answered.codegen("--target", "hip:gfx90a", "--envs", str(without_network)) == 2
    assert answered.verdicts() == (0, {"3.3.1": "pass", "3.9.0": "unavailable"})
    assert len(json.loads(answered.files()["3.9.0.json"])["entries"]) == 4


def test_all_releases_of_the_table_are_expected_and_not_only_those_that_were_asked(package):
    assert package.codegen("--cells", "--target", "hip:gfx90a") == 0
    assert package.verdicts() == (0, {"3.3.1": "pass"})
    found = package.report("--expect", "codegen")
    assert found["exit_status"] == 2
    assert "expected but not there: codegen of 3.9.0: nothing says how it ended" in found["said"]
    assert package.codegen("--target", "hip:gfx90a") == 0
    assert package.report("--expect", "codegen")["exit_status"] == 0


def test_what_only_one_release_has_is_named_by_the_verb_and_on_each_form_of_the_report(package, capfd):
    package.write_hook(blocks="(64, 128) if RELEASE == '3.3.1' else (128, 256)")
    assert package.codegen("--target", "hip:gfx90a") == 0
    lines = ["in 3.3.1 only, and not compared: 1 configuration: p.mine:copy[64] hip:gfx90a"]
    lines += ["in 3.9.0 only, and not compared: 1 configuration: p.mine:copy[256] hip:gfx90a"]
    said = capfd.readouterr().out
    found = package.report()
    forms = [
        said,
        found["said"],
        *((package.root / "reports" / name).read_text() for name in ("summary.md", "index.html")),
    ]
    for form in forms:
        for line in lines:
            assert line.replace("[", "\\[") in form or line in form
    assert package.codegen("--target", "hip:gfx90a", "--from", "3.3.1", "--to", "3.9.0") == 0
    said = capfd.readouterr().out
    assert all(line in said for line in lines)


def test_where_no_configuration_is_in_two_releases_nothing_is_compared_and_there_is_no_answer(package, capfd):
    package.write_hook(blocks="(64,) if RELEASE == '3.3.1' else (128,)")
    assert package.codegen("--target", "hip:gfx90a") == 2
    assert "nothing is compared: no configuration compiled in two consecutive releases" in capfd.readouterr().out
    found = package.report()
    assert found["exit_status"] == 2
    assert "codegen: of triton 3.3.1, 3.9.0 no configuration is compared with that of another release" in found["said"]


def test_a_target_that_the_package_gives_nothing_for_is_named(package):
    hook = (package.root / "hook.py").read_text()
    (package.root / "hook.py").write_text(hook.replace("for t in targets", "for t in targets if t != 'hip:gfx942'"))
    assert package.codegen(*BOTH) == 0
    found = package.report()
    assert found["exit_status"] == 0
    why = "hip:gfx942: asked for, and the package's atlas gives no configuration for it (triton 3.3.1, 3.9.0)"
    assert why in found["said"]


def test_a_target_that_was_not_asked_for_is_refused(package, capfd):
    hook = (package.root / "hook.py").read_text()
    (package.root / "hook.py").write_text(hook.replace("for t in targets", "for t in ['cuda:80']"))
    assert package.codegen("--target", "hip:gfx90a") == 2
    assert "its entry 0 is for 'cuda:80'; asked are hip:gfx90a" in capfd.readouterr().err


def test_a_table_whose_cells_pin_no_release_has_nothing_to_compile_for_plain_nox(package, capfd):
    path = package.root / "constraints" / "cells.toml"
    path.write_text(TABLE + '[cell.ambient]\nplatforms = ["cuda"]\nwhy = "what is there"\n')
    assert list(cells.load(path).releases) == ["3.9.0"]
    assert package.codegen("--cells") == codegen_cli.UNAVAILABLE
    assert "no cell of cells.toml pins a release of Triton" in capfd.readouterr().err
