"""DeviceRows: rows that lie on a GPU, and the nearest of them to others; all pairs, or by cells.

Tiles of 128 x 128 pairs are compared by products, and of a row's distances only those leave the
registers that are nearer than its k-th best so far. The winners' distances are then added up by
differences, as on the CPU. A row for which products could have chosen wrongly (rounding, ties) is
searched for again, by differences throughout: so a search of all pairs is exact, with the lower
number first among equals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from gputsne.backends.tiles import SLICE, TILE, Columns, TileLists
from gputsne.base import deadline
from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.exact import SEARCHING

__all__ = [
    "CANDIDATE_BYTES",
    "MOST",
    "TILE",
    "Device",
    "DeviceRows",
    "Layout",
    "Lister",
    "device_bytes",
]

SPARE = 8  # candidates beyond k, because their order was found with rounding errors
MOST = 8192 - 1 - SPARE  # neighbours that can be asked for: a list has 4 times as many, of 65,535
# Bytes of candidates at a time: 200,000 rows of k = 90, many times what a GPU works on at once.
CANDIDATE_BYTES = 1 << 30
SHARE = 0.25  # and of the free memory at most so much
CENTRED, RUN = 65536, 1024  # rows that the centre is the mean of, and how many in a run
UNIT = 2.0**-24  # rounding of float32
CELL_SLOTS = 1.5  # slots per row at most, where each of 250 rows' cells is whole tiles
OFTEN = 0.25  # share of unsure rows from which on products are not worth their while


def device_bytes(n: int, d: int) -> int:
    """Return what n rows of d columns take on the device: themselves, and columns by cells."""
    padded = -(-d // SLICE) * SLICE
    return int(n * (4 * d + CELL_SLOTS * (4 * padded + 8)))


class Device(Protocol):
    """What the search asks of a backend."""

    xp: Any
    device: int | None
    neighbors: Any  # its calls: NeighborStage, the one there is

    def memory(self) -> tuple[int, int]:
        """Return the bytes that are free on the device, and the device's all."""


class Layout(NamedTuple):
    """Slots of rows, whole tiles of them.

    Attributes
    ----------
    order : array, shape (slots,), int32
        On the device: numbers from 1, 0 for nobody.
    cell : array, shape (slots // TILE,), or None
        In main memory: the cell that each tile's rows are in; None where there are no cells.
    """

    order: Array
    cell: Array | None = None


class _Task(NamedTuple):
    """What is searched for, and where it is written."""

    queries: Array  # (m, d)
    all_rows: bool  # whether they are the rows themselves
    own: Array | None
    k: int
    out: tuple[Array, Array]  # (m, k) each


class Lister(Protocol):
    """Says which tiles of the database a tile of queries is compared with: ``Cells``."""

    own: Layout

    def layout(self, queries: Array, rows: Array | None, count: int) -> Layout:
        """Return slots for queries (m, d), or for ``count`` of them by numbers from 1."""

    def lists(self, cell: Array) -> TileLists:
        """Return the tiles that queries of these cells are compared with."""


