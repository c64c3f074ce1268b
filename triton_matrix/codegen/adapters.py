"""Triton's compiler API, generation by generation. Nothing outside this file knows which Triton it runs on.

The base class speaks the newest generation; each older one overrides only what was different then, and is deleted with
the last release that needs it. ``ADAPTERS`` says from which release on each holds.

Every adapter runs the backend's own stages by hand, in the order and with the options of a real launch, up to the stage
that the metrics are read from (``cubin``, ``amdgcn``). No step needs a driver. Triton is imported only here, and only
inside the methods.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Optional

from ..base import language, versions
from ..base.targets import Target
from ..launches.loading import is_gluon
from ..launches.signature import Signature
from . import ptxas

OnStage = Optional[Callable[[str, Any, dict[str, Any]], None]]


class UnknownOption(Exception):
    """A compile option that this release, or this target's backend, does not have; one sentence."""


@dataclass(frozen=True)
class Compiled:
    """What the compiler left.

    Attributes:
        stages: the text or bytes of each stage by name.
        shared: bytes of shared memory that a launch asks for.
        num_warps: of one block.
        num_ctas: blocks of a cluster.
    """

    stages: dict[str, Any]
    shared: int
    num_warps: int
    num_ctas: int = 1


class Adapter35:
    """3.5 and later."""

    def compile(
        self, fn: Any, signature: Signature, options: dict[str, Any], target: Target, on_stage: OnStage = None
    ) -> Compiled:
        """Run the stages for ``target``.

        Args:
            fn: a ``triton.jit`` function.
            signature: types, constants and hints of its parameters.
            options: compile options such as ``num_warps``.
            on_stage: told what each stage left as soon as it has, SOURCE first: its name, its text or bytes, and
                Triton's metadata as it then stands. So a compiler that crashes later has left what came before.

        Raises:
            whatever Triton raises when it does not compile.
        """
        backend, parsed, stages = self._prepare(options, target, is_gluon(fn))
        metadata: dict[str, Any] = {**self.metadata(signature), **parsed.__dict__}
        module = self.first_ir(fn, signature, backend, parsed)
        if on_stage:
            on_stage(SOURCE, str(module), metadata)
        return _run(list(stages.items()), module, metadata, target, on_stage)

    def resume(
        self,
        stage: str,
        path: Path,
        options: dict[str, Any],
        target: Target,
        metadata: dict[str, Any],
        on_stage: OnStage = None,
    ) -> Compiled:
        """Run the stages behind ``stage`` on what some release, this one or another, left of that stage.

        Args:
            stage: SOURCE or a stage's name; the last one cannot be resumed from.
            path: the file with that stage's text, named after the stage.
            metadata: what the stages behind it read of those before: Triton's metadata as it stood after ``stage``.
            on_stage: as of :meth:`compile`.

        Raises:
            whatever Triton raises when it does not accept the text or does not compile it. LLVM ends the process.
        """
        backend, parsed, stages = self._prepare(options, target)
        names = [SOURCE, *stages]
        module = path.read_text(encoding="utf-8") if stage in TEXT_STAGES else self.parse_ir(path, backend)
        self.start_llvm()
        rest = list(stages.items())[names.index(stage) :]
        return _run(rest, module, {**parsed.__dict__, **metadata}, target, on_stage)

    def _prepare(self, options: dict[str, Any], target: Target, gluon: bool = False) -> tuple[Any, Any, dict[str, Any]]:
        """The backend, the options as it understands them, and its stages by name."""
        backend = self.backend(target)
        parsed = backend.parse_options(dict(options))
        for name in options:
            if name not in parsed.__dict__:
                raise UnknownOption(f"{target.name} takes no option {name!r} in this Triton; a launch would refuse it")
        stages: dict[str, Any] = {}
        self.add_stages(backend, stages, parsed, gluon)
        return backend, parsed, stages

    def start_llvm(self) -> None:
        """What the stage that makes LLVM IR does first, and the stages behind it need."""
        from triton._C.libtriton import llvm

        llvm.init_targets()

    def parse_ir(self, path: Path, backend: Any) -> Any:
        """The module in an MLIR text file."""
        context = self.context(backend)
        module = self.ir().parse_mlir_module(str(path), context)
        module.context = context
        return module

    def ir(self) -> Any:
        """Triton's binding of MLIR."""
        from triton._C.libtriton import ir

        return ir

    def context(self, backend: Any) -> Any:
        """An MLIR context with every dialect that the backend needs."""
        context = self.ir().context()
        self.ir().load_dialects(context)
        backend.load_dialects(context)
        return context

    def backend(self, target: Target) -> Any:
        from triton.backends.compiler import GPUTarget
        from triton.compiler.compiler import make_backend

        return make_backend(GPUTarget(target.backend, target.arch, target.warp_size))

    def does_not_bind(self, fn: Any, signature: Signature, target: Target) -> str:
        """Why the launcher does not bind a call that names each of these parameters; "" where it does."""
        return ""

    def add_stages(self, backend: Any, stages: dict[str, Any], options: Any, gluon: bool = False) -> None:
        from triton.backends.compiler import Language

        backend.add_stages(stages, options, Language.GLUON if gluon else Language.TRITON)

    def metadata(self, signature: Signature) -> dict[str, Any]:
        return {}

    def tool(self, name: str) -> str:
        """Path of a CUDA tool that the wheel carries, such as ``cuobjdump``."""
        import triton

        named = [os.environ.get(variable, "") for variable in ptxas.variables_of(name)]
        own = str(Path(triton.__file__).parent / self.tool_folder / name)
        return next((path for path in named if os.path.isfile(path)), own)

    tool_folder = "backends/nvidia/bin"

    def source(self, fn: Any, signature: Signature, backend: Any) -> Any:
        from triton.compiler.compiler import ASTSource

        if is_gluon(fn):
            from triton.experimental.gluon._runtime import GluonASTSource as ASTSource
        types, constants, attrs = self._told(signature, backend)
        return ASTSource(fn, types, constexprs=constants, attrs=attrs)

    def source_text(self, kernel: str, signature: Signature, backend: Any, literal: Callable[[Any, str], str]) -> str:
        """The Python expression of :meth:`source`, for a file without this package.

        Args:
            kernel: what the kernel is called there; Triton's compiler.py is ``compiler``, the backend ``BACKEND``.
            literal: gives the expression of a constexpr's value.
        """
        types, constants, attrs = self._told(signature, backend)
        return (
            f"compiler.ASTSource({kernel}, {types!r}, constexprs={literal(constants, 'a constexpr')}, attrs={attrs!r})"
        )

    def _told(self, signature: Signature, backend: Any) -> tuple[dict[str, Any], dict[Any, Any], dict[Any, Any]]:
        """Types, constants and hints as this release is told them."""
        types = {name: signature.types.get(name, "constexpr") for name in signature.names}
        attrs = {}
        for path, letters in signature.leaves():
            hints = backend.parse_attr(letters)
            if hints:
                attrs[path] = hints
        return types, {**signature.constants, **signature.inner}, attrs

    def first_ir(self, fn: Any, signature: Signature, backend: Any, options: Any) -> Any:
        source = self.source(fn, signature, backend)
        return source.make_ir(*self.ir_arguments(backend, options))

    def ir_arguments(self, backend: Any, options: Any) -> tuple[Any, ...]:
        return (backend.target, *self._ir_arguments_without_target(backend, options))

    def _ir_arguments_without_target(self, backend: Any, options: Any) -> tuple[Any, ...]:
        functions = self.codegen_functions(backend, options)
        return (options, functions, backend.get_module_map(), self.context(backend))

    def codegen_functions(self, backend: Any, options: Any) -> Any:
        return backend.get_codegen_implementation(options)


