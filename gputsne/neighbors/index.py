"""ReferenceIndex: the fitted rows nearest to new ones, each new row on its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gputsne.base import forks, threads
from gputsne.base.random import draw_seed
from gputsne.base.types import Array, FloatArray, IntArray
from gputsne.neighbors.choose import Chosen, Wish, choose_search, name_search
from gputsne.neighbors.device_index import DeviceIndex
from gputsne.neighbors.metric import VectorMetric, metric_for
from gputsne.neighbors.recall import Sample, sample_of
from gputsne.neighbors.rows import Rows, read_queries, read_rows
from gputsne.neighbors.search.far import FarQueries
from gputsne.neighbors.search.ivf import InvertedLists
from gputsne.neighbors.search.pairwise import Pairwise

__all__ = ["ReferenceIndex"]

log = logging.getLogger("gputsne")

# New rows of one block and the number of the first, to distances and fitted rows.
_BlockSearch = Callable[[Array, int], tuple[Array, Array]]


class ReferenceIndex:
    """Fitted rows, ready to be searched by new ones; built at the first query.

    Parameters
    ----------
    X : array, shape (n, d)
        Fitted rows; kept, not copied where it is C-ordered float32, or kept by a device.
    metric : str or callable, default "euclidean"
        As in ``knn``; "precomputed" has no rows to compare with and raises.
    metric_params : dict or None
        As in ``knn``.
    exact : bool or "auto", default "auto"
        As in ``knn``.
    min_recall : float, default 0.98
        As in ``knn``, measured on fitted rows searched for as if they were new.
    n_jobs : int or None
        Threads; the result is the same for any number.
    random_state : int, RandomState, Generator or None
        Drawn from once, here.
    """

    def __init__(
        self,
        X: Any,
        *,
        metric: str | Callable[..., float] = "euclidean",
        metric_params: dict[str, Any] | None = None,
        exact: bool | str = "auto",
        min_recall: float = 0.98,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        if isinstance(metric, str) and metric == "precomputed":
            raise ValueError("metric='precomputed' has no rows that new ones can be compared with")
        known = metric_for(metric, metric_params)
        self._wish = Wish(exact, min_recall).checked(known)._replace(seed=draw_seed(random_state))
        held = hasattr(X, "there")  # prepared rows that a device keeps
        self._rows = Rows(X) if held else read_rows(X, known)._replace(wide=None)
        if len(self._rows.values) == 0:
            raise ValueError("Found array with 0 sample(s): there is nothing to search in")
        self.metric, self.metric_params, self.n_jobs = metric, metric_params, n_jobs
        self._clear()

    def _clear(self) -> None:
        """Forget what is built from the rows at the first query."""
        self._lock = forks.Lock()
        self._pairs: Pairwise | None = None
        self._vectors: tuple[VectorMetric, FarQueries] | None = None
        self._lists: InvertedLists | None = None
        self._device: DeviceIndex | None = None
        self._said: set[tuple[int, str]] = set()
        self._chosen: dict[int, Chosen] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be built again; FAISS's index doesn't pickle."""
        kept = ("metric", "metric_params", "n_jobs", "_wish", "_rows")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the rows; the index is built again at the first query."""
        self.__dict__.update(state)
        self._clear()

    def query(
        self, X_new: Any, k: int, *, progress: Callable[[int, int], None] | None = None,
        n_jobs: int | None = None,
    ) -> tuple[IntArray, FloatArray]:  # fmt: skip
        """Find the k nearest fitted rows of each new row.

        Parameters
        ----------
        X_new : array, shape (m, d)
            New rows; without any, everything that k needs is built.
        k : int
            From 1 to n; a fitted row that equals the new one counts.
        progress : callable or None
            Called as ``progress(done, m)``.
        n_jobs : int or None
            Threads of this call; None for those of the index.

        Returns
        -------
        indices : array, shape (m, k), int32
            Fitted rows, nearest first.
        distances : array, shape (m, k), float32
            In the metric's own unit, as ``knn`` gives them; float32's largest number where they
            are longer.

        Raises
        ------
        ValueError
            For another number of columns, k out of range, and values that are not finite in
            float32.
        """
        Q = self._queries(X_new, k)
        m = len(Q)
        ids, lengths = np.empty((m, k), np.int32), np.empty((m, k), np.float32)
        jobs = threads.resolve_n_jobs(self.n_jobs if n_jobs is None else n_jobs)
        known = metric_for(self.metric, self.metric_params)
        if isinstance(known, VectorMetric):
            import faiss  # noqa: F401  before the limit, which caps only what is loaded
        with threads.limit(jobs):
            if isinstance(known, VectorMetric):
                search, step = self._by_vectors(k, known)
            else:
                search, step = self._by_pairs(k, jobs)
            for start in range(0, m, step):
                block = slice(start, min(m, start + step))
                lengths[block], ids[block] = search(Q[block], start)
                if progress is not None:
                    progress(block.stop, m)
        return ids, lengths

    def found(
        self, X_new: Any, k: int, ops: Any, *, by: str = "auto", n_jobs: int | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """Find the same where ``ops`` works: on its device, block by block, or all on the CPU.

        Parameters
        ----------
        X_new, k, n_jobs
            As in ``query``.
        ops : Ops
            A backend.
        by : str
            "auto", or the name of a library that searches in place of the device's own kernels.
            None of these searches for new rows there: FAISS does on the CPU.

        Yields
        ------
        indices, distances : array, shape (rows of the block, k)
            As ``query`` returns them, on the device or in main memory.

        Raises
        ------
        ValueError
            As ``query``.
        """
        known = metric_for(self.metric, self.metric_params)
        how = self._how(k, known, ops, by)
        if how not in ("tiles", "cells"):
            yield self.query(X_new, k, n_jobs=n_jobs)
            return
        assert isinstance(known, VectorMetric)
        Q = self._queries_there(X_new, k, ops)
        with self._lock.held():
            index = self._device
            if index is None or index.number != ops.device:
                given = ops.given_rows(self._rows.values)
                metric = known.learn(np.asarray(self._rows.values) if given is None else given)
                self._device = index = DeviceIndex(self._rows.values, metric, self._wish, ops)
            step = index.rows_per_block(k, how == "cells")
        metric, stage = index.metric, index.ops.neighbors
        for start in range(0, len(Q), step):
            end = start + step
            block = Q[start:end] if isinstance(Q, np.ndarray) else Q.part(start, end)
            with self._lock.held(), np.errstate(over="ignore"):
                squared, ids = index.nearest(block, k, how == "cells")
                there = type(ids) is not np.ndarray
                near = there and stage.all_near(squared, ids, index.reach)
                if near:
                    lengths = stage.own_unit(squared, metric.unit, metric.factor)
                else:
                    squared, ids = map(stage.host, (squared, ids)) if there else (squared, ids)
                    block = block if isinstance(block, np.ndarray) else block[:]
                    lengths, ids = _finished(squared, ids, block, k, *self._learned(known))
            yield ids, lengths

    def _how(self, k: int, known: Any, ops: Any, by: str) -> str:
        """Return what searches, as ``name_search`` does, and tell the log once."""
        if not ops.searches:
            return "cpu"
        if by == "auto":
            how, why = name_search(len(self._rows.values), k, known, self._wish)
        else:
            how, why = "cpu", f"{by!r} was asked for"
        if (k, by) not in self._said:
            self._said.add((k, by))
            log.info("neighbours of new rows by %s: %s", how, why)
        return how

    def _queries_there(self, X_new: Any, k: int, ops: Any) -> Any:
        """Return new rows where they are, as far as they can be read there."""
        given = ops.given_rows(X_new)
        like = self._rows
        fits = given is not None and given.dtype == np.float32 and like.centre is None
        if not fits or given.shape[1] != like.values.shape[1] or not given.finite():
            return self._queries(X_new, k)
        self._check_k(k)
        return given

    def _queries(self, X_new: Any, k: int) -> Array:
        """Return new rows as the fitted ones were read, or say what is wrong with them or k."""
        Q = read_queries(X_new, self._rows)
        d = self._rows.values.shape[1]
        if Q.shape[1] != d:
            raise ValueError(f"X_new has {Q.shape[1]} columns, but the fitted rows have {d}")
        self._check_k(k)
        return Q

    def _check_k(self, k: int) -> None:
        n = len(self._rows.values)
        if not 1 <= k <= n:
            raise ValueError(f"k={k} neighbours can't be found among n_samples={n} fitted rows")

    def _by_pairs(self, k: int, jobs: int) -> tuple[_BlockSearch, int]:
        """Return a search for one block of new rows, and how many rows make a block."""
        with self._lock.held():
            if self._pairs is None:
                known = metric_for(self.metric, self.metric_params)
                self._pairs = Pairwise(np.asarray(self._rows.values), known, jobs)
            pairs = self._pairs
        return lambda Q, start: pairs.nearest(Q, k, start, n_jobs=jobs), pairs.rows_per_block()

    def _by_vectors(self, k: int, known: VectorMetric) -> tuple[_BlockSearch, int]:
        """Return a search for one block of new rows, and how many rows make a block."""
        with self._lock.held():
            metric, far_queries = self._learned(known)
            if k not in self._chosen:
                self._chosen[k] = self._choose(k, metric, far_queries.X)
            found = self._chosen[k].search
        nobody = np.empty(0, np.int64)

        def search(Q: Array, start: int) -> tuple[Array, Array]:
            with np.errstate(over="ignore"):
                squared, ids = found.search(metric.query_vectors(Q), k, nobody)
            return _finished(squared, ids, Q, k, metric, far_queries)

        return search, found.rows

    def _learned(self, known: VectorMetric) -> tuple[VectorMetric, FarQueries]:
        """Return the metric with what it learned from the fitted rows, and these as vectors."""
        if self._vectors is None:
            rows = np.asarray(self._rows.values)
            metric = known.learn(rows)
            self._vectors = metric, FarQueries(metric.to_vectors(rows))
        return self._vectors

    def _choose(self, k: int, metric: VectorMetric, database: FloatArray) -> Chosen:
        rows = self._rows.values

        def sample() -> Sample:
            own = sample_of(np.arange(len(rows)), self._wish.seed)
            return Sample(metric.query_vectors(rows[own]), own)

        return choose_search(database, k, self._wish, sample, self._listed)

    def _listed(self) -> InvertedLists:
        assert self._vectors is not None
        if self._lists is None:
            self._lists = InvertedLists(self._vectors[1].X, self._wish.seed)
        return self._lists


def _finished(
    squared: Array, ids: Array, Q: Array, k: int, metric: VectorMetric, far_queries: FarQueries
) -> tuple[Array, Array]:
    """Return distances in the metric's unit, and rows; those of far queries are searched anew."""
    lengths = metric.to_distances(squared)
    far = np.flatnonzero((ids < 0).any(axis=1) | far_queries.too_far(squared[:, 0]))
    if far.size:
        vectors = metric.query_vectors(Q[far].astype(np.float64))
        squared, ids[far] = far_queries.search(vectors, k)
        lengths[far] = metric.to_distances(squared)
    return lengths, ids
