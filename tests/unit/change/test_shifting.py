"""Shifts of columns: what chance and noise explain is none, at any scale of the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

import gputsne
from gputsne import Run
from gputsne.change.shifting import blurred, column_shifts

LIMIT = 0.2  # of the rule drift_columns
DRAWS = 200
ALARMS = 20  # of 200 where one of twenty is to be expected: beyond four standard deviations


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 300), (100, 100)])
@pytest.mark.parametrize("kind", ["rare", "skewed", "normal"])
def test_draws_of_one_distribution_have_not_shifted(kind, n, m):
    draw = {
        "rare": lambda rng, rows: 1.0 * (rng.random((rows, 8)) < 0.02),
        "skewed": lambda rng, rows: rng.exponential(size=(rows, 8)),
        "normal": lambda rng, rows: rng.normal(size=(rows, 8)),
    }[kind]
    raised = 0
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        raised += column_shifts(draw(rng, n), draw(rng, m)).max() >= LIMIT
    assert raised <= ALARMS


@pytest.mark.parametrize("unit", [1e300, 1e200, 1e-200, 1e-300])
def test_the_unit_of_a_table_changes_no_shift(unit):
    X = np.random.default_rng(0).normal(size=(200, 3))
    np.testing.assert_allclose(
        column_shifts(X * unit, (X + 1) * unit), column_shifts(X, X + 1), rtol=1e-9
    )
    assert all(np.isfinite(side).all() for side in blurred(X * unit, X * unit))


def test_noise_of_a_twentieth_on_standardised_digits_passes():
    X = StandardScaler().fit_transform(gputsne.datasets.load_digits().X[:600].astype(float))
    noisy = X + np.random.default_rng(0).normal(0, 0.05, X.shape)
    found = gputsne.check(Run(), "ci", baseline=Run(), X=noisy, baseline_X=X)
    for name in ("drift_data", "drift_columns", "drift_group"):
        assert found[name].status == "pass", str(found)


def test_a_narrow_column_still_shifts_in_its_own_deviations():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 5)) * [100, 100, 100, 30, 30]
    moved, stuck, wide = X.copy(), X.copy(), X.copy()
    moved[:, 3] += 30
    stuck[:, 3] = stuck[:, 3].mean()
    wide[:, 3] *= 2
    # a mean of one deviation, a deviation that is gone: less what chance explains
    for new in (moved, stuck):
        assert 0.7 < column_shifts(X, new)[3] < 1
    # one that grows counts beside the table's, unless columns are scaled to their own
    assert column_shifts(X, wide)[3] < 0.3 < 0.7 < column_shifts(X, wide, scaled=True)[3] < 1.1
