"""What ``init`` chooses for a package, and what it says of it."""

import pytest

from triton_matrix.base import pairs, versions
from triton_matrix.init import choice


def chosen(root):
    return choice.of(root, pairs.known())


def tritons(root):
    return [row.pair.triton for row in chosen(root).rows]


def test_a_package_that_limits_nothing_gets_the_newest_release_of_every_minor(package):
    minors = {pair.triton.rpartition(".")[0]: pair.triton for pair in pairs.known()}
    assert tritons(package()) == list(minors.values())


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        (["torch>=2.7,<2.9"], ["3.3.1", "3.4.0"]),
        (["torch", "triton>=3.0,<3.2"], ["3.0.0", "3.1.0"]),
        (["torch==2.10.0"], ["3.6.0"]),  # not the newest torch of that Triton
        (["torch<2.5", "triton>=3.1; sys_platform == 'win32'"], ["2.3.1", "3.0.0"]),
    ],
)
def test_dependencies_limit_the_cells(package, dependencies, expected):
    assert tritons(package(dependencies=dependencies)) == expected


def test_a_limit_on_torch_picks_that_torch(package):
    assert [row.torch for row in chosen(package(dependencies=["torch==2.10.0"])).rows] == ["2.10.0"]


def test_requires_python_limits_the_interpreter_and_what_has_no_wheels_for_it(package):
    rows = chosen(package(python=">=3.13")).rows
    assert rows[0].pair.triton == "3.2.0"
    assert {row.python for row in rows} == {"3.13"}


def test_what_the_package_does_not_limit_itself_is_read_from_its_extra(package):
    more = '\n[project.optional-dependencies]\ncuda = ["torch>=2.7.0", "triton>=3.3,<3.5"]\n'
    assert tritons(package(dependencies=["einops"], more=more)) == ["3.3.1", "3.4.0"]


def test_every_choice_is_said_and_so_is_why_a_release_is_missing(package):
    said = "\n".join(chosen(package(dependencies=["torch", "triton>=3.9"])).said)
    assert "cell triton390: Python 3.11, torch 2.15.0, Triton 3.9.0" in said
    assert "no cell for Triton 2.3.1, 3.0.0" in said
    assert "triton>=3.9 does not allow it" in said


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("src/small_kernels", "small-kernels", "small_kernels"),
        ("small_kernels", "small-kernels", "small_kernels"),
        ("fla", "fla-core", "fla"),
        ("src/other_name", "small-kernels", "other_name"),
    ],
)
def test_the_module_is_the_one_that_imports_triton(package, module, name, expected):
    root = package(name=name, module=module, files={"examples/__init__.py": "import triton\n", "tests/test_a.py": ""})
    assert chosen(root).module == expected


@pytest.mark.parametrize(
    ("files", "more", "expected"),
    [
        ({"tests/test_a.py": ""}, "", ("tests",)),
        ({"test/test_a.py": ""}, "", ("test",)),
        ({"checks/test_a.py": ""}, '\n[tool.pytest.ini_options]\ntestpaths = ["checks/", "gone"]\n', ("checks",)),
        ({"tests/correctness/test_a.py": ""}, "", ()),  # the harness's own default
        ({}, "", ()),
    ],
)
def test_the_suites_are_what_pytest_would_run(package, files, more, expected):
    assert chosen(package(files=files, more=more)).suites == expected


@pytest.mark.parametrize(("text", "expected"), [("x.to('cuda')", True), ("x.cpu()", False)])
def test_suites_that_name_cuda_are_written_for_a_gpu(package, text, expected):
    assert chosen(package(files={"tests/test_a.py": text})).needs_gpu is expected


def test_what_tests_need_is_the_packages_own_list_without_tools_and_without_what_every_cell_has(package):
    more = (
        '\n[project.optional-dependencies]\nmath = ["scipy>=1", "torch"]\n'
        'dev = ["ruff", "pytest", "einops>=0.8", "small-kernels[math]", "numpy"]\n'
    )
    found = chosen(package(more=more))
    assert found.test == ("einops>=0.8", "scipy>=1", "numpy")
    assert any("no test needs them: ruff" in sentence for sentence in found.said)


def test_a_dependency_group_may_include_another(package):
    more = '\n[dependency-groups]\nbase = ["einops"]\ntest = [{ include-group = "base" }, "scipy"]\n'
    assert chosen(package(more=more)).test == ("einops", "scipy")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"dependencies": ["torch<2"]},
            r"small-kernels allows no known Triton; 2\.3\.1: torch<2 does not allow its torch",
        ),
        ({"python": "<3.9"}, "allows no known Triton"),
        ({"python": "new"}, "requires-python is 'new'"),
        ({"dependencies": ["torch >> 2"]}, "a dependency is 'torch >> 2'; it is no requirement"),
        ({"files": {"src/small_kernels/kernel.py": "import torch\n"}}, "where no file imports triton; the matrix is"),
    ],
)
def test_a_package_that_cannot_take_the_matrix_gets_one_sentence(package, change, says):
    with pytest.raises(ValueError, match=says) as caught:
        chosen(package(**change))
    assert "\n" not in str(caught.value)


def test_rows_are_sorted_by_triton_and_named_after_it(package):
    rows = chosen(package()).rows
    assert [row.pair.triton for row in rows] == sorted((row.pair.triton for row in rows), key=versions.key)
    assert rows[0].name == f"triton{rows[0].pair.triton.replace('.', '')}"
