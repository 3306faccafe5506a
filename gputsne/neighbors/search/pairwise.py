"""Pair by pair: all distances of a block of rows under any other metric, by scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np

from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.metric import Metric
from gputsne.neighbors.search.ranking import smallest

__all__ = ["Pairwise"]

# Numbers that one block compares, about 0.2 s for the named metrics; a callable is a Python call
# per pair, and Ctrl-C works between two of them.
CALL = 1e8
CALLABLE_PAIRS = 20_000
LARGEST = float(np.finfo(np.float32).max)


class Pairwise:
    """Distances from new rows to fitted ones under one metric.

    Parameters
    ----------
    X : array, shape (n, d)
        Fitted rows.
    metric : Metric
        Which has yet to learn from the fitted rows.
    n_jobs : int
        Threads for named metrics; callables hold the interpreter's lock.
    """

    def __init__(self, X: Array, metric: Metric, n_jobs: int) -> None:
        self.rows = X
        self.metric = metric.learn(X)
        self.n_jobs = 1 if metric.function else n_jobs
        self._typed = metric.typed(X)

    def rows_per_block(self) -> int:
        """Return how many queries make a block that Ctrl-C may wait for."""
        n, d = self.rows.shape
        pairs = CALLABLE_PAIRS if self.metric.function else CALL / max(d, 8)
        return int(np.clip(pairs / n, 1, 4096))

    def nearest(
        self, Q: Array, k: int, first: int = 0, *, own: bool = False, n_jobs: int | None = None
    ) -> tuple[FloatArray, Array]:
        """Find the k nearest fitted rows of one block of queries.

        Parameters
        ----------
        Q : array, shape (m, d)
            Queries.
        k : int
            Fitted rows for each; at most n, or ``n - 1`` with ``own``.
        first : int
            Number of the first query, for messages; with ``own`` also its own fitted row's.
        own : bool
            Whether the queries are fitted rows ``first`` and following: none finds itself.
        n_jobs : int or None
            Threads of this call; None for the number given at first.

        Returns
        -------
        distances : array, shape (m, k), float32
            Ascending.
        ids : array, shape (m, k), int64
            Fitted rows, the lowest first among equals, so that neither threads nor the rows of a
            batch decide.

        Raises
        ------
        ValueError
            Naming two rows, for a distance that is NaN, negative, or beyond float32.
        """
        D = self._distances(Q, self.n_jobs if n_jobs is None or self.metric.function else n_jobs)
        count = len(Q) if own else 0
        itself = np.arange(count), np.arange(first, first + count)
        D[itself] = 0.0  # which nobody asks for
        self._check(D, Q, first)
        D[itself] = np.nan  # sorts behind infinity
        distances, ids = smallest(D, k)
        far = ~(distances <= LARGEST)
        if far.any():
            i, j = np.argwhere(far)[0]
            raise ValueError(
                f"metric={self.metric.argument!r} gave the distance {distances[i, j]} from row "
                f"{first + i} to row {ids[i, j]}, one of its {k} nearest: float32 ends at "
                f"{LARGEST:.3g}. Scale X or the metric down"
            )
        return distances.astype(np.float32), ids

    def _distances(self, Q: Array, n_jobs: int) -> Array:
        """Return all distances from the rows of Q, shape (m, n); 0 / 0 between equal rows is 0."""
        from sklearn.metrics import pairwise_distances

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of 0/0, which shows as NaN
            D = np.asarray(
                pairwise_distances(
                    self.metric.typed(Q), self._typed, metric=self.metric.argument,
                    n_jobs=n_jobs, **self.metric.params,
                )
            )  # fmt: skip
        if not D.flags.writeable or D.dtype.kind != "f":
            D = D.astype(np.float64)
        if not self.metric.function:  # what a callable says is not corrected
            i, j = np.nonzero(np.isnan(D))
            equal = (self.metric.typed(Q)[i] == self._typed[j]).all(axis=1)
            D[i[equal], j[equal]] = 0.0
        return D

    def _check(self, D: Array, Q: Array, first: int) -> None:
        wrong = np.isnan(D) | (D < 0)
        if not wrong.any():
            return
        i, j = np.argwhere(wrong)[0]
        what = "NaN" if np.isnan(D[i, j]) else f"the negative distance {D[i, j]}"
        empty = [r for r, row in ((first + i, Q[i]), (j, self.rows[j])) if not row.any()]
        hint = f"; row {empty[0]} holds nothing but zeros: drop such rows" if empty else ""
        raise ValueError(
            f"metric={self.metric.argument!r} gave {what} for rows {first + i} and {j}: t-SNE needs"
            f" distances of 0 or more{hint}"
        )
