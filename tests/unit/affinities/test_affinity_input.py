"""Are wrong parameters of the affinity stage refused by name, and is the user's own P checked?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from gputsne.affinities import from_precomputed, joint, n_neighbors_for
from gputsne.backends import choose
from gputsne.base.types import KNNGraph

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


def test_a_sigma_that_is_no_number():
    with pytest.raises(TypeError, match="sigma='wide'"):
        joint(GRAPH, OPS, kind="fixed_sigma", sigma="wide")


@pytest.mark.parametrize("value", [-1.0, np.nan])
@pytest.mark.parametrize("kind", ["perplexity", "fixed_sigma"])
def test_distances_that_are_none_are_placed(value, kind):
    distances = GRAPH.distances.copy()
    distances[2, 1] = value
    with pytest.raises(ValueError, match=r"distances\[2, 1\]"):
        joint(
            KNNGraph(GRAPH.indices, distances),
            OPS,
            kind=kind,
            perplexity=1.5,
            sigma=1.0 if kind == "fixed_sigma" else None,
        )


def symmetric(n=30, seed=0):
    A = sparse.random(n, n, density=0.2, random_state=seed, format="csr")
    return A + A.T


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.coo_array, lambda P: P.toarray()])
def test_a_given_p_is_normalised_and_loses_its_diagonal(make):
    P = symmetric() * 1e30
    before = P.copy()
    got = from_precomputed(make(P))
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
    A = from_precomputed(P).to_csr()
    assert (A != A.T).nnz == 0


def test_repeated_and_zero_entries_are_summed_and_dropped():
    rows, columns = [0, 1, 0, 1, 0, 2], [1, 0, 1, 0, 2, 0]
    P = sparse.coo_matrix(([1.0, 1, 1, 1, 0, 0], (rows, columns)), shape=(3, 3))
    got = from_precomputed(P)
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
            from_precomputed(made)


@pytest.mark.parametrize("P", [np.array([["a", "b"]] * 2), np.eye(2) * 1j, np.array([[{}]])])
def test_a_p_without_real_numbers(P):
    with pytest.raises(TypeError, match="dtype"):
        from_precomputed(P)
