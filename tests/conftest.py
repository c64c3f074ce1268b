"""Every suite runs under the matrix's own pytest plugin, which gives fixtures `cell`, `level`, `device` and markers."""

pytest_plugins = ["liger_kernel.matrix.pytest_plugin"]
