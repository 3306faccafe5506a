"""Neighbours and ranks that metrics share, what evaluate gives, and what X and labels may be."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness as reference_trustworthiness
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

import gputsne
from gputsne import metrics
from gputsne.metrics import (
    METRICS,
    Context,
    evaluate,
    knn_accuracy,
    knn_preservation,
    trustworthiness,
)


def cloud(n=300, d=12, c=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 6 * rng.integers(0, 3, size=(n, 1))
    return X, X[:, :c] + 0.3 * rng.normal(size=(n, c))


def by_definition(points, k):
    """Return each point's k nearest others: float64 distances, lower index first among equals."""
    distance = cdist(points, points)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, :k]


def preservation_by_definition(X, Y, k):
    pairs = zip(by_definition(X, k), by_definition(Y, k), strict=True)
    return np.mean([len(set(a) & set(b)) / k for a, b in pairs])


@pytest.mark.parametrize("d", [1, 2, 3, 4, 50])
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-25, 0), (1e25, 0), (1, 1e5)])
def test_nearest_is_exact(d, scale, offset):
    points = np.random.default_rng(d).normal(size=(400, d)) * scale + offset
    np.testing.assert_array_equal(Context(points).neighbors("X", 10), by_definition(points, 10))


def test_nearest_leaves_the_point_out_among_its_duplicates():
    points = np.repeat(np.random.default_rng(0).normal(size=(40, 5)), 4, axis=0)
    found = Context(points).neighbors("X", 3)
    for i, row in enumerate(found):
        first = i - i % 4
        assert row.tolist() == [j for j in range(first, first + 4) if j != i]


def test_nearest_of_equal_points_and_of_very_few():
    found = Context(np.zeros((200, 6))).neighbors("X", 5)
    assert (found != np.arange(200)[:, None]).all()
    assert Context([[0.0], [1.0]]).neighbors("X", 1).tolist() == [[1], [0]]


@pytest.mark.parametrize("k", [1, 10, 40])
def test_preservation_follows_its_definition(k):
    X, Y = cloud()
    assert knn_preservation(X, Y, k=k) == pytest.approx(preservation_by_definition(X, Y, k))


@pytest.mark.parametrize("c", [1, 2, 3])
@pytest.mark.parametrize("k", [5, 30])
def test_trustworthiness_is_scikit_learns(k, c):
    X, Y = cloud(c=c)
    want = reference_trustworthiness(X, Y, n_neighbors=k)
    # Both count whole ranks; only the final division may differ.
    assert trustworthiness(X, Y, k=k, sample=None) == pytest.approx(want, abs=1e-12)


def test_accuracy_is_scikit_learns_leave_one_out():
    _, Y = cloud(n=150)
    labels = np.random.default_rng(1).choice(["x", "y", "z"], 150)
    labels[Y[:, 0] > 3] = "x"
    votes = KNeighborsClassifier(n_neighbors=7, algorithm="brute")
    want = cross_val_score(votes, Y, labels, cv=LeaveOneOut()).mean()
    assert knn_accuracy(Y, labels, k=7) == pytest.approx(want)


def test_accuracy_leaves_missing_labels_out():
    Y = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [0.05]])
    labels = np.array(["a", "a", "a", "b", "b", "b", None], dtype=object)
    assert knn_accuracy(Y, labels, k=2) == 1.0
    assert knn_accuracy(Y, [0, 0, 0, 1, 1, 1, np.nan], k=2) == 1.0


def test_the_points_asked_are_distinct_and_ascending():
    rows = Context(np.zeros((100, 2)), sample=30).rows
    assert len(set(rows.tolist())) == 30
    assert (np.diff(rows) > 0).all()
    assert Context(np.zeros((10, 2)), sample=30).rows.tolist() == list(range(10))


def test_evaluate_gives_what_each_function_gives():
    X, Y = cloud(n=700)
    labels = ["abcd"[min(int(abs(x) / 3), 3)] if i % 9 else None for i, x in enumerate(X[:, 0])]
    got = evaluate(X, Y, labels=labels, k=7, sample=200)
    for name, line in METRICS.items():
        if name == "knn_accuracy_5fold":
            alone = knn_accuracy(Y, labels, k=5, cv=5, sample=200)
        else:
            function = getattr(metrics, name)
            given = {"X": X, "Y": Y, "labels": labels, "k": 7, "sample": 200}
            takes = set(inspect.signature(function).parameters) - (
                {"k"} if len(line.needs) == 3 else set()
            )
            alone = function(**{key: given[key] for key in takes if key in given})
        assert alone == got[name], name
    assert {*evaluate(X, Y, k=7)} == {n for n, line in METRICS.items() if line.needs == ("X", "Y")}
    labelled = {n for n, line in METRICS.items() if line.needs == ("Y", "labels")}
    assert {*evaluate(None, Y, labels=labels, k=7)} == labelled


def test_a_context_searches_each_space_once(monkeypatch):
    from gputsne.metrics import spaces

    searched = []
    search = spaces.exact_neighbors

    def counted(points, rows, k):
        searched.append(points.shape[1])
        return search(points, rows, k)

    monkeypatch.setattr(spaces, "exact_neighbors", counted)
    X, Y = cloud()
    evaluate(X, Y, labels=X[:, 0] > 3)  # two classes: no search among their means
    assert sorted(searched) == [2, 12]


