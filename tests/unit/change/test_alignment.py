"""Maps laid onto each other: against scipy's Procrustes, by construction, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import procrustes

import gputsne
from gputsne.change import shared_rows


def cloud(n=200, c=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, c)) * np.arange(1, c + 1)


def turned(Y, angle=0.7, scale=3.0, shift=5.0, mirror=False):
    c = Y.shape[1]
    R = np.eye(c)
    if c > 1:
        R[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    if mirror:
        R[0] *= -1
    return scale * Y @ R + shift


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("c", [1, 2, 3])
def test_a_map_that_was_turned_mirrored_scaled_and_shifted_comes_back(c, mirror):
    Y = cloud(c=c)
    found = gputsne.align(Y, turned(Y, mirror=mirror))
    np.testing.assert_allclose(found.map, Y, atol=1e-12 * np.abs(Y).max() * 100)
    assert found.disparity < 1e-9
    assert found.scale == pytest.approx(1 / 3)
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(c), atol=1e-12)


def test_the_disparity_is_scipys():
    one, two = cloud(seed=1), cloud(seed=1) + cloud(seed=2) * 0.3
    found = gputsne.align(one, two, trim=0.0)
    assert found.disparity == pytest.approx(procrustes(one, two)[2], rel=1e-9)
    assert found.trimmed_disparity == found.disparity
    assert gputsne.align(one, cloud(seed=3)).disparity > 0.8


def test_equal_maps_have_no_disparity_at_all():
    assert gputsne.align(cloud(), cloud()).disparity == 0.0


def test_without_reflection_a_mirrored_map_stays_away():
    Y = cloud()
    found = gputsne.align(Y, turned(Y, mirror=True), reflection=False, trim=0.0)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    assert found.disparity > 0.05
    # the best proper turn, among a thousand of them
    A, B = (Z - Z.mean(0) for Z in (Y, turned(Y, mirror=True)))
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    angles = np.linspace(0, 2 * np.pi, 1000)
    alike = [np.trace(A.T @ turned(B, a, 1.0, 0.0)) for a in angles]
    assert found.disparity == pytest.approx(1 - max(alike) ** 2, abs=1e-4)


def test_without_scale_distances_stay():
    Y = cloud()
    found = gputsne.align(Y, turned(Y), scale=False, trim=0.0)
    assert found.scale == 1.0
    np.testing.assert_allclose(found.map - found.map[0], 3 * (Y - Y[0]), atol=1e-9)


def test_a_cluster_that_went_elsewhere_turns_none_of_the_others():
    Y = cloud(400)
    other = turned(Y)
    other[:30] += [200, -50]
    found = gputsne.align(Y, other, trim=0.1)
    assert not found.kept[:30].any()
    np.testing.assert_allclose(found.map[30:], Y[30:], atol=1e-9)
    assert found.moved[:30].min() > 50
    assert found.moved[30:].max() < 1e-9
    assert found.trimmed_disparity < 1e-9 < found.disparity
    plain = gputsne.align(Y, other, trim=0.0)
    assert plain.moved[30:].max() > 0.1


def test_rows_are_matched_by_id():
    Y = cloud(300)
    ids = np.array([f"user-{i}" for i in range(300)])
    order = np.random.default_rng(1).permutation(300)[:250]
    new = np.concatenate([turned(Y)[order], cloud(40, seed=9)])
    new_ids = [*ids[order], *(f"new-{i}" for i in range(40))]
    found = gputsne.align(Y, new, old_ids=ids, new_ids=pd.Series(new_ids))
    assert found.disparity < 1e-9
    assert found.map.shape == (290, 2)
    np.testing.assert_array_equal(ids[found.old_rows], np.array(new_ids)[found.new_rows])
    np.testing.assert_allclose(found.map[found.new_rows], Y[found.old_rows], atol=1e-9)


def test_numbers_and_their_texts_are_the_same_id():
    old, new = shared_rows([10, 20, 30], ["30", "10"])
    assert (old.tolist(), new.tolist()) == ([0, 2], [1, 0])
    old, new = shared_rows(pd.Series([1.0, 2.0]), np.array([2, 1]))  # a csv with a gap made floats
    assert (old.tolist(), new.tolist()) == ([0, 1], [1, 0])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"old_ids": ["a", "b", "a"], "new_ids": ["a", "b", "c"]}, "old_ids has 'a' 2 times"),
        ({"old_ids": ["a", None, "c"], "new_ids": ["a", "b", "c"]}, "old_ids has no id in row 1"),
        ({"old_ids": ["a", "b", "c"]}, "old_ids alone tells nothing"),
        ({"new_ids": ["a", "b", "c"]}, "new_ids alone tells nothing"),
        ({"old_ids": ["a"], "new_ids": ["a", "b", "c"]}, "old_ids has 1 ids for 3 rows"),
        ({"old_ids": [1, 2, 3], "new_ids": [4, 5, 6]}, "the maps share 0 rows"),
        ({"trim": 0.6}, "trim=0.6 must be at most 0.5"),
        ({"trim": -1}, "trim=-1 must be at least 0"),
        ({"Y_new": [[1, 2]] * 3}, "Y_new has all shared points in one place"),
        ({"Y_new": [[1, 2, 3]] * 3}, "Y_old has 2 axes, Y_new 3"),
        ({"Y_new": [[1, 2]] * 4}, "Y_old has 3 rows, Y_new 4: without ids"),
        ({"Y_new": [[1, np.nan]] * 3}, "Y_new has 3 rows with NaN"),
    ],
)
def test_what_can_not_be_aligned_is_named(how, said):
    maps = {"Y_old": [[0, 0], [1, 0], [0, 2]], "Y_new": [[0, 0], [1, 0], [0, 2]]}
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        gputsne.align(**(maps | how))


def test_few_shared_rows_are_told():
    Y = cloud(29)
    with pytest.warns(UserWarning, match="the maps share 29 rows"):
        gputsne.align(Y, Y)


def test_what_is_given_is_not_changed():
    one, two = cloud(), turned(cloud())
    before = one.copy(), two.copy()
    gputsne.align(one, two)
    np.testing.assert_array_equal(one, before[0])
    np.testing.assert_array_equal(two, before[1])


@pytest.mark.parametrize("unit", [2.0**1000, 2.0**-1000])
@pytest.mark.parametrize("scale", [True, False])
def test_units_of_any_size_change_nothing_but_the_units(unit, scale):
    old, new = cloud(), turned(cloud(), scale=1.0) + 0.1 * cloud(seed=3)
    plain = gputsne.align(old, new, scale=scale)
    found = gputsne.align(unit * old, unit * new, scale=scale)
    np.testing.assert_array_equal(found.map, unit * plain.map)
    np.testing.assert_array_equal(found.moved, unit * plain.moved)
    assert found.disparity == plain.disparity > 0
    assert found.scale == plain.scale
    if scale:
        other = gputsne.align(old, unit * new)
        np.testing.assert_array_equal(other.map, plain.map)
        assert other.scale == plain.scale / unit


def test_ids_without_a_length_are_refused_by_name():
    with pytest.raises(TypeError, match="old_ids has no length, but is generator: give a list"):
        gputsne.align(cloud(), cloud(), old_ids=(i for i in range(200)), new_ids=range(200))


@pytest.mark.parametrize("first", [2**53, 2**70, 10**400])
def test_whole_numbers_of_any_size_are_ids(first):
    old, new = shared_rows([first + i for i in range(5)], [first + i for i in (4, 0)])
    assert (old.tolist(), new.tolist()) == ([0, 4], [1, 0])
