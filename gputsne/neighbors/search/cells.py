"""Cells: which tiles of DeviceRows are compared, so that most are not; as inverted lists do.

k-means puts the rows into cells, and each into slots of its own. A tile of queries lies in one cell
and is compared with all rows of the cells nearest to that one, so that tiles are as dense as for
all pairs; an inverted file looks into the lists nearest to each query. For the same recall that
takes four times the pairs (a million rows of MNIST, 4,096 cells, recall 0.98: 49,000 candidates,
with lists of its own for each query 12,000), at the speed of a matrix product. Every sum is
of integers or in one order: the same cells every run.
"""

from __future__ import annotations

import numpy as np

from gputsne.backends.tiles import TILE, TileLists
from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.recall import Sample
from gputsne.neighbors.search.device_rows import DeviceRows, Layout

__all__ = ["Cells", "cell_count", "choose_cells"]

CELLS = 4.0  # cells: this times the root of n, as far as they have FEWEST to MOST_ROWS each
FEWEST, MOST_ROWS = 200, 1500
TRAINING_ROWS, TRAINING_ROUNDS = 32, 6  # rows of k-means for each cell, and its rounds
BITS = 40  # of a sum's terms; 2^20 of them stay below 2^63
NEAR = 1024  # cells that a cell may be compared with
HALF = 0.5  # share of all pairs from which on all are compared: rounds and slots cost, too


def cell_count(n: int) -> int:
    """Return how many cells n rows are put into."""
    return int(max(1, np.clip(CELLS * n**0.5, n / MOST_ROWS, n / FEWEST)))


class Cells:
    """Rows put into the cells of their nearest centres.

    Parameters
    ----------
    rows : DeviceRows
        They know nothing of their cells until ``DeviceRows.arrange``.
    centres : array, shape (K, d), float32
        Of the cells, in main memory.

    Attributes
    ----------
    centres : array
        As given.
    probes : int
        Cells that each is compared with, itself among them.
    near : array, shape (K, at most NEAR), int32
        Each cell's nearest cells, itself first.
    """

    def __init__(self, rows: DeviceRows, centres: FloatArray) -> None:
        self.stage = rows.stage
        self.count, self.centres = len(centres), centres
        self.probes = 1
        self._centres = DeviceRows(centres, rows.ops, 0, list_bytes=rows.list_bytes)
        self.cell = self.of(rows.values)
        self.own, self._tiles = self._put(self.cell, None, rows.n)
        self._first = np.cumsum(self._tiles) - self._tiles
        self.near = self.stage.host(self._centres.nearest(centres, min(self.count, NEAR))[1])

    def of(self, queries: Array) -> Array:
        """Return the cell of each query (m, d), on the device, shape (m,), int32."""
        ids = self._centres.nearest(queries, 1)[1]
        return ids.reshape(ids.shape[0])

    def _put(self, cell: Array, rows: Array | None, count: int) -> tuple[Layout, Array]:
        """Return slots, whole tiles for each cell, and the tiles of each."""
        stage = self.stage
        tiles = -(-stage.host(stage.count_cells(cell, rows, count, self.count)) // TILE)
        first = (np.cumsum(tiles) - tiles) * TILE
        slots = int(tiles.sum()) * TILE
        order = stage.fill_cells(cell, rows, count, stage.put(first, np.int64), slots)
        return Layout(order, np.repeat(np.arange(self.count), tiles)), tiles

    def layout(self, queries: Array, rows: Array | None, count: int) -> Layout:
        """Return slots for queries (m, d), or for ``count`` of them by numbers from 1."""
        return self._put(self.of(queries), rows, count)[0]

    def lists(self, cell: Array) -> TileLists:
        """Return the tiles that tiles of queries in these cells are compared with."""
        asked, place = np.unique(cell, return_inverse=True)
        cells = self.near[asked, : self.probes]
        length = self._tiles[cells]
        ends = np.cumsum(length.sum(axis=1))
        flat = length.ravel()
        before = np.cumsum(flat) - flat
        tiles = np.repeat(self._first[cells.ravel()] - before, flat) + np.arange(flat.sum())
        first = np.r_[0, ends[:-1]]

        def sent(a: Array) -> Array:
            there: Array = self.stage.put(a.astype(np.int32), np.int32)
            return there

        longest = int(length.sum(axis=1).max())
        return TileLists(sent(tiles), sent(first[place]), sent(ends[place]), longest)

    def share(self) -> float:
        """Return the share of all pairs of tiles that are compared."""
        compared = self._tiles[self.near[:, : self.probes]].sum(axis=1) * self._tiles
        return float(compared.sum() / max(1, self._tiles.sum()) ** 2)


def choose_cells(
    rows: DeviceRows, Z: FloatArray, k: int, least: float, sample: Sample, seed: int,
    count: int | None = None,
) -> tuple[Cells, float] | None:  # fmt: skip
    """Make cells, and compare each with as many as the recall takes.

    Parameters
    ----------
    rows : DeviceRows
        Those; where they are put into cells already, for another k, these are taken.
    Z : array, shape (n, d), float32
        The same, in main memory or on the device.
    k : int
        Neighbours of each row.
    least : float
        Recall to reach.
    sample : Sample
        Rows that it is measured on: the share of their true neighbours that lie in the cells that
        theirs is compared with.
    seed : int
        Of the sample of k-means.
    count : int or None
        Cells; None for ``cell_count``.

    Returns
    -------
    tuple of Cells and float, or None
        Cells and the recall; None where so many pairs are needed that all can be compared.
    """
    if isinstance(rows.cells, Cells):
        cells = rows.cells
    else:
        count = cell_count(len(Z)) if count is None else count
        cells = Cells(rows, _centres(rows, Z, count, seed))
    stage = rows.stage
    own = sample.own.astype(np.int32)
    truth = stage.host(rows.nearest(sample.Q, k, own, whole=True)[1])
    cell = stage.host(cells.cell)
    mine = stage.host(cells.of(stage.put(sample.Q, np.float32)))
    farther = cells.near.shape[1]  # what no list has
    found = np.zeros(farther + 1)
    for i, near in enumerate(cells.near[mine]):
        rank = np.full(cells.count, farther)
        rank[near] = np.arange(farther)
        found += np.bincount(rank[cell[truth[i][truth[i] >= 0]]], minlength=farther + 1)
    recall = np.cumsum(found)[:-1] / max(1, int((truth >= 0).sum()))
    enough = np.flatnonzero(recall >= least)
    if not enough.size:
        return None
    cells.probes = int(enough[0]) + 1
    return (cells, float(recall[enough[0]])) if cells.share() <= HALF else None


def _centres(rows: DeviceRows, Z: FloatArray, count: int, seed: int) -> FloatArray:
    """k-means on a sample; a cell that loses its rows keeps its centre."""
    stage = rows.stage
    some = np.random.default_rng([seed, 4]).permutation(len(Z))[: TRAINING_ROWS * count]
    S = Z[some] if type(Z) is np.ndarray else stage.host(stage.take(Z, some))
    centres = S[:count].copy()
    scale = float(2.0 ** (BITS - np.frexp(float(np.abs(S).max(initial=0.0)))[1]))
    there = stage.put(S, np.float32)
    for _ in range(TRAINING_ROUNDS):
        found = DeviceRows(centres, rows.ops, 0, list_bytes=rows.list_bytes).nearest(there, 1)[1]
        sums, sizes = stage.sum_cells(there, found, len(centres), scale)
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
    return centres
