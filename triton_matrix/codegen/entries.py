"""What the atlas file keeps of a configuration and what compiling it gave."""

from __future__ import annotations

from typing import Any

from ..launches import naming
from ..launches.configuration import Configuration
from .compile import Result


def entry(configuration: Configuration, result: Result) -> dict[str, Any]:
    """One entry. ``metrics`` repeat exactly from run to run; ``seconds`` and ``cpu_seconds`` do not."""
    value: dict[str, Any] = {
        "id": configuration.id,
        "kernel": naming.kernel(configuration.kernel),
        "settings": list(configuration.settings),
        "label": configuration.label,
        "target": configuration.target,
        "args": configuration.args,
        "constexprs": configuration.constexprs,
        "options": configuration.options,
        "hints": list(configuration.hints),
        "status": result.status,
        "metrics": result.metrics,
        "seconds": round(result.seconds, 3),
        "cpu_seconds": round(result.cpu_seconds, 3),
    }
    if result.crash:
        value["crash"] = True
    if result.unanswered:
        value["unanswered"] = True
    if result.source:
        value["source"] = result.source
    if result.warnings:
        value["warnings"] = list(result.warnings)
    if result.reason:
        value["reason"] = result.reason
    return value