class Adapter34(Adapter35):
    """3.4: the first IR is made without the target, which Gluon asks the driver for."""

    def first_ir(self, fn: Any, signature: Signature, backend: Any, options: Any) -> Any:
        from triton.runtime import driver

        if not is_gluon(fn):
            return super().first_ir(fn, signature, backend, options)
        before = driver.active
        driver.set_active(SimpleNamespace(get_current_target=lambda: backend.target))
        try:
            return super().first_ir(fn, signature, backend, options)
        finally:
            driver.set_active(before)

    def ir_arguments(self, backend: Any, options: Any) -> tuple[Any, ...]:
        return self._ir_arguments_without_target(backend, options)


class Adapter33(Adapter34):
    """3.3: Triton is the only language, so stages are not told which."""

    def add_stages(self, backend: Any, stages: dict[str, Any], options: Any, gluon: bool = False) -> None:
        backend.add_stages(stages, options)


class Adapter32(Adapter33):
    """3.2: constants are left out of the signature, and hints are a descriptor object of the backend's own."""

    def source(self, fn: Any, signature: Signature, backend: Any) -> Any:
        from triton.compiler.compiler import ASTSource

        descriptor = backend.get_attrs_descriptor((), ())
        attrs = type(descriptor).from_dict(self._properties(descriptor, signature))
        return ASTSource(fn, dict(signature.types), constants=dict(signature.constants), attrs=attrs)

    def source_text(self, kernel: str, signature: Signature, backend: Any, literal: Callable[[Any, str], str]) -> str:
        constants = literal(dict(signature.constants), "a constexpr")
        properties = self._properties(backend.get_attrs_descriptor((), ()), signature)
        attrs = f"type(BACKEND.get_attrs_descriptor((), ())).from_dict({properties!r})"
        return f"compiler.ASTSource({kernel}, {dict(signature.types)!r}, constants={constants}, attrs={attrs})"

    def _properties(self, descriptor: Any, signature: Signature) -> dict[str, Any]:
        divisible = [i for i, name in enumerate(signature.names) if "D" in signature.specialization(name)]
        small = [i for i, name in enumerate(signature.names) if "S" in signature.specialization(name)]
        ones = [i for i, name in enumerate(signature.names) if name in signature.ones]
        properties: dict[str, Any] = {"tt.divisibility": divisible, "tt.equal_to": ones}
        if "tt.pointer_range" in descriptor.property_values:
            properties["tt.pointer_range"] = small
        return {"cls": type(descriptor).__name__, "arg_properties": properties}

    def codegen_functions(self, backend: Any, options: Any) -> Any:
        return backend.get_codegen_implementation()


