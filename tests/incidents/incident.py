"""What an incident is: metadata, and observations of the Triton that runs them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, Optional

LEVELS = ("interpreter", "codegen", "device", "build")  # build: nothing of Triton runs, only what installs the package


class NotApplicable(Exception):
    """This Triton or Python cannot make the observation at all; the text is the reason, in one sentence."""


class Missing(Exception):
    """The observation needs something that is not here but could be; the text says what, in one sentence."""


@dataclass(frozen=True)
class Seen:
    """What an observation saw: whether the incident shows here, and the fact that says so."""

    shown: bool
    detail: str


@dataclass(frozen=True)
class Releases:
    """The Triton releases that something shows on: from ``first`` to ``last``, both included; None leaves an end open.

    ``but_not`` names those in between that it does not show on.
    """

    first: Optional[str] = None
    last: Optional[str] = None
    but_not: tuple[str, ...] = ()

    def __contains__(self, version: str) -> bool:
        key = version_key(version)
        if key in map(version_key, self.but_not):
            return False
        after = self.first is None or key >= version_key(self.first)
        return after and (self.last is None or key <= version_key(self.last))

    def __str__(self) -> str:
        if self.first is None:
            span = "every release" if self.last is None else f"releases up to {self.last}"
        elif self.first == NOWHERE:
            span = "no release"
        elif self.last is None:
            span = f"{self.first} and later"
        else:
            span = self.first if self.first == self.last else f"{self.first} to {self.last}"
        return f"{span} but {', '.join(self.but_not)}" if self.but_not else span


EVERY = Releases()
NOWHERE = "9999"
NONE = Releases(NOWHERE)


@dataclass(frozen=True)
class Observation:
    """One way to look at an incident.

    Attributes:
        level: how the result is obtained.
        observe: looks at the Triton of this process; raises NotApplicable or Missing where it cannot.
        shown_on: the releases that history says it shows on; where we measured otherwise, what we measured.
        name: what tells it from the incident's other observations at this level, or "".
    """

    level: str
    observe: Callable[[], Seen]
    shown_on: Releases
    name: str = ""


@dataclass(frozen=True)
class Incident:
    """A regression that really happened.

    Attributes:
        title: what broke, in a few words.
        reference: the public thread or release note.
        symptom: what its users saw.
        affected: the versions that the public record names.
        observations: how it is looked at here.
        note: where the record and our measurement differ, and which is asserted.
    """

    title: str
    reference: str
    symptom: str
    affected: str
    observations: tuple[Observation, ...]
    note: str = ""


def load() -> dict[str, Incident]:
    """Every incident of this package by its file's name, sorted."""
    found = {}
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("test_"):
            incident = getattr(importlib.import_module(f".{module.name}", __package__), "INCIDENT", None)
            if incident is not None:
                found[module.name] = incident
    return dict(sorted(found.items()))


def observations() -> Iterator[tuple[str, Incident, Observation]]:
    """Every observation with its id, ``declared_option:interpreter`` or ``libdevice_rsqrt:codegen:new-home``."""
    called: set[str] = set()
    for name, incident in load().items():
        for item in incident.observations:
            identity = ":".join(filter(None, (name, item.level, item.name)))
            if identity in called:
                raise ValueError(f"two observations are called {identity}; give each a name of its own")
            called.add(identity)
            yield identity, incident, item


def version_key(version: str) -> tuple[int, ...]:
    """``"3.10.0+git5"`` as ``(3, 10, 0)``."""
    return tuple(int(part) for part in re.match(r"[\d.]+", version).group().rstrip(".").split("."))
