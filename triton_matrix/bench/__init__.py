"""The bench: one timing function for every Triton, peers on the same tensors, regressions called beyond the noise.

``python -m triton_matrix bench`` runs it; docs/performance.md says how it measures and what it found.
"""
