"""The few words and marks that table, Markdown and page share. A verdict is a mark and a word, never only a colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ..base import versions
from ..base.display_text import named
from ..base.display_text import short as short
from ..base.levels import SANITIZER, SHOWN
from ..bench.regression import THRESHOLD
from ..bench.table import noise as noise
from ..evidence.runs import of_kernels as of_kernels
from .columns import LEVELS_OF
from .matrix import Changes, Matrix, Nearest

KERNELS_NAMED = 4  # of those that never ran, in a sentence
MARKS = {"regressed": "↘", "fail": "✗", "pass": "✓", "stale": "◷", "n/a": "∅", "unavailable": "○", "not run": "·"}
STYLES = {"pass": "green", "fail": "bold red", "regressed": "bold magenta", "stale": "yellow"}


def levels(matrix: Matrix) -> list[str]:
    """The levels that a table of cells shows; the sanitizer's only where a cell has it."""
    has_it = any(SANITIZER in cell["levels"] for cell in matrix["cells"].values())
    return [level for level in SHOWN if level != SANITIZER or has_it]


def level_line(level: Optional[Mapping[str, Any]]) -> str:
    """What a level says in a table: ``✓ pass 412`` or ``✗ fail 3/415``, or that it did not run."""
    if level is None:
        return f"{MARKS['not run']} not run"
    counts, verdict = level["counts"], level["verdict"]
    line = f"{MARKS[verdict]} {verdict}"
    if verdict == "stale":
        verdict = level["was"]
        line += f" {verdict}"
    if "ok" in counts:  # of the atlas
        total = counts["ok"] + counts["error"]
        if counts["error"]:
            return f"{line} {counts['error']}/{total}"
        return f"{line} {total}" if verdict == "pass" else line
    ran = counts["passed"] + counts["failed"] + counts["error"]
    if failing(counts):
        return f"{line} {failing(counts)}/{ran}"
    known = f", {counts['known']} known" if counts["known"] else ""
    reruns = len(level.get("reruns") or ())
    again = f", {reruns} rerun" if reruns else ""
    return f"{line} {counts['passed']}{known}{again}" if verdict == "pass" else line


def kernel_lines(matrix: Matrix) -> list[str]:
    """How many of the package's kernels ran at each level, how often, and which never did, one sentence each."""
    lines = []
    for name, cell in matrix["cells"].items():
        for level, result in cell["levels"].items():
            launched = result.get("launched")
            if launched:
                lines.append(f"{name} {level}: {of_kernels(launched)}{_never(never(launched))}")
    return lines


def never(launched: Mapping[str, int]) -> list[str]:
    """The kernels that were not launched."""
    return [kernel for kernel, count in launched.items() if not count]


def _never(kernels: list[str]) -> str:
    more = f" and {len(kernels) - KERNELS_NAMED} more" if len(kernels) > KERNELS_NAMED else ""
    names = [kernel.rpartition(":")[2] for kernel in kernels[:KERNELS_NAMED]]
    return f"; never: {', '.join(names)}{more}" if kernels else ""


def launch_lines(matrix: Matrix) -> list[str]:
    """Each kernel that has a launch: its verdicts by level, with their ranges of releases."""
    lines = []
    for row in matrix["launches"]:
        parts = []
        for level, by_release in row["levels"].items():
            known = matrix["codegen" if level == LEVELS_OF["codegen"] else "values"]["releases"]
            known = list(by_release) if level == LEVELS_OF["device"] else known  # those of this machine, oldest first
            alike: dict[str, list[str]] = {}
            for release, verdict in by_release.items():
                alike.setdefault(verdict, []).append(release)
            said = [f"{verdict} {versions.ranges(releases, known)}" for verdict, releases in alike.items()]
            parts.append(f"{level}: {'; '.join(said) or 'not run'}")
            if level == LEVELS_OF["device"] and row.get("shares"):
                newest = max(row["shares"], key=versions.order)
                parts[-1] += f", {share(row['shares'][newest])} on {newest}"
        lines.append(f"{row['kernel']}: {' | '.join(parts)}")
    return lines


def share(nearest: Nearest) -> str:
    """How near a launch is to what bounds it."""
    what = {"copy": "a device copy", "matmul": "a matrix product by torch"}[nearest["of"]]
    return f"{nearest['share']:.2f} of {what}"


