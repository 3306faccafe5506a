"""Maps of changed data: noise, shuffled pixels, fits cut short and flipped labels tell apart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gputsne
from gputsne import metrics

DIGITS = gputsne.datasets.load_digits()
X = DIGITS.X / 16  # pixels from 0 to 1
DRIFT = 0.1  # of a map, up to which it counts as the same
FLOOR = 0.02  # what a quality may fall below that of the map before it


def fitted(data, max_iter=300):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 50 iterations are too few, on purpose
        model = gputsne.TSNE(random_state=0, max_iter=max_iter)
        return model.fit_transform(np.asarray(data, dtype=np.float32))


@pytest.fixture(scope="module")
def before():
    return fitted(X)


def noisy(sd):
    return X + np.random.default_rng(0).normal(0, sd, X.shape)


def shuffled():
    rng = np.random.default_rng(0)
    return np.stack([row[rng.permutation(64)] for row in X])


@pytest.mark.parametrize(
    ("data", "drifts"), [(noisy(0.01), False), (noisy(0.05), False), (shuffled(), True)]
)
def test_noise_is_no_drift_of_the_map_and_shuffled_pixels_are(before, data, drifts):
    found = gputsne.drift(X, data, old_map=before, new_map=fitted(data), sample=300).evidence
    assert (found["drift_map"] > DRIFT) is drifts


def test_a_fit_cut_short_falls_below_the_floor_of_the_one_before(before):
    short = fitted(X, max_iter=50)
    for name in ("knn_preservation", "trustworthiness"):
        measure = getattr(metrics, name)
        assert measure(X, short, k=10) < measure(X, before, k=10) - FLOOR


@pytest.mark.parametrize("of", ["data", "map"])
def test_flipped_labels_are_the_most_suspicious(before, of):
    n = len(X)
    flipped = np.random.default_rng(0).permutation(n)[: n // 20]
    labels = DIGITS.labels.copy()
    labels[flipped] = (labels[flipped] + 1 + np.arange(len(flipped)) % 9) % 10  # to each other one
    points = X if of == "data" else before
    alike = metrics.per_point("neighborhood_hit", points, points, labels, k=10)
    top = np.argsort(alike, kind="stable")[: n // 10]
    assert np.isin(flipped, top).mean() >= 0.8
