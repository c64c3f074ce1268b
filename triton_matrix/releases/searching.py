"""Where a state changes between the first and the last of some releases: a binary search, and what contradicts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

ENVIRONMENT = "environment"  # of suites/causes.toml: resolve, build, import


@dataclass(frozen=True)
class Answer:
    """What one release said.

    Attributes:
        state: what is compared between releases; None where the release could not be asked.
        output: what a reader needs to see of it, a few lines.
        how: what kind of failure the state is, such as a test's causes; "" where there is but one kind.
    """

    state: Optional[str]
    output: str
    how: str = ""


@dataclass(frozen=True)
class Found:
    """Where it changes.

    Attributes:
        before, after: neighbours among the releases that answered; it changes from the one to the other.
        answers: what each release that was asked said.
        skipped: releases between the two that could not be asked, so that it may have changed there already.
        not_monotonic: releases whose answer contradicts a single change at ``after``.
        unchecked: releases between the ends that were not asked.
        otherwise: where a neighbour of the change fails otherwise than the end beyond it, which may be another change.
    """

    before: str
    after: str
    answers: Mapping[str, Answer]
    skipped: tuple[str, ...]
    not_monotonic: tuple[str, ...]
    unchecked: tuple[str, ...]
    otherwise: tuple[str, ...] = ()


class CannotAnswer(ValueError):
    """The question has no answer: the ends do not differ, or one of them could not be asked. One sentence or more."""


def search(versions: Sequence[str], ask: Callable[[str], Answer], check: Callable[[str], bool]) -> Found:
    """Find by binary search where the state changes between the first and the last of ``versions``.

    Args:
        versions: releases, oldest first, at least two.
        ask: what a release says; asked at most once each.
        check: whether a release that the search did not need is asked too, to see that there is only one change.

    Raises:
        CannotAnswer: an end could not be asked, or both ends say the same.
    """
    ends = versions[0], versions[-1]
    answers = {}
    for version in ends:
        answers[version] = ask(version)
        if answers[version].state is None:
            raise CannotAnswer(f"triton {version} could not be asked: {answers[version].output}")
    start, goal = (answers[version].state for version in ends)
    if start == goal:
        alike = f"the ends do not differ: triton {ends[0]} and {ends[1]} both say: {start}"
        raise CannotAnswer(f"{alike}; name two that do with --good and --bad")
    expected = {answers[version].how for version in ends}

    def asked(version: str) -> Answer:
        answer = ask(version)
        if answer.how == ENVIRONMENT and ENVIRONMENT not in expected:  # a module that is missing there says nothing
            return Answer(None, f"it fails for another reason than at the ends: {answer.output}")
        return answer

    low, high = 0, len(versions) - 1
    while candidates := [index for index in range(low + 1, high) if versions[index] not in answers]:
        middle = sorted(candidates)[len(candidates) // 2]
        answers[versions[middle]] = asked(versions[middle])
        state = answers[versions[middle]].state
        if state == start:
            low = middle
        elif state is not None:
            high = middle
    answers.update({version: asked(version) for version in versions if version not in answers and check(version)})
    # on the far side the state may be a third one; only a return to the first contradicts a single change
    wrong = [
        version
        for index, version in enumerate(versions)
        if version in answers and (state := answers[version].state) is not None and (state == start) != (index <= low)
    ]
    skipped = tuple(versions[index] for index in range(low + 1, high))
    unchecked = tuple(version for version in versions if version not in answers)
    otherwise = [
        f"triton {end} fails otherwise ({answers[end].how}) than {near} ({answers[near].how})"
        for near, end in ((versions[low], ends[0]), (versions[high], ends[1]))
        if answers[near].how != answers[end].how
    ]
    return Found(versions[low], versions[high], answers, skipped, tuple(wrong), unchecked, tuple(otherwise))


def confirm(found: Found, ask: Callable[[str], Answer]) -> None:
    """Ask both neighbours of the change again.

    Raises:
        CannotAnswer: one of them says something else now.
    """
    for version in (found.before, found.after):
        first, again = found.answers[version].state, ask(version).state
        if again != first:
            said = f"triton {version} said {first!r}, and {again or 'nothing'!r} when it was asked again"
            raise CannotAnswer(f"{said}: what does not repeat cannot be bisected")
