"""Nearest rows on the GPU: calls of the kernels, with arrays in place of addresses.

Kernels: csrc/cuda/neighbors.cu; csrc/kernels/neighbors.hpp says in which order they run. Who owns
the arrays and decides what is compared with what: gputsne/neighbors/search/device_rows.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.held import HeldGraph
from gputsne.backends.tiles import SLICE, TILE, Columns, TileLists
from gputsne.base.types import Array

__all__ = ["Lists", "NeighborStage"]

# Blocks of a launch: eight for each that an H100 has room for, so that the last ones to end are
# few; a block compares with at least LEAST tiles, or it would mostly read its queries.
BLOCKS, LEAST = 2048, 4


@dataclass(frozen=True)
class Lists:
    """Candidates of each slot of the queries: Lists of csrc/kernels/neighbors.hpp."""

    keys: Array  # (slots, room) uint64
    count: Array  # (slots,) int64
    kept: Array  # (slots,) int64
    done: Array  # (slots,) int32
    gate: Array  # (slots,) uint64


class NeighborStage:
    """What only this backend has."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def _at(self, a: Array | None) -> int:
        return 0 if a is None else self.gpu.at(a)

    def put(self, a: Any, dtype: Any) -> Array:
        """Return the array on the device; itself where it is that already."""
        return self.gpu.put(a, dtype)

    def host(self, a: Array) -> Array:
        """Return a copy in main memory."""
        return self.gpu.host(a)

    def zeros(self, shape: Any, dtype: Any) -> Array:
        """Return zeros on the device."""
        out: Array = self.gpu.xp.zeros(shape, dtype)
        return out

    def empty(self, shape: Any, dtype: Any) -> Array:
        """Return an array on the device that holds anything."""
        return self.gpu.empty(shape, dtype)

    def columns(
        self, rows: Array, order: Array, centre: Array | None, into: Array | None = None
    ) -> tuple[Columns, Array]:
        """Return rows (n, d) as columns about a centre, and the largest norm for ``rank``."""
        gpu = self.gpu
        d, slots = rows.shape[1], order.shape[0]
        padded = -(-d // SLICE) * SLICE
        values = gpu.empty((padded, slots), np.float32) if into is None else into
        out = Columns(values, gpu.empty((slots,), np.float32), order)
        most = gpu.put(np.full(1, -1, np.int64), np.int64)
        gpu.module.to_columns(
            gpu.at(rows), gpu.at(order), self._at(centre), d, padded, slots, gpu.at(values),
            gpu.at(out.norm), gpu.at(most), gpu.stream,
        )  # fmt: skip
        return out, most

    def lists(self, queries: Columns, room: int) -> Lists:
        """Return empty lists of ``room`` candidates."""
        gpu, m = self.gpu, queries.slots
        out = Lists(
            gpu.empty((m, room), np.uint64), gpu.empty((m,), np.int64), gpu.empty((m,), np.int64),
            gpu.empty((m,), np.int32), gpu.empty((m,), np.uint64),
        )  # fmt: skip
        gpu.module.open_lists(gpu.at(queries.norm), m, self._told(out), gpu.stream)
        return out

    def _told(self, lists: Lists) -> tuple[int, ...]:
        at = self.gpu.at
        kept = (lists.count, lists.kept, lists.done, lists.gate)
        return at(lists.keys), lists.keys.shape[1], *map(at, kept)

    def _columns_told(self, c: Columns) -> tuple[int, ...]:
        at = self.gpu.at
        return at(c.values), at(c.norm), at(c.order), c.slots

    def compare(
        self, queries: Columns, database: Columns, lists: Lists, pass_: int, begin: int, end: int,
        *, which: TileLists | None, by_difference: bool,
    ) -> None:  # fmt: skip
        """Add to the lists what is below their gates in the tiles ``begin`` to ``end``."""
        gpu = self.gpu
        tiles = queries.slots // TILE
        per = max(LEAST, -(-tiles * (end - begin) // BLOCKS))
        told = (
            (0, 0, 0)
            if which is None
            else (gpu.at(which.tiles), gpu.at(which.first), gpu.at(which.last))
        )
        gpu.module.compare_tiles(
            self._columns_told(queries), self._columns_told(database), database.values.shape[0],
            *told, begin, end, per, pass_, by_difference, self._told(lists), gpu.stream,
        )  # fmt: skip

    def keep(self, lists: Lists, keep: int, pass_: int) -> Array:
        """Keep the nearest of each list; return how many ran over, on the device."""
        gpu = self.gpu
        over = self.zeros((1,), np.int64)
        gpu.module.keep_nearest(
            self._told(lists), lists.count.shape[0], keep, pass_, gpu.at(over), gpu.stream
        )
        return over

    def direct(self, lists: Lists, queries: Columns, query_rows: Array, rows: Array) -> None:
        """Add up the distances of all candidates by differences."""
        gpu = self.gpu
        gpu.module.direct_keys(
            self._told(lists), self._columns_told(queries), gpu.at(query_rows), gpu.at(rows),
            rows.shape[1], gpu.stream,
        )  # fmt: skip

    def rank(
        self, lists: Lists, queries: Columns, own: Array | None, out: tuple[Array, Array],
        most: Array, slack: float, whole: bool, doubt: tuple[Array, Array],
    ) -> None:  # fmt: skip
        """Write the nearest candidates to ``out`` in order, and who must search again."""
        gpu = self.gpu
        squared, ids = out
        gpu.module.rank_keys(
            self._told(lists), self._columns_told(queries), self._at(own), squared.shape[1],
            gpu.at(squared), gpu.at(ids), gpu.at(most), slack, whole, gpu.at(doubt[0]),
            gpu.at(doubt[1]), gpu.stream,
        )  # fmt: skip

    # The metric's own unit

    def own_unit(self, squared: Array, unit: int, factor: float) -> Array:
        """Turn squared distances, in place, into a metric's own: see ``VectorMetric.unit``."""
        gpu = self.gpu
        at = gpu.at(squared)
        gpu.module.own_unit(at, squared.size, unit, factor, at, gpu.stream)
        return squared

    def all_near(self, squared: Array, ids: Array, reach: float) -> bool:
        """Tell whether float32 knows the nearest of every query, (m, k); waits for the device."""
        gpu, (m, k) = self.gpu, ids.shape
        at = gpu.at(squared), gpu.at(ids)
        judge = gpu.module.check_near
        return gpu.first_bad(lambda bad: judge(*at, m, k, reach, bad, gpu.stream)) < 0

    def apart(self, squared: Array) -> bool:
        """Tell whether every row's last of k neighbours is farther than 0; waits for the device."""
        gpu, (n, k) = self.gpu, squared.shape
        last = gpu.empty((n,), np.float32)
        begin = gpu.at(squared) + (k - 1) * squared.dtype.itemsize
        gpu.module.take_rows(begin, n, 1, 0, k, gpu.at(last), gpu.stream)
        return bool((gpu.host(last) > 0).all())

    def take(self, rows: Array, numbers: Array) -> Array:
        """Return some rows (n, d) of float32, on the device."""
        gpu, d = self.gpu, rows.shape[1]
        which, out = gpu.put(numbers, np.int32), gpu.empty((len(numbers), d), np.float32)
        at = (gpu.at(rows), len(numbers), d, gpu.at(which), 1, gpu.at(out))
        gpu.module.take_rows(*at, gpu.stream)
        return out

    def mean(self, rows: Array) -> Array:
        """Return the mean of rows (n, d) of float32 in main memory, (d,) float64."""
        gpu, (n, d) = self.gpu, rows.shape
        scratch = gpu.empty((gpu.module.column_scratch(n, d),), np.float64)
        total = self.zeros((d,), np.float64)
        made = gpu.module.Rows(gpu.at(rows), False, n, d, 0, 0, 0, 1.0)
        gpu.module.add_columns(made, gpu.at(scratch), gpu.at(total), gpu.stream)
        found: Array = self.host(total) / n
        return found

    def graph(
        self, ids: Array, lengths: Array, recall: float, source: str, metric: str
    ) -> HeldGraph:
        """Return neighbours and distances, (n, k), as a graph that stays on the device."""
        gpu = self.gpu
        gpu.wait()
        return HeldGraph(ids, lengths, gpu.number, gpu.host, recall, source, metric)

    # Cells

    def sum_cells(self, rows: Array, cell: Array, cells: int, scale: float) -> tuple[Array, Array]:
        """Return in main memory the sums of each cell's rows, (cells, d) float64, and counts."""
        gpu = self.gpu
        n, d = rows.shape
        sums = self.zeros((cells, d), np.uint64)
        gpu.module.add_to_cells(gpu.at(rows), gpu.at(cell), n, d, scale, gpu.at(sums), gpu.stream)
        counts = self.host(self.count_cells(cell, None, n, cells))
        return self.host(sums).view(np.int64).astype(np.float64) / scale, counts

    def count_cells(self, cell: Array, rows: Array | None, n: int, cells: int) -> Array:
        """Return how many rows each cell has, (cells,) int64."""
        counts = self.zeros((cells,), np.int64)
        self.gpu.module.count_cells(
            self.gpu.at(cell), self._at(rows), n, self.gpu.at(counts), self.gpu.stream
        )
        return counts

    def fill_cells(
        self, cell: Array, rows: Array | None, n: int, next_: Array, slots: int
    ) -> Array:
        """Return the rows, numbers from 1, in the slots of their cells, (slots,) int32."""
        order = self.zeros((slots,), np.int32)
        self.gpu.module.fill_cells(
            self.gpu.at(cell), self._at(rows), n, self.gpu.at(next_), self.gpu.at(order),
            self.gpu.stream,
        )  # fmt: skip
        return order
