"""All pairs on a GPU, in tiles that keep what is nearer than the k-th best so far.

cuBLAS multiplies a block of rows with a block of columns; the winners' distances are then summed
directly, so that only their choice, not their values, comes from |x|^2 + |y|^2 - 2 x.y.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.ranking import nearest_first

__all__ = ["Device", "Tiles"]

SPARE = 8  # candidates beyond k, because their order was found with rounding errors
ROWS, COLUMNS = 8192, 16384  # of one tile: 0.5 GB of distances
RESIDENT = 0.25  # share of the device's free memory that the database may fill; else it is streamed
NUMBERS = 1 << 26  # float32 of one block of candidates


class Device(Protocol):
    """What the search asks of a backend."""

    xp: Any
    device: int | None

    def memory(self) -> tuple[int, int]:
        """Return the bytes that are free on the device, and the device's all."""

    def select_append(
        self, squared: Array, ids: Array, limit: Array, count: Array, keys: Array
    ) -> None:
        """Append what is nearer than ``limit`` to the lists."""

    def select_sort(self, count: Array, keys: Array, scratch: Array, k: int, limit: Array) -> None:
        """Keep the k nearest of each list."""


class Tiles:
    """Exact search on the device.

    Parameters
    ----------
    Z : array, shape (n, d), float32
        Database, in main memory; where it does not fit the device, blocks of it go there.
    ops : Device
        A backend that searches.
    seed : int
        Of the order in which columns are seen; any order gives the same lists.
    rows, columns : int
        Of one tile, at most.
    """

    source = "tiles-device"

    def __init__(
        self, Z: FloatArray, ops: Device, seed: int, *, rows: int = ROWS, columns: int = COLUMNS
    ) -> None:
        self.Z, self.ops, self.rows, self.columns = Z, ops, rows, columns
        # Centred, or far from 0 the products would cancel. Seen in a random order, so that lists
        # grow by k log(n / seen), and not by whatever order the rows were sorted in.
        self.centre = Z.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.shuffled = np.random.default_rng(seed).permutation(len(Z)).astype(np.int32)
        self._there: Array | None = None
        if 2 * Z.nbytes <= RESIDENT * ops.memory()[0]:
            self._there = ops.xp.asarray(Z - self.centre)

    def _rows(self, ids: Any) -> Array:
        """Return centred rows of the database on the device; ``ids`` in main memory or there."""
        xp = self.ops.xp
        if self._there is not None:
            kept: Array = self._there[xp.asarray(ids)]
            return kept
        sent: Array = xp.asarray(self.Z[_host(ids)] - self.centre)
        return sent

    def order(self) -> Array:
        """Return the vectors' own order."""
        return np.arange(len(self.Z))

    def search(self, Q: FloatArray, k: int, own: Array | None = None) -> tuple[Array, Array]:
        """Find the k nearest rows of the database to each row of one block.

        Parameters
        ----------
        Q : array, shape (m, d), float32
            Queries.
        k : int
            Neighbours of each.
        own : array or None
            Not needed here; see ``Search``.

        Returns
        -------
        squared : array, shape (m, k), float32
            Squared distances, ascending.
        ids : array, shape (m, k), int32
            Rows of the database, the lower first among equals.
        """
        xp, m, n = self.ops.xp, len(Q), len(self.Z)
        keep = min(n, k + SPARE)
        capacity = 4 * keep + 256  # of each row's list of candidates
        q = xp.asarray(Q - self.centre)
        norm = (q * q).sum(axis=1)[:, None]
        keys, scratch = (xp.empty((m, capacity), np.uint64) for _ in range(2))
        count = xp.zeros((m,), np.int64)
        limit = xp.full((m,), np.iinfo(np.uint64).max, np.uint64)
        seen, step, unsorted = 0, capacity - keep, False
        while seen < n:
            # What is yet to come is a random sample: as many columns as were seen bring as many as
            # are kept, and the list has space for three times that.
            ids = self.shuffled[seen : seen + step]
            block = self._rows(ids)
            squared = norm + (block * block).sum(axis=1)[None, :]
            products = q @ block.T
            products *= 2.0
            squared -= products
            del products
            before = count.copy()
            self.ops.select_append(squared, xp.asarray(ids), limit, count, keys)
            filled = int(count.max())
            if filled > capacity:  # again, with a nearer limit or, with many ties, fewer columns
                count = before
                if unsorted:
                    self.ops.select_sort(count, keys, scratch, keep, limit)
                else:
                    step = max(capacity - keep, len(ids) // 2)
                unsorted = False
                continue
            seen += len(ids)
            step = min(max(capacity - keep, seen), self.columns)
            unsorted = True  # late tiles bring few candidates, and a sort takes as long as a tile
            if filled > (keep + capacity) // 2 or seen >= n:
                self.ops.select_sort(count, keys, scratch, keep, limit)
                unsorted = False
        ids = (keys[:, :keep] & np.uint64(0xFFFFFFFF)).astype(np.int32)
        return self.nearest(Q, ids, k)

    def nearest(self, Q: FloatArray, candidates: Any, k: int) -> tuple[Array, Array]:
        """Return the k nearest of given candidates, their distances added up directly.

        Parameters
        ----------
        Q : array, shape (m, d), float32
            Queries.
        candidates : array, shape (m, at least k), int32
            Rows of the database, each once.
        k : int
            How many to keep.

        Returns
        -------
        squared, ids : array, shape (m, k), float32 and int32
            As ``search`` does.
        """
        xp = self.ops.xp
        ids = xp.asarray(candidates)
        q = xp.asarray(Q - self.centre)
        squared = xp.empty(ids.shape, np.float32)
        step = max(1, NUMBERS // max(1, ids.shape[1] * q.shape[1]))
        for start in range(0, len(q), step):
            part = slice(start, start + step)
            near = self._rows(ids[part])
            near -= q[part][:, None, :]
            squared[part] = (near * near).sum(axis=2)
        squared, ids = nearest_first(squared, ids, k, xp)
        return _host(squared), _host(ids)


def _host(a: Any) -> Array:
    return np.asarray(a.get() if hasattr(a, "get") else a)
