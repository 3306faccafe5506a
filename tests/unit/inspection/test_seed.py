"""The numbers that "Evaluating embedding quality" prints, from its own data and to its digits."""

from __future__ import annotations

import numpy as np
import pytest

import gputsne
from gputsne import inspect, metrics

# Its table of k from 2 to 9: silhouette, Davies-Bouldin and Calinski-Harabasz.
TABLE = {
    2: (0.070, 3.366, 46.5),
    3: (0.061, 3.678, 39.0),
    4: (0.041, 6.625, 26.8),
    5: (0.024, 8.525, 20.6),
    6: (0.006, 9.230, 16.9),
    7: (0.005, 9.225, 14.4),
    8: (0.002, 8.255, 12.6),
    9: (0.004, 8.404, 11.2),
}
DIGITS = 0.5005  # of the last digit printed, and what rounding of the last bit may add


def test_metrics_of_the_three_clusters(normal, clusters_found):
    assert np.bincount(clusters_found).tolist() == [200, 200, 200]
    assert metrics.silhouette(normal, clusters_found) == pytest.approx(0.061, abs=DIGITS * 1e-3)
    assert metrics.davies_bouldin(normal, clusters_found) == pytest.approx(3.678, abs=DIGITS * 1e-3)
    found = metrics.calinski_harabasz(normal, clusters_found)
    assert found == pytest.approx(39.0, abs=DIGITS * 0.1)


def test_neighbours_tell_every_label(normal, kinds):
    found = inspect.classification(normal, kinds).evidence
    assert found == {"knn_accuracy_5fold": 1.0, "knn_accuracy_5fold_std": 0.0}
    assert metrics.knn_accuracy(normal, kinds, k=5, cv=5) == 1.0


def test_the_choice_of_k(normal):
    found = inspect.choose_k(normal, range(2, 10), random_state=42)
    for row in found:
        silhouette, davies, calinski = TABLE[row["k"]]
        assert row["silhouette"] == pytest.approx(silhouette, abs=DIGITS * 1e-3)
        assert row["davies_bouldin"] == pytest.approx(davies, abs=DIGITS * 1e-3)
        assert row["calinski_harabasz"] == pytest.approx(calinski, abs=DIGITS * 0.1)
    assert found.evidence["best_k"] == 2


def test_the_neighbours_of_a_record(records):
    draw = np.random.RandomState(42).randn
    base = draw(256)
    noisy = [base + draw(256) * size for size in (0.1, 0.1, 0.1, 0.3)]
    vectors = np.vstack([*noisy, draw(256), draw(256) * 2])
    found = inspect.neighbors(vectors, 0, records, k=5)
    assert found.column("row").tolist() == [1, 2, 3, 5, 4]
    want = [0.990, 0.989, 0.953, 0.091, 0.019]
    np.testing.assert_allclose(found.column("similarity"), want, rtol=0, atol=DIGITS * 1e-3)
    assert found[3]["record"] == records[5]
    three = ["activity_id", "user_id", "status"]
    assert inspect.field_agreement(records[0], records[1], three) == 1.0
    assert inspect.violations(vectors, records, ["status"], k=5).evidence["violation_rate"] > 0


def test_representatives_and_boundary_cases(normal, clusters_found, records):
    repeated = records * 100
    typical = inspect.representatives(normal, clusters_found, repeated)
    assert typical.column("row").tolist() == [263, 429, 92]
    assert [row["record"]["bytes"] for row in typical] == [2048, 1020, 980]
    edge = inspect.boundary(normal, clusters_found, repeated)
    assert edge.column("row").tolist() == [381, 460, 9]
    want = [0.027, 0.021, 0.013]
    np.testing.assert_allclose(edge.column("silhouette"), want, rtol=0, atol=DIGITS * 1e-3)


def test_neighbours_of_anomalies(simulation, records):
    found = inspect.anomalies(simulation, np.arange(600, 660), records * 110, k=5, most=3)
    assert found.column("row").tolist() == [600, 601, 602]
    assert found.column("anomalous").tolist() == [1, 1, 3]
    assert found.column("share").tolist() == [0.2, 0.2, 0.6]
    first = inspect.neighbors(simulation, 600, k=5).column("similarity")
    np.testing.assert_allclose(first, [0.238, 0.183, 0.141, 0.136, 0.131], atol=DIGITS * 1e-3)


def test_stability_and_the_comparison_of_models_after_it(normal, kinds):
    source = np.random.RandomState(42)
    source.randn(2, 8, 2)  # the clouds of a figure
    found = inspect.stability(None, normal, repeats=1, random_state=source)
    printed = [(1.000, 0.000), (0.996, 0.001), (0.983, 0.003)]
    told = np.column_stack([found.column("similarity"), found.column("std")])
    np.testing.assert_allclose(told, printed, rtol=0, atol=DIGITS * 1e-3)
    models = {"256": normal}
    models["128"] = normal + source.randn(600, 256) * 0.05
    models["512"] = normal + source.randn(600, 256) * 0.03
    ranked = inspect.compare_models(models, kinds, random_state=42)
    assert ranked.column("model").tolist() == ["256", "512", "128"]
    want = [0.0611, 0.0610, 0.0605]
    np.testing.assert_allclose(ranked.column("score"), want, rtol=0, atol=DIGITS * 1e-4)


def test_memory_and_the_size_of_vectors():
    sizes = inspect.footprint(10_000_000, 256)
    assert [round(gib, 2) for gib in sizes.column("gib")] == [9.54, 4.77, 2.38]
    assert [round(gb, 2) for gb in sizes.column("gb")] == [10.24, 5.12, 2.56]
    billion = inspect.footprint(1_000_000_000, 256, price_gb_month=0.1)
    assert billion.evidence["footprint_cost"] == pytest.approx(102.4)  # "1 TB = $100/month"
    told = inspect.tradeoff(
        {
            "128": {"silhouette": 0.52, "latency_ms": 5, "storage_gb": 5},
            "256": {"silhouette": 0.61, "latency_ms": 8, "storage_gb": 10},
            "512": {"silhouette": 0.64, "latency_ms": 15, "storage_gb": 20},
        },
        "256",
    )
    assert [round(cost, 1) for cost in told.column("cost_per_quality")] == [9.6, 16.4, 31.2]


def test_spaces_disagree_and_the_numbers_say_why(normal, kinds):
    map_ = gputsne.TSNE(random_state=0, max_iter=300).fit_transform(normal)
    found = inspect.spaces({"input": normal, "map": map_}, kinds).evidence
    assert found["silhouette"] == found["input.silhouette"] < 0.1 < 0.5 < found["map.silhouette"]
    assert found["knn_accuracy_5fold"] == 1.0
    # Distances of 256 dimensions are all but equal, those of a map are not.
    assert found["input.contrast"] < 0.1 < found["map.contrast"]


def test_norms_and_outliers_find_the_anomalies(simulation):
    truth = np.arange(660) >= 600
    assert inspect.norms(simulation, truth).evidence["norm_auc"] > 0.99
    norms = {row["group"]: row["mean"] for row in inspect.norms(simulation, truth)}
    assert norms["others"] == pytest.approx(8.7, abs=0.05)
    assert norms["anomalies"] == pytest.approx(32.5, abs=0.1)
    far = inspect.outliers(simulation, n=60).column("row")
    assert truth[far].mean() >= 0.9
