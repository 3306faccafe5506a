"""How widely the values of a table spread, and the power of two that keeps squares in float32.

Preparation and neighbour search scale by it alike, so both tell the same rows apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gputsne.base.rows import row_blocks
from gputsne.base.tables import Table
from gputsne.base.types import Array

__all__ = ["Spreads", "power_of_two", "safe_factor", "spreads_of"]

# Spreads outside 2**-40 ... 2**40 are rescaled: a squared distance then stays below 2**84 d, and
# neighbours a millionth of the spread apart still square to 2**-120, inside float32's 2**+-126.
SAFE_EXPONENT = 40
# Below 2**-43 that no longer holds: (2**-43 * 2**-20)**2 is 2**-126, float32's smallest normal.
LOST_EXPONENT = -43
# Fewest and most rows that tell how widely ordinary values spread, and numbers that are sorted.
SAMPLE_ROWS, SAMPLE_NUMBERS = (64, 1024), 1 << 23


class Spreads(NamedTuple):
    """How widely ordinary values of each column spread.

    Attributes
    ----------
    width : array, shape (d,), float64
        The middle one of the gaps between neighbouring values, times their number.
    range : array, shape (d,), float64
        From the lowest value to the highest.
    gaps : array, shape (d,), int
        Gaps there are: distinct values, less one.
    """

    width: Array
    range: Array
    gaps: Array

    @property
    def rest(self) -> float:
        """The widest of the columns; those of two values count only if there are no others.

        One of the two may stand for "no data", and the other for all that is known.
        """
        telling = self.gaps > 1
        return float((self.width[telling] if telling.any() else self.width).max())


def spreads_of(table: Table, fill: Array | None, scale: Array | None) -> Spreads:
    """Return how widely ordinary values spread, whatever lies far outside.

    A value that stands for "no data" makes one gap between neighbouring values, however often it
    occurs, and the middle one of the gaps does not see it.

    Parameters
    ----------
    table : Table
        Finite but for the NaN that ``fill`` replaces.
    fill, scale : array, shape (d,), float64, or None
        What replaces NaN, and what divides the columns.

    Returns
    -------
    Spreads
        In the unit of the values over ``scale``; 0 where all are equal.
    """
    n, d = table.shape
    rows = max(SAMPLE_ROWS[0], min(SAMPLE_ROWS[1], SAMPLE_NUMBERS // d))
    sample = table.values[:: max(1, n // rows)]
    spreads = Spreads(np.zeros(d), np.zeros(d), np.zeros(d, dtype=np.int64))
    for part in row_blocks(d, sample.shape[0]):  # blocks of columns
        block = sample[:, part]
        values = (block.toarray() if table.sparse else block).astype(np.float64)
        if fill is not None:
            values = np.where(np.isnan(values), fill[part], values)
        if scale is not None:
            values /= scale[part]
        for whole, here in zip(spreads, _spreads(values), strict=True):
            whole[part] = here
    return spreads


def _spreads(values: Array) -> Spreads:
    n, d = values.shape
    if n < 2:
        return Spreads(np.zeros(d), np.zeros(d), np.zeros(d, dtype=np.int64))
    values = np.sort(values, axis=0)
    with np.errstate(over="ignore"):  # from -1e308 to 1e308
        gaps = np.sort(np.diff(values, axis=0), axis=0)
        count = (gaps > 0).sum(axis=0)
        middle = np.minimum(n - 1 - count + np.maximum(count - 1, 0) // 2, n - 2)
        width = np.take_along_axis(gaps, middle[None], axis=0)[0] * count
        return Spreads(width, values[-1] - values[0], count)


def safe_factor(reach: float, rest: float) -> float | None:
    """Return the power of two that keeps all squared distances inside float32.

    1.0 for ordinary data; what brings ``reach`` near 1 where it is outside 2**-40 ... 2**40; and
    what brings it to 2**40 where the rest would be lost otherwise.

    Parameters
    ----------
    reach : float
        The largest magnitude of the rows.
    rest : float
        How widely ordinary values spread, by ``Spreads.rest``.

    Returns
    -------
    float or None
        Positive; None when no factor keeps both the largest value and the differences of the
        others.
    """
    if reach == 0.0:
        return 1.0
    exponent = int(np.frexp(reach)[1]) if np.isfinite(reach) else 1023
    shift = 0 if abs(exponent) <= SAFE_EXPONENT else -exponent
    if 0.0 < rest < np.inf:
        least = LOST_EXPONENT - int(np.frexp(rest)[1]) + 1  # the rest, shifted, is above 2**-43
        if shift < least:
            shift = min(least, SAFE_EXPONENT - exponent)
        if shift < least:
            return None
    return float(2.0 ** min(max(shift, -1022), 1000))


def power_of_two(reach: float, rest: float, largest: Callable[[], str]) -> float:
    """Return ``safe_factor``, or say which value makes it impossible.

    Parameters
    ----------
    reach : float
        The largest magnitude of the prepared rows.
    rest : float
        How widely ordinary values spread, by ``Spreads.rest``.
    largest : callable
        Returns what the message calls the value that is too far out.

    Returns
    -------
    float
        Positive.

    Raises
    ------
    ValueError
        When no factor keeps both the largest value and the differences of the others.
    """
    factor = safe_factor(reach, rest)
    if factor is None:
        raise ValueError(
            f"{largest()} lies {reach / rest:.1g} times as far out as the other values spread "
            f"({rest:.2g}), so float32 can't tell the other rows apart beside it. If it stands "
            "for 'no data', replace it by NaN and pass impute='mean'; otherwise drop that row, "
            "or take the logarithm"
        )
    return factor
