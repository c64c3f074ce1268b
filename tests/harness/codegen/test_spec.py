"""Specs: what a file says becomes configurations, and what it says wrongly becomes one sentence."""

import pytest

from triton_matrix.codegen import cli, loading, spec

GOOD = """
kernel = "mine.py:add"
[args]
x_ptr = "*fp16"
n_cols = "i32"
[constexprs]
BLOCK_SIZE = [1024, 2048]
[options]
num_warps = [4, 8]
num_stages = 2
"""


@pytest.fixture
def spec_file(tmp_path):
    (tmp_path / "mine.py").write_text("def add(): pass\n")

    def write(text):
        path = tmp_path / "spec.toml"
        path.write_text(text)
        return path

    return write


def test_lists_make_a_grid_and_name_its_points(spec_file):
    configurations = spec.expand(spec.read(spec_file(GOOD)), ["cuda:80", "cuda:90"])
    assert [configuration.id for configuration in configurations[:4]] == [
        "add[BLOCK_SIZE=1024,num_warps=4] cuda:80",
        "add[BLOCK_SIZE=1024,num_warps=8] cuda:80",
        "add[BLOCK_SIZE=2048,num_warps=4] cuda:80",
        "add[BLOCK_SIZE=2048,num_warps=8] cuda:80",
    ]
    assert len(configurations) == 8
    assert configurations[3].constexprs == {"BLOCK_SIZE": 2048}
    assert configurations[3].options == {"num_warps": 8, "num_stages": 2}


def test_pointers_are_taken_as_divisible_unless_the_spec_says_otherwise(spec_file):
    assert spec.expand(spec.read(spec_file(GOOD)), ["cuda:90"])[0].hints == ("x_ptr",)
    path = spec_file(GOOD + '[hints]\ndivisible_by_16 = ["n_cols"]\n')
    assert spec.expand(spec.read(path), ["cuda:90"])[0].hints == ("n_cols",)


@pytest.mark.parametrize("reference", ["mine.py:add", "mine:add"])
def test_a_path_is_relative_to_the_spec(spec_file, tmp_path, reference):
    content = spec.read(spec_file(GOOD.replace("mine.py:add", reference)))
    assert content["kernel"] == f"{tmp_path / 'mine.py'}:add"


def test_a_module_s_name_stays_as_it_is(spec_file):
    assert spec.read(spec_file(GOOD.replace("mine.py:add", "package.module:add")))["kernel"] == "package.module:add"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('kernel = "mine.py:add"', "", "spec.toml names no kernel"),
        ("mine.py:add", "mine.py", "kernel is 'mine.py'; allowed is 'module:function'"),
        ("mine.py:add", "other/mine:add", "kernel is 'other/mine:add'; there is no file"),
        ('"*fp16"', "16", "spec.toml has args.x_ptr = 16; allowed is a Triton type"),
        ("[options]", "[option]", "spec.toml has 'option'; allowed are kernel, args, constexprs, options, hints"),
        ("num_warps = [4, 8]", "num_warps = 6", "options.num_warps is 6; allowed is a power of two"),
        ("num_stages = 2", "[hints]\ndivisible_by_8 = []", "spec.toml has hints.divisible_by_8"),
        ("[args]", "[args", "it is not TOML"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_sentence(spec_file, old, new, sentence):
    path = spec_file(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=sentence.replace("[", r"\[")) as caught:
        spec.expand(spec.read(path), ["cuda:90"])
    assert "\n" not in str(caught.value).strip() or "TOML" in sentence


def test_a_spec_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(spec.SpecError, match="No such file"):
        spec.read(tmp_path / "none.toml")


def test_targets_may_be_repeated_or_separated_by_commas():
    assert cli.target_names(["cuda:90,hip:gfx942", "cuda:80"]) == ["cuda:90", "hip:gfx942", "cuda:80"]
    with pytest.raises(ValueError, match="target is 'gfx942'; allowed are cuda:80"):
        cli.target_names(["gfx942"])


def test_the_source_digest_follows_local_imports(tmp_path):
    (tmp_path / "helpers.py").write_text("A = 1\n")
    (tmp_path / "unrelated.py").write_text("B = 1\n")
    (tmp_path / "mine.py").write_text("import os\nfrom helpers import A\n\n\ndef add(): pass\n")
    reference = f"{tmp_path / 'mine.py'}:add"
    first = loading.source_digest(reference)
    (tmp_path / "unrelated.py").write_text("B = 2\n")
    assert loading.source_digest(reference) == first
    (tmp_path / "helpers.py").write_text("A = 2\n")
    assert loading.source_digest(reference) != first


def test_the_source_digest_follows_relative_imports(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helpers.py").write_text("A = 1\n")
    (package / "mine.py").write_text("from .helpers import A\n\n\ndef add(): pass\n")
    first = loading.source_digest(f"{package / 'mine.py'}:add")
    (package / "helpers.py").write_text("A = 2\n")
    assert loading.source_digest(f"{package / 'mine.py'}:add") != first


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("none.py:add", "there is no file none.py"),
        ("no_such_package.module:add", "module no_such_package.module cannot be imported"),
        ("no_such_module:add", "there is no module no_such_module"),
        ("json:no_such_function", "json has no no_such_function"),
    ],
)
def test_a_kernel_that_is_not_there_is_named(reference, sentence):
    with pytest.raises(loading.KernelError, match=sentence):
        loading.load(reference)


def test_a_module_that_does_not_import_gives_its_own_last_line(tmp_path):
    (tmp_path / "needs_more.py").write_text("import no_such_package\n")
    with pytest.raises(loading.KernelError, match="ModuleNotFoundError: No module named 'no_such_package'"):
        loading.load(f"{tmp_path / 'needs_more.py'}:add")
