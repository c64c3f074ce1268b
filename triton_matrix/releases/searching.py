"""Where a state changes between the first and the last of some releases: a binary search, and what contradicts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

ENVIRONMENT = "environment"  # of evidence/causes.toml: resolve, build, import


@dataclass(frozen=True)
class Answer:
    """What one release said.

    Attributes:
        state: what is compared between releases; None where the release could not be asked.
        output: what a reader needs to see of it, a few lines.
        how: what kind of failure the state is, such as a test's causes; "" where there is but one kind.
        source: digest of the kernel's own source as the release has it, "" where it is not known.
    """

    state: Optional[str]
    output: str
    how: str = ""
    source: str = ""


@dataclass(frozen=True)
class Found:
    """Where it changes.

    Attributes:
        before, after: neighbours among the releases that answered; it changes from the one to the other.
        changes: every such pair that was seen, ``before, after`` among them: one, unless it changes back again.
        answers: what each release that was asked said.
        skipped: releases between the two that could not be asked, so that it may have changed there already.
        unchecked: releases between the ends that were not asked.
        otherwise: where a neighbour of the change fails otherwise than the end beyond it, which may be another change.
    """

    before: str
    after: str
    changes: tuple[tuple[str, str], ...]
    answers: Mapping[str, Answer]
    skipped: tuple[str, ...]
    unchecked: tuple[str, ...]
    otherwise: tuple[str, ...] = ()


class CannotAnswer(ValueError):
    """The question has no answer: nothing differs, or an end could not be asked. One sentence or more."""


def search(
    versions: Sequence[str], ask: Callable[[str], Answer], every: bool, named: tuple[bool, bool] = (True, True)
) -> Found:
    """Find where the state changes between the first and the last of ``versions``, by a binary search.

    Args:
        versions: releases, oldest first, at least two.
        ask: what a release says; asked at most once each.
        every: ask every release, which finds a change between ends that do not differ, and one that is taken back.
        named: whether the first and the last were asked for by name. Where not, and they cannot be asked, the nearest
            that can is the end.

    Raises:
        CannotAnswer: an end could not be asked, or nothing that was asked differs.
    """
    answers: dict[str, Answer] = {}
    first = _end(versions, ask, answers, named[0])
    last = _end([version for version in reversed(versions) if version != first], ask, answers, named[1])
    low, high = versions.index(first), versions.index(last)
    if low > high:
        raise CannotAnswer(f"only triton {first} could be asked")
    start = answers[first].state
    expected = {answers[version].how for version in (first, last)}
    within = versions[low : high + 1]

    def asked(version: str) -> Answer:
        answer = ask(version)
        if answer.how == ENVIRONMENT and ENVIRONMENT not in expected:  # a module that is missing there says nothing
            return Answer(None, f"it fails for another reason than at the ends: {answer.output}")
        return answer

    differ = answers[last].state != start
    while differ and (candidates := [version for version in versions[low + 1 : high] if version not in answers]):
        middle = candidates[len(candidates) // 2]
        answers[middle] = asked(middle)
        state = answers[middle].state
        if state == start:
            low = versions.index(middle)
        elif state is not None:
            high = versions.index(middle)
    if every:
        answers.update({version: asked(version) for version in within if version not in answers})
    # on the far side the state may be a third one; only a return to the first is another change
    heard = [version for version in within if version in answers and answers[version].state is not None]
    changes = tuple(
        pair for pair in zip(heard, heard[1:]) if len({answers[version].state == start for version in pair}) == 2
    )
    if not changes:
        alike = f"the ends do not differ: triton {first} and {last} both say: {start}"
        more = ", and so does every release between them" if every else "; --all asks every release between them"
        raise CannotAnswer(f"{alike}{more}; name two that differ with --good and --bad")
    pair = (versions[low], versions[high])
    before, after = pair if pair in changes else changes[0]
    otherwise = [
        f"triton {end} fails otherwise ({answers[end].how}) than {near} ({answers[near].how})"
        for near, end in ((before, first), (after, last))
        if answers[near].how != answers[end].how
    ]
    return Found(
        before,
        after,
        changes,
        answers,
        tuple(versions[versions.index(before) + 1 : versions.index(after)]),
        tuple(version for version in within if version not in answers),
        tuple(otherwise),
    )


def _end(order: Sequence[str], ask: Callable[[str], Answer], answers: dict[str, Answer], named: bool) -> str:
    """The first of ``order`` that answers, which must be the very first where it was asked for by name."""
    for version in order[:1] if named else order:
        if version not in answers:
            answers[version] = ask(version)
        if answers[version].state is not None:
            return version
    raise CannotAnswer(f"triton {order[0]} could not be asked: {answers[order[0]].output}")


def confirm(result: Found, ask: Callable[[str], Answer], relative: bool = False) -> None:
    """Ask both neighbours of the change again, twice: the later one first, then the earlier one first.

    Args:
        ask: asks anew; nothing that was kept answers.
        relative: a state says what it is like among those that were asked, so that only a difference repeats.

    Raises:
        CannotAnswer: one of them says something else now, or the two no longer differ.
    """
    for order in ((result.after, result.before), (result.before, result.after)):
        states = {version: ask(version).state for version in order}
        for version, again in states.items():
            first = result.answers[version].state
            if again is None or (again != first and not relative):
                said = f"triton {version} said {first!r}, and {again or 'nothing'!r} when it was asked again"
                raise CannotAnswer(f"{said}: what does not repeat cannot be bisected")
        if len(set(states.values())) < 2:
            both = " and ".join(states)
            raise CannotAnswer(f"triton {both} do not differ when asked again: what does not repeat cannot be bisected")
