"""The last step of every search: candidates in the order of their distances, without the asker."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import Array

__all__ = ["nearest_first", "others", "smallest", "without_self"]


def nearest_first(squared: Array, ids: Array, k: int) -> tuple[Array, Array]:
    """Sort each row of candidates by distance, and by number among equals; keep the first k.

    Parameters
    ----------
    squared, ids : array, shape (m, at least k)
        Squared distances that were added up directly, and what they lead to.
    k : int
        How many to keep.

    Returns
    -------
    squared, ids : array, shape (m, k)
        Nearest first.
    """
    by_id = np.argsort(ids, axis=1)
    squared, ids = (np.take_along_axis(a, by_id, axis=1) for a in (squared, ids))
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(squared, order, axis=1), np.take_along_axis(ids, order, axis=1)


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


def without_self(squared: Array, ids: Array, own: Array) -> tuple[Array, Array]:
    """Drop from each row of ``ids`` (m, k + 1) its ``own`` number, else the farthest; give (m, k).

    By number, because a copy of the point may come before the point itself.
    """
    drop = ids == own[:, None]
    drop[~drop.any(axis=1), -1] = True
    m, k = ids.shape[0], ids.shape[1] - 1
    return squared[~drop].reshape(m, k), ids[~drop].reshape(m, k)


def others(search: Any, Q: Array, k: int, own: Array) -> tuple[Array, Array]:
    """Return the k nearest of a ``Search`` that are not the queries' own vectors.

    Some searches leave them out themselves; the others are asked for one more.
    """
    if hasattr(search, "others"):
        squared, ids = search.others(Q, k, own)
        return squared, ids
    squared, ids = search.search(Q, k + 1, own)
    return without_self(squared, ids, own)
