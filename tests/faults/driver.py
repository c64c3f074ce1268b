"""The real sessions of a tiny package, and what is looked at after a fault."""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

from triton_matrix.base.cells import find_root

ROOT = find_root()
sys.path.insert(0, str(ROOT / "tests" / "harness"))
import standins  # noqa: E402

MARK = "TRITON_MATRIX_FAULTS_MARK"  # in the environment of every process that a checkout started
LIMIT_S = 120
TRITON = "3.99.0"  # of the stand-in
ORPHAN_S = 10  # what a killed session may take to be gone with all that it started

TABLE = f"""
[package]
name = "tiny"
test = ["pytest>=8", "hypothesis", "pytest-benchmark"]
{standins.TABLE.partition('name = "tiny"')[2]}
[cell.ambient]
platforms = ["cuda", "rocm"]
why = "what a runner has"
"""
NOXFILE = """
from pathlib import Path

from triton_matrix import sessions

TABLE = sessions.table_at(Path(__file__).parent / "constraints" / "cells.toml")

sessions.configure(TABLE)
for cell in TABLE.cells.values():
    sessions.add_cell(TABLE, cell)
sessions.add_verbs(TABLE, "lock", "report")
"""
CONFTEST = """
import os
from pathlib import Path

pytest_plugins = ["triton_matrix.suites.pytest_plugin"]

def pytest_sessionfinish(session, exitstatus):
    import tiny
    if exitstatus == 0 and session.testscollected:
        Path(os.environ["TRUTH"]).write_text(str(tiny.EDITION))
"""
SUITE = """
import os, time
import pytest
import tiny

@pytest.mark.parametrize("number", range(20))
def test_some(number):
    time.sleep(float(os.environ.get("SLOW", "0.01")))
    assert tiny.EDITION >= 0
"""


BENCH = """
import os, time
from pathlib import Path

import pytest
import tiny
from triton_matrix.bench.timing import Measurement


@pytest.mark.parametrize("number", range(10))
def test_row(record, number):
    time.sleep(float(os.environ.get("SLOW", "0.01")))
    record(Measurement("device", (0.001,) * 5))
"""


