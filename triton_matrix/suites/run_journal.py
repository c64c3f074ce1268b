"""What the process of a run's suites tells the verb ``run``, line by line: a process that is killed has told it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import sysconfig
from collections import Counter
from collections.abc import Container, Sequence, Set
from pathlib import Path
from typing import Any, Optional

import pytest

from ..base import env_vars, reads, sources
from ..base.cells import Table, find_root, load_at
from ..base.listening import INSTALLED, Notes, is_library, listening
from ..base.reads import Reads
from ..evidence import writing
from . import suite_paths
from .launch_plugin import Launched
from .left_out import LeftOut
from .silent_failures import Unheard

# what reads files of the checkout to run suites, or to compile what they hold
_NOT_THE_SUITES = ("_pytest", "pytest", "pluggy", "hypothesis", "_hypothesis", "triton", "torch", "coverage")
READING = contextlib.ExitStack()


def register(config: pytest.Config, folder: Path, level: str, heard: Optional[Notes]) -> None:
    """Have this pytest watched: what it does is told in the journal of a run.

    Args:
        folder: of the run's evidence.
        heard: what is noted of this process's reading.
    """
    table = load_at(config.rootpath)
    distribution = os.environ.get(env_vars.SUBJECT_NAME, table.package.name)
    in_place = table.cell(os.environ[env_vars.CELL]).ambient
    files = sources.tested(table, None if in_place else distribution)
    suites = [Path(os.path.normpath(suite_paths.folder(table) / name)) for name in _asked()]
    journal = Journal(writing.journal_file(folder, level), table, suites, heard)
    config.pluginmanager.register(journal)
    config.pluginmanager.register(LeftOut(journal.tell, table.root, suites))
    config.pluginmanager.register(Unheard(config, journal.tell, [*files.values(), *suites]))
    if table.package.kernels:
        modules = [table.package.module.partition(".")[0], *sources.installed_names(distribution)]
        launched = Launched(journal.tell, journal.tell_from_child, level == "interpreter", files, modules)
        config.pluginmanager.register(launched)


class Journal:
    """Tells the verb what this process does; :func:`triton_matrix.evidence.runs.read_journal` reads it.

    Args:
        path: the journal.
        suites: where the suites are.
        heard: what is noted of this process's reading.
    """

    def __init__(self, path: Path, table: Table, suites: Sequence[Path], heard: Optional[Notes]) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._suites, self._heard = suites, heard
        self._table, self._process = table, os.getpid()
        self._deselected, self._found = 0, set[str]()
        self._called: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._failed = set[str]()

    def tell_from_child(self, **what: Any) -> None:
        """One line of a forked child, which may launch kernels, and may not go on with the suites."""
        with contextlib.suppress(OSError):
            self._file.write(json.dumps(what) + "\n")

    def tell(self, **what: Any) -> None:
        """One line."""
        forked = os.getpid() != self._process  # a test forked, and its child came back
        with contextlib.suppress(OSError):  # of a full disk: what was not told did not happen, so the run is not whole
            self._file.write(json.dumps({"forked": what} if forked else what) + "\n")
        if forked:
            os._exit(1)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count what -k, -m, --deselect, --lf or a plugin takes out."""
        self._deselected += len(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """What there is before a plugin takes something out, which it may do without a word."""
        self._found = {item.nodeid for item in items}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that is skipped, or fails, as a whole."""
        if not report.passed:
            self.tell(uncollected=report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is to run, and what was left out of it."""
        option, ids = session.config.option, [item.nodeid for item in session.items]
        ignored = [str(path) for name in ("ignore", "ignore_glob", "deselect") for path in getattr(option, name) or ()]
        left_out = [*ignored, *(suite for suite in _asked() if suite not in session.config.args)]
        deselected = max(self._deselected, len(self._found - set(ids)))
        self.tell(collected=ids, deselected=deselected, left_out=left_out)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self.tell(begin=nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """An attempt: a plugin may make several, each of which begins and ends, and report the last one."""
        self._attempts[item.nodeid] += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> None:
        """A forked child that comes back ends here: what follows waits for a thread that it does not have."""
        if os.getpid() != self._process:
            self.tell(end=item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what a test's subtests report: each is one more in the header of pytest's JUnit file."""
        if report.when == "call" and report.outcome in ("passed", "failed", "skipped"):
            self._called[report.nodeid] += 1
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test ended, teardown and all; one that is interrupted never gets here."""
        self.tell(end=nodeid, subtests=max(self._called.pop(nodeid, 0) - 1, 0))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tests that passed after several attempts; what was imported and read, which the result depends on too."""
        for test, attempts in self._attempts.items():
            if attempts > 1 and test not in self._failed:
                self.tell(attempts=attempts, test=test)
        known = {*self._suites, *sources.of_wheel(self._table)}
        used = {**helpers(self._table, known), **settings(session.config, self._table)}
        self.tell(helpers=used, read=read(self._table, self._heard, known, used) if self._heard else {})


def _asked() -> list[str]:
    """The suites that the verb asked for."""
    return list(filter(None, os.environ.get(env_vars.SUITES, "").split(os.pathsep)))


def helpers(table: Table, known: Set[Path]) -> dict[str, str]:
    """The files of the repository that this process imported, without the harness; their SHA-256.

    Args:
        known: files and folders that the run has digests of, which are left out.
    """
    top, digests = sources.repository(table.root), {}
    library = Path(sysconfig.get_path("stdlib"))
    for name, module in list(sys.modules.items()):
        path = Path(sources.file_of(module) or "/")
        if name.partition(".")[0] == "triton_matrix" or known & {path, *path.parents}:
            continue
        if top not in path.parents or library in path.parents:
            continue
        inside = path.relative_to(top)
        if not {"site-packages", "dist-packages"} & set(inside.parts) and not inside.parts[0].startswith("."):
            digests[os.path.relpath(path, table.root)] = sources.sha256(path) if path.is_file() else ""
    return dict(sorted(digests.items()))


def settings(config: pytest.Config, table: Table) -> dict[str, str]:
    """pytest's settings and conftests from above the repo root, as a monorepo has them, and their SHA-256."""
    plugins = [Path(sources.file_of(plugin) or "/") for plugin in config.pluginmanager.get_plugins()]
    used = {*filter(None, [config.inipath]), *(path for path in plugins if path.name == "conftest.py")}
    above = (path for path in used if table.root not in path.parents)
    return {os.path.relpath(path, table.root): sources.sha256(path) for path in sorted(above) if path.is_file()}


def listen() -> Notes:
    """Note what this process reads of the checkout that it runs in, until :data:`READING` is closed."""
    return READING.enter_context(listening(notes(find_root(Path.cwd()))))


def notes(root: Path) -> Notes:
    """Notes of what suites, and the package that they test, read of the checkout at ``root``; pytest's own aside."""
    inside = f"{root}{os.sep}"

    def counts(question: str, asker: str) -> bool:
        place = next((folder for folder in INSTALLED if asker.startswith(folder)), None)
        if place is None:
            return asker.startswith(inside)
        return question == "content" and asker[len(place) :].split(os.sep)[0] not in _NOT_THE_SUITES

    return Notes(lambda path: path.startswith(inside) and not is_library(path), counts)


def read(table: Table, noted: Notes, known: Set[Path], imported: Container[str]) -> Reads:
    """What was read below the repo root that no digest of the run holds, and that the run itself did not make.

    Args:
        known: files and folders that the run has digests of; ``imported`` are more files, from the repo root.
    """
    result: Reads = {}
    for question, answers in reads.below(noted.inputs(), table.root).items():
        for name, said in answers.items():
            path = table.root / name
            if name in imported or name.split("/")[0] == "reports" or known & {path, *path.parents}:
                continue
            # a program that a test ran may have made it; what a file held cannot be told from an edit meanwhile
            if question == "content" or reads.answer(question, str(path)) == said:
                result.setdefault(question, {})[name] = said
    return result
