"""Every row of METRICS: range, best and chance, invariance of the map, samples, hostile points."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gputsne.base.errors import UndefinedMetric
from gputsne.metrics import METRICS, Context, evaluate, per_point

ROWS = pytest.mark.parametrize("name", METRICS)
# What a map can reach at best is its labels' affair, not the identity's.
OF_DATA = [name for name, line in METRICS.items() if "X" in line.needs]
# Rows of StratifiedKFold are dealt to folds in their order, as scikit-learn's cross_val_score does.
BY_ORDER = {"knn_accuracy_5fold"}


def cloud(n=240, seed=0):
    """Return data in six groups along a bow, a fair map of them and the groups."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 6
    X = rng.normal(size=(n, 8))
    X[:, 0] += 9 * group
    X[:, 1] += group**2
    return X, X[:, :2] + 0.3 * rng.normal(size=(n, 2)), group


def value(name, X, Y, labels, **how):
    return METRICS[name].compute(Context(X, Y, labels), k=5, **how)


def better(name, a, b):
    """Tell whether a is better than b."""
    line = METRICS[name]
    return a > b if line.best > line.worst else a < b


@ROWS
def test_values_lie_in_the_range_and_chance_is_worse(name):
    line = METRICS[name]
    X, Y, group = cloud()
    shuffled = np.random.default_rng(1).permutation(len(Y))
    fair, chance = value(name, X, Y, group), value(name, X, Y[shuffled], group)
    low, high = sorted((line.best, line.worst))
    for got in (fair, chance):
        assert low <= got <= high
    assert better(name, fair, chance) or (name == "false_cluster_rate" and fair == 0.0)


@pytest.mark.parametrize("name", OF_DATA)
def test_the_identity_is_best(name):
    X, _, group = cloud()
    best = METRICS[name].best
    if name == "lcmc":
        best -= 5 / (len(X) - 1)
    if name == "cluster_conductance":
        best = 0.01  # neighbours of clusters that keep to themselves, but for points called noise
        assert value(name, X, X, group) <= best
        return
    assert value(name, X, X, group) == pytest.approx(best, abs=1e-12)
    copies = np.repeat(X[:60], 4, axis=0)
    at_copies = value(name, copies, copies, np.repeat(group[:60], 4))
    assert at_copies == pytest.approx(best, abs=1e-12)


@ROWS
@settings(max_examples=5)
@given(seed=st.integers(0, 99), turn=st.floats(0, 6.28), scale=st.floats(0.01, 100))
def test_a_map_may_be_turned_scaled_moved_and_mirrored(name, seed, turn, scale):
    X, Y, group = cloud(n=90, seed=seed)
    about = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), -np.cos(turn)]])
    first, second = value(name, X, Y, group), value(name, X, Y @ about * scale + 7, group)
    # Rounding may swap two neighbours whose distances agree to 1e-14: at most one in 90 lists.
    assert first == pytest.approx(second, abs=1 / 90, rel=1e-9)


@pytest.mark.parametrize("name", sorted(set(METRICS) - BY_ORDER))
@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_rows_does_not_matter(name, seed):
    X, Y, group = cloud(n=120)
    order = np.random.default_rng(seed).permutation(120)
    got = value(name, X[order], Y[order], group[order])
    assert got == pytest.approx(value(name, X, Y, group), abs=1e-12, rel=1e-12)


def test_a_random_map_has_what_theory_says():
    # 1500 lists of 10 that agree by chance: k / (n - 1), with 4 standard errors of 0.0007.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(1500, 10)), rng.normal(size=(1500, 2))
    got = evaluate(X, Y, rng.integers(0, 4, 1500))
    assert got["knn_preservation"] == pytest.approx(10 / 1499, abs=0.003)
    for name in ("lcmc", "rnx", "distance_pearson", "distance_correlation"):
        assert got[name] == pytest.approx(0, abs=0.03), name
    for name in ("knn_accuracy", "neighborhood_hit", "knn_accuracy_5fold"):
        assert got[name] == pytest.approx(1 / 4, abs=0.05), name
    for name in ("trustworthiness", "continuity"):
        assert got[name] == pytest.approx(1 / 2, abs=0.02), name


@ROWS
def test_a_sample_repeats_and_threads_do_not_matter(name, monkeypatch):
    X, Y, group = cloud()
    how = {"sample": 80, "random_state": 3}
    first = METRICS[name].compute(Context(X, Y, group, **how))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert METRICS[name].compute(Context(X, Y, group, **how)) == first


@ROWS
def test_points_that_differ_little_or_a_lot_are_told_apart(name):
    X, Y, group = cloud(n=120)
    want = value(name, X, Y, group)
    # Powers of two round nothing; the offset leaves 1e-10 of the distances.
    assert value(name, X * 2.0**600, Y * 2.0**-600, group) == pytest.approx(want, rel=1e-9)
    assert value(name, X + 1e5, Y - 1e5, group) == pytest.approx(want, rel=1e-6, abs=1e-6)


