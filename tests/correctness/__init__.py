"""Is LayerNorm right? The suites that every cell runs, at level interpreter and, where there is a GPU, at level device.

All but test_launch_plan.py, test_launch_settings.py and test_installed.py reach the kernels through api.py only, so that
another package with the same public names can be put under them.
"""
