"""ReferenceIndex: rows too far for float32, calls from many threads, and what pickling keeps."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gputsne
from gputsne.neighbors import ReferenceIndex, choose


def clusters(n: int = 500, d: int = 8) -> np.ndarray:
    rng = np.random.default_rng(2)
    return (5 * rng.normal(size=(9, d))[rng.integers(9, size=n)] + rng.normal(size=(n, d))).astype(
        np.float32
    )


@pytest.mark.parametrize("d", [8, 70])  # by differences, and by products
@pytest.mark.parametrize("exact", ["auto", False])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "inner_product"])
def test_rows_whose_squares_float32_can_not_hold(metric, exact, d):
    X = clusters(d=d)
    direction = np.random.default_rng(0).normal(size=(4, d))
    Q = (direction / np.abs(direction).max() * [[1e9], [1e20], [1e30], [3e38]]).astype(np.float32)
    index = ReferenceIndex(X, metric=metric, exact=exact, random_state=0)
    indices, distances = index.query(np.r_[X[:3], Q], 5)
    assert all(np.unique(row).size == 5 for row in indices)
    assert np.isfinite(distances).all()
    # So far away the nearest rows are those with the largest projections on the direction.
    order = np.argsort(-(X.astype(float) @ Q.T.astype(float)), axis=0)
    np.testing.assert_array_equal(indices[3:], order[:5].T)
    alone = [index.query(q[None], 5) for q in Q]
    np.testing.assert_array_equal(np.concatenate([a for a, _ in alone]), indices[3:])
    near, _ = index.query(X[:3], 5)
    np.testing.assert_array_equal(near, indices[:3])


@pytest.mark.parametrize("size", [1e19, 1e25, 3e38])
def test_a_far_row_is_placed_and_harms_no_other(size):
    X = clusters()
    model = gputsne.TSNE(max_iter=50, random_state=0).fit(X)
    far = np.zeros((1, 8), np.float32)
    far[0, 2] = size
    Y = model.transform(np.r_[X[:3], far, X[3:5]])
    assert np.isfinite(Y).all()
    np.testing.assert_array_equal(np.delete(Y, 3, 0), model.transform(X[:5]))


def test_a_far_row_under_a_metric_of_pairs_is_named():
    index = ReferenceIndex(clusters(), metric="manhattan")
    with pytest.raises(ValueError, match="from row 1 to row"):
        index.query(np.r_[clusters()[:1], np.full((1, 8), 2e38, np.float32)], 3)


def test_new_rows_that_are_no_numbers_are_named():
    index = ReferenceIndex(clusters())
    with pytest.raises(ValueError, match=r"X\[1, 0\]=nan"):
        index.query(np.r_[clusters()[:1], np.full((1, 8), np.nan)], 3)


def test_threads_that_build_the_index_together_find_the_same(monkeypatch):
    monkeypatch.setattr(choose, "EXACT_WORK", 0)  # lists, even for so few
    X = clusters(4000)
    want = {k: ReferenceIndex(X, random_state=0).query(X[:300], k) for k in (3, 40)}
    index = ReferenceIndex(X, random_state=0)
    asked = [3, 40] * 4
    with ThreadPoolExecutor(8) as pool:
        for k, got in zip(asked, pool.map(lambda k: index.query(X[:300], k), asked), strict=True):
            np.testing.assert_array_equal(got[0], want[k][0])
            np.testing.assert_array_equal(got[1], want[k][1])


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_threads_per_call_and_a_query_without_rows(metric):
    X = clusters()
    index = ReferenceIndex(X, metric=metric, n_jobs=1)
    assert index.query(X[:0], 4)[0].shape == (0, 4)
    for a, b in zip(index.query(X[:9], 4, n_jobs=2), index.query(X[:9], 4), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pickle_keeps_rows_centre_and_seed():
    X = clusters().astype(np.float64) + 1e9
    index = ReferenceIndex(X, random_state=3)
    again = pickle.loads(pickle.dumps(index))
    np.testing.assert_array_equal(again.query(X[:20], 5)[1], index.query(X[:20], 5)[1])
    np.testing.assert_array_equal(again.query(X[:20], 1)[0].ravel(), np.arange(20))
