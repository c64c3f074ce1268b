"""Public packages' kernels as they stand, over every release: ``python -m survey`` from tests/."""
