"""What a launch costs the host: the verdict beyond noise, what compiles anew, and two real Tritons."""

import importlib.util
import json
import os
import sys

import pytest

from triton_matrix.bench import launching
from triton_matrix.releases import launch_cost

from ..conftest import ENVS, ROOT
from ..launch_files import write

STEADY = [10.0, 10.1, 9.9, 10.0, 10.2, 9.8, 10.0, 10.1, 9.9]
NOISY = [10.0, 14.0, 8.0, 10.0, 15.0, 7.0, 10.0, 13.0, 9.0]


def times(factor, batches=STEADY):
    return [each * factor for each in batches]


@pytest.mark.parametrize(
    ("before", "after", "slower"),
    [
        (STEADY, times(1.2), True),
        (STEADY, times(1.05), False),  # below what anybody cares about
        (NOISY, times(1.2, NOISY), False),  # within the noise
        (STEADY, times(1.2, NOISY), False),  # within that of the later one
        (STEADY, times(0.5), False),
    ],
)
def test_a_launch_is_slower_only_beyond_the_noise(before, after, slower):
    assert launch_cost.is_slower(before, after) == slower


def answers(*factors):
    """A release's answers, one a turn."""
    return [{"us": {str(count): times(factor) for count in launch_cost.ARGUMENTS}} for factor in factors]


def test_a_change_must_show_in_both_turns():
    found = {"3.0.0": answers(1, 1), "3.1.0": answers(1.5, 1.0), "3.2.0": answers(1.5, 1.5)}
    assert launch_cost.changed("3.0.0", "3.1.0", found) == []
    first, *_ = launch_cost.changed("3.0.0", "3.2.0", found)
    assert first == "slower: a launch of 6 arguments, 3.0.0 -> 3.2.0: 10.0 -> 15.0 us"


def test_an_integer_that_compiles_anew_is_named_with_its_fix():
    integers = [
        {"kernel": "add[]", "name": "n", "kind": "argument", "compiled": 2},
        {"kernel": "add[]", "name": "m", "kind": "argument", "compiled": 1},
        {"kernel": "add[]", "name": "SIZE", "kind": "constexpr", "compiled": launching.COUNTED},
    ]
    one, other = launch_cost.compiling_anew(integers)
    assert one.startswith("add[] compiles 2 times over 17 values of n: ")
    assert one.endswith("do_not_specialize=['n'] makes it one kernel")
    assert other.startswith("add[] compiles again whenever SIZE changes by one: it is a constexpr")


KERNEL = """\
import triton
import triton.language as tl
@triton.jit(do_not_specialize=["steps"])
def mine(x_ptr, n, steps, SIZE: tl.constexpr):
    offsets = tl.arange(0, 64)
    tl.store(x_ptr + offsets, steps + SIZE, mask=offsets < n)
"""


# 40 s: two Tritons, each asked twice
@pytest.mark.timeout(300)
def test_real_tritons_are_timed_without_a_gpu_and_a_launch_file_is_judged(release_python, tmp_path, capfd):
    """Takes 12 s: two Tritons compile, and each launch is timed often enough to tell them apart."""
    for release in ("3.2.0", "3.9.0"):
        release_python(release)
    (tmp_path / "mine.py").write_text(KERNEL)
    launch = {"kernel": "mine.py:mine", "args": {"x_ptr": "*fp32", "n": 4096, "steps": 32}, "constexprs": {"SIZE": 7}}
    write(tmp_path, launch=launch)
    arguments = ["--triton", "3.2.0,3.9.0", "--root", str(ROOT), "--envs", str(ENVS)]
    arguments += ["--launches", str(tmp_path / "launch.toml"), "--json", str(tmp_path / "out.json")]
    status = launch_cost.main(arguments)
    out = capfd.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text())["found"]
    assert status == 1, out
    for turns in found.values():
        assert len(turns) == launch_cost.TURNS
        assert turns[0]["compiled"] == {"integer": 2, "unspecialized": 1, "constexpr": launching.COUNTED}
        assert all(0.5 < each < 1000 for each in turns[0]["us"]["6"])
        assert sum(turns[0]["us"]["20"]) > sum(turns[0]["us"]["6"])
    assert "compiles again whenever SIZE changes by one" in out
    assert "compiles 2 times over 17 values of n" in out
    assert "steps" not in out


def test_a_triton_that_cannot_launch_here_says_why(release_python, capfd):
    release_python("2.3.1")
    assert launch_cost.main(["--triton", "2.3.1", "--root", str(ROOT), "--envs", str(ENVS)]) == 2
    assert "triton 2.3.1: the launcher of Triton 2.3.1 is compiled against libcuda" in capfd.readouterr().err


def test_a_real_gpu_times_the_drivers_call_too(tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch and a GPU; this Python has no torch")
    if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
        pytest.skip("needs a GPU, and torch sees none")
    request = {"level": "device", "arguments": [6], "batches": 3, "calls": 50, "count": False, "launches": None}
    (tmp_path / "request.json").write_text(json.dumps({**request, "out": str(tmp_path / "out.json")}))
    assert launching.main([str(tmp_path / "request.json")]) == 0
    assert all(each > 1 for each in json.loads((tmp_path / "out.json").read_text())["us"]["6"])


def test_a_launch_file_that_is_not_there_is_refused(capsys):
    assert launch_cost.main(["--launches", "missing.toml", "--root", str(ROOT)]) == 2
    assert "--launches is 'missing.toml'; there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--triton-path", "."], "--triton-path is for level device"),
        (["--level", "device", "--triton", "3.9.0"], "level device asks this Python's Triton"),
        (["--level", "device", "--triton-path", "none"], "a folder with an unpacked Triton"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(unpacked(tmp_path, "3.6.0")))
    assert launch_cost.main([*arguments, "--root", str(ROOT)]) == 2
    assert said in capsys.readouterr().err


def unpacked(folder, version):
    """A folder that holds no more of a Triton than its number."""
    package = folder / version / "triton"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    return package.parent


def test_level_device_asks_this_pythons_triton_and_those_put_in_front(tmp_path, monkeypatch):
    """And no environment of the table: torch is this Python's."""
    monkeypatch.setenv("PYTHONPATH", str(unpacked(tmp_path, "3.6.0")))
    older, newer = (unpacked(tmp_path, version) for version in ("2.3.1", "3.9.0"))
    asked = []

    def answer(column, options, folder, count):
        asked.append((column.name, str(column.python()), column.env["PYTHONPATH"].split(os.pathsep)[0]))
        return {**answers(1)[0], "compiled": dict.fromkeys(launching.INTEGERS, 1), "launches": []}

    monkeypatch.setattr(launch_cost, "_answer", answer)
    paths = ["--triton-path", str(newer), "--triton-path", str(older)]
    assert launch_cost.main(["--level", "device", *paths, "--root", str(ROOT)]) == 0
    columns = [
        ("2.3.1", sys.executable, str(older)),
        ("3.6.0", sys.executable, str(tmp_path / "3.6.0")),
        ("3.9.0", sys.executable, str(newer)),
    ]
    assert asked == [*columns, *reversed(columns)]


def test_two_tritons_of_one_release_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(unpacked(tmp_path, "3.6.0")))
    path = str(unpacked(tmp_path / "other", "3.6.0"))
    assert launch_cost.main(["--level", "device", "--triton-path", path, "--root", str(ROOT)]) == 2
    assert f"triton-path is {path!r}, triton 3.6.0, which is there already" in capsys.readouterr().err
