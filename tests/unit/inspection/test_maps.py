"""Maps of several seeds, the course of a fit, and symptoms of faults, by definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gputsne import inspect
from gputsne.inspection.fits import disparities


def cloud(n=120, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 8 * np.eye(d)[rng.integers(0, min(d, 3), size=n)]


def test_maps_of_one_shape_differ_by_nothing():
    Y = cloud(80, 2)
    turn = np.array([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    moved = 7 * Y @ turn * [1, -1] + 3
    rng = np.random.default_rng(0)
    found = disparities([Y, moved, rng.permutation(Y)])
    told = {(row["first"], row["second"]): row["disparity"] for row in found}
    assert told[0, 1] < 1e-12
    assert told[0, 2] > 0.8
    assert disparities([Y, Y.copy()]).evidence["seed_disparity"] == 0.0
    for maps in ([Y], [Y, Y[:3]], [Y, np.ones_like(Y)]):
        with pytest.raises(ValueError, match="maps"):
            disparities(maps)


def test_the_course_of_a_fit_is_that_of_its_numbers():
    history = [(50, 9.0), (250, 8.0), (300, 2.0), (400, 1.5), (450, 1.6), (500, 1.0), (650, 0.7)]
    found = inspect.convergence(history).evidence
    assert found["kl_iterations"] == 400
    assert found["kl_rise"] == pytest.approx(0.1 / 1.5)
    assert found["kl_tail_drop"] == pytest.approx(0.3 / 1.5)  # from iteration 500, per 100
    assert inspect.convergence([(50, 9.0), (250, 8.0)]).evidence == {"kl_iterations": 0.0}
    with pytest.raises(ValueError, match="ascending"):
        inspect.convergence([(2, 1.0), (1, 1.0)])


def test_metadata_is_told_by_neighbours_only_where_it_shapes_the_map():
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(600, 2))
    frame = pl.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=600).to_numpy(),
            "east": Y[:, 0],
            "batch": rng.integers(0, 4, 600),
            "site": np.where(Y[:, 1] > 0, "north", "south"),
            "same": 1,
        }
    )
    found = inspect.symptoms(Y, Y, metadata=frame).evidence
    assert (found["metadata_column"], found["metadata_lift"] > 0.9) == ("east", True)
    # By chance: 600 points of 10 neighbours; a lift's standard error is below 0.06.
    assert abs(found["metadata_lift.when"]) < 0.2
    assert abs(found["metadata_lift.batch"]) < 0.2
    assert found["metadata_lift.site"] > 0.7
    assert "metadata_lift.same" not in found


def test_symptoms_of_a_copy_and_of_a_shuffle():
    points = cloud(300, 4)
    same = inspect.symptoms(points, points, perplexity=30).evidence
    assert same["local_preservation"] == same["broad_preservation"] == pytest.approx(1.0)
    assert same["perplexity_share"] == 0.1
    mixed = np.random.default_rng(0).permutation(points)
    other = inspect.symptoms(points, mixed).evidence
    assert abs(other["local_preservation"]) < 0.03
    assert abs(other["broad_preservation"]) < 0.1
    with pytest.raises(ValueError, match="at least 8 points"):
        inspect.symptoms(points[:5], points[:5])
