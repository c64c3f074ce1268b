"""The steps of a scan, in a folder of its own, and the answer at its end."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from ..base import cells, files, pairs
from ..base.commands import UNAVAILABLE
from ..codegen.batches import Settings
from ..evidence import atlas_file, atlas_runs, scan_file, toolchain
from ..init import choice
from ..launches import guess
from ..lint import kernels as lint
from ..lint import output, portable
from ..lint.finding import Finding
from ..releases import compile_runs, summary
from ..releases.run_file import Declared
from . import answer, beside, bounds, launched, trial
from .bounds import Kernel
from .package import Scanned

LAUNCHES = "launches"  # the folder of those that the package makes
WORSE_SHOWN = 12  # lines of what got worse
IMPORT_S = 120.0  # of a kernel's module
PORTABLE = ("not-portable", "compile-option-parameter")  # rules on what a release lacks


@dataclass(frozen=True)
class How:
    """How kernels are compiled.

    Attributes:
        names: the targets.
        extra: requirements to install beside each Triton.
        configs: of a tuned kernel, so many configurations.
        jobs: releases side by side.
        envs: folder of the environments.
        guess_seconds: that one guess may compile in a release.
        guesses_seconds: that all guesses may take.
        launches_seconds: that all launches of the package may take.
        source_root: where the kernels' absolute imports start; None: it is found.
    """

    names: tuple[str, ...]
    extra: tuple[str, ...]
    configs: int
    jobs: int
    envs: Path
    guess_seconds: float
    guesses_seconds: float
    launches_seconds: float
    source_root: Optional[Path] = None

    @property
    def backends(self) -> list[str]:
        return list(dict.fromkeys(name.partition(":")[0] for name in self.names))


@dataclass
class Scan:
    """One scan: what is scanned, the folder of its answer, and how.

    Attributes:
        said: how it was learned, one sentence each.
        sources: digest of the package's sources, where a table says what these are.
        ours: whether the package's folder is one of ours, that may be written to.
    """

    scanned: Scanned
    out: Path
    how: How
    said: list[str]
    sources: Optional[str] = None
    ours: bool = True
    _spent_s: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})  # on guesses, and on others

    def run(
        self,
        definitions: tuple[list[guess.Kernel], Mapping[Path, str]],
        asked: Sequence[cells.Release],
        capture: Callable[[Path], list[str]],
        start: float,
    ) -> tuple[int, Optional[dict[str, Any]]]:
        """All steps; the exit status but for what is found, and the answer as scan.json has it.

        Exit status 1: a release has no answer; UNAVAILABLE: only since it cannot be had here.

        Args:
            definitions: the package's kernels, and files that could not be parsed with what is said of them.
            asked: the releases.
            capture: writes launches into a folder; says how it went.
            start: when it began, as of ``time.perf_counter``.
        """
        root, launches = self.scanned.root, self.out / LAUNCHES
        self.said += [sentence.replace(f"{root}/", "") for sentence in definitions[1].values()]
        self.said += capture(launches / launched.CAPTURED)
        guesses = self.out / bounds.GUESSED
        kernels, others = launched.kernels(root, definitions[0], launches, guesses)
        self.said += others
        releases = [row.triton for row in asked]
        linted, everything = self._lint(releases)
        tried = trial.Trial(
            root,
            launches,
            guesses,
            lambda: self._left(trial.SHARE),
            self.how.launches_seconds * trial.OF_LAUNCHES,
            self.out / "trying",
            lambda *what: self._compiled_once(asked[-1], *what),
            lambda module: beside.lay(module, root, self.scanned.project.dependencies) if self.ours else None,
        )
        self.said += tried.run(kernels, definitions[0])
        outcomes, atlases = self._compiled(asked, launches, "codegen", self._left(guesses=False))
        of_guesses, others_atlases = self._compiled(asked, guesses, "codegen-guessed", self._left())
        learned: dict[str, list[Any]] = {}
        for atlas in (*atlases, *others_atlases):
            learned.setdefault(atlas["triton"], []).extend(atlas["entries"])
        bounds.learn(kernels, learned, linted)
        outcomes = [*{(each.release, each.problem): each for each in (*outcomes, *of_guesses)}.values()]
        summary.tell_problems(outcomes, "scan")
        if outcomes and not learned:
            return 2, None
        content = self._tell(kernels, releases, everything, atlases, time.perf_counter() - start)
        if any(outcome.problem and not outcome.unavailable for outcome in outcomes):
            return 1, content
        return UNAVAILABLE if any(outcome.unavailable for outcome in outcomes) else 0, content

    def _lint(self, releases: Sequence[str]) -> tuple[dict[tuple[str, str], list[Finding]], list[Finding]]:
        """What the linter says of the package's own files, by release and backend, and of all of these together."""
        asked = [(each, of) for each in releases for of in self.how.backends]
        languages = [portable.language(each, each, (of,)) for each, of in asked]
        languages.append(portable.language(releases[0], releases[-1], tuple(self.how.backends)))
        per_language, unread = lint.check_each(guess.python_files(self.scanned.root), languages)
        self.said += [each.replace(f"{self.scanned.root}/", "") for each in unread if each not in self.said]
        return dict(zip(asked, per_language)), per_language[-1]

    def _left(self, share: float = 1.0, guesses: bool = True) -> float:
        """What guesses, or launches of the package, have not taken of this share of their time."""
        whole = self.how.guesses_seconds if guesses else self.how.launches_seconds
        return max(0.0, whole * share - self._spent_s[guesses])

    def _request(self, launches: Path, out: Path, seconds: float) -> compile_runs.Request:
        """What is asked of the launch files of a folder, which have ``seconds`` together."""
        how, guesses = self.how, self._are_guesses(launches)
        limit = how.guess_seconds if guesses else trial.COMPILE_S
        settings = Settings(how.source_root, None, how.configs, IMPORT_S, limit, guesses, seconds)
        root = self.scanned.root
        return compile_runs.Request(launches, None, root, how.names, how.extra, how.envs, out, False, settings)

    def _are_guesses(self, launches: Path) -> bool:
        return launches != self.out / LAUNCHES

    def _compiled(
        self, asked: Sequence[cells.Release], launches: Path, out: str, seconds: float
    ) -> tuple[list[compile_runs.Outcome], list[dict[str, Any]]]:
        """What every release makes of the files of a folder: nothing where there are none."""
        request = self._request(launches, self.out / out, seconds)
        if not launched.has_files(launches):
            shutil.rmtree(request.out, ignore_errors=True)  # of an earlier scan
            return [], []
        releases = [row.triton for row in asked]
        run = atlas_runs.open_run(request.out, releases, self.how.names, self.scanned.root, None, None, whole=False)
        declared = Declared(request.out, run)
        outcomes = compile_runs.run(list(asked), request, self.how.jobs, declared)
        declared.close()
        return outcomes, [atlas_file.read(outcome.path) for outcome in outcomes if not outcome.problem]

    def _compiled_once(
        self,
        row: cells.Release,
        launches: Path,
        seconds: float,
        extra: Sequence[str],
        source_root: Optional[Path],
    ) -> compile_runs.Outcome:
        begun, guesses = time.monotonic(), self._are_guesses(launches)
        request = self._request(launches, self.out / f"trial-{launches.name}", seconds)
        settings = replace(request.settings, source_root=source_root or self.how.source_root)
        request = replace(request, extra=(*self.how.extra, *extra), settings=settings)
        if not guesses:
            request = replace(request, names=self.how.names[:1])
        request.out.mkdir(parents=True, exist_ok=True)
        (outcome,) = compile_runs.run([row], request, 1)
        self._spent_s[guesses] += min(seconds, time.monotonic() - begun)  # the rest made an environment
        return outcome

    def _tell(
        self,
        kernels: Sequence[Kernel],
        releases: Sequence[str],
        findings: Sequence[Finding],
        atlases: Sequence[dict[str, Any]],
        seconds: float,
    ) -> dict[str, Any]:
        per_backend = [bounds.of(kernels, backend, releases) for backend in self.how.backends]
        limits, _ = choice.limits_of(self.scanned.project)
        declared = ", ".join(map(str, limits)) or "nothing on torch or Triton"
        known = {pair.triton: pair for pair in pairs.known()}
        wider = [each for each in per_backend[0].bad if each in known and choice.allows(limits, known[each])]
        worse = _worse(kernels, atlases)
        lines = answer.ranges(per_backend, declared, wider, kernels)
        parts = self._parts(kernels, releases, findings, worse)
        parts.append(("the range", [*lines, f"{seconds:.0f} s"]))
        about = {
            "package": self.scanned.project.name,
            "version": self.scanned.version,
            "date": toolchain.now(),
            "sources": self.sources,
            "seconds": round(seconds, 1),
            "releases": list(releases),
            "targets": list(self.how.names),
            "declared": declared,
            "declared_allows_bad": wider,
            "pyproject": f"triton{per_backend[0].specifier}" if per_backend[0].specifier else "",
            "said": list(self.said),
            "guesses": answer.cut_short(kernels),
            "lines": [answer.summary(kernels), *lines],
            "worse": worse,
        }
        content = answer.as_json(about, kernels, per_backend)
        scan_file.write(self.out, content)
        files.write_text(self.out / "index.html", answer.page(f"{self.scanned.title}: Tritons", parts))
        print(answer.text(parts))
        print(f"{self.out / 'index.html'}, {scan_file.NAME} beside it", file=sys.stderr)
        return content

    def _parts(
        self, kernels: Sequence[Kernel], releases: Sequence[str], findings: Sequence[Finding], worse: Sequence[str]
    ) -> list[tuple[str, Any]]:
        """What is shown above the range: headings, each with lines or with a table."""
        backends = self.how.backends
        parts: list[tuple[str, Any]] = [
            (f"{answer.summary(kernels)}, {', '.join(self.how.names)}", answer.rows(kernels, backends, releases)),
            ("how it was learned", self.said or ["nothing to say"]),
        ]
        unknown = answer.unknown(kernels, backends, releases)
        parts += [("not known", unknown)] if unknown else []
        not_portable = [each for each in findings if each.rule in PORTABLE]
        if not_portable:
            text = output.text(not_portable, (), False).replace(f"{self.scanned.root}/", "")
            parts.append(("the linter", text.splitlines()))
        more = [f"and {len(worse) - WORSE_SHOWN} more in {scan_file.NAME}"] if len(worse) > WORSE_SHOWN else []
        parts += [("worse code from one release to the next", [*worse[:WORSE_SHOWN], *more])] if worse else []
        return parts


def _worse(kernels: Sequence[Kernel], atlases: Sequence[dict[str, Any]]) -> list[str]:
    """What got worse of launches that the package makes; guesses say nothing of that."""
    real = {kernel.name for kernel in kernels if kernel.how in (launched.CAPTURED, launched.BROUGHT)}
    atlases = [
        {**atlas, "entries": [each for each in atlas["entries"] if not bounds.is_late(each)]} for atlas in atlases
    ]
    sentences = [
        f"{' -> '.join(step.ends)} {change.label.partition('[')[0]} {change.target}: {change.what}"
        for step in summary.steps(atlases, ())
        for change in step.changes
        if change.kind == "worse" and change.label.partition("[")[0] in real
    ]
    return list(dict.fromkeys(sentences))
