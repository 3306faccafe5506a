"""Pair by pair: all distances of a block of rows under any other metric, by scikit-learn."""

from __future__ import annotations

import reprlib
import warnings
from typing import Any

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
        count = len(Q) if own else 0
        itself = np.arange(count), np.arange(first, first + count)
        if self.metric.function:
            D = self._asked(Q, first, own)
        else:
            D = self._distances(Q, self.n_jobs if n_jobs is None else n_jobs)
        D[itself] = 0.0  # which nobody asks for
        self._check(D, Q, first)
        D[itself] = np.nan  # sorts behind infinity
        distances, ids = smallest(D, k)
        far = ~(distances <= LARGEST)
        if far.any():
            i, j = np.argwhere(far)[0]
            raise ValueError(
                f"metric={self.metric.said} gave the distance {distances[i, j]} from row "
                f"{first + i} to row {ids[i, j]}, one of its {k} nearest: float32 ends at "
                f"{LARGEST:.3g}. Scale X or the metric down"
            )
        return distances.astype(np.float32), ids

    def _distances(self, Q: Array, n_jobs: int) -> Array:
        """Return all distances from the rows of Q, shape (m, n); 0 / 0 between equal rows is 0."""
        from sklearn.metrics import pairwise_distances

        typed = self.metric.typed(Q)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of 0/0, which shows as NaN
                D = np.asarray(
                    pairwise_distances(
                        typed, self._typed, metric=self.metric.name, n_jobs=n_jobs,
                        **self.metric.params,
                    )
                )  # fmt: skip
        except (TypeError, ValueError) as error:
            if not self.metric.params:
                raise
            why = str(error).strip().partition(". The following")[0].splitlines()[0]
            raise type(error)(
                f"metric={self.metric.said} can't be computed with "
                f"metric_params={dict(self.metric.params)!r}: {why}"
            ) from error
        if not D.flags.writeable or D.dtype.kind != "f":
            D = D.astype(np.float64)
        i, j = np.nonzero(np.isnan(D))
        equal = (typed[i] == self._typed[j]).all(axis=1)
        D[i[equal], j[equal]] = 0.0
        return D

    def _asked(self, Q: Array, first: int, own: bool) -> Array:
        """Return what the user's function says of each pair, shape (m, n); none of a row itself."""
        function, params = self.metric.function, self.metric.params
        assert function is not None
        D = np.zeros((len(Q), len(self.rows)))
        for i, query in enumerate(Q):
            for j, row in enumerate(self.rows):
                if own and j == first + i:
                    continue
                try:
                    told = function(query, row, **params)
                except Exception as error:
                    error.add_note(f"metric={self.metric.said} was asked for rows {first + i}, {j}")
                    raise
                D[i, j] = told if isinstance(told, float) else self._number(told, first + i, j)
        return D

    def _number(self, told: Any, i: int, j: int) -> float:
        """Return a distance as a float, or raise TypeError for what is no real number."""
        real = hasattr(told, "__float__") and getattr(told, "ndim", 0) == 0
        kind = getattr(getattr(told, "dtype", None), "kind", "f")
        if not real or kind == "c":
            raise TypeError(
                f"metric={self.metric.said} gave {reprlib.repr(told)} ({type(told).__name__}) for "
                f"rows {i} and {j}: it must return one real number"
            )
        return float(told)

    def _check(self, D: Array, Q: Array, first: int) -> None:
        wrong = np.isnan(D) | (D < 0)
        if not wrong.any():
            return
        i, j = np.argwhere(wrong)[0]
        what = "NaN" if np.isnan(D[i, j]) else f"the negative distance {D[i, j]}"
        empty = [r for r, row in ((first + i, Q[i]), (j, self.rows[j])) if not row.any()]
        hint = f"; row {empty[0]} holds nothing but zeros: drop such rows" if empty else ""
        raise ValueError(
            f"metric={self.metric.said} gave {what} for rows {first + i} and {j}: t-SNE needs"
            f" distances of 0 or more{hint}"
        )
