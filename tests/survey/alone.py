"""Compile launches with nothing but this Python's Triton and torch: ``python alone.py asked.json`` prints the answers.

It knows nothing of triton-matrix: a failure that it meets too is the package's own, or of the launch. Each launch is
compiled in a process of its own, for a GPU that is not there.

``asked.json`` is a list of objects: ``roots`` (folders to import from), ``file``, ``module``, ``function``, ``types``
(parameter -> Triton's name of its type), ``constants`` (parameter -> value), ``options``, ``capability``, ``hints``
(parameters that are divisible by 16), ``numbers`` (parameter -> value, for heuristics), and ``smallest`` where a
tuner's smallest configuration is asked, and not its first.
"""

import importlib
import inspect
import json
import math
import os
import subprocess
import sys
import tempfile
import types

LIMIT_S = 300
OF_TRITON = ("triton", "Autotuner.", "Heuristics.", "Config.", "JITFunction.")  # in what it says of itself


class Driver:
    """What Triton's decorators, and Triton 2.3 after it has compiled, ask a GPU's driver for."""

    binary_ext = "cubin"

    def __init__(self, target):
        self.target = target

    def get_current_target(self):
        return self.target

    def get_benchmarker(self):
        return lambda *args, **kwargs: [1.0]

    def get_current_device(self):
        return 0

    def is_active(self):
        return True


def target_of(capability):
    try:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", capability, 32)
    except ImportError:  # before 3.1 it is a tuple, before that too
        return ("cuda", capability)


def stand_in_for_the_driver(target):
    driver = importlib.import_module("triton.runtime.driver").driver
    if hasattr(type(driver), "set_active"):
        driver.set_active(Driver(target))
    else:  # before 3.0 it is made where it is first asked for
        driver._obj = Driver(target)


