"""Check and time ways to normalise rows on a GPU, all in turn: what the plan launches now, and candidates.

`python tests/atlas/long_rows.py --out FILE [--seconds 240] [--only 32768,65536] [--list]` from the repo root. What FILE
already holds of the same kernels and the same Triton is not measured again. A candidate that crashes or hangs costs
itself: compiling and measuring are done by processes of their own.

Each candidate's results are held against torch's in float64, for 5 rows, for a few for each program, and for those that
are timed. Times are medians over rounds of all candidates in turn, each from an emptied L2, over launches and the
reduction of dw and db. Shares are of a copy on the same GPU in the same process. `bound` is the share that torch itself
reaches on the problem's matrices: copying x to y, or adding dy to x.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from liger_kernel.kernels.device import DeviceProperties  # noqa: E402
from liger_kernel.kernels.geometry import BYTES, align, can_wait, cdiv, next_power_of_2  # noqa: E402
from liger_kernel.kernels.kinds import KINDS  # noqa: E402
from liger_kernel.kernels.plan import Launch, Settings, backward_plan, forward_plan  # noqa: E402
from triton_matrix.bench.timing import Timer  # noqa: E402

ELEMENTS = 1 << 27
EXPERIMENTS = {"two": "forward_pairs"}  # of long_rows_kernels
ROUNDS = 21
SILENT = 15.0  # seconds without a word of the measuring process: a candidate hangs
COMPILING = 0.5  # of all seconds, at most
STARTING = 60.0  # seconds that its start may take
H200 = DeviceProperties("cuda:90", 132, name="NVIDIA H200")
DRY = os.environ.get("LONG_ROWS_DRY") == "1"  # without a GPU: compile for one, run nothing


@dataclass(frozen=True)
class Candidate:
    """One way to launch one problem. `kernel` is "now" for what the plan chooses, a kind for the product's kernels of
    that kind in these settings, "two" for that of long_rows_kernels. `behind` is the prefetch of "packed", and the rows
    of "tile"."""

    direction: str
    n_cols: int
    dtype: str
    kernel: str = "now"
    block: int = 0
    warps: int = 0
    programs: int = 1
    stages: int = 1
    behind: int = 0
    registers: int = 255

    @property
    def problem(self) -> str:
        return f"{self.direction} {self.dtype} {self.n_cols}"

    @property
    def label(self) -> str:
        if self.kernel == "now":
            return "now"
        settings = f"b{self.block} w{self.warps} p{self.programs} s{self.stages} b{self.behind}"
        return f"{self.kernel} {settings} r{self.registers} /{self.split}"

    @property
    def split(self) -> int:
        return cdiv(self.n_cols, self.block) if self.block else 1

    @property
    def groups(self) -> int:
        return max(1, H200.n_multiprocessors * self.programs // self.split)

    def settings(self) -> Optional[Settings]:
        """Those that the plan is given; None: its own."""
        if self.kernel not in KINDS:
            return None
        about = {"programs": self.programs, "stages": self.stages, "max_registers": self.registers}
        if self.kernel in ("ahead", "packed"):
            about["behind" if self.kernel == "ahead" else "prefetch"] = self.behind
        rows = max(1, self.behind) if self.kernel == "tile" else 1
        return Settings(self.kernel, rows, self.block, self.warps, **about)

    def _plan(self, settings: Settings) -> tuple[Launch, ...]:
        plan = forward_plan if self.direction == "forward" else backward_plan
        return plan(ELEMENTS // self.n_cols, self.n_cols, self.dtype, H200, settings=settings)

    def constexprs(self) -> dict[str, Any]:
        """Of the kernel of long_rows_kernels."""
        split, pack = self.split, 4 // BYTES[self.dtype]
        part = self.n_cols // split
        # two rows a pass: all warps read, and so wait for each other between the rows, which costs fewer registers
        fewest = 32 * self.warps
        made = {"N_COLS": self.n_cols, "SPLIT": split, "PART": part, "BLOCK_N": self.block}
        made |= {"LANES": max(fewest, next_power_of_2(split)), "PACK": pack, "STAGES": self.stages}
        return {**made, "BEHIND": self.behind if split > 1 else 0}

    def options(self) -> dict[str, int]:
        return {"num_warps": self.warps, "num_stages": 1, "maxnreg": self.registers}

    def allowed(self) -> str:
        """Why no program may wait so, or its parts are not even; "" where all is well."""
        settings = self.settings()
        if self.kernel == "two" and self.behind != 1:
            return "two rows a pass are one pass behind"
        if self.block > next_power_of_2(self.n_cols):
            return "a block holds more than the row"
        if settings:
            try:
                self._plan(settings)
            except ValueError as error:
                return str(error)
            return ""
        if self.n_cols % self.split or self.n_cols // self.split % align(self.dtype):
            return "parts are not even"
        waits = can_wait(self.n_cols, self.block, self.warps, self.programs, self.registers, H200)
        return "" if self.split == 1 or waits else "its programs might wait for ever"


def _of(direction: str, sizes: tuple[int, ...], dtype: str, ways: str) -> Iterator[Candidate]:
    """Candidates: of each line the kernel, then block, warps, programs, stages, behind, registers."""
    for n_cols in sizes:
        yield Candidate(direction, n_cols, dtype)
        for line in ways.strip().splitlines():
            kernel, *numbers = line.split()
            yield Candidate(direction, n_cols, dtype, kernel, *map(int, numbers))


WAYS = (
    (
        ("forward", (512, 640, 768, 896, 1024), "bf16"),
        """
        tile 1024 1 1 1 2 0
        tile 1024 2 1 1 1 0
        tile 1024 2 1 1 2 0
        packed 256 1 1 1 0 0
        packed 512 1 1 1 0 0
        """,
    ),
    (
        ("forward", (1280, 1536, 1600, 1792, 2048), "bf16"),
        """
        tile 2048 2 1 1 1 0
        tile 2048 4 1 1 1 0
        packed 512 1 1 1 0 0
        packed 512 2 1 1 0 0
        """,
    ),
    (
        ("forward", (2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096), "bf16"),
        """
        tile 4096 2 1 1 1 0
        tile 4096 8 1 1 2 0
        packed 512 2 1 1 0 64
        packed 1024 2 1 1 0 0
        packed 1024 4 1 1 0 64
        packed 2048 4 1 1 0 64
        """,
    ),
    (
        ("forward", (4608, 5120, 5632, 6144, 6656, 7168, 7680), "bf16"),
        """
        packed 1024 4 1 1 1 64
        packed 1024 8 1 1 0 0
        packed 2048 4 1 1 0 64
        packed 2048 8 1 1 0 64
        """,
    ),
    (
        ("forward", (8192, 9216, 10240, 11264, 12288, 14336, 16384), "bf16"),
        """
        packed 2048 8 1 1 0 64
        packed 2048 8 1 1 2 64
        packed 4096 8 1 1 0 64
        packed 4096 8 1 1 1 80
        packed 4096 16 1 1 0 40
        packed 4096 16 1 1 1 40
        packed 8192 16 1 1 0 40
        packed 16384 16 1 1 0 40
        """,
    ),
    (
        ("forward", (18432, 20480, 24576, 28672, 32768, 36864, 40960), "bf16"),
        """
        packed 4096 16 1 1 0 64
        packed 4096 16 1 1 1 64
        packed 4096 16 1 1 2 64
        packed 8192 16 1 1 0 64
        packed 8192 32 1 1 1 64
        """,
    ),
    (("forward", (49152, 65536), "bf16"), "packed 8192 32 1 1 2 64"),
    (("forward", (65536,), "fp16"), "packed 8192 32 1 1 2 64"),
    (("forward", (98304, 131072), "bf16"), "two 8192 4 2 3 1 255"),
    (
        ("forward", (640, 768, 896), "fp32"),
        """
        tile 1024 2 1 1 1 0
        packed 256 2 1 1 0 0
        """,
    ),
    (
        ("forward", (1280, 1536, 1600, 1792, 2048), "fp32"),
        """
        tile 2048 4 1 1 1 0
        tile 2048 8 1 1 1 0
        packed 512 4 1 1 0 0
        packed 1024 8 1 1 0 64
        """,
    ),
    (
        ("forward", (2304, 2816, 3072, 3328, 3584, 3840, 4096), "fp32"),
        """
        packed 1024 8 1 1 0 64
        packed 2048 8 1 1 0 64
        packed 2048 16 1 1 0 64
        packed 512 4 1 1 0 0
        """,
    ),
    (
        ("forward", (4608, 5120, 5632, 6144, 6656, 7168), "fp32"),
        """
        packed 2048 8 1 1 0 64
        packed 2048 16 1 1 0 64
        packed 2048 16 1 1 1 40
        packed 4096 16 1 1 0 40
        """,
    ),
    (
        ("forward", (8192, 9216, 10240, 11264, 12288, 14336, 16384), "fp32"),
        """
        packed 2048 16 1 1 0 64
        packed 2048 16 1 1 1 64
        packed 4096 16 1 1 0 64
        """,
    ),
    (
        ("forward", (24576, 32768), "fp32"),
        """
        packed 4096 32 1 1 2 64
        packed 8192 32 1 1 1 64
        """,
    ),
    (
        ("backward", (640, 768, 896), "bf16"),
        """
        tile 1024 1 8 4 1 0
        tile 1024 2 4 3 2 0
        tile 1024 2 4 4 1 0
        tile 1024 2 4 5 1 0
        """,
    ),
    (
        ("backward", (1280, 1536, 1600, 1792, 2048), "bf16"),
        """
        tile 2048 2 4 3 1 0
        tile 2048 2 4 4 1 0
        tile 2048 4 2 4 2 0
        tile 2048 4 3 3 1 0
        tile 2048 4 3 4 1 0
        """,
    ),
    (
        ("backward", (2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096), "bf16"),
        """
        tile 4096 4 2 4 1 0
        tile 4096 4 2 5 1 0
        tile 4096 8 1 3 2 0
        tile 4096 8 1 4 2 0
        tile 4096 8 1 5 1 0
        tile 4096 8 2 3 1 0
        tile 4096 8 2 4 1 0
        """,
    ),
    (
        ("backward", (4608, 5120, 5632, 6144, 6656, 7168, 7680, 8192), "bf16"),
        """
        tile 8192 8 1 3 1 0
        tile 8192 8 1 4 1 0
        tile 8192 8 1 5 1 0
        tile 8192 16 1 4 1 0
        tile 8192 16 1 5 1 0
        ahead 8192 8 1 4 0 255
        """,
    ),
    (
        ("backward", (640, 768, 896), "fp32"),
        """
        tile 1024 2 4 3 1 0
        tile 1024 4 2 3 2 0
        tile 1024 4 2 4 2 0
        """,
    ),
    (
        ("backward", (1280, 1536, 1600, 1792), "fp32"),
        """
        tile 2048 4 2 3 1 0
        tile 2048 4 2 4 1 0
        tile 2048 8 2 3 1 0
        """,
    ),
    (
        ("backward", (2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096), "fp32"),
        """
        tile 4096 8 1 3 1 0
        tile 4096 8 1 4 1 0
        """,
    ),
    # what is now, and its bound
    (("forward", (65536, 131072), "fp32"), ""),
    (("backward", (512, 1024, 9216, 10240, 11264, 12288, 14336, 16384, 32768, 65536, 131072), "bf16"), ""),
    (("backward", (5120, 6144, 7168, 8192, 9216, 11264, 12288, 16384, 32768, 65536, 131072), "fp32"), ""),
)


def candidates() -> list[Candidate]:
    """All of them, in the order in which they are measured."""
    made = list(dict.fromkeys(each for about, ways in WAYS for each in _of(*about, ways)))
    return [each for each in made if each.kernel == "now" or not each.allowed()]


# ---- the process that asks for all: compiles, measures, prints


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "long-rows.json")
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--only", default="", help="row lengths, with commas between")
    parser.add_argument("--most", type=int, default=0, help="candidates of a problem; 0: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--compile", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.compile:
        return _compile_all(json.loads(Path(options.compile).read_text()))
    if options.measure:
        return _measure_all(json.loads(Path(options.measure).read_text()))
    wanted = {int(each) for each in options.only.split(",") if each}
    chosen = [each for each in candidates() if not wanted or each.n_cols in wanted]
    if options.most:
        counts: dict[str, int] = {}
        for each in chosen[:]:
            counts[each.problem] = counts.get(each.problem, 0) + 1
            if counts[each.problem] > options.most + 1:
                chosen.remove(each)
    if options.list:
        for each in chosen:
            print(each.problem, "|", each.label)
        print(len(chosen))
        return 0
    return Run(options.out, options.seconds, options.jobs, chosen).run()


class Run:
    """One run: what FILE holds, and what is added to it."""

    def __init__(self, out: Path, seconds: float, jobs: int, chosen: list[Candidate]) -> None:
        import triton

        self.started, self.out, self.seconds, self.jobs, self.chosen = time.time(), out, seconds, jobs, chosen
        sources = sorted((ROOT / "liger_kernel" / "kernels").glob("*.py"))
        sources.append(Path(__file__).with_name("long_rows_kernels.py"))
        digest = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:12]
        self.about = {"triton": triton.__version__, "kernels": digest}
        self.rows: dict[str, dict[str, Any]] = {}
        if out.exists():
            held = json.loads(out.read_text())
            if all(held["about"].get(name) == value for name, value in self.about.items()):
                self.rows, self.about = held["rows"], held["about"]
        out.parent.mkdir(parents=True, exist_ok=True)
        self.errors: dict[str, str] = {}

    def run(self) -> int:
        todo = [each for each in self.chosen if self._key(each) not in self.rows]
        self._compile(todo)
        self._say(f"compiled {len(todo)} candidates")
        problems: dict[str, list[Candidate]] = {}
        for each in self.chosen:
            problems.setdefault(each.problem, []).append(each)
        waiting = [name for name, of in problems.items() if any(self._key(each) not in self.rows for each in of)]
        self._measure([problems[name] for name in waiting])
        self._save()
        print(self.table(list(problems)))
        return 0

    def _key(self, candidate: Candidate) -> str:
        return f"{candidate.problem} | {candidate.label}"

    def _say(self, text: str) -> None:
        print(f"[{time.time() - self.started:5.0f} s] {text}", flush=True)

    def _save(self) -> None:
        self.out.write_text(json.dumps({"about": self.about, "rows": self.rows}, indent=0))

    def _compile(self, todo: list[Candidate]) -> None:
        """In processes; one that dies is replaced by one for what it left, but for what it died of."""
        lists = [todo[start :: self.jobs] for start in range(self.jobs)]
        while any(lists) and self._spent() < COMPILING * self.seconds:
            running = []
            for number, of in enumerate(lists):
                if of:
                    file = self.out.with_name(f"{self.out.stem}-compile-{number}.json")
                    file.write_text(json.dumps([dataclasses.asdict(each) for each in of]))
                    command = [sys.executable, __file__, "--compile", str(file)]
                    pipe = subprocess.PIPE
                    running.append((of, file, subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)))
            lists = []
            for of, file, process in running:
                try:
                    said, complained = process.communicate(timeout=max(5.0, COMPILING * self.seconds - self._spent()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    continue  # what is not compiled yet is compiled where it is measured
                finally:
                    file.unlink()
                done = [line for line in said.splitlines() if line.startswith(("ok ", "error "))]
                for each, line in zip(of, done):
                    if line.startswith("error "):
                        self.errors[self._key(each)] = line[6:]
                if len(done) < len(of):
                    self.errors[self._key(of[len(done)])] = f"compiling died: {complained.strip()[-300:]}"
                    lists.append(of[len(done) + 1 :] if done else [])

    def _spent(self) -> float:
        return time.time() - self.started

    def _measure(self, problems: list[list[Candidate]]) -> None:
        """In one process, which is replaced when it dies or is silent."""
        while problems and self._spent() < self.seconds:
            for of in problems:
                for each in of:
                    if self._key(each) in self.errors:
                        self.rows[self._key(each)] = {"error": self.errors[self._key(each)]}
            problems = [[each for each in of if "error" not in self.rows.get(self._key(each), {})] for of in problems]
            problems = [of for of in problems if of and of[0].problem not in self.errors]
            before = len(self.errors)
            problems = self._measure_until_it_dies(problems)
            if len(self.errors) == before:
                break

    def _measure_until_it_dies(self, problems: list[list[Candidate]]) -> list[list[Candidate]]:
        """What is left to measure."""
        file = self.out.with_name(f"{self.out.stem}-measure.json")
        file.write_text(json.dumps([[dataclasses.asdict(each) for each in of] for of in problems]))
        log = self.out.with_name(f"{self.out.stem}-stderr.txt").open("a+")
        process = subprocess.Popen(
            [sys.executable, __file__, "--measure", str(file)], stdout=subprocess.PIPE, stderr=log, text=True
        )
        lines: queue.Queue[Optional[str]] = queue.Queue()
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        at, patience, over = "", STARTING, False
        while True:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                self.errors[at] = f"silent for {patience:.0f} s"
                break
            if line is None:
                process.wait()
                if process.returncode:
                    log.seek(0)
                    self.errors[at] = f"ended with {process.returncode}: {log.read().strip()[-400:]}"
                break
            kind, _, rest = line.strip().partition(" ")
            if kind == "at":
                at, patience = rest, SILENT
            elif kind == "about":
                self.about.update(json.loads(rest))
            elif kind == "rows":
                self.rows.update(json.loads(rest))
                self._save()
                at, patience = "", STARTING
                done = sum(self._key(of[0]) in self.rows for of in problems)
                self._say(f"{done} of {len(problems)} problems")
                over = self._spent() > self.seconds
                if over:
                    break
        if at in self.errors:
            self._say(f"{at or 'the start'}: {self.errors[at][:200]}")
            self._leave_out_alike()
        process.kill()
        process.wait()
        log.close()
        file.unlink()
        if over or (not at and at in self.errors):
            return []
        return [of for of in problems if any(self._key(each) not in self.rows for each in of)]

    def _leave_out_alike(self) -> None:
        """Three that hang are enough of one way to wait: the others of it are not tried."""
        ways: dict[Any, int] = {}
        for each in self.chosen:
            if self.errors.get(self._key(each), "").startswith("silent"):
                ways[each.kernel, each.behind] = ways.get((each.kernel, each.behind), 0) + 1
        for each in self.chosen:
            if each.split > 1 and ways.get((each.kernel, each.behind), 0) >= 3:
                self.errors.setdefault(self._key(each), "not tried: three like it hang")

    def table(self, problems: list[str]) -> str:
        """Of each problem what is now, and the best; below, what failed."""
        lines = [f"{self.about}"]
        failed = []
        for name in problems:
            of = {key.split(" | ")[1]: row for key, row in self.rows.items() if key.split(" | ")[0] == name}
            good = sorted((label for label in of if of[label].get("share")), key=lambda label: -of[label]["share"])
            now, bound = of.get("now", {}).get("share"), of.get("now", {}).get("bound")
            best = [f"{of[label]['share']:.3f} {label}" for label in good if label != "now"][:4]
            known = f"now {now:.3f}, bound {bound:.3f}  " if now and bound else ""
            lines.append(f"{name:22s} {known}" + "; ".join(best))
            failed += [f"{name} {label}: {row['error'][:160]}" for label, row in of.items() if row.get("error")]
        return "\n".join([*lines, *failed])


def _read(stream: Any, lines: queue.Queue[Optional[str]]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


# ---- the processes that compile


def _dtypes(torch: Any) -> dict[str, Any]:
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def _standin() -> None:
    if DRY:
        from triton_matrix.base import targets
        from triton_matrix.launches import driver_standin

        driver_standin.install(targets.parse("cuda:90"))


def _compile_all(listed: list[dict[str, Any]]) -> int:
    import torch

    from atlas import long_rows_kernels
    from liger_kernel.kernels import layer_norm

    _standin()
    dtypes = {**_dtypes(torch), "i64": torch.int64}
    for about in listed:
        candidate = Candidate(**about)
        try:
            if candidate.kernel in EXPERIMENTS:
                arguments = [
                    ELEMENTS // candidate.n_cols if name == "n_rows" else 1e-5 if name == "eps" else dtypes[kind]
                    for name, kind in _types(candidate).items()
                ]
                keywords = {**candidate.constexprs(), **candidate.options()}
                kernel = getattr(long_rows_kernels, EXPERIMENTS[candidate.kernel])
                kernel.warmup(*arguments, grid=(1,), **keywords)
            for launch in _launches(candidate):
                kernel = getattr(layer_norm, launch.kernel)
                numbers = {"n_rows": ELEMENTS // candidate.n_cols, "eps": 1e-5, **launch.values}
                arguments = [
                    dtypes[kind[1:]] if kind.startswith("*") else numbers[name] for name, kind in launch.args.items()
                ]
                kernel.warmup(*arguments, grid=(1,), **launch.constexprs, **launch.options)
            print("ok ", flush=True)
        except Exception as error:  # whatever the compiler raises is this candidate's result
            print("error", f"{type(error).__name__}: {error}".replace("\n", " ")[:300], flush=True)
    return 0


def _types(candidate: Candidate) -> dict[str, str]:
    """The parameters of the kernel of long_rows_kernels, and what each points to."""
    x = candidate.dtype
    made = {"X": x, "W": x, "B": x, "Y": x, "Mean": "fp32", "RSTD": "fp32", "Exchange": "i64", "n_rows": ""}
    return {**made, "eps": ""}


def _launches(candidate: Candidate, n_rows: int = 0) -> tuple[Launch, ...]:
    """What the plan launches for the candidate; nothing for the kernel of long_rows_kernels."""
    n_rows = n_rows or ELEMENTS // candidate.n_cols
    device = dataclasses.replace(H200, triton=_triton_version())
    plan = forward_plan if candidate.direction == "forward" else backward_plan
    if candidate.kernel in EXPERIMENTS:
        return ()
    return plan(n_rows, candidate.n_cols, candidate.dtype, device, settings=candidate.settings())


def _triton_version() -> str:
    import triton

    return str(triton.__version__)


# ---- the process that measures


def _measure_all(listed: list[list[dict[str, Any]]]) -> int:
    import torch

    device = torch.device("cpu" if DRY else "cuda")
    gpu = "none" if DRY else torch.cuda.get_device_name()
    print("about", json.dumps({"gpu": gpu, "torch": torch.__version__}), flush=True)
    clock = Clock(device)
    for of in listed:
        print("rows", json.dumps(Problem([Candidate(**about) for about in of], clock).measure()), flush=True)
    return 0


class Clock:
    """Times calls as the bench does: right behind writes that empty the L2 while the host gets ahead."""

    def __init__(self, device: Any) -> None:
        import torch

        cuda = device.type == "cuda"
        self.device = device
        self.seconds = Timer(device.type).round
        self.source = torch.empty(1 << (28 if cuda else 10), dtype=torch.bfloat16, device=device).normal_()
        self.copied = torch.empty_like(self.source)

    def copy(self) -> None:
        self.copied.copy_(self.source)


class Problem:
    """The candidates of one problem on its tensors."""

    def __init__(self, of: list[Candidate], clock: Clock) -> None:
        import torch

        self.of, self.device, self.clock, self.torch = of, clock.device, clock, torch
        first = of[0]
        self.n_cols, self.dtype, self.direction = first.n_cols, first.dtype, first.direction
        self.n_rows = 64 if DRY else ELEMENTS // self.n_cols
        self.rows: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, Any] = {}  # what the compiler made of the candidate at hand

    def measure(self) -> dict[str, dict[str, Any]]:
        ready: dict[str, Any] = {}
        print("at", self.of[0].problem, flush=True)
        cases = [self._case(n_rows) for n_rows in dict.fromkeys((5, 137, self.n_rows))]
        for each in self.of:
            key = f"{each.problem} | {each.label}"
            print("at", key, flush=True)
            self.seen = {}
            try:
                errors = [self._errors(each, case) for case in (cases[-1:] if each.kernel == "now" else cases)]
                call = self._call(each, cases[-1])
                row = {**dataclasses.asdict(each), **self.seen, "errors": errors[-1]}
                wrong = [found for found in errors if not self._close(found)]
                if wrong and not DRY:
                    row["error"] = f"wrong: {wrong[0]}"
                else:
                    ready[key] = call
            except Exception as error:  # an error of the launch costs the candidate alone
                row = {**dataclasses.asdict(each), "error": f"{type(error).__name__}: {error}"[:400]}
                if "CUDA" in row["error"] or "illegal" in row["error"]:
                    raise
            self.rows[key] = row
        ready["copy"], ready["bound"] = self.clock.copy, self._bound(cases[-1])
        times: dict[str, list[float]] = {key: [] for key in ready}
        for _ in range(2 if DRY else ROUNDS):
            for key, call in ready.items():
                print("at", key, flush=True)
                times[key].append(self.clock.seconds(call))
        copy = 2 * self.clock.source.nbytes / statistics.median(times.pop("copy"))
        matrices = 2 if self.direction == "forward" else 3
        moved = matrices * self.n_rows * self.n_cols * BYTES[self.dtype]
        self.rows[f"{self.of[0].problem} | now"]["bound"] = moved / statistics.median(times.pop("bound")) / copy
        for key, each in times.items():
            median = statistics.median(each)
            share = self._bytes() / median / copy
            self.rows[key] |= {"us": median * 1e6, "fastest": min(each) * 1e6, "share": share, "copy": copy}
        return self.rows

    def _bound(self, case: dict[str, Any]) -> Any:
        """Reads and writes the problem's matrices, and does nothing else."""
        if self.direction == "forward":
            return lambda: case["Y"].copy_(case["X"])
        return lambda: self.torch.add(case["X"], case["dY"], out=case["dX"])

    def _bytes(self) -> float:
        s, m, n = BYTES[self.dtype], self.n_rows, self.n_cols
        return 2 * m * n * s + 8 * m + 2 * n * s if self.direction == "forward" else 3 * m * n * s + 8 * m + 3 * n * s

    def _case(self, n_rows: int) -> dict[str, Any]:
        """Tensors of a problem with so many rows, and what is right for them in float64."""
        torch, n = self.torch, self.n_cols
        generator = torch.Generator(self.device).manual_seed(n + n_rows)
        dtype = _dtypes(torch)[self.dtype]

        def draw(*shape: int) -> Any:
            return torch.empty(shape, device=self.device).normal_(generator=generator)

        x, dy = (draw(n_rows, n) * 2 + 3).to(dtype), draw(n_rows, n).to(dtype)
        w, b = (1 + draw(n) / 4).to(dtype), draw(n).to(dtype)
        wide = x.double()
        mean = wide.mean(1, keepdim=True)
        wide -= mean
        rstd = ((wide * wide).mean(1, keepdim=True) + 1e-5).rsqrt()
        wide *= rstd
        case = {"X": x, "W": w, "B": b, "n_rows": n_rows, "eps": 1e-5}
        if self.direction == "forward":
            y = wide * w.double() + b.double()
            wanted = {"Y": y.float(), "Mean": mean[:, 0].float(), "RSTD": rstd[:, 0].float()}
            made = {"Y": torch.empty_like(x)} | {
                name: torch.empty(n_rows, device=self.device) for name in ("Mean", "RSTD")
            }
            return {**case, **made, "wanted": wanted}
        g = dy.double()
        wanted = {"dW": (g * wide).sum(0).float(), "dB": g.sum(0).float()}
        g *= w.double()
        g -= g.mean(1, keepdim=True) + wide * (g * wide).mean(1, keepdim=True)
        g *= rstd
        wanted["dX"] = g.float()
        case |= {"dY": dy, "Mean": mean[:, 0].float(), "RSTD": rstd[:, 0].float(), "dX": torch.empty_like(x)}
        return {**case, "dW": torch.empty_like(w), "dB": torch.empty_like(w), "wanted": wanted}

    def _call(self, candidate: Candidate, case: dict[str, Any]) -> Any:
        """Launches all that the candidate takes."""
        from atlas import long_rows_kernels
        from liger_kernel.kernels import layer_norm
        from liger_kernel.ops.slots import empty_slots

        torch, n_rows = self.torch, case["n_rows"]
        plan = _launches(candidate, n_rows)
        slots = max((launch.exchange_slots for launch in plan), default=0)
        if candidate.kernel in EXPERIMENTS:
            slots = n_rows * candidate.split
        n_partials = max([1, *(launch.values.get("n_partials", 0) for launch in plan)])
        tensors = dict(case)
        nothing = tensors["Exchange"] = torch.zeros(1, dtype=torch.int64, device=self.device)
        if candidate.direction == "backward":
            for name in ("dW_partial", "dB_partial"):
                tensors[name] = torch.empty(n_partials, self.n_cols, device=self.device)
        steps = []
        if candidate.kernel in EXPERIMENTS:
            arguments = [tensors[name] for name in _types(candidate)]
            keywords = {**candidate.constexprs(), **candidate.options()}
            grid = (min(n_rows, candidate.groups) * candidate.split,)
            kernel = getattr(long_rows_kernels, EXPERIMENTS[candidate.kernel])
            steps.append((kernel[grid], arguments, keywords))
        for launch in plan:
            numbers = {**tensors, **launch.values}
            arguments = [numbers[name] for name in launch.args]
            kernel = getattr(layer_norm, launch.kernel)[launch.grid]
            steps.append((kernel, arguments, {**launch.constexprs, **launch.options}))

        def call() -> None:
            if DRY:
                return
            exchange = empty_slots(slots, case["X"].device) if slots else nothing
            for number, (kernel, arguments, keywords) in enumerate(steps):
                arguments = [exchange if argument is nothing else argument for argument in arguments]
                compiled = kernel(*arguments, **keywords)
                if number == 0 and not self.seen:
                    self.seen |= {name: getattr(compiled, name, None) for name in ("n_regs", "n_spills")}
                    self.seen["shared"] = getattr(compiled.metadata, "shared", None)

        return call

    def _errors(self, candidate: Candidate, case: dict[str, Any]) -> dict[str, float]:
        """The largest error of each result, as a share of the largest value of that result."""
        for name in case["wanted"]:
            case[name].fill_(float("nan")) if name not in ("Mean", "RSTD") or self.direction == "forward" else None
        self._call(candidate, case)()
        found = {}
        for name, wanted in case["wanted"].items():
            error = float((case[name].float() - wanted).abs().max()) / max(1e-30, float(wanted.abs().max()))
            found[name] = error if error == error else float("inf")
        return found

    def _close(self, errors: dict[str, float]) -> bool:
        """One rounding to bf16 is a share of 2 ** -9, to fp16 of 2 ** -12; statistics are fp32 in any case."""
        rounding = {"bf16": 2.0**-8, "fp16": 2.0**-11, "fp32": 3e-6}[self.dtype]
        return all(error < (3e-6 if name in ("Mean", "RSTD") else rounding) for name, error in errors.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