DEGENERATE = {
    "all equal": (np.ones((40, 3)), np.ones((40, 2))),
    "map equal": (np.random.default_rng(0).normal(size=(40, 3)), np.zeros((40, 2))),
    "two places": (np.repeat([[0.0], [1.0]], 20, axis=0), np.repeat([[0.0], [1.0]], 20, axis=0)),
    "far outlier": (np.vstack([np.eye(39), 1e12 * np.ones(39)]), np.arange(80.0).reshape(40, 2)),
    "integers": (np.arange(120).reshape(40, 3) % 7, np.arange(80).reshape(40, 2) % 5),
    "one column": (np.arange(40.0), np.arange(40.0) ** 2),
}
LABELS = {
    "four": np.arange(40) % 4,
    "one": np.zeros(40, int),
    "each its own": np.arange(40),
    "one missing": [None, *"ab" * 19, "c"],
    "one there": ["a"] + [None] * 39,
}


@pytest.mark.parametrize("points", DEGENERATE)
@pytest.mark.parametrize("labels", LABELS)
def test_degenerate_points_and_labels_give_a_number_or_nan_without_a_warning(points, labels):
    X, Y = DEGENERATE[points]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if labels == "one there":
            with pytest.raises(ValueError, match="k=5 needs at least"):
                evaluate(X, Y, LABELS[labels], k=5)
            return
        got = evaluate(X, Y, LABELS[labels], k=5)
    assert set(got) == set(METRICS)
    for name, number in got.items():
        low, high = sorted((METRICS[name].best, METRICS[name].worst))
        assert math.isnan(number) or low - 1e-12 <= number <= high + 1e-12, name


@ROWS
def test_what_has_no_value_is_said_alone_and_nan_beside_the_others(name):
    X, Y, _ = cloud(n=40)
    got = evaluate(X * 0, Y * 0, np.zeros(40))[name]
    context = Context(X * 0, Y * 0, np.zeros(40))
    if math.isnan(got):
        with pytest.raises(UndefinedMetric, match=r"needs|no value"):
            METRICS[name].compute(context)
    else:
        assert METRICS[name].compute(context) == got


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12])
def test_few_points_are_refused_or_measured(n):
    X = np.random.default_rng(0).normal(size=(n, 3))
    if n <= 2:
        with pytest.raises(ValueError, match="k=1"):
            evaluate(X, X[:, :2], np.arange(n), k=1)
    else:
        assert evaluate(X, X[:, :2], np.arange(n) % 2, k=1)["trustworthiness"] <= 1.0


@ROWS
def test_points_scores_have_the_metric_as_their_mean(name):
    X, Y, group = cloud()
    labels = [None if i % 10 == 0 else int(g) for i, g in enumerate(group)]
    estimate = METRICS[name].estimate(Context(X, Y, labels), k=5)
    if estimate.scores is None:
        with pytest.raises(ValueError, match="no mean over points"):
            per_point(name, X, Y, labels, k=5)
        return
    scores = per_point(name, X, Y, labels, k=5)
    assert scores.shape == (len(X),)
    if "labels" in METRICS[name].needs:
        assert np.isnan(scores[::10]).all()
    # The five folds have as many points but for one: their mean is not quite that of all.
    off = 0.01 if name in BY_ORDER else 1e-12
    assert np.nanmean(scores) == pytest.approx(estimate.value, abs=off)


@pytest.mark.parametrize("name", ["knn_preservation", "trustworthiness", "neighborhood_hit"])
def test_a_sample_of_points_has_the_scores_that_all_have(name):
    X, Y, group = cloud()
    every = per_point(name, X, Y, group, k=5)
    some = per_point(name, X, Y, group, k=5, sample=20, random_state=3)
    asked = np.flatnonzero(np.isfinite(some))
    np.testing.assert_array_equal(asked, Context(X, Y, sample=20, random_state=3).rows)
    np.testing.assert_array_equal(some[asked], every[asked])


@ROWS
def test_a_row_says_what_it_is_and_where_it_comes_from(name):
    line = METRICS[name]
    assert line.meaning
    assert line.source
    assert line.best != line.worst
    assert set(line.needs) <= {"X", "Y", "labels"}


@pytest.mark.parametrize("name", ["nonsense", None, 3])
def test_an_unknown_metric_is_named(name):
    with pytest.raises(ValueError, match="is none of the metrics knn_preservation"):
        per_point(name, Y=np.eye(5))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"metric": "nonsense"}, "metric='nonsense' is none of"),
        ({"metric": 3}, "metric=3 must be a name or a function"),
        ({"metric_params": {"p": 3}}, "metric_params={'p': 3} has no effect"),
        ({"metric": "precomputed"}, "metric='precomputed' needs"),
        ({"metric": lambda a, b: float("nan")}, "gave the distance nan for rows"),
        ({"metric": lambda a, b: -1.0}, "gave the distance -1.0 for rows"),
    ],
)
def test_what_cannot_rank_the_data_is_refused(how, said):
    X, Y, group = cloud(n=30)
    with pytest.raises((TypeError, ValueError), match=said):
        evaluate(X, Y, group, k=5, **how)


def test_distances_must_be_distances():
    D = np.abs(np.subtract.outer(np.arange(30.0), np.arange(30.0)))
    assert evaluate(D, np.arange(30.0), metric="precomputed", k=5)["trustworthiness"] == 1.0
    assert math.isnan(
        evaluate(D, np.arange(30.0), np.arange(30) % 3, metric="precomputed", k=5)[
            "class_preservation"
        ]
    )
    with pytest.raises(ValueError, match="negative"):
        evaluate(-D, np.arange(30.0), metric="precomputed", k=5)


def test_the_page_of_metrics_lists_every_row():
    page = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text("utf-8")
    listed = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert listed == set(METRICS)
