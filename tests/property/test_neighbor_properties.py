"""What holds for every table: order, no self, equivariance, rows that do not see their batch."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from gputsne.neighbors import ReferenceIndex, knn
from gputsne.preparation import prepare

FEW = settings(max_examples=25, deadline=None)


def table(seed: int, n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * rng.choice([1e-3, 1.0, 50.0], size=d) + rng.normal(size=d)


def pieces(rng: np.random.Generator, m: int) -> list[slice]:
    """Cut m rows at random places, single rows among them."""
    cuts = np.unique(np.r_[0, 1, rng.integers(0, m + 1, size=6), m])
    return [slice(a, b) for a, b in itertools.pairwise(cuts)]


@FEW
@given(
    seed=st.integers(0, 999),
    m=st.integers(2, 700),
    d=st.integers(1, 60),
    options=st.sampled_from(
        [{}, {"scale": True}, {"pca": 1}, {"pca": 4}, {"scale": True, "pca": 4}]
    ),
    order=st.sampled_from(["C", "F"]),
    sparse_rows=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:all .* rows of X are equal:UserWarning")  # a table may be empty
def test_prepared_rows_do_not_see_their_batch(seed, m, d, options, order, sparse_rows):
    if options.get("pca", 1) > min(m, d):
        return
    X = np.asarray(table(seed, m, d), order=order)
    X = sparse.csr_array(np.where(X > 0.2, X, 0.0)) if sparse_rows else X
    rows, learned = prepare(X, random_state=0, **options)
    for piece in pieces(np.random.default_rng(seed), m):
        np.testing.assert_array_equal(learned.apply(X[piece]), rows[piece])


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 999),
    m=st.integers(2, 300),
    k=st.integers(1, 40),
    metric=st.sampled_from(["euclidean", "cosine", "correlation", "inner_product", "manhattan"]),
    exact=st.booleans(),
    ties=st.booleans(),
)
def test_queried_rows_do_not_see_their_batch(seed, m, k, metric, exact, ties):
    X = table(seed, 800, 12)
    Q = table(seed + 1, m, 12)
    if ties:  # few values, so that many distances are equal
        X, Q = np.round(X / 25), np.round(Q / 25)
    index = ReferenceIndex(
        X,
        metric=metric,
        exact=True if metric == "manhattan" else exact,
        random_state=seed,
        n_jobs=2,
    )
    indices, distances = index.query(Q, k)
    assert (np.diff(distances, axis=1) >= 0).all()
    again = pickle.loads(pickle.dumps(index))
    again.n_jobs = 1
    for piece in pieces(np.random.default_rng(seed), m):
        for one in (index, again):
            got = one.query(Q[piece], k)
            np.testing.assert_array_equal(got[0], indices[piece])
            np.testing.assert_array_equal(got[1], distances[piece])


@FEW
@given(
    seed=st.integers(0, 999),
    n=st.integers(2, 400),
    d=st.integers(1, 20),
    values=st.sampled_from([2, 5, 10_000]),
    exact=st.booleans(),
)
def test_neighbours_of_any_table(seed, n, d, values, exact):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, values, size=(n, d)).astype(np.float32)
    k = int(rng.integers(1, n))
    graph = knn(X, k, exact=exact, min_recall=0.9, random_state=seed)
    assert (graph.indices != np.arange(n)[:, None]).all()
    assert graph.indices.min() >= 0
    assert graph.indices.max() < n
    assert all(np.unique(row).size == k for row in graph.indices)
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    # The distances belong to the indices: sums of at most 20 squares, each rounded to 2**-24.
    want = np.linalg.norm(X[:, None].astype(float) - X[graph.indices], axis=2)
    np.testing.assert_allclose(graph.distances, want, rtol=2e-6)


@FEW
@given(seed=st.integers(0, 999), n=st.integers(3, 300))
def test_renumbering_the_rows_renumbers_the_neighbours(seed, n):
    X = table(seed, n, 5)
    k = min(10, n - 1)
    order = np.random.default_rng(seed).permutation(n)
    plain, moved = knn(X, k), knn(X[order], k)
    np.testing.assert_array_equal(order[moved.indices], plain.indices[order])
    # FAISS takes four database rows at a time; the last ones, alone, may round another way.
    np.testing.assert_allclose(moved.distances, plain.distances[order], rtol=2e-6)


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_shifting_the_rows_changes_no_neighbour(shift):
    X = np.round(table(0, 200, 4) * 8) / 8  # exact in float32, shifted or not
    np.testing.assert_array_equal(knn(X + shift, 10).distances, knn(X, 10).distances)
