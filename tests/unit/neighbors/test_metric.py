"""What each metric says of itself (origin, scale, copies), held against scikit-learn."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import PAIRWISE_DISTANCE_FUNCTIONS
from sklearn.neighbors import VALID_METRICS

import gputsne
from gputsne.neighbors import metric_for
from gputsne.neighbors.metric import METRICS, VectorMetric

OF_SKLEARN = {*VALID_METRICS["brute"], *PAIRWISE_DISTANCE_FUNCTIONS} - {"precomputed"}
SHIFT = np.array([3.0, -2.0, 0.5, 8.0])
# Sums of a few float64 terms of about 10, divided by numbers of about 1.
ROUNDING = 1e-11


def rows(metric: str) -> np.ndarray:
    """Rows with zeros, which hamming and the metrics of presence look at, shifted off 0."""
    X = np.random.default_rng(0).integers(-2, 3, size=(30, 4)) * 0.75
    X[~X.any(axis=1), 0] = 0.75
    return X[:, :2] if metric == "haversine" else X


def distances(X: np.ndarray, metric: str, fitted: np.ndarray | None = None) -> np.ndarray:
    """Return all distances in float64; parameters are learned from the rows, as in a fit."""
    if metric == "inner_product":
        products, squares = X @ X.T, np.square(X).sum(axis=1)
        return np.sqrt(np.maximum(squares[:, None] + squares.max() - 2 * products, 0))
    known = metric_for(metric).learn(X if fitted is None else fitted)
    params = {} if isinstance(known, VectorMetric) else dict(known.params)
    return pairwise_distances(known.typed(X), metric=metric, **params)


def test_every_name_of_scikit_learn_is_known():
    assert {*METRICS} >= OF_SKLEARN
    assert {*METRICS} - OF_SKLEARN == {"inner_product"}


@pytest.mark.filterwarnings("ignore:metric='haversine' takes radians")
@pytest.mark.parametrize("metric", METRICS)
def test_the_origin_matters_where_it_is_said_to(metric):
    X = rows(metric)
    change = np.abs(distances(X + SHIFT[: X.shape[1]], metric) - distances(X, metric)).max()
    assert (change > 1e-3) == metric_for(metric).origin_matters


@pytest.mark.filterwarnings("ignore:metric='haversine' takes radians")
@pytest.mark.parametrize("metric", METRICS)
def test_distances_grow_by_the_power_that_is_said(metric):
    X, power = rows(metric), metric_for(metric).scale_power
    near, far = distances(X, metric), distances(8 * X, metric)
    if power is None:
        return
    np.testing.assert_allclose(far, near * 8.0**power, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize(
    ("metric", "params"),
    [("seuclidean", {"V": np.arange(1.0, 5.0)}), ("mahalanobis", {"VI": np.diag([1.0, 2, 3, 4])})],
)
def test_given_units_do_not_grow_with_the_rows(metric, params):
    X, known = rows(metric), metric_for(metric, params)
    near, far = (pairwise_distances(c * X, metric=metric, **params) for c in (1, 8))
    assert known.scale_power == 1
    np.testing.assert_allclose(far, 8 * near, rtol=ROUNDING)
    assert known.learn(X) is known


@pytest.mark.parametrize("metric", [m for m in METRICS if metric_for(m).duplicates_are_zero])
def test_copies_are_at_distance_0(metric):
    X = np.repeat(rows(metric), 2, axis=0)
    assert np.abs(distances(X, metric)[::2, 1::2].diagonal()).max() < ROUNDING


def test_nothing_is_taken_for_granted_of_a_callable():
    known = metric_for(lambda x, y: 0.0)
    assert known.origin_matters
    assert known.scale_power is None


def test_what_is_no_metric_says_so():
    with pytest.raises(ValueError, match=r"metric='none such' is none of braycurtis, .*yule"):
        metric_for("none such")
    with pytest.raises(TypeError, match="metric=3 must be a name or a function"):
        metric_for(3)
    with pytest.raises(ValueError, match="no effect with metric='cosine'"):
        metric_for("cosine", {"p": 2})
    for params in (3, "p", [("p", 2)], {1: 2}):
        with pytest.raises(TypeError, match=r"metric_params=.* must be None or a dict with names"):
            metric_for("minkowski", params)


SAID = {
    "x": "'x' .str.",
    None: "None",
    1j: "1j .complex.",
    "1.5": "'1.5' .str.",
    (1.0,): r"\(1.0,\)",
}


@pytest.mark.parametrize("told", SAID, ids=str)
def test_a_function_that_returns_no_number_is_named_with_its_pair(told):
    def mine(x, y):
        return told if (x[0], y[0]) == (0.0, 2.0) else abs(x[0] - y[0])

    X = np.arange(12, dtype=np.float32)[:, None]
    said = rf"metric=mine gave {SAID[told]}.* for rows 0 and 2: it must return one real number"
    with pytest.raises(TypeError, match=said):
        gputsne.knn(X, 2, metric=mine)
    model = gputsne.TSNE(metric=mine, init="random", max_iter=0, perplexity=2)
    with pytest.raises(TypeError, match=said):
        model.fit(X)
    model.fit(np.delete(X, [0, 9], axis=0))  # without such a pair
    with pytest.raises(TypeError, match=r"metric=mine gave .* for rows 0 and 1:"):
        model.transform(X[:1])


def test_numbers_of_any_library_are_distances():
    X = np.arange(6, dtype=np.float32)[:, None]
    want = gputsne.knn(X, 2, metric="manhattan")
    for made in (float, np.float32, np.float64, np.array, Fraction, Decimal):
        got = gputsne.knn(X, 2, metric=lambda x, y, made=made: made(abs(float(x[0] - y[0]))))
        np.testing.assert_array_equal(got.indices, want.indices)
        np.testing.assert_array_equal(got.distances, want.distances)


def test_a_function_that_fails_tells_which_pair():
    with pytest.raises(ZeroDivisionError) as caught:
        gputsne.knn(np.eye(4), 2, metric=lambda x, y: 1 / 0)
    assert caught.value.__notes__ == ["metric=<lambda> was asked for rows 0, 1"]


@pytest.mark.parametrize("d", [1, 3, 6])
def test_haversine_takes_two_columns(d):
    X = np.random.default_rng(0).random((40, d))
    said = f"metric='haversine' needs 2 columns, latitude and longitude in radians, and X has {d}"
    with pytest.raises(ValueError, match=said):
        gputsne.knn(X, 3, metric="haversine")
    with pytest.raises(ValueError, match=said):
        gputsne.TSNE(metric="haversine", perplexity=5).fit(X)


def test_degrees_under_haversine_are_told():
    degrees = np.random.default_rng(0).random((40, 2)) * [90, 180]
    with pytest.warns(UserWarning, match=r"takes radians, and X has a latitude of 8\d"):
        gputsne.knn(degrees, 3, metric="haversine")
    gputsne.knn(np.radians(degrees), 3, metric="haversine")
    gputsne.knn([[np.pi / 2, 0.0], [-np.pi / 2, 0.0], [0.0, 9.0]], 1, metric="haversine")


@pytest.mark.parametrize(
    ("metric", "params", "said"),
    [
        ("minkowski", {"q": 1}, "metric_params={'q': 1}: "),
        ("minkowski", {"p": "a"}, "metric_params={'p': 'a'}: "),
        ("seuclidean", {"V": np.ones(3)}, "metric_params={'V': array.*Variance vector"),
        ("seuclidean", {"V": np.full(4, "a", object)}, "metric_params={'V': array.*'a'"),
    ],
)
def test_metric_params_that_do_not_do_are_named(metric, params, said):
    with pytest.raises((TypeError, ValueError), match=rf"metric='{metric}' can't be .*{said}"):
        gputsne.knn(rows("euclidean"), 3, metric=metric, metric_params=params)


# What a fit hands on. Data far from 0 or of extreme size are shifted and scaled only for metrics
# that don't mind.


def edges(X: np.ndarray, metric, k: int, **params) -> np.ndarray:
    """Return which pairs of points are neighbours in a fit, either way."""
    model = gputsne.TSNE(
        metric=metric, affinity="uniform", n_neighbors=k, init="random", max_iter=0, **params
    ).fit(X)
    return model.affinities_.to_csr().toarray() > 0


def true_neighbours(D: np.ndarray, k: int) -> np.ndarray:
    D = D.astype(float)
    np.fill_diagonal(D, np.inf)
    return np.argsort(D, axis=1)[:, :k]


def recall(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.take_along_axis(found, true, axis=1).mean())


def years_and_amounts(n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    amounts = rng.gamma(2, 1, (n, 2)) * [10, 1]
    return np.c_[rng.integers(2018, 2024, n), amounts]


def in_a_town(n: int = 400) -> np.ndarray:
    """Latitudes and longitudes in Tromso, radians."""
    return np.radians([69.65, 18.96] + np.random.default_rng(1).normal(size=(n, 2)) * [0.02, 0.05])


@pytest.mark.parametrize("metric", ["canberra", "braycurtis"])
def test_a_year_among_the_columns_is_not_shifted_away(metric):
    X = years_and_amounts()
    true = true_neighbours(pairwise_distances(X, metric=metric), 10)
    assert recall(edges(X, metric, 10), true) >= 0.999
    model = gputsne.TSNE(metric=metric, max_iter=50, random_state=0).fit(X)
    assert model.transform(X[:3]).shape == (3, 2)


def haversine(x, y):
    a = (
        np.sin((x[0] - y[0]) / 2) ** 2
        + np.cos(x[0]) * np.cos(y[0]) * np.sin((x[1] - y[1]) / 2) ** 2
    )
    return 2 * np.arcsin(np.sqrt(a))


@pytest.mark.parametrize("metric", ["haversine", haversine])
def test_places_keep_their_latitude(metric):
    X = in_a_town(150)
    true = true_neighbours(pairwise_distances(X, metric="haversine"), 10)
    # 6e-8 of a radian, 0.4 m, is what float32 rows resolve; neighbours are some 100 m apart
    assert recall(edges(X, metric, 10), true) > 0.98


@pytest.mark.parametrize("size", [1e15, 1.0, 1e-15])
def test_a_callable_gets_the_numbers_of_the_user(size):
    ids = (np.arange(30.0) + (1e5 if size == 1.0 else 1.0)) * size
    seen = set()

    def look_up(x, y):
        seen.update((float(x[0]), float(y[0])))
        return abs(x[0] - y[0])

    model = gputsne.TSNE(metric=look_up, perplexity=3, max_iter=0, init="random").fit(ids[:, None])
    assert seen == {float(np.float32(i)) for i in ids}
    seen.clear()
    model.transform(ids[:3, None])
    assert seen == {float(np.float32(i)) for i in ids}


def test_numbers_that_float32_blurs_and_no_shift_may_help_are_told():
    seconds = 1.7e9 + 600 * np.arange(30.0)[:, None]
    model = gputsne.TSNE(metric=lambda x, y: abs(x[0] - y[0]), perplexity=3, max_iter=0)
    with pytest.warns(UserWarning, match=r"column 0 of X lies so far from 0 .* an offset"):
        model.fit(seconds)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "minkowski", "hamming"])
def test_metrics_of_differences_are_still_shifted(metric):
    X = np.random.default_rng(0).integers(0, 9, size=(300, 3)).astype(float)
    X[:, 0] += 1e9
    X[:, 1:] += np.random.default_rng(1).random((300, 2)) * (metric != "hamming")
    D = pairwise_distances(X - [1e9, 0, 0], metric=metric)
    found = edges(X, metric, 10)
    assert np.sort(np.where(found, D, np.inf), axis=1)[:, 9] == pytest.approx(
        np.sort(np.where(np.eye(300, dtype=bool), np.inf, D), axis=1)[:, 9], rel=1e-6
    )


@pytest.mark.parametrize(("metric", "power"), [("euclidean", 1), ("sqeuclidean", 2), ("cosine", 0)])
def test_sigma_is_in_the_unit_of_the_distances(metric, power):
    X = np.random.default_rng(0).normal(size=(60, 4))
    P = []
    for size in (1.0, 2.0**60):
        model = gputsne.TSNE(
            metric=metric, affinity="fixed_sigma", sigma=1.5 * size**power, n_neighbors=20,
            max_iter=0, init="random",
        ).fit(X * size)  # fmt: skip
        P.append(model.affinities_.to_csr().toarray())
    np.testing.assert_allclose(P[1], P[0], rtol=1e-5, atol=1e-9)
