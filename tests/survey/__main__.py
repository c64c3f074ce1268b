"""Compile kernels of public packages as they stand with every release, and say whose fault each failure is.

A guessed launch counts where it compiles beside a real torch on one release (``--judge``), or where the kernel's module
does not load at all. A failure on another release is the package's own where a real torch makes no difference to it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from triton_matrix.base import cells, tables
from triton_matrix.launches import Configuration, guess, launch_file, naming

PACKAGES = (
    "adasplash==0.2.2",
    "attn-gym==0.0.17",
    "bitsandbytes==0.50.2",
    "conch-triton-kernels==1.3",
    "dsalt==1.0.0",
    "fla-core==0.6.0",
    "flag-gems==5.0.2",
    "flash-sinkhorn==0.4.1",
    "flashnn==0.1.1",
    "jvp-flash-attention==0.14.0",
    "late-interaction-kernels==0.4.5",
    "liger-kernel==0.8.5",
    "mase-triton==0.0.7",
    "sageattention==1.0.6",
    "torchao==0.18.0",
    "unsloth==2026.10.9",
    "xformers==0.0.35",
)
TARGET = "cuda:90"


@dataclass(frozen=True)
class Kernel:
    """A kernel of a package, and a launch file of it as TOML."""

    package: str
    name: str
    file: Path
    launch: str


Answers = dict[tuple[int, str], tuple[str, str]]  # status and reason, by a kernel's number and the release


def main(argv: list[str]) -> int:
    """Exit status 0: no failure is ours. 1: one is."""
    parser = argparse.ArgumentParser(prog="python -m survey", description=main.__doc__)
    add = parser.add_argument
    add("--folder", type=Path, default=Path("reports/survey"), help="where wheels, launch files and results go")
    add("--envs", type=Path, default=Path(".nox/codegen"), help="folder of the releases' environments")
    add("--root", type=Path, default=Path.cwd(), help="the repo root (default: the current folder)")
    add("--each", type=int, default=5, help="kernels of a package (default: 5)")
    add("--candidates", type=int, default=12, help="kernels of a package that are guessed at (default: 12)")
    add("--captured", type=Path, metavar="DIR", help="launch files that `capture` wrote, in a folder for each package")
    add("--jobs", type=int, default=2, help="releases side by side (default: 2)")
    add("--judge", default="3.6.0", help="the release whose real torch says whether a guess is a launch")
    add("--write-only", action="store_true", help="write the guessed launches into FOLDER/candidates, and ask nothing")
    options = parser.parse_args(argv)
    options.folder = options.folder.resolve()
    survey = Survey(options)
    if options.write_only:
        survey.write("candidates", survey.candidates())
        return 0
    chosen = [*survey.choose(), *captured(options.captured)]
    results = survey.ask("chosen", chosen, ())
    chosen, results = launches(chosen, results)
    text, ours = report(chosen, results, survey.judge(chosen, results))
    print(text)
    (options.folder / "survey.md").write_text(text, encoding="utf-8")
    return 1 if ours else 0


def captured(folder: Optional[Path]) -> list[Kernel]:
    """The first launch file of each kernel below the folders of a folder, named after their packages."""
    found: dict[str, Kernel] = {}
    for file in sorted(folder.glob("*/*.toml")) if folder else ():
        text = file.read_text(encoding="utf-8")
        reference = json.loads(next(each for each in text.splitlines() if each.startswith("kernel = "))[9:])
        path, _, name = reference.rpartition(":")
        text = text.replace(reference, f"{(file.parent / path).resolve()}:{name}", 1)
        found.setdefault(f"{path}:{name}", Kernel(file.parent.name, name, Path(path), text))
    return list(found.values())


class Survey:
    """The steps, each with its files in a folder of its own."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._releases = cells.load(options.root / "constraints" / "cells.toml").releases

    def candidates(self) -> list[Kernel]:
        """Kernels spread over the files of each package."""
        found = []
        for requirement in PACKAGES:
            source = self._options.folder / "sources" / requirement
            if not source.is_dir():
                self._download(requirement, source)
            name = requirement.partition("==")[0]
            all_of_it = [Kernel(name, each.name, each.file, each.launch) for each in guess.kernels(source.resolve())[0]]
            step = max(1, len(all_of_it) // self._options.candidates)
            found += all_of_it[::step][: self._options.candidates]
        return found

    def _download(self, requirement: str, source: Path) -> None:
        wheels = self._options.folder / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(wheels), requirement], check=True)
        stem = requirement.replace("-", "_").replace("==", "-").lower()
        (wheel,) = (path for path in wheels.glob("*.whl") if path.name.lower().startswith(f"{stem}-"))
        zipfile.ZipFile(wheel).extractall(source)

    def _torch(self, release: str) -> tuple[str, ...]:
        """The torch that pins this Triton: another would have requirements of its own on it."""
        return (f"torch=={self._releases[release].torch}",)

    def choose(self) -> list[Kernel]:
        """The first kernels of each package whose guess compiles beside a real torch, or that do not load at all."""
        candidates = self.candidates()
        judged = self.ask("candidates", candidates, self._torch(self._options.judge), self._options.judge)
        taken: Counter[str] = Counter()
        chosen = []
        for number, kernel in enumerate(candidates):
            status, reason = judged.get((number, self._options.judge), ("error", ""))
            if (status == "ok" or reason.startswith("does not load")) and taken[kernel.package] < self._options.each:
                taken[kernel.package] += 1
                chosen.append(kernel)
        return chosen

    def write(self, name: str, asked: list[Kernel]) -> Path:
        """The launches as files of a folder, numbered."""
        folder = self._options.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.toml"):
            old.unlink()
        for number, kernel in enumerate(asked):
            (folder / f"{number:03}.toml").write_text(kernel.launch, encoding="utf-8")
        return folder

    def ask(self, name: str, asked: list[Kernel], extra: tuple[str, ...], releases: str = "") -> Answers:
        """Status and reason of each kernel in each release, by the kernel's number; the worst of its configurations."""
        folder = self.write(name, asked)
        out = self._options.folder / f"{name}-results"
        options = self._options
        command = [sys.executable, "-m", "triton_matrix", "codegen", "--launches", str(folder), "--out", str(out)]
        command += [
            "--compile-seconds",
            "150",
            "--target",
            TARGET,
            "--configs",
            "1",
            "--root",
            str(options.root),
            "--envs",
            str(options.envs),
        ]
        command += ["--triton", releases] if releases else []
        command += ["--jobs", str(options.jobs)]
        for each in extra:
            command += ["--with", each]
        subprocess.run(command, stdout=subprocess.DEVNULL)
        files = [folder / f"{number:03}.toml" for number in range(len(asked))]
        return self._answers([launch_file.expand(launch_file.read(file), [TARGET])[0] for file in files], out)

    def _answers(self, asked: list[Configuration], out: Path) -> Answers:
        found: Answers = {}
        for file in out.glob("*.json"):
            atlas = json.loads(file.read_text(encoding="utf-8"))
            for item in atlas["entries"]:
                for number in _numbers(item, asked):
                    found[number, atlas["triton"]] = (item["status"], item.get("reason", ""))
        return found

    def judge(self, chosen: list[Kernel], results: Answers) -> Answers:
        """What failed, asked again beside a real torch."""
        failed = sorted({release for (_, release), (status, _) in results.items() if status == "error"})
        judged: Answers = {}
        for release in failed:
            numbers = [n for n in range(len(chosen)) if results.get((n, release), ("", ""))[0] == "error"]
            found = self.ask(f"again-{release}", [chosen[n] for n in numbers], self._torch(release), release)
            judged |= {(numbers[n], each): answer for (n, each), answer in found.items()}
        return judged


