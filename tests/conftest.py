"""Every suite runs under the matrix's own pytest plugin, which gives fixtures `cell`, `level`, `device` and markers."""

pytest_plugins = ["triton_matrix.suites.pytest_plugin"]
collect_ignore = ["adopt"]  # another package, with suites of its own: tests/harness/test_adopt.py runs them
