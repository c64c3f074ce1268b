"""What the kernels of incidents should write: numpy, for launches that every Triton computes wrong alike."""

import numpy as np


def sum_of_rows(X, Out):
    """Of ``bf16_weight_gradient.add_rows``: what Out held before counts too."""
    return {"Out": Out + X.astype(np.float64).sum(axis=0)}


def variance(X):
    """Of ``masked_variance.variances``."""
    return {"Out": X.astype(np.float64).var(axis=1)}


def wide_offsets(Out, row, stride):
    """Of ``offsets_2_31.offsets``."""
    return {"Out": row * stride + np.arange(len(Out), dtype=np.int64)}
