"""Cells and blocks of rows find what they promise, on emulated kernels."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free.brute_force import brute, many, same

from gputsne.neighbors.recall import Sample
from gputsne.neighbors.search.blocks import RowBlocks
from gputsne.neighbors.search.cells import Cells, choose_cells
from gputsne.neighbors.search.device_rows import DeviceRows


def sample(X):
    own = np.arange(0, len(X), 3)
    return Sample(X[own], own)


def in_cells(ops, X, k, least, count, seed=0):
    search = DeviceRows(X, ops, 0)
    made = choose_cells(search, X, k, least, sample(X), seed, count)
    assert made is not None
    search.arrange(made[0])
    return search, *made


def test_cells_find_what_recall_promises(ops, emulated):
    X, k = many(), 12
    want = brute(X, X, k, np.arange(len(X)))
    before = None
    for least in (0.8, 0.99):
        search, cells, recall = in_cells(ops, X, k, least, 25)
        assert search.source == "cells-device"
        assert recall >= least
        assert cells.share() < 0.5
        assert before is None or cells.probes > before
        before = cells.probes
        squared, ids = search.others(None, k, None)
        found = np.mean([np.isin(a, b).mean() for a, b in zip(want[1], ids, strict=True)])
        assert found == pytest.approx(recall, abs=0.02)  # of a third of the rows
        hit = ids == want[1]
        np.testing.assert_array_equal(squared[hit], want[0][hit])
        emulated.shuffle(77)
        other = in_cells(ops, X, k, least, 25)[0]
        np.testing.assert_array_equal(other.others(None, k, None)[1], ids)
    # New rows: each goes to the cell of its nearest centre, whatever its batch.
    Q = many(300)[::2] + np.float32(0.1)
    squared, ids = (a.get() for a in search.nearest(Q, k))
    assert np.isin(ids, brute(Q, X, k)[1]).mean() > 0.95
    np.testing.assert_array_equal(search.nearest(Q[5:8], k)[1].get(), ids[5:8])
    # And all pairs can be asked for still, though the rows lie by cells.
    same(search.nearest(Q, k, whole=True), brute(Q, X, k))


def test_a_cell_that_has_too_few_asks_everywhere(ops):
    X, k = many(400), 30
    X[:3] += 1000  # three rows alone in a cell
    search = DeviceRows(X, ops, 0)
    centres = np.stack([X[3:].mean(axis=0), X[0]])
    cells = Cells(search, centres)
    assert cells.near.tolist() == [[0, 1], [1, 0]]
    search.arrange(cells)
    ids = search.others(None, k, None)[1]
    want = brute(X, X, k, np.arange(len(X)))
    np.testing.assert_array_equal(ids[:3], want[1][:3])
    assert (ids >= 0).all()
    np.testing.assert_array_equal(ids[3:], want[1][3:])


def test_cells_that_would_be_no_quicker_are_not_used(ops):
    X = np.random.default_rng(0).normal(size=(600, 60)).astype(np.float32)  # no structure at all
    search = DeviceRows(X, ops, 0)
    assert choose_cells(search, X, 30, 0.999, sample(X), 0, 12) is None
    same(search.nearest(X[:9], 5), brute(X[:9], X, 5))


@pytest.mark.parametrize("listed", [False, True])
def test_rows_that_come_in_blocks(ops, listed):
    X, k = many(900), 12
    search = RowBlocks(X, ops, 0, 400, 300)
    assert [*search.starts] == [0, 400, 800]
    want = brute(X, X, k, np.arange(len(X)))
    recall = search.choose_cells(k, 0.95, sample(X)) if listed else 1.0
    assert recall >= 0.95
    own = np.arange(300, 600)
    squared, ids = search.others(X[own], k, own)
    if listed:
        assert np.isin(ids, want[1][own]).mean() > 0.9
        assert (np.diff(squared, axis=1) >= 0).all()
    else:
        np.testing.assert_array_equal(ids, want[1][own])
        np.testing.assert_array_equal(squared, want[0][own])
        squared, ids = search.search(X[own], k, own)
        np.testing.assert_array_equal(ids, brute(X[own], X, k)[1])
