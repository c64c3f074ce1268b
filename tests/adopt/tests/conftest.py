"""The matrix's pytest plugin gives the fixtures `cell`, `level` and `device`, and the markers `device` and `needs`."""

pytest_plugins = ["triton_matrix.suites.pytest_plugin"]
