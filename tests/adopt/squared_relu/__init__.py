"""y = max(x, 0) ** 2, as one Triton kernel: ``from squared_relu.function import squared_relu``.

Nothing is imported here, so that a Triton without torch can load ``squared_relu.kernel``.
"""
