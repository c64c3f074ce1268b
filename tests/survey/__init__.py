"""Public packages' kernels as they stand: a scan of each, and each failure asked again without this project.

``python -m survey`` from tests/, or ``nox -s survey``.
"""