class Adapter30(Adapter32):
    """3.0 and 3.1: parameters by index, hints as a pair of sets, no module map."""

    def source(self, fn: Any, signature: Signature, backend: Any) -> Any:
        from triton.compiler.compiler import ASTSource, AttrsDescriptor

        types, constants, divisible, ones = signature.by_index()
        return ASTSource(fn, types, constants=constants, attrs=AttrsDescriptor(divisible, ones))

    def source_text(self, kernel: str, signature: Signature, backend: Any, literal: Callable[[Any, str], str]) -> str:
        types, constants, divisible, ones = signature.by_index()
        attrs = f"compiler.AttrsDescriptor({sorted(divisible)!r}, {sorted(ones)!r})"
        return f"compiler.ASTSource({kernel}, {types!r}, constants={literal(constants, 'a constexpr')}, attrs={attrs})"

    def ir_arguments(self, backend: Any, options: Any) -> tuple[Any, ...]:
        return (options, self.codegen_functions(backend, options), self.context(backend))


class Adapter23(Adapter30):
    """2.3: one backend only, made from a pair; hints have four fields; it makes its own context."""

    tool_folder = "third_party/cuda/bin"

    def backend(self, target: Target) -> Any:
        from triton.compiler.backends.cuda import CUDABackend

        return CUDABackend((target.backend, target.arch))

    def start_llvm(self) -> None:
        """Each stage of this release does it itself."""

    def metadata(self, signature: Signature) -> dict[str, Any]:
        return {"ids_of_folded_args": ()}

    def does_not_bind(self, fn: Any, signature: Signature, target: Target) -> str:
        """This launcher takes the compile options out of a call's keywords, and only then binds the rest."""
        options, parameters = vars(self.backend(target).parse_options({})), inspect.signature(fn.fn).parameters
        why = "this Triton takes what is named like a compile option out of the call"
        for name in fn.arg_names:
            default = parameters[name].default
            if name in options and default is inspect.Parameter.empty:
                return f"does not launch: TypeError: missing a required argument: {name!r}; {why}"
            if name in options and signature.constants.get(name, default) != default:
                given = signature.constants[name]
                return f"does not launch: {name} is {default!r}, its default, and not {given!r}; {why}"
        return ""

    def source(self, fn: Any, signature: Signature, backend: Any) -> Any:
        from triton.compiler.compiler import ASTSource, AttrsDescriptor

        # a launch asks for it first: it refuses a loop over Python's range under another name, which compiles
        _ = fn.cache_key
        types, constants, _, _ = signature.by_index()
        return ASTSource(fn, types, constants=constants, attrs=AttrsDescriptor(**self._hints(signature)))

    def source_text(self, kernel: str, signature: Signature, backend: Any, literal: Callable[[Any, str], str]) -> str:
        types, constants, _, _ = signature.by_index()
        attrs = f"compiler.AttrsDescriptor(**{self._hints(signature)!r})"
        return f"compiler.ASTSource({kernel}, {types!r}, constants={literal(constants, 'a constexpr')}, attrs={attrs})"

    def _hints(self, signature: Signature) -> dict[str, set[int]]:
        types, _, divisible, ones = signature.by_index()
        integers = {i for i in divisible if not types[i].startswith("*")}  # this launcher never asks pointers about 8
        hints = {"divisible_by_16": divisible, "equal_to_1": ones, "ids_of_folded_args": ones}
        return {**hints, "divisible_by_8": integers}

    def ir_arguments(self, backend: Any, options: Any) -> tuple[Any, ...]:
        return (options,)

    def ir(self) -> Any:
        from triton._C.libtriton.triton import ir

        return ir

    def context(self, backend: Any) -> Any:
        context = self.ir().context()
        context.load_triton()
        return context