class DeviceRows:
    """Rows on the device, ready to be searched again and again.

    Parameters
    ----------
    Z : array, shape (n, d), float32
        In main memory or on the device; twice its size is taken there.
    ops : Device
        The CUDA backend.
    seed : int
        Of the order in which rows are seen; any order gives the same neighbours.
    list_bytes : int
        Bytes of candidates at a time.

    Attributes
    ----------
    source : str
        What a graph says of how it was found.
    rows : int
        Queries of one block, after which Ctrl-C is heard.
    cells : Lister or None
        Which tiles are compared; None for all.
    again : int
        Rows of the last search that products were not sure of.
    """

    source = "tiles-device"
    rows = 1 << 20

    def __init__(
        self, Z: Any, ops: Device, seed: int, *, list_bytes: int = CANDIDATE_BYTES
    ) -> None:
        self.ops, self.stage = ops, ops.neighbors
        self.n, self.d = Z.shape
        self.cells: Lister | None = None
        self.again = 0
        self.list_bytes = list_bytes
        self.by_difference = False
        self.values: Array = self.stage.put(Z, np.float32)
        # Far from 0 the products would cancel. Any centre serves, and a sample's is near enough.
        if type(Z) is np.ndarray:
            runs = np.unique(np.linspace(0, max(0, self.n - RUN), CENTRED // RUN).astype(int))
            some = np.concatenate([Z[at : at + RUN] for at in runs])
            centre = some.mean(axis=0, dtype=np.float64)
        else:
            centre = self.stage.mean(self.values)
        self._centre = self.stage.put(centre.astype(np.float32), np.float32)
        # In a random order lists grow by k log(n / seen), whatever order the rows were sorted in.
        order = np.random.default_rng(seed).permutation(self.n).astype(np.int32)
        self._layout = Layout(self._slots(order))
        self._made: tuple[Columns, Array, bool] | None = None

    def _slots(self, rows: Array) -> Array:
        """Return numbers of rows as slots on the device."""
        order = np.zeros(-(-len(rows) // TILE) * TILE, np.int32)
        order[: len(rows)] = rows + 1
        sent: Array = self.stage.put(order, np.int32)
        return sent

    def order(self) -> Array:
        """Return the rows' own order."""
        return np.arange(self.n)

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest; see ``Search``."""
        squared, ids = self.nearest(Q, k)
        return self.stage.host(squared), self.stage.host(ids)

    def others(self, Q: FloatArray | None, k: int, own: Array | None) -> tuple[Array, Array]:
        """Find the k nearest that are not the query's ``own`` row; arrays in main memory.

        Without Q, of the rows themselves.
        """
        squared, ids = self.nearest(Q, k, own)
        return self.stage.host(squared), self.stage.host(ids)

    def nearest_of(self, Q: Any, candidates: Array, k: int) -> tuple[Array, Array]:
        """Return the k nearest of given candidates, as ``nearest`` does.

        Parameters
        ----------
        Q : array, shape (m, d), float32
            Queries.
        candidates : array, shape (m, at least k), int32
            Rows, each once, in main memory.
        k : int
            How many to keep.
        """
        stage = self.stage
        m, width = candidates.shape
        queries = stage.put(Q, np.float32)
        columns, most = stage.columns(queries, self._slots(np.arange(m)), self._centre)
        keys = np.zeros((columns.slots, width), np.uint64)
        keys[:m] = candidates
        count = stage.put(np.full(columns.slots, width), np.int64)
        empty = stage.lists(columns, 1)
        lists = replace(empty, keys=stage.put(keys, np.uint64), count=count)
        stage.direct(lists, columns, queries, self.values)
        out = stage.empty((m, k), np.float32), stage.empty((m, k), np.int32)
        doubt = stage.zeros((1,), np.int64), stage.zeros((columns.slots,), np.int32)
        stage.rank(lists, columns, None, out, most, -1.0, True, doubt)
        return out

    def arrange(self, cells: Lister) -> None:
        """Compare by cells from now on."""
        self.cells, self._layout, self._made = cells, cells.own, None
        self.source = "cells-device"

    def _columns(self, by_difference: bool) -> tuple[Columns, Array]:
        """Return the columns, about the centre but for differences, and their largest norm."""
        if self._made is None or self._made[2] != by_difference:
            into = None if self._made is None else self._made[0].values
            centre = None if by_difference else self._centre
            made = self.stage.columns(self.values, self._layout.order, centre, into)
            self._made = (*made, by_difference)
        return self._made[:2]

    def nearest(
        self, Q: Any, k: int, own: Any = None, *, whole: bool = False
    ) -> tuple[Array, Array]:
        """Find the k nearest rows to each query.

        Parameters
        ----------
        Q : array, shape (m, d), float32, or None
            Queries, in main memory or on the device; None for the rows themselves.
        k : int
            Rows for each, at most ``MOST``.
        own : array, shape (m,), int32, or None
            Number of the row that each query is, and that is not among its neighbours; None where
            queries are nobody. The rows themselves know theirs.
        whole : bool, default False
            Whether to compare all pairs though there are cells.

        Returns
        -------
        squared, ids : array, shape (m, k), float32 and int32
            On the device: squared distances ascending, the lower row first among equals; infinity
            and -1 where there are no more whose distance float32 can hold.
        """
        stage = self.stage
        queries = self.values if Q is None else stage.put(Q, np.float32)
        m = queries.shape[0]
        if Q is None:
            own = np.arange(self.n, dtype=np.int32)
        numbers = None if own is None else stage.put(own, np.int32)
        out = stage.empty((m, k), np.float32), stage.empty((m, k), np.int32)
        task = _Task(queries, Q is None, numbers, k, out)
        cells = None if whole else self.cells
        # By products, by differences, and for who found too few in cells everywhere.
        steps = [(cells, False)] if not self.by_difference else []
        steps += [(cells, True)]
        steps += [] if cells is None else [(None, True)]
        rows, count = None, m
        for at, (where, by_difference) in enumerate(steps):
            rows, count = self._search(task, rows, count, where, by_difference)
            if not by_difference:
                self.again = count
                self.by_difference = count > OFTEN * m
            if count == 0 or at + 1 == len(steps):
                break
        return out

    def _search(
        self, task: _Task, rows: Array | None, count: int, cells: Lister | None, by_difference: bool
    ) -> tuple[Array, int]:
        """Search for all queries, or for some by number from 1; return who must search again."""
        stage = self.stage
        keep = task.k + (task.own is not None) + SPARE
        room = 4 * keep + 256
        free = int(SHARE * self.ops.memory()[0])
        most = max(1, min(self.list_bytes, free) // (8 * room * TILE)) * TILE
        doubt = stage.zeros((1,), np.int64), stage.zeros((-(-count // TILE) * TILE,), np.int32)
        if cells is not None:
            known = task.all_rows and rows is None
            layout = cells.own if known else cells.layout(task.queries, rows, count)
        else:
            layout = Layout(self._slots(np.arange(count, dtype=np.int32)) if rows is None else rows)
        for start in range(0, layout.order.shape[0], most):
            order = layout.order[start : start + most]
            which = None
            if cells is not None:
                assert layout.cell is not None
                which = cells.lists(layout.cell[start // TILE : (start + most) // TILE])
            self._chunk(task, order, which, keep, room, by_difference, doubt)
        return doubt[1], int(stage.host(doubt[0])[0])

    def _chunk(
        self, task: _Task, order: Array, which: TileLists | None, keep: int, room: int,
        by_difference: bool, doubt: tuple[Array, Array],
    ) -> None:  # fmt: skip
        stage = self.stage
        database, most = self._columns(by_difference)
        queries, _ = stage.columns(task.queries, order, None if by_difference else self._centre)
        lists = stage.lists(queries, room)
        total = database.slots // TILE if which is None else which.longest
        seen, pass_ = 0, 0
        while seen < total:
            deadline.check(SEARCHING)
            # What is yet to come is a random sample: as many as were seen bring as many as are
            # kept. The first can't run over.
            end = min(total, max(room // TILE, 2 * seen))
            pass_ += 1
            while True:
                stage.compare(
                    queries, database, lists, pass_, seen, end, which=which,
                    by_difference=by_difference,
                )  # fmt: skip
                over = stage.keep(lists, keep, pass_)
                if seen == 0 or int(stage.host(over)[0]) == 0:
                    break
            seen = end
        stage.direct(lists, queries, task.queries, self.values)
        slack = -1.0 if by_difference else (self.d + 16) * 2.0 * UNIT
        stage.rank(lists, queries, task.own, task.out, most, slack, which is None, doubt)
