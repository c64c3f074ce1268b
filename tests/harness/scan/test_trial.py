"""Launches are tried once: a guess that does not compile is guessed otherwise, and what would help is tried."""

import pytest

from triton_matrix.evidence import scan_file
from triton_matrix.releases.compile_runs import Outcome
from triton_matrix.scan import beside, run, trial

from .test_beside import HELPER
from .test_cli import SOURCE

SHIFTED = "tl.load(x_ptr + at).to(tl.int32, bitcast=True)"  # of the guesses only that of 32 bits


def test_a_guess_that_does_not_compile_is_guessed_otherwise(scan):
    _, found, _ = scan(SOURCE.format(body=SHIFTED))
    (kernel,) = found["kernels"]
    assert (kernel["how"], kernel["status"]["cuda"]["3.4.0"]) == ("guessed", "ok")


@pytest.mark.parametrize(
    ("source", "files", "said"),
    [
        ("from helpers.sizes import N", {"lib/helpers/sizes.py": "N = 4"}, "`--source-root lib` was tried: 1 of 1"),
        ("import nosuchdist_x\nN = int(nosuchdist_x.N)", {}, "`--with nosuchdist_x` was tried: it does not help"),
    ],
)
def test_what_would_help_kernels_that_do_not_load_is_tried_before_it_is_said(scan, source, files, said):
    kernel = SOURCE.format(body="tl.load(x_ptr + at) * M").replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr, M=N")
    _, found, _ = scan(f"{source}\n{kernel}", **files)
    assert [each for each in found["said"] if each.startswith(said)], found["said"]
    assert found["kernels"][0]["how"] == "not reached"


def test_what_the_time_does_not_allow_to_try_is_not_said_to_help(scan, monkeypatch):
    left = iter((600.0,))  # for asking each once
    monkeypatch.setattr(run.Scan, "_left", lambda self, share=1.0, guesses=True: next(left, 0.0))
    kernel = SOURCE.format(body="tl.load(x_ptr + at) * M").replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr, M=N")
    _, found, said = scan(f"from helpers.sizes import N\n{kernel}", **{"lib/helpers/sizes.py": "N = 4"})
    assert not [each for each in found["said"] if "was tried" in each]
    assert said.err.count("[1/1] triton 3.4.0") == 1  # nor is an environment made for it


def test_kernels_that_use_another_package_s_follow_it(scan, monkeypatch):
    """It is laid beside by the package's own scan; only where it comes from is not asked here."""

    def laid(module, root, dependencies):
        assert (module, dependencies) == ("kern", ("triton>=3.0",))
        (root / "kern").mkdir()
        (root / "kern" / "k.py").write_text(HELPER)
        return "kern-core"

    monkeypatch.setattr(beside, "lay", laid)
    source = "from kern.k import doubled\n" + SOURCE.format(body="doubled(tl.load(x_ptr + at))")
    _, found, _ = scan(source)
    assert found["said"] == ["kernels of kern-core were brought, since kernels here use kern"]
    assert [(each["how"], each["status"]["cuda"]["3.4.0"]) for each in found["kernels"]] == [("guessed", "ok")]


def test_the_answer_is_of_its_schema(scan, tmp_path):
    scan(SOURCE.format(body=SHIFTED))
    pytest.importorskip("jsonschema")
    content = scan_file.read(tmp_path / "out" / "scan.json")
    assert content["kernels"]
    scan_file.write(tmp_path / "other", {**content, "kernels": [{**content["kernels"][0], "how": "known"}]})
    with pytest.raises(ValueError, match=r"is no triton-matrix/scan/1: .*how"):
        scan_file.read(tmp_path / "other" / "scan.json")


def test_guesses_and_launches_of_the_package_leave_some_of_their_time_to_what_comes(tmp_path):
    for folder in ("launches", "guessed"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.toml").write_text("")
    asked = []

    def compiled(folder, seconds, extra, source_root):
        asked.append((folder.name, seconds))
        return Outcome("3.4.0", tmp_path, problem="it is not here", unavailable=True)

    folders = (tmp_path, tmp_path / "launches", tmp_path / "guessed")
    assert trial.Trial(*folders, lambda: 40.0, 10.0, tmp_path / "trying", compiled).run([], []) == []
    assert asked == [("launches", 10.0), ("guessed", 20.0)]
