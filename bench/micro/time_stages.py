"""Whole stages by the package's own functions: searches, placement, quality metrics."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import gputsne

METRIC_ROWS = 5000
PLACED = 1000


@cache
def rows(n: int) -> Any:
    """Return clusters of 50 columns."""
    return gputsne.datasets.toy_clusters(max(n, 15))


@pytest.fixture
def points(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("points"))


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("threads"))


@pytest.mark.parametrize("how", ["exact", "lists"])
def time_search(benchmark: Any, how: str, points: int, threads: int) -> None:
    n = points // 4  # all pairs take a second then
    X, k = rows(n).X, min(90, n // 3)
    own = {"exact": how == "exact", "n_jobs": threads, "random_state": 0}
    graph = benchmark(lambda: gputsne.knn(X, k, **own))
    benchmark.extra_info |= {"n": len(X), "k": k, "recall": graph.recall}
    assert graph.recall >= 0.95


def time_placement(benchmark: Any, points: int, threads: int) -> None:
    data = rows(min(points // 4, METRIC_ROWS))
    fit = {"max_iter": 100, "early_exaggeration_iter": 30, "perplexity": 10.0}
    model = gputsne.TSNE(random_state=0, n_jobs=threads, **fit).fit(data.X)
    new = rows(PLACED + 1).X[: min(PLACED, points)]
    placed = benchmark(lambda: model.transform(new))
    benchmark.extra_info |= {"n": data.n, "new_rows": len(new), "device": model.device_}
    assert np.isfinite(placed).all()


@pytest.mark.parametrize("name", sorted(gputsne.metrics.METRICS))
def time_metric(benchmark: Any, name: str, points: int) -> None:
    data = rows(min(points // 4, METRIC_ROWS))
    metric, groups = gputsne.metrics.METRICS[name], data.labels // 5

    def measured() -> float:
        context = gputsne.metrics.Context(data.X, data.X[:, :2], labels=groups)
        return metric.compute(context, k=10)

    value = benchmark(measured)
    benchmark.extra_info |= {"n": data.n, "value": value}
    assert np.isfinite(value)
