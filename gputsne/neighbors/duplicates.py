"""Rows with more than k exact copies: their neighbours are copies, and need no search.

Without this, half a million copies of one row would share a list and be compared pair by pair, and
all would name the same k of them.
"""

from __future__ import annotations

import numpy as np

from gputsne.base.types import Array, FloatArray, IntArray

__all__ = ["duplicate_groups", "link_cyclically"]


def duplicate_groups(X: FloatArray, k: int) -> list[Array]:
    """Return the groups of more than k equal rows, each as ascending row numbers."""
    n = X.shape[0]
    if n <= k:
        return []
    keys = _keys(X)
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0, True])
    groups = []
    for i in np.flatnonzero(np.diff(bounds) > k):
        rows = order[bounds[i] : bounds[i + 1]]
        # Unequal rows with one key are sifted out; they are searched for like any other.
        rows = np.sort(rows[_equal_to(X, rows, int(rows[0]))])
        if rows.size > k:
            groups.append(rows)
    return groups


def _keys(X: FloatArray) -> Array:
    """One 64-bit number per row, a random linear form of its bits; equal rows have equal keys."""
    n, d = X.shape
    weights = np.random.default_rng(0).integers(0, 2**63, d, dtype=np.uint64) * np.uint64(2)
    weights += np.uint64(1)  # odd, so that no bit of a value drops out
    keys = np.empty(n, dtype=np.uint64)
    step = max(1, (1 << 20) // d)
    for start in range(0, n, step):
        block = X[start : start + step] + np.float32(0.0)  # -0.0 becomes 0.0
        bits = np.ascontiguousarray(block).view(np.uint32).astype(np.uint64)
        keys[start : start + step] = (bits * weights).sum(axis=1, dtype=np.uint64)
    return keys


def _equal_to(X: FloatArray, rows: Array, one: int) -> Array:
    step = max(1, (1 << 20) // X.shape[1])
    return np.concatenate(
        [
            (X[rows[start : start + step]] == X[one]).all(axis=1)
            for start in range(0, rows.size, step)
        ]
    )


def link_cyclically(group: Array, k: int, indices: IntArray) -> None:
    """Write into ``indices`` (n, k) that each copy's neighbours are the next k of its group.

    Around the end to the start, so that every copy is named equally often.
    """
    for start in range(0, group.size, 65536):
        here = np.arange(start, min(start + 65536, group.size))
        indices[group[here]] = group[(here[:, None] + np.arange(1, k + 1)) % group.size]
