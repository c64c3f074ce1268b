"""The harness: environment, evidence, codegen, compare, report. Usable on any kernel.

``python -m liger_kernel.matrix <verb>``; ``--help`` lists the verbs. Importing this package imports neither torch nor
triton, and nothing under ``kernels``, ``ops`` or ``transformers`` imports it.
"""
