"""What tests of values share: launches in a description's words, and children that compute them in a release."""

import json
import subprocess
from pathlib import Path

import pytest

from triton_matrix.values import computing, outcomes

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tensor():
    """A tensor's description: ``tensor("fp32", [4], kind="count")``."""

    def make(dtype, shape, **fill):
        about = {"dtype": dtype, "shape": shape}
        return {"tensor": {**about, "fill": fill} if fill else about}

    return make


@pytest.fixture(scope="session")
def child(release_python):
    """Compute launches in a release's interpreter, in one process; gives launch -> outcome."""

    def run(release, folder, launches, **settings):
        request = folder / "request.json"
        request.write_text(json.dumps({"launches": launches, **settings}))
        command = [
            str(release_python(release)),
            "-W",
            "ignore",
            str(computing.CHILD),
            str(request),
            str(folder / "out"),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env={"OMP_NUM_THREADS": "1"}
        )
        assert done.returncode == 0, done.stderr
        return outcomes.read(folder / "out")

    return run
