"""The language itself: every operation of ``triton.language`` on blocks, by type and by the values that matter.

``python -m triton_matrix.values.semantics`` asks one Triton, in its interpreter or compiled on a GPU, and writes a
file; several files become the table of results/semantics.md.
"""
