"""Brute force that the searches of the device are compared with, and rows to search."""

from __future__ import annotations

import numpy as np
from gpu_free.cases_neighbors import squares
from sklearn.neighbors import NearestNeighbors


def rows(n=600, d=12, seed=0):
    """Clusters, sorted: what a search must not rely on."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 6 * np.sort(rng.integers(0, 5, n))[:, None]
    return X.astype(np.float32)


def true_distances(X, k, metric):
    """Return the k smallest distances of each row to others, ascending, float64."""
    if metric == "inner_product":
        D = -(X.astype(np.float64) @ X.T.astype(np.float64))
        np.fill_diagonal(D, np.inf)
        return np.sort(D, axis=1)[:, :k]
    search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=metric)
    return search.fit(X.astype(np.float64)).kneighbors()[0]


def brute(Q, X, k, own=None):
    """Return squared distances and numbers, the lower among equals first; ``own`` are left out."""
    D = squares(Q, X)
    if own is not None:
        D[np.arange(len(Q)), own] = np.nan
    ids = np.argsort(D, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(D, ids, axis=1), ids


def same(found, want):
    """Compare arrays of the device with brute force, to the bit."""
    squared, ids = (a.get() for a in found)
    np.testing.assert_array_equal(ids, want[1])
    np.testing.assert_array_equal(squared, want[0])


def many(n=1500, d=10):
    rng = np.random.default_rng(0)
    centres = 8 * rng.normal(size=(20, d))
    return (rng.normal(size=(n, d)) + centres[rng.integers(0, 20, n)]).astype(np.float32)
