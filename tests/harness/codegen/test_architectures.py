"""Which architectures the newest Triton compiles for, asked of its compiler: each has a row, or a reason for none."""

import json

from triton_matrix.base import targets
from triton_matrix.base.cells import load_at

NO_ROW = {
    "older than Triton says that it supports": {"cuda:50", "cuda:52", "cuda:53", "cuda:60", "cuda:61", "cuda:62"},
    "CUDA 13 no longer knows it": {"cuda:72"},
    "no product is out": {"cuda:107", "hip:gfx1170", "hip:gfx1171", "hip:gfx1172", "hip:gfx1251"},
    "a smaller one of a generation that has a row": {
        *("hip:gfx1102", "hip:gfx1103", "hip:gfx1150", "hip:gfx1152", "hip:gfx1153", "hip:gfx1154"),
    },
}
# What LLVM and both ptxas have names for is tried, each in a process of its own: some names end the compiler.
ASK = """
import json, mmap, os, re, subprocess, sys
from pathlib import Path

import triton, triton.language as tl
from triton_matrix.base import targets
from triton_matrix.base.targets import TARGETS
from triton_matrix.codegen.compile import compile_stages
from dataclasses import replace

folder = Path(triton.__file__).parent
names = set()
for tool in (folder / "backends/nvidia/bin").glob("ptxas*"):
    help = subprocess.run([tool, "--help"], stdout=subprocess.PIPE, text=True).stdout
    names |= {f"cuda:{number}" for number in re.findall(r"\\bsm_(\\d+)[af]?\\b", help)}
with open(next((folder / "_C").glob("libtriton*.so")), "rb") as file:
    library = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    names |= {f"hip:{found.decode()}" for found in re.findall(rb"\\0(gfx[1-9][0-9a-f]{2,4})(?=\\0)", library)}


@triton.jit
def double(x_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + at, tl.load(x_ptr + at, mask=at < n) * 2, mask=at < n)


def compiles(name):
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        like = TARGETS["cuda:90" if name.startswith("cuda") else "hip:gfx942" if "gfx9" in name else "hip:gfx1100"]
        target = replace(like, name=name, since="2.0.0", until="")
        result = compile_stages(double, {"x_ptr": "*fp32", "n": "i32"}, {"BLOCK": 128}, {"num_warps": 4}, None, target)
        os._exit(0 if result.status == "ok" else 1)
    return os.waitpid(child, 0)[1] == 0


print(json.dumps({name: compiles(name) for name in sorted(names)}))
"""


def test_each_architecture_of_the_newest_triton_has_a_row_or_a_reason_for_none(release_python, run_script, tmp_path):
    """Compiles for about 80 names: no list of them is kept anywhere that could be read instead."""
    (tmp_path / "ask.py").write_text(ASK)  # Triton reads a kernel's source from its file
    newest = list(load_at().releases)[-1]
    said = run_script(release_python(newest), "import runpy; runpy.run_path('ask.py', run_name='__main__')")
    compiled = json.loads(said.splitlines()[-1])
    accepted = {name for name, compiles in compiled.items() if compiles}
    assert {name for name, row in targets.TARGETS.items() if not row.until} <= accepted
    reasons = {name: reason for reason, names in NO_ROW.items() for name in names}
    assert accepted - set(targets.TARGETS) - set(reasons) == set(), "add a row to targets.py, or a reason here"
    assert set(reasons) - accepted == set(), "it is no longer compiled for: remove the reason"
