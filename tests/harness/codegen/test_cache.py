"""Results are kept as long as nothing that decides them changes, and no longer."""

import dataclasses
import json
import sys

import pytest

from triton_matrix.base import reads
from triton_matrix.codegen import cache as cache_module
from triton_matrix.codegen.cache import Cache
from triton_matrix.codegen.compile import Result
from triton_matrix.launches.configuration import Configuration


@pytest.fixture
def configuration(tmp_path):
    (tmp_path / "mine.py").write_text("def add(): pass\n")
    return Configuration(
        kernel=f"{tmp_path / 'mine.py'}:add",
        settings=(),
        target="cuda:90",
        args={"x_ptr": "*fp32"},
        constexprs={"BLOCK": 8},
        options={"num_warps": 4},
        hints=("x_ptr",),
    )


def kept(folder, configuration, release="3.4.0"):
    rows = Cache(folder, release).get(configuration)
    return rows and rows[0][1]


def answers(question, *subjects):
    """What a module that reads this notes now."""
    return {question: {str(subject): reads.answer(question, str(subject)) for subject in subjects}}


def put(folder, configuration, read, rows=None):
    cache = Cache(folder, "3.4.0")
    rows = rows or [(configuration, Result("ok", metrics={"registers": 40}, seconds=0.5))]
    cache.put(configuration, [(row, dataclasses.replace(result, reads=read)) for row, result in rows])
    cache.save()


@pytest.fixture
def folder(tmp_path, configuration):
    put(tmp_path / "results", configuration, answers("content", tmp_path / "mine.py"))
    return tmp_path / "results"


def test_a_result_is_found_again_with_what_was_read(folder, configuration, tmp_path):
    read = answers("content", tmp_path / "mine.py")
    assert kept(folder, configuration) == Result("ok", metrics={"registers": 40}, seconds=0.5, reads=read)


def test_what_a_configuration_is_called_decides_nothing(folder, configuration):
    assert kept(folder, dataclasses.replace(configuration, settings=("other",)))


@pytest.mark.parametrize(
    "change",
    [
        {"target": "cuda:80"},
        {"args": {"x_ptr": "*bf16"}},
        {"constexprs": {"BLOCK": 16}},
        {"options": {"num_warps": 8}},
        {"hints": ()},
    ],
)
def test_other_settings_are_another_result(folder, configuration, change):
    assert kept(folder, dataclasses.replace(configuration, **change)) is None


def test_another_release_is_another_result(folder, configuration):
    assert kept(folder, configuration, release="3.5.1") is None


def test_another_python_is_another_result(folder, configuration, monkeypatch):
    monkeypatch.setattr(sys, "version", "another")
    assert kept(folder, configuration) is None


