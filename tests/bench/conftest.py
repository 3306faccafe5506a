"""The package ``bench`` for its tests: known by its folder, without the clone on ``sys.path``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

WORKER = Path(__file__).resolve().parents[2] / "bench" / "worker.py"

if WORKER.is_file():  # in the repository only
    spec = importlib.util.spec_from_file_location("bench_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    worker.make_known()
