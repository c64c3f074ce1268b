"""The same Triton under a switch, in another Python, or from elsewhere: a column of its own beside the default."""

import json

import pytest

from triton_matrix.environments import interpreters
from triton_matrix.releases import codegen_cli, values_cli

from ..conftest import ENVS, ROOT

PRODUCT = """\
import triton
import triton.language as tl

@triton.jit
def scale_and_add(x_ptr, y_ptr, out_ptr, a, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, y = tl.load(x_ptr + at, mask=at < n), tl.load(y_ptr + at, mask=at < n)
    tl.store(out_ptr + at, x * a + y, mask=at < n)
"""
LAUNCH = """\
kernel = "product.py:scale_and_add"
[args]
x_ptr = "*fp32"
y_ptr = "*fp32"
out_ptr = "*fp32"
a = "fp32"
n = "i32"
[constexprs]
BLOCK = 4096
[options]
num_warps = 4
"""


@pytest.fixture
def ask(release_python, tmp_path, capfd):
    """Ask about the kernel; gives exit status, output, errors, and the content of each column's file."""
    (tmp_path / "product.py").write_text(PRODUCT)
    (tmp_path / "product.toml").write_text(LAUNCH)

    def run(*arguments):
        out = tmp_path / "out"
        common = ["--launches", str(tmp_path / "product.toml"), "--target", "cuda:90,hip:gfx942", "--out", str(out)]
        status = codegen_cli.main([*common, "--envs", str(ENVS), "--root", str(ROOT), *arguments])
        said = capfd.readouterr()
        documents = (json.loads(path.read_text()) for path in out.glob("[0-9]*.json"))
        return status, said.out, said.err, {each["triton"]: each for each in documents}

    return run


def metrics(document, target):
    return next(item["metrics"] for item in document["entries"] if item["target"] == target)


def test_a_switch_is_a_column_beside_the_default_and_compared_both_ways(ask, release_python, monkeypatch):
    release_python("3.9.0")
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # the shell's own is not passed on
    status, out, err, found = ask("--triton", "3.9.0", "--variant", "fusion-off,no-buffer-ops")
    assert status == 0, err
    assert set(found) == {"3.9.0", "3.9.0+fusion-off", "3.9.0+no-buffer-ops"}
    default, fused, plain = (found[f"3.9.0{tag}"] for tag in ("", "+fusion-off", "+no-buffer-ops"))
    assert fused["switches"] == {"TRITON_DEFAULT_FP_FUSION": "0"}
    assert default["switches"] == {}
    assert fused["variables"] == default["variables"] == {}
    assert metrics(fused, "cuda:90")["instructions"] > metrics(default, "cuda:90")["instructions"]
    assert metrics(default, "hip:gfx942")["buffer_loads"] == metrics(plain, "hip:gfx942")["global_loads"]
    assert metrics(plain, "hip:gfx942")["buffer_loads"] == 0
    assert "TRITON_DEFAULT_FP_FUSION" in err.partition("not passed on")[2]
    assert "3.9.0+fusion-off" in out


def test_a_triton_that_does_not_read_the_variable_is_not_shown_as_the_same(ask, release_python):
    release_python("2.3.1")
    status, _, err, found = ask("--triton", "2.3.1", "--variant", "fusion-off")
    assert (status, list(found)) == (2, ["2.3.1"])
    said = "this Triton does not read TRITON_DEFAULT_FP_FUSION, which the variant fusion-off sets"
    assert f"triton 2.3.1+fusion-off: unavailable: {said}" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--variant", "off"], "--variant is 'off'; allowed are fusion-off, no-buffer-ops, all"),
        (["--variant", "fusion-off", "--from", "3.8.0", "--to", "3.9.0"], "give one of the two"),
        (["--index", "https://host.example/simple"], "give one of these too"),
        (["--python", "3.13", "--triton", "2.3.1"], "--python is '3.13'; triton 2.3.1: there are no wheels for Python"),
        (["--triton", "TMP/a/triton-3.6.0-py3-none-any.whl,TMP/b/triton-3.6.0-py3-none-any.whl"], "ask one at a time"),
        (["--python", "three"], "--python is 'three'; allowed is major.minor"),
        (["--triton", "9.9.9"], "triton is '9.9.9', and the index has no such release"),
        (["--triton", "fbtriton==99.0"], "triton is 'fbtriton==99.0', and the index has no such release"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence_and_status_2(ask, tmp_path, arguments, sentence):
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        (folder / "triton-3.6.0-py3-none-any.whl").write_bytes(b"")
    status, out, err, _ = ask(*(each.replace("TMP", str(tmp_path)) for each in arguments))
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


COMPUTED = """\
kernel = "product.py:scale_and_add"
grid = [1]
[args]
x_ptr = {tensor = {dtype = "fp32", shape = [64], fill = {kind = "normal", mean = 0.0, deviation = 1.0}}}
y_ptr = {tensor = {dtype = "fp32", shape = [64], fill = {kind = "normal", mean = 0.0, deviation = 1.0}}}
out_ptr = {tensor = {dtype = "fp32", shape = [64], fill = {kind = "zeros"}}}
a = 0.5
n = 64
[constexprs]
BLOCK = 64
"""


def test_another_python_is_a_column_at_levels_codegen_and_interpreter(ask, release_python, tmp_path, capfd):
    """The one test that makes an environment of another Python and Triton, which takes 20 s and more."""
    python = next((each for each in ("3.13", "3.12") if interpreters.find_python(each)), None)
    if python is None:
        pytest.skip("needs Python 3.13 or 3.12 beside this one")
    release_python("3.9.0")
    name = f"3.9.0+py{python}"
    status, _, err, found = ask("--triton", "3.9.0", "--python", python)
    assert (status, list(found)) == (0, [name]), err
    assert found[name]["python"].startswith(f"{python}.")
    (tmp_path / "computed.toml").write_text(COMPUTED)
    arguments = ["--triton", "3.9.0", "--python", python, "--envs", str(ENVS), "--out", str(tmp_path / "values")]
    assert values_cli.main([str(tmp_path / "computed.toml"), "--root", str(ROOT), *arguments]) == 0, capfd.readouterr()
    content = json.loads((tmp_path / "values" / f"{name}.json").read_text())
    assert content["python"].startswith(f"{python}.")
    assert [item["status"] for item in content["entries"]] == ["ok"]
