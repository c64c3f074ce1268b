"""What a kernel finds and what it is given: names of the language, and its own arguments."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np

from ..executor import Executor, NotApplicable, Repair, Row
from .statements import truth

_MODULES = ("triton.language.extra.libdevice", "triton.language.extra.cuda", "triton.language.extra.cuda.libdevice")


class Names(Repair):
    """Every builtin of the language works wherever a kernel has it from."""

    row = Row(
        "names of the language",
        why="a kernel finds only what its globals call `tl`, which is looked for by ==; other names of the same"
        " functions fail, and every call of a helper looks for all of them again; up to 3.8.0 `x.exp()` and its kin do",
        held_against="compilers take a builtin from anywhere",
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        for name in _MODULES:
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # this release has no such module
        tl = executor.tl
        places: list[Any] = executor.language_modules()
        places += [each for each in vars(tl.core).values() if inspect.isclass(each)]
        for place in places:
            for name, member in list(vars(place).items()):
                if tl.core.is_builtin(member) or (place is tl.core.tensor and _asks_for_compiler(member)):
                    setattr(place, name, executor.bind(member))
        _static_functions(executor)
        tensor = tl.core.tensor
        tensor.T = property(tl.core.trans)
        tensor.__index__ = lambda self: self.handle.data.item()
        tensor.__bool__ = lambda self: True  # frontends ask so whether there is one; a kernel's own question is `truth`
        tensor.__repr__ = tensor.__str__ = lambda self: str(self.handle.data)


def _asks_for_compiler(member: Any) -> bool:
    """Whether it is given what compiles, as builtins are: the methods of a tensor that are functions of tl.math too."""
    return inspect.isfunction(member) and bool({"_builder", "_semantic"} & {*inspect.signature(member).parameters})


def _static_functions(executor: Executor) -> None:
    """What compilers do themselves when they meet it."""
    tl = executor.tl

    def static_assert(cond: Any, msg: Any = "") -> None:
        assert cond, msg

    def hint(input: Any, values: Any) -> Any:
        return input

    def static_print(*values: Any, **how: Any) -> None:
        pass

    functions: dict[str, Any] = {"static_assert": static_assert, "static_print": static_print}
    if hasattr(tl, "dot_scaled") and not hasattr(executor.builder, "create_dot_scaled"):  # up to 3.7.1
        functions["dot_scaled"] = _no_scaled_dot
    functions |= {"device_print": static_print, "multiple_of": hint, "max_contiguous": hint, "max_constancy": hint}
    for name, function in functions.items():
        setattr(tl, name, function)
        setattr(tl.core, name, function)
    # signedness is lost in the compilers' types, and kept in numpy's
    tl.core.dtype.to_ir = lambda self, builder: self
    tl.core.block_type.to_ir = lambda self, builder: self
    tl.core.pointer_type.to_ir = lambda self, builder: self
    if hasattr(tl, "condition"):
        tl.condition.__bool__ = lambda self: truth(self.condition)


def _no_scaled_dot(*operands: Any, **settings: Any) -> Any:
    """The language has it, and fails at its formats before it asks the interpreter."""
    raise NotApplicable("this release's interpreter has no tl.dot_scaled")


class Descriptors(Repair):
    """A tensor descriptor's strides are aligned in bytes."""

    row = Row(
        "descriptors",
        why="up to 3.5.1 a stride has to be a multiple of 16 elements instead of 16 bytes",
        held_against="TensorDescriptor.__post_init__, and the interpreters from 3.6.0 on",
        first="3.3.0",
        last="3.5.1",
    )

    @classmethod
    def install(cls, executor: Executor) -> None:
        def validate(self: Any) -> None:
            size = executor.dtype(self.base).itemsize
            steps = [each.data.item() for each in self.strides]
            assert self.base.data.item() % 16 == 0, "base must be 16-byte aligned"
            assert all(step * size % 16 == 0 for step in steps[:-1]), "stride must be 16-byte aligned"
            assert steps[-1] == 1, "last dim must be contiguous"
            executor.touched.add(cls.row.name)

        executor.module.TensorDescHandle.validate = validate


class Arguments(Repair):
    """A kernel's arguments are typed as a launch types them."""

    row = Row(
        "float, bool and wide integer arguments",
        why="floats reach the kernel as Python's, without `.to` and as constants in arithmetic; integers from 2**31 on"
        " are held in 32 bits, True in a 32-bit integer",
        held_against="the launchers (_key_of, mangle_type): float is fp32, bool i1, integers i32, i64 or u64",
    )


def argument(executor: Executor, value: Any) -> Any:
    """What a kernel gets for an argument that is no constexpr."""
    tl = executor.tl
    if isinstance(value, bool):
        executor.touched.add(Arguments.row.name)
        return executor.tensor(np.bool_(value), tl.int1)
    if isinstance(value, int):
        for low, high, dtype in ((-(2**31), 2**31, tl.int32), (-(2**63), 2**63, tl.int64), (2**63, 2**64, tl.uint64)):
            if low <= value < high:
                return executor.tensor(np.array(value, getattr(np, dtype.name)), dtype)
        raise ValueError(f"argument {value} does not fit an integer of 64 bits")
    if isinstance(value, float):
        executor.touched.add(Arguments.row.name)
        return executor.tensor(np.float32(value), tl.float32)
    if isinstance(value, tuple):
        if not executor.since("3.3.0"):
            raise NotApplicable(f"a tuple is an argument, which triton {executor.release} does not know")
        parts = [argument(executor, each) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value).__name__ == "TensorDescriptor":
        return executor.module._implicit_cvt(value)
    if hasattr(value, "data_ptr"):
        pointer = tl.pointer_type(executor.language_type(value.element))
        return tl.tensor(executor.handle(np.array([value.data_ptr()], np.uint64), pointer), pointer)
    return value
