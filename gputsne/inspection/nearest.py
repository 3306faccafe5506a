"""Nearest neighbours with their records: does the model think alike of what is alike."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import finite_points
from gputsne.inspection.records import shown_beside
from gputsne.metrics.spaces import EuclideanSpace, Space, read_space
from gputsne.neighbors import metric_for
from gputsne.neighbors.metric import Cosine, Euclidean

__all__ = ["Points", "neighbors"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


class Points:
    """Vectors whose neighbours are asked for, by any metric of ``knn``.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors, or a map; with ``metric="precomputed"`` distances, shape (n, n).
    metric : str or callable
        How they are compared.
    metric_params : dict or None
        Its parameters.
    """

    def __init__(self, X: Any, metric: Any, metric_params: dict[str, Any] | None = None) -> None:
        self.space: Space = read_space("X", X, None, metric, metric_params)
        self.n = self.space.n
        given = isinstance(metric, str) and metric == "precomputed"
        self._known = None if given else metric_for(metric, metric_params)
        # Of unit vectors the square is twice 1 - cos.
        self.alike = isinstance(self._known, Cosine)

    def nearest(self, rows: Any, k: int) -> I64:
        """Return the k nearest others of some rows, shape (q, k), a row left out by its number."""
        Whole(1).check("k", k)
        if k > self.n - 1:
            raise ValueError(f"k={k} needs at least k + 1 = {k + 1} points, got n={self.n}")
        return self.space.nearest(np.asarray(rows, dtype=np.int64), k)

    def closeness(self, row: int, near: I64) -> F64:
        """Return the similarity (cosine) or distance of a row to some others."""
        some = np.array([row, *near])
        if isinstance(self._known, Cosine):
            unit = self._known.unit_rows(self.space.points[some], np.float64)
            return np.asarray(unit[1:] @ unit[0])
        if isinstance(self.space, EuclideanSpace):
            points = self.space.points[some]
            far: F64 = np.linalg.norm(points[1:] - points[0], axis=1)
            return far if isinstance(self._known, Euclidean) else far**2
        return np.asarray(self.space.block(some[:1])[0][near])

    @property
    def measure(self) -> str:
        """What ``closeness`` is called in a table."""
        return "similarity" if self.alike else "distance"


def neighbors(
    X: Any, query: Any, records: Any = None, *, k: int = 10, metric: Any = "cosine",
    metric_params: dict[str, Any] | None = None, fields: Sequence[str] | None = None,
) -> Findings:  # fmt: skip
    """List the nearest neighbours of one point with their records.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    query : int or array_like, shape (d,)
        A row of X, which is left out of its own list by number, whatever duplicates it has; or a
        vector that is none of X.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows of X were made of: pandas, polars and arrow alike.
    k : int, default 10
        Neighbours.
    metric : str or callable, default "cosine"
        Whatever ``knn`` takes; "euclidean" for a map.
    metric_params : dict or None, default None
        Its parameters.
    fields : sequence of str or None, default None
        Fields of the records to show; None shows all.

    Returns
    -------
    Findings
        Rows of ``rank, row, similarity, record``, nearest first; ``distance`` instead of similarity
        for metrics other than cosine and correlation.

    Raises
    ------
    ValueError
        For a row that X has not, a vector of another length, too large a k, and NaN.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]
    >>> found = neighbors(X, 0, [{"status": s} for s in ("ok", "ok", "error")], k=1)
    >>> found[0]["row"], found[0]["record"]
    (1, {'status': 'ok'})
    """
    if isinstance(query, numbers.Integral):
        points, row = Points(X, metric, metric_params), int(query)
        if not 0 <= row < points.n:
            raise ValueError(f"query={row} is no row of X, which has rows 0 to {points.n - 1}")
        n, near = points.n, points.nearest([row], k)[0]
    else:
        points, n = _with_vector(X, query, metric, metric_params)
        row = n
        near = points.nearest([row], k)[0]
    shown = shown_beside(records, n, fields)
    rows = []
    for rank, (j, how) in enumerate(zip(near, points.closeness(row, near), strict=True), 1):
        found = {"rank": rank, "row": int(j), points.measure: float(how)}
        rows.append(found | shown(j))
    said = "the vector given" if row == n else f"row {row}"
    if records is not None and row < n:
        said += f": {shown(row)['record']}"
    return Findings(tuple(rows), title=f"Neighbours of {said}")


def _with_vector(X: Any, query: Any, metric: Any, params: Any) -> tuple[Points, int]:
    """Return the points with the vector below them, and their number without it."""
    vectors = finite_points("X", X)
    try:
        vector = np.asarray(query, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"query={query!r} must be a row of X or a vector of numbers") from None
    if vector.shape != (vectors.shape[1],):
        raise ValueError(
            f"query has shape {vector.shape}: a vector of X has shape ({vectors.shape[1]},)"
        )
    both = np.vstack([vectors, finite_points("query", vector[None])])
    return Points(both, metric, params), len(vectors)
