"""RowBlocks: rows that a GPU can't hold at once, searched block after block."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.recall import Sample
from gputsne.neighbors.search.cells import Cells, choose_cells
from gputsne.neighbors.search.device_rows import Device, DeviceRows
from gputsne.neighbors.search.ranking import nearest_first

__all__ = ["RowBlocks"]


class RowBlocks:
    """All rows in main memory; a block of them at a time lies on the device.

    Parameters
    ----------
    Z : array, shape (n, d), float32
        The rows.
    ops : Device
        The CUDA backend.
    seed : int
        As in ``DeviceRows``.
    block : int
        Rows of a block.
    rows : int
        Queries that the device has room for beside it.
    """

    source = "tiles-device"

    def __init__(self, Z: FloatArray, ops: Device, seed: int, block: int, rows: int) -> None:
        self.Z, self.ops, self.seed, self.rows = Z, ops, seed, rows
        self.starts = range(0, len(Z), block)
        self._cells: dict[int, tuple[FloatArray, int]] = {}

    def order(self) -> Array:
        """Return the rows' own order."""
        return np.arange(len(self.Z))

    def _block(self, start: int) -> DeviceRows:
        rows = DeviceRows(self.Z[start : start + self.starts.step], self.ops, self.seed)
        if start in self._cells:
            centres, probes = self._cells[start]
            cells = Cells(rows, centres)
            cells.probes = probes
            rows.arrange(cells)
        return rows

    def choose_cells(self, k: int, least: float, sample: Sample) -> float:
        """Give each block cells of its own where that pays; return the recall of all."""
        recall = 0.0
        for start in self.starts:
            rows = self._block(start)
            part = self.Z[start : start + rows.n]
            here = Sample(sample.Q, sample.own - start)
            made = choose_cells(rows, part, min(k, rows.n - 1), least, here, self.seed)
            if made is not None:
                self._cells[start] = made[0].centres, made[0].probes
                self.source = "cells-device"
            recall += (1.0 if made is None else made[1]) * rows.n / len(self.Z)
        return recall

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest; see ``Search``."""
        return self._found(Q, k, None)

    def others(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest that are not the query's ``own`` row; arrays in main memory."""
        return self._found(Q, k, own)

    def _found(self, Q: Any, k: int, own: Array | None) -> tuple[Array, Array]:
        squared, ids = np.empty((len(Q), 0), np.float32), np.empty((len(Q), 0), np.int32)
        for start in self.starts:
            rows = self._block(start)
            mine = None if own is None else (own - start).astype(np.int32)
            near, numbers = map(rows.stage.host, rows.nearest(Q, k, mine))
            numbers = np.where(numbers < 0, np.iinfo(np.int32).max, numbers + start)
            squared = np.concatenate([squared, near], axis=1)
            squared, ids = nearest_first(squared, np.concatenate([ids, numbers], axis=1), k)
        return squared, np.where(np.isinf(squared), -1, ids)
