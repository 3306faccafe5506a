"""Who are a point's nearest others? Exact, with ties broken by index, in the data and in the map.

FAISS proposes candidates in the data and a k-d tree in the map; float64 distances decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base import resources
from gputsne.base.types import Array

__all__ = ["as_points", "nearest", "queries"]

# Candidates beside the k + 1 asked for. They absorb float32 rounding in FAISS's distances
# (|x|² - 2 x·y + |y|², so an error of about 1e-6 |x|²) and ties at the k-th place.
_SPARE = 32
_BLOCK = 1024
_TREE_DIMENSIONS = 3
"""Up to here a k-d tree visits few points; above it FAISS's exhaustive search is faster."""


def as_points(name: str, points: Any, n: int | None = None) -> npt.NDArray[np.float64]:
    """Return finite float64 points of shape (n, d), or say what is wrong with the argument."""
    if hasattr(points, "toarray"):
        raise TypeError(f"{name} is sparse; reduce it first, for instance with pca=50")
    array = np.asarray(points)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "iufb":
        raise ValueError(
            f"{name} must hold numbers in shape (n, d), got {array.dtype} {array.shape}"
        )
    if n is not None and len(array) != n:
        raise ValueError(f"{name} has {len(array)} rows, expected {n}: one for each row of X")
    array = array.astype(np.float64)
    bad = int((~np.isfinite(array)).any(axis=1).sum())
    if bad:
        raise ValueError(f"{name} has {bad} rows with NaN or infinite values; drop or fill them")
    return array


def queries(n: int, sample: int | None, random_state: int | None) -> npt.NDArray[np.int64]:
    """Return the rows to ask, ascending: all, or ``sample`` of them without repetition."""
    if sample is not None and sample < 1:
        raise ValueError(f"sample={sample} must be at least 1, or None for all points")
    if sample is None or sample >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(random_state).choice(n, sample, replace=False))


def nearest(points: Array, rows: Array, k: int) -> npt.NDArray[np.int64]:
    """Return the k nearest other points of some points, nearest first.

    Parameters
    ----------
    points : array, shape (n, d), float64
    rows : array, shape (q,), int
        Points to ask for; the neighbours are searched among all n.
    k : int
        At most ``n - 1``.

    Returns
    -------
    array, shape (q, k), int64
        The point itself is left out by its index, wherever its duplicates are. Among equal
        distances the lower index comes first; with more than 32 points at exactly the k-th
        distance, which of them are listed is up to the search.
    """
    n, d = points.shape
    width = min(k + 1 + _SPARE, n)
    centred = points - points.mean(axis=0)
    top = np.abs(centred).max()
    if top > 0:
        centred /= top  # float32 squares neither overflow nor vanish
    propose = _tree(centred) if d <= _TREE_DIMENSIONS else _flat(centred)
    found = np.empty((len(rows), k), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        asked = rows[start : start + _BLOCK]
        near = propose(asked, width)
        near.sort(axis=1)
        square = ((centred[near] - centred[asked, None]) ** 2).sum(axis=2)
        square[near == asked[:, None]] = np.inf
        order = np.argsort(square, axis=1, kind="stable")[:, :k]  # stable: lower index first
        found[start : start + _BLOCK] = np.take_along_axis(near, order, axis=1)
    return found


def _tree(points: Array) -> Any:
    from scipy.spatial import cKDTree

    tree = cKDTree(points)

    def propose(rows: Array, width: int) -> Array:
        _, near = tree.query(points[rows], width)
        return np.asarray(near, dtype=np.int64).reshape(len(rows), width)

    return propose


def _flat(points: Array) -> Any:
    import faiss

    single = np.ascontiguousarray(points, dtype=np.float32)
    index = faiss.IndexFlatL2(single.shape[1])
    index.add(single)

    def propose(rows: Array, width: int) -> Array:
        with resources.limit(resources.resolve_n_jobs(None)):
            near: Array = index.search(single[rows], width)[1]
        return near

    return propose
