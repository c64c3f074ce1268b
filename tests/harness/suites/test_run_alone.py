"""Two runs of one cell would write over each other: the second is refused, and what the first leaves stays as it is."""

import os
import subprocess
import sys

from triton_matrix.base.cells import find_root

HOLDS = (
    "import sys, time\nfrom pathlib import Path\nfrom triton_matrix.base import locks\n"
    "with locks.held(Path(sys.argv[1]), 'it'):\n    print('held', flush=True)\n    time.sleep(600)\n"
)


def test_a_second_run_of_a_cell_is_refused_and_touches_no_evidence(checkout):
    checkout.write("test_a.py", "def test_one(): pass\n")
    assert checkout.run().returncode == 0
    before = {path: path.read_bytes() for path in checkout.reports.rglob("*.*") if path.is_file()}
    command = [sys.executable, "-c", HOLDS, str(checkout.reports / ".small.lock")]
    env = {**os.environ, "PYTHONPATH": str(find_root())}
    first = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "held\n"
        done = checkout.run()
        assert done.returncode == 2
        assert f"is in use by process {first.pid}; wait for it to end" in done.stderr
    finally:
        first.kill()
        first.communicate()
    assert {path: path.read_bytes() for path in before if not path.name.endswith(".lock")} == {
        path: content for path, content in before.items() if not path.name.endswith(".lock")
    }
    assert checkout.run().returncode == 0
