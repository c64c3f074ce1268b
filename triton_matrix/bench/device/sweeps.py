"""The file of ``tune``: a sweep for each launch, GPU and Triton, with every configuration that was measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from ...base import display_text, files, reads
from ...evidence import schemas, toolchain
from .rounds import Times
from .varying import Options
from .workers import Failed


@dataclass
class Point:
    """A configuration that was measured.

    Attributes:
        options: compile options and constexprs.
        median, spread: seconds, and of the turns' medians, a fraction; None where it does not run.
        failed: why it does not; "" where it does.
    """

    options: dict[str, int]
    median: Optional[float] = None
    spread: Optional[float] = None
    failed: str = ""

    @property
    def key(self) -> Options:
        """As :mod:`varying` has it."""
        return tuple(self.options.items())


@dataclass
class Sweep:
    """What was measured of a launch on one GPU with one Triton.

    Attributes:
        launch: its label.
        place: the file or folder that it is of, from the repo root; "" of the package's atlas, else ``hook:`` and the
            hook's reference.
        source: digest of what its kernel's module read, and of what the launch asks.
        own: the launch's own configuration.
        asked: how many configurations there are; those that are not among ``points`` are left to measure.
    """

    launch: str
    place: str
    source: str
    gpu: str
    arch: str
    driver: str
    triton: str
    torch: str
    python: str
    date: str
    commit: Optional[str]
    dirty: Optional[bool]
    own: dict[str, int]
    asked: int = 0
    points: list[Point] = field(default_factory=list)

    @property
    def best(self) -> Optional[Point]:
        """The fastest; None where none ran."""
        return min((each for each in self.points if each.median), key=lambda each: each.median or 0.0, default=None)

    @property
    def key(self) -> tuple[str, str, str]:
        """What may be in a file once."""
        return self.launch, self.gpu, self.triton

    def take(self, points: Mapping[Options, Union[Times, Failed]]) -> None:
        """Add what was measured."""
        for options, times in points.items():
            made = Point(dict(options))
            if isinstance(times, Times):
                made.median, made.spread = times.median, times.spread
            else:
                made.failed = str(times)
            self.points.append(made)

    def neighbours(self, of: Options) -> list[Options]:
        """The measured configurations that ran and are one step from ``of`` in one name, by the values measured."""
        ran = [each.key for each in self.points if each.median and each.key != of]
        values = {name: sorted({each.options[name] for each in self.points}) for name, _ in of}

        def steps(other: Options) -> int:
            return sum(abs(values[name].index(a) - values[name].index(b)) for (name, a), (_, b) in zip(of, other))

        return [each for each in ran if steps(each) == 1]


def source_of(read: reads.Reads, asked: Mapping[str, Any], root: Path) -> str:
    """Digest of what a kernel's module read below ``root``, and of what a launch asks of it."""
    said = {key: value for key, value in asked.items() if key not in ("name", "kernel", "reference")}
    return hashlib.sha256(json.dumps([reads.below(read, root), said], sort_keys=True).encode()).hexdigest()[:16]


def read(path: Path) -> list[Sweep]:
    """The sweeps of a file.

    Raises:
        ValueError: it is not there, or no file of ``tune``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != schemas.TUNED:
            raise ValueError(f"its schema is not {schemas.TUNED!r}")
        return [Sweep(**{**each, "points": [Point(**point) for point in each["points"]]}) for each in content["sweeps"]]
    except OSError as problem:
        raise ValueError(f"{path}: {problem.strerror}; the verb tune writes such a file") from None
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{path} is no file of the verb tune: {problem}") from None


def write(path: Path, sweeps: Sequence[Sweep], root: Path) -> None:
    """Write all sweeps, whole or not at all; a line for each point."""
    commit, dirty = toolchain.git_state(root)
    head = {"schema": schemas.TUNED, "date": toolchain.now(), "commit": commit, "dirty": dirty}
    parts = []
    for sweep in sweeps:
        content = display_text.cleaned(asdict(sweep))
        points = ",\n   ".join(json.dumps(point) for point in content.pop("points"))
        parts.append(f'{json.dumps(content)[:-1]}, "points": [\n   {points}]}}')
    text = json.dumps(head, indent=1)[:-2] + ',\n "sweeps": [\n  ' + ",\n  ".join(parts) + "\n ]\n}\n"
    files.write_text(path, text)
