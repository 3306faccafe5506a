"""Clusters of consecutive maps: 1 for the same, near 0 for unrelated ones, by ids."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

import gputsne

RNG = np.random.default_rng(4)


def clouds(n=300, groups=5, seed=0):
    rng = np.random.default_rng(seed)
    group = np.arange(n) % groups
    angle = 2 * np.pi * group / groups
    return 20 * np.c_[np.cos(angle), np.sin(angle)] + rng.normal(size=(n, 2)), group


def test_the_same_map_keeps_every_cluster_however_it_is_turned_and_ordered():
    Y, _ = clouds()
    assert gputsne.clusters_kept(Y, Y).evidence["clusters_kept"] == 1.0
    order = RNG.permutation(len(Y))
    turned = 3 * Y[order][:, ::-1] - 7
    found = gputsne.clusters_kept(Y, turned, old_ids=np.arange(len(Y)), new_ids=order)
    assert found.evidence == {"clusters_kept": 1.0, "clusters_old": 5.0, "clusters_new": 5.0}
    assert [row["share"] for row in found] == [1.0] * 5
    assert sum(row["size"] for row in found) == len(Y)


def test_a_cluster_that_is_split_is_first_and_the_index_is_that_of_the_partitions():
    Y, group = clouds()
    Z = Y.copy()
    gone = (group == 2) & (np.arange(len(Y)) % 2 == 0)
    Z[gone] += [0, 60]
    found = gputsne.clusters_kept(Y, Z)
    assert found[0]["share"] == pytest.approx(0.5)
    assert {row["share"] for row in found[1:]} == {1.0}
    want = adjusted_rand_score(group, np.where(gone, 5, group))  # by what was done
    assert found.evidence["clusters_kept"] == pytest.approx(want, abs=1e-12)


def test_unrelated_maps_keep_about_nothing():
    Y, _ = clouds(600)
    found = gputsne.clusters_kept(Y, Y[RNG.permutation(len(Y))])
    assert abs(float(found.evidence["clusters_kept"])) < 0.05


def test_rows_of_one_side_do_not_count():
    Y, _ = clouds()
    Z = np.r_[Y[:200], RNG.normal(size=(40, 2)) + 90]
    ids = np.arange(300)
    found = gputsne.clusters_kept(Y, Z, old_ids=ids, new_ids=np.r_[ids[:200], 900 + np.arange(40)])
    assert found.evidence["clusters_kept"] == 1.0
    assert sum(row["size"] for row in found) <= 200


def test_clusters_are_those_of_hdbscan():
    Y = gputsne.datasets.load_digits().X[:400, 20:22].astype(float)
    Y += RNG.normal(0, 0.1, Y.shape)
    Z = Y + RNG.normal(0, 2.0, Y.shape)
    one, two = (HDBSCAN(min_cluster_size=10, copy=True).fit_predict(M) for M in (Y, Z))
    found = gputsne.clusters_kept(Y, Z)
    assert found.evidence["clusters_kept"] == pytest.approx(adjusted_rand_score(one, two))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"new_map": np.zeros((4, 2))}, "without ids they must be the same rows"),
        ({"old_ids": range(300), "new_ids": range(900, 1200)}, "share 0 rows: at least 10"),
        ({"old_ids": range(300)}, "old_ids alone tells nothing"),
    ],
)
def test_what_can_not_be_compared_is_refused(how, says):
    Y, _ = clouds()
    with pytest.raises(ValueError, match=says):
        gputsne.clusters_kept(Y, **({"new_map": Y} | how))


def test_maps_without_clusters_have_none_kept():
    Y = np.arange(20.0)[:, None] ** 2 * [[1.0, 0.5]]
    found = gputsne.clusters_kept(Y, Y)
    assert found.evidence == {"clusters_old": 0.0, "clusters_new": 0.0}
    assert len(found) == 0
