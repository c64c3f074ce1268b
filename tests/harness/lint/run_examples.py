"""Compile or interpret examples in the Triton of this Python: ``python run_examples.py [whole] < examples.json``.

Prints example -> what it failed with, or null where it works. What is only compiled shares a process until it
ends; all else has its own: an interpreter leaves its functions in the place of Triton's, and an import what it loaded.
Without ``whole`` they are compiled up to Triton's own last form: of these examples LLVM and ptxas refused none so far.
"""

import importlib.util
import json
import multiprocessing
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import triton
import triton.language as tl
from incidents import standins

from triton_matrix.base import targets
from triton_matrix.codegen.compile import compile_stages


def load(name, text, folder):
    path = Path(folder) / f"example_{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module.k


def arguments(kernel):
    names = kernel.arg_names if hasattr(kernel, "arg_names") else kernel.fn.__code__.co_varnames
    return {"n": 7} if "n" in names[: getattr(kernel, "fn", kernel).__code__.co_argcount] else {}


def stand_in_for_torch():
    """Triton 2's libdevice asks torch whether this is ROCm before it names its functions."""
    if triton.__version__.startswith("2."):
        torch = types.ModuleType("torch")
        torch.version = types.SimpleNamespace(hip=None)
        sys.modules.setdefault("torch", torch)


class Enough(BaseException):
    """It compiles as far as is asked."""


def stop_at_the_last_form(stage, content, metadata):
    if stage == "ttgir":
        raise Enough


def compile_it(kernel, constexprs, target="cuda:90"):
    stand_in_for_torch()
    given = {"X": "*fp32", **dict.fromkeys(arguments(kernel), "i32")}
    programs = constexprs.pop("num_ctas", 1)
    options = {"num_warps": 1} if programs == 1 else {"num_warps": 1, "num_ctas": programs}
    whole = (
        programs > 1 or "whole" in sys.argv or not shares("codegen", Path(kernel.fn.__code__.co_filename).read_text())
    )
    try:
        result = compile_stages(
            kernel, given, constexprs, options, None, targets.parse(target), None if whole else stop_at_the_last_form
        )
    except Enough:
        return None
    if result.status == "ok" and programs > 1 and not any("mapa" in str(text) for text in result.stages.values()):
        return "the programs of a cluster exchange nothing"
    return None if result.status in ("ok", "n/a") else result.reason


def compile_it_for_hip(kernel, constexprs):
    return compile_it(kernel, constexprs, "hip:gfx942")


def interpret_it(kernel, constexprs):
    x = np.arange(16, dtype=np.float32)
    tensor = standins.Tensor(x.copy())
    kernel[(1,)](tensor, **arguments(kernel), **constexprs)
    expected = {"LOW": np.minimum(x, 3), "DOTTED": np.full(16, x.sum() ** 2)}
    wanted = next((expected[name] for name in constexprs if name in expected), None)
    return None if wanted is None or (tensor.array == wanted).all() else f"wrong numbers: {tensor.array.tolist()}"


def launch_it(kernel, constexprs):
    """Bind and compile as a launch does; what is recorded is the compile options that it took from the call."""
    stand_in_for_torch()
    with standins.driver():
        x = standins.Tensor(np.ones(16, np.float32))
        compiled = kernel.run(x, **arguments(kernel), grid=(1,), warmup=True, **constexprs)
    metadata = compiled.metadata
    return {name: getattr(metadata, name, None) for name in ("num_warps", "maxnreg")}


ASK = {"codegen": compile_it, "hip": compile_it_for_hip, "interpreter": interpret_it, "launch": launch_it}


def shares(level, text):
    return level in ("codegen", "hip") and text.count("import ") == 2  # of Triton and its language


def outcome(name, level, text, constexprs, folder):
    try:
        kernel = load(name, text, folder)
        given = {key: getattr(tl, str(value)[3:], value) for key, value in constexprs.items()}
        return ASK[level](kernel, given)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def several(examples, folder, answers):
    for name, example in examples.items():
        answers.send(outcome(name, *example, folder))


def answered(fork, examples, folder):
    """Name -> outcome, of examples that one process asks as long as it lives: all, or up to the one that ends it."""
    receiving, sending = fork.Pipe(duplex=False)
    child = fork.Process(target=several, args=(examples, folder, sending))
    child.start()
    sending.close()
    found = {}
    for name in examples:
        try:
            found[name] = receiving.recv()
        except EOFError:
            child.join()
            found[name] = f"the process ended with {child.exitcode}"
            break
    child.join()
    return found


def main(wanted):
    if any(level != "interpreter" for level, _, _ in wanted.values()):
        # once, before the processes part: newer releases import all of Gluon with it
        importlib.import_module("triton.compiler.code_generator")
    found = {}
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        together = {name: each for name, each in wanted.items() if shares(*each[:2])}
        groups = [together, *({name: each} for name, each in wanted.items() if name not in together)]
        while groups:
            asked = groups.pop()
            found.update(answered(fork, asked, folder))
            left = {name: each for name, each in asked.items() if name not in found}
            groups += [left] if left else []
    print(json.dumps({"release": triton.__version__, "found": found}))


if __name__ == "__main__":
    main(json.load(sys.stdin))
