"""knn against scikit-learn's distances in float64, whatever the search."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from gputsne.neighbors import ReferenceIndex, knn

BY_FAISS = ["euclidean", "l2", "sqeuclidean", "cosine", "correlation"]
OTHERS = ["manhattan", "chebyshev", "canberra", "hamming", "mahalanobis", "seuclidean", "jaccard"]
# Squared differences of float32 numbers, summed in float32: d = 7 terms of 2**-24 each.
TIGHT = 1e-6


def cloud(n: int = 200, d: int = 7) -> np.ndarray:
    X = np.random.default_rng(0).normal(size=(n, d))
    X[::3, 0] = 0.0
    return X.astype(np.float32)


def truth(X: np.ndarray, k: int, metric: str) -> np.ndarray:
    D = pairwise_distances((X != 0) if metric == "jaccard" else X.astype(float), metric=metric)
    np.fill_diagonal(D, np.inf)
    return np.sort(D, axis=1)[:, :k]


def clusters(n: int, d: int = 10) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (
        4 * rng.normal(size=(40, d))[rng.integers(40, size=n)] + rng.normal(size=(n, d))
    ).astype(np.float32)


@pytest.mark.parametrize("metric", BY_FAISS + OTHERS)
def test_exact_search_finds_the_true_distances(metric):
    X = cloud()
    graph = knn(X, 12, metric=metric)
    want = truth(X, 12, metric)
    np.testing.assert_allclose(graph.distances, want, rtol=TIGHT, atol=TIGHT * want.max())
    assert graph.recall == 1.0
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float32


def test_cosine_of_rows_without_direction():
    X = cloud()
    X[[5, 6]] = 0.0
    graph = knn(X, 199, metric="cosine")
    assert graph.indices[5, 0] == 6
    assert graph.distances[5, 0] == 0.0
    np.testing.assert_allclose(graph.distances[5, 1:], 1.0, rtol=TIGHT)


def test_correlation_of_constant_rows():
    X = cloud()
    X[[5, 6]] = [[0.1], [0.7]]
    graph = knn(X, 199, metric="correlation")
    assert graph.indices[5, 0] == 6
    np.testing.assert_allclose(graph.distances[5, 1:], 1.0, rtol=TIGHT)


def test_inner_product_ascends_as_products_descend():
    X = cloud()
    products = X.astype(float) @ X.T.astype(float)
    np.fill_diagonal(products, -np.inf)
    graph = knn(X, 12, metric="inner_product")
    found = np.take_along_axis(products, graph.indices, axis=1)
    np.testing.assert_allclose(found, -np.sort(-products, axis=1)[:, :12], atol=1e-5)
    norms = np.square(X.astype(float)).sum(axis=1)
    want = np.sqrt(norms[:, None] + norms.max() - 2 * found)
    np.testing.assert_allclose(graph.distances, want, rtol=1e-5)


def test_callable_metric():
    X = cloud(60)
    graph = knn(X, 5, metric=lambda x, y: float(np.abs(x - y).max()))
    np.testing.assert_allclose(graph.distances, truth(X, 5, "chebyshev"), rtol=TIGHT)


def test_metric_params():
    X = cloud()
    got = knn(X, 5, metric="minkowski", metric_params={"p": 1}).distances
    np.testing.assert_allclose(got, truth(X, 5, "manhattan"), rtol=TIGHT)


@pytest.mark.parametrize("min_recall", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product"])
def test_recall_is_what_it_says(min_recall, metric):
    X = clusters(4000)
    graph = knn(X, 15, metric=metric, exact=False, min_recall=min_recall, random_state=0)
    true = knn(X, 15, metric=metric, exact=True)
    hits = graph.distances <= true.distances[:, -1:] * (1 + 1e-5)
    assert graph.source == "faiss-ivf"
    assert graph.recall >= min_recall
    # 1,000 of 4,000 rows sampled: rows' recalls scatter by less than 0.3, so four standard errors
    # of the mean are below 0.04.
    assert abs(hits.mean() - graph.recall) < 0.04


def test_full_recall_is_exact():
    graph = knn(clusters(2000), 10, exact=False, min_recall=1.0, random_state=0)
    true = knn(clusters(2000), 10)
    np.testing.assert_allclose(graph.distances, true.distances, rtol=TIGHT)


def test_lists_too_short_are_filled_by_exact_search():
    rng = np.random.default_rng(0)
    # Twenty cells of about 32 rows: with k = 100 one cell can't fill a row, and min_recall is low
    # enough that one or two cells are all that is visited.
    X = rng.normal(size=(640, 3)).astype(np.float32)
    graph = knn(X, 100, exact=False, min_recall=0.01, random_state=0)
    assert graph.indices.min() >= 0
    assert all(np.unique(row).size == 100 for row in graph.indices)


@pytest.mark.parametrize("exact", [True, False])
def test_bits_do_not_depend_on_threads(exact):
    X = clusters(3000)
    one, two, three = (knn(X, 20, exact=exact, random_state=5, n_jobs=jobs) for jobs in (1, 2, 3))
    for other in (two, three):
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.distances, other.distances)
        assert one.recall == other.recall


def test_far_from_the_origin_nothing_cancels():
    X = np.round(cloud() * 64) / 64  # exact in float32 also after the shift
    for all_pairs in (True, False):
        near = knn(X, 10, exact=all_pairs, min_recall=0.9, random_state=0)
        far = knn(X + np.float32(65536), 10, exact=all_pairs, min_recall=0.9, random_state=0)
        assert far.recall >= 0.9
        if all_pairs:
            np.testing.assert_array_equal(near.distances, far.distances)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_extreme_scales(size):
    X = cloud()
    got = knn((X * np.float32(size)), 10)
    np.testing.assert_allclose(got.distances / size, knn(X, 10).distances, rtol=1e-5)


def test_one_far_outlier():
    X = cloud()
    X[7] = 1e6
    graph = knn(X, 10)
    assert np.isfinite(graph.distances).all()
    np.testing.assert_allclose(graph.distances, truth(X, 10, "euclidean"), rtol=TIGHT)


@pytest.mark.parametrize("exact", [True, False])
def test_half_of_the_rows_are_copies(exact):
    X = clusters(1000)
    X[::2] = X[0]
    graph = knn(X, 30, exact=exact, min_recall=0.9, random_state=0)
    own = np.arange(1000)[:, None]
    assert (graph.indices != own).all()
    assert not graph.distances[::2].any()
    assert (X[graph.indices[::2]] == X[0]).all()
    assert all(np.unique(row).size == 30 for row in graph.indices)
    # Copies name each other in turn: no copy is named by all 499 others.
    assert np.bincount(graph.indices[::2].ravel(), minlength=1000).max() <= 30
    want = truth(X, 30, "euclidean")
    if exact:
        np.testing.assert_allclose(graph.distances, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", range(2, 51, 6))
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner_product", "manhattan"])
@pytest.mark.parametrize("equal", [True, False])
def test_few_and_equal_points(n, metric, equal):
    X = np.ones((n, 3)) if equal else cloud(n, 3)
    for k in {1, n // 2, n - 1}:
        graph = knn(X, k, metric=metric)
        assert (graph.indices != np.arange(n)[:, None]).all()
        assert all(np.unique(row).size == k for row in graph.indices)
        assert np.isfinite(graph.distances).all()
        assert (np.diff(graph.distances, axis=1) >= 0).all()


def test_progress_counts_every_row():
    X = clusters(2000)
    X[:300] = 0.0
    for options in ({"exact": True}, {"exact": False}, {"metric": "manhattan"}):
        done: list[int] = []
        totals: list[int] = []

        def progress(now: int, total: int, done=done, totals=totals) -> None:
            done.append(now)
            totals.append(total)

        knn(X, 10, random_state=0, progress=progress, **options)
        assert done == sorted(set(done))
        assert done[-1] == 2000
        assert set(totals) == {2000}


def test_input_is_never_changed():
    X = cloud()
    X.flags.writeable = False
    for metric in ("euclidean", "correlation", "inner_product", "manhattan"):
        before = X.copy()
        knn(X, 5, metric=metric)
        np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("X", "k", "options", "error", "words"),
    [
        (cloud(10), 10, {}, ValueError, "k=10 .* n_samples=10 .* k from 1 to 9"),
        (cloud(10), 0, {}, ValueError, "k=0"),
        (cloud(10), 2.0, {}, TypeError, "k must be an integer"),
        (cloud(1), 1, {}, ValueError, "n_samples=1"),
        (cloud(10), 3, {"metric": "none such"}, ValueError, "none such"),
        (cloud(10), 3, {"metric": 3}, TypeError, "metric"),
        (cloud(10), 3, {"metric_params": {"p": 2}}, ValueError, "no effect"),
        (cloud(10), 3, {"exact": "maybe"}, ValueError, "exact='maybe'"),
        (cloud(10), 3, {"exact": False, "metric": "manhattan"}, ValueError, "exact=False"),
        (cloud(10), 3, {"min_recall": 1.2}, ValueError, "min_recall=1.2"),
        (cloud(10), 3, {"n_jobs": 0}, ValueError, "n_jobs=0"),
        (np.ones(4), 1, {}, ValueError, "Reshape your data"),
        (np.array([["a"], ["b"]]), 1, {}, ValueError, "X must hold numbers"),
        (np.array([[1.0], [np.nan]]), 1, {}, ValueError, "NaN"),
        (np.array([[1.0], [1e300]]), 1, {}, ValueError, "too large"),
        (sparse.eye_array(5).tocsr(), 1, {}, TypeError, "sparse"),
        (cloud(10), 3, {"metric": lambda x, y: -1.0}, ValueError, "distance -1.0 for rows 0 and 1"),
        (cloud(10), 3, {"metric": lambda x, y: float("nan")}, ValueError, "NaN for rows 0 and 1"),
        (
            cloud(10),
            3,
            {"metric": lambda x, y: 1e300},
            ValueError,
            r"the distance 1e\+300 from row 0 to row [1-9], one of its 3 nearest: float32 ends at",
        ),
        (cloud(10).astype(float) * 1e-300, 3, {}, ValueError, r"largest value .* multiply X"),
        (np.eye(4), 2, {"metric": "precomputed", "metric_params": {"p": 1}}, ValueError, "no eff"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_sense_says_so(X, k, options, error, words):
    with pytest.raises(error, match=words):
        knn(X, k, **options)


def test_reference_index_agrees_with_knn():
    X = clusters(500)
    for metric in ("euclidean", "correlation", "inner_product", "manhattan"):
        indices, distances = ReferenceIndex(X, metric=metric).query(X[:50], 6)
        graph = knn(X, 5, metric=metric)
        if metric != "inner_product":  # there, a point need not be its own nearest
            np.testing.assert_array_equal(indices[:, 0], np.arange(50))
            np.testing.assert_allclose(distances[:, 1:], graph.distances[:50], atol=1e-5)
        else:
            assert (indices[:, :5] != graph.indices[:50]).mean() < 0.5


def test_reference_index_refuses():
    X = cloud()
    with pytest.raises(ValueError, match="precomputed"):
        ReferenceIndex(X, metric="precomputed")
    with pytest.raises(ValueError, match="5 columns, but the fitted rows have 7"):
        ReferenceIndex(X).query(X[:, :5], 3)
    with pytest.raises(ValueError, match="k=201"):
        ReferenceIndex(X).query(X, 201)


# Data far from 0: float32 gets what the rows differ in, and recall holds in the user's numbers.


def true_recall(X: np.ndarray, graph, metric: str = "euclidean") -> float:
    """Return the share of neighbours that are no farther than the k-th true one."""
    D = cdist(X, X, {"manhattan": "cityblock"}.get(metric, metric))  # by differences, in float64
    found = np.take_along_axis(D, graph.indices, axis=1)
    np.fill_diagonal(D, np.inf)
    farthest = np.sort(D, axis=1)[:, graph.k - 1 : graph.k]
    return float((found <= farthest * (1 + 1e-5)).mean())


def far_away(kind: str, n: int = 1500) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    if kind == "all columns":
        return X + 1e8
    if kind == "unix seconds":
        return np.c_[1.7e9 + rng.uniform(0, 86400, n), X[:, :2] * 3]
    if kind == "integers":
        return np.c_[10**15 + rng.permutation(10 * n)[:n], rng.integers(0, 50, (n, 2))]
    if kind == "projected":
        return np.c_[rng.normal(500_000, 300, n), rng.normal(7_700_000, 300, n)]
    if kind == "an outlier":  # the spread is large, but not that of the others
        X += 1e8
        X[7] = 0.0
        return X
    if kind == "rising scales":
        return X * np.logspace(0, 12, n)[:, None]
    raise ValueError(kind)


KINDS = ["all columns", "unix seconds", "integers", "projected", "an outlier", "rising scales"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan", "chebyshev"])
def test_columns_far_from_0(kind, metric):
    X = far_away(kind)
    graph = knn(X, 10, metric=metric, random_state=0)
    got = true_recall(X.astype(float), graph, metric)
    assert got > 0.995
    assert abs(graph.recall - got) < 0.01
    again = knn(X, 10, metric=metric, random_state=0)
    np.testing.assert_array_equal(graph.indices, again.indices)


def test_correlation_of_rows_with_a_large_offset():
    X = np.random.default_rng(0).normal(size=(300, 20))
    graph = knn(X + 1e6 * np.arange(300)[:, None], 10, metric="correlation")
    assert true_recall(X, graph, "correlation") > 0.999


def test_what_float32_can_not_tell_apart_is_said():
    X = np.random.default_rng(0).normal(size=(1500, 3))
    X[:700] += 1e9  # two groups: wherever the centre lies, one of them is blurred
    with pytest.warns(UserWarning, match=r"only 0\.\d+ .* true ones: float32 .* X\[\d+, \d\]="):
        graph = knn(X, 10, random_state=0)
    assert abs(graph.recall - true_recall(X, graph)) < 0.02
    assert graph.recall < 0.9


def test_far_rows_of_an_index():
    X = far_away("unix seconds")
    index = ReferenceIndex(X, random_state=0)
    np.testing.assert_array_equal(index.query(X[:50], 1)[0].ravel(), np.arange(50))


# 0 / 0


@pytest.mark.parametrize("metric", ["dice", "sokalsneath", "braycurtis", "jaccard", "yule"])
@pytest.mark.parametrize("empty", [[0], [0, 5, 9]])
def test_empty_rows(metric, empty):
    X = (np.random.default_rng(0).random((60, 12)) < 0.5).astype(np.float32)
    X[~X.any(axis=1), 0] = 1
    X[empty] = 0
    graph = knn(X, 5, metric=metric)
    typed = X.astype(float) if metric == "braycurtis" else X != 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        D = np.nan_to_num(pairwise_distances(typed, metric=metric), nan=0.0)
    np.fill_diagonal(D, np.inf)
    np.testing.assert_allclose(graph.distances, np.sort(D, axis=1)[:, :5], rtol=TIGHT)
    _, distances = ReferenceIndex(X, metric=metric).query(X[empty], 1)
    assert not distances.any()


def test_a_metric_without_a_value_names_both_rows():
    X = cloud(20)
    X[4] = 0.0

    def relative(x, y):
        return float(np.abs(x - y).sum() / (x * y).any()) if (x * y).any() else float("nan")

    with pytest.raises(ValueError, match=r"NaN for rows 0 and 4.*row 4 holds nothing but zeros"):
        knn(X, 3, metric=relative)