def hears_signals() -> None:
    """In a child: whatever started these tests (nohup, a shell's background job) may have had signals ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Index:
    """A folder served on loopback, which can vanish as a network does."""

    def __init__(self, folder: Path) -> None:
        self.left: float = float("inf")  # requests that are still answered
        self.slow_s = 0.0
        index = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                index.left -= 1
                if index.left < 0:
                    self.close_connection = True  # as where a cable is pulled: no answer at all
                    return
                time.sleep(index.slow_s)
                super().do_GET()

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def up(self) -> None:
        self.left, self.slow_s = float("inf"), 0.0

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Checkout:
    """The tiny package at ``root``; its sessions are started as a user starts them."""

    def __init__(self, root: Path, index: Index, cache: Path | None = None) -> None:
        self.root, self.index = root, index
        self.cache = cache or root.parent / "cache"
        self.reports, self.truth = root / "reports", root.parent / "truth"
        self.mark = uuid.uuid4().hex
        standins.write_uv_config(root.parent / "config", index.address)
        (root.parent / "tmp").mkdir(exist_ok=True)

    def write(self) -> None:
        own = {"noxfile.py": NOXFILE, "tests/conftest.py": CONFTEST, "tests/correctness/test_some.py": SUITE}
        own |= {"tests/benchmarks/bench_some.py": BENCH, "tiny/__init__.py": "EDITION = 0\n"}
        # no Triton that the harness knows: what those need beside them is not here
        table = TABLE.replace('triton = "3.3.1"', f'triton = "{TRITON}"')
        standins.write_checkout(self.root, table, **own)

    def edit(self) -> None:
        """Change the package: a result of before is none of now."""
        module = self.root / "tiny" / "__init__.py"
        module.write_text(f"EDITION = {self.edition() + 1}\n")

    def edition(self) -> int:
        return int((self.root / "tiny" / "__init__.py").read_text().split()[-1])

    def env(self, **more: str) -> dict[str, str]:
        dropped = ("TRITON_MATRIX", "NOX", "PYTEST", "VIRTUAL_ENV", "UV_", "PIP_", "COVERAGE", "COV_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        env["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), env["PATH"]])
        env |= {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(self.root.parent / "config"), MARK: self.mark}
        env |= {"UV_CACHE_DIR": str(self.cache), "UV_HTTP_TIMEOUT": "10", "PIP_CONFIG_FILE": os.devnull}
        env |= {"TMPDIR": str(self.root.parent / "tmp"), "TRUTH": str(self.truth)}
        return {**env, **more}

    def start(self, *sessions: str, before: tuple[str, ...] = (), **env: str) -> subprocess.Popen[str]:
        """nox in a group of its own; what it says goes to the file ``said``."""
        said = self.root.parent / "said"
        with said.open("w") as out:
            return subprocess.Popen(
                [*before, *self.command(*sessions)],
                cwd=self.root,
                env=self.env(**env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=hears_signals,
            )

    def command(self, *sessions: str) -> list[str]:
        return [sys.executable, "-m", "nox", "-s", *(sessions or ("tests-small", "report"))]

    def said(self) -> str:
        return (self.root.parent / "said").read_text(errors="replace")

    def nox(self, *sessions: str, before: tuple[str, ...] = (), **env: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*sessions, before=before, **env)
        status = process.wait(LIMIT_S)
        return subprocess.CompletedProcess(process.args, status, self.said())

    def verb(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "triton_matrix", *arguments, "--root", str(self.root)],
            cwd=self.root,
            env=self.env(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def is_green(self, *options: str) -> bool:
        """Whether the verb ``report`` says so, in its exit status or for the cell; a traceback is no answer."""
        done = self.verb("report", *options)
        assert "Traceback" not in done.stdout, done.stdout
        cells = json.loads((self.reports / "matrix.json").read_text())["cells"] if done.returncode == 0 else {}
        return done.returncode == 0 and cells["small"]["verdict"] == "pass"

    def ran_whole(self, truth: Path | None = None) -> bool:
        """Whether this edition's suite came to its end: told by the suite itself, beside all evidence.

        Args:
            truth: the file that it was told to write to.
        """
        truth = truth or self.truth
        return truth.exists() and truth.read_text() == str(self.edition())

    def processes(self) -> list[tuple[int, str]]:
        """What this checkout started and still runs."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    marked = f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes()
                    ended = (folder / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
                    if marked and not ended:
                        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                        found.append((int(folder.name), command))
                except OSError:
                    continue
        return found

    def orphans(self) -> list[tuple[int, str]]:
        """What still runs after the time that a killed session has."""
        until = time.monotonic() + ORPHAN_S
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.05)
        return left

    def end(self) -> None:
        for process, _ in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue


def half_files(reports: Path) -> list[str]:
    """Files of evidence that cannot be read, with the reason; a scratch file beside them is no evidence."""
    found = []
    for path in sorted(reports.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.name == "filler":
            continue
        try:
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".json":
                json.loads(text)
            elif path.suffix == ".xml":
                ET.fromstring(text)
            elif path.suffix == ".html":
                assert text.rstrip().endswith("</html>"), "it is cut"
            else:
                assert text.strip(), "it is empty"
        except (ValueError, AssertionError, ET.ParseError) as problem:
            found.append(f"{path.relative_to(reports)}: {problem}")
    return found


def check_after(checkout: Checkout, what: str) -> None:
    """What must be true after any fault, and that a plain repeat is green."""
    said = f"{what}\n{checkout.said()}"
    assert checkout.orphans() == [], said
    assert half_files(checkout.reports) == [], said
    assert "Traceback" not in checkout.said(), said
    if not checkout.ran_whole():
        assert not checkout.is_green(), f"false green after {said}"
    checkout.index.up()
    done = checkout.nox()
    assert done.returncode == 0, f"{what}; the repeat says\n{done.stdout}"
    assert checkout.ran_whole(), f"{what}; the repeat says\n{done.stdout}"
    assert checkout.is_green(), f"{what}; the repeat says\n{done.stdout}"
    assert half_files(checkout.reports) == []
