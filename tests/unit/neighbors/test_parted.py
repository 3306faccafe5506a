"""Inverted lists in parts find what whole ones find; equal distances are merged by number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gputsne.base import threads
from gputsne.base.scratch import scratch_array
from gputsne.neighbors import choose
from gputsne.neighbors.graph import on_host
from gputsne.neighbors.search import ivf, parted

N, D, K = 6000, 8, 15


def rows(n: int = N, d: int = D) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, d)) * 4
    return (centres[rng.integers(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


X = rows()


@pytest.fixture(autouse=True)
def by_lists(monkeypatch):
    monkeypatch.setattr(choose, "EXACT_WORK", 0.0)
    monkeypatch.setattr(ivf.InvertedLists, "beats_exact", lambda *_: True)
    monkeypatch.setattr(parted.PartedLists, "beats_exact", lambda *_: True)


@pytest.mark.parametrize("parts", [2, 7])
@pytest.mark.parametrize("on_disk", [False, True])
def test_parts_find_what_whole_lists_find(parts, on_disk, monkeypatch):
    monkeypatch.setattr(parted, "FEWEST", 1000)  # several blocks of queries
    expected = on_host(X, K, random_state=0)
    database = X
    if on_disk:
        database = scratch_array(X.shape, np.float32)
        database[:] = X
    found = on_host(database, K, random_state=0, parts=parts, n_jobs=parts)
    assert found.source == expected.source == "faiss-ivf"
    assert found.recall == expected.recall
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.indices, expected.indices)


def test_cells_and_their_balance_are_those_of_whole_lists():
    whole, parts = ivf.InvertedLists(X, 0), parted.PartedLists(X, 0, 3)
    assert parts.nlist == whole.nlist
    assert parts.imbalance == pytest.approx(whole.imbalance, rel=1e-12)
    cells = np.empty(N, int)
    cells[whole.rows_by_list()] = np.repeat(np.arange(whole.nlist), whole._sizes())
    np.testing.assert_array_equal(parts.cells, cells)


def test_a_shard_alone_gives_the_nearest_of_its_own_visited_cells():
    with threads.limit(2):
        quantizer = ivf.quantizer_of(ivf.train_cells(X, 0))
        cells = ivf.assign_cells(quantizer, X)
        shard = parted.PartLists(quantizer, X[2000:4000], cells[2000:4000], 2000)
        everything = shard.search(X[:5], K, quantizer.ntotal)
    D2 = cdist(X[:5].astype(float), X[2000:4000].astype(float), "sqeuclidean")
    nearest = 2000 + np.argsort(D2, axis=1, kind="stable")[:, : K + parted.SPARE]
    np.testing.assert_array_equal(np.sort(everything[1], axis=1), np.sort(nearest, axis=1))


def test_equal_distances_are_merged_by_number():
    first = np.array([[1.0, 2.0, 2.0, np.inf]], np.float32), np.array([[4, 9, 3, -1]])
    second = np.array([[2.0, 2.0, 3.0]], np.float32), np.array([[7, 1, 0]])
    for parts in ((first, second), (second, first)):
        squared, ids = parted.merge(4, *parts)
        np.testing.assert_array_equal(squared, [[1, 2, 2, 2]])
        np.testing.assert_array_equal(ids, [[4, 1, 3, 7]])
    squared, ids = parted.merge(4, first)
    np.testing.assert_array_equal(ids, [[4, 3, 9, -1]])
    np.testing.assert_array_equal(squared, [[1, 2, 2, np.inf]])


def test_integers_of_many_equal_distances_are_the_same_for_any_parts():
    grid = np.random.default_rng(1).integers(0, 6, size=(4000, 6)).astype(np.float32)
    two, nine = (on_host(grid, 10, random_state=0, parts=parts) for parts in (2, 9))
    np.testing.assert_array_equal(two.distances, nine.distances)


def test_rows_with_too_few_in_their_cells_are_searched_exactly():
    # cells of 32 vectors, of which one is visited: fewer than K of the same part
    lists = parted.PartedLists(X, 0, 5)
    with threads.limit(1):
        squared, ids = lists.search(X[:50], 200, 1)
    assert (ids >= 0).all()
    truth = np.sort(cdist(X[:50].astype(float), X.astype(float), "sqeuclidean"), axis=1)[:, :200]
    short = squared[:, -1] <= truth[:, -1] * 1.00001  # those that were searched for in everything
    assert short.any()
    np.testing.assert_allclose(squared[short], truth[short], rtol=1e-4, atol=1e-3)
