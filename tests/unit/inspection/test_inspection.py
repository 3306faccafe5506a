"""What every inspection gives, by definition, whatever the records are, and what it refuses."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_samples
from sklearn.metrics.pairwise import cosine_similarity

import gputsne
from gputsne import inspect

ROWS = [
    {"kind": "a", "size": 10, "user": "u"},
    {"kind": "a", "size": 11, "user": "v"},
    {"kind": "b", "size": 100, "user": None},
    {"kind": "b", "size": 500, "user": "v"},
]
X = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
FORMS = {
    "dicts": ROWS,
    "columns": COLUMNS,
    "pandas": pd.DataFrame(ROWS),
    "polars": pl.DataFrame(ROWS),
    "lazy": pl.LazyFrame(ROWS),
    "arrow": pa.Table.from_pylist(ROWS),
    "batch": pa.RecordBatch.from_pylist(ROWS),
}


def cloud(n=120, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 8 * np.eye(d)[rng.integers(0, min(d, 3), size=n)]


@pytest.mark.parametrize("form", FORMS)
def test_records_of_every_form_are_alike(form):
    found = inspect.neighbors(X, 0, FORMS[form], k=3)
    assert found.column("row").tolist() == [1, 3, 2]
    assert [row["record"] for row in found] == [ROWS[1], ROWS[3], ROWS[2]]
    agreed = inspect.agreement(X, FORMS[form], ["kind", "user"], numeric=["size"], k=1)
    assert agreed.column("agreement").tolist() == [1.0, 0.0, 0.5]
    clusters = inspect.clusters(X, FORMS[form]["kind"] if form == "pandas" else COLUMNS["kind"],
                                FORMS[form], n=1, fields=["size"])  # fmt: skip
    assert [row["records"] for row in clusters] == [[{"size": 10}], [{"size": 100}]]


def test_records_of_a_structured_array():
    held = np.array([("a", 1), ("b", 2)], dtype=[("kind", "U1"), ("size", "i4")])
    found = inspect.neighbors(X[:2], 0, held, k=1)
    assert found[0]["record"] == {"kind": "b", "size": 2}
    assert type(found[0]["record"]["size"]) is int


@pytest.mark.parametrize(
    ("records", "error", "said"),
    [
        (ROWS[:3], ValueError, "records has 3 rows, but there are 4 points"),
        ([1, 2, 3, 4], TypeError, "sequence of dicts"),
        ("four", TypeError, "records='four' is text"),
        (7, TypeError, "sequence of dicts"),
        ({"kind": ["a"], "size": [1, 2, 3, 4]}, ValueError, "differ in length"),
        ({"kind": "a"}, ValueError, "differ in length"),
        (pd.DataFrame([[1, 2]] * 4, columns=["x", "x"]), ValueError, "several columns called 'x'"),
    ],
)
def test_what_are_no_records_is_said(records, error, said):
    with pytest.raises(error, match=said):
        inspect.neighbors(X, 0, records, k=1)


def test_fields_that_are_not_there_are_said():
    with pytest.raises(ValueError, match=r"no record has a field 'colour'; there are kind, size"):
        inspect.agreement(X, ROWS, ["colour"], k=1)
    with pytest.raises(ValueError, match="fields names no field"):
        inspect.violations(X, ROWS, [], k=1)


def test_neighbours_are_those_by_definition():
    points = cloud()
    found = inspect.neighbors(points, 7, k=10)
    alike = cosine_similarity(points)[7]
    alike[7] = -2
    want = np.argsort(-alike, kind="stable")[:10]
    assert found.column("row").tolist() == want.tolist()
    np.testing.assert_allclose(found.column("similarity"), alike[want], rtol=1e-12)
    for metric in ("euclidean", "sqeuclidean", "manhattan"):
        kind = {"manhattan": "cityblock"}.get(metric, metric)
        far = cdist(points[[7]], points, kind)[0]
        far[7] = np.inf
        near = inspect.neighbors(points, 7, k=10, metric=metric)
        assert near.column("row").tolist() == np.argsort(far, kind="stable")[:10].tolist()
        np.testing.assert_allclose(near.column("distance"), np.sort(far)[:10], rtol=1e-12)


def test_a_point_is_left_out_by_its_number_and_a_vector_is_not():
    twins = np.repeat(cloud(20), 2, axis=0)
    assert inspect.neighbors(twins, 6, k=1)[0]["row"] == 7
    assert inspect.neighbors(twins, 7, k=1)[0]["row"] == 6
    found = inspect.neighbors(twins, twins[6], k=2)
    assert found.column("row").tolist() == [6, 7]
    np.testing.assert_allclose(found.column("similarity"), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("query", "error"), [(4, ValueError), (-1, ValueError), ([1.0], ValueError), ("x", TypeError)]
)
def test_what_is_no_query_is_refused(query, error):
    with pytest.raises(error, match="query"):
        inspect.neighbors(X, query, k=1)


def test_numbers_agree_within_a_fifth_of_the_query():
    told = inspect.numeric_agreement
    pairs = [(1000, 1200), (1000, 1201), (1000, 800), (0, 0), (0, 1), (-10, -11), (1, None)]
    got = [told({"b": a}, {"b": b}, ["b"]) for a, b in pairs]
    assert got == [1, 0, 1, 1, 0, 1, 0]
    assert told({"b": 1024}, {"b": 2**20}, "b") == 0.0  # 1 KB beside 1 MB
    with pytest.raises(ValueError, match="fields is empty"):
        told({}, {}, [])


def test_chance_is_what_shuffled_records_give():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3000, 3))
    kind = rng.choice(list("abc"), p=[0.6, 0.3, 0.1], size=3000)
    found = inspect.agreement(points, {"kind": kind}, ["kind"], k=5, sample=None)[0]
    # 15,000 pairs: the standard error of a share is below 0.0041; four of them.
    assert found["agreement"] == pytest.approx(found["chance"], abs=0.0164)
    assert found["chance"] == pytest.approx(0.36 + 0.09 + 0.01, abs=0.03)
    users = np.repeat(["u", "v"], 1500)
    apart = rng.normal(size=(3000, 3)) + 20 * (users == "u")[:, None]
    told = inspect.agreement(apart, {"user": users}, ["user"], metric="euclidean")
    assert told.evidence["field_lift.user"] == told.evidence["least_lift"] == 1.0


def test_violations_name_the_pairs_and_the_worst_field():
    mixed = {"status": ["ok", "error", "ok", "ok"], "level": [1, 1, 2, 2]}
    found = inspect.violations(X, mixed, ["level", "status"], k=1)
    want = {"row": 0, "neighbor": 1, "rank": 1, "field": "status"}
    assert found[0] == want | {"value": "ok", "neighbor_value": "error"}
    assert len(found) == 2
    assert found.evidence["violation_rate"] == 0.5
    assert found.evidence["violated_field"] == "status"


def test_a_value_whose_vectors_are_one_is_found():
    points = cloud(90)
    held = {"status": np.repeat(["ok", "failure"], [60, 30])}
    points[60:] = points[60] + 1e-6 * cloud(30)
    found = inspect.value_spread(points, held, "status").evidence
    assert found["least_spread_value"] == "failure"
    assert found["least_spread"] < 1e-4
    with pytest.raises(ValueError, match="all vectors of X are equal"):
        inspect.value_spread(np.ones((4, 2)), ROWS, "kind")


def test_clusters_are_described_by_definition():
    points = cloud(150)
    labels = np.where(points[:, 0] > 4, "one", np.where(points[:, 1] > 4, "two", "three"))
    found = inspect.clusters(points, labels, sample=None)
    scores = silhouette_samples(points, labels)
    for row in found:
        own = labels == row["cluster"]
        assert row["size"] == own.sum()
        away = points[own] - points[own].mean(axis=0)
        assert row["radius"] == pytest.approx(np.sqrt((away**2).sum(axis=1).mean()))
        assert row["silhouette"] == pytest.approx(scores[own].mean())
        low, high = np.percentile(scores[own], [2, 98])
        assert row["span"] == pytest.approx(high - low)
        far = np.linalg.norm(away, axis=1)
        order = np.flatnonzero(own)[np.argsort(far)]
        assert (row["rows"][0], row["rows"][-1]) == (order[0], order[-1])
    assert found.evidence["mean_silhouette"] == pytest.approx(scores.mean())
    right = [np.mean(scores[labels == name] > scores.mean()) for name in set(labels)]
    assert found.evidence["least_right"] == pytest.approx(min(right))


@pytest.mark.parametrize(("moved", "more"), [(6, True), (4, False)])
def test_points_in_the_wrong_cluster_are_counted(moved, more):
    points = np.r_[np.zeros((50, 2)), np.full((50, 2), 9.0)] + 0.1 * cloud(100, 2)
    labels = np.repeat([0, 1], 50)
    labels[:moved] = 1
    share = inspect.clusters(points, labels).evidence["negative_share"]
    assert share == moved / 100
    assert (share > 0.05) is more


def test_one_cluster_has_no_silhouette_and_noise_is_in_none():
    found = inspect.clusters(X, [0, 0, 0, -1])
    assert found[0]["silhouette"] is None
    assert found.evidence["unclustered_share"] == 0.25
    assert "mean_silhouette" not in found.evidence
    with pytest.raises(ValueError, match="clusters has no cluster"):
        inspect.clusters(X, [-1, -1, -1, -1])


def test_anomalies_may_be_rows_or_marks():
    marks = np.array([False, False, True, True])
    assert inspect.anomalies(X, marks, k=1).to_dict() == inspect.anomalies(X, [2, 3], k=1).to_dict()
    assert inspect.anomalies(X, [3], k=2).evidence == {
        "anomaly_neighbors": 0.0,
        "isolated_anomalies": 1.0,
    }
    for known, error in (([], ValueError), ([9], ValueError), ([0.5], TypeError)):
        with pytest.raises(error, match="known"):
            inspect.anomalies(X, known, k=1)


def test_spot_checks_are_repeatable_and_begin_with_the_point():
    one, other = (inspect.spot_checks(cloud(), number=10, k=3) for _ in range(2))
    assert one.to_dict() == other.to_dict()
    assert len(one) == 40
    assert all(row["query"] == row["row"] for row in one if row["rank"] == 0)


def test_outliers_are_exported_with_their_records(tmp_path):
    points = np.vstack([cloud(60, 2), [[90.0, 90.0]]])
    held = [{"name": f'=row {i}, "quoted"', "n": i} for i in range(61)]
    found = inspect.outliers(points, held, n=3)
    assert found[0]["row"] == 60
    far = np.sort(cdist(points[[60]], points)[0])[1:11].mean()
    assert found[0]["score"] == pytest.approx(far, rel=1e-5)  # float32 distances
    found.to_csv(tmp_path / "far.csv")
    found.to_parquet(tmp_path / "far.parquet")
    with (tmp_path / "far.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["record.name"] for row in rows] == [row["record"]["name"] for row in found]
    table = parquet.read_table(tmp_path / "far.parquet").to_pylist()
    assert [row["record.n"] for row in table] == found.column("row").tolist()


def test_findings_print_escape_and_slice():
    found = inspect.neighbors(X, 0, [{"t": "<b>&\n"}] * 4, k=3)
    assert "&lt;b&gt;&amp;" in found._repr_html_()
    assert "<b>" not in found._repr_html_()
    assert str(found).count("\n") == 4
    assert len(found[1:]) == 2
    with pytest.raises(KeyError, match="no column is called 'distance'; there are rank"):
        found.column("distance")


def test_every_name_is_there_without_a_fit():
    assert gputsne.inspect is inspect
    assert all(callable(getattr(inspect, name)) for name in inspect.__all__)


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 10**400, 2**63])
def test_numbers_beyond_float64_agree_with_themselves_alone(value):
    X = np.random.default_rng(0).normal(size=(40, 3))
    same = inspect.agreement(X, {"a": [value] * 40}, [], numeric=["a"])
    assert same[0]["agreement"] == 1.0
    other = inspect.agreement(X, {"a": [value, 1] * 20}, [], numeric=["a"], k=39)
    assert other[0]["agreement"] == pytest.approx(19 / 39)
