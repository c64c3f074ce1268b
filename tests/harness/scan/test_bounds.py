"""The range follows from what is known: each bound has a reason, and a guess alone makes none."""

import pytest

from triton_matrix.lint.finding import Finding
from triton_matrix.scan import bounds
from triton_matrix.scan.bounds import Kernel

from ..atlases import entry

ASKED = ("3.2.0", "3.3.1", "3.4.0", "3.5.1", "3.6.0")
LACKS = "does not compile: AttributeError: module 'triton.language' has no attribute 'fma'"
ODD = "does not compile: CompilationError: shapes do not fit"


def learned(how, failing, reason=LACKS, lint=(), target="cuda:90"):
    """The kernel /p/k.py:add after what each release made of it; ``failing`` are the releases with ``reason``."""
    kernel = Kernel("/p/k.py:add", "k.py:4", how)
    atlases = {
        release: [
            entry(kernel.name, target=target, status="error", reason=reason)
            if release in failing
            else entry(kernel.name, target=target)
        ]
        for release in ASKED
    }
    finding = Finding("/p/k.py", 41, "not-portable", "make_tensor_descriptor", "add", "it is not there")
    bounds.learn([kernel], atlases, {(each, "cuda"): [finding] if each in lint else [] for each in ASKED})
    return kernel


@pytest.mark.parametrize(
    ("failing", "specifier"),
    [
        ((), ""),
        (("3.2.0", "3.3.1"), ">=3.4"),
        (("3.2.0", "3.3.1", "3.5.1"), ">=3.4,!=3.5.1"),
        (("3.6.0",), "<3.6"),
        (("3.2.0", "3.6.0"), ">=3.3.1,<3.6"),
    ],
)
def test_releases_on_which_a_captured_launch_fails_bound_the_range(failing, specifier):
    found = bounds.of([learned("captured", failing, ODD)], "cuda", ASKED)
    assert found.specifier == specifier
    assert all("add: does not compile" in bound.reason for bound in found.bounds)


def test_a_guess_that_fails_by_itself_is_not_known_and_bounds_nothing():
    kernel = learned("guessed", ("3.2.0",), ODD)
    assert kernel.on("cuda", bounds.UNKNOWN) == ["3.2.0"]
    assert bounds.of([kernel], "cuda", ASKED).specifier == ""


def test_a_guess_that_fails_for_what_the_source_names_bounds_the_range():
    assert bounds.of([learned("guessed", ("3.2.0",), LACKS)], "cuda", ASKED).specifier == ">=3.3.1"


def test_what_the_linter_names_is_the_reason_and_makes_the_failure_of_a_guess_one():
    kernel = learned("guessed", ("3.2.0", "3.3.1"), ODD, lint=("3.2.0", "3.3.1"))
    (bound,) = bounds.of([kernel], "cuda", ASKED).bounds
    assert (bound.clause, bound.reason) == (">=3.4", "3.3.1: add: make_tensor_descriptor, k.py:41")


def test_a_release_on_which_it_compiles_is_good_whatever_the_linter_says():
    assert bounds.of([learned("guessed", (), lint=("3.2.0",))], "cuda", ASKED).good == list(ASKED)


def test_a_kernel_that_works_nowhere_bounds_nothing_and_a_guess_of_it_was_no_launch():
    assert learned("guessed", ASKED, ODD).how == bounds.NOT_REACHED
    captured = learned("captured", ASKED, ODD)
    assert captured.how == "captured"
    assert bounds.of([captured], "cuda", ASKED).specifier == ""


@pytest.mark.parametrize(
    ("elsewhere", "status"), [("ok", bounds.OK), ("error", bounds.UNKNOWN)], ids=["works elsewhere", "fails elsewhere"]
)
def test_a_kernel_is_judged_by_the_launches_that_were_asked_unless_another_fails_elsewhere(elsewhere, status):
    kernel = Kernel("/p/k.py:add", "k.py:4", "captured")
    first, late = entry(kernel.name), entry(kernel.name, ["late"], status="error", reason=bounds.OUT_OF_TIME)
    second = entry(kernel.name, ["N=2"], status=elsewhere, reason=ODD)
    atlases = {"3.2.0": [first, second], "3.3.1": [first, late], "3.4.0": [late], "3.5.1": [second, late]}
    bounds.learn([kernel], atlases, {(release, "cuda"): [] for release in atlases})
    of_second = bounds.OK if elsewhere == "ok" else bounds.FAILS
    wanted = {"3.2.0": of_second, "3.3.1": status, "3.4.0": bounds.UNKNOWN, "3.5.1": of_second}
    assert (kernel.status["cuda"], kernel.late) == (wanted, True)


def test_a_target_that_a_release_does_not_know_says_nothing_of_the_kernel():
    kernel = Kernel("/p/k.py:add", "k.py:4", "captured")
    items = [entry(kernel.name, target="hip:gfx950", status="n/a", reason="unknown")]
    bounds.learn([kernel], {"2.3.1": items}, {("2.3.1", "hip"): []})
    assert kernel.status["hip"] == {"2.3.1": bounds.UNKNOWN}
    assert bounds.of([kernel], "hip", ["2.3.1"]).asked == ()


def test_what_is_not_installed_here_is_no_failure_of_the_package():
    said = "does not load: k.py:3 needs the value of bnb, and bnb is not installed here; `--with bnb` installs it"
    assert learned("captured", ("3.2.0",), said).on("cuda", bounds.FAILS) == []


def test_a_reason_names_no_folder_of_this_machine():
    said = "does not load: k.py:5 fails with ImportError: cannot import name 'x' from 'triton.y' (/home/me/y.py)"
    (bound,) = bounds.of([learned("captured", ("3.2.0",), said)], "cuda", ASKED).bounds
    assert bound.reason.endswith("cannot import name 'x' from 'triton.y'")
