"""Releases as text: the one wording that the linter, the atlas and bisect share."""

import pytest

from triton_matrix.base import versions

KNOWN = ["2.3.1", "3.0.0", "3.1.0", "3.2.0", "3.3.1", "3.4.0"]


@pytest.mark.parametrize(
    ("some", "text"),
    [
        (["2.3.1", "3.0.0", "3.1.0", "3.2.0", "3.4.0"], "2.3.1 - 3.2.0, 3.4.0"),
        (["3.4.0"], "3.4.0"),
        (["3.4.0", "3.3.1"], "3.3.1 - 3.4.0"),
        (["2.3.1", "3.1.0", "3.3.1"], "2.3.1, 3.1.0, 3.3.1"),
        (KNOWN, "2.3.1 - 3.4.0"),
    ],
)
def test_releases_are_told_as_ranges_and_read_again(some, text):
    assert versions.ranges(some, KNOWN) == text
    assert versions.within(text, KNOWN) == set(some)


def test_no_release_is_no_range():
    assert versions.ranges([], KNOWN) == ""
