"""Launches computed in several releases, and the files that this leaves: a release's own, with what was compared."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import values
from ..base import cells, commands, reads, versions
from ..environments import stamped
from ..evidence import atlas_file, schemas
from ..evidence.atlas_file import INTERPRETER
from ..launches.launch_list import Launched
from ..values import computing, entries, kept, outcomes
from .compile_runs import Outcome
from .progress import Progress
from .run_file import Declared

Documents = dict[str, dict[str, Any]]  # release -> content of its file


@dataclass(frozen=True)
class Request:
    """What is asked of every release.

    Attributes:
        launches: each with a label of its own.
        read: what the hook that gives them reads.
        root: what the sources are of: the checkout, or a folder of launches.
        of_launches: whether a user named the launches, and not the package's table.
        envs: folder of the environments and of the kept results.
        out: folder of the releases' files.
        extra: requirements to install beside Triton.
        settings: of :func:`computing.compute`.
    """

    launches: Sequence[Launched]
    read: reads.Reads
    root: Path
    of_launches: bool
    envs: Path
    out: Path
    extra: tuple[str, ...]
    no_cache: bool
    settings: Mapping[str, Any]

    @property
    def arrays(self) -> Path:
        """Where values are kept, whatever release computed them."""
        return self.envs / "values" / "arrays"


def run(rows: Sequence[cells.Release], request: Request, jobs: int, declared: Declared) -> list[Outcome]:
    """One outcome per release, in order; each that answered has its file."""
    for row in rows:
        declared.asked(row.name, {INTERPRETER: [each.label for each in request.launches]})
    with Progress(len(rows)) as progress, tempfile.TemporaryDirectory(prefix="triton-matrix-values-") as scratch:
        run_ = _Run(rows, request, jobs, progress, Path(scratch))
        run_.provide()
        run_.compute()
        problem = run_.keep(declared)
        results = []
        for row in rows:
            outcome = run_.outcome(row.name, problem)
            declared.ended(row.name, outcome.how, outcome.problem)
            results.append(outcome)
    return results


class _Run:
    def __init__(
        self, rows: Sequence[cells.Release], request: Request, jobs: int, progress: Progress, scratch: Path
    ) -> None:
        self._rows, self._request, self._jobs = rows, request, jobs
        self._progress, self._scratch = progress, scratch
        self._pythons: dict[str, str] = {}
        self._computed: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self._unavailable: set[str] = set()
        self._outcomes: dict[str, dict[str, outcomes.Outcome]] = {}
        self._references: dict[str, outcomes.Outcome] = {}

    def provide(self) -> None:
        """The environment of each release."""

        def one(row: cells.Release) -> None:
            try:
                self._progress.say(row.name, "environment")
                self._pythons[row.name] = str(stamped.of_release(row, self._request.extra, self._request.envs))
            except (commands.ToolError, ValueError) as problem:
                self._progress.finish(row.name, "unavailable")
                self._problems[row.name] = f"unavailable: {problem}"
                self._unavailable.add(row.name)

        with concurrent.futures.ThreadPoolExecutor(max(1, self._jobs)) as pool:
            list(pool.map(one, self._rows))

    def compute(self) -> None:
        """Ask each release, and the references once."""
        request = self._request
        kept = None if request.no_cache else str(request.envs / "values")
        path = [] if request.of_launches else [str(request.root)]
        path += [str(Path(each).resolve()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
        settings = {**request.settings, "arrays": str(request.arrays), "kept": kept, "path": path}
        asked = [each.asked for each in request.launches if not each.refused]
        torch = {row.name: row.torch for row in self._rows}
        pythons = {row.name: self._pythons[row.name] for row in self._rows if row.name in self._pythons}

        def ended(release: str, computed: int, problem: str) -> None:
            if problem:
                self._problems[release] = problem
            elif release not in self._computed:
                total = [f"{computed} computed"] if computed else []
                total += [f"{len(asked) - computed} kept from before"] if len(asked) > computed else []
                self._progress.finish(release, ", ".join(total))
            self._computed[release] = self._computed.get(release, 0) + computed

        self._outcomes = values.compute(
            pythons, asked, self._scratch / "computed", torch=torch, jobs=self._jobs, ended=ended, **settings
        )
        with_reference = [each for each in asked if each.get("reference")]
        if with_reference and self._outcomes:
            newest = [*self._outcomes][-1]
            said = values.compute(
                {newest: pythons[newest]},
                with_reference,
                self._scratch / "reference",
                torch=torch,
                jobs=1,
                **{**settings, "level": "reference"},
            )
            self._references = said.get(newest, {})

    def outcome(self, release: str, problem: str) -> Outcome:
        """How a release went; ``problem`` holds for all."""
        path = self._request.out / f"{release}.json"
        why = self._problems.get(release) or problem
        return Outcome(release, path, self._computed.get(release, 0), why, release in self._unavailable)

    def keep(self, declared: Declared) -> str:
        """Write the files of the releases that answered; gives why they are not kept, "" where they are."""
        request = self._request
        about = atlas_file.make(
            "", INTERPRETER, request.root, values.code_digest(), of_launches=request.of_launches, schema=schemas.VALUES
        )
        documents = {release: self._document(release, about) for release in self._outcomes}
        of = (declared.run.sources, declared.run.hook)
        if not request.of_launches and any((each["sources"], each["hook"]) != of for each in documents.values()):
            return "the sources were changed while it was computed"
        if not documents:
            return ""
        others = beside(request.out, next(iter(documents.values())), documents)
        before = {release: list(content["compared"]) for release, content in others.items()}
        try:
            self._compare({**others, **documents})
            for release, content in documents.items():
                atlas_file.write(request.out / f"{release}.json", content)
            for release, content in others.items():
                if content["compared"] != before[release]:
                    atlas_file.write(request.out / f"{release}.json", content)
            items = [item for content in (*others.values(), *documents.values()) for item in content["entries"]]
            storages = [each for item in items for each in item.get("storages", ())]
            kept.within(request.arrays, {each["digest"] for each in storages if each["written"]})
        except (OSError, commands.ToolError) as problem:
            return f"its answer cannot be kept: {problem}"
        return ""

    def _document(self, release: str, of_all: Mapping[str, Any]) -> dict[str, Any]:
        request = self._request
        folder = self._scratch / "computed" / release
        read = [request.read, computing.read_of(folder)[1], computing.read_of(self._scratch / "reference")[1]]
        row = next(row for row in self._rows if row.name == release)
        about = {"python": row.python, "numpy": None}  # where no launch could be computed, nothing else is known
        for path in folder.rglob(outcomes.ABOUT):
            about = json.loads(path.read_text(encoding="utf-8"))
        merged = reads.merged(read)
        made = {**of_all, "triton": release, "python": about["python"], "numpy": about["numpy"]}
        made |= {"extra": list(request.extra), "row": atlas_file.row_of(row)}
        made |= {"read": reads.below(merged, request.root), "shell": reads.shell(merged)}
        items = [
            entries.entry(each.kernel, each.settings, each.asked, self._outcome(release, each))
            for each in request.launches
        ]
        labels = {each.label: [each.label] for each in request.launches}
        return {**atlas_file.fill(made, {INTERPRETER: labels}, items), "compared": []}

    def _outcome(self, release: str, launch: Launched) -> outcomes.Outcome:
        if not launch.refused:
            return self._outcomes[release][launch.label]
        return outcomes.Outcome(launch.label, {"status": "n/a", "reason": launch.refused}, self._scratch)

    def _compare(self, documents: Documents) -> None:
        """Compare releases with their neighbours, and each with the references; the documents are completed."""
        ordered = sorted(documents, key=versions.order)
        asked = [row.name for row in self._rows if row.name in documents]
        steps = dict.fromkeys([*versions.steps(ordered), *zip(asked, asked[1:])])
        kept = [*documents.values(), *_earlier(self._request.out, documents)]
        compared: dict[Any, Any] = dict(entries.compared_in(kept))
        wanted: dict[tuple[str, str, str], Any] = {}
        for before, after in steps:
            for old, new in entries.unknown(documents[before], documents[after], compared):
                if self._is_kept(old) and self._is_kept(new):
                    sides = entries.row_of(old), entries.row_of(new)
                    key = new["label"], old["values"], new["values"]
                    wanted[key] = entries.pair(new["label"], *sides, self._request.arrays, reference=False)
        for item in (item for release in self._outcomes for item in documents[release]["entries"]):
            said = self._references.get(item["label"])
            if said is not None and said.status == "computed" and "values" in item:
                key = item["label"], entries.reference_digest(said.row), item["values"]
                if key not in compared:
                    row = entries.row_of(item)
                    wanted[key] = entries.pair(item["label"], said.row, row, self._request.arrays, reference=True)
        if wanted:
            python = self._pythons[[*self._outcomes][-1]]
            changes = computing.pairs(python, list(wanted.values()), self._scratch / "pairs")
            for key, change in zip(wanted, changes):
                compared[key] = entries.told(change, *key[1:])
        for release, content in documents.items():
            there = {(item["label"], item.get("values")) for item in content["entries"]}
            content["compared"] = [each for key, each in sorted(compared.items()) if (key[0], key[2]) in there]
            if release in self._outcomes:
                self._judge(content, compared)

    def _judge(self, content: Mapping[str, Any], compared: entries.Compared) -> None:
        """Mark what is not as its reference says."""
        named = {each.label: each.asked.get("reference") for each in self._request.launches}
        for item in content["entries"]:
            said = self._references.get(item["label"])
            if said is None or "values" not in item:
                continue
            why = said.row["reason"]
            if said.status == "computed":
                comparison = compared[item["label"], entries.reference_digest(said.row), item["values"]]
                why = comparison["reason"] if comparison["kind"] == "values" else ""
            if why:
                function = str(named[item["label"]]).rpartition("/")[2]
                item.update(status="error", wrong=True, reason=f"wrong by its reference {function}: {why}")

    def _is_kept(self, item: Mapping[str, Any]) -> bool:
        digests = [each["digest"] for each in item["storages"] if each["written"]]
        return all((self._request.arrays / f"{digest}.npz").is_file() for digest in digests)


def beside(out: Path, like: Mapping[str, Any], without: Mapping[str, Any]) -> Documents:
    """The other releases' files in a folder that answer the same question."""
    documents = {}
    for path in sorted(out.glob("[0-9]*.json")):
        if path.stem not in without:
            with contextlib.suppress(atlas_file.RecordError):
                content = atlas_file.read(path, schemas.VALUES)
                if atlas_file.question(content) == atlas_file.question(like):
                    documents[path.stem] = content
    return documents


def _earlier(out: Path, releases: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files that these releases had before."""
    documents: list[Optional[dict[str, Any]]] = []
    for release in releases:
        with contextlib.suppress(atlas_file.RecordError):
            documents.append(atlas_file.read(out / f"{release}.json", schemas.VALUES))
    return [each for each in documents if each is not None]
