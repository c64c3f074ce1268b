"""Which releases have what: the language as it was surveyed, and how releases behave beyond its names.

The survey is read off every release of the table (survey.py). :data:`BEHAVIOURS` is what no survey shows: a kernel that
some release compiles or interprets differently. tests/harness/lint compiles or runs an example of each on the releases
that it names, and tests/incidents/test_portable.py compares the survey with the Triton of every cell.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

from ..base import language as language_survey
from ..base import versions
from . import survey
from .finding import Finding
from .source import Source

# A kernel's parameter that the interpreter drops from the call, with the releases whose interpreter does.
INTERPRETER_DROPS = {
    "num_warps": "2.3.1 - 3.2.0",
    "num_stages": "2.3.1 - 3.2.0",
    "num_ctas": "2.3.1 - 3.2.0",
    "enable_fp_fusion": "2.3.1 - 3.2.0",
    "enable_warp_specialization": "2.3.1",
    "maxnreg": "3.0.0 - 3.2.0",
}
# Every launch has a value for these, so that a parameter of the same name changes nothing that is compiled.
ALWAYS_SET = ("num_warps", "num_stages", "num_ctas")
LAUNCH_DROPS = "2.3.1"  # its launcher drops what is a compile option of its own before it binds the rest


RULE_OF_LEVEL = {"codegen": "not-portable", "interpreter": "not-interpreted"}
BACKENDS = ("cuda", "hip")


@dataclass(frozen=True)
class Behaviour:
    """What a release does otherwise than others, though its language has the names.

    Attributes:
        level: where it shows: ``codegen`` (when it is compiled) or ``interpreter``.
        broken: the releases on which it shows, as an interval of the survey.
        sentence: what it is and what to write instead; the releases come before it.
        backend: the only one on which it shows, ``cuda`` or ``hip``; empty: on both.
    """

    level: str
    broken: str
    sentence: str
    backend: str = ""


BEHAVIOURS = {
    "global": Behaviour(
        "codegen", "3.0.0 -", "a module global that is no constexpr is a NameError; pass it as a parameter"
    ),
    "global None": Behaviour(
        "codegen", "3.0.0 - 3.2.0", "a module global that is None is a NameError; pass it as a parameter"
    ),
    "annotated global": Behaviour(
        "codegen",
        "3.3.1 -",
        "a global annotated as tl.constexpr is a NameError; write NAME = tl.constexpr(value), or pass it",
    ),
    "constexpr global": Behaviour(
        "interpreter", "2.3.1", "a module global that is a tl.constexpr ends every kernel of its file; pass it instead"
    ),
    "indexed block": Behaviour(
        "interpreter", "2.3.1", "indexing a block with None or : gives raw numpy; write tl.expand_dims(x, axis)"
    ),
    "deferred annotations": Behaviour(
        "interpreter",
        "2.3.1 - 3.1.0",
        "deferred annotations turn tl.constexpr into text that is not read; keep kernels in a file without this import",
    ),
    "min or max of a block": Behaviour(
        "interpreter",
        "2.3.1 -",
        "Python's own min and max compare whole blocks and give wrong numbers; write tl.minimum or tl.maximum",
    ),
    "min or max as a shape": Behaviour(
        "codegen",
        "2.3.1 - 3.5.1",
        "min and max of constexprs are numbers of the kernel, which no shape takes; compute it before the launch",
    ),
    "tl.math": Behaviour(
        "interpreter", "2.3.1", "tl.math is libdevice, which ends the process; for rsqrt write 1 / tl.sqrt(x)"
    ),
    "libdevice": Behaviour("interpreter", "2.3.1 -", "libdevice does not run interpreted; write it with what tl has"),
    "block pointer": Behaviour("codegen", "3.9.0 -", "block pointers are gone; write pointers and a mask"),
    "libdevice by attribute": Behaviour(
        "codegen",
        "2.3.1 - 3.5.1",
        "tl.extra.libdevice.NAME is not there or is empty; write from triton.language.extra import libdevice",
    ),
    "CUDA's libdevice on HIP": Behaviour(
        "codegen",
        "3.0.0 -",
        "HIP has no such function; write from triton.language.extra import libdevice",
        "hip",
    ),
    "HIP's libdevice on CUDA": Behaviour(
        "codegen",
        "2.3.1 -",
        "CUDA has no such function; write from triton.language.extra import libdevice",
        "cuda",
    ),
    "annotated assignment": Behaviour(
        "codegen", "2.3.1 - 3.1.0", "only tl.constexpr may annotate an assignment; leave the annotation out"
    ),
    "bitcast to a constexpr": Behaviour(
        "codegen", "2.3.1 - 3.1.0", ".to(DTYPE, bitcast=True) takes no tl.constexpr; write DTYPE.value or the dtype"
    ),
    "constant out of range": Behaviour(
        "codegen",
        "3.3.1 -",
        "an integer constant has the type of its operand, which it must fit; make the operand wider first",
    ),
    "dot of bf16": Behaviour(
        "interpreter", "2.3.1 -", "tl.dot multiplies bf16 as bit patterns; give it fp32 when interpreted"
    ),
    "fp16 atomic_add": Behaviour(
        "interpreter", "2.3.1 - 3.2.0", "tl.atomic_add takes no fp16; add in fp32 when interpreted"
    ),
    "num_ctas": Behaviour(
        "codegen",
        "2.3.1 - 3.7.1",
        "num_ctas > 1 shares no reduction: up to 3.4.0 each program does all of it, later ones end the compiler",
        "cuda",
    ),
    "num_ctas on HIP": Behaviour(
        "codegen", "3.0.0 -", "HIP reduces nothing with num_ctas > 1, and refuses it from 3.5.1 on", "hip"
    ),
}
NARROW = {"int8": (-(2**7), 2**7), "uint8": (0, 2**8), "int16": (-(2**15), 2**15), "uint16": (0, 2**16)}
WRAPS_FROM = "3.2.0"  # the first release in which an integer constant takes the type of its operand

# What to write instead, by the end of the name; most names say it themselves.
INSTEAD = {
    "range": "write range",
    "rsqrt": "write 1 / tl.sqrt(x)",
    "cast": "write x.to(dtype)",
    "make_block_ptr": "write pointers and a mask",
    "advance": "write pointers and a mask",
    "make_tensor_descriptor": "write pointers and a mask",
    "tensor.cast": "write .to(dtype) on a block",
    "max": "write tl.maximum(a, b)",
    "exp2": "write tl.exp(x * 0.6931471805599453)",
    "log2": "write tl.log(x) * 1.4426950408889634",
    "clamp": "write tl.minimum(tl.maximum(x, low), high)",
    "permute": "write tl.trans of a matrix",
}


@dataclass(frozen=True)
class Language:
    """The survey of all releases, and which of them are asked about.

    Attributes:
        releases: every release of the survey, oldest first.
        supported: those of them that the package supports.
        backends: those that the package supports.
    """

    data: dict[str, Any] = field(repr=False)
    releases: tuple[str, ...]
    supported: frozenset[str]
    backends: tuple[str, ...] = BACKENDS

    def missing_option(self, name: str) -> frozenset[str]:
        """The supported releases without this compile option."""
        return self.supported - self.having(self.data["options"], name)

    def known_option(self, name: str) -> bool:
        """Whether some release has this compile option."""
        return bool(self.having(self.data["options"], name))

    def missing_module(self, dotted: str) -> frozenset[str]:
        """The supported releases without this module of Triton; none where no survey covers it."""
        return self.missing_name(dotted) if dotted in self.data["names"] else frozenset()

    def missing_import(self, module: str, name: str) -> tuple[str, frozenset[str]]:
        """What of ``from module import name`` some supported release lacks, and these releases."""
        missing = self.missing_module(module)
        if missing or module not in self.data["names"] or name == "*":
            return module, missing
        return f"{module}.{name}", self.missing_name(f"{module}.{name}")

    def lacking(self, missing: frozenset[str], instead: str = "") -> str:
        """A sentence of the releases that lack something."""
        everywhere = missing == frozenset(self.releases)
        return ("it is in no release" if everywhere else f"it is not in {self.spell(missing)}") + (
            f"; {instead}" if instead else ""
        )

    def missing_builtin(self, name: str) -> frozenset[str]:
        """The supported releases in which a kernel cannot call this builtin of Python that others let it call."""
        return self._missing(self.data["builtins"], name)

    def missing_syntax(self, node: str) -> frozenset[str]:
        """The supported releases that do not read this kind of ast node, which others read."""
        return self._missing(self.data["syntax"], node)

    def missing_name(self, dotted: str) -> frozenset[str]:
        """The supported releases that lack a name such as ``triton.language.rsqrt``; none where no survey covers it."""
        module, _, name = dotted.rpartition(".")
        if dotted in self.data["names"]:
            modules = self.data["names"][dotted]
            return self.supported - frozenset().union(*(self._within(interval) for interval in modules))
        if module not in self.data["names"]:
            return frozenset()
        return self.supported - self.having(self.data["names"][module], name)

    def missing_method(self, name: str) -> frozenset[str]:
        """The supported releases whose tensors lack this method, which those of others have."""
        return self._missing(self.data["names"][f"{survey.LANGUAGE}.tensor"], name)

    def missing_keyword(self, function: str, keyword: str) -> frozenset[str]:
        """The supported releases whose ``function`` is there, and has no such parameter."""
        parameters = self.data["parameters"].get(function)
        if parameters is None:
            return frozenset()
        there = frozenset().union(*(self._within(interval) for interval in parameters))
        return (self.supported & there) - self.having(parameters, keyword)

    def too_many(self, function: str, count: int) -> tuple[frozenset[str], int]:
        """The supported releases whose ``function`` takes less than ``count`` by position, and how many all take."""
        limits: dict[str, int] = self.data["positions"].get(function, {})
        short = {interval: limit for interval, limit in limits.items() if self._within(interval) & self.supported}
        refusing = [self._within(interval) for interval, limit in short.items() if limit < count]
        return self.supported & frozenset().union(*refusing), min(short.values(), default=count)

    def broken(self, behaviour: str) -> frozenset[str]:
        """The supported releases on which it shows, of a supported backend."""
        about = BEHAVIOURS[behaviour]
        shows = not about.backend or about.backend in self.backends
        return self.supported & self._within(about.broken) if shows else frozenset()

    def with_backend(self, backend: str) -> frozenset[str]:
        """Every release that compiles for a backend."""
        module = {"cuda": survey.LANGUAGE, "hip": "triton.backends.amd.compiler"}[backend]
        return frozenset(self.releases) - (self.missing_name(module) if module in self.data["names"] else frozenset())

    def wraps(self, dtype: str) -> str:
        """A sentence on an integer constant beside a narrow type; empty where all supported releases agree."""
        first = versions.key(WRAPS_FROM)
        before = [release for release in self.supported if versions.key(release) < first]
        after = self.supported - set(before)
        if not before or not after:
            return ""
        wide, narrow = self.spell(before), self.spell(after)
        return f"the result has 32 bits on {wide} and is {dtype} on {narrow}; say .to() of the type that is meant"

    def within(self, interval: str) -> frozenset[str]:
        """The supported releases of an interval."""
        return self.supported & self._within(interval)

    def spell(self, some: Iterable[str]) -> str:
        """Releases as text: "2.3.1 - 3.2.0"."""
        return versions.ranges(list(some), list(self.releases))

    def having(self, table: dict[str, list[str]], item: str) -> frozenset[str]:
        """Every release that a table of the survey gives ``item`` to, supported or not."""
        return frozenset().union(*(self._within(interval) for interval, items in table.items() if item in items))

    def _missing(self, table: dict[str, list[str]], item: str) -> frozenset[str]:
        having = self.having(table, item)
        return self.supported - having if having else having

    def _within(self, interval: str) -> frozenset[str]:
        return _releases_of(interval, self.releases)


@functools.cache
def _releases_of(interval: str, releases: tuple[str, ...]) -> frozenset[str]:
    return versions.within(interval, list(releases))


def behaviour(source: Source, line: int, kernel: str, name: str, language: Language) -> Iterator[Finding]:
    """The finding of a behaviour in a line, where a supported release shows it."""
    broken = language.broken(name)
    if broken:
        about = BEHAVIOURS[name]
        where = "in the interpreter of" if about.level == "interpreter" else "on"
        sentence = f"{where} {language.spell(broken)} {about.sentence}"
        yield Finding(source.path, line, RULE_OF_LEVEL[about.level], name, kernel, sentence)


def language(
    oldest: Optional[str] = None, newest: Optional[str] = None, backends: tuple[str, ...] = BACKENDS
) -> Language:
    """The survey, asked about the releases from ``oldest`` to ``newest``; about all of it by default.

    Raises:
        ValueError: one is no release number, or no release of the survey lies between them.
    """
    releases = tuple(language_survey.survey()["releases"])
    first, last = versions.key(oldest or releases[0]), versions.key(newest or releases[-1])
    supported = frozenset(release for release in releases if first <= versions.key(release) <= last)
    if not supported:
        asked = f"--oldest is {oldest or releases[0]!r} and --newest is {newest or releases[-1]!r}"
        raise ValueError(f"{asked}; allowed are two with at least one of {', '.join(releases)} between them")
    return Language(language_survey.survey(), releases, supported, backends)
