"""Launch files: what a file says becomes configurations, and what it says wrongly becomes one sentence."""

import re

import pytest

from triton_matrix.codegen import cli
from triton_matrix.launches import launch_file, loading

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
def launch_file_of(tmp_path):
    (tmp_path / "mine.py").write_text("def add(): pass\n")

    def write(text):
        path = tmp_path / "launch.toml"
        path.write_text(text)
        return path

    return write


def test_lists_make_a_grid_and_name_its_points(launch_file_of):
    configurations = launch_file.expand(launch_file.read(launch_file_of(GOOD)), ["cuda:80", "cuda:90"])
    assert [configuration.settings[:-1] for configuration in configurations[:4]] == [
        ("fp16", "BLOCK_SIZE=1024", "num_warps=4", "num_stages=2"),
        ("fp16", "BLOCK_SIZE=1024", "num_warps=8", "num_stages=2"),
        ("fp16", "BLOCK_SIZE=2048", "num_warps=4", "num_stages=2"),
        ("fp16", "BLOCK_SIZE=2048", "num_warps=8", "num_stages=2"),
    ]
    assert len({configuration.id for configuration in configurations}) == 8
    assert configurations[3].constexprs == {"BLOCK_SIZE": 2048}
    assert configurations[3].options == {"num_warps": 8, "num_stages": 2}


def test_a_grid_has_no_point_twice(launch_file_of):
    text = GOOD.replace("[4, 8]", "[4, 8, 4]").replace("[1024, 2048]", "[1024, 1024]")
    found = [each.settings[1:3] for each in launch_file.expand(launch_file.read(launch_file_of(text)), ["cuda:90"])]
    assert found == [("BLOCK_SIZE=1024", "num_warps=4"), ("BLOCK_SIZE=1024", "num_warps=8")]


def test_a_stride_of_1_is_a_value(launch_file_of):
    path = launch_file_of(GOOD + '[hints]\nequal_to_1 = ["n_cols"]\n')
    assert launch_file.expand(launch_file.read(path), ["cuda:90"])[0].args == {"x_ptr": "*fp16", "n_cols": 1}


def test_a_folder_of_launch_files_is_all_of_them_each_configuration_once(launch_file_of, tmp_path):
    launch_file_of(GOOD)
    (tmp_path / "same.toml").write_text(GOOD)
    (tmp_path / "other.toml").write_text(GOOD.replace("*fp16", "*bf16"))
    ids = [each.id for each in launch_file.expand_all(tmp_path, ["cuda:90"])]
    assert len(ids) == len(set(ids)) == 8
    (tmp_path / "empty").mkdir()
    with pytest.raises(launch_file.LaunchError, match=r"this folder holds no \*.toml"):
        launch_file.files_of(tmp_path / "empty")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((), "add: nothing says what n_cols may be divided by; a launch does"),
        (
            ('n_cols = "i32"', 'n_cols = "fp32"\n[hints]\ndivisible_by_16 = ["n_cols"]'),
            "hints has 'n_cols' of type fp32",
        ),
    ],
)
def test_hints_that_no_launch_would_have_are_remarked_on(launch_file_of, change, sentence):
    text = GOOD.replace(*change) if change else GOOD
    assert [sentence in remark for remark in launch_file.remarks(launch_file.read(launch_file_of(text)))] == [True]
    assert launch_file.remarks(launch_file.read(launch_file_of(GOOD.replace('n_cols = "i32"', "n_cols = 4096")))) == []


def test_pointers_are_taken_as_divisible_unless_the_launch_file_says_otherwise(launch_file_of):
    assert launch_file.expand(launch_file.read(launch_file_of(GOOD)), ["cuda:90"])[0].hints == ("x_ptr",)
    path = launch_file_of(GOOD + '[hints]\ndivisible_by_16 = ["n_cols"]\n')
    assert launch_file.expand(launch_file.read(path), ["cuda:90"])[0].hints == ("n_cols",)


@pytest.mark.parametrize("reference", ["mine.py:add", "mine:add"])
def test_a_path_is_relative_to_the_launch_file(launch_file_of, tmp_path, reference):
    content = launch_file.read(launch_file_of(GOOD.replace("mine.py:add", reference)))
    assert content["kernel"] == f"{tmp_path / 'mine.py'}:add"


