"""Finite rows of numbers, and blocks of rows: how rooms read points and walk over many of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.arrays import host
from gputsne.base.tables import read
from gputsne.base.types import Array

__all__ = [
    "BLOCK_NUMBERS",
    "as_column",
    "count_nonfinite",
    "exact_unit",
    "finite_points",
    "row_blocks",
]

BLOCK_NUMBERS = 1 << 20
"""Numbers of one block of rows, about: 8 MB of float64, inside the L2 or L3 cache."""


def row_blocks(n: int, width: int, numbers: int = BLOCK_NUMBERS) -> Iterator[slice]:
    """Cut ``n`` rows into consecutive blocks.

    Parameters
    ----------
    n : int
        Rows.
    width : int
        Numbers per row that the work on a block needs.
    numbers : int
        Most numbers of one block; a single row may have more.

    Yields
    ------
    slice
        With both ends, in ascending order.

    Examples
    --------
    >>> list(row_blocks(5, 3, numbers=6))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, numbers // max(1, width))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def exact_unit(*tables: npt.NDArray[np.float64]) -> float:
    """Return a power of two that brings numbers to at most 1, so that their squares are finite.

    Parameters
    ----------
    *tables : array
        Finite numbers, of any shape.

    Returns
    -------
    float
        To multiply with, which rounds nothing; 1 where all are 0.

    Examples
    --------
    >>> exact_unit(np.array([3.0, -5.0]))
    0.125
    """
    top = max(float(np.abs(table).max(initial=0.0)) for table in tables)
    # float64 has no power of two beyond 2**1023
    return float(2.0 ** -max(int(np.frexp(top)[1]), -1023))


def count_nonfinite(values: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count NaN and infinity in each column.

    Parameters
    ----------
    values : array or CSR matrix, shape (n, d)
        Of any real dtype.

    Returns
    -------
    nan, inf : array, shape (d,), int64
        How many of each column.
    """
    n, d = values.shape
    nan, inf = np.zeros(d, np.int64), np.zeros(d, np.int64)
    if values.dtype.kind != "f":
        return nan, inf
    if hasattr(values, "tocsr"):
        nan += np.bincount(values.indices[np.isnan(values.data)], minlength=d)
        inf += np.bincount(values.indices[np.isinf(values.data)], minlength=d)
        return nan, inf
    for rows in row_blocks(n, d):
        block = values[rows]
        if not np.isfinite(block).all():
            nan += np.isnan(block).sum(axis=0)
            inf += np.isinf(block).sum(axis=0)
    return nan, inf


def finite_points(name: str, points: Any, n: int | None = None) -> npt.NDArray[np.float64]:
    """Return points as finite float64 rows, or say what is wrong with the argument.

    Parameters
    ----------
    name : str
        What the argument is called.
    points : array_like or DataFrame, shape (n, d)
        A flat array is one column.
    n : int or None
        Rows there must be, one for each row of X.

    Returns
    -------
    array, shape (n, d), float64
        The caller's own where it is that already: read it, don't write to it.

    Raises
    ------
    TypeError
        For sparse matrices and for what holds no numbers.
    ValueError
        For another number of rows, wrong shapes, text, NaN and infinity.
    """
    if hasattr(points, "toarray"):
        raise TypeError(f"{name} is sparse; reduce it first, for instance with pca=50")
    table = read(as_column(points), name)
    if table.sparse:
        raise TypeError(f"{name} is sparse; reduce it first, for instance with pca=50")
    if n is not None and table.shape[0] != n:
        raise ValueError(f"{name} has {table.shape[0]} rows, expected {n}: one for each row of X")
    array: Array = table.values.astype(np.float64, copy=False)
    bad = sum(
        int((~np.isfinite(array[rows])).any(axis=1).sum()) for rows in row_blocks(*array.shape)
    )
    if bad:
        raise ValueError(f"{name} has {bad} rows with NaN or infinite values; drop or fill them")
    return array


def as_column(points: Any) -> Any:
    """Return a flat array of numbers as one column; everything else as it is.

    Parameters
    ----------
    points : object
        Anything that ``tables.read`` reads, or a flat array or list.

    Returns
    -------
    object
        What ``tables.read`` reads.
    """
    if any(hasattr(points, name) for name in ("collect_schema", "columns", "tocsr")):
        return points
    points = host(points)
    if isinstance(points, np.ma.MaskedArray):  # which np.asarray would rid of its mask
        return points[:, None] if points.ndim == 1 else points
    if not hasattr(points, "ndim") and not isinstance(points, list | tuple | range):
        return points
    try:
        array = np.asarray(points)
    except ValueError:  # rows of different length, which the reader of tables names
        return points
    if array.ndim == 1 and not (array.dtype.kind == "O" and array.size and np.ndim(array[0])):
        return array[:, None]
    return points if getattr(points, "feature_names", None) else array  # names, which are read
