"""Neighbours, distances or P come from the user, with every affinity and axis count, on the GPU."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from scipy import sparse
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from gputsne import TSNE, knn
from gputsne.data.datasets import load_digits

X = load_digits().X[:250]
N = len(X)
QUICK = {"max_iter": 60, "random_state": 0, "n_jobs": 1}


@pytest.fixture(scope="module")
def inside():
    """The path from X itself; every other path should arrive at the same place."""
    return TSNE(**QUICK, perplexity=10.0, init="random").fit(X)


@pytest.fixture(scope="module")
def lists():
    return knn(X, 30)


def test_neighbors_given(inside, lists):
    order = np.random.default_rng(0).permuted(np.tile(np.arange(30), (N, 1)), axis=1)
    shuffled = tuple(np.take_along_axis(a, order, axis=1) for a in (lists.indices, lists.distances))
    for given in (lists, (lists.indices, lists.distances), shuffled):
        model = TSNE(**QUICK, perplexity=10.0, init="random", neighbors=given).fit(X)
        np.testing.assert_array_equal(model.embedding_, inside.embedding_)


def test_neighbors_of_scikit_learn(inside):
    """Its lists begin with the point itself, in float64: the same P but for rounding."""
    distances, indices = NearestNeighbors(n_neighbors=31).fit(X).kneighbors(X)
    model = TSNE(**QUICK, perplexity=10.0, init="random", neighbors=(indices, distances)).fit(X)
    ours, theirs = (m.affinities_.to_csr().toarray() for m in (inside, model))
    # Of equal distances at the end of a list, another may be chosen; those weigh least.
    assert np.abs(theirs - ours).sum() < 1e-3


def test_too_few_neighbors_given(lists):
    short = (lists.indices[:, :8], lists.distances[:, :8])
    with pytest.raises(ValueError, match=r"perplexity=10\.0 can't be reached with the 8 neighbors"):
        TSNE(**QUICK, perplexity=10.0, neighbors=short).fit(X)
    with pytest.raises(ValueError, match="neighbors"):
        TSNE(**QUICK, perplexity=10.0, neighbors=lists).fit(X[:100])


def test_distances_given(inside, lists):
    D = pairwise_distances(X).astype(np.float32)
    ours = inside.affinities_.to_csr().toarray()
    rows = np.repeat(np.arange(N), 30)
    for given in (
        D,
        sparse.csr_matrix(D),
        sparse.csr_matrix((lists.distances.ravel(), (rows, lists.indices.ravel())), shape=(N, N)),
    ):
        model = TSNE(**QUICK, perplexity=10.0, init="random", metric="precomputed").fit(given)
        theirs = model.affinities_.to_csr().toarray()
        # scikit-learn's distances are |x|^2 + |y|^2 - 2xy, good to 1e-6 here
        np.testing.assert_allclose(theirs, ours, atol=1e-4 * ours.max())
        assert model.n_features_in_ == N
    assert np.array_equal(model.embedding_, inside.embedding_), "our own distances: the same bytes"


def test_joint_probabilities_given(inside):
    P = inside.affinities_.to_csr()
    for given in (P, P.toarray(), sparse.coo_matrix(P), 7.5 * P.astype(np.float64)):
        model = TSNE(**QUICK, init="random", affinity="precomputed").fit(given)
        ours, theirs = inside.affinities_, model.affinities_
        np.testing.assert_array_equal(theirs.indices, ours.indices)
        # normalised again, in float64: the last bit of float32 may differ
        np.testing.assert_allclose(theirs.data, ours.data, rtol=2e-7)
        assert np.isnan(model.neighbors_recall_)
    start = TSNE(max_iter=0, init="random", random_state=0, affinity="precomputed").fit(P)
    assert start.kl_divergence_ == pytest.approx(oracle.kl(P.toarray(), start.embedding_), rel=1e-5)


def test_int64_sparse_matrices(inside):
    P = inside.affinities_.to_csr()
    wide = sparse.csr_matrix(P)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    a, b = (TSNE(**QUICK, init="random", affinity="precomputed").fit(m) for m in (P, wide))
    np.testing.assert_array_equal(a.embedding_, b.embedding_)


def test_uniform_affinity():
    model = TSNE(**QUICK, affinity="uniform", n_neighbors=15).fit(X)
    graph = knn(X, 15)
    P = oracle.joint(graph.indices, np.full((N, 15), 1 / 15))
    np.testing.assert_allclose(model.affinities_.to_csr().toarray(), P, rtol=1e-6)
    plain = TSNE(**QUICK, affinity="uniform").fit(X)
    np.testing.assert_array_equal(plain.embedding_, model.embedding_)


def test_fixed_sigma():
    sigma = 20.0
    model = TSNE(**QUICK, affinity="fixed_sigma", sigma=sigma, n_neighbors=40).fit(X)
    graph = knn(X, 40)
    w = np.exp(-(graph.distances.astype(np.float64) ** 2) / (2 * sigma**2))
    P = oracle.joint(graph.indices, w / w.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.affinities_.to_csr().toarray(), P, rtol=1e-4, atol=1e-12)
    # the unit of sigma is that of the data, whatever prepare did to them
    tiny = TSNE(**QUICK, affinity="fixed_sigma", sigma=sigma * 2.0**-100, n_neighbors=40)
    tiny.fit(X.astype(np.float64) * 2.0**-100)
    np.testing.assert_array_equal(tiny.embedding_, model.embedding_)


def test_several_perplexities():
    model = TSNE(**QUICK, perplexity=[5.0, 20.0]).fit(X)
    graph = knn(X, 60)
    conditionals = [oracle.conditional(graph.distances, p) for p in (5.0, 20.0)]
    P = oracle.joint(graph.indices, np.mean(conditionals, axis=0))
    # entropy is found to 1e-5, which moves single probabilities by about as much
    np.testing.assert_allclose(model.affinities_.to_csr().toarray(), P, rtol=2e-4, atol=1e-9)


@pytest.mark.parametrize("metric", ["cosine", "correlation", "manhattan", "chebyshev"])
def test_metrics(metric):
    model = TSNE(**QUICK, metric=metric, perplexity=8.0).fit(X)
    D = pairwise_distances(X.astype(np.float64), metric=metric)
    np.fill_diagonal(D, np.inf)
    indices = np.argsort(D, axis=1, kind="stable")[:, :24]
    P = oracle.joint(indices, oracle.conditional(np.take_along_axis(D, indices, axis=1), 8.0))
    ours = model.affinities_.to_csr().toarray()
    # Equal distances at the end of a list may be chosen otherwise (whole numbers of pixels);
    # float32 distances near 0 for cosine. Both touch the least of the probabilities.
    assert np.abs(ours - P).sum() < 0.01
    assert model.transform(X[:3]).shape == (3, 2)


def test_a_callable_metric():
    def metric(a, b):
        return float(np.abs(a - b).sum())

    by_name = TSNE(**QUICK, metric="manhattan", perplexity=8.0).fit(X[:60])
    by_call = TSNE(**QUICK, metric=metric, perplexity=8.0).fit(X[:60])
    np.testing.assert_allclose(by_call.affinities_.data, by_name.affinities_.data, rtol=1e-4)


@pytest.mark.parametrize(
    ("n_components", "dof", "method"),
    [(c, dof, "exact") for c in (1, 2, 3) for dof in (0.5, 2.0)]
    + [(1, 0.5, "mesh"), (1, 2.0, "mesh"), (2, 0.5, "mesh"), (2, 2.0, "mesh"), (3, 1.0, "mesh")],
)
def test_axes_and_tails(n_components, dof, method):
    model = TSNE(n_components, dof=dof, method=method, max_iter=120, early_exaggeration_iter=60,
                 perplexity=10.0, random_state=0, n_jobs=1).fit(X)  # fmt: skip
    Y = model.embedding_
    assert Y.shape == (N, n_components)
    P = model.affinities_.to_csr().toarray()
    start = TSNE(n_components, dof=dof, max_iter=0, perplexity=10.0, random_state=0).fit(X)
    want = oracle.kl(P, Y, dof)
    # exact: float32 kernels, float64 sums. Mesh: Z within the 1e-3 it promises, and KL has log Z.
    assert model.kl_divergence_ == pytest.approx(want, abs=1e-5 if method == "exact" else 1e-3)
    assert model.kl_divergence_ < 0.75 * start.kl_divergence_
    assert list(model.get_feature_names_out()) == [f"tsne{i}" for i in range(n_components)]


def test_sparse_rows_are_dense_rows():
    a = TSNE(**QUICK, perplexity=10.0).fit(X)
    b = TSNE(**QUICK, perplexity=10.0).fit(sparse.csr_matrix(X))
    np.testing.assert_array_equal(a.embedding_, b.embedding_)
    np.testing.assert_array_equal(a.transform(X[:5]), b.transform(sparse.csr_matrix(X[:5])))
