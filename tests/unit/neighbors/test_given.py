"""Neighbours that a user brings: checked, cleaned of the points themselves, and sorted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import kneighbors_graph

import gputsne
from gputsne.base.types import KNNGraph
from gputsne.neighbors import from_sparse_distances, from_user, knn

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
GRAPH = knn(X, 8)


def test_lists_without_the_points_pass_through():
    got = from_user((GRAPH.indices, GRAPH.distances), 60)
    np.testing.assert_array_equal(got.indices, GRAPH.indices)
    np.testing.assert_array_equal(got.distances, GRAPH.distances)
    assert (got.source, got.recall) == ("user", 1.0)


def test_a_graph_keeps_what_is_known_about_it():
    graph = KNNGraph(GRAPH.indices, GRAPH.distances, 0.97, "faiss-ivf", "cosine")
    got = from_user(graph, 60, k=5)
    assert (got.recall, got.source, got.metric, got.k) == (0.97, "faiss-ivf", "cosine", 5)


def test_unsorted_lists_with_the_points_somewhere():
    rng = np.random.default_rng(1)
    indices = np.column_stack([np.arange(60), GRAPH.indices]).astype(np.int64)
    distances = np.column_stack([np.zeros(60), GRAPH.distances]).astype(np.float64)
    mixed = rng.permuted(np.tile(np.arange(9), (60, 1)), axis=1)
    indices = np.take_along_axis(indices, mixed, axis=1)
    distances = np.take_along_axis(distances, mixed, axis=1)
    before = indices.copy(), distances.copy()
    got = from_user([indices, distances], 60)
    np.testing.assert_array_equal(got.indices, GRAPH.indices)
    np.testing.assert_array_equal(got.distances, GRAPH.distances)
    np.testing.assert_array_equal(before[0], indices)
    np.testing.assert_array_equal(before[1], distances)


def test_lists_where_only_some_hold_their_point():
    indices = np.array([[1, 2], [1, 2], [0, 1]])
    distances = np.array([[1.0, 2.0], [0.0, 3.0], [2.0, 3.0]])
    got = from_user((indices, distances), 3)
    assert got.indices.ravel().tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("neighbors", "error", "words"),
    [
        (GRAPH.indices, TypeError, "pair"),
        ((GRAPH.indices.astype(float), GRAPH.distances), TypeError, "integers, got float64$"),
        ((GRAPH.distances, GRAPH.indices), TypeError, r"swapped\? .*kneighbors returns"),
        ((GRAPH.indices, np.full_like(GRAPH.distances, np.inf)), ValueError,
         "row 0 lists no neighbour, and 60 rows do"),
        (sparse.csr_array((50, 50)), ValueError, r"shape \(50, 50\), but it needs \(60, 60\)"),
        ((GRAPH.indices, GRAPH.distances.astype(complex)), TypeError, "real"),
        ((GRAPH.indices[:50], GRAPH.distances[:50]), ValueError, "n=60"),
        ((GRAPH.indices, GRAPH.distances[:, :4]), ValueError, "shape"),
        ((GRAPH.indices + 50, GRAPH.distances), ValueError, "outside 0 ... 59"),
        ((np.where(GRAPH.indices == GRAPH.indices[4, 2], -1, GRAPH.indices), GRAPH.distances),
         ValueError, "-1 marks"),
        ((GRAPH.indices, -GRAPH.distances), ValueError, "0 or more"),
        ((GRAPH.indices, GRAPH.distances * np.nan), ValueError, "finite"),
        ((GRAPH.indices, GRAPH.distances.astype(float) * 1e300), ValueError, "finite"),
        ((np.ones((60, 2), int), np.ones((60, 2))), ValueError, "row 0 names a point twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_lists_that_can_not_be_right(neighbors, error, words):
    with pytest.raises(error, match=words):
        from_user(neighbors, 60)


def test_lists_that_are_too_short():
    with pytest.raises(ValueError, match=r"8 neighbours .* k=9"):
        from_user(GRAPH, 60, k=9)


@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "coo_array", "csc_matrix"])
@pytest.mark.parametrize("include_self", [True, False])
def test_sparse_matrix_of_distances(kind, include_self):
    D = kneighbors_graph(X, 8 + include_self, mode="distance", include_self=include_self)
    got = from_sparse_distances(getattr(sparse, kind)(D), 8)
    # Explicit zeros on the diagonal get lost in coo and csc; both ways eight neighbours are left.
    np.testing.assert_array_equal(got.indices, GRAPH.indices)
    np.testing.assert_allclose(got.distances, GRAPH.distances, rtol=1e-6)


def test_sparse_matrix_with_64_bit_offsets():
    D = kneighbors_graph(X, 8, mode="distance")
    D.indptr, D.indices = D.indptr.astype(np.int64), D.indices.astype(np.int64)
    np.testing.assert_array_equal(from_sparse_distances(D).indices, GRAPH.indices)


def test_explicit_zeros_are_neighbours():
    D = sparse.csr_array((np.zeros(3), [1, 2, 0], [0, 1, 2, 3]), shape=(3, 3))
    assert from_sparse_distances(D).indices.ravel().tolist() == [1, 2, 0]


def test_dense_matrix_of_distances():
    D = pairwise_distances(X.astype(float))
    before = D.copy()
    got = knn(D, 8, metric="precomputed")
    np.testing.assert_array_equal(got.indices, GRAPH.indices)
    np.testing.assert_array_equal(D, before)
    assert from_sparse_distances(D).k == 59
    assert got.metric == "precomputed"


@pytest.mark.parametrize("n", [4, 60, 1100])  # within one tile, and over three
def test_a_dense_matrix_whose_halves_differ_is_refused(n):
    D = pairwise_distances(np.random.default_rng(0).normal(size=(n, 4)))
    far = D.max() + 1.0
    D[n - 1, 1] = far
    with pytest.raises(
        ValueError, match=rf"D\[1, {n - 1}\].*D\[{n - 1}, 1\]={far:.6g}.*D\.T\) / 2"
    ):
        from_sparse_distances(D)
    with pytest.raises(ValueError, match=r"not symmetric.*neighbors=\(indices, distances\)"):
        from_sparse_distances(np.triu(D))
    assert from_sparse_distances((D + D.T) / 2).n == n
    directed = sparse.csr_array(np.where(far == D, 0.0, D))  # a graph may lead one way
    assert from_sparse_distances(directed, 2).n == n


def test_similarities_are_not_taken_for_distances():
    S = 1 / (1 + pairwise_distances(X.astype(float)))
    with pytest.raises(ValueError, match=r"D\[0, 0\]=1, but .*similarities.*fill_diagonal"):
        from_sparse_distances(S)


def test_the_rounding_of_float32_is_forgiven():
    squares = (X**2).sum(axis=1)
    other = X @ X[::-1].T  # another order of sums than its transpose's
    D = np.sqrt(np.maximum(squares[:, None] + squares - 2 * other[:, ::-1], 0))
    D += np.triu(np.random.default_rng(1).uniform(0, 1e-7, D.shape) * D)
    np.fill_diagonal(D, 1e-4)  # what cancellation leaves of 0
    assert (D != D.T).any()
    np.testing.assert_array_equal(from_sparse_distances(D, 8).indices, GRAPH.indices)


@pytest.mark.parametrize(
    ("D", "k", "words"),
    [
        (np.ones((3, 4)), 1, "square"),
        (-np.ones((3, 3)), 1, "[Aa]ll distances should be positive.*np.clip"),
        (1 - 1.001 * np.ones((3, 3)), 1, "[Aa]ll distances should be positive"),
        (sparse.csr_array(-np.ones((3, 3))), 1, "[Aa]ll distances should be positive"),
        (np.full((3, 3), np.nan), 1, "NaN"),
        (1 - np.eye(3), 3, "k=3"),
        (sparse.csr_array(np.eye(3)), None, "lists 0 neighbours of row 0"),
        (sparse.csr_array(np.triu(np.ones((4, 4)))), 1, "lists 0 neighbours of row 3"),
    ],
)
def test_matrices_that_can_not_be_right(D, k, words):
    with pytest.raises(ValueError, match=words):
        from_sparse_distances(D, k)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["1 - cos", "2 - 2 cos", "kernel"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.coo_matrix])
def test_rounding_below_0_is_0(dtype, kind, form):
    U = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype)
    U[1] = U[0]
    C = U @ U.T
    D = {"1 - cos": 1 - C, "2 - 2 cos": 2 - 2 * C, "kernel": 1 - C**3}[kind]
    D[0, 1] = D[1, 0] = -2 * np.finfo(dtype).eps
    before = D.copy()
    graph = from_sparse_distances(form(D), 5)
    np.testing.assert_array_equal(D, before)
    want = np.maximum(D, 0)
    np.fill_diagonal(want, np.inf)
    np.testing.assert_allclose(graph.distances, np.sort(want, axis=1)[:, :5], rtol=1e-6)
    assert graph.distances[0, 0] == 0.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("container", [tuple, list, lambda pair: KNNGraph(*pair)])
def test_rounding_below_0_is_0_in_lists_too(dtype, container):
    U = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype)
    U[1] = U[0]
    D = 1 - U @ U.T
    D[0, 1] = D[1, 0] = -2 * np.finfo(dtype).eps
    indices = np.argsort(D, axis=1)[:, :9]
    distances = np.take_along_axis(D, indices, axis=1)
    got = from_user(container((indices, distances)), 60)
    clipped = from_user((indices, np.maximum(distances, 0)), 60)
    np.testing.assert_array_equal(got.indices, clipped.indices)
    np.testing.assert_array_equal(got.distances, clipped.distances)
    assert got.distances[0, 0] == 0.0
    with pytest.raises(ValueError, match=r"row 0 holds the distance -0\.\d+; .* np\.clip"):
        from_user((indices, distances - 0.1), 60)


# Rows of different length: a graph that is brought decides how many neighbours there are.


def ragged() -> sparse.csr_array:
    """Neighbours within a radius, the nearest at least: 1 to some 30 of them."""
    D = pairwise_distances(X.astype(float))
    np.fill_diagonal(D, np.inf)
    kept = (D < 2.5) | (D.min(axis=1, keepdims=True) == D)
    return sparse.csr_array(np.where(kept, D, 0.0))


def weights(P: sparse.csr_array) -> np.ndarray:
    """Return uniform P by definition: (p_j|i + p_i|j) / 2n, p_j|i = 1 / stored neighbours."""
    A = (P.toarray() > 0) / np.diff(P.indptr)[:, None]
    return (A + A.T) / (2 * len(A))


@pytest.mark.parametrize("brought", ["X", "neighbors", "lists"])
def test_rows_of_different_length(brought):
    D = ragged()
    assert np.ptp(np.diff(D.indptr)) > 10
    options = {"affinity": "uniform", "init": "random", "max_iter": 0}
    if brought == "X":
        model = gputsne.TSNE(metric="precomputed", **options).fit(D)
    elif brought == "neighbors":
        model = gputsne.TSNE(neighbors=D, **options).fit(X)
    else:
        graph = from_sparse_distances(D, ragged=True)
        ids = np.where(np.isinf(graph.distances), -1, graph.indices)  # as FAISS fills up
        model = gputsne.TSNE(neighbors=(ids, graph.distances), **options).fit(X)
    # weights of float32, each the mean of two quotients
    np.testing.assert_allclose(model.affinities_.to_csr().toarray(), weights(D), rtol=1e-6)


def test_the_nearest_of_different_lengths():
    D = ragged()
    graph = from_sparse_distances(D, 6, ragged=True)
    for i in range(60):
        stored = np.sort(D.data[D.indptr[i] : D.indptr[i + 1]])[:6]
        np.testing.assert_allclose(graph.distances[i, : len(stored)], stored, rtol=1e-6)
        assert np.isinf(graph.distances[i, len(stored) :]).all()
    assert (graph.indices != np.arange(60)[:, None]).all()
    again = from_user(graph, 60)
    np.testing.assert_array_equal(again.distances, graph.distances)
    with pytest.raises(ValueError, match=r"but k=6 are needed, and \d+ rows have fewer"):
        knn(D, 6, metric="precomputed")


def test_a_graph_of_scanpy_with_one_neighbour_less():
    D = kneighbors_graph(X, 14, mode="distance").tolil()
    D[5, D.rows[5][0]] = 0  # a copy's distance of 0 is not stored: 13 of 14
    D = sparse.csr_matrix(D)
    D.eliminate_zeros()
    model = gputsne.TSNE(
        metric="precomputed", affinity="uniform", init="spectral", max_iter=10, random_state=0
    ).fit(D)
    np.testing.assert_allclose(model.affinities_.to_csr().toarray(), weights(D), rtol=1e-6)
    model = gputsne.TSNE(metric="precomputed", perplexity=5, init="random", max_iter=0).fit(D)
    assert model.affinities_.unreached == 0
    with pytest.raises(ValueError, match=r"perplexity=18.* with the 14 neighbors given"):
        gputsne.TSNE(metric="precomputed", perplexity=18, init="random").fit(D)


# Indices that compiled code would follow.


@pytest.mark.parametrize("into", ["metric", "neighbors"])
@pytest.mark.parametrize(
    ("part", "place", "value", "words"),
    [
        ("indices", 7, 10**6, r"indices\[7\]=1000000 is outside 0 ... 59"),
        ("indices", 3, -5, r"indices\[3\]=-5 is outside 0 ... 59"),
        ("indptr", 4, 10**6, r"indptr\[5\]=\d+ is below indptr\[4\]=1000000"),
        ("indptr", 0, 2, r"indptr\[0\]=2, but offsets begin at 0"),
        ("indptr", 60, 10**6, r"indptr\[60\]=1000000, but there are 480 indices"),
    ],
)
def test_indices_out_of_range_are_named(into, part, place, value, words):
    D = kneighbors_graph(X, 8, mode="distance")
    getattr(D, part)[place] = value
    options = {"metric": "precomputed"} if into == "metric" else {"neighbors": D}
    model = gputsne.TSNE(perplexity=2, init="random", **options)
    with pytest.raises(ValueError, match=words):
        model.fit(D if into == "metric" else X)
