"""Each launch compiled once, on one release, before all of them are asked: what a guess lacks, and what would help.

A guess that does not compile, or takes long, is guessed otherwise; one that is too large is given up. Where kernels do
not load, what their failure names is tried.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..base import files
from ..evidence import atlas_file
from ..launches import guess
from ..releases.compile_runs import Outcome
from . import bounds, launched
from .bounds import Kernel, out_of_time, too_large

COMPILE_S = 60.0  # of one launch that is no guess
SHARE = 1 / 3  # of the time for guesses; with half of it for the first ones, every release reaches about as many
OF_LAUNCHES = 1 / 4  # of the time for launches that are no guesses
MOST_TRIED = 3  # requirements or folders that are tried
NOT_LOADED = "does not load: "
_WITH = re.compile(r"`--with (\S+)`")
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")

# compiles the launch files of a folder; arguments: the folder, the seconds for all of them, what is installed besides,
# where imports start
Compile = Callable[[Path, float, Sequence[str], Optional[Path]], Outcome]


@dataclass(frozen=True)
class Trial:
    """What a trial needs.

    Attributes:
        root: the package's folder.
        launches: the folder of the launch files that are no guesses.
        guesses: the folder of those that are.
        left: the seconds that guesses may still take here. Each step gets half of them.
        launches_s: those that the other launches may take.
        scratch: a folder for those that are tried.
        compile: on the release of the trial.
        follow: lays a module beside the package, where it is another's that has kernels; the requirement that gave it.
    """

    root: Path
    launches: Path
    guesses: Path
    left: Callable[[], float]
    launches_s: float
    scratch: Path
    compile: Compile
    follow: Callable[[str], Optional[str]] = lambda module: None

    def run(self, kernels: Sequence[Kernel], definitions: Sequence[guess.Kernel]) -> list[str]:
        """Settle the guesses, in their files; the sentences that say what would help.

        Args:
            definitions: the first of ``kernels``, as they were found, with their first guesses.
        """
        outcomes = self._all()
        if any(outcome.unavailable for outcome in outcomes):
            return []
        entries = _by_kernel(outcomes)
        followed = self._follow(entries)
        if followed:
            outcomes = self._all()
            entries = _by_kernel(outcomes)
        settled = self._guess_otherwise(kernels, definitions, entries)
        for number, kernel in enumerate(kernels[: len(definitions)]):
            said = entries.get(kernel.name, [])
            if kernel.how == bounds.GUESSED and number not in settled and too_large(said) and not _compiles(said):
                launched.guessed_file(self.guesses, number).unlink()
                kernel.give_up(outcomes[-1].release, said)
        return [*followed, *self._what_helps(kernels, definitions, entries)]

    def _all(self) -> list[Outcome]:
        """What the release makes of all launches, the guesses last."""
        outcomes = [self.compile(self.launches, self.launches_s, (), None)] if launched.has_files(self.launches) else []
        if launched.has_files(self.guesses):
            outcomes.append(self.compile(self.guesses, self.left() / 2, (), None))
        return outcomes

    def _follow(self, entries: Mapping[str, list[Mapping[str, Any]]]) -> list[str]:
        """Lay other packages beside this one whose kernels it uses; which."""
        said = [
            str(item.get("reason", "")) for items in entries.values() for item in items if item["status"] == "error"
        ]
        names = dict.fromkeys(name for reason in said for name in _WITH.findall(reason))
        laid = {name: requirement for name in names if (requirement := self.follow(name))}
        return [
            f"kernels of {requirement} were brought, since kernels here use {name}"
            for name, requirement in laid.items()
        ]

    def _guess_otherwise(
        self,
        kernels: Sequence[Kernel],
        definitions: Sequence[guess.Kernel],
        entries: Mapping[str, list[Mapping[str, Any]]],
    ) -> set[int]:
        """Write another guess where it compiles and the first does not; the numbers of these kernels."""
        settled: set[int] = set()
        todo: dict[int, Iterator[str]] = {}
        for number, kernel in enumerate(kernels[: len(definitions)]):
            said = entries.get(kernel.name, [])
            wanted = too_large(said) or not (_compiles(said) or _is_unloaded(said) or out_of_time(said))
            if kernel.how == bounds.GUESSED and wanted:
                todo[number] = guess.otherwise(definitions[number].launch, too_large(said))
        while todo and self.left() > 1:
            texts = {number: text for number, others in todo.items() if (text := next(others, ""))}
            answers = self._asked(texts, (), None)
            for number in list(todo):
                said = answers.get(kernels[number].name, [])
                if number not in texts:
                    del todo[number]
                elif _compiles(said) and not too_large(said):
                    del todo[number]
                    settled.add(number)
                    files.write_text(launched.guessed_file(self.guesses, number), texts[number])
        return settled

    def _asked(
        self, texts: Mapping[int, str], extra: Sequence[str], source_root: Optional[Path]
    ) -> dict[str, list[Mapping[str, Any]]]:
        if not texts:
            return {}
        shutil.rmtree(self.scratch, ignore_errors=True)
        for number, text in texts.items():
            files.write_text(self.scratch / f"{number:04}.toml", text)
        return _by_kernel([self.compile(self.scratch, self.left() / 2, extra, source_root)])

    def _what_helps(
        self,
        kernels: Sequence[Kernel],
        definitions: Sequence[guess.Kernel],
        entries: Mapping[str, list[Mapping[str, Any]]],
    ) -> Iterator[str]:
        """Of kernels that do not load: what their failures name, tried on those of them that were found in files."""
        wanted: dict[tuple[str, str], list[int]] = {}
        for number, kernel in enumerate(kernels[: len(definitions)]):
            said = next((str(each.get("reason", "")) for each in entries.get(kernel.name, [])), "")
            if not said.startswith(NOT_LOADED):
                continue
            for name in dict.fromkeys([*_NO_MODULE.findall(said), *_WITH.findall(said)]):
                for each in self._roots(name):
                    wanted.setdefault(("--source-root", each.relative_to(self.root).as_posix()), []).append(number)
            for name in _WITH.findall(said):
                wanted.setdefault(("--with", name), []).append(number)
        by_most = sorted(wanted.items(), key=lambda item: -len(item[1]))
        for (option, what), numbers in by_most[:MOST_TRIED]:
            if self.left() <= 1:
                return
            given = ([what], None) if option == "--with" else ((), self.root / what)
            answers = self._asked({number: definitions[number].launch for number in numbers}, *given)
            found = [answers.get(kernels[number].name, []) for number in numbers]
            if any(out_of_time(each) for each in found):
                return
            loads = [each for each in found if each and not _is_unloaded(each)]
            of = f"{len(loads)} of {len(numbers)} kernels that do not load without it load"
            yield f"`{option} {what}` was tried: {of if loads else 'it does not help'}"

    def _roots(self, module: str) -> list[Path]:
        """Folders of the package from which a module that is not found would be imported."""
        top = module.partition(".")[0]
        below = {each for file in guess.python_files(self.root) for each in (file.with_suffix(""), *file.parents)}
        roots = {each.parent for each in below if each.name == top and self.root in each.parent.parents}
        return sorted(roots)[:MOST_TRIED]


def _by_kernel(outcomes: Sequence[Outcome]) -> dict[str, list[Mapping[str, Any]]]:
    by_kernel: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        for item in () if outcome.problem else atlas_file.read(outcome.path)["entries"]:
            by_kernel.setdefault(item["kernel"], []).append(item)
    return by_kernel


def _compiles(entries: Sequence[Mapping[str, Any]]) -> bool:
    return any(item["status"] == "ok" for item in entries)


def _is_unloaded(entries: Sequence[Mapping[str, Any]]) -> bool:
    return any(str(item.get("reason", "")).startswith(NOT_LOADED) for item in entries)
