"""A launch file holds all of a launch: what compilers are told of it, and what interpreters compute from it."""

import array

import pytest

from triton_matrix import values
from triton_matrix.launches import arguments, launch_file, local_kernels
from triton_matrix.launches.describing import describe
from triton_matrix.values import arrays

MODULE = """\
import triton
import triton.language as tl

class Kernels:
    @triton.jit
    def gather(x_ptr, index_ptr, y_ptr, n, scale, BLOCK: tl.constexpr):
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        index = tl.load(index_ptr + at, mask=at < n, other=0)
        tl.store(y_ptr + at, tl.load(x_ptr + index, mask=at < n, other=0.0) * scale, mask=at < n)

def make():
    @triton.jit
    def halves(a_ptr, b_ptr, y_ptr, n, BLOCK: tl.constexpr):
        at = tl.arange(0, BLOCK)
        total = tl.load(a_ptr + at, mask=at < n) + tl.load(b_ptr + at, mask=at < n)
        tl.store(y_ptr + at, total, mask=at < n)
    return halves
"""
GATHER = """\
kernel = "mine.py:Kernels.gather"
grid = [2]
[args]
x_ptr = {{tensor = {{dtype = "fp32", shape = [8], fill = {{kind = "count"}}}}}}
index_ptr = {{tensor = {{dtype = "i64", shape = [5], fill = {{kind = "file", name = "{name}", digest = "{digest}"}}}}}}
y_ptr = {{tensor = {{dtype = "fp32", shape = [5], fill = {{kind = "zeros"}}, written = true}}}}
n = 5
scale = {scale}
[constexprs]
BLOCK = {block}
"""
HALVES = """\
kernel = "mine.py:make.<locals>.halves"
grid = [1]
[args]
a_ptr = {tensor = {dtype = "fp32", shape = [8], storage = "a_ptr", fill = {kind = "count"}}}
b_ptr = {tensor = {dtype = "fp32", shape = [8], offset = 8, storage = "a_ptr"}}
y_ptr = {tensor = {dtype = "fp32", shape = [8], offset = 1, fill = {kind = "zeros"}}}
n = 8
[constexprs]
BLOCK = 8
"""
INDICES = array.array("q", [7, 0, 3, 3, 1])


@pytest.fixture
def folder(tmp_path):
    """A folder of the two launches and what they need."""
    name, content, fill = arguments.kept(INDICES.tobytes())
    (tmp_path / name).write_bytes(content)
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "gather.toml").write_text(GATHER.format(**fill, scale="0.5", block="4"))
    (tmp_path / "halves.toml").write_text(HALVES)
    return tmp_path


def written(outcome):
    """What a launch wrote into each of its arguments, by place."""
    rows = [row for row in outcome.row["storages"] if row["written"]]
    kept = {row["args"][0]: arrays.read(outcome.folder, row["digest"]) for row in rows}
    return {name: dict(zip(places.tolist(), bits.tolist())) for name, (places, bits) in kept.items()}


@pytest.mark.parametrize("release", ["3.3.1", "3.9.0"])
def test_a_launch_is_computed_from_its_file_alone(folder, release_python, release, tmp_path):
    found = describe(folder)
    assert (found.refused, [each["name"] for each in found.launches]) == ({}, ["gather", "halves"])
    rows = values.compute({release: str(release_python(release))}, found.launches, tmp_path / "out")[release]
    assert {row.status for row in rows.values()} == {"computed"}, rows
    # the indices are those of the file; the second half is what the first one's storage holds there
    assert written(rows["gather"]) == {"y_ptr": {0: 3.5, 1: 0.0, 2: 1.5, 3: 1.5, 4: 0.5}}
    assert written(rows["halves"]) == {"y_ptr": {1 + at: 2.0 * at + 8 for at in range(8)}}


