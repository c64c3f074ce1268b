"""What only a GPU can show: sizes past 32-bit offsets, streams, graphs, compilation, a second GPU."""

from __future__ import annotations

import os

import pytest
import torch

from .api import LigerLayerNorm, liger_layer_norm
from .inputs import DTYPES, normal, problem
from .reference import Results, check, evaluate

# a test holds few rows to what many give, bit by bit
pytestmark = pytest.mark.usefixtures("settings_of_many_rows")

GIB = 2**30


def need_memory(n_bytes: int) -> None:
    free, _ = torch.cuda.mem_get_info()
    if free < n_bytes:
        pytest.skip(
            f"needs {n_bytes / GIB:.0f} GiB of free GPU memory, {free / GIB:.0f} GiB are free: use a larger GPU"
        )


# Both kinds of kernel: one that holds whole rows, one that walks a row in chunks. The last rows lie past element 2**31;
# their results would be elsewhere, or nowhere, if an offset were kept in 32 bits. Two of the first rows have the same
# numbers and start at the same place of 16 rows, so that one launch must give both pairs the same bits. dy is zero in
# all others, so that dw and db are known from those alone. fp16, because every GPU has it.
@pytest.mark.device("more than 2**31 elements take several GiB")
@pytest.mark.parametrize("n_cols", [4096, 65537])
def test_offsets_past_32_bits(n_cols, device):
    n_rows = 2**31 // n_cols // 16 * 16 + 20
    need_memory(5 * 2 * n_rows * n_cols)
    assert (n_rows - 2) * n_cols > 2**31
    first, last = [2, 3], [n_rows - 2, n_rows - 1]
    x2, w, b, dy2 = problem(2, n_cols, dtype=torch.float16, device=device)
    x = torch.zeros(n_rows, n_cols, dtype=torch.float16, device=device)
    dy = torch.zeros_like(x)
    for ends in (first, last):
        x[ends], dy[ends] = x2, dy2
    got = evaluate(liger_layer_norm, x, w, b, 1e-6, dy)
    assert torch.equal(got.y[first], got.y[last])
    assert torch.equal(got.dx[first], got.dx[last])
    assert torch.equal(got.y[n_rows // 2], b)
    expected = check(torch.cat([x2, x2]), w, b, torch.cat([dy2, dy2]))
    # not bit by bit: so few rows have another kernel, or other settings
    torch.testing.assert_close(got.y[[*first, *last]], expected.y)
    torch.testing.assert_close(got.dx[[*first, *last]], expected.dx)
    torch.testing.assert_close(got.dw, expected.dw)
    torch.testing.assert_close(got.db, expected.db)


# Rows that programs share, several for each of their groups: whole and begun slices, even and odd lengths, and each
# dtype with its own way to hold a row that waits.
@pytest.mark.device("programs that wait for each other cannot be interpreted")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_cols", [6144, 16384, 20001, 50000, 131072])
def test_rows_that_programs_share(n_cols, dtype, device):
    x, w, b, dy = problem(300, n_cols, dtype=dtype, device=device)
    first = check(x, w, b, dy)
    again = check(x, w, b, dy)
    assert all(torch.equal(got, expected) for got, expected in zip(again, first))
    check(x, w.float(), b.float(), dy)
    check(x, None, None, dy)


@pytest.mark.device("torch.compile generates code for a GPU")
class TestCompile:
    @pytest.fixture(autouse=True)
    def _fresh_compiler(self, need_of_torch):
        ptxas = os.environ.get("TRITON_PTXAS_PATH")
        if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 4):
            pytest.skip(f"needs torch 2.4, whose custom operators can be traced whole; this is {torch.__version__}")
        need_of_torch("torch._inductor.runtime.hints")
        torch.compiler.reset()
        yield
        torch.compiler.reset()
        # Inductor sets TRITON_PTXAS_PATH to torch's own ptxas, which an older Triton in a child process cannot use
        if ptxas is None:
            os.environ.pop("TRITON_PTXAS_PATH", None)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
    def test_fullgraph_gives_the_same_results(self, dtype, device):
        compiled = torch.compile(liger_layer_norm, fullgraph=True)
        check(*problem(33, 1000, dtype=dtype, device=device), function=compiled)

    @pytest.mark.parametrize("frozen", [("w",), ("b",), ("x",), ("w", "b")], ids="".join)
    def test_fullgraph_with_frozen_arguments(self, frozen, device):
        compiled = torch.compile(liger_layer_norm, fullgraph=True)
        check(*problem(33, 1000, device=device), frozen=frozen, function=compiled)

    @pytest.mark.parametrize("absent", ["w", "b", "wb"])
    def test_fullgraph_with_absent_parameters(self, absent, device):
        x, w, b, dy = problem(33, 1000, device=device)
        compiled = torch.compile(liger_layer_norm, fullgraph=True)
        check(x, None if "w" in absent else w, None if "b" in absent else b, dy, function=compiled)

    def test_several_dimensions_compile_into_one_graph(self, device):
        x, w, b, _ = problem(21, 96, device=device)
        x, w, b = x.view(21, 3, 32), w.view(3, 32), b.view(3, 32)
        compiled = torch.compile(lambda x: liger_layer_norm(x, w, b, 1e-6, (3, 32)), fullgraph=True)
        assert torch.equal(compiled(x), liger_layer_norm(x, w, b, 1e-6, (3, 32)))

    def test_a_module_between_others_trains(self, device):
        torch.manual_seed(0)
        block = torch.nn.Sequential(torch.nn.Linear(64, 1000), LigerLayerNorm(1000), torch.nn.GELU()).to(device)
        x = normal(33, 64, device=device)
        block(x).square().mean().backward()
        eager = [parameter.grad.clone() for parameter in block.parameters()]
        block.zero_grad()
        torch.compile(block, fullgraph=True)(x).square().mean().backward()
        for parameter, expected in zip(block.parameters(), eager):
            torch.testing.assert_close(parameter.grad, expected, rtol=1e-3, atol=1e-5)

    def test_batch_sizes_share_one_dynamic_graph(self, device):
        graphs = []

        def counting(graph, _inputs):
            graphs.append(graph)
            return graph.forward

        compiled = torch.compile(liger_layer_norm, fullgraph=True, backend=counting)
        for n_rows in (8, 24, 40, 1000, 33):
            check(*problem(n_rows, 1000, device=device), function=compiled)
        # torch compiles the first size as it is, the second with a free size, and no more
        assert len(graphs) <= 2


@pytest.mark.device("CUDA graphs replay launches")
@pytest.mark.parametrize("n_cols", [1000, 65537])
def test_capture_in_a_graph_and_replay_on_new_values(n_cols, device):
    held = problem(9, n_cols, device=device)
    leaves = [tensor.requires_grad_() for tensor in held[:3]]

    def step():
        y = liger_layer_norm(*leaves, 1e-6)
        return Results(y, *torch.autograd.grad(y, leaves, held.dy))

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        step()  # kernels are compiled and loaded before capture, which allows neither
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    for seed in (10, 20):
        new = problem(9, n_cols, device=device, seed=seed)
        with torch.no_grad():
            for mine, theirs in zip(held, new):
                mine.copy_(theirs)
        graph.replay()
        for got, expected in zip(captured, check(*new)):
            assert torch.equal(got, expected)


@pytest.mark.device("streams run side by side")
def test_work_goes_to_the_current_stream(device):
    # The input is written behind a long wait on the same stream: a launch on another stream would read zeros.
    problems = [problem(33, 1000, device=device, seed=seed) for seed in range(4)]
    expected = [check(*each) for each in problems]
    late = [torch.zeros_like(each.x) for each in problems]
    torch.cuda.synchronize()
    streams = [torch.cuda.Stream() for _ in problems]
    got = []
    for stream, each, x in zip(streams, problems, late):
        with torch.cuda.stream(stream):
            torch.cuda._sleep(50_000_000)
            x.copy_(each.x)
            got.append(evaluate(liger_layer_norm, x, each.w, each.b, 1e-6, each.dy))
    torch.cuda.synchronize()
    for ours, wanted in zip(got, expected):
        for one, other in zip(ours, wanted):
            assert torch.equal(one, other)


@pytest.mark.device("tensors may lie on another GPU than the current one")
@pytest.mark.parametrize("current", [0, 1])
def test_a_second_gpu(current):
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two GPUs, this machine shows {torch.cuda.device_count()}: run on one with two")
    with torch.cuda.device(current):
        for device in ("cuda:0", "cuda:1"):
            check(*problem(33, 1000, device=device))
            check(*problem(2, 65537, device=device))


@pytest.mark.device("two GPUs can disagree")
def test_arguments_on_two_gpus_are_refused():
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two GPUs, this machine shows {torch.cuda.device_count()}: run on one with two")
    x, w, b, _ = problem(3, 17, device="cuda:0")
    with pytest.raises(ValueError, match=r"\bW\b.*cuda:1.*cuda:0"):
        liger_layer_norm(x, w.to("cuda:1"), b, 1e-6)
