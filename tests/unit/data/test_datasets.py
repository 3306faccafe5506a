"""Data sets: what they say they are, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.data.datasets import enlarge, load_digits, make_blobs_hd, toy_clusters

MAKERS = [load_digits, toy_clusters, make_blobs_hd]


@pytest.mark.parametrize("make", MAKERS)
def test_every_data_set_is_float32_with_labels_and_repeats(make):
    data, again = make(), make()
    assert data.X.dtype == np.float32
    assert data.X.flags.c_contiguous
    assert data.labels.dtype == np.int32
    assert data.labels.shape == (data.n,)
    assert np.isfinite(data.X).all()
    assert data.name
    assert data.description
    np.testing.assert_array_equal(data.X, again.X)
    np.testing.assert_array_equal(data.labels, again.labels)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits as bundled

    np.testing.assert_array_equal(load_digits().X, bundled().data)


def test_toy_clusters_have_a_hierarchy():
    data = toy_clusters(3000)
    means = np.stack([data.X[data.labels == i].mean(axis=0) for i in range(15)])
    distance = np.linalg.norm(means[:, None] - means[None], axis=-1)
    group = np.arange(15) // 5
    near = distance[(group[:, None] == group[None]) & (distance > 0)]
    far = distance[group[:, None] != group[None]]
    # Centres: sqrt(2) * 10 within a group and sqrt(2) * 30 between, both give or take the
    # scatter of orthogonal directions (10 each way) and of small clusters' means.
    assert near.max() < 20 < 25 < far.min()
    sizes = np.bincount(data.labels)
    assert sizes.sum() == 3000
    assert sizes.max() / sizes.min() > 20


def test_the_smallest_toy_set_has_all_clusters():
    assert sorted(toy_clusters(15, d=3).labels) == list(range(15))


def test_blobs_have_equal_sizes_and_unit_variance():
    data = make_blobs_hd(4000, d=8, clusters=4, separation=20.0)
    assert np.bincount(data.labels).tolist() == [1000] * 4
    spread = [data.X[data.labels == i].std(axis=0) for i in range(4)]
    # The standard error of a standard deviation from 1,000 values is 1 / sqrt(2000) = 0.022.
    np.testing.assert_allclose(spread, 1.0, atol=5 * 0.022)
    assert np.linalg.norm(data.X.mean(axis=0)) < 20


def test_more_clusters_than_features():
    assert make_blobs_hd(60, d=2, clusters=7).labels.max() == 6


def test_enlarging_repeats_with_shift_and_jitter():
    base = make_blobs_hd(500, d=10)
    before = base.X.copy()
    grown = enlarge(base.X, base.labels, n=1700, shift=0.2, jitter=0.1)
    np.testing.assert_array_equal(base.X, before)
    assert grown.X.shape == (1700, 10)
    np.testing.assert_array_equal(grown.X[:500], base.X)
    np.testing.assert_array_equal(grown.labels, np.resize(base.labels, 1700))
    assert len(np.unique(grown.X, axis=0)) == 1700
    moved = (grown.X[500:1000] - base.X) / base.X.std(axis=0)
    # Row by row a jitter of 0.1 (standard error of its sd from 5,000 values: 0.001).
    assert np.std(moved - moved.mean(axis=0)) == pytest.approx(0.1, abs=0.005)
    assert 0.05 < np.abs(moved.mean(axis=0)).mean() < 0.5
    np.testing.assert_array_equal(
        grown.X, enlarge(base.X, base.labels, n=1700, shift=0.2, jitter=0.1).X
    )
    assert (grown.X[500:] != enlarge(base.X, n=1700, random_state=1).X[500:]).any()


def test_enlarging_of_less_than_the_data():
    base = make_blobs_hd(50, d=3)
    np.testing.assert_array_equal(enlarge(base.X, n=20).X, base.X[:20])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy_clusters(14), "n=14"),
        (lambda: toy_clusters(d=2), "d=2"),
        (lambda: make_blobs_hd(5, clusters=6), "clusters=6"),
        (lambda: make_blobs_hd(5, d=0, clusters=2), "d=0"),
        (lambda: enlarge(np.zeros(3)), "X must have shape"),
        (lambda: enlarge(np.zeros((3, 2)), [1]), "labels has shape"),
        (lambda: enlarge(np.zeros((3, 2)), n=0), "n=0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
