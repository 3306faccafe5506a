"""Statistics of the columns of a dense table: mean, deviation, range, in one pass over blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gputsne.base import threads
from gputsne.base.rows import row_blocks
from gputsne.base.tables import Table
from gputsne.base.types import Array

__all__ = ["Columns", "columns_of", "for_squares"]

# Exponent at which squares of float64 values are near float64's own limits.
SQUARES_SAFE = 400


class Columns(NamedTuple):
    """Statistics by column, each of shape (d,), float64; ``deviation`` is 0 where constant."""

    mean: Array
    deviation: Array
    low: Array
    high: Array


def columns_of(table: Table, fill: Array | None) -> Columns:
    """Mean, standard deviation and range of each column, NaN filled, in one pass over blocks."""
    n, d = table.shape
    if hasattr(table.values, "moments"):
        return _on_device(table.values)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    mean, squares, count = np.zeros(d), np.zeros(d), 0
    unit = for_squares(_largest(table))

    def moments(rows: slice) -> tuple[Array, Array, Array, Array, int]:
        block = table.values[rows].astype(np.float64)
        if fill is not None:
            block = np.where(np.isnan(block), fill, block)
        least, most = block.min(axis=0), block.max(axis=0)
        block *= unit
        block_mean = block.mean(axis=0)
        block -= block_mean
        return least, most, block_mean, np.square(block, out=block).sum(axis=0), len(block)

    for least, most, block_mean, block_squares, m in threads.in_order(
        moments, row_blocks(n, d), threads.in_force()
    ):
        low, high = np.minimum(low, least), np.maximum(high, most)
        squares += block_squares
        # Chan, Golub & LeVeque (1983): merge the moments of two sets of rows.
        shift = block_mean - mean
        squares += shift * shift * (count * m / (count + m))
        mean += shift * (m / (count + m))
        count += m
    return _of_moments(mean, squares, n, unit, low, high)


def _on_device(values: Any) -> Columns:
    """Return the same of values on a device."""
    low, high = values.ranges()
    wide = values.dtype.itemsize == 8
    unit = for_squares(float(np.maximum(-low, high).max())) if wide else 1.0
    mean, squares = values.moments(unit)
    return _of_moments(mean, squares, len(values), unit, low, high)


def _of_moments(
    mean: Array, squares: Array, n: int, unit: float, low: Array, high: Array
) -> Columns:
    """Return statistics of columns, of whose values times ``unit`` the moments are."""
    deviation = np.sqrt(squares / n) / unit
    deviation[low == high] = 0.0
    return Columns(np.clip(mean / unit, low, high), deviation, low, high)


def _largest(table: Table) -> float:
    """Return the largest magnitude in a dense table, NaN aside."""
    if table.values.dtype.kind != "f" or table.values.dtype.itemsize < 8:
        return 1.0  # float32's and 64-bit integers' squares fit into float64
    blocks = (table.values[rows] for rows in row_blocks(*table.shape))
    return max(float(np.nanmax(np.abs(block), initial=0.0)) for block in blocks)


def for_squares(largest: float) -> float:
    """Return the power of two that keeps squares of such values inside float64; mostly 1.0."""
    exponent = int(np.frexp(largest)[1])
    return 1.0 if abs(exponent) <= SQUARES_SAFE else float(2.0 ** min(-exponent, 1000))
