"""Checks of X: NaN, infinity, a value far beyond all others, a column that outweighs the rest.

A value is named by its row and column, a column by its name where the user's table has names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.messages import warn_user
from gputsne.base.rows import count_nonfinite, row_blocks
from gputsne.base.spread import Spreads
from gputsne.base.tables import Table
from gputsne.base.types import Array

__all__ = [
    "complain_if_not_finite",
    "first_bad",
    "largest_value",
    "warn_if_outweighed",
]

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
    first = (
        f"; the first in {first_bad(table.values, nan_allowed=nan_allowed)}"
        if table.on_disk
        else ""
    )
    raise ValueError(
        f"Input X contains {' and '.join(what)} values, in {bad.size} of {len(nan)} columns "
        f"({where}){first}. t-SNE needs finite numbers: {remedy}"
    )


def first_bad(source: Any, *, nan_allowed: bool = False) -> str:
    """Return a message's words for the first row of a source that holds NaN or infinity.

    Parameters
    ----------
    source : Source
        Which has one.
    nan_allowed : bool
        Whether NaN is none of these.

    Returns
    -------
    str
        As in ``row 12, which is row 2 of part-1.npy``.
    """
    for start, block in source.blocks():
        bad = (np.isinf(block) if nan_allowed else ~np.isfinite(block)).any(axis=1)
        if bad.any():
            said: str = source.where(start + int(np.argmax(bad)))
            return said
    raise AssertionError("a value that was counted is gone")


def _named(table: Table, columns: Array) -> str:
    shown = ", ".join(table.column(int(j)) for j in columns[:SHOWN])
    return shown + (", ..." if len(columns) > SHOWN else "")


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
