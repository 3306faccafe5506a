"""Why spaces disagree: each rule fires on points made for it, and is silent on others."""

from __future__ import annotations

import numpy as np
import pytest

import gputsne
from gputsne import inspect
from gputsne.judging import read_rules

rng = np.random.default_rng(0)
KINDS = np.repeat([0, 1, 2], 60)
CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
ROUND = CENTRES[KINDS] + rng.normal(scale=0.5, size=(180, 2))  # three round groups in a plane
NOISE = rng.normal(scale=0.5, size=(180, 254))


def crowded():
    """Three groups along two of 256 axes: distances are nearly equal."""
    near = np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]])[KINDS]
    X = np.hstack([near + rng.normal(scale=0.5, size=(180, 2)), NOISE])
    return {"input": X, "pca": X[:, :2], "map": X[:, :2]}, KINDS, {}


def elongated():
    """Two long stripes side by side: the nearest are of the own, on average both are as far."""
    x = np.linspace(0, 100, 180)
    X = np.column_stack([x, np.arange(180) % 2 * 8.0])
    return {"input": X, "map": X}, np.arange(180) % 2, {}


def torn():
    """A map without any order."""
    return {"input": ROUND, "map": rng.normal(size=(180, 2))}, KINDS, {}


def gained():
    """A map that knows the labels, of an input that doesn't."""
    return {"input": NOISE, "map": ROUND}, KINDS, {}


def moved():
    """Neighbours kept, groups somewhere else."""
    return {"input": ROUND, "map": ROUND}, KINDS, {
        "distance_correlation": 0.3, "knn_preservation": 0.6,
    }  # fmt: skip


CASES = {
    crowded: {"input_crowded", "pca_clearer", "map_clearer"},
    elongated: {"input_elongated"},
    torn: {"map_loses"},
    gained: {"map_clearer", "map_gains"},
    moved: {"long_distances"},
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_each_reason_is_found_where_it_holds_and_nowhere_else(case):
    held, labels, more = case()
    evidence = inspect.spaces(held, labels).evidence | more
    found = gputsne.check(evidence, "spaces")
    fired = {row.id for row in found.rows if row.status == "warn"}
    assert fired == CASES[case]
    for row in found.rows:
        assert "(unknown)" not in row.says + row.cause + row.action


def test_every_reason_has_a_case():
    assert set.union(*CASES.values()) == {r.id for r in read_rules() if "spaces" in r.profiles}


def test_spaces_that_agree_have_no_reason():
    evidence = inspect.spaces({"input": ROUND, "pca": ROUND, "map": ROUND}, KINDS).evidence
    evidence |= gputsne.metrics.evaluate(ROUND, ROUND, KINDS)
    assert {row.status for row in gputsne.check(evidence, "spaces").rows} == {"pass"}


def test_a_missing_row_says_what_brings_its_evidence():
    found = gputsne.check({})
    assert found["latency"].action == "inspect.latency(model, inputs[:1])"
    assert "inspect.latency(model" in str(found)
    assert gputsne.check({"latency_ms": 1.0})["latency"].action == ""
