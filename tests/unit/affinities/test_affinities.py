"""P is what the definition says on every backend, and impossible rows are finite and counted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import oracle
import pytest
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from gputsne import affinities
from gputsne.backends import BACKENDS
from gputsne.base.types import KNNGraph

CPU = [b for b in BACKENDS if b.device in ("cpu", "numpy")]


@pytest.fixture(params=CPU, ids=lambda b: b.device)
def ops(request):
    if request.param.why_not():
        pytest.skip(request.param.why_not())
    return request.param.make(2)


def graph_of(n=300, k=45, d=5, seed=0, scale=1.0):
    X = np.random.default_rng(seed).normal(size=(n, d)) * scale
    distances, indices = NearestNeighbors(n_neighbors=k).fit(X).kneighbors()
    return KNNGraph(indices.astype(np.int32), distances.astype(np.float32))


def entropy(p):
    p = np.asarray(p, np.float64)
    return -np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(axis=1)


def one_row(ops, distances, perplexity):
    p, unreached = ops.conditional(np.array([distances], np.float32), [perplexity])
    return p[0], unreached


@pytest.mark.parametrize("perplexity", [1.5, 5.0, 30.0, 44.0])
def test_rows_are_those_of_the_definition(ops, perplexity):
    graph = graph_of()
    p, unreached = ops.conditional(graph.distances, [perplexity])
    assert unreached == 0
    assert np.abs(entropy(p) - np.log(perplexity)).max() < 1e-5  # the promise
    # An entropy off by e moves log(beta) by e / (beta^2 Var D), and p by p beta D as much; at
    # perplexity 44 of 45 neighbours that variance is 0.05. The search stops at e = 1e-6.
    assert np.abs(p - oracle.conditional(graph.distances, perplexity)).max() < 1e-5


def test_joint_is_scikit_learns(ops):
    from sklearn.manifold._t_sne import _joint_probabilities_nn

    graph = graph_of()
    n, k = graph.indices.shape
    D = sparse.csr_matrix(
        (graph.distances.ravel() ** 2, graph.indices.flatten(), np.arange(n + 1) * k), shape=(n, n)
    )
    want = _joint_probabilities_nn(D, 15.0, 0).toarray()
    P = affinities.joint(graph, ops, perplexity=15.0)
    # Both stop within 1e-5 of the entropy, so a p differs by 1e-5 beta D, with beta D up to 20.
    np.testing.assert_allclose(P.to_csr().toarray(), want, rtol=5e-4, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("perplexity", {"perplexity": 15.0}),
        ("perplexity", {"perplexity": [5, 15, 40.0]}),
        ("uniform", {}),
        ("fixed_sigma", {"sigma": 0.7}),
    ],
)
def test_joint_is_symmetric_sums_to_one_and_has_no_diagonal(ops, kind, extra):
    graph = graph_of()
    P = affinities.joint(graph, ops, kind=kind, **extra)
    A = P.to_csr()
    assert (A != A.T).nnz == 0  # to the bit
    assert abs(P.data.sum(dtype=np.float64) - 1) < 1e-6
    assert not A.diagonal().any()
    assert (P.data > 0).all()
    assert (P.indptr.dtype, P.indices.dtype, P.data.dtype) == (np.int64, np.int32, np.float32)
    assert all((np.diff(P.indices[a:b]) > 0).all() for a, b in pairwise(P.indptr))


def test_several_perplexities_are_the_mean_of_each(ops):
    graph = graph_of()
    each = [ops.conditional(graph.distances, [u])[0] for u in (5.0, 40.0)]
    both, _ = ops.conditional(graph.distances, [5.0, 40.0])
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=2e-7)  # float32 sums of p <= 1


def test_uniform_and_fixed_sigma_by_definition(ops):
    graph = graph_of()
    n, k = graph.indices.shape
    uniform = affinities.joint(graph, ops, kind="uniform").to_csr().toarray()
    np.testing.assert_allclose(
        uniform, oracle.joint(graph.indices, np.full((n, k), 1 / k)), rtol=1e-6
    )
    w = np.exp(-(graph.distances.astype(np.float64) ** 2) / (2 * 0.7**2))
    want = oracle.joint(graph.indices, w / w.sum(axis=1, keepdims=True))
    got = affinities.joint(graph, ops, kind="fixed_sigma", sigma=0.7).to_csr().toarray()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-15)


def test_uniform_weighs_the_neighbours_that_there_are(ops):
    distances = np.array([[1, 2], [1, np.inf], [2, np.inf]], np.float32)
    graph = KNNGraph(np.array([[1, 2], [0, 2], [0, 1]], np.int32), distances)
    got = affinities.uniform(graph, ops=ops).to_csr().toarray()
    want = oracle.joint(graph.indices, np.array([[0.5, 0.5], [1, 0], [1, 0]]))
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("sigma", [1e-30, 1e30])
def test_a_sigma_far_from_the_distances_gives_finite_rows(ops, sigma):
    P = affinities.joint(graph_of(n=50, k=9), ops, kind="fixed_sigma", sigma=sigma)
    assert np.isfinite(P.data).all()
    assert abs(P.data.sum(dtype=np.float64) - 1) < 1e-6


@pytest.mark.parametrize(
    ("distances", "perplexity", "members"),
    [
        ([3.0] * 90, 30.0, 90),  # all equal
        ([0.0] * 90, 30.0, 90),  # all the same point
        ([0.0] * 40 + list(range(1, 51)), 30.0, 40),  # more duplicates than the perplexity
        (list(range(1, 21)), 30.0, 20),  # k < perplexity
        (list(range(1, 21)) + [np.inf] * 70, 30.0, 20),  # too few at a finite distance
        ([np.inf] * 90, 30.0, 90),
        ([np.nan] * 5, 2.0, 5),
    ],
)
def test_rows_out_of_reach_are_uniform_over_the_nearest_and_counted(
    ops, distances, perplexity, members
):
    p, unreached = one_row(ops, distances, perplexity)
    assert unreached == 1
    np.testing.assert_allclose(p[:members], 1 / members, rtol=1e-6)
    assert not p[members:].any()


@pytest.mark.parametrize(
    "distances",
    [
        np.zeros(20).tolist() + list(range(1, 71)),  # fewer duplicates than the perplexity
        np.geomspace(1e-45, 3e38, 90),
        np.arange(1, 91) * 1e-38,
        np.arange(1, 91) * 1e36,
        [*np.linspace(1, 2, 89), 1e30],
        1e6 + np.arange(90) / 16,  # a huge offset: squares cancel
        [0.0, *np.ones(89)],
        [*range(1, 51), *[np.inf] * 40],
        np.linspace(1, 5, 90)[::-1],  # not ascending
    ],
)
def test_rows_at_any_scale_reach_the_entropy(ops, distances):
    p, unreached = one_row(ops, distances, 30.0)
    assert unreached == 0
    assert abs(entropy(p[None])[0] - np.log(30.0)) < 1e-5


def test_perplexities_at_the_limits_are_reached(ops):
    nearest, unreached = one_row(ops, [1, 2, 3, 4], 1.0)
    assert unreached == 0
    assert nearest.tolist() == [1, 0, 0, 0]
    assert one_row(ops, [1, 2, 3, 4], 4.0)[0].tolist() == [0.25] * 4


def test_weights_are_zero_or_normal_numbers(ops):
    # Denormal p would slow every later product down; exp(-46) / 90 / 2n is far above 1e-38.
    p, _ = ops.conditional(np.linspace(1, 40, 90, dtype=np.float32)[None].repeat(3, 0), [2.0])
    assert ((p == 0) | (p > 1e-23)).all()
    assert (p == 0).any()


def test_edges_of_weight_zero_are_left_out(ops):
    indices = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    p = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    indptr, columns, data = ops.symmetrize(indices, p)
    assert indptr.tolist() == [0, 2, 3, 4]
    assert columns.tolist() == [1, 2, 0, 0]
    np.testing.assert_allclose(data, [2 / 6, 1 / 6, 2 / 6, 1 / 6], rtol=1e-7)


def test_a_hub_that_everybody_lists(ops):
    n = 5000
    indices = np.stack([np.zeros(n), (np.arange(n) + 1) % n], axis=1).astype(np.int32)
    indices[0], indices[n - 1] = [1, 2], [0, 1]
    p = np.full((n, 2), 0.5, np.float32)
    indptr, columns, data = ops.symmetrize(indices, p)
    assert columns[: indptr[1]].tolist() == list(range(1, n))
    np.testing.assert_allclose(data[0], 0.5 / n, rtol=1e-6)  # listed by both: (.5 + .5) / 2n
    assert abs(data.sum(dtype=np.float64) - 1) < 1e-6


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_the_smallest_graphs(ops, n):
    indices = np.array([[j for j in range(n) if j != i] for i in range(n)], np.int32)
    graph = KNNGraph(indices.reshape(n, n - 1), np.ones((n, n - 1), np.float32))
    P = affinities.joint(graph, ops, perplexity=30.0)
    assert P.unreached == n
    assert P.nnz == n * (n - 1)
    np.testing.assert_allclose(P.data, 1 / max(1, P.nnz), rtol=1e-6)


def test_the_graph_is_not_changed_and_may_be_read_only(ops):
    graph = graph_of(n=60, k=9)
    for a in (graph.indices, graph.distances):
        a.setflags(write=False)
    before = graph.indices.tobytes() + graph.distances.tobytes()
    affinities.joint(graph, ops, perplexity=3.0)
    assert before == graph.indices.tobytes() + graph.distances.tobytes()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("indices", 99, r"indices\[2, 1\]=99 is no point of n=4"),
        ("indices", -1, r"indices\[2, 1\]=-1 is no point of n=4"),
        ("indices", 2, r"indices\[2, 1\]=2 is the point itself"),
        ("indices", 0, r"indices\[2\] lists point 0 twice"),
        ("p", -0.5, r"p\[2, 1\]=-0.5; pass finite"),
        ("p", np.nan, r"p\[2, 1\]=nan; pass finite"),
        ("p", np.inf, r"p\[2, 1\]=inf; pass finite"),
    ],
)
def test_broken_graphs_are_named(ops, place, value, message):
    arrays = {
        "indices": np.array([[1, 2], [2, 3], [0, 1], [0, 1]], np.int32),
        "p": np.full((4, 2), 0.5, np.float32),
    }
    arrays[place][2, 1] = value
    with pytest.raises(ValueError, match=message):
        ops.symmetrize(**arrays)


def test_shapes_that_do_not_fit_are_named(ops):
    with pytest.raises(ValueError, match=r"p has shape \(3, 1\)"):
        ops.symmetrize(np.zeros((3, 2), np.int32), np.zeros((3, 1), np.float32))
    with pytest.raises(ValueError, match=r"distances has shape \(3"):
        ops.conditional(np.zeros(3, np.float32), [2.0])
    for bad in ([], [0.5], [np.nan], [np.inf]):
        with pytest.raises(ValueError, match="perplexities"):
            ops.conditional(np.ones((1, 3), np.float32), bad)
