"""Look at every incident that can be seen in this process: ``python -m incidents.observe LEVEL [ID ...]``.

One JSON object a line on standard output. ``{"begin": id, "row": ..., "all": [ids]}`` comes before each observation, so
that one which ends the process is known; then its whole row. Where it could not be made, ``na`` (never here) or
``missing`` (something is not here) gives the reason instead of ``shown`` and ``detail``. Level interpreter needs
TRITON_INTERPRET=1, the others need it unset.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import triton

from .incident import Incident, Missing, NotApplicable, Observation, observations

RELEASE = triton.__version__.split("+")[0]


def describe(identity: str, incident: Incident, observation: Observation) -> dict[str, Any]:
    """What is known of a row before the observation is made."""
    about = {"title": incident.title, "reference": incident.reference, "symptom": incident.symptom}
    about.update(affected=incident.affected, note=incident.note, shown_on=str(observation.shown_on))
    found = {"id": identity, "incident": identity.split(":")[0], "name": observation.name, "level": observation.level}
    return {**found, "release": RELEASE, "expected": RELEASE in observation.shown_on, "about": about}


def see(observation: Observation) -> dict[str, Any]:
    """What the observation sees now, and how long it took."""
    started = time.perf_counter()
    try:
        seen = observation.observe()
        found: dict[str, Any] = {"shown": bool(seen.shown), "detail": seen.detail}
    except NotApplicable as reason:
        found = {"na": str(reason)}
    except Missing as reason:
        found = {"missing": str(reason)}
    return {**found, "seconds": round(time.perf_counter() - started, 3)}


def main(argv: list[str]) -> int:
    level, *wanted = argv
    chosen = [item for item in observations() if item[2].level == level and (not wanted or item[0] in wanted)]
    for identity, incident, observation in chosen:
        row = describe(identity, incident, observation)
        print(json.dumps({"begin": identity, "row": row, "all": [item[0] for item in chosen]}), flush=True)
        print(json.dumps({**row, **see(observation)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