def test_ranks_are_places_in_the_list_of_distances():
    X, Y = cloud(n=60)
    shared = Context(X, Y)
    place = cdist(X, X)
    np.fill_diagonal(place, np.inf)
    want = place.argsort(axis=1).argsort(axis=1) + 1
    near = shared.neighbors("Y", 5)
    np.testing.assert_array_equal(
        shared.ranks("X", of="Y", k=5), np.take_along_axis(want, near, axis=1)
    )
    own = shared.ranks("Y", of="Y", k=5)
    np.testing.assert_array_equal(own, np.tile(np.arange(1, 6), (60, 1)))


GROUPS = np.random.default_rng(2).integers(0, 3, 60)
NAMED = ["abc"[g] if i % 4 else None for i, g in enumerate(GROUPS)]
CONTAINERS = {
    "list": NAMED,
    "list with NaN": [np.nan if v is None else v for v in NAMED],
    "list with NA": [pd.NA if v is None else v for v in NAMED],
    "list with empty text": [v or "" for v in NAMED],
    "objects": np.array(NAMED, dtype=object),
    "pandas": pd.Series(NAMED),
    "pandas list": pd.Series(NAMED, dtype="string").tolist(),
    "pandas strings": pd.array(NAMED, dtype="string"),
    "pandas categories": pd.Series(NAMED, dtype="category"),
    "pandas frame": pd.DataFrame({"group": NAMED}),
    "polars": pl.Series(NAMED),
    "polars frame": pl.DataFrame({"group": NAMED}),
    "bytes": [v.encode() if v else b"" for v in NAMED],
    "numbers": [np.nan if v is None else "abc".index(v) for v in NAMED],
    "nullable numbers": pd.array([None if v is None else "abc".index(v) for v in NAMED], "Int64"),
    "numbers and None": [None if v is None else "abc".index(v) for v in NAMED],
    "polars numbers": pl.Series([None if v is None else "abc".index(v) for v in NAMED]),
    "dates": pd.to_datetime([v and f"2020-01-0{1 + 'abc'.index(v)}" for v in NAMED]),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_missing_labels_are_missing_in_every_container(container):
    Y = np.random.default_rng(3).normal(size=(60, 2)) + GROUPS[:, None]
    known = [i for i, v in enumerate(NAMED) if v]
    want = knn_accuracy(Y[known], [NAMED[i] for i in known], k=5)
    assert knn_accuracy(Y, CONTAINERS[container], k=5) == want


@pytest.mark.parametrize(
    "make",
    [
        pd.DataFrame,
        pl.DataFrame,
        lambda X: pd.DataFrame(X).astype("Float64"),
        lambda X: pd.DataFrame(X).astype(object),
        lambda X: pl.DataFrame(X).lazy(),
        lambda X: X.astype(object),
        lambda X: X.tolist(),
    ],
)
def test_data_may_come_in_every_container_that_fit_takes(make):
    X, Y = cloud(n=50)
    want = evaluate(X, Y)
    assert evaluate(make(X), Y) == want
    assert evaluate(X, make(Y)) == want
    assert knn_preservation(Y[:, 0], pd.Series(Y[:, 0])) == 1.0


def test_the_functions_are_public():
    assert gputsne.metrics.evaluate is evaluate


def test_arguments_are_not_changed():
    X, Y = cloud(n=50)
    before = X.copy(), Y.copy()
    X.flags.writeable = Y.flags.writeable = False
    knn_preservation(X, Y, k=3)
    trustworthiness(X, Y, k=3)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, Y: knn_preservation(X, Y[:-1]), "Y has 49 rows, expected 50"),
        (lambda X, Y: knn_preservation(X, Y, k=50), "k=50 needs at least"),
        (lambda X, Y: knn_preservation(X, Y, k=0), "k=0 must be at least 1"),
        (lambda X, Y: knn_preservation(X, Y, sample=0), "sample=0"),
        (lambda X, Y: knn_preservation(X * np.nan, Y), "X has 50 rows with NaN"),
        (lambda X, Y: knn_preservation(X.astype(str), Y), "X must hold numbers"),
        (lambda X, Y: trustworthiness(X, Y, k=25), "must be below n / 2"),
        (lambda X, Y: knn_accuracy(Y, np.zeros(3)), "labels has shape"),
        (lambda X, Y: knn_accuracy(Y, np.full(50, np.nan)), "got n=0"),
        (lambda X, Y: knn_accuracy(Y, [None] * 49), r"labels has shape \(49,\), but Y has 50 rows"),
        (lambda X, Y: Context(X, Y).labelled, "needs labels"),
        (lambda X, Y: Context(X).neighbors("Y", 3), "needs Y"),
        (lambda X, Y: Context(), "got neither"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    X, Y = cloud(n=50)
    with pytest.raises(ValueError, match=message):
        call(X, Y)


def test_sparse_data_is_sent_to_pca():
    from scipy import sparse

    with pytest.raises(TypeError, match=r"sparse.*pca=50"):
        knn_preservation(sparse.csr_matrix(np.eye(20)), np.eye(20)[:, :2])
