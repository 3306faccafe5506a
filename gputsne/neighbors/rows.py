"""Rows as a metric can be given them: finite numbers, in float32 where that keeps neighbours apart.

Columns of wide numbers (float64, 64-bit integers) that lie far from 0 are centred before float32
rounds them, where the metric doesn't mind: Unix seconds, projected coordinates, ids.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gputsne.base import tables
from gputsne.base.types import Array
from gputsne.neighbors.metric import Cosine, Metric, VectorMetric

__all__ = ["Rows", "farthest_value", "read_queries", "read_rows", "recentred"]

# A column that lies further from 0 than this many times its spread loses 8 of float32's 24 bits;
# as in the preparation of a fit.
FAR = 256.0
BLOCK_NUMBERS = 1 << 20  # of rows worked on at once, 8 MB of float64
SMALLEST = float(np.finfo(np.float32).tiny)


class Rows(NamedTuple):
    """Rows to search.

    Attributes
    ----------
    values : array, shape (n, d)
        C order; float32, or float64 where the metric is computed in it.
    wide : array or None
        The same in float64 where float32 rounded them.
    centre : array, shape (d,), float64, or None
        What was taken off.
    """

    values: Array
    wide: Array | None = None
    centre: Array | None = None


def read_rows(X: Any, metric: Metric) -> Rows:
    """Return the rows of X, shape (n, d), without a copy where they are float32 already.

    Raises
    ------
    TypeError, ValueError
        For what is no 2-D array of finite numbers, and for values that float32 can't hold.
    """
    values = _numbers(X)
    if _fits_float32(values):
        return Rows(_finite(_rounded(values), values))
    if not isinstance(metric, VectorMetric) or isinstance(metric, Cosine):
        return Rows(_finite(np.ascontiguousarray(values, dtype=np.float64), values))
    wide = np.ascontiguousarray(values, dtype=np.float64)
    centre = None if metric.origin_matters else _far_centre(wide)
    wide = wide if centre is None else wide - centre
    largest = float(max(wide.max(initial=0.0), -wide.min(initial=0.0)))
    if 0.0 < largest < SMALLEST:
        raise ValueError(
            f"X's largest value is {largest:.3g}, and float32 can't tell numbers below "
            f"{SMALLEST:.3g} apart: multiply X"
        )
    return Rows(_finite(_rounded(wide), values), wide, centre)


def read_queries(X: Any, like: Rows) -> Array:
    """Return new rows, shape (m, d), as the rows they are to be compared with were read."""
    values = _numbers(X)
    if like.centre is not None:
        values = values.astype(np.float64) - like.centre
    if like.values.dtype == np.float32:
        return _finite(_rounded(values), values)
    return _finite(np.ascontiguousarray(values, dtype=like.values.dtype), values)


def recentred(rows: Rows) -> Rows:
    """Return rows with the medians of their columns taken off: a few far values shift no median."""
    assert rows.wide is not None
    centre = _medians(rows.wide)
    wide = rows.wide - centre
    values = _rounded(wide)
    if not np.isfinite(values).all():
        return rows
    return Rows(values, wide, centre if rows.centre is None else rows.centre + centre)


def farthest_value(rows: Rows) -> tuple[int, int, float]:
    """Return row, column and value of what lies farthest from the others of its column."""
    assert rows.wide is not None
    off = np.abs(rows.wide - _medians(rows.wide))
    row, column = np.unravel_index(int(np.argmax(off)), off.shape)
    shift = 0.0 if rows.centre is None else rows.centre[column]
    return int(row), int(column), float(rows.wide[row, column] + shift)


def _medians(X: Array) -> Array:
    """Return the columns' medians, of a thousand rows at even steps."""
    medians: Array = np.median(X[:: max(1, len(X) // 1000)], axis=0)
    return medians


def _numbers(X: Any) -> Array:
    """Return X as numbers, read by the reader of every other entry; sparse frames become dense."""
    if hasattr(X, "tocsr"):
        raise TypeError("X is sparse: reduce it first, sklearn.decomposition.TruncatedSVD(50)")
    if type(X) is np.ndarray and X.dtype.kind in "biuf" and X.ndim == 2 and X.shape[1]:
        return X  # perhaps of no rows: queries may be none
    table = tables.read(X, "X")
    values: Array = table.values.toarray() if table.sparse else table.values
    return values


def _fits_float32(values: Array) -> bool:
    """Tell whether float32 holds every value of this dtype."""
    return np.can_cast(values.dtype, np.float32)


def _rounded(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _finite(rows: Array, values: Array) -> Array:
    """Return the rows, or raise naming the first value that is NaN, infinite or too large."""
    if rows.size and not (np.isfinite(rows.min()) and np.isfinite(rows.max())):
        i, j = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(
            "X contains NaN, infinity or a value too large for dtype('float32'), "
            f"X[{i}, {j}]={values[i, j]}: drop or replace it"
        )
    return rows


def _far_centre(X: Array) -> Array | None:
    """Return the mean of columns that lie far from 0 for their spread, 0 for others; None: none."""
    n, d = X.shape
    low, high, total = np.full(d, np.inf), np.full(d, -np.inf), np.zeros(d)
    step = max(1, BLOCK_NUMBERS // d)
    for start in range(0, n, step):
        block = X[start : start + step]
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
        total += block.sum(axis=0) / max(1, n)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = high - low
        far = (np.abs(total) / FAR > spread) & (spread > 0) & np.isfinite(total)
    return np.where(far, np.clip(total, low, high), 0.0) if far.any() else None
