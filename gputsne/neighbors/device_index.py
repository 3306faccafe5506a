"""DeviceIndex: fitted rows that stay on a GPU, to be searched by new ones as often as wanted.

They become a metric's vectors there at the first search. Where a later fit has no room beside them
they are freed, and made again when they are needed; a forked process makes its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from gputsne.base import forks
from gputsne.base.types import Array
from gputsne.neighbors.choose import RESIDENT, Chosen, Wish, choose_by_rows, device_bytes
from gputsne.neighbors.metric import VectorMetric
from gputsne.neighbors.recall import Sample, sample_of
from gputsne.neighbors.search.device_rows import DeviceRows
from gputsne.neighbors.search.far import FAR

__all__ = ["DeviceIndex"]

T = TypeVar("T")

_LIVE: weakref.WeakSet[DeviceIndex] = weakref.WeakSet()
_OUT_OF_REACH: list[object] = []  # what lies on a GPU of a parent: to free it would be a call, too


def _leave_to_parent() -> None:
    for index in list(_LIVE):
        _OUT_OF_REACH.append(index._chosen)
        index._chosen = {}


forks.in_child(_leave_to_parent)


class DeviceIndex:
    """Rows on a GPU.

    Parameters
    ----------
    rows : array, shape (n, d), float32
        In main memory, or kept by the device.
    metric : VectorMetric
        Which has learned from them.
    wish : Wish
        What is asked of a search.
    ops : Ops
        A backend that searches.

    Attributes
    ----------
    metric, ops
        As given.
    number : int or None
        Of the GPU.
    reach : float
        Squared distances of queries farther than this from all rows don't tell these apart.
    """

    def __init__(self, rows: Any, metric: VectorMetric, wish: Wish, ops: Any) -> None:
        self.metric, self.ops, self.number = metric, ops, ops.device
        self.reach = np.inf
        self._rows, self._wish = rows, wish
        self._chosen: dict[tuple[int, bool], Chosen] = {}
        _LIVE.add(self)
        ops.keep(self)

    def read(self) -> None:
        """Do nothing: all that lies on the GPU can be made again."""

    def spill(self) -> None:
        """Free the GPU's memory."""
        self._chosen = {}

    def rows_per_block(self, k: int, by_cells: bool) -> int:
        """Return how many queries make a block; all that k needs is made."""
        return self._twice(lambda: self._ready(k, by_cells)).search.rows

    def nearest(self, Q: Any, k: int, by_cells: bool) -> tuple[Array, Array]:
        """Find the k nearest rows to each query of one block.

        A row of the result depends on its query alone, to the bit. Where the GPU's memory runs out,
        what others keep there is moved and the search is made again.

        Parameters
        ----------
        Q : array, shape (m, d), float32, or GivenRows
            Queries, in main memory or on the device.
        k : int
            Rows for each.
        by_cells : bool
            Whether cells may be compared in place of all pairs, where that pays.

        Returns
        -------
        squared, ids : array, shape (m, k), float32 and int32
            As ``DeviceRows.nearest`` gives them, on the device; in main memory where the rows
            didn't fit there at once.
        """
        return self._twice(lambda: self._nearest(Q, k, by_cells))

    def _twice(self, work: Callable[[], T]) -> T:
        """Do it, and where the memory runs out, once more after others have made room."""
        try:
            return work()
        except MemoryError:  # which holds on to arrays until this block is left
            pass
        self.ops.make_room()
        return work()

    def _nearest(self, Q: Any, k: int, by_cells: bool) -> tuple[Array, Array]:
        search, _, probes = self._ready(k, by_cells)
        if not isinstance(search, DeviceRows):
            vectors = self.metric.query_vectors(Q if isinstance(Q, np.ndarray) else Q[:])
            return search.search(vectors, k, np.empty(0, np.int64))
        there = self.ops.sent_rows(Q) if isinstance(Q, np.ndarray) else Q
        if probes:
            search.cells.probes = probes  # type: ignore[union-attr]
        return search.nearest(self.metric.query_vectors(there), k, whole=not probes)

    def _ready(self, k: int, by_cells: bool) -> Chosen:
        chosen = self._chosen
        if (k, by_cells) not in chosen:
            there = [c.search for c in chosen.values() if isinstance(c.search, DeviceRows)]
            made = self._choose(k, by_cells, *there[:1])
            # in one assignment: another thread may want the memory while a search goes on
            self._chosen = chosen = {**chosen, (k, by_cells): made}
        return chosen[k, by_cells]

    def _choose(self, k: int, by_cells: bool, there: DeviceRows | None = None) -> Chosen:
        ops, metric, (n, d) = self.ops, self.metric, self._rows.shape
        own = sample_of(np.arange(n), self._wish.seed)
        if there is None and device_bytes(n, d + 1) > RESIDENT * ops.memory()[0]:
            rows = np.asarray(self._rows)
            Z = metric.to_vectors(rows)

            def on_host() -> Sample:
                return Sample(metric.query_vectors(rows[own]), own)

            return choose_by_rows(Z, k, self._wish, on_host, ops, by_cells)
        given = ops.given_rows(self._rows)
        if there is None:
            given = ops.sent_rows(np.asarray(self._rows)) if given is None else given
            there = DeviceRows(metric.to_vectors(given), ops, self._wish.seed)
            radius = ops.sent_rows(there.values).radius()
            self.reach = FAR * radius if radius > 0.0 else np.inf

        def sample() -> Sample:
            some = ops.sent_rows(self._rows[own]) if given is None else given.take(own)
            return Sample(metric.query_vectors(some), own)

        return choose_by_rows(there.values, k, self._wish, sample, ops, by_cells, there)