def test_a_compiler_is_told_what_follows_from_the_tensors(folder):
    gather, halves = (
        launch_file.expand(launch_file.read(path), ["cuda:90"])[0] for path in launch_file.files_of(folder)
    )
    assert gather.args == {"x_ptr": "*fp32", "index_ptr": "*i64", "y_ptr": "*fp32", "n": 5, "scale": 0.5}
    assert halves.hints == ("a_ptr", "b_ptr")  # an offset of 32 bytes is aligned, one of 4 is not


def test_lists_make_several_launches_of_a_file(folder):
    text = (folder / "gather.toml").read_text()
    (folder / "gather.toml").write_text(text.replace("BLOCK = 4", "BLOCK = [4, 8]"))
    assert [each["name"] for each in describe(folder / "gather.toml").launches] == [
        "gather[BLOCK=4]",
        "gather[BLOCK=8]",
    ]


def test_a_number_that_toml_compares_with_none_is_a_float(folder):
    text = (folder / "gather.toml").read_text()
    (folder / "gather.toml").write_text(text.replace("scale = 0.5", 'scale = {number = "nan"}'))
    assert describe(folder / "gather.toml").launches[0]["args"]["scale"] == {"number": "nan"}
    assert launch_file.expand(launch_file.read(folder / "gather.toml"), ["cuda:90"])[0].args["scale"] == "fp32"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("grid = [2]\n", "", "nothing says its grid; computing needs grid = [...]"),
        (
            '{tensor = {dtype = "fp32", shape = [8], fill = {kind = "count"}}}',
            '"*fp32"',
            "args.x_ptr is '*fp32', a type",
        ),
        ('name = "', 'name = "0000000000000000.bin", was = "', "names 0000000000000000.bin; No such file"),
        ('digest = "', 'digest = "0', "not that of the fill"),
        (
            '{tensor = {dtype = "fp32", shape = [5], fill = {kind = "zeros"}',
            '{tensor = {dtype = "i32", shape = [5]',
            "args.y_ptr is of integers and has no fill; what they mean is not guessed: say one",
        ),
        (
            'fill = {kind = "zeros"}',
            'unknown = "they were on the device meta"',
            "args.y_ptr: they were on the device meta",
        ),
    ],
)
def test_a_launch_that_says_too_little_is_refused_and_still_compiles(folder, old, new, sentence):
    path = folder / "gather.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    found = describe(folder)
    assert ([each["name"] for each in found.launches], list(found.refused)) == (["halves"], ["gather"])
    assert sentence in found.refused["gather"]
    assert launch_file.expand(launch_file.read(path), ["cuda:90"])[0].args["n"] == 5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def make(n):\n    def k(x, B):\n        return x * n\n", "uses n of the function that makes it"),
        ("def make():\n    f = 1\n    @jit(f)\n    def k(x, B): pass\n", "uses f of the function that makes it"),
        ("def make(a):\n    import m\n    m = a\n    def k(): m\n", "uses m of the function that makes it"),
        ("def make(a):\n    def f(): a\n    def k(): f\n", "uses a of the function that makes it"),
        ("def make(a):\n    if a:\n        def k(): pass\n    else:\n        def k(): pass\n", "2 in its source are"),
        ("def make():\n    k = lambda: 0\n", "nothing in its source is"),
    ],
)
def test_a_kernel_of_a_function_is_found_only_where_it_can_be_made_without_calling_that(tmp_path, text, sentence):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(local_kernels.LocalError, match=sentence):
        local_kernels.source(tmp_path / "mine.py", "make.<locals>.k")
    (tmp_path / "mine.py").write_text("def make(n):\n    def k(x, n):\n        y = x * n\n        return y\n")
    assert [each.lineno for each in local_kernels.source(tmp_path / "mine.py", "make.<locals>.k")] == [2]
    text = (
        "def make(n):\n    try:\n        import m\n    except E: pass\n    import o\n    def f(): m\n    def k(): f\n"
    )
    (tmp_path / "mine.py").write_text(text)
    assert [each.lineno for each in local_kernels.source(tmp_path / "mine.py", "make.<locals>.k")] == [3, 6, 7]