def stand_in_for_the_gpu(capability):
    """What modules ask torch of a GPU while they are imported."""
    try:
        import torch
    except ImportError:
        return
    numbers = {"major": capability // 10, "minor": capability % 10, "multi_processor_count": 132, "warp_size": 32}
    properties = types.SimpleNamespace(name="NVIDIA", total_memory=80 << 30, **numbers)
    of_gpu = {"is_available": True, "device_count": 1, "current_device": 0, "get_device_name": "NVIDIA"}
    of_gpu |= {"get_device_capability": divmod(capability, 10), "get_device_properties": properties}
    for name, value in of_gpu.items():
        setattr(torch.cuda, name, lambda *args, value=value, **kwargs: value)


def stand_in_for_the_launcher(folder):
    """What Triton 2.3 builds against libcuda after a kernel has compiled, which is no part of the question."""
    try:
        from triton.compiler.backends.cuda import CUDABackend
    except ImportError:
        return
    path = os.path.join(folder, "launcher.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write("launch = None\n")
    CUDABackend.make_launcher_stub = lambda self, source, metadata: path


def constant(value):
    import triton.language as tl

    if isinstance(value, str) and value.startswith("tl."):
        return getattr(tl, value[3:])
    return tuple(value) if isinstance(value, list) else value


def size(config):
    """The product of a configuration's block sizes: below 16 it is a count or a switch."""
    return math.prod(value for value in config.kwargs.values() if isinstance(value, int) and value >= 16)


def settled(kernel, constants, options, smallest, arguments):
    """The function inside a kernel's tuners, with what one configuration and the heuristics set.

    Exit status 3: a heuristic asks for what is not known of the arguments.
    """
    import triton.runtime.jit as jit

    while not isinstance(kernel, jit.JITFunction):
        if getattr(kernel, "configs", None):
            config = min(kernel.configs, key=size) if smallest else kernel.configs[0]
            options = {"num_warps": config.num_warps, "num_stages": config.num_stages, **options}
            constants = {**config.kwargs, **constants}
        for name, compute in (getattr(kernel, "values", None) or {}).items():
            try:
                constants.setdefault(name, compute({**arguments, **constants}))
            except Exception as problem:
                print(f"the heuristic of {name}: {type(problem).__name__}: {problem}", file=sys.stderr)
                sys.exit(3)
        kernel = kernel.fn
    return kernel, constants, options


def source_of(function, kinds, constants, hints):
    from triton.compiler import ASTSource

    names = function.arg_names
    divisible = [number for number, name in enumerate(names) if name in kinds and name in hints]
    if "constexprs" in inspect.signature(ASTSource.__init__).parameters:
        signature = {name: kinds.get(name, "constexpr") for name in names}
        attrs = {(number,): [["tt.divisibility", 16]] for number in divisible}
        return ASTSource(function, signature, constexprs=constants, attrs=attrs)
    from triton.compiler.compiler import AttrsDescriptor

    if hasattr(AttrsDescriptor, "from_hints"):  # 3.2
        attrs = AttrsDescriptor.from_hints(dict.fromkeys(divisible, 16))
        return ASTSource(function, {name: kinds[name] for name in names if name in kinds}, constants, attrs)
    attrs = AttrsDescriptor(tuple(divisible), ())
    if hasattr(attrs, "ids_of_folded_args"):  # before 3.0
        attrs = AttrsDescriptor(tuple(divisible), (), (), ())
    signature = {number: kinds[name] for number, name in enumerate(names) if name in kinds}
    numbered = {number: constants[name] for number, name in enumerate(names) if name in constants}
    return ASTSource(function, signature, numbered, attrs)


def loaded(roots, name):
    """The kernel's module, without running the packages around it where it does without them.

    Exit status 3: it does not import for something that is not Triton's.
    """
    sys.path[:0] = roots
    parents = [name[:at] for at, letter in enumerate(name) if letter == "."]
    for parent in parents:
        package = types.ModuleType(parent)
        package.__path__ = [os.path.join(root, *parent.split(".")) for root in roots]
        sys.modules[parent] = package
    try:
        return importlib.import_module(name)
    except Exception:
        for each in [each for each in sys.modules if each.partition(".")[0] == name.partition(".")[0]]:
            del sys.modules[each]
    try:
        return importlib.import_module(name)
    except Exception as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        sys.exit(1 if any(name in str(problem) for name in OF_TRITON) else 3)


def answer(asked):
    import triton

    target = target_of(asked["capability"])
    stand_in_for_the_driver(target)
    stand_in_for_the_gpu(asked["capability"])
    kernel = loaded(asked["roots"], asked["module"])
    for part in asked["function"].split("."):
        kernel = getattr(kernel, part)
    given = {name: constant(value) for name, value in asked["constants"].items()}
    function, constants, options = settled(
        kernel, given, asked["options"], asked.get("smallest"), {**asked["types"], **asked.get("numbers", {})}
    )
    for name, parameter in inspect.signature(function.fn).parameters.items():
        if name not in asked["types"] and name not in constants and parameter.default is not inspect.Parameter.empty:
            constants[name] = parameter.default
    kinds = {name: kind for name, kind in asked["types"].items() if name not in constants}
    with tempfile.TemporaryDirectory() as folder:
        stand_in_for_the_launcher(folder)
        source = source_of(function, kinds, constants, asked.get("hints", ()))
        triton.compile(source, target=target, options=options)


def main():
    if len(sys.argv) > 2:
        with open(sys.argv[1], encoding="utf-8") as file:
            answer(json.load(file)[int(sys.argv[2])])
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        count = len(json.load(file))
    answers = []
    for number in range(count):
        with tempfile.TemporaryDirectory() as cache:
            env = {**os.environ, "TRITON_CACHE_DIR": cache}
            command = [sys.executable, __file__, sys.argv[1], str(number)]
            try:
                done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                answers.append({"status": "unknown", "said": f"took longer than {LIMIT_S} s"})
                continue
        lines = [line for line in done.stderr.splitlines() if any(map(str.isalpha, line))]  # and no place in a line
        said = (lines or [f"exit status {done.returncode}"])[-1].strip()
        status = {0: "ok", 3: "unknown"}.get(done.returncode, "fails")
        answers.append({"status": status, "said": "" if status == "ok" else said})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
