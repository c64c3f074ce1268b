"""The Triton kernels and the launch plan that says how each is launched. Imports no torch.

`launch_plan` needs the standard library alone; `layer_norm` needs Triton.
"""
