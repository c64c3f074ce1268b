"""A launch's values in each release against those in the one before: ``python compare.py REQUEST.json OUT.json``.

Run by a Python that has numpy. REQUEST has ``launches``, launch -> release -> the row and the folder of
:class:`Outcome`, oldest release first; or ``pairs``, a list of ``launch``, ``before`` and ``after`` (the same),
``reference``, whether the first is what a reference says, and where a GPU ran it ``device``, whether the kernel has
dots. OUT is a list of :class:`Change`; of pairs, one for each.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

if __name__ == "__main__" and not __package__:  # run by its path: find the package that it is part of
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "triton_matrix.values"

import numpy as np

from . import arrays, dtypes
from .outcomes import Change, Difference, Outcome

# The relative difference that rounding explains, by type: torch.testing.assert_close's own (torch 2.11), and one step
# of the 8-bit floats, 2**-2 or 2**-3. Integers do not round.
ROUNDING = {"fp64": 1e-7, "fp32": 1.3e-6, "bf16": 1.6e-2, "fp16": 1e-3, "fp8e5": 0.25, "fp8e5b16": 0.25}
ROUNDING |= {"fp8e4nv": 0.125, "fp8e4b8": 0.125, "fp8e4b15": 0.125}
# a reference sums in fp64, or in another order, as each compiler for a GPU does: of 2**14 numbers in fp32 that is
# sqrt(2**14) * 2**-24
FROM_REFERENCE = {**ROUNDING, "fp32": 1e-5}
# What is left of two numbers of the inputs' size that are subtracted: units in the last place of fp32, of that size
LEFT_OVER = 4 * 2**-23
WITH_DOTS = {**FROM_REFERENCE, "fp32": 2**-9}  # a GPU may round what a dot multiplies to tf32, of 10 bits


@dataclasses.dataclass(frozen=True)
class Written:
    """What a launch wrote into one storage.

    Attributes:
        argument: the first parameter that looks into it; dtype, shape, strides and offset are of its tensor.
        count, digest: of all elements that were written, with their places.
        places: of those that are kept, in elements from the storage's start, ascending.
        bits: what stands there, as the type's storage.
        whole: whether what was not written is among them: a device does not tell it apart.
    """

    argument: str
    dtype: dtypes.Dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    count: int
    digest: str
    places: Any
    bits: Any
    whole: bool = False

    def index(self, place: int) -> tuple[int, ...]:
        """The tensor's index of a place; the place itself where the tensor does not reach it."""
        left, index = place - self.offset, [0] * len(self.shape)
        for dim in sorted(range(len(self.shape)), key=lambda dim: -self.strides[dim]):
            if self.strides[dim]:
                index[dim], left = divmod(left, self.strides[dim])
        fits = left == 0 and all(0 <= at < size for at, size in zip(index, self.shape))
        return tuple(index) if fits and self.shape else (place,)


