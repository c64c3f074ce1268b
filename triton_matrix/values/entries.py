"""What the evidence keeps of a launch in a release, and how two releases' entries differ. Needs no numpy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from ..codegen.compare import Change
from ..evidence.atlas_file import INTERPRETER
from ..launches import naming
from . import outcomes
from .outcomes import Outcome

STATUS = {"computed": "ok", "late": "n/a", "n/a": "n/a", "error": "error", "crashed": "error"}
OF_STORAGE = ("args", "dtype", "shape", "strides", "offset", "read", "written", "digest")
Compared = Mapping[tuple[str, str, str], Mapping[str, Any]]  # label, digest before, digest after -> how they differ


def entry(kernel: str, settings: Sequence[str], launch: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """One entry. ``metrics`` and ``values`` repeat exactly from run to run; ``seconds`` do not.

    Args:
        kernel, settings: what the launch is called.
        launch: as it was asked.
    """
    row, label = outcome.row, naming.label(kernel, settings)
    value: dict[str, Any] = {
        "id": naming.identifier(label, INTERPRETER),
        "kernel": kernel,
        "settings": list(settings),
        "label": label,
        "target": INTERPRETER,
        "constexprs": launch.get("constexprs", {}),
        "options": launch.get("options", {}),
        "status": STATUS[outcome.status],
        "metrics": {},
        "seconds": row.get("seconds", 0.0),
    }
    if outcome.status == "crashed":
        value["crash"] = True
    if row["reason"]:
        value["reason"] = row["reason"]
    if row.get("repairs"):
        value["repairs"] = row["repairs"]
    if outcome.status == "computed":
        value["metrics"] = {"programs": len(outcome.programs), "programs_of": row["total"]}
        value["metrics"] |= {f"outside_{what}": count for what, count in row["outside"].items() if count}
        value["storages"] = [{key: each[key] for key in OF_STORAGE if key in each} for each in row["storages"]]
        if row.get("dots"):
            value["dots"] = row["dots"]
        value["ran"] = _digest(outcome.programs)
        value["values"] = _digest([value["ran"], values_of(row)])
    return value


def values_of(row: Mapping[str, Any]) -> list[Any]:
    """What a row says was written, by argument."""
    return [[each["args"], each.get("digest")] for each in row["storages"]]


def reference_digest(row: Mapping[str, Any]) -> str:
    """The digest that what a reference says is known by."""
    return _digest(["reference", values_of(row)])


def row_of(entry_: Mapping[str, Any]) -> dict[str, Any]:
    """The row that comparing takes, of an entry."""
    programs = [[number] for number in range(int(entry_["metrics"]["programs"]))]
    about = {"status": "computed", "reason": "", "programs": programs, "total": entry_["metrics"]["programs_of"]}
    return {**about, "storages": entry_["storages"]}


def unknown(before: Mapping[str, Any], after: Mapping[str, Any], compared: Compared) -> list[tuple[Any, Any]]:
    """The entries of two files whose values differ and are not compared yet."""
    return [(old, new) for old, new in _both(before, after) if _differ(old, new) and _key(old, new) not in compared]


def pair(label: str, before: Mapping[str, Any], after: Mapping[str, Any], folder: Path, *, reference: bool) -> Any:
    """What :func:`computing.pairs` is asked of two rows."""
    sides = {"before": before, "after": after}
    rows = {name: {"row": dict(row), "folder": str(folder)} for name, row in sides.items()}
    return {"launch": label, "reference": reference, **rows}


def told(change: outcomes.Change, before: str, after: str) -> dict[str, Any]:
    """What the evidence keeps of a comparison of two digests."""
    worst: dict[str, float] = {}
    if change.differences:
        # in three digits: a hair more in another run is the same
        sizes = [float(f"{each.absolute:.3g}") for each in change.differences if each.absolute is not None]
        worst = {"differing": sum(each.differing for each in change.differences)}
        worst |= {"absolute": max(sizes)} if sizes else {}
    about = {"label": change.launch, "before": before, "after": after}
    return {**about, "kind": change.kind, "reason": change.reason, "worst": worst}


def compared_in(documents: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """All comparisons that files hold."""
    return {
        (each["label"], each["before"], each["after"]): each
        for document in documents
        for each in document.get("compared", ())
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any], compared: Compared) -> list[Change]:
    """Every change from one file's content to another's, worst first. Launches in only one are left out."""
    all_changes = [each for old, new in _both(before, after) for each in _of_entry(old, new, compared)]
    return sorted(all_changes, key=lambda change: (change.kind == "info", change.cause, -change.size, change.label))


def _both(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    old = {item["id"]: item for item in before["entries"]}
    return [(old[item["id"]], item) for item in after["entries"] if item["id"] in old]


def _of_entry(old: Mapping[str, Any], new: Mapping[str, Any], compared: Compared) -> list[Change]:
    def change(kind: str, what: str, cause: str = "", worst: Optional[Mapping[str, float]] = None) -> Change:
        worst = worst or {}
        size, values = worst.get("differing", 0), tuple(sorted(worst.items()))
        return Change(kind, new["kernel"], tuple(new["settings"]), new["target"], what, cause, size, values)

    if "values" in old and "values" in new:
        if old["ran"] != new["ran"]:
            counts = [int(each["metrics"]["programs"]) for each in (old, new)]
            return [change("info", f"not compared: {counts[0]} programs ran, then {counts[1]}")]
        if not _differ(old, new):
            return []
        answer = compared.get(_key(old, new))
        if answer is None:
            return [
                change("worse", "values differ, and by how much is not known: run both releases together", "values")
            ]
        if answer["kind"] == "rounding":
            alike = "in nothing that is kept but the bits of NaN and the sign of zero"
            how = f"as rounding does: {answer['reason']}" if answer["reason"] else alike
            return [change("info", f"values differ {how}")]
        return [change("worse", f"values differ: {answer['reason']}", "values", answer["worst"])]
    if old["status"] == new["status"]:
        return []
    if old["status"] == "ok" and new["status"] == "error":
        return [change("worse", f"ran, and now {new['reason']}", "run")]
    was, is_ = (f"{each['status']}: {each['reason']}" if each.get("reason") else "ran" for each in (old, new))
    return [change("info", f"was {was}, is {is_}")]


def _differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return "values" in old and "values" in new and old["ran"] == new["ran"] and old["values"] != new["values"]


def _key(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str, str]:
    return new["label"], old["values"], new["values"]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
