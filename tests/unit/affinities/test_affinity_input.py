"""Wrong parameters of the affinity stage are refused by name, and the user's own P is checked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gputsne import affinities
from gputsne.affinities import joint, n_neighbors_for, precomputed
from gputsne.backends import choose
from gputsne.base.types import Affinities, KNNGraph

OPS = choose("numpy").ops
GRAPH = KNNGraph(
    np.array([[1, 2], [0, 2], [0, 1]], np.int32), np.array([[1, 2], [1, 3], [2, 3]], np.float32)
)


@pytest.mark.parametrize(
    ("perplexity", "n", "want"),
    [(30, 1000, 90), (30, 50, 49), ([5, 40], 1000, 120), (1, 1, 0), (2.5, 99, 7), (1e300, 8, 7)],
)
def test_three_neighbours_a_unit_of_perplexity(perplexity, n, want):
    assert n_neighbors_for(perplexity, n) == want


@pytest.mark.parametrize("perplexity", [0, 0.99, -3, np.nan, np.inf, [], [[5.0]], [5, -1]])
def test_impossible_perplexities(perplexity):
    with pytest.raises(ValueError, match="perplexity="):
        joint(GRAPH, OPS, perplexity=perplexity)


@pytest.mark.parametrize("perplexity", ["30", None, 1j, ["a"]])
def test_perplexities_that_are_no_numbers(perplexity):
    with pytest.raises(TypeError, match="perplexity="):
        joint(GRAPH, OPS, perplexity=perplexity)


@pytest.mark.parametrize(
    ("kind", "sigma", "message"),
    [
        ("gaussian", None, "affinity='gaussian': must be one of"),
        ("fixed_sigma", None, "needs a sigma"),
        ("perplexity", 1.0, "does not use sigma=1.0"),
        ("uniform", 1.0, "does not use sigma=1.0"),
        ("fixed_sigma", 0.0, "above 0"),
        ("fixed_sigma", np.nan, "above 0"),
        ("fixed_sigma", np.inf, "above 0"),
    ],
)
def test_kind_and_sigma_must_fit(kind, sigma, message):
    with pytest.raises(ValueError, match=message):
        joint(GRAPH, OPS, kind=kind, sigma=sigma)


@pytest.mark.parametrize("sigma", [5e-324, 1e-320, 2.3e-308, 1e-290, 1e-200, 1e-40])
@pytest.mark.parametrize("unit", [1.0, 1e-44, 3e37])
def test_the_smallest_sigma_leaves_each_point_its_nearest(sigma, unit):
    graph = KNNGraph(GRAPH.indices, (GRAPH.distances * np.float32(unit)).astype(np.float32))
    P = affinities.fixed_sigma(graph, sigma, ops=OPS).to_csr().toarray()
    if unit == 1e-44 and sigma == 1e-40:  # wider than the distances: all alike
        np.testing.assert_allclose(P[~np.eye(3, dtype=bool)], 1 / 6, rtol=1e-6)
        return
    want = np.zeros((3, 3))
    for i, j in ((0, 1), (1, 0), (2, 0)):  # the nearest of each
        want[i, j] += 1 / 6
        want[j, i] += 1 / 6
    np.testing.assert_allclose(P, want, rtol=1e-6)


def test_a_sigma_that_is_no_number():
    with pytest.raises(TypeError, match="sigma='wide'"):
        joint(GRAPH, OPS, kind="fixed_sigma", sigma="wide")


@pytest.mark.parametrize("value", [-1.0, np.nan])
@pytest.mark.parametrize(
    ("kind", "option"), [("perplexity", "perplexity"), ("fixed_sigma", "sigma")]
)
def test_distances_that_are_none_are_placed(value, kind, option):
    distances = GRAPH.distances.copy()
    distances[2, 1] = value
    with pytest.raises(ValueError, match=r"distances\[2, 1\]"):
        joint(KNNGraph(GRAPH.indices, distances), OPS, kind=kind, **{option: 1.5})


def symmetric(n=30, seed=0):
    A = sparse.random(n, n, density=0.2, random_state=seed, format="csr")
    return A + A.T


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.coo_array, lambda P: P.toarray()])
def test_a_given_p_is_normalised_and_loses_its_diagonal(make):
    P = symmetric() * 1e30
    before = P.copy()
    got = precomputed(make(P))
    want = P.toarray()
    np.fill_diagonal(want, 0.0)
    np.testing.assert_allclose(got.to_csr().toarray(), want / want.sum(), rtol=1e-6)
    assert (got.to_csr() != got.to_csr().T).nnz == 0
    assert abs(got.data.sum(dtype=np.float64) - 1) < 1e-6
    assert (before != P).nnz == 0  # the caller's P is as it was
    assert (got.indptr.dtype, got.indices.dtype, got.data.dtype) == (np.int64, np.int32, np.float32)


def test_rounding_is_not_asymmetry():
    P = symmetric().tocsr()
    P.data *= 1 + 1e-7 * np.random.default_rng(0).normal(size=P.nnz)
    A = precomputed(P).to_csr()
    assert (A != A.T).nnz == 0


def test_repeated_and_zero_entries_are_summed_and_dropped():
    rows, columns = [0, 1, 0, 1, 0, 2], [1, 0, 1, 0, 2, 0]
    P = sparse.coo_matrix(([1.0, 1, 1, 1, 0, 0], (rows, columns)), shape=(3, 3))
    with pytest.warns(UserWarning, match="1 of 3 points have no neighbour in P"):
        got = precomputed(P)
    assert got.nnz == 2
    np.testing.assert_allclose(got.data, 0.5)


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (np.ones((2, 3)), "one row and one column"),
        (np.ones(3), "one row and column"),
        (np.zeros((0, 0)), "one row and one column"),
        (np.array([[0, 1], [0.9, 0]]), "not symmetric"),
        (np.array([[0, 1.0], [0, 0]]), "not symmetric"),
        (np.array([[0, -1], [-1, 0]]), "negative, NaN or infinite"),
        (np.array([[0, np.nan], [np.nan, 0]]), "negative, NaN or infinite"),
        (np.array([[0, np.inf], [np.inf, 0]]), "negative, NaN or infinite"),
        (np.eye(3), "zero everywhere off the diagonal"),
    ],
)
def test_a_p_that_is_none(P, message):
    for made in (P, sparse.csr_matrix(P)) if P.ndim == 2 and P.size else (P,):
        with pytest.raises(ValueError, match=message):
            precomputed(made)


@pytest.mark.parametrize("P", [np.array([["a", "b"]] * 2), np.eye(2) * 1j, np.array([[{}]])])
def test_a_p_without_real_numbers(P):
    with pytest.raises(TypeError, match="dtype"):
        precomputed(P)


def test_every_affinity_is_usable_alone_and_is_the_one_of_the_table():
    for kind, options in (("perplexity", {"perplexity": 1.5}), ("uniform", {}),
                          ("fixed_sigma", {"sigma": 2.0})):  # fmt: skip
        alone = getattr(affinities, kind)(GRAPH, **options)
        row = affinities.AFFINITIES[kind]
        assert set(options) == set(row.options)
        assert row.n_neighbors is not None
        assert row.n_neighbors(5, **options) in (2, 4)
        by_table = joint(GRAPH, OPS, kind=kind, **options)
        np.testing.assert_array_equal(alone.indices, by_table.indices)
        np.testing.assert_allclose(alone.data, by_table.data, atol=1e-5)  # numpy and compiled
    assert affinities.AFFINITIES["precomputed"].n_neighbors is None


def damaged(name: str, at: int, value: int):
    """Return a symmetric P of 4 points in CSR, one number of it changed."""
    P = sparse.csr_matrix(np.ones((4, 4)) - np.eye(4))
    arrays = {"indptr": P.indptr.astype(np.int64), "indices": P.indices.copy()}
    arrays[name][at] = value
    P.indptr, P.indices = arrays["indptr"], arrays["indices"]
    return P


BROKEN = [
    ("indices", 5, 4, r"P\.indices\[5\]=4 is outside 0 \.\.\. 3"),
    ("indices", 0, -1, r"P\.indices\[0\]=-1 is outside"),
    ("indices", 11, 2**31 - 1, r"P\.indices\[11\]=2147483647 is outside"),
    ("indptr", 2, 2**40, r"P\.indptr\[3\]=9 is below indptr\[2\]=1099511627776"),
    ("indptr", 1, -3, r"P\.indptr\[1\]=-3 is below"),
    ("indptr", 0, 1, r"P\.indptr\[0\]=1, but offsets begin at 0"),
    ("indptr", 4, 13, r"P\.indptr\[4\]=13, but there are 12 indices"),
]


@pytest.mark.parametrize(("name", "at", "value", "message"), BROKEN)
def test_indices_that_would_leave_the_arrays_are_placed(name, at, value, message):
    P = damaged(name, at, value)
    with pytest.raises(ValueError, match=message):
        precomputed(P)
    own = Affinities(P.indptr, P.indices, P.data.astype(np.float32))
    with pytest.raises(ValueError, match=message):
        precomputed(own)


@pytest.mark.parametrize("kind", ["csc", "bsr", "coo", "lil"])
@pytest.mark.parametrize("value", [-1, 4, 2**31 - 1])
def test_every_sparse_format_is_checked(kind, value):
    P = sparse.csr_matrix(np.ones((4, 4)) - np.eye(4)).asformat(kind)
    if kind == "coo":
        P.row[3] = value
    elif kind == "lil":
        P.rows[2][1] = value
    else:
        P.indices[0] = value
    with pytest.raises(ValueError, match=rf"P\.(indices|coords)\S*\]={value} is outside 0 \.\.\. "):
        precomputed(P)


def test_points_without_neighbours_are_counted():
    A = np.ones((60, 60))
    lonely = np.arange(0, 60, 7)
    A[lonely] = A[:, lonely] = 0
    told = r"9 of 60 points have no neighbour in P \(rows 0, 7, 14, 21, 28, \.\.\.\).*keep"
    with pytest.warns(UserWarning, match=told):
        P = precomputed(A)
    keep = np.flatnonzero(A.sum(axis=1))  # the remedy of the message
    rest = precomputed(A[keep][:, keep])
    np.testing.assert_array_equal(P.data, rest.data)
