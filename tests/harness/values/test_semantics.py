"""The language table: what is asked, what a release's frontend says of the same, and the page that files become."""

import json
import subprocess

import numpy as np
import pytest

from triton_matrix.values import dtypes
from triton_matrix.values.computing import PACKAGE
from triton_matrix.values.semantics import __main__ as command
from triton_matrix.values.semantics import inputs, run, source, table
from triton_matrix.values.semantics.operations import ALL, operations

SUBNORMAL = {"fp16": 2.0**-24, "bf16": 2.0**-133, "fp32": 2.0**-149, "fp64": 2.0**-1074}
ASKED = "x + 1 |"  # one expression, every type


def test_every_row_has_a_name_of_its_own_and_kernels_that_are_python():
    names = [run.label(*row) for row in run.rows()]
    assert len(set(names)) == len(names) > 1500
    text, kernels = source.module(operations())
    compile(text, "language.py", "exec")
    assert text.count("@triton.jit") == len(set(kernels.values()))


def test_the_values_that_matter_are_among_those_asked():
    for name in ("fp16", "bf16", "fp32", "fp64"):
        x = dtypes.decode(inputs.values("special", 0, 64, dtypes.find(name)), dtypes.find(name)).astype(np.float64)
        assert {0.0, np.inf, -np.inf} <= set(x)
        assert np.isnan(x).any()
        assert (np.signbit(x) & (x == 0)).any()
        assert np.nanmin(np.abs(x[x != 0])) == SUBNORMAL[name]
    for name in ("i8", "u8", "i64", "u64"):
        storage = dtypes.find(name).storage
        x = inputs.values("special", 0, 64, dtypes.find(name))
        assert {0, 1, np.iinfo(storage).max, np.iinfo(storage).min} <= set(x.tolist())
    y = inputs.values("divisible", 1, 64, dtypes.find("i32"))
    assert 0 not in y


@pytest.fixture(scope="module")
def files(release_python, tmp_path_factory):
    """A folder of what two releases say of one expression."""
    folder = tmp_path_factory.mktemp("semantics")
    for release, way in (("3.0.0", ""), ("3.0.0", "--frontend"), ("3.9.0", ""), ("3.9.0", "--as-is")):
        asked = ["--only", ASKED, "--jobs", "1", "--out", str(folder / f"{release}{way}.json"), *filter(None, [way])]
        done = subprocess.run(
            [str(release_python(release)), "-W", "ignore", "-m", "triton_matrix.values.semantics", *asked],
            env={"PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return folder


def types(path):
    return {name: row.get("type", "refused") for name, row in json.loads(path.read_text())["rows"].items()}


def test_a_repaired_interpreter_types_every_result_as_the_compilers_frontend_does(files):
    interpreted = types(files / "3.0.0.json")
    assert len(interpreted) == len(ALL)
    assert interpreted == types(files / "3.0.0--frontend.json")


def test_an_interpreter_as_it_is_computes_too_and_bf16_otherwise(files):
    plain, repaired = (table.read([files / name]) for name in ("3.9.0--as-is.json", "3.9.0.json"))
    one, other = plain.as_is[0].answers, repaired.interpreters[0].answers
    assert one["x + 1 | fp32 | special"].same(other["x + 1 | fp32 | special"])
    assert one["x + 1 | bf16 | special"].type == "bf16"
    assert not one["x + 1 | bf16 | special"].same(other["x + 1 | bf16 | special"])


def test_the_page_tells_what_changed_from_which_release_on(files, tmp_path):
    page = tmp_path / "semantics.md"
    page.write_text("<!-- semantics: begin -->\n<!-- semantics: end -->\n")
    assert command.main(["--merge", str(files), "--out", str(page)]) == 0
    text = page.read_text()
    (changed,) = [line for line in text.splitlines() if line.startswith("| 3.9.0 | `x + 1`")]
    assert "i8, i16, u8, u16: i32 -> its own; bf16: fp32 -> its own" in changed
    assert "bf16" in text.partition("## What interpreters get wrong")[2]


def test_what_a_gpu_says_stands_beside_it(files, tmp_path):
    """The frontend's and interpreter's own files, said to be a GPU's: they agree, and then one number does not."""
    folder = tmp_path / "files"
    folder.mkdir()
    for release in ("3.0.0", "3.9.0"):
        content = json.loads((files / f"{release}.json").read_text())
        (folder / f"{release}.json").write_text(json.dumps(content))
        content["about"]["level"] = "device"
        (folder / f"{release}-device.json").write_text(json.dumps(content))
    agreeing = table.markdown(table.read(sorted(folder.glob("*.json"))))
    assert "3.0.0 -> 3.9.0: 5 of 5" in agreeing
    content["rows"]["x + 1 | i8 | special"]["type"] = "i16"
    (folder / "3.9.0-device.json").write_text(json.dumps(content))
    differing = table.markdown(table.read(sorted(folder.glob("*.json"))))
    assert "3.0.0 -> 3.9.0: 4 of 5" in differing
    assert "| `x + 1` | i8 | i8, i16 | 3.9.0 |" in differing


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--jobs", "0"], "--jobs is 0; allowed is 1 or more"),
        (["--merge", "empty"], "--merge is 'empty'; this folder holds no *.json"),
        (["--only", "no such operation"], "--only is 'no such operation', which no row has"),
        (["--releases", "1.0"], "--releases has '1.0'; allowed are 2.3.1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_status_2(tmp_path, monkeypatch, capsys, arguments, sentence):
    (tmp_path / "empty").mkdir()
    if "--releases" not in arguments:
        monkeypatch.chdir(tmp_path)
    assert command.main([*arguments, "--out", str(tmp_path / "out.json")]) == 2
    assert capsys.readouterr().err.startswith(f"semantics: {sentence}")


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match=r"x.json is no file of this command's --out"):
        table.read([tmp_path / "x.json"])
