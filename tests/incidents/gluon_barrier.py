"""Gluon's barrier of all threads of a block: its name changed, and neither name is everywhere."""

import triton

from triton_matrix.launches.loading import GLUON_SINCE, has_gluon

from .compiling import refused
from .incident import Incident, NotApplicable, Observation, Releases, Seen

if has_gluon():
    from triton.experimental import gluon
    from triton.experimental.gluon import language as gl

    @gluon.jit
    def old_name(X, Out, BLOCK: gl.constexpr):
        """Out[:BLOCK] = X[:BLOCK] by way of shared memory, by one program of four warps."""
        rows: gl.constexpr = gl.BlockedLayout([1], [32], [4], [0])
        at = gl.arange(0, BLOCK, layout=rows)
        shared = gl.allocate_shared_memory(gl.float32, [BLOCK], gl.SwizzledSharedLayout(1, 1, 1, order=[0]))
        shared.store(gl.load(X + at))
        gl.thread_barrier()
        gl.store(Out + at, shared.load(rows))

    @gluon.jit
    def new_name(X, Out, BLOCK: gl.constexpr):
        """The same."""
        rows: gl.constexpr = gl.BlockedLayout([1], [32], [4], [0])
        at = gl.arange(0, BLOCK, layout=rows)
        shared = gl.allocate_shared_memory(gl.float32, [BLOCK], gl.SwizzledSharedLayout(1, 1, 1, order=[0]))
        shared.store(gl.load(X + at))
        gl.barrier()
        gl.store(Out + at, shared.load(rows))


def _compile(name: str) -> Seen:
    if not has_gluon():
        raise NotApplicable(f"Triton has Gluon from {GLUON_SINCE} on, and this is {triton.__version__}")
    seen = refused(globals()[name], {"X": "*fp32", "Out": "*fp32"}, {"BLOCK": 512}, num_warps=4)
    assert not seen.shown or "barrier" in seen.detail, seen.detail
    return seen


def compile_old_name() -> Seen:
    return _compile("old_name")


def compile_new_name() -> Seen:
    return _compile("new_name")


INCIDENT = Incident(
    title="Gluon's barrier under two names",
    reference="found while these incidents were written; Gluon is experimental, and its tutorials are of one release",
    symptom="AttributeError: no attribute thread_barrier, or barrier, for a kernel that works on another release",
    affected="gl.thread_barrier to Triton 3.6, gl.barrier from 3.7 on",
    observations=(
        Observation("codegen", compile_old_name, Releases("3.7.0"), "old-name"),
        Observation("codegen", compile_new_name, Releases("3.4.0", "3.6.0"), "new-name"),
    ),
)
