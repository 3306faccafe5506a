"""Samples of tables: sizes, chances, rare groups, strata, spread, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

import gputsne
from gputsne.sampling import coverage

DIGITS = gputsne.datasets.load_digits()
METHODS = ["random", "stratified", "density", "diverse"]


def asked(method, **how):
    return gputsne.sample(
        DIGITS.X, **({"size": 180, "method": method, "strata": DIGITS.labels} | how)
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_has_its_size_and_no_row_twice(method):
    for size in (1, 10, 180, 1797):
        found = asked(method, size=size)
        assert len(found) == len(np.unique(found.rows)) == size
        assert (np.diff(found.rows) > 0).all()
        assert found.weights.min() > 0


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_takes_the_same_rows_however_they_are_stored(method):
    one = asked(method)
    two = gputsne.sample(
        pd.DataFrame(DIGITS.X.astype(np.float64)), 180, method=method, strata=list(DIGITS.labels)
    )
    assert one.sha256 == two.sha256
    np.testing.assert_array_equal(one.rows, two.rows)
    if method != "diverse":
        assert asked(method, random_state=1).sha256 != one.sha256


def test_a_share_is_a_size():
    assert len(asked("random", size=0.1)) == 180


def test_strata_keep_their_shares_and_small_ones_a_row():
    strata = np.repeat(["big", "small", "tiny"], [900, 95, 5])
    X = np.random.default_rng(0).normal(size=(1000, 3))
    found = gputsne.sample(X, 50, method="stratified", strata=strata)
    counts = pd.Series(strata[found.rows]).value_counts()
    assert counts.to_dict() == {"big": 45, "small": 4, "tiny": 1}  # 45, 4.75, 0.25
    stands = pd.Series(found.weights).groupby(strata[found.rows]).sum()
    assert stands.to_dict() == pytest.approx({"big": 900, "small": 95, "tiny": 5})
    few = gputsne.sample(X, 2, method="stratified", strata=strata)
    assert (strata[few.rows] == "big").all()


def test_density_keeps_rare_rows_that_chance_loses():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(11, 20)) * 8
    group = np.concatenate([rng.integers(10, size=19_900), np.full(100, 10)])
    X = centres[group] + rng.normal(size=(20_000, 20))
    kept = [
        (group[gputsne.sample(X, 2000, method=m, random_state=s).rows] == 10).sum()
        for m in ("density", "random") for s in range(2)
    ]  # fmt: skip
    assert min(kept[:2]) >= 90
    assert max(kept[2:]) < 25


@pytest.mark.slow
def test_a_hundred_of_two_hundred_thousand_survive_at_one_per_cent():
    rng = np.random.default_rng(1)
    group = np.concatenate([rng.integers(10, size=199_900), np.full(100, 10)])
    X = (rng.normal(size=(11, 20)) * 8)[group] + rng.normal(size=(200_000, 20))
    kept = {
        method: (group[gputsne.sample(X, 2000, method=method).rows] == 10).sum()
        for method in ("density", "random")
    }
    assert kept["density"] >= 90
    assert kept["random"] < 10  # one in the mean; ten and more have a chance of 1e-7


def test_distances_that_are_equal_stay_so_in_sums_of_other_orders():
    """Rows far from the origin and from one another, each twice: a copy is never nearer."""
    X = np.repeat(np.random.default_rng(0).normal(size=(300, 7)) * 1e3 + 1e6, 2, axis=0)
    assert coverage(X, np.arange(600)).reach == 1.0
    assert coverage(np.ones((500, 3)) * 0.1, [3, 4]).reach == 1.0
    even = gputsne.sample(np.ones((500, 3)) * 0.1, 50, method="density")
    np.testing.assert_allclose(even.weights, 10.0)


def test_weights_are_one_over_the_chances():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    weights = rng.uniform(0.1, 1, 60)
    weights[:3] = 50  # certain
    taken, total = np.zeros(60), np.zeros(60)
    for seed in range(400):
        found = gputsne.sample(X, 20, weights=weights, random_state=seed)
        taken[found.rows] += 1
        total[found.rows] += found.weights
    chance = 17 * weights / weights[3:].sum()
    chance[:3] = 1
    assert chance[3:].max() < 1
    error = np.sqrt(chance * (1 - chance) / 400)
    assert (np.abs(taken / 400 - chance) <= 4.5 * error + 1e-12).all()  # 60 of them: 1 in 2,000
    assert (np.abs(total / 400 - 1) <= 4.5 * error / chance + 1e-12).all()


def test_diverse_rows_are_far_from_one_another():
    found, chance = asked("diverse", size=40), asked("random", size=40)
    reach = [cdist(DIGITS.X, DIGITS.X[s.rows]).min(axis=1).max() for s in (found, chance)]
    assert reach[0] < reach[1]
    between = cdist(DIGITS.X[found.rows], DIGITS.X[found.rows])
    # no taken row is nearer to another than the farthest row of all is to the sample (Gonzalez)
    assert between[np.triu_indices(40, 1)].min() >= reach[0] - 1e-9
    assert found.weights.sum() == pytest.approx(1797)


def test_what_covers_the_data_and_what_does_not():
    good = asked("stratified")
    assert good.coverage.whole > 0.95
    order = np.argsort(DIGITS.labels, kind="stable")
    bad = coverage(DIGITS.X, order[:180], strata=DIGITS.labels)
    assert bad.whole < 0.5
    assert bad.strata == pytest.approx(178 / 1797 + 2 / 180, abs=0.02)
    assert coverage(DIGITS.X, np.arange(1797)).whole == 1.0


def test_reach_by_its_definition():
    rng = np.random.default_rng(1)
    X, rows = rng.normal(size=(300, 4)), rng.permutation(300)[:30]
    far = cdist(X, X)
    near = far[:, rows].min(axis=1)
    covered = [(far[i] < near[i] - 1e-12).sum() < 50 for i in range(300)]
    assert coverage(X, rows).reach == np.mean(covered)


def test_ids_name_the_rows():
    ids = [f"r{i}" for i in range(1797)]
    found = asked("random", ids=ids)
    assert found.ids.tolist() == [ids[i] for i in found.rows]


def test_a_stream_is_sampled_as_it_passes():
    batches = (DIGITS.X[i : i + 100] for i in range(0, 1797, 100))
    found = gputsne.sample(batches, 50)
    np.testing.assert_array_equal(found.data, DIGITS.X[found.rows])
    assert found.weights.sum() == pytest.approx(1797)
    named = ((DIGITS.X[i : i + 100], [f"r{j}" for j in range(i, min(i + 100, 1797))])
             for i in range(0, 1797, 100))  # fmt: skip
    assert gputsne.sample(named, 50).ids.tolist() == [f"r{i}" for i in found.rows]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"size": 1798}, "size=1798 is more than the 1797 rows"),
        ({"size": 0}, "size=0 must be at least 1"),
        ({"size": 1.5}, "size=1.5 must be a whole number"),
        ({"method": "fair"}, "method='fair' is none of 'random'"),
        ({"method": "stratified", "strata": None}, "needs strata"),
        ({"method": "density", "weights": np.ones(1797)}, "weights belong to method='random'"),
        ({"weights": -np.ones(1797)}, r"weights\[0\]=-1.0 must be finite and at least 0"),
        ({"weights": np.zeros(1797)}, "0 rows have a weight above 0"),
        ({"weights": [1.0]}, r"weights has shape \(1,\) for 1797 rows"),
        ({"strata": [None] * 1797}, "strata has none in row 0"),
        ({"strata": [1, 2]}, "strata has shape"),
    ],
)
def test_what_can_not_be_sampled_is_named(how, said):
    with pytest.raises(ValueError, match=said):
        asked("random", **how) if "method" not in how else asked(**how)


def test_holes_are_named():
    X = DIGITS.X.copy()
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="X has 1 rows with NaN"):
        gputsne.sample(X, 10)
    with pytest.raises(ValueError, match="the stream has no batch"):
        gputsne.sample(iter([]), 10)
    with pytest.raises(ValueError, match="a stream is sampled by method='random' alone"):
        gputsne.sample(iter([X]), 10, method="diverse")


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-1000])
@pytest.mark.parametrize("method", ["random", "density", "diverse", "stratified"])
def test_the_unit_of_the_numbers_changes_no_sample(method, unit):
    X = np.random.default_rng(0).normal(size=(300, 3))
    strata = np.arange(300) % 3 if method == "stratified" else None
    plain = gputsne.sample(X, 30, method=method, strata=strata)
    found = gputsne.sample(unit * X, 30, method=method, strata=strata)
    np.testing.assert_array_equal(found.rows, plain.rows)
    assert found.coverage == plain.coverage


@pytest.mark.parametrize("weights", [[0, 0], [np.nan, 1], [-1, 1]])
def test_weights_of_a_coverage_must_weigh(weights):
    with pytest.raises(ValueError, match="weights must be finite and at least 0, and not all 0"):
        gputsne.sampling.coverage(np.eye(5), [0, 1], weights=weights)


@pytest.mark.parametrize("unit", [2.0**1020, 2.0**-1000])
def test_the_unit_of_the_weights_changes_no_sample(unit):
    X, weights = np.random.default_rng(0).normal(size=(60, 2)), 1.0 + np.arange(60) % 4
    plain, found = (gputsne.sample(X, 5, weights=w) for w in (weights, unit * weights))
    np.testing.assert_array_equal(found.rows, plain.rows)
    np.testing.assert_array_equal(found.weights, plain.weights)


def test_a_row_at_a_time_is_no_stream_of_batches():
    with pytest.raises(ValueError, match=r"batch has shape \(64,\): rows x columns"):
        gputsne.sample(iter(DIGITS.X), 3)


def test_missing_strata_are_no_stratum():
    with pytest.raises(ValueError, match="strata has none in row 1"):
        coverage(DIGITS.X[:3], [0], strata=["a", None, "a"])
