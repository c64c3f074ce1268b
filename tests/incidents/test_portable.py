"""The guard's tables hold on the Triton of this cell: they are read off the releases, not remembered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import triton
import triton.language as tl

from triton_matrix.base import versions
from triton_matrix.lint import portable

RELEASE = versions.key(triton.__version__)


def options_of_this_triton() -> set:
    if versions.key("3.0.0") > RELEASE:
        from triton.compiler.backends import cuda

        return set(cuda.CUDAOptions.__dataclass_fields__)
    from triton.backends.amd import compiler as amd
    from triton.backends.nvidia import compiler as nvidia

    return {*nvidia.CUDAOptions.__dataclass_fields__, *amd.HIPOptions.__dataclass_fields__}


def test_every_compile_option_is_in_the_table():
    assert options_of_this_triton() - set(portable.COMPILE_OPTIONS) == set()


def test_the_table_says_which_releases_have_a_compile_option():
    wrong = {
        name: (since, until)
        for name, (since, until) in portable.COMPILE_OPTIONS.items()
        if (versions.key(since) <= RELEASE <= versions.key(until)) != (name in options_of_this_triton())
    }
    assert wrong == {}


def test_every_portable_name_is_there():
    assert sorted(portable.LANGUAGE - set(tl.__all__)) == []


COUNT_BY_POSITION = """
import inspect, json, sys
import triton.language as tl

def count(name):
    function = getattr(tl, name)
    parameters = inspect.signature(inspect.unwrap(getattr(function, "fn", function))).parameters.values()
    return sum(1 for item in parameters if not item.name.startswith("_") and item.kind is not item.KEYWORD_ONLY)

print(json.dumps({name: count(name) for name in sys.argv[1:]}))
"""


def test_a_portable_call_takes_as_many_arguments_by_position():
    # in a process of its own: an interpreter that has run once leaves its own functions in the place of Triton's
    wanted = {name: count for name, (count, _) in portable.CALLS.items() if count}
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-c", COUNT_BY_POSITION, *wanted]
    taken = json.loads(subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert {name: (taken[name], count) for name, count in wanted.items() if taken[name] < count} == {}
