"""A run with everything that a metric can tell, for tests of telemetry."""

from __future__ import annotations

from gputsne.provenance import Run

TAGS = {"model": "events", "pipeline": "nightly", "owner": "maps"}
SERVICE = ("events", "nightly", "maps")


def run_of(number: int = 0, **more) -> Run:
    told = {
        "id": f"20261101T0000{number:02d}Z-0000000{number % 10}",
        "started": "2026-11-01T00:00:00.000Z",
        "ended": "2026-11-01T00:00:36.000Z",
        "seconds": 36.0,
        "price_per_hour": 10.0,
        "timings": {"prepare": 1.0, "neighbors": 4.0, "optimize": 30.0, "total": 35.0},
        "kl_divergence": 1.5,
        "kl_history": ((250, 3.0), (300, 2.0), (400, 1.75), (500, 1.6), (600, 1.5)),
        "parameters": {"perplexity": 30.0, "metric": "euclidean", "init": "pca"},
        "seed": 7,
        "input": {"shape": [1000, 50], "data_sha256": "ab" * 32},
        "metrics": {"knn_preservation": 0.5, "drift_map": 0.02, "unheard_of": 1.0},
        "peak_memory_bytes": 10**9,
        "tags": TAGS,
    }
    return Run.from_dict({"schema": "gputsne.run/2", **told, **more})
