"""The Triton kernels, and the plan that says how each is launched. Imports no torch.

`plan` and what it asks (`settings`, `kinds`, `geometry`, `parameters`, `device`) need the standard library alone;
`layer_norm` needs Triton.
"""
