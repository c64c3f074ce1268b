"""A compute-sanitizer that stands in for NVIDIA's: its options, its log's lines and its exit status are the real one's.

What it cannot do is look into a GPU. The stand-in Tritons tell it what is launched, and a kernel's module says which
fault each tool would find in it: ``FAULTS = {"kernel": {"memcheck": "Invalid __global__ write of size 4 bytes"}}``.
"""

import shlex
from pathlib import Path

from .gpu import write

# what a stand-in of Triton does at each launch; `fn` is the kernel's function
TELLS = '''
def tell_the_sanitizer(fn):
    """Tell the stand-in of compute-sanitizer, if this process runs under it, and which faults its tools would find."""
    import json, os
    if "STAND_IN_WATCHED" in os.environ:
        with open(os.environ["STAND_IN_WATCHED"], "a") as file:
            faults = fn.__globals__.get("FAULTS", {}).get(fn.__name__, {})
            file.write(json.dumps([fn.__name__, faults]) + "\\n")
'''
SCRIPT = '''"""As compute-sanitizer: options, then the command; a banner, errors and a summary in the log."""
import json, os, signal, subprocess, sys, time
arguments, given = sys.argv[1:], {{}}
while arguments and arguments[0].startswith("--"):
    given[arguments[0]] = arguments[1]
    del arguments[:2]
allowed = {{"--tool", "--error-exitcode", "--target-processes", "--log-file", "--kernel-regex"}}
if given.get("--tool") == "memcheck":
    allowed.add("--report-api-errors")
if set(given) - allowed or given["--tool"] not in ("memcheck", "racecheck", "synccheck", "initcheck"):
    sys.exit("compute-sanitizer: unrecognised option")
with open({folder!r} + "/calls", "a") as calls:
    calls.write(json.dumps([given, arguments, os.environ.get("PYTORCH_NO_CUDA_MEMORY_CACHING")]) + "\\n")
tool, watched = given["--tool"], given["--log-file"] + ".watched"
how = os.environ.get("STAND_IN_SANITIZER", "")
status = subprocess.run(arguments, env={{**os.environ, "STAND_IN_WATCHED": watched}}).returncode
lines, errors = ["COMPUTE-SANITIZER"], 0
if not os.path.exists(watched) or how == f"{{tool}} sees nothing":
    lines.append("Error: Target application terminated before first instrumented API call")
for line in open(watched) if os.path.exists(watched) else ():
    name, faults = json.loads(line)
    seen = given.get("--kernel-regex", "kns=")[len("kns=") :] in name
    if seen and tool in faults:
        errors += 1
        lines += [faults[tool], f"    at {{name}}+0x210", "    by thread (32,0,0) in block (0,0,0)"]
if status and not errors:
    lines.append("Target application returned an error")
if tool == "racecheck":
    lines.append(f"RACECHECK SUMMARY: {{errors}} hazards displayed ({{errors}} errors, 0 warnings)")
else:
    lines.append(f"ERROR SUMMARY: {{errors}} error" + "s" * (errors != 1))
if how == f"{{tool}} is killed":
    os.kill(os.getpid(), signal.SIGKILL)
if how == f"{{tool}} hangs":
    time.sleep(60)
with open(given["--log-file"], "w") as log:
    log.write("Option kernel-regex is deprecated, please refer to the option kernel-name\\n")
    log.writelines(f"========= {{line}}\\n" for line in lines)
sys.exit(int(given["--error-exitcode"]) if errors else status)
'''


def sanitizer_at(folder: Path, python: str) -> Path:
    """The stand-in as a file; what it is called with is noted in ``calls`` beside it."""
    path, script = folder / "compute-sanitizer", folder / "sanitizer.py"
    write(script, SCRIPT.format(folder=str(folder)))
    # a path with a space is no interpreter that a script's first line can name
    write(path, f'#!/bin/sh\nexec {shlex.quote(python)} {shlex.quote(str(script))} "$@"\n')
    path.chmod(0o755)
    return path
