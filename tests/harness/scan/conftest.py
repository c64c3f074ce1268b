"""Scans of a small package, in two releases."""

import json

import pytest

from triton_matrix.scan import cli

from ..conftest import ENVS

PROJECT = '[project]\nname = "toys"\nversion = "1.2"\ndependencies = ["triton>=3.0"]\n'


@pytest.fixture
def scan(release_python, tmp_path, capfd):
    """Scan a package with this source on 2.3.1 and 3.4.0; gives the exit status, the answer and what was printed."""

    def run(source, *options, launch="", **more):
        for release in ("2.3.1", "3.4.0"):
            release_python(release)
        given = tmp_path / "given"
        (given / "toys").mkdir(parents=True, exist_ok=True)
        (given / "toys" / "k.py").write_text(source)
        (given / "pyproject.toml").write_text(PROJECT.replace("3.0", "2.3") if "--fail-on" in options else PROJECT)
        for path, text in more.items():
            (given / path).parent.mkdir(parents=True)
            (given / path).write_text(text)
        if launch:
            (given / "launches").mkdir()
            (given / "launches" / "a.toml").write_text(launch)
        before = {path: path.stat().st_mtime_ns for path in given.rglob("*")}
        arguments = ["--envs", str(ENVS), "--out", str(tmp_path / "out"), "--seconds", "0", "--triton", "2.3.1,3.4.0"]
        status = cli.main([str(given), *arguments, "--target", "cuda:90", *options])
        assert {path: path.stat().st_mtime_ns for path in given.rglob("*")} == before
        page = tmp_path / "out" / "index.html"
        found = json.loads((tmp_path / "out" / "scan.json").read_text()) if page.is_file() else {}
        return status, found, capfd.readouterr()

    return run
