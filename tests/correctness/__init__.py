"""Is LayerNorm right? The suites that every cell runs: at level interpreter, and at level device where there is a GPU.

All but test_direct_launch.py, test_eager.py, test_launch_plan.py, test_launch_settings.py, test_packed.py,
test_installed.py and test_names.py reach the kernels through api.py only, so that another package with the same public
names can be put under them.
"""
