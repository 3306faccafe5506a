"""Drift: nothing where nothing changed, each measure against its definition, cohorts by name."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp, norm

import gputsne
from gputsne.change import distributions
from gputsne.data.named import with_names

pytestmark = pytest.mark.usefixtures("few_trees")
DIGITS = gputsne.datasets.load_digits().X
RNG = np.random.default_rng(5)
HIGH = ("classifier", "features", "mmd", "novel", "neighbors", "moved")


def table(n=400, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def drift(*args, **how):
    return gputsne.drift(*args, **({"sample": 300} | how))


def test_the_same_data_and_maps_have_no_drift_at_all():
    Y = table(d=2, seed=1)
    ids = np.arange(400)
    for how in ({}, {"old_ids": ids, "new_ids": ids}):
        found = drift(table(), table(), old_map=Y, new_map=Y.copy(), **how)
        for name in (*HIGH, "map", "data"):
            assert found.evidence[f"drift_{name}"] == 0.0, name
        assert found.evidence["drift_mmd_p"] == 1.0
        assert len(found.groups) == 1
        assert found.groups[0]["rule"] == "all rows"


def test_the_order_of_rows_is_no_drift_where_ids_tell():
    X, order = table(), RNG.permutation(400)
    found = drift(X, X[order], old_ids=np.arange(400), new_ids=order, sample=None)
    assert found.evidence["drift_neighbors"] == 0.0
    assert found.evidence["drift_features"] == 0.0
    assert found.evidence["drift_classifier"] == 0.0
    assert found.evidence["drift_mmd"] < 1e-12


def test_two_samples_of_one_thing_hardly_differ_and_intervals_say_so():
    found = drift(table(seed=1), table(350, seed=2))
    rows = {row["measure"]: row for row in found.measures}
    assert set(rows) == {"classifier", "features", "mmd", "novel"}  # no row is shared
    assert rows["classifier"]["low"] == 0.0
    assert rows["features"]["low"] == 0.0
    assert found.evidence["drift_mmd_p"] > 0.05
    for row in rows.values():
        assert 0 <= row["low"] <= row["drift"] <= row["high"] <= 1


def test_what_is_wholly_other_drifts_to_the_end():
    X = table()
    ids = np.arange(400)
    found = drift(X, X[RNG.permutation(400)] + 20, old_ids=ids, new_ids=ids)
    assert found.evidence["drift_classifier"] == pytest.approx(1.0, abs=1e-9)
    assert found.evidence["drift_features"] == 1.0
    assert found.evidence["drift_mmd"] > 0.5
    assert found.evidence["drift_mmd_p"] == pytest.approx(1 / 201)
    assert found.evidence["drift_neighbors"] > 0.9


def test_a_changed_column_is_first_and_its_figures_are_scipys():
    X, Z = pd.DataFrame(table(), columns=list("abcd")), table(seed=3)
    Z[:, 2] = Z[:, 2] * 2 + 1
    found = drift(X, pd.DataFrame(Z, columns=list("abcd")))
    first = found.columns[0]
    assert first["column"] == "c"
    assert first["ks"] == pytest.approx(ks_2samp(X["c"], Z[:, 2]).statistic, rel=1e-12)
    assert first["psi"] > 0.25
    assert found.evidence["drift_features"] == first["ks"]
    assert "c" in str(found.evidence["drift_group"])


def test_columns_are_matched_by_name_and_those_of_one_side_named():
    X = pd.DataFrame(table(), columns=list("abcd"))
    found = drift(X, X[["d", "b", "a"]].assign(e=1.0))
    assert found.evidence["drift_features"] == 0.0
    assert (found.evidence["columns_lost"], found.evidence["columns_new"]) == (1.0, 1.0)
    assert "columns lost: c; new: e" in str(found.measures)


def test_columns_of_files_keep_their_names():
    named = with_names(table(), ["a", "b", "c", "d"])
    other = with_names(table()[:, ::-1], ["d", "c", "b", "a"])
    assert drift(named, other).evidence["drift_features"] == 0.0


def test_missing_values_are_counted():
    X, Z = table(1000), table(1000)
    Z[::20, 1] = np.nan
    found = drift(X, Z)
    row = next(row for row in found.columns if row["column"] == "1")
    assert (row["old_nulls"], row["new_nulls"]) == (0.0, 0.05)
    Z[:, 1] = np.nan
    assert drift(X, Z).columns[0]["ks"] == 1.0  # no value is left


@pytest.mark.usefixtures("all_trees")
@pytest.mark.parametrize("paired", [True, False])
def test_a_corrupted_cohort_is_the_first_group_and_its_rows_are_named(paired):
    rng = np.random.default_rng(0)
    Z, bad = DIGITS.copy(), rng.permutation(len(DIGITS))[:90]
    Z[bad] = Z[bad][:, rng.permutation(64)]
    if paired:
        ids = np.arange(len(Z))
        found = gputsne.drift(DIGITS, Z, old_ids=ids, new_ids=ids)
        rows = np.arange(len(Z))
    else:
        found = gputsne.drift(DIGITS[::2], Z[1::2])
        rows = np.arange(len(Z))[1::2]
    first = found.groups[0]
    assert first["excess"] > 0.01
    assert np.isin(rows[first["examples"]], bad).mean() > 0.9
    assert np.isin(rows[found.rows.column("row")], bad).mean() > 0.9


@pytest.mark.usefixtures("all_trees")
@pytest.mark.parametrize("step", [2, 20])
def test_a_cohort_of_every_so_many_rows_is_found(step):
    ids, Z = np.arange(len(DIGITS)), DIGITS.copy()
    bad = ids[::step]
    Z[bad] = Z[bad][:, np.random.default_rng(0).permutation(64)]
    first = gputsne.drift(DIGITS, Z, old_ids=ids, new_ids=ids).groups[0]
    assert first["old"] == 0
    # half of the cohort at least: a leaf needs not hold all of it
    assert first["excess"] > 0.5 / step
    assert np.isin(first["examples"], bad).all()


def test_the_map_drifts_by_what_its_points_moved():
    X, Y = table(), table(d=2, seed=1)
    other = 2 * Y @ [[0, 1], [1, 0]] + 3
    assert drift(X, X, old_map=Y, new_map=other).evidence["drift_map"] < 1e-9
    other[:40] = table(40, 2, seed=7) * 3
    found = drift(X, X, old_map=Y, new_map=other)
    row = next(row for row in found.measures if row["measure"] == "map")
    assert row["low"] <= row["drift"] == found.alignment.disparity <= row["high"]
    assert found.evidence["drift_data"] == 0.0  # the data says that nothing happened
    assert "moved" in found.rows[0]


def test_population_stability_by_its_definition():
    old = np.arange(1000.0)
    new = old[old < 500]  # five of ten bins
    p, q = (np.full(10, 100) + 0.5) / 1005, (np.repeat([100, 0], 5) + 0.5) / 505
    assert distributions.psi(old, new) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert distributions.psi(old, old) == 0.0
    assert distributions.psi(np.zeros(50), np.zeros(70)) == 0.0
    assert distributions.psi(np.zeros(50), np.ones(50)) > 0


def test_the_discrepancy_by_its_definition():
    A, B = table(60, 3), table(50, 3, seed=1) + 0.5
    found, p = distributions.mmd(A, B, np.random.default_rng(0))
    both = np.concatenate([A, B])
    far = cdist(both, both, "sqeuclidean")
    K = np.exp(-far / np.median(far[np.triu_indices(110, 1)]))
    oo, nn, on = K[:60, :60].mean(), K[60:, 60:].mean(), K[:60, 60:].mean()
    assert found.value == pytest.approx(1 - 2 * on / (oo + nn), rel=1e-9)
    assert p < 0.05


def test_p_values_of_no_change_are_spread_evenly():
    told = [
        distributions.mmd(table(40, 2, 2 * i), table(40, 2, 2 * i + 1), np.random.default_rng(i))[1]
        for i in range(60)
    ]
    # 60 even draws have 3 below 0.05 in the mean; 9 or more happen once in 300
    assert sum(p <= 0.05 for p in told) < 9
    assert 0.35 < np.mean(told) < 0.65  # 4 standard errors


def test_separability_is_that_of_the_best_classifier_at_most():
    far = 1.0
    A, B = table(1500, 1), table(1500, 1, seed=1) + far
    found, scores = distributions.separability(A, B, np.arange(3000), 0)
    best = 2 * norm.cdf(far / 2**0.5) - 1
    assert best - 0.15 < found.value < best + 3 * 0.01
    assert scores[1500:].mean() > scores[:1500].mean()
    assert found.low < best


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"new": table(5)}, "new has 5 rows: fewer than 10 tell no drift"),
        ({"new": table(d=3)}, "old has 4 columns, new 3"),
        ({"new": np.where(table() > 3, np.inf, table())}, "new is infinite in row"),
        ({"old_map": table(d=2)}, "old_map alone tells no drift"),
        ({"old_map": table(9, 2), "new_map": table(d=2)}, "old_map has 9 rows, its table 400"),
        ({"old_ids": np.arange(400)}, "old_ids alone tells nothing"),
        ({"old_map": 5, "new_map": table(d=2)}, "got scalar array"),
        ({"old_ids": np.zeros(400), "new_ids": np.arange(400)}, "old_ids has '0' 400 times"),
        ({"k": 0}, "k=0 must be at least 1"),
        ({"sample": 3}, "sample=3 must be at least 10"),
        ({"new": pd.DataFrame(table(), columns=list("wxyz"))}, "no column of the same name"),
    ],
)
def test_what_can_not_be_compared_is_named(how, said):
    old = table()
    if isinstance(how.get("new"), pd.DataFrame):
        old = pd.DataFrame(old, columns=list("abcd"))
    with pytest.raises(ValueError, match=said):
        gputsne.drift(**({"old": old, "new": table()} | how))


def test_the_same_seed_tells_the_same():
    X, Z = table(), table(seed=4)
    assert str(drift(X, Z)) == str(drift(X, Z))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drift(X, Z, random_state=1).to_dict()["measures"]["rows"]


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-1000])
def test_units_of_any_size_change_no_measure(unit):
    old, new = table(), table(seed=1) + np.eye(4)[3]
    plain, found = drift(old, new), drift(unit * old, unit * new)
    for one, two in zip(found.measures, plain.measures, strict=True):
        assert one == pytest.approx(two, abs=1e-9)
    assert found.columns[0]["new_mean"] == pytest.approx(unit * plain.columns[0]["new_mean"])


def test_values_beyond_float32_in_one_table_alone_are_a_drift():
    old = table()
    new = old.copy()
    new[:, 2] *= 1e300
    assert drift(old, new).evidence["drift_classifier"] > 0.9


def test_a_shift_beside_a_large_offset_is_seen_and_told_by_its_value():
    old, new = table(d=2), table(d=2, seed=1)
    old[:, 1], new[:, 1] = 1.7e9 + old[:, 1], 1.7e9 + 10 + new[:, 1]  # seconds since 1970
    found = drift(old, new)
    assert found.evidence["drift_classifier"] == 1.0
    rule = found.groups[0]["rule"]
    threshold = float(rule.split(" <= ")[1] if " <= " in rule else rule.split(" < ")[0])
    assert 1.7e9 + 2 < threshold < 1.7e9 + 8


def test_columns_of_one_name_are_refused_where_names_must_match():
    old = pd.DataFrame(table(), columns=list("aabc"))
    assert drift(old, old).evidence["drift_data"] == 0.0
    with pytest.raises(ValueError, match="old has several columns named 'a': rename them"):
        drift(old, pd.DataFrame(table(), columns=list("abcd")))


def test_ids_that_are_dates_are_told_as_dates():
    days = pd.date_range("2020-01-01", periods=400)
    ids = [row["id"] for row in drift(table(), table(seed=1), old_ids=days, new_ids=days).rows]
    assert all(str(one).startswith(("2020-", "2021-")) for one in ids)


def test_noise_below_the_distances_of_neighbours_neither_moves_rows_nor_makes_new_ones():
    noisy = DIGITS + np.random.default_rng(0).normal(0, 0.05, DIGITS.shape)
    found = gputsne.drift(DIGITS, noisy).evidence
    assert found["drift_classifier"] == 1.0  # constant columns tell
    assert found["drift_moved"] < 0.01
    assert found["drift_novel"] < 0.01


@pytest.mark.parametrize("how", ["moved", "scrambled"])
def test_rows_that_lie_elsewhere_are_counted(how):
    rng = np.random.default_rng(0)
    Z, bad = DIGITS.copy(), rng.permutation(len(DIGITS))[:180]
    Z[bad] = 0 if how == "moved" else Z[bad][:, rng.permutation(64)]
    found = gputsne.drift(DIGITS, Z).evidence
    share = len(bad) / len(DIGITS)
    assert found["drift_moved"] == pytest.approx(share, abs=1e-3)  # each of them, and no other
    if how == "scrambled":
        # of so many, all that the hundredth of chance leaves: three standard errors of it
        error = (0.01 * 0.99 / len(DIGITS) * 2) ** 0.5
        assert found["drift_novel"] == pytest.approx(share, abs=3 * error + 0.01)


def test_rows_moved_are_those_beyond_the_kth_neighbour_by_definition():
    X = table(60)
    Z = X + np.random.default_rng(9).normal(0, 1.0, X.shape)
    own = cdist(X / X.std(axis=0), X / X.std(axis=0))
    away = np.linalg.norm((X - Z) / X.std(axis=0), axis=1)
    want = float((away > np.sort(own, axis=1)[:, 15]).mean())
    assert 0.1 < want < 0.9
    assert drift(X, Z, sample=None).evidence["drift_moved"] == want


def test_new_rows_alone_are_novel_by_their_number():
    X = table(2000, seed=1)
    Z = np.r_[table(900, seed=2), table(100, seed=3) + 12]
    row = next(r for r in drift(X, Z, sample=2000).measures if r["measure"] == "novel")
    assert row["low"] <= 0.1 <= row["high"]
