"""Every metric gives its definition's value, scikit-learn's or ZADU's; samples stay near it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk
from sklearn.cluster import KMeans
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from gputsne import metrics
from gputsne.data.datasets import toy_clusters
from gputsne.metrics import METRICS, Context, evaluate
from tests import oracle

EXACT = {"abs": 1e-9, "rel": 1e-9}  # whole counts and float64 sums of a few hundred terms


def cloud(n=90, d=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 2 * rng.integers(0, 3, size=(n, 1))
    return X, X[:, :2] + 0.8 * rng.normal(size=(n, 2)), rng.integers(0, 4, n)


X, Y, LABELS = cloud()
DX, DY = oracle.pair_distances(X), oracle.pair_distances(Y)
DEFINITIONS = {
    "jaccard": lambda k: oracle.jaccard(DX, DY, k),
    "trustworthiness": lambda k: oracle.intrusion(DX, DY, k),
    "continuity": lambda k: oracle.intrusion(DY, DX, k),
    "mrre_false": lambda k: oracle.relative_rank_error(DX, DY, k),
    "mrre_missing": lambda k: oracle.relative_rank_error(DY, DX, k),
    "rnx": lambda k: oracle.rnx_area(DX, DY),
    "distance_correlation": lambda k: spearmanr(pdist(X), pdist(Y)).statistic,
    "distance_pearson": lambda k: pearsonr(pdist(X), pdist(Y)).statistic,
    "class_preservation": lambda k: oracle.class_neighbors(X, Y, LABELS, 1),
    "silhouette": lambda k: sk.silhouette_score(Y, LABELS),
    "davies_bouldin": lambda k: sk.davies_bouldin_score(Y, LABELS),
    "calinski_harabasz": lambda k: sk.calinski_harabasz_score(Y, LABELS),
    "knn_accuracy_5fold": lambda k: cross_val_score(
        KNeighborsClassifier(5), Y, LABELS, cv=5
    ).mean(),
    "neighborhood_hit": lambda k: np.mean(
        [
            np.mean(LABELS[near] == own)
            for near, own in zip(np.argsort(DY, axis=1)[:, :k], LABELS, strict=True)
        ]
    ),
}


@pytest.mark.parametrize("k", [1, 7, 40])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_values_are_those_of_the_definition(name, k):
    got = METRICS[name].compute(Context(X, Y, LABELS), k=k)
    assert got == pytest.approx(DEFINITIONS[name](k), **EXACT)


def test_the_least_stress_is_found():
    # The oracle's scales lie 1.00005 apart: its stress is above the least by some 1e-9.
    assert metrics.stress(X, 100 * Y) == pytest.approx(oracle.stress(DX, DY), rel=1e-7)


def test_the_curve_is_that_of_the_co_ranking_matrix():
    np.testing.assert_allclose(metrics.rnx_curve(X, Y), oracle.rnx_curve(DX, DY), atol=1e-12)


def test_silhouettes_are_scikit_learns_point_by_point():
    labels = np.where(np.arange(90) == 3, 9, LABELS)  # a class of one point
    got = metrics.per_point("silhouette", Y=Y, labels=labels)
    np.testing.assert_allclose(got, sk.silhouette_samples(Y, labels), atol=1e-9)
    np.testing.assert_allclose(got, oracle.silhouettes(DY, labels), atol=1e-9)


def test_values_are_those_of_zadu():
    # Printed by ZADU 0.5.4 (Jeon et al. 2023) for these points and k = 12.
    i = np.arange(240)
    t = 0.37 * i
    wave = [np.cos(t), np.sin(1.3 * t), np.cos(2.1 * t) + i % 3, np.sin(0.7 * t) * (i % 3), t / 30]
    data, map_ = np.stack(wave, 1), np.stack([np.cos(t) + i % 3, np.sin(1.3 * t) + t / 40], 1)
    want = {
        "trustworthiness": 0.6835966892400301,
        "continuity": 0.8235766240280913,
        "mrre_false": 0.6924737332260662,
        "mrre_missing": 0.8304748215797498,
        "lcmc": 0.14284635053463507,
        "stress": 0.42008404125938403,
        "distance_correlation": 0.377637965931828,
        "distance_pearson": 0.3927862640186395,
        "neighborhood_hit": 0.5649305555555556,
    }
    got = evaluate(data, map_, i % 3, k=12)
    assert {name: got[name] for name in want} == pytest.approx(want, **EXACT)


def kobak(X, Z, classes, knn, knn_classes, subset):
    """Return KNN, KNC and CPD as Kobak & Berens compute them."""

    def kept(A, B, k):
        near = [
            NearestNeighbors(n_neighbors=k).fit(M).kneighbors(return_distance=False) for M in (A, B)
        ]
        return sum(len(set(a) & set(b)) for a, b in zip(*near, strict=True)) / len(A) / k

    means = [np.array([M[classes == c].mean(axis=0) for c in np.unique(classes)]) for M in (X, Z)]
    rho = spearmanr(pdist(X[subset]), pdist(Z[subset])).statistic
    return kept(X, Z, knn), kept(*means, knn_classes), rho


def test_knn_knc_and_cpd_are_those_of_kobak_and_berens():
    data = toy_clusters(1500)
    rng = np.random.default_rng(0)
    map_ = data.X[:, :2] + rng.normal(size=(1500, 2))
    context = Context(data.X, map_, data.labels, sample=1000)
    knn, knc, cpd = kobak(data.X.astype(float), map_, data.labels, 10, 4, context.rows)
    assert metrics.knn_preservation(data.X, map_) == pytest.approx(knn, **EXACT)
    assert metrics.class_preservation(data.X, map_, data.labels) == pytest.approx(knc, **EXACT)
    assert METRICS["distance_correlation"].compute(context) == pytest.approx(cpd, **EXACT)


def seed_blobs():
    rng = np.random.RandomState(42)
    places = [(0, 0), (3, 3), (-3, 3)]
    return np.vstack(
        [rng.standard_normal((200, 256)) * 0.5 + np.array([*at] + [0] * 254) for at in places]
    )


@pytest.mark.parametrize(
    ("k", "printed"),
    [(2, (0.070, 3.366, 46.5)), (3, (0.061, 3.678, 39.0)), (4, (0.041, 6.625, 26.8))],
)
def test_scores_of_blobs_in_256_columns(k, printed):
    blobs = seed_blobs()
    found = KMeans(n_clusters=k, random_state=42, n_init=10).fit_predict(blobs)
    scores = (
        metrics.silhouette(blobs, found),
        metrics.davies_bouldin(blobs, found),
        metrics.calinski_harabasz(blobs, found),
    )
    assert [round(v, d) for v, d in zip(scores, (3, 3, 1), strict=True)] == list(printed)


def test_five_folds_of_blobs_in_256_columns():
    assert metrics.knn_accuracy(seed_blobs(), np.repeat([0, 1, 2], 200), k=5, cv=5) == 1.0


def test_users_in_one_blob_and_in_two():
    rng = np.random.default_rng(0)
    user = np.arange(2000) % 2
    blob = rng.normal(size=(2000, 2))
    # 2000 x 10 neighbours that agree by chance: a standard error of about 0.005, 4 of them.
    assert metrics.neighborhood_hit(blob, user) == pytest.approx(0.5, abs=0.02)
    assert metrics.neighborhood_hit(blob + 20 * user[:, None], user) == 1.0


def test_purity_of_clusters_found_elsewhere():
    incident = np.repeat([0, 1, 2], 20)
    assert metrics.crosstab_purity(incident, [f"i{i}" for i in incident]) == 1.0
    assert metrics.crosstab_purity(np.zeros(60, int), incident) == pytest.approx(1 / 3)
    assert metrics.crosstab_purity([-1, -1, 0, 0], ["a", "b", "a", "a"]) == 1.0
    assert metrics.crosstab_purity(["", "u", "u", "u"], ["a", "b", "b", None]) == 1.0


def blobs_in_map(clusters, size=100):
    rng = np.random.default_rng(1)
    own = np.repeat(np.arange(clusters), size)
    return rng.normal(size=(len(own), 2)) + 30 * np.stack([own % 3, own // 3], 1), own


def test_false_clusters_mix_or_split_labels():
    map_, own = blobs_in_map(5)
    assert metrics.false_cluster_rate(map_, own) == 0.0
    assert metrics.cluster_purity(map_, own) == 1.0
    # Clusters 0 and 1 have one label: the one with fewer points of it splits it.
    assert metrics.false_cluster_rate(map_, np.maximum(own, 1)) == pytest.approx(1 / 5)
    mixed = np.where(own == 4, np.arange(500) % 2 + 10, own)
    assert metrics.false_cluster_rate(map_, mixed) == pytest.approx(1 / 5)
    assert metrics.cluster_purity(map_, mixed) == pytest.approx(0.9, abs=0.01)  # noise apart


def test_clusters_that_are_not_in_the_data_share_its_neighbours():
    map_, own = blobs_in_map(4)
    data = map_ + 0.0
    noise = np.random.default_rng(2).normal(size=(400, 20))
    assert metrics.cluster_conductance(data, map_) < 0.05
    # Neighbours in noise fall into any of the four clusters: 3 of 4 are outside.
    assert metrics.cluster_conductance(noise, map_) == pytest.approx(0.75, abs=0.1)
    assert own.max() == 3


def test_a_standard_error_stands_beside_what_was_sampled():
    data = toy_clusters(1200)
    rng = np.random.default_rng(0)
    map_ = data.X[:, :2] + rng.normal(size=(1200, 2))
    whole = evaluate(data.X, map_, data.labels, sample=None)
    assert set(whole) == set(METRICS)
    for seed in range(2):
        part = evaluate(data.X, map_, data.labels, sample=300, random_state=seed)
        sampled = {name for name in METRICS if f"{name}_se" in part}
        exact = {"class_preservation", "davies_bouldin", "calinski_harabasz", "cluster_purity"}
        assert set(METRICS) - sampled == exact | {"false_cluster_rate", "cluster_conductance"}
        for name in METRICS:
            error = part.get(f"{name}_se", 0.0)
            # Five-fold: the mean of five shares of unequal counts is not the mean of all.
            assert abs(part[name] - whole[name]) <= 4 * error + 1e-9, name


@pytest.mark.parametrize("metric", ["cosine", "correlation", "manhattan", "canberra"])
def test_data_may_be_ranked_by_any_metric(metric):
    known = {"cosine": "cosine", "correlation": "correlation", "manhattan": "cityblock"}
    D = cdist(X, X, known.get(metric, metric))
    i, j = np.triu_indices(len(X), 1)
    np.fill_diagonal(D, np.inf)
    got = evaluate(X, Y, LABELS, metric=metric, k=7)
    of_distances = evaluate(np.where(np.isinf(D), 0, D), Y, metric="precomputed", k=7)
    want = {
        "trustworthiness": oracle.intrusion(D, DY, 7),
        "continuity": oracle.intrusion(DY, D, 7),
        "jaccard": oracle.jaccard(D, DY, 7),
        "rnx": oracle.rnx_area(D, DY),
        "distance_correlation": spearmanr(D[i, j], pdist(Y)).statistic,
        "stress": metrics.stress(np.where(np.isinf(D), 0, D), Y, metric="precomputed"),
    }
    assert {name: got[name] for name in want} == pytest.approx(want, **EXACT)
    assert {name: of_distances[name] for name in want} == pytest.approx(want, **EXACT)


def test_a_function_and_the_inner_product_rank_the_data():
    def length(a, b):
        return float(np.abs(a - b).sum())

    want = metrics.continuity(X, Y, metric="manhattan")
    assert metrics.continuity(X, Y, metric=length) == pytest.approx(want, **EXACT)
    D = np.sqrt((X**2).sum(1)[:, None] + (X**2).sum(1).max() - 2 * X @ X.T)
    np.fill_diagonal(D, np.inf)
    got = metrics.continuity(X, Y, metric="inner_product", k=7)
    assert got == pytest.approx(oracle.intrusion(DY, D, 7), **EXACT)


def test_products_rank_as_differences_do(monkeypatch):
    from gputsne.metrics import spaces

    want = evaluate(X, Y, LABELS)
    monkeypatch.setattr(spaces, "DIRECT_WORK", 0)
    assert evaluate(X, Y, LABELS) == pytest.approx(want, nan_ok=True, **EXACT)


def test_few_points_are_asked_where_sorting_all_is_too_much(monkeypatch):
    from gputsne.metrics import coranking

    want = METRICS["rnx"].compute(Context(X, Y))
    monkeypatch.setattr(coranking, "SORTED", 40 * 90)
    got = METRICS["rnx"].estimate(Context(X, Y), k=5)
    assert len(got.rows) == 40
    assert 0 < abs(got.value - want) < 4 * got.error


def test_fewer_points_are_asked_of_very_many(monkeypatch):
    from gputsne.metrics import evaluation

    monkeypatch.setattr(evaluation, "COMPARED", 30 * 90)
    monkeypatch.setattr(evaluation, "LEAST_SAMPLE", 20)
    assert evaluate(X, Y, LABELS) == pytest.approx(
        evaluate(X, Y, LABELS, sample=30), nan_ok=True, **EXACT
    )
    assert "rnx_se" not in evaluate(X, Y, LABELS, sample=None)


@pytest.mark.parametrize("values", [2, 30, 10**9])
def test_places_go_to_the_lower_index_among_equals_and_the_point_itself_comes_last(values):
    from scipy.stats import rankdata

    from gputsne.metrics.coranking import _places

    rng = np.random.default_rng(0)
    D = rng.integers(0, values, size=(20, 300)).astype(np.float64)
    D[rng.random(D.shape) < 0.1] = np.inf  # distances of others may be infinite as well
    own = rng.integers(0, 300, size=20)
    D[np.arange(20), own] = np.inf
    want = []
    for row, i in zip(D, own, strict=True):
        others = np.delete(np.arange(300), i)
        places = np.full(300, 300)
        places[others] = rankdata(row[others], method="ordinal")  # ties by their order
        want.append(places)
    np.testing.assert_array_equal(_places(D, own), want)
