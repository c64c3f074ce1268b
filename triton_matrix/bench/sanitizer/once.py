"""The process that a tool watches: ``python once.py REQUEST JOURNAL`` runs launches on the GPU once, untimed.

REQUEST is JSON: ``launches`` as :func:`values.description.prepared` takes them, and ``source_root``. For each launch a
line of JSON is added to JOURNAL: when it begins, and what became of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__" and not __package__:  # run by its path: find the package that it is part of
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    __package__ = "triton_matrix.bench.sanitizer"

from ..device.served import Served


def main(request: Path, journal: Path) -> int:
    """Run each launch; 1 where one did not run. What loses the GPU ends it: the next process goes on behind it."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    served, status = Served(), 0
    with journal.open("a", encoding="utf-8", buffering=1) as file:

        def tell(**what: Any) -> None:
            file.write(json.dumps(what) + "\n")

        for launch in asked["launches"]:
            label = launch["name"]
            tell(begin=label)
            description = {key: value for key, value in launch.items() if key != "reference"}
            opened = served.answer({"do": "open", "launch": description, "source_root": asked["source_root"]})
            ran = opened if "error" in opened else served.answer({"do": "once"})
            if "error" in ran:
                status = 1
                tell(end=label, error=ran["error"], read=opened.get("read", {}))
                if ran["lost"]:
                    return status
            else:
                tell(end=label, read=opened["read"])
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