def note_lines(matrix: Matrix) -> list[str]:
    """What a reader should know of runs and is no failure: files left out, tests that passed after a rerun."""
    lines = []
    for name, cell in matrix["cells"].items():
        for level, result in cell["levels"].items():
            reruns = result.get("reruns") or {}
            if reruns:
                test, attempts = max(reruns.items(), key=lambda item: item[1])
                few = "1 test" if len(reruns) == 1 else f"{len(reruns)} tests"
                lines.append(f"{name} {level}: {few} passed only after a rerun; {test} took {attempts} attempts")
            lines += [f"{name} {level}: {note}" for note in result.get("notes") or ()]
    return lines


def skipped_lines(matrix: Matrix) -> list[str]:
    """Levels that passed although most of their tests, or whole files, were skipped: one sentence each."""
    lines = []
    for name, cell in matrix["cells"].items():
        for level, result in cell["levels"].items():
            counts, letters = result["counts"], result.get("outcomes", "")
            if result["verdict"] != "pass" or not counts.get("skipped"):
                continue
            # of a file that is skipped while it is collected, pytest gives no test
            whole = [test for test, letter in zip(matrix["tests"], letters) if letter == "s" and "::" not in test]
            if whole:
                lines.append(f"{name} {level}: {len(whole)} files were skipped whole; the first is {whole[0]}")
            if counts["skipped"] > counts["passed"] + counts["known"]:
                ran, reason = counts["passed"] + counts["failed"] + counts["error"], result["skips"][0][0]
                said = f"{counts['skipped']} tests were skipped and {ran} ran; most often because: {reason}"
                lines.append(f"{name} {level}: {said}")
    return lines + bench_lines(matrix)


def failing(counts: Mapping[str, int]) -> int:
    """How many tests fail that are not known to."""
    return counts["failed"] + counts["error"] - counts["known"]


def toolchain(cell: Mapping[str, Any]) -> dict[str, str]:
    """Python, torch and Triton of a cell: as resolved where it ran, else as asked for (in parentheses)."""
    for level in cell["levels"].values():
        if level.get("versions"):
            return {name: str(level["versions"].get(name, "?")) for name in ("python", "torch", "triton")}
    return {
        name: f"({cell['asked'][name]})" if name in cell["asked"] else "—" for name in ("python", "torch", "triton")
    }


def on(what: str, told_apart: str) -> str:
    """``what`` with what tells its timings from others: ``ambient-3.6.0, H200``."""
    return f"{what}, {told_apart}" if told_apart else what


def headline(matrix: Matrix) -> str:
    """The answer in one sentence: how many cells stand how."""
    verdicts: list[str] = [cell["verdict"] for cell in matrix["cells"].values() if not cell["column"]["subject"]]
    others = len(matrix["cells"]) - len(verdicts)
    counted = [(name, verdicts.count(name)) for name in MARKS]
    said = ", ".join(f"{count} {name}" for name, count in counted if count)
    beside = f"; {others} of other packages" if others else ""
    jobs = [name for name, result in matrix["jobs"].items() if result == "unplanned"]
    beside += f"; not planned: {', '.join(jobs)}" if jobs else ""
    return f"{len(verdicts)} cells: {said}{beside}" if verdicts else f"no cells{beside}"


def machine_lines(matrix: Matrix) -> list[str]:
    """What each machine found, where a cell ran on several at a level, one sentence each."""
    lines = []
    for name, cell in matrix["cells"].items():
        for level, result in cell["levels"].items():
            for on in result.get("machines", ()):
                failed = f"{on['failing']} failing, " if on["failing"] else ""
                said = on["shortfall"] or on["unlaunched"] or f"{failed}{on['passed']} passed"
                lines.append(f"{name} {level} on {on['machine']}: {said}")
    return lines