def test_a_module_s_name_stays_as_it_is(launch_file_of):
    assert (
        launch_file.read(launch_file_of(GOOD.replace("mine.py:add", "package.module:add")))["kernel"]
        == "package.module:add"
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('kernel = "mine.py:add"', "", "launch.toml names no kernel"),
        ("mine.py:add", "mine.py", "kernel is 'mine.py'; allowed is 'module:function'"),
        ("mine.py:add", "other/mine:add", "kernel is 'other/mine:add'; there is no file"),
        ('"*fp16"', "1979-05-27", "launch.toml has args.x_ptr = 1979-05-27; allowed is a type, a text, a number"),
        ('"*fp16"', "nan", "launch.toml has args.x_ptr = nan; allowed is a number that is finite"),
        ("[1024, 2048]", "1979-05-27", "launch.toml has constexprs.BLOCK_SIZE = 1979-05-27; allowed is a type"),
        ("[1024, 2048]", "[]", "launch.toml has constexprs.BLOCK_SIZE = []; allowed is a list that holds something"),
        ('"*fp16"', "[1, 2]", "launch.toml has args.x_ptr = [1, 2]; a tuple is {tuple = [...]}"),
        ('"*fp16"', "{tensors = 1}", "args.x_ptr is {'tensors': 1}; allowed is a table of one of tensor, descriptor"),
        ('"*fp16"', '{tensor = {dtype = "half", shape = [1]}}', "args.x_ptr.dtype is 'half'; allowed are i1"),
        ('"*fp16"', '{tensor = {dtype = "fp16"}}', "args.x_ptr.shape is None; allowed is a list of integers from 0"),
        ('"*fp16"', '{tensor = {dtype = "fp16", shape = [-1]}}', "args.x_ptr.shape is [-1]; allowed is a list"),
        (
            '"*fp16"',
            '{tensor = {dtype = "fp16", shape = [2], strides = [2, 1]}}',
            "args.x_ptr has shape [2] and strides [2, 1]; allowed are as many",
        ),
        (
            '"*fp16"',
            '{tensor = {dtype = "fp16", shape = [2], fill = {kind = "file", name = "../x.bin"}}}',
            "a file lies beside the launch and is called <digest>.bin",
        ),
        ('"*fp16"', '{number = "one"}', "args.x_ptr.number is 'one'; allowed are nan, inf, -inf"),
        ("[args]", "grid = [0]\n[args]", "launch.toml has grid = [0]; allowed are 1 to 3 integers above 0"),
        ("[4, 8]", "[]", "options.num_warps is []; allowed is a list that holds something"),
        (
            "num_warps = [4, 8]",
            "num_warp = 8",
            "'num_warp', which no Triton release knows; did you mean num_warps?",
        ),
        ("num_stages = 2", "num_stagess = 2", "which no Triton release knows; did you mean num_stages?"),
        ("num_warps = [4, 8]", "num_warps = true", "options.num_warps is True; allowed is a power of two"),
        ("num_stages = 2", "num_stages = -5", "options.num_stages is -5; allowed is a whole number from 0 on"),
        ("num_stages = 2", "maxnreg = 0", "options.maxnreg is 0; allowed is a whole number from 1 on"),
        (
            "num_stages = 2",
            "[hints]\nequal_to_1 = ['x_ptr']",
            "launch.toml has 'x_ptr' under hints.equal_to_1; allowed are integers",
        ),
        (
            "[options]",
            "[option]",
            "launch.toml has 'option'; allowed are kernel, grid, count, reference, args",
        ),
        ("num_warps = [4, 8]", "num_warps = 6", "options.num_warps is 6; allowed is a power of two"),
        ("num_stages = 2", "[hints]\ndivisible_by_8 = []", "launch.toml has hints.divisible_by_8"),
        ("[args]", "[args", "it is not TOML"),
    ],
)
def test_a_wrong_launch_file_is_refused_in_one_sentence(launch_file_of, old, new, sentence):
    path = launch_file_of(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        launch_file.expand(launch_file.read(path), ["cuda:90"])
    assert "\n" not in str(caught.value).strip() or "TOML" in sentence


def test_a_launch_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(launch_file.LaunchError, match="No such file"):
        launch_file.read(tmp_path / "none.toml")


def test_targets_may_be_repeated_or_separated_by_commas():
    assert cli.target_names(["cuda:90,hip:gfx942", "cuda:80"]) == ["cuda:90", "hip:gfx942", "cuda:80"]
    with pytest.raises(ValueError, match="target is 'gfx942'; allowed are cuda:70, "):
        cli.target_names(["gfx942"])


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("none.py:add", "there is no file none.py"),
        ("no_such_package.module:add", "there is no module no_such_package"),
        ("no_such_module:add", "there is no module no_such_module"),
        ("json.no_such_module:add", "there is no module json.no_such_module"),
    ],
)
def test_a_kernel_that_is_not_there_is_named(reference, sentence):
    with pytest.raises(loading.KernelError, match=sentence):
        loading.file_of(reference)
