"""Ranks that are counted, and orders by packed keys, are those of a plain stable sort."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.metrics import coranking, spaces


@pytest.mark.parametrize("k", [1, 7, spaces.COUNTED, spaces.COUNTED + 1, 99])
@pytest.mark.parametrize("levels", [3, 40, None], ids=["many ties", "some ties", "no ties"])
def test_ranks_are_those_of_a_full_sort(k, levels):
    rng = np.random.default_rng(k)
    n, rows = 100, np.arange(6)
    D = rng.random((6, n)) if levels is None else rng.integers(levels, size=(6, n)).astype(float)
    D[rows, rows] = np.inf
    near = np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in rows])
    ranks, places = spaces.ranks_among(D, near)
    for row, columns, rank, place in zip(D, near, ranks, places, strict=True):
        order = np.lexsort((np.arange(n), row))  # of equal distances the lower index first
        assert np.array_equal(place, np.argsort(order)[columns] + 1)
        assert np.array_equal(rank, [1 + sum(other < row[c] for other in row) for c in columns])


rng = np.random.default_rng(0)
EDGES = {
    "random": rng.random(5000),
    "squares of many sizes": np.exp(40 * rng.normal(size=5000)),
    "ties": rng.integers(30, size=5000).astype(float),
    "all alike": np.ones(300),
    "the last bits": 1.0 + rng.permutation(300) * 2.0**-52,
    "a pair in the last bit": np.r_[3.0, 1.0 + 2.0**-52, 1.0, 2.0, 1.0],
    "zeros of both signs": np.r_[0.0, -0.0, 1.0, -0.0, 0.0, 5e-324, -0.0],
    "infinite": np.r_[np.inf, 2.0, np.inf, 1.0, 1e308],
    "two": np.r_[1.0, 0.0],
    "one": np.r_[1.0],
    "below zero, by rounding": np.r_[1e-9, -1e-17, 0.0, -1e-17, -2e-17, 1.0],
}


@pytest.mark.parametrize("row", EDGES.values(), ids=EDGES)
def test_the_order_by_packed_keys_is_that_of_a_stable_sort(row):
    assert np.array_equal(coranking._order(row), np.argsort(row, kind="stable"))


def test_a_long_row_whose_cut_bits_decide():
    row = 1.0 + rng.integers(2**20, size=200_000) * 2.0**-52  # 2^17 < n: 18 of 52 bits are cut
    assert np.array_equal(coranking._order(row), np.argsort(row, kind="stable"))
