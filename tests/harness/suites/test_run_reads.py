"""A result is of the files that its suites read while they ran, wherever in the checkout these lie."""

import pytest

HEAD = "import glob, os\nfrom pathlib import Path\nROOT = Path(__file__).parents[2]\n"
# how a test comes to a file -> the file that is changed, or comes, once it has run
READS = {
    "a file that a test opens": ("assert open(ROOT / 'data' / 'golden.txt').read()", "data/golden.txt"),
    "a file from the folder it runs in": ("assert Path('../data/golden.txt').read_text()", "data/golden.txt"),
    "a file behind a link": ("assert (ROOT / 'linked' / 'golden.txt').read_text()", "data/golden.txt"),
    "a file that another module reads": ("import reader; assert reader.golden(ROOT)", "data/golden.txt"),
    "a file that is not there": ("assert not (ROOT / 'data' / 'none.txt').exists()", "data/none.txt"),
    "a pattern of files": ("assert len(glob.glob(str(ROOT / 'data' / '*.txt'))) == 1", "data/none.txt"),
}
NO_READS = {
    "a file that no test reads": ("assert (ROOT / 'data' / 'golden.txt').read_text()", "data/other.md"),
    "a file that the test makes": ("(ROOT / 'made.txt').write_text('1'); (ROOT / 'made.txt').read_text()", "made.txt"),
    "a folder that the test makes": ("os.makedirs(ROOT / 'out' / 'a', exist_ok=True); os.listdir(ROOT)", "new.md"),
    "a file that it adds to": ("open(ROOT / 'log.txt', 'a').write('1')", "log.txt"),
    "what a tool keeps": ("os.makedirs(ROOT / '.kept', exist_ok=True); (ROOT / '.kept' / 'a').exists()", ".kept/a"),
    "what pytest reads": ("pass", "constraints/notes.md"),
}


@pytest.fixture
def reading(checkout):
    """The checkout with a test of one line; gives it once that has passed."""
    (checkout.root / "data").mkdir()
    (checkout.root / "data" / "golden.txt").write_text("1")
    (checkout.root / "linked").symlink_to("data")
    (checkout.root / "tests" / "correctness" / "reader.py").write_text(
        "def golden(root):\n    return (root / 'data' / 'golden.txt').read_text()\n"
    )

    def run(line, conftest=""):
        checkout.write(
            "test_a.py",
            f"{HEAD}import sys; sys.path.insert(0, os.path.dirname(__file__))\n\ndef test_a():\n    {line}\n",
        )
        if conftest:
            path = checkout.root / "tests" / "conftest.py"
            path.write_text(f"{path.read_text()}\n{conftest}\n")
        done = checkout.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert checkout.verdict() == (0, "pass")
        return checkout

    return run


@pytest.mark.parametrize("what", [*READS, *NO_READS])
def test_a_file_that_suites_read_makes_a_result_stale_and_no_other(reading, what):
    line, name = {**READS, **NO_READS}[what]
    checkout = reading(line)
    (checkout.root / name).write_text("changed")
    status, _, said = checkout.report()
    assert status == (2 if what in READS else 0), said
    if what in READS:
        assert "which its suites read, was changed since" in said


def test_what_a_conftest_reads_when_it_is_imported_counts_too(reading):
    checkout = reading(
        "pass", "from pathlib import Path\n(Path(__file__).parents[1] / 'data' / 'golden.txt').read_text()"
    )
    (checkout.root / "data" / "golden.txt").write_text("2")
    status, _, said = checkout.report()
    assert status == 2
    assert "data/golden.txt, which its suites read, was changed since" in said


def test_a_whole_run_takes_no_code_that_was_compiled_before(checkout, tmp_path):
    """Triton's own cache would give it code of a kernel whose constants were others then."""
    kept = tmp_path / "kept"
    checkout.write(
        "test_a.py",
        "import os\n\ndef test_a():\n"
        f"    assert os.environ['TRITON_CACHE_DIR'] != {str(kept)!r}\n"
        "    assert os.listdir(os.environ['TRITON_CACHE_DIR']) == []\n",
    )
    done = checkout.run(TRITON_CACHE_DIR=str(kept))
    assert done.returncode == 0, done.stdout + done.stderr