# The first release that each adapter holds for, newest first.
ADAPTERS: tuple[tuple[str, type[Adapter35]], ...] = (
    ("3.5.0", Adapter35),
    ("3.4.0", Adapter34),
    ("3.3.0", Adapter33),
    ("3.2.0", Adapter32),
    ("3.0.0", Adapter30),
    ("2.3.0", Adapter23),
)
LAST_STAGE = {"cuda": "cubin", "hip": "amdgcn"}
SOURCE = "source"  # the IR that the frontend makes of the Python source, before any stage
TEXT_STAGES = ("llir", "ptx")  # handed on as text; the stages before them are MLIR modules


def choose(version: str) -> tuple[Adapter35, str]:
    """The adapter for a Triton release, and a remark for the reader ("" when there is nothing to say).

    Raises:
        ValueError: the release is older than every adapter.
    """
    wanted = versions.key(version)
    for since, adapter in ADAPTERS:
        if wanted >= versions.key(since):
            remark = ""
            if wanted > versions.key(language.newest()):
                remark = (
                    f"Triton {version} is newer than {language.newest()}, the newest one that was surveyed;"
                    f" compiling with the adapter for {since} and later"
                )
            return adapter(), remark
    raise ValueError(f"triton is {version}; allowed is {ADAPTERS[-1][0]} or later")


def name_of(version: str) -> str:
    """The first release that the adapter for ``version`` holds for; it names the adapter in files."""
    return next(since for since, _ in ADAPTERS if versions.key(version) >= versions.key(since))


def _run(
    stages: list[tuple[str, Any]], module: Any, metadata: dict[str, Any], target: Target, on_stage: OnStage
) -> Compiled:
    """Run these stages in their order, up to the one that the metrics are read from."""
    kept: dict[str, Any] = {}
    for name, run_stage in stages:
        module = run_stage(module, metadata)
        kept[name] = module if isinstance(module, bytes) else str(module)
        if on_stage:
            on_stage(name, kept[name], metadata)
        if name == LAST_STAGE[target.backend]:
            break
    num_ctas = int(metadata.get("num_ctas") or 1)
    return Compiled(kept, int(metadata.get("shared") or 0), int(metadata["num_warps"]), num_ctas)
