"""Maps of samples: rows placed later are as good as mapped at once, streams leave the map alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

import gputsne

DIGITS = gputsne.datasets.load_digits()


@pytest.mark.slow
def test_rows_placed_in_the_map_of_a_sample_are_classified_as_in_a_map_of_all():
    how = {"max_iter": 500, "random_state": 0}
    full = gputsne.TSNE(**how).fit(DIGITS.X).embedding_
    chosen = gputsne.sample(DIGITS.X, 600, method="stratified", strata=DIGITS.labels)
    model = gputsne.TSNE(**how).fit(DIGITS.X[chosen.rows])
    others = np.setdiff1d(np.arange(len(DIGITS.X)), chosen.rows)
    pieced = np.empty_like(full)
    pieced[chosen.rows] = model.embedding_
    pieced[others] = model.transform(DIGITS.X[others])
    accuracy = [
        cross_val_score(KNeighborsClassifier(10), Y, DIGITS.labels, cv=5).mean()
        for Y in (full, pieced)
    ]
    assert accuracy[1] >= accuracy[0] - 0.03


def test_a_stream_into_a_frozen_map():
    """Fifty batches: a reservoir of what came, each batch placed, points where they were."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 8)) * 6

    def batch(i):
        own = np.random.default_rng(i)
        return centres[own.integers(4, size=400)] + own.normal(size=(400, 8))

    first = gputsne.Reservoir(300, random_state=0)
    first.add(batch(0))
    frozen = gputsne.TSNE(max_iter=300, random_state=0).fit(first.rows).fitted_map_
    probe, before = batch(0)[:40], None
    kept, held = gputsne.Reservoir(300, random_state=1), []
    tracemalloc.start()
    try:
        for i in range(50):
            rows = batch(i)
            kept.add(rows)
            placed = frozen.transform(rows)
            assert placed.shape == (400, 2)
            again = frozen.transform(probe)  # points of the first batch, placed anew each time
            before = again if before is None else before
            np.testing.assert_array_equal(again, before)
            if i == 4:
                tracemalloc.reset_peak()
            if i in (26, 49):
                held.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert kept.seen == 20_000
    assert kept.rows.shape == (300, 8)
    assert held[1] <= 1.05 * held[0]
    # each batch is as likely in the sample as any other: 6 of 300 rows in the mean
    counts = np.bincount(kept.places // 400, minlength=50)
    assert ((counts - 6) ** 2 / 6).sum() < 99  # chi-square of 49 degrees: 1 in 30,000