def main(request: Path, out: Path) -> int:
    """Compare what a file names; the exit status is 0."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    answers = [dataclasses.asdict(_of_pair(each)) for each in asked.get("pairs", ())]
    for launch, rows in asked.get("launches", {}).items():
        releases = {name: Outcome(launch, each["row"], Path(each["folder"])) for name, each in rows.items()}
        answers += [dataclasses.asdict(change) for change in changes(releases)]
    out.write_text(json.dumps(answers), encoding="utf-8")
    return 0


def _of_pair(pair: Mapping[str, Any]) -> Change:
    """How one outcome differs from another; ``values`` without a difference where nothing that is kept does."""
    before, after = (Outcome(pair["launch"], pair[of]["row"], Path(pair[of]["folder"])) for of in ("before", "after"))
    bounds = FROM_REFERENCE if pair["reference"] or "device" in pair else ROUNDING
    bounds = WITH_DOTS if pair.get("device") else bounds
    old, new = written(before), written(after)
    floor = LEFT_OVER * max(float(each.row.get("scale", 0)) for each in (before, after))
    if pair["reference"]:  # of a sample, the reference says more than was run
        sampled = len(after.programs) < after.row["total"]
        of_both = {each.argument for each in old}
        old = [dataclasses.replace(each, whole=sampled) for each in old]
        new = [each for each in new if each.argument in of_both]
    return _told(pair["launch"], "", "", differences(old, new, bounds, floor), reference=pair["reference"])


def changes(releases: Mapping[str, Outcome]) -> list[Change]:
    """How a launch differs between each release and the one before it.

    Args:
        releases: release -> outcome, oldest first. One that could not compute it for its own reasons (``n/a``,
            ``late``, ``crashed``) is told of and left out.
    """
    all_changes: list[Change] = []
    last: Optional[tuple[str, Outcome]] = None
    for release, outcome in releases.items():
        if outcome.status not in ("computed", "error"):
            said = f"{outcome.status}: {outcome.row['reason']}"
            all_changes.append(Change(outcome.launch, "not compared", release, last[0] if last else "", said))
            continue
        if last is not None:
            all_changes += _between(last[0], last[1], release, outcome)
        last = (release, outcome)
    return all_changes


def _between(older: str, before: Outcome, newer: str, after: Outcome) -> list[Change]:
    if before.status != after.status:
        return [Change(after.launch, "status", newer, older, _status(before, after))]
    if before.status == "error":
        return []
    if before.programs != after.programs:
        said = f"{len(before.programs)} programs ran, then {len(after.programs)}"
        return [Change(after.launch, "not compared", newer, older, said)]
    per_storage = differences(written(before), written(after))
    return [_told(after.launch, newer, older, per_storage)] if per_storage else []


def _told(launch: str, newer: str, older: str, per_storage: Sequence[Difference], *, reference: bool = False) -> Change:
    if not per_storage:
        return Change(launch, "rounding", newer, older, "")
    kind = "rounding" if all(each.rounding for each in per_storage) else "values"
    worst = max(per_storage, key=lambda each: (not each.rounding, each.differing))
    return Change(launch, kind, newer, older, worst.sentence(reference=reference), tuple(per_storage))


def _status(before: Outcome, after: Outcome) -> str:
    if after.status == "error":
        return f"ran, now {after.row['reason']}"
    return f"runs; before, it {before.row['reason']}"


def written(outcome: Outcome) -> list[Written]:
    """What a computed launch wrote, storage by storage.

    Raises:
        OSError, ValueError, KeyError: its file is not there or not whole.
    """
    storages, whole = [], bool(outcome.row.get("whole"))
    for each in outcome.row["storages"]:
        if each["written"]:
            name, dtype = each["args"][0], dtypes.find(each["dtype"])
            where = (tuple(each["shape"]), tuple(each["strides"]), each["offset"], each["written"], each["digest"])
            storages.append(Written(name, dtype, *where, *arrays.read(outcome.folder, each["digest"]), whole))
    return storages


def differences(
    before: Sequence[Written], after: Sequence[Written], bounds: Mapping[str, float] = ROUNDING, floor: float = 0.0
) -> list[Difference]:
    """Each storage whose values differ.

    Args:
        bounds: the relative difference that rounding explains, by type.
        floor: the absolute one, of fp32.
    """
    newer = {each.argument: each for each in after}
    pairs: list[tuple[Optional[Written], Optional[Written]]] = [(old, newer.pop(old.argument, None)) for old in before]
    pairs += [(None, new) for new in newer.values()]
    per_storage = [_difference(old, new, bounds, floor) for old, new in pairs if not _same(old, new)]
    return [each for each in per_storage if each is not None]


def _same(old: Optional[Written], new: Optional[Written]) -> bool:
    return old is not None and new is not None and (old.count, old.digest) == (new.count, new.digest)


def _difference(
    old: Optional[Written], new: Optional[Written], bounds: Mapping[str, float], floor: float
) -> Optional[Difference]:
    """How a storage differs; None where all that is kept of it is the same."""
    either = old or new
    assert either is not None
    places = _places(old, new)
    a, bits_a, has_a = _at(old, places, either.dtype)
    b, bits_b, has_b = _at(new, places, either.dtype)
    both = has_a & has_b
    with np.errstate(all="ignore"):
        # -0.0 is 0.0 and a NaN a NaN; integers of 64 bits are more than fp64 tells apart
        alike = (a == b) | (np.isnan(a) & np.isnan(b)) if either.dtype.kind == "float" else bits_a == bits_b
        same = both & alike
        if same.all():
            return None
        size = np.abs(a - b)
        relative = np.where(same, 0.0, size / np.maximum(np.abs(a), np.abs(b)))
    finite = both & np.isfinite(a) & np.isfinite(b)
    bound = _bound(a, b, finite, bounds.get(either.dtype.name, 0.0))
    bound = np.maximum(bound, floor if either.dtype.name == "fp32" else 0.0)
    explained = same | (finite & (size <= bound) & (either.dtype.kind == "float"))
    worst = int(np.argmax(np.where(same, -1.0, np.where(finite, size, np.inf))))
    numbers = finite & ~same
    return Difference(
        argument=either.argument,
        differing=int((~same).sum()),
        of=len(places),
        unwritten=int((~both).sum()),
        absolute=float(size[numbers].max()) if numbers.any() else None,
        relative=float(relative[numbers].max()) if numbers.any() else None,
        index=either.index(int(places[worst])),
        before=_shown(bits_a[worst], has_a[worst], either.dtype),
        after=_shown(bits_b[worst], has_b[worst], either.dtype),
        rounding=bool(explained.all()),
    )


def _places(old: Optional[Written], new: Optional[Written]) -> Any:
    """The places to compare: what either wrote; beside a whole storage, what the other one wrote."""
    if old is not None and new is not None and old.whole != new.whole:
        whole, part = (old, new) if old.whole else (new, old)
        # of a large storage only a share is kept: what is not was written all the same
        return part.places if len(whole.places) == whole.count else np.intersect1d(part.places, whole.places)
    return np.union1d(old.places if old else [], new.places if new else []).astype(np.int64)


def _at(storage: Optional[Written], places: Any, dtype: dtypes.Dtype) -> tuple[Any, Any, Any]:
    """What stands at places: as fp64, as the type's storage, and whether it was written."""
    bits, has = np.zeros(len(places), dtype.storage), np.zeros(len(places), np.bool_)
    if storage is not None:
        at = np.searchsorted(places, storage.places)
        here = at < len(places)
        here[here] = places[at[here]] == storage.places[here]
        bits[at[here]], has[at[here]] = storage.bits[here], True
    return dtypes.decode(bits, dtype).astype(np.float64), bits, has


def _bound(a: Any, b: Any, finite: Any, part: float) -> Any:
    """The largest difference that rounding explains, element by element.

    An element may be what is left of larger ones: the whole output's root of the mean square counts as its size too.
    """
    if not part or not finite.any():
        return np.zeros(len(a))
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        return part * np.maximum(size, np.sqrt(np.mean(np.square(size[finite]))))


def _shown(bits: Any, has: bool, dtype: dtypes.Dtype) -> str:
    if not has:
        return "not written"
    value = dtypes.decode(bits, dtype).item()
    return f"{value:.9g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
