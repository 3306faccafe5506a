"""Models under noise and on a clock, what their vectors cost, and detectors against labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from gputsne import inspect


def cloud(n=120, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 8 * np.eye(d)[rng.integers(0, min(d, 3), size=n)]


def test_no_model_is_stable_to_what_it_cuts_off():
    values = np.abs(cloud(200, 3)) + 1

    def cut(values):
        return np.column_stack([np.where(values[:, 1] > 3, 1.0, -1.0), np.ones(len(values))])

    names = pd.DataFrame(values, columns=["bytes", "rate", "time"])
    found = inspect.column_stability(cut, names)
    assert found.evidence["fragile_column"] == "rate"
    np.testing.assert_allclose(found.column("similarity")[1:], 1.0, rtol=1e-14)
    some = inspect.column_stability(cut, names, {"time": 30.0, 0: 5.0}, relative=False)
    assert sorted(some.column("column")) == ["bytes", "time"]
    with pytest.raises(ValueError, match=r"column 'colour'; X has bytes, rate, time"):
        inspect.column_stability(cut, names, {"colour": 1.0})


def test_stability_of_a_constant_and_by_proportion():
    constant = inspect.stability(lambda values: np.ones((len(values), 2)), cloud())
    np.testing.assert_allclose(list(constant.evidence.values()), 1.0, rtol=1e-14)
    assert set(constant.evidence) == {"stability_1", "stability_5", "stability_10"}
    large = 1e6 * (np.abs(cloud()) + 1)
    fixed = inspect.stability(None, large).evidence["stability_5"]
    prop = inspect.stability(None, large, relative=True).evidence["stability_5"]
    assert fixed == pytest.approx(1.0, abs=1e-9)
    assert 0.99 < prop < 0.9999


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda values: values[:3], "returned 3 vectors for 120 rows"),
        (lambda values: np.full((len(values), 2), np.nan), "what the model returns has 120 rows"),
        (lambda values: np.zeros((len(values), 2)), "length 0 for row 0"),
    ],
)
def test_what_no_model_returns_is_said(model, said):
    with pytest.raises(ValueError, match=said):
        inspect.stability(model, cloud())


def test_latency_is_that_of_the_clock():
    taken = [0.01] * 94 + [0.03] * 6
    moments = iter(np.cumsum([step for t in taken for step in (0.0, t)]))
    calls = []
    found = inspect.latency(calls.append, np.zeros((4, 2)), clock=lambda: float(next(moments)))
    assert len(calls) == 110
    assert found.evidence["latency_ms"] == pytest.approx(np.mean(taken) * 1000)
    assert found.evidence["latency_p95_ms"] == pytest.approx(30.0)
    assert found.evidence["events_per_second"] == pytest.approx(4 / np.mean(taken))
    with pytest.raises(ValueError, match="batch is empty"):
        inspect.latency(len, [])


def test_footprint_refuses_what_has_no_size():
    with pytest.raises(ValueError, match="dtype='int4' must be one of"):
        inspect.footprint(10, 10, "int4")
    with pytest.raises(ValueError, match="n=0"):
        inspect.footprint(0, 10)


def test_detection_is_scikit_learns():
    rng = np.random.default_rng(0)
    truth = rng.random(500) < 0.1
    scores = truth + rng.normal(size=500)
    found = inspect.detection(scores, truth)[0]
    flags = np.zeros(500, dtype=bool)
    flags[np.argsort(-scores)[: truth.sum()]] = True
    assert found["f1"] == pytest.approx(f1_score(truth, flags))
    assert found["precision"] == found["recall"] == found["f1"]
    for wrong in (np.ones(500, bool), np.ones(3, bool), truth.astype(int)):
        with pytest.raises(ValueError, match="anomalies"):
            inspect.detection(scores, wrong)


def test_labels_that_are_all_missing_compare_no_models():
    with pytest.raises(ValueError, match="labels are all missing: none of the 30 vectors has one"):
        inspect.compare_models({"a": np.eye(30)}, [None] * 30)