def change_lines(changes: Optional[Changes]) -> list[str]:
    """What changed, one plain sentence each."""
    if changes is None:
        return []
    lines = []
    for tests, word in ((changes["newly_failing"], "newly failing"), (changes["newly_passing"], "newly passing")):
        lines += [f"{row['cell']} {row['level']}: {row['count']} {word}" for row in tests]
    for row in changes["no_longer_run"]:
        what = f": {row['what']}" if "what" in row else ""
        lines.append(f"{row['cell']} {row['level']}{what}: not run this time")
    for timings, word in ((changes["slower"], "slower"), (changes["faster"], "faster")):
        for timing in timings:
            accepted = f" (accepted: {timing['accepted']})" if timing.get("accepted") else ""
            where = on(timing["cell"], timing["on"])
            lines.append(f"{where} {timing['name']}: {word}, {timing['ratio']:.2f} x the earlier time{accepted}")
    lines += _noise_lines(changes)
    lines += [f"codegen of {row['to']}: {row['id']}: {row['what']}" for row in changes["codegen"]]
    lines += changes["gone"]
    for other in changes["environment"]:
        moved = [f"{item['name']} {item['was'] or 'absent'} → {item['now'] or 'absent'}" for item in other["moved"]]
        more = f" and {len(moved) - 8} more" if len(moved) > 8 else ""
        lines.append(f"{other['cell']} {other['level']}: {', '.join(moved[:8])}{more}")
    return lines


def _noise_lines(changes: Changes) -> list[str]:
    """Timings of which nothing can be told, one sentence for each cell and machine."""
    apart: dict[str, list[Mapping[str, Any]]] = {}
    for row in changes["too_noisy"]:
        apart.setdefault(on(row["cell"], row["on"]), []).append(row)
    lines = []
    for where, rows in apart.items():
        names = [f"{row['name']} ({noise(row['ratio'] - 1, row['limit'])})" for row in rows]
        lines.append(
            f"{where}: {len(rows)} timings are too noisy to tell a change of {THRESHOLD:.0%}: {named(names, 4)}"
        )
    return lines


def bench_lines(matrix: Matrix) -> list[str]:
    """Rows of a bench that were skipped, so that nothing is known of them: one sentence for each file."""
    timed = [row for row in matrix["bench_runs"] if row["skipped"] and row["level"] == "device"]
    return [f"{row['cell']} benchmarks: {row['skipped']} rows were skipped" for row in timed]


def unavailable_line(matrix: Matrix) -> str:
    """Which releases of the atlas this machine could not provide, in one sentence; "" where there is none."""
    lacking = [name for name, row in matrix["codegen"]["summary"].items() if row["unavailable"]]
    if not lacking:
        return ""
    why = str(matrix["codegen"]["summary"][lacking[0]]["unavailable"]).splitlines()  # a command, then what it said
    return f"codegen: could not be provided: triton {', '.join(lacking)}; of {lacking[0]}: {why[min(1, len(why) - 1)]}"


def scan_lines(matrix: Matrix) -> list[str]:
    """What the package's own launches say of its kernels, for GPUs that are not here."""
    scan = matrix["scan"]
    return [*scan["lines"], *([scan["outdated"]] if scan["outdated"] else [])]


def not_here_lines(matrix: Matrix) -> list[str]:
    """What this machine could not provide or answer, and the command that gets further."""
    return [line for line in (unavailable_line(matrix), _further(matrix)) if line]


def _further(matrix: Matrix) -> str:
    """Said where a cell has no answer and nothing was compiled; "" elsewhere."""
    waiting = any(cell["verdict"] == "unavailable" for cell in matrix["cells"].values())
    if not waiting or matrix["scan"]["lines"] or matrix["codegen"]["releases"]:
        return ""
    return f"what can be known here: `{matrix['scan']['command']}` compiles the kernels for GPUs that are not here"


def not_compared_lines(matrix: Matrix) -> list[str]:
    """What of the atlas is not compared: targets without a configuration, and what only one release has or knows."""
    empty: dict[str, list[str]] = {}
    for release, row in matrix["codegen"]["summary"].items():
        for target in row["empty"]:
            empty.setdefault(target, []).append(release)
    lines = [
        f"{target}: asked for, and the package's atlas gives no configuration for it (triton {', '.join(releases)})"
        for target, releases in empty.items()
    ]
    for step in matrix["codegen"]["steps"]:
        lines += [f"{step['before']} → {step['after']}, {step['compared']} compared: {line}" for line in step["lines"]]
    return lines


def accepted_lines(matrix: Matrix) -> list[str]:
    """One line per pair of releases whose codegen changes for the worse are accepted; the others are failures."""
    by_pair: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in matrix["codegen"]["changes"]:
        if row["accepted"]:
            by_pair.setdefault((row["from"], row["to"]), []).append(row)
    return [
        f"{before} → {after}: {len(rows)}; worst: {rows[0]['id']}: {rows[0]['what']} ({rows[0]['accepted']})"
        for (before, after), rows in by_pair.items()
    ]
