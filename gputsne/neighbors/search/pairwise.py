"""Which rows are nearest under any other metric? All distances of a block of rows, by scikit-learn.

The k smallest are taken with the lowest row number first among equals, so that neither threads nor
the rows of a batch decide.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = ["Pairwise", "smallest"]

# Numbers that one block compares, about 0.2 s for the named metrics; a callable is a Python call a
# pair, and Ctrl-C works between two of them.
CALL = 1e8
CALLABLE_PAIRS = 20_000
# Metrics that only ask whether a value is 0.
BOOLEAN = frozenset({"dice", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule"})


class Pairwise:
    """Distances from new rows to fitted ones under one metric.

    Parameters
    ----------
    X : array, shape (n, d), float32
        Fitted rows.
    metric : str or callable
        A name that ``sklearn.metrics.pairwise_distances`` knows, or ``f(x, y) -> float``.
    metric_params : dict or None
        Passed on.
    n_jobs : int
        Threads for named metrics; callables hold the interpreter's lock.
    """

    def __init__(
        self,
        X: FloatArray,
        metric: str | Callable[..., float],
        metric_params: dict[str, Any] | None,
        n_jobs: int,
    ) -> None:
        from sklearn.metrics.pairwise import PAIRWISE_DISTANCE_FUNCTIONS
        from sklearn.neighbors import VALID_METRICS

        self.metric = metric
        self.params = dict(metric_params or {})
        self.n_jobs = 1 if callable(metric) else n_jobs
        if not callable(metric):
            known = {*VALID_METRICS["brute"], *PAIRWISE_DISTANCE_FUNCTIONS} - {"precomputed"}
            if metric not in known:
                names = sorted(known | {"inner_product", "precomputed"})
                raise ValueError(f"metric={metric!r} is none of {', '.join(names)} and no callable")
        # What scikit-learn would take from each batch is taken from the fitted rows once.
        if metric == "seuclidean" and "V" not in self.params:
            variance = X.var(axis=0, ddof=1, dtype=np.float64)
            self.params["V"] = np.where(variance > 0, variance, 1.0)
        if metric == "mahalanobis" and not {"VI", "V"} & self.params.keys():
            self.params["VI"] = np.linalg.pinv(np.atleast_2d(np.cov(X.T.astype(np.float64))))
        self.X = self._typed(X)

    def _typed(self, X: FloatArray) -> Array:
        return X != 0 if self.metric in BOOLEAN else X

    def rows_per_block(self) -> int:
        """Return how many queries make a block that Ctrl-C may wait for."""
        n, d = self.X.shape
        pairs = CALLABLE_PAIRS if callable(self.metric) else CALL / max(d, 8)
        return int(np.clip(pairs / n, 1, 4096))

    def distances(self, Q: FloatArray) -> Array:
        """Return all distances from the rows of Q, shape (m, n), float64 or float32."""
        from sklearn.metrics import pairwise_distances

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 0/0 shows as NaN below
            D = np.asarray(
                pairwise_distances(
                    self._typed(Q), self.X, metric=self.metric, n_jobs=self.n_jobs, **self.params
                )
            )
        if np.isnan(D).any() or (D < 0).any():
            what = "NaN" if np.isnan(D).any() else "a negative distance"
            raise ValueError(
                f"metric={self.metric!r} gave {what}: t-SNE needs distances of 0 or more, for every"
                " pair of rows"
            )
        return D


def smallest(D: Array, k: int) -> tuple[Array, Array]:
    """Return the k smallest of each row, ascending, and their columns, lowest first among equals.

    ``D``, shape (m, n), float; infinity is never chosen while k other columns are left.
    """
    m, n = D.shape
    if k < n:
        columns = np.sort(np.argpartition(D, k - 1, axis=1)[:, :k], axis=1)
        edge = np.take_along_axis(D, columns, axis=1).max(axis=1)
        for row in np.flatnonzero((edge[:, None] >= D).sum(axis=1) > k):  # a tie at the edge
            columns[row] = np.sort(np.argsort(D[row], kind="stable")[:k])
    else:
        columns = np.broadcast_to(np.arange(n), (m, n))
    chosen = np.take_along_axis(D, columns, axis=1)
    order = np.argsort(chosen, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(columns, order, axis=1)
