"""Checks of X: NaN, infinity, a value far beyond all others, a column that outweighs the rest.

A value is named by its row and column, a column by its name where the user's table has names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gputsne.base.messages import warn_user
from gputsne.base.rows import count_nonfinite, row_blocks
from gputsne.base.tables import Table
from gputsne.base.types import Array

__all__ = [
    "Spreads",
    "complain_if_not_finite",
    "largest_value",
    "power_of_two",
    "spreads_of",
    "warn_if_outweighed",
]

# Spreads outside 2**-40 ... 2**40 are rescaled: a squared distance then stays below 2**84 d, and
# neighbours a millionth of the spread apart still square to 2**-120, inside float32's 2**+-126.
SAFE_EXPONENT = 40
# Below 2**-43 that no longer holds: (2**-43 * 2**-20)**2 is 2**-126, float32's smallest normal.
LOST_EXPONENT = -43
# Fewest and most rows that tell how widely ordinary values spread, and numbers that are sorted.
SAMPLE_ROWS, SAMPLE_NUMBERS = (64, 1024), 1 << 23
# Columns that spread this many times as widely as all others together decide every distance: the
# others then move a squared distance by 1e-10, below float32's 6e-8 of it.
OUTWEIGHS = 1e5
FEW_ROWS = 16  # that tell too little of how widely a column spreads
SHOWN = 10  # columns that a message names


def complain_if_not_finite(table: Table, *, nan_allowed: bool = False) -> None:
    """Raise ValueError that counts NaN and infinity and names their columns.

    Parameters
    ----------
    table : Table
        What ``base.tables.read`` returned.
    nan_allowed : bool
        Whether NaN will be imputed; infinity never is.
    """
    nan, inf = count_nonfinite(table.values)
    if nan_allowed:
        nan[:] = 0
    if not (nan.any() or inf.any()):
        return
    bad = np.flatnonzero(nan + inf)
    where = _named(table, bad)
    remedy = "drop or replace them" if inf.any() else "drop those rows, or pass impute='mean'"
    what = [f"{nan.sum()} NaN"] * bool(nan.any()) + [f"{inf.sum()} infinity"] * bool(inf.any())
    raise ValueError(
        f"Input X contains {' and '.join(what)} values, in {bad.size} of {len(nan)} columns "
        f"({where}). t-SNE needs finite numbers: {remedy}"
    )


def _named(table: Table, columns: Array) -> str:
    shown = ", ".join(table.column(int(j)) for j in columns[:SHOWN])
    return shown + (", ..." if len(columns) > SHOWN else "")


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


def power_of_two(reach: float, rest: float, largest: Callable[[], str]) -> float:
    """Return the power of two that keeps all squared distances inside float32.

    1.0 for ordinary data; what brings ``reach`` near 1 where it is outside 2**-40 ... 2**40; and
    what brings it to 2**40 where the rest would be lost otherwise.

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
    if reach == 0.0:
        return 1.0
    exponent = int(np.frexp(reach)[1]) if np.isfinite(reach) else 1023
    shift = 0 if abs(exponent) <= SAFE_EXPONENT else -exponent
    if 0.0 < rest < np.inf:
        least = LOST_EXPONENT - int(np.frexp(rest)[1]) + 1  # the rest, shifted, is above 2**-43
        if shift < least:
            shift = min(least, SAFE_EXPONENT - exponent)
        if shift < least:
            raise ValueError(
                f"{largest()} lies {reach / rest:.1g} times as far out as the other values spread "
                f"({rest:.2g}), so float32 can't tell the other rows apart beside it. If it stands "
                "for 'no data', replace it by NaN and pass impute='mean'; otherwise drop that row, "
                "or take the logarithm"
            )
    return float(2.0 ** min(max(shift, -1022), 1000))


def largest_value(table: Table, scale: Array | None = None) -> str:
    """Return a message's words for the value of the largest magnitude: row, column, value.

    Parameters
    ----------
    table : Table
        May hold NaN, which is passed over.
    scale : array, shape (d,), float64, or None
        What divides the columns first.

    Returns
    -------
    str
        As in ``X[7, 0]=1e+30 (column 'depth')``.
    """
    if table.sparse:
        stored = table.values.data
        at = int(np.nanargmax(np.abs(stored)))
        i = int(np.searchsorted(table.values.indptr, at, side="right")) - 1
        return _cell(table, i, int(table.values.indices[at]), stored[at])
    best, where = -1.0, (0, 0)
    for rows in row_blocks(*table.shape):
        size = np.abs(table.values[rows].astype(np.float64))
        if scale is not None:
            size /= scale
        i, j = divmod(int(np.nanargmax(np.append(size, -1.0))), table.shape[1])
        if i < len(size) and size[i, j] > best:
            best, where = float(size[i, j]), (rows.start + i, j)
    return _cell(table, *where, table.values[where])


def _cell(table: Table, i: int, j: int, value: Any) -> str:
    column = f" (column {table.column(j)})" if table.names else ""
    return f"X[{i}, {j}]={value:.6g}{column}"


def warn_if_outweighed(table: Table, spreads: Spreads) -> None:
    """Warn where a few columns spread so widely that the others have no part in any distance.

    Parameters
    ----------
    table : Table
        What is prepared.
    spreads : Spreads
        Of its columns. Those that outweigh are judged by ``width``, which single values don't
        change, those that are outweighed by ``range``, which none of their values exceeds.
    """
    n, d = table.shape
    order = np.argsort(-spreads.width, kind="stable")
    width, reach = spreads.width[order], spreads.range[order]
    if n < FEW_ROWS or not 0.0 < width[0] < np.inf:
        return
    with np.errstate(over="ignore"):
        others = np.sqrt(np.cumsum(np.square(reach[::-1] / width[0]))[::-1])  # each and all behind
    few = np.arange(max(1, d // 2))[: d - 1]
    heavy = few[(width[few] / width[0] > OUTWEIGHS * others[few + 1]) & (others[few + 1] > 0)]
    if not heavy.size:
        return
    columns = np.sort(order[: heavy[0] + 1])
    ratio = width[heavy[0]] / width[0] / others[heavy[0] + 1]
    s, each, be = ("", "s", "is") if len(columns) == 1 else ("s", "", "are")
    warn_user(
        f"column{s} {_named(table, columns)} of X spread{each} {ratio:.1g} times as widely as all "
        "the others together, so the map shows nothing else: pass scale=True to give every column "
        f"the same weight, or drop the column{s} that {be} no feature"
    )
