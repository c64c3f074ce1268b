"""The names of the schemas of the files under ``reports/``. What each kind must hold is in ``evidence.schema.json``."""

from __future__ import annotations

ENVIRONMENT = "triton-matrix/environment/1"
RUN = "triton-matrix/run/2"
BENCH_RUN = "triton-matrix/bench-run/1"
UNAVAILABLE = "triton-matrix/unavailable/1"
FAILURE = "triton-matrix/failure/1"
CODEGEN = "triton-matrix/codegen/3"
CODEGEN_RUN = "triton-matrix/codegen-run/1"
VALUES = "triton-matrix/values/1"
VALUES_RUN = "triton-matrix/values-run/1"
DEVICE = "triton-matrix/device/1"
DEVICE_RUN = "triton-matrix/device-run/1"
TUNED = "triton-matrix/tuned/1"  # of the verb tune, which alone reads it
LAUNCHES = "triton-matrix/launches/1"
INCIDENTS = "triton-matrix/incidents/1"
BENCHMARK = "triton-matrix/benchmark/1"
SCAN = "triton-matrix/scan/1"
MATRIX = "triton-matrix/matrix/4"
HISTORY = "triton-matrix/history/1"
