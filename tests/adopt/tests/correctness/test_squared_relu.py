"""squared_relu against torch."""

import pytest
import torch
from squared_relu.function import squared_relu


@pytest.mark.parametrize("shape", [(1,), (1024,), (1025,), (3, 5, 7)])  # below, at and above one block, and no block's
def test_it_agrees_with_torch(shape, device):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(7)).to(device)
    torch.testing.assert_close(squared_relu(x), torch.relu(x) ** 2)


@pytest.mark.device("a thousand programs take minutes in the interpreter")
def test_a_large_input(device):
    x = torch.randn(1 << 20, device=device)
    torch.testing.assert_close(squared_relu(x), torch.relu(x) ** 2)