def launches(chosen: list[Kernel], results: Answers) -> tuple[list[Kernel], Answers]:
    """The kernels without those whose guess compiles on no release although they load: that is no launch."""
    kept = []
    for number in range(len(chosen)):
        answers = [answer for (each, _), answer in results.items() if each == number]
        if any(status == "ok" or reason.startswith("does not load") for status, reason in answers):
            kept.append(number)
    numbers = {number: index for index, number in enumerate(kept)}
    answers_kept = {(numbers[n], release): answer for (n, release), answer in results.items() if n in numbers}
    return [chosen[number] for number in kept], answers_kept


def _numbers(item: dict[str, Any], asked: list[Configuration]) -> list[int]:
    """The kernels that an entry is of: those of its name and settings, but for what a tuner adds to these."""
    return [
        number
        for number, each in enumerate(asked)
        if naming.kernel(each.kernel) == item["kernel"]
        and item["settings"][: len(each.settings)] == list(each.settings)
    ]


def report(
    chosen: list[Kernel],
    results: Answers,
    judged: Answers,
) -> tuple[str, int]:
    """The survey as Markdown, and how many failures are ours."""
    releases = sorted({release for _, release in results}, key=lambda each: [int(part) for part in each.split(".")])
    rows, ours, theirs = [], [], Counter[str]()
    for package in dict.fromkeys(kernel.package for kernel in chosen):
        numbers = [number for number, kernel in enumerate(chosen) if kernel.package == package]
        row: list[Any] = [package, len(numbers)]
        for release in releases:
            row.append(sum(results.get((number, release), ("", ""))[0] == "ok" for number in numbers))
            for number in numbers:
                status, reason = results.get((number, release), ("error", "no answer"))
                again = judged.get((number, release), ("", ""))
                if status == "error" and again[0] == "error" and "not installed here" not in again[1]:
                    theirs[_cause(again[1])] += 1
                elif status == "error":
                    ours.append([chosen[number].package, chosen[number].name, release, reason[:160]])
        rows.append(row)
    total: list[Any] = ["all", len(chosen), *(sum(row[2 + i] for row in rows) for i in range(len(releases)))]
    today = datetime.date.today().isoformat()
    parts = [f"{len(chosen)} kernels of {len(rows)} packages, {TARGET}, {today}: how many compile per release.\n"]
    parts.append(tables.render(["package", "kernels", *releases], [*rows, total], markdown=True))
    parts.append(f"\nFailures that a real torch does not change, and so are the package's: {sum(theirs.values())}.\n")
    parts.append(
        tables.render(["failures", "cause"], [[n, cause] for cause, n in theirs.most_common(15)], markdown=True)
    )
    parts.append(f"\nFailures that are ours: {len(ours)}.\n")
    if ours:
        parts.append(tables.render(["package", "kernel", "triton", "reason"], ours, markdown=True))
    return "\n".join(parts) + "\n", len(ours)


def _cause(reason: str) -> str:
    """A failure without what is of this kernel or machine alone: its line, and where a module was found."""
    said = reason.partition(", at ")[0].removeprefix("does not compile: ").replace("\n", " ")
    return re.sub(r" \(/\S*", "", said)[:140]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