def test_another_place_to_import_from_is_another_result(folder, configuration, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert kept(folder, configuration) is None


def test_another_source_is_another_result_and_the_one_before_is_found_again(folder, configuration, tmp_path):
    before = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text("def add(): return 1\n")
    assert kept(folder, configuration) is None
    other = [(configuration, Result("error", reason="no"))]
    put(folder, configuration, answers("content", tmp_path / "mine.py"), other)
    assert kept(folder, configuration).status == "error"
    (tmp_path / "mine.py").write_text(before)
    assert kept(folder, configuration).status == "ok"


def test_the_same_kernel_in_another_checkout_is_another_result(folder, configuration, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.py").write_text((tmp_path / "mine.py").read_text())
    other = dataclasses.replace(configuration, kernel=f"{tmp_path}/other/mine.py:add")
    assert kept(folder, other) is None


@pytest.mark.parametrize(
    ("question", "name"), [("content", "n.json"), ("kind", "n.json"), ("names", "."), ("import", "tuned.py")]
)
def test_a_file_that_comes_later_is_another_result(tmp_path, configuration, question, name):
    (tmp_path / "data").mkdir()
    put(tmp_path / "results", configuration, answers(question, tmp_path / "data" / name))
    (tmp_path / "noise.txt").write_text("elsewhere")
    assert kept(tmp_path / "results", configuration)
    (tmp_path / "data" / ("n.json" if name == "." else name)).write_text("8")
    assert kept(tmp_path / "results", configuration) is None


def test_two_runs_at_once_keep_what_both_compiled(tmp_path, configuration):
    other = dataclasses.replace(configuration, target="cuda:80")
    caches = [Cache(tmp_path / "results", "3.4.0") for _ in range(2)]
    for cache, asked, name in zip(caches, (configuration, other), ("one", "two")):
        cache.put(asked, [(asked, Result("ok", reads=answers("variable", name)))])
    for cache in caches:
        cache.save()
    assert kept(tmp_path / "results", configuration)
    assert kept(tmp_path / "results", other)


def test_a_variable_that_the_module_looks_at_is_part_of_the_result(tmp_path, configuration, monkeypatch):
    monkeypatch.delenv("MY_UNROLL", raising=False)
    put(tmp_path / "results", configuration, answers("variable", "MY_UNROLL"))
    assert kept(tmp_path / "results", configuration)
    monkeypatch.setenv("MY_UNROLL", "")
    assert kept(tmp_path / "results", configuration) is None


def test_no_value_of_a_variable_is_written_down(tmp_path, configuration, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    put(tmp_path / "results", configuration, answers("variable", "MY_TOKEN", reads.ALL))
    assert not any("s3cret" in path.read_text() for path in (tmp_path / "results").iterdir())


def test_what_ran_a_program_is_not_kept(tmp_path, configuration):
    put(tmp_path / "results", configuration, {"program": {"subprocess.Popen": None}})
    assert kept(tmp_path / "results", configuration) is None


def test_another_version_of_the_harness_is_another_result(folder, configuration, monkeypatch):
    monkeypatch.setattr(cache_module, "code_digest", lambda: "another")
    assert kept(folder, configuration) is None


def test_a_compiler_setting_in_the_environment_is_another_result(folder, configuration, monkeypatch):
    monkeypatch.setenv("TRITON_PTXAS_PATH", "/elsewhere/ptxas")
    assert kept(folder, configuration) is None


def test_another_tool_behind_the_same_path_is_another_result(folder, configuration, tmp_path, monkeypatch):
    ptxas = tmp_path / "ptxas"
    ptxas.write_text("one")
    monkeypatch.setenv("TRITON_PTXAS_PATH", str(ptxas))
    before = Cache(folder, "3.4.0").key(configuration)
    assert Cache(folder, "3.4.0").key(configuration) == before
    ptxas.write_text("two")
    assert Cache(folder, "3.4.0").key(configuration) != before


def test_another_build_of_the_same_version_is_another_result(folder, configuration, tmp_path, monkeypatch):
    package = tmp_path / "site" / "triton"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "libtriton.so").write_bytes(b"one build")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    cache_module.triton_files.cache_clear()
    before = cache_module.triton_files()
    cache_module.triton_files.cache_clear()
    assert cache_module.triton_files() == before
    (package / "libtriton.so").write_bytes(b"another")
    cache_module.triton_files.cache_clear()
    assert cache_module.triton_files() != before
    assert kept(folder, configuration) is None
    cache_module.triton_files.cache_clear()


ROW = '{"shown": [], "constexprs": {}, "options": {}, "result": RESULT}'
RESULT = '{"status": "ok", "metrics": {"registers": 40}, "reason": "", "seconds": 1, "cpu_seconds": 1, "crash": false,'
RESULT += '"warnings": [], "source": ""}'


@pytest.mark.parametrize(
    "content",
    [
        '{"half": ',
        "[]",
        "3",
        '{"KEY": 3}',
        '{"KEY": [3]}',
        '{"KEY": [{"result": {"colour": 1}}]}',
        f'{{"KEY": [{ROW}]}}'.replace("RESULT", RESULT.replace("40", '"many"')),
        f'{{"KEY": [{ROW}]}}'.replace("RESULT", RESULT.replace('"ok"', '"fine"')),
        f'{{"KEY": [{ROW}]}}'.replace("RESULT", RESULT.replace('"seconds": 1', '"seconds": null')),
    ],
)
def test_a_broken_file_is_compiled_again(folder, configuration, content):
    (key,) = json.loads((folder / "3.4.0.json").read_text())
    (folder / "3.4.0.json").write_text(f'{{"{key}": [{ROW}]}}'.replace("RESULT", RESULT))
    assert kept(folder, configuration).metrics == {"registers": 40}
    (folder / "3.4.0.json").write_text(content.replace("KEY", key))
    assert kept(folder, configuration) is None


@pytest.mark.parametrize("content", ["", "[]", '{"FILE": 3}', '{"FILE": [3]}', '{"FILE": [{"content": 3}]}'])
def test_where_nobody_can_say_what_was_read_it_is_compiled_again(folder, configuration, content, tmp_path):
    (folder / "3.4.0.reads.json").write_text(content.replace("FILE", str(tmp_path / "mine.py")))
    assert kept(folder, configuration) is None
    put(folder, configuration, answers("content", tmp_path / "mine.py"))
    assert kept(folder, configuration)


def test_each_configuration_of_a_tuned_kernel_is_kept_under_the_label_of_now(folder, configuration, tmp_path):
    rows = [(dataclasses.replace(configuration, settings=(f"num_warps={n}",)), Result("ok")) for n in (4, 8)]
    put(folder, configuration, answers("content", tmp_path / "mine.py"), rows)
    renamed = dataclasses.replace(configuration, settings=("a]", "b]["))
    found = [row.settings for row, _ in Cache(folder, "3.4.0").get(renamed)]
    assert found == [("a]", "b][", "num_warps=4"), ("a]", "b][", "num_warps=8")]


def test_what_did_not_load_is_tried_again(folder, configuration):
    other = dataclasses.replace(configuration, target="cuda:80")
    put(folder, other, {}, [(other, Result("error", reason="does not load: ...", lasting=False))])
    assert kept(folder, other) is None


def test_that_an_error_says_nothing_of_the_kernel_is_kept_with_it(folder, configuration):
    other = dataclasses.replace(configuration, target="cuda:80")
    put(folder, other, {}, [(other, Result("error", reason="not compiled within 2 s", unanswered=True))])
    assert kept(folder, other).unanswered


def test_where_nothing_can_be_written_what_was_compiled_is_not_lost(tmp_path, configuration):
    (tmp_path / "results").write_text("a file, and no folder")
    put(tmp_path / "results", configuration, answers("content", tmp_path / "mine.py"))
    assert kept(tmp_path / "results", configuration) is None


def test_another_module_installed_is_another_result(folder, configuration, monkeypatch):
    monkeypatch.setattr(cache_module, "installed", lambda: "torch is there now")
    assert kept(folder, configuration) is None


def test_another_file_of_the_same_version_installed_is_another_result(folder, configuration, monkeypatch):
    """A distribution that was installed from a folder keeps its version when it is edited."""
    versions = {"helperdist": "1 0123"}
    monkeypatch.setattr(cache_module.records, "installed", lambda: dict(versions))
    cache_module.installed.cache_clear()
    before = cache_module.installed()
    versions["helperdist"] = "1 4567"
    cache_module.installed.cache_clear()
    assert cache_module.installed() != before
    cache_module.installed.cache_clear()
