"""Runs verbs, each in a fork of this process, which has imported what they need: that takes 0.2 s of CPU or more.

    python forking.py MODULE...

A line of JSON on the standard input asks for one; a line with its exit status answers.
"""

import importlib
import json
import os
import sys

from triton_matrix import __main__

BEFORE = 1 + len(os.environ["PYTHONPATH"].split(os.pathsep))  # the script's folder, and what the variable says


def become(asked):
    """Let this process be the one that ``python -m triton_matrix`` would be."""
    env = asked["env"]
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(env)
    sys.path[:] = [asked["cwd"], *env["PYTHONPATH"].split(os.pathsep), *sys.path[BEFORE:]]
    sys.argv[:] = [__main__.__file__, *asked["argv"]]
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))
    for descriptor, path in enumerate((os.devnull, asked["out"], asked["err"], asked["progress"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)


for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        become(json.loads(line))
        sys.exit(__main__.main())
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
