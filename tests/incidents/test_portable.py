"""The guard's tables hold on the Triton of this cell: they are read off the releases, not remembered."""

from __future__ import annotations

import inspect

import pytest
import triton
import triton.language as tl

from liger_kernel.matrix import portable
from liger_kernel.matrix.cells import version_key

RELEASE = version_key(triton.__version__)


def options_of_this_triton() -> set:
    if RELEASE < (3,):
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
        if (version_key(since) <= RELEASE <= version_key(until)) != (name in options_of_this_triton())
    }
    assert wrong == {}


def test_every_portable_name_is_there():
    assert sorted(portable.LANGUAGE - set(tl.__all__)) == []


@pytest.mark.parametrize("name", sorted(name for name, (count, _) in portable.CALLS.items() if count))
def test_a_portable_call_takes_as_many_arguments_by_position(name):
    function = getattr(tl, name)
    function = inspect.unwrap(getattr(function, "fn", function))
    parameters = [item for item in inspect.signature(function).parameters.values() if not item.name.startswith("_")]
    by_position = [item for item in parameters if item.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert len(by_position) >= portable.CALLS[name][0]
