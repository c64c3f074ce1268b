"""The bench's options and fixtures; ``bench_*.py`` are collected only when named, as ``... matrix bench`` does."""

from liger_kernel.matrix.bench.plugin import (  # noqa: F401
    pytest_addoption,
    pytest_benchmark_update_json,
    record,
    suite,
)
