"""Run by test_waiting.py in a process of its own: two processes train one model, a GPU each (DistributedDataParallel).

The model is trained three times from the same start: with our LayerNorm, with torch's, and with one in float64.
Gradients are the same on both GPUs at every step. Our losses differ from those of float64 no more than torch's do, but
for a factor.
"""

from __future__ import annotations

import os
import socket
import sys

import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing
from torch.nn.parallel import DistributedDataParallel

from liger_kernel.transformers.layer_norm import LigerLayerNorm

STEPS = 50
N_ROWS, N_COLS = 512, 2048
FACTOR = 4.0  # that our differences may be of torch's: both are rounding, summed in another order


class ExactLayerNorm(torch.nn.LayerNorm):
    """torch's, computed in float64."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight.double(), self.bias.double()
        y = torch.nn.functional.layer_norm(input.double(), self.normalized_shape, weight, bias, self.eps)
        return y.to(input.dtype)


def train(norm: type[torch.nn.Module], rank: int) -> torch.Tensor:
    """The losses of all steps, [STEPS], averaged over both GPUs."""
    torch.manual_seed(0)
    layers = (torch.nn.Linear(N_COLS, N_COLS), norm(N_COLS, eps=1e-5), torch.nn.GELU(), torch.nn.Linear(N_COLS, 64))
    model = torch.nn.Sequential(*layers).to(f"cuda:{rank}")
    with torch.no_grad():  # every LayerNorm from the same start, whatever it draws
        model[1].weight.fill_(1.0)
        model[1].bias.fill_(0.0)
    parallel = DistributedDataParallel(model, device_ids=[rank])
    optimizer = torch.optim.SGD(parallel.parameters(), lr=0.05)
    data = torch.Generator().manual_seed(rank)
    losses = []
    for _ in range(STEPS):
        x = torch.randn(N_ROWS, N_COLS, generator=data).to(f"cuda:{rank}")
        loss = (parallel(x) - x[:, :64]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        for name, parameter in model.named_parameters():
            require_the_same_on_both(name, parameter.grad)
        optimizer.step()
        mean = loss.detach().clone()
        distributed.all_reduce(mean)
        losses.append(mean / 2)
    return torch.stack(losses).double()


def require_the_same_on_both(name: str, gradient: torch.Tensor) -> None:
    both = [torch.empty_like(gradient) for _ in range(2)]
    distributed.all_gather(both, gradient)
    if not torch.equal(*both):
        sys.exit(f"the gradient of {name} differs between the two GPUs")


def work(rank: int, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), NCCL_NVLS_ENABLE="0")
    torch.cuda.set_device(rank)
    distributed.init_process_group("nccl", rank=rank, world_size=2)
    exact, theirs, ours = (train(norm, rank) for norm in (ExactLayerNorm, torch.nn.LayerNorm, LigerLayerNorm))
    difference, allowed = (ours - exact).abs().max(), FACTOR * (theirs - exact).abs().max()
    distributed.destroy_process_group()
    if rank == 0:
        print(f"losses {exact[0]:.4f} to {exact[-1]:.4f}; largest difference {difference:.2e}, allowed {allowed:.2e}")
    if not exact[-1] < exact[0] or difference > allowed:
        sys.exit(f"our losses differ by {difference:.2e} from those of float64, torch's by {allowed / FACTOR:.2e}")


if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, args=(port,), nprocs=2)
