"""Which rows of two tables are the same thing: ids compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column

__all__ = ["matched", "read_ids", "shared_rows"]

I64 = npt.NDArray[np.int64]


def read_ids(ids: Any, n: int, name: str) -> npt.NDArray[Any]:
    """Read one id per row, every id once.

    Parameters
    ----------
    ids : array_like, shape (n,)
        Numbers or text; pandas, polars and arrow alike.
    n : int
        Rows.
    name : str
        What the argument is called.

    Returns
    -------
    array, shape (n,)
        Of whole numbers, or of text where not all are numbers.

    Raises
    ------
    ValueError
        For another number of ids, a missing one, and one that comes twice.
    """
    column = read_column(ids, n, name=name, whose="the table")
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0])
        raise ValueError(f"{name} has no id in row {row}: give every row one, or leave {name} out")
    values = np.asarray(column.values)
    if values.dtype.kind not in "biu":
        values = np.array([_text(value) for value in values.tolist()], dtype=np.str_)
    found, first, count = np.unique(values, return_index=True, return_counts=True)
    if (count > 1).any():
        twice = int(np.argmax(count > 1))
        raise ValueError(
            f"{name} has {str(found[twice])!r} {count[twice]} times, first in row {first[twice]}: "
            "an id must belong to one row"
        )
    return values


def _text(value: Any) -> str:
    """Return an id as text; whole floats as the whole numbers that a csv made them from."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def shared_rows(old_ids: Any, new_ids: Any) -> tuple[I64, I64]:
    """Return where the ids lie that both tables have.

    Parameters
    ----------
    old_ids, new_ids : array_like, shapes (n,) and (m,)
        Every id once in each.

    Returns
    -------
    old, new : arrays, shape (shared,), int64
        Rows, in the order of the old table: ``old_ids[old]`` equals ``new_ids[new]``.

    Raises
    ------
    ValueError
        For missing and repeated ids.

    Examples
    --------
    >>> old, new = shared_rows(["a", "b", "c"], ["c", "x", "a"])
    >>> old.tolist(), new.tolist()
    ([0, 2], [2, 0])
    """
    one = read_ids(old_ids, len(old_ids), "old_ids")
    two = read_ids(new_ids, len(new_ids), "new_ids")
    if (one.dtype.kind == "U") != (two.dtype.kind == "U"):
        one, two = one.astype(np.str_), two.astype(np.str_)
    _, old, new = np.intersect1d(one, two, assume_unique=True, return_indices=True)
    order = np.argsort(old, kind="stable")
    return old[order].astype(np.int64), new[order].astype(np.int64)


def matched(n: int, m: int, old_ids: Any, new_ids: Any) -> tuple[I64, I64]:
    """Return the rows that two tables of n and m rows share, as told by ids or by their order.

    Parameters
    ----------
    n, m : int
        Rows.
    old_ids, new_ids : array_like or None
        None on both sides: the same rows in the same order where n equals m, else none.

    Returns
    -------
    old, new : arrays, shape (shared,), int64

    Raises
    ------
    TypeError
        For ids without a length, such as a generator.
    ValueError
        For ids of one side only or of another number, missing and repeated ones.
    """
    if (old_ids is None) != (new_ids is None):
        given = "old_ids" if new_ids is None else "new_ids"
        raise ValueError(f"{given} alone tells nothing: give the ids of both sides, or of neither")
    if old_ids is None:
        every = np.arange(n if n == m else 0, dtype=np.int64)
        return every, every
    for name, ids, rows in (("old_ids", old_ids, n), ("new_ids", new_ids, m)):
        if not hasattr(ids, "__len__"):
            raise TypeError(f"{name} has no length, but is {type(ids).__name__}: give a list")
        if len(ids) != rows:
            raise ValueError(f"{name} has {len(ids)} ids for {rows} rows")
    return shared_rows(old_ids, new_ids)
