"""Results are kept as long as nothing that decides them changes, and no longer."""

import dataclasses
import sys

import pytest

from triton_matrix.codegen import cache as cache_module
from triton_matrix.codegen.cache import Cache
from triton_matrix.codegen.compile import Configuration, Result


@pytest.fixture
def configuration(tmp_path):
    (tmp_path / "mine.py").write_text("def add(): pass\n")
    return Configuration(
        kernel=f"{tmp_path / 'mine.py'}:add",
        label="add",
        target="cuda:90",
        args={"x_ptr": "*fp32"},
        constexprs={"BLOCK": 8},
        options={"num_warps": 4},
        hints=("x_ptr",),
    )


def kept(folder, configuration, release="3.4.0"):
    rows = Cache(folder, release).get(configuration)
    return rows and rows[0][1]


@pytest.fixture
def folder(tmp_path, configuration):
    cache = Cache(tmp_path / "results", "3.4.0")
    cache.put(configuration, [(configuration, Result("ok", metrics={"registers": 40}, seconds=0.5))])
    cache.save()
    return tmp_path / "results"


def test_a_result_is_found_again(folder, configuration):
    assert kept(folder, configuration) == Result("ok", metrics={"registers": 40}, seconds=0.5)


def test_a_label_decides_nothing(folder, configuration):
    assert kept(folder, dataclasses.replace(configuration, label="other"))


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


def test_another_source_is_another_result(folder, configuration, tmp_path):
    (tmp_path / "mine.py").write_text("def add(): return 1\n")
    assert kept(folder, configuration) is None


def test_another_version_of_the_metrics_is_another_result(folder, configuration, monkeypatch):
    monkeypatch.setattr(cache_module, "OUR_CODE_DIGEST", "another")
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
    ptxas.write_text("another")
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


@pytest.mark.parametrize("content", ['{"half": ', "[]", "3", '{"KEY": 3}', '{"KEY": [{"result": {"colour": 1}}]}'])
def test_a_broken_file_is_compiled_again(folder, configuration, content):
    key = Cache(folder, "3.4.0").key(configuration)
    (folder / "3.4.0.json").write_text(content.replace("KEY", key))
    assert kept(folder, configuration) is None


def test_each_configuration_of_a_tuned_kernel_is_kept_under_the_label_of_now(folder, configuration):
    labels = ["add[num_warps=4]", "add[num_warps=8]"]
    rows = [(dataclasses.replace(configuration, label=label), Result("ok")) for label in labels]
    cache = Cache(folder, "3.4.0")
    cache.put(configuration, rows)
    cache.save()
    renamed = dataclasses.replace(configuration, label="plus")
    assert [row.label for row, _ in Cache(folder, "3.4.0").get(renamed)] == ["plus[num_warps=4]", "plus[num_warps=8]"]


def test_what_did_not_load_is_tried_again(folder, configuration):
    other = dataclasses.replace(configuration, target="cuda:80")
    cache = Cache(folder, "3.4.0")
    cache.put(other, [(other, Result("error", reason="does not load: ...", lasting=False))])
    cache.save()
    assert kept(folder, other) is None


def test_another_module_installed_is_another_result(folder, configuration, monkeypatch):
    monkeypatch.setattr(cache_module, "installed", lambda: "torch is there now")
    assert kept(folder, configuration) is None
