"""Ranks that are counted and ranks that are sorted are the same, ties and infinities included."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.metrics import context


@pytest.mark.parametrize("k", [1, 7, context.COUNTED, context.COUNTED + 1, 99])
@pytest.mark.parametrize("levels", [3, 40, None], ids=["many ties", "some ties", "no ties"])
def test_ranks_are_those_of_a_full_sort(k, levels):
    rng = np.random.default_rng(k)
    n, rows = 100, np.arange(6)
    D = rng.random((6, n)) if levels is None else rng.integers(levels, size=(6, n)).astype(float)
    D[rows, rows] = np.inf
    near = np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in rows])
    ranks, places = context._ranks_among(D, near)
    for row, columns, rank, place in zip(D, near, ranks, places, strict=True):
        order = np.lexsort((np.arange(n), row))  # of equal distances the lower index first
        assert np.array_equal(place, np.argsort(order)[columns] + 1)
        assert np.array_equal(rank, [1 + sum(other < row[c] for other in row) for c in columns])
