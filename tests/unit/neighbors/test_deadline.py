"""A search is left at its deadline, however much it still has to compare."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded
from gputsne.neighbors.recall import Sample, measure
from gputsne.neighbors.search import exact, ivf


@pytest.fixture
def calls(monkeypatch):
    """Let a deadline pass with the third call of FAISS; return the calls."""
    made = []
    real = faiss.knn

    def counted(*given):
        made.append(given)
        return real(*given)

    monkeypatch.setattr(faiss, "knn", counted)
    monkeypatch.setattr(deadline, "passed", lambda: len(made) >= 3)
    return made


def rows(n: int, d: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def test_one_block_of_direct_search(calls, monkeypatch):
    monkeypatch.setattr(exact, "SHARD_NUMBERS", 1000)
    X = rows(1000, 10)  # ten passes of 100 vectors for the one block
    with pytest.raises(DeadlineExceeded, match="while neighbours were searched for"):
        exact.AllPairs(X).search(X[:50], 3, np.empty(0))
    assert len(calls) == 3


def test_blocks_by_products(calls, monkeypatch):
    monkeypatch.setattr(exact, "CALL", 1.0)  # blocks of 64 queries
    X = rows(1000, 64)
    with pytest.raises(DeadlineExceeded):
        exact.exact(X, X, 3)
    assert len(calls) == 3


def test_rows_that_products_leave_open(calls, monkeypatch):
    monkeypatch.setattr(exact, "SHARD_NUMBERS", 64 * 100)
    X = rows(1000, 64)
    X[0] = 1e6  # beside it nothing is sure by products
    with pytest.raises(DeadlineExceeded):
        exact.exact(X[:50], X, 3)
    assert len(calls) == 3


def test_the_search_in_float64(monkeypatch):
    X, looks = rows(1000, 10), []
    monkeypatch.setattr(deadline, "passed", lambda: looks.append(0) or len(looks) > 3)
    with pytest.raises(DeadlineExceeded):
        exact.exact_float64(X, X, 3)
    assert len(looks) == 4


def test_the_filling_of_lists_and_the_measuring_of_recall(monkeypatch):
    X = rows(4000, 8)
    lists = ivf.InvertedLists(X, 0)
    search = ivf.ListSearch(lists, 1)
    search.rows = 10
    sample = Sample(X[:100], np.arange(100))
    looks = []
    monkeypatch.setattr(deadline, "passed", lambda: looks.append(0) or len(looks) > 3)
    with pytest.raises(DeadlineExceeded):
        measure(search, sample, 3, np.zeros((100, 3), np.float32))
    assert len(looks) == 4
    monkeypatch.setattr(ivf, "CALL", 1.0)  # 16 vectors at a time
    monkeypatch.setattr(ivf, "_centroids", lambda X, count, seed: X[:count])
    looks.clear()
    with pytest.raises(DeadlineExceeded):
        ivf.InvertedLists(X, 0)
    assert len(looks) == 4


@pytest.mark.parametrize("copies", [False, True])
def test_rounds_of_k_means_are_those_of_one_training(copies):
    X = rows(3200, 8)
    X = X[np.random.default_rng(1).integers(40, size=len(X))] if copies else X  # empty cells
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(8), 8, 100)
    index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = 7, ivf.TRAINING_ROUNDS, 1
    index.train(X)
    want = index.quantizer.reconstruct_n(0, 100)
    assert ivf._centroids(X, 100, 7).tobytes() == want.tobytes()


def test_the_training_of_lists(monkeypatch):
    looks = []
    monkeypatch.setattr(deadline, "passed", lambda: looks.append(0) or len(looks) > 3)
    with pytest.raises(DeadlineExceeded):
        ivf.InvertedLists(rows(4000, 8), 0)
    assert len(looks) == 4  # in the fourth round


def test_looking_changes_nothing():
    X = rows(500, 70)
    plain = exact.exact(X, X, 5)
    with deadline.limit(3600):
        looked = exact.exact(X, X, 5)
    for a, b in zip(plain, looked, strict=True):
        assert a.tobytes() == b.tobytes()
