"""Regressions that really happened to Triton kernels of this kind, each kept as a small kernel and what it must show.

A file beside this one is an incident: its ``INCIDENT`` says the public reference, the symptom, and per level the
releases that it shows on; its observations look at the Triton that runs them and say whether it shows. What they saw is
compared with what history says in two places: in every cell by test_incidents.py, and in every Triton release by
``python -m triton_matrix incidents``, which needs neither torch nor a GPU.
"""
