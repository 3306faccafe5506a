"""Wide vectors: products choose candidates, sums of squared differences decide."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from gputsne.neighbors import ReferenceIndex, choose, knn
from gputsne.neighbors.search import exact, ranking


def truth(X: np.ndarray, k: int, metric: str) -> np.ndarray:
    D = pairwise_distances(X.astype(float), metric=metric)
    np.fill_diagonal(D, np.inf)
    return np.sort(D, axis=1)[:, :k]


def wide(n: int = 700, d: int = 64, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(8, d))[rng.integers(8, size=n)] + rng.normal(size=(n, d))).astype(
        np.float32
    )


def directly(monkeypatch, Q, X, k):
    """Return what the search without products finds."""
    with monkeypatch.context() as patch:
        patch.setattr(exact, "WIDE", 1 << 30)
        return ranking.nearest_first(*exact.exact(Q, X, k), k)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product"])
def test_wide_rows_find_the_true_distances(metric):
    X = wide()
    graph = knn(X, 12, metric=metric)
    assert (graph.recall, graph.source) == (1.0, "faiss-flat")
    if metric == "inner_product":
        D = -(X.astype(float) @ X.astype(float).T)
        np.fill_diagonal(D, np.inf)
        got = -(X[:, None].astype(float) * X[graph.indices]).sum(axis=2)
        np.testing.assert_allclose(got, np.sort(D, axis=1)[:, :12], rtol=1e-5)
    else:
        np.testing.assert_allclose(graph.distances, truth(X, 12, metric), rtol=2e-5)


@pytest.mark.parametrize("kind", ["clusters", "far", "spread", "copies", "zeros"])
def test_products_choose_what_differences_would(monkeypatch, kind):
    X, k = wide(), 15
    if kind == "far":  # products cancel: no digit of a difference is left
        X = X * np.float32(1e-3) + np.float32(1e3)
    elif kind == "spread":
        X = X * np.float32(10.0) ** np.linspace(-15, 15, len(X), dtype=np.float32)[:, None]
    elif kind == "copies":
        X = np.repeat(X[:14], 50, axis=0)
    elif kind == "zeros":
        X = np.zeros_like(X)
    rest = []
    real = exact._directly
    monkeypatch.setattr(exact, "_directly", lambda Q, *a: (rest.append(len(Q)), real(Q, *a))[1])
    squared, ids = exact.exact(X, X, k)
    if kind == "clusters":
        assert not rest  # all were sure
    if kind in ("far", "zeros", "copies"):
        assert sum(rest) > 0
    want, _ = directly(monkeypatch, X, X, k)
    np.testing.assert_array_equal(squared, want)
    again = ((X[:, None].astype(float) - X[ids].astype(float)) ** 2).sum(axis=2)
    np.testing.assert_allclose(again, squared, rtol=1e-5, atol=0)


def test_wide_rows_do_not_depend_on_the_batch_or_on_threads(monkeypatch):
    X = np.concatenate([wide(), wide()[:50]])
    squared, ids = exact.exact(X, X, 10)
    for part in (slice(0, 1), slice(3, 40), slice(600, 750)):
        for a, b in zip(exact.exact(X[part], X, 10), (squared[part], ids[part]), strict=True):
            np.testing.assert_array_equal(a, b)
    monkeypatch.setattr(exact, "CALL", 1e6)  # blocks of 64 rows
    for a, b in zip(exact.exact(X, X, 10), (squared, ids), strict=True):
        np.testing.assert_array_equal(a, b)
    one, two = (knn(X, 10, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.distances, two.distances)


def test_lists_that_do_not_pay_are_left_for_exact_search(monkeypatch):
    monkeypatch.setattr(choose, "EXACT_WORK", 0)
    X = np.random.default_rng(0).normal(size=(3000, 96)).astype(np.float32)  # no cells to speak of
    graph = knn(X, 10, min_recall=0.99, random_state=0)
    assert (graph.source, graph.recall) == ("faiss-flat", 1.0)
    asked = knn(X, 10, min_recall=0.99, exact=False, random_state=0)
    assert asked.source == "faiss-ivf"
    assert asked.recall >= 0.99
    index = ReferenceIndex(X, min_recall=0.99, random_state=0)
    ids, lengths = index.query(X[:20], 5)
    assert ids[:, 0].tolist() == list(range(20))
    assert not lengths[:, 0].any()
    np.testing.assert_array_equal(ids[:, 1:], graph.indices[:20, :4])
