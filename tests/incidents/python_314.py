"""Python 3.14 has no ast.Num, which the compiler of older Tritons asks for at every range loop."""

import os
import subprocess

import triton
import triton.language as tl

from triton_matrix.base import commands
from triton_matrix.base.cells import find_root
from triton_matrix.environments import interpreters, stamped

from .compiling import stages
from .incident import Incident, Missing, NotApplicable, Observation, Releases, Seen, version_key

PYTHON = "3.14"
FIRST_WHEEL = "3.5.0"
RELEASE = triton.__version__.split("+")[0]


@triton.jit
def double(X, n, BLOCK: tl.constexpr):
    """X[:n] *= 2, by one program, BLOCK at a time; n is a multiple of BLOCK."""
    for start in range(0, n, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        tl.store(X + cols, tl.load(X + cols) * 2)


def main() -> None:
    """Print what came of compiling in this process."""
    result = stages(double, {"X": "*fp32", "n": "i32"}, {"BLOCK": 8}, num_warps=1)
    print(f"{result.status}: {result.reason}")


def compile_it() -> Seen:
    """The same release in an environment with Python 3.14."""
    if version_key(RELEASE) < version_key(FIRST_WHEEL):
        raise NotApplicable(f"Triton {RELEASE} has no wheel for Python {PYTHON}; {FIRST_WHEEL} and later have")
    if interpreters.find_python(PYTHON) is None:
        raise Missing(f"needs Python {PYTHON}; `uv python install {PYTHON}` adds it")
    home = find_root() / ".nox" / "incidents" / f"python-{PYTHON}-triton-{RELEASE}"
    try:
        python = stamped.make(home, PYTHON, [f"triton=={RELEASE}"])
    except (commands.ToolError, ValueError) as problem:
        raise Missing(f"needs Triton {RELEASE} for Python {PYTHON} from a package index: {problem}") from None
    code = "from incidents import python_314; python_314.main()"
    path = os.pathsep.join(map(str, (find_root() / "tests", find_root())))
    env = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, env=env, check=False)
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
    return Seen("ok:" not in said, f"Python {PYTHON}: {said[:200]}")


INCIDENT = Incident(
    title="Python 3.14 without ast.Num",
    reference="triton-lang/triton#8698: replacing use of deprecated ast.Num",
    symptom="AttributeError: module 'ast' has no attribute 'Num', at every range loop",
    affected="Triton 3.5.1 and before on Python 3.14",
    observations=(Observation("codegen", compile_it, Releases(None, "3.5.1")),),
)
