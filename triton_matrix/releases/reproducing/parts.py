# mypy: ignore-errors
"""The parts of a file that ``reproduce`` writes, pasted function by function: none uses this package.

The constants stand for what the file itself says.
"""

import hashlib
import json
import re
import subprocess
import tempfile
import traceback
from pathlib import Path

TARGET = ""
WHAT = ""
READ: dict = {}
LAUNCHED: dict = {}
kernel_compiled = launched = look = triton = np = None


def both():
    """Run this file under each Triton, in an environment that uv makes. Exit status 0: they differ; 1: they do not."""
    import tomllib

    text = Path(__file__).read_text(encoding="utf-8")
    block = text.split("# /// script\n")[1].split("# ///\n")[0]
    tools = tomllib.loads("\n".join(line[2:] for line in block.splitlines()))["tool"]
    seen = {}
    for name, needs in tools["reproduce"].items():
        command = ["uv", "run", "--no-project", "--isolated", "--python", needs["python"]]
        command += [word for each in needs["with"] for word in ("--with", each)]
        command += ["--index", needs["index"]] if "index" in needs else []
        done = subprocess.run([*command, "python", __file__, "here"], capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        print(f"--- {name}\n{done.stdout}", end="")
        if "BEGIN" not in lines:
            print(done.stderr)
            return 2  # it could not be asked
        last = lines[-1].partition("SEEN ")[2]
        if not last or json.loads(last).get("fails"):
            print("\n".join(done.stderr.strip().splitlines()[-12:]))
        seen[name] = json.loads(last).get(WHAT) if last else f"the process ended with status {done.returncode}"
    differ = len(set(map(str, seen.values()))) > 1
    print(f"--- {WHAT}: " + ", ".join(f"{value} with {name}" for name, value in seen.items()))
    print("the difference shows" if differ else "no difference shows")
    return 0 if differ else 1


def here():
    """Look at the Triton of this Python."""
    print(f"triton {triton.__version__}\nBEGIN", flush=True)
    try:
        seen = look()
    except Exception:
        traceback.print_exc()
        seen = {WHAT: "fails", "fails": True}
    print("SEEN", json.dumps(seen))


def look_compiled():
    """Compile the kernel and read its numbers."""
    compiled = kernel_compiled()
    if WHAT == "compiles":
        return {"compiles": "compiles"}
    texts = {**compiled.asm, "shared": f"shared {compiled.metadata.shared}"}
    if TARGET.startswith("cuda"):
        texts.update(said_of_cuda(compiled.asm["ptx"], compiled.asm["cubin"]))
    seen = {}
    for name, (where, pattern) in READ.items():
        matches = re.findall(pattern, texts[where], re.MULTILINE)
        seen[name] = sum(map(int, matches)) if re.compile(pattern).groups else len(matches)
        print(f"{name}: {seen[name]}")
    return seen


def said_of_cuda(ptx, cubin):
    """What ``ptxas -v`` says of the code, and its listing; both tools are in Triton's wheel."""
    tools = next(Path(triton.__file__).parent.rglob("cuobjdump")).parent
    newer = tools / "ptxas-blackwell"
    architecture = re.search(r"\.target (sm_(\d+)\w*)", ptx)
    ptxas = newer if newer.exists() and int(architecture[2]) >= 100 else tools / "ptxas"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.ptx").write_text(ptx)
        Path(folder, "kernel.cubin").write_bytes(cubin)
        command = [ptxas, "-v", f"--gpu-name={architecture[1]}", "kernel.ptx", "-o", "again.cubin"]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        listing = [tools / "cuobjdump", "--dump-sass", "kernel.cubin"]
        sass = subprocess.run(listing, cwd=folder, capture_output=True, text=True, check=True)
    return {"ptxas": said.stdout + said.stderr, "sass": sass.stdout}


def look_computed():
    """Run the kernel in Triton's interpreter, and say what it wrote."""
    before = {name: tensor.array.copy() for name, tensor in LAUNCHED.items()}
    launched()
    digest = hashlib.sha256()
    for name, tensor in LAUNCHED.items():
        if not np.array_equal(before[name].view(np.uint8), tensor.array.view(np.uint8)):
            digest.update(tensor.array.tobytes())
            print(f"{name}: {tensor.values().tolist()[:8]}{' ...' if len(tensor.array) > 8 else ''}")
    return {"values": digest.hexdigest()[:16]}


class Dtype:
    """Triton reads the last word of a tensor's type."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"torch.{self.name}"

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return str(self) == str(other)


class Tensor:
    """Memory of numpy's that Triton's interpreter takes for a tensor of torch; ``bfloat16`` is kept as its bits."""

    device = "cpu"

    def __init__(self, dtype, shape, values):
        self.dtype, self.shape, self.array = Dtype(dtype), shape, encoded(values, dtype)
        self.data = self

    def values(self):
        """As numbers."""
        if self.dtype.name == "bfloat16":
            return (self.array.astype(np.uint32) << 16).view(np.float32)
        return self.array

    def data_ptr(self):
        return self.array.ctypes.data

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[dim]

    def numel(self):
        return self.array.size

    def element_size(self):
        return self.array.itemsize

    def stride(self, dim=None):
        steps = [int(np.prod(self.shape[at + 1 :])) for at in range(len(self.shape))]
        return tuple(steps) if dim is None else steps[dim]

    def storage_offset(self):
        return 0

    def itself(self, *args, **kwargs):
        return self

    cpu = to = untyped_storage = new_empty = set_ = copy_ = itself


def encoded(values, dtype):
    """Numbers as a type's memory."""
    if dtype != "bfloat16":
        return np.ascontiguousarray(np.asarray(values).astype("bool" if dtype == "bool" else dtype))
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
