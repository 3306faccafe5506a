"""exact_neighbors: the nearest others of some points in float64, ties broken by the lower index.

FAISS or a k-d tree proposes candidates; float64 distances decide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gputsne.base import threads
from gputsne.base.types import Array
from gputsne.neighbors.search.ranking import nearest_first

__all__ = ["exact_neighbors", "nearest_among"]

# Candidates besides the k + 1 asked for. They absorb float32 rounding in FAISS's distances
# (|x|^2 - 2 x.y + |y|^2, so an error of about 1e-6 |x|^2) and ties at the k-th place.
SPARE = 32
BLOCK = 1024  # points that one search asks for
TREE_DIMENSIONS = 3  # a k-d tree visits few points up to here; above, exhaustive search is faster


def exact_neighbors(points: Array, rows: Array, k: int) -> npt.NDArray[np.int64]:
    """Return the k nearest other points of some points, nearest first.

    Parameters
    ----------
    points : array, shape (n, d), float64
        Finite coordinates, of any size and place.
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

    Examples
    --------
    >>> exact_neighbors(np.array([[0.0], [1.0], [3.0]]), np.arange(3), 1).ravel().tolist()
    [1, 0, 1]
    """
    centred = points - points.mean(axis=0)
    # A power of two, which rounds nothing: squares neither overflow nor vanish.
    unit = 2.0 ** -float(np.frexp(np.abs(centred).max())[1])
    propose = _proposer(centred * unit)
    found = np.empty((len(rows), k), dtype=np.int64)
    width = min(k + 1 + SPARE, len(points))
    for start in range(0, len(rows), BLOCK):
        asked = rows[start : start + BLOCK]
        near = propose(centred[asked] * unit, width)
        squared = _squared(points, points[asked], near, unit)
        squared[near == asked[:, None]] = np.inf
        found[start : start + BLOCK] = nearest_first(squared, near, k)[1]
    return found


def nearest_among(
    points: Array, asked: Array, k: int, *, own: Array, first: int, centre: Array, unit: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the nearest of a part of all points to some that are asked.

    Merged over all parts by ``nearest_first`` they are those of ``exact_neighbors``.

    Parameters
    ----------
    points : array, shape (n, d), float64
        The part.
    asked : array, shape (q, d), float64
        Points of any part.
    k : int
        How many; the part may have fewer.
    own : array, shape (q,), int
        Which of the part each of ``asked`` is, to be left out; any other number for none.
    first : int
        Number of the part's first point.
    centre : array, shape (d,), float64
        Middle of all points.
    unit : float
        A power of two that brings all points less their middle to at most 1.

    Returns
    -------
    squared : array, shape (q, min(k + 33, n)), float64
        Squared distances in that unit, infinite to the point itself.
    numbers : array, shape as squared, int64
    """
    width = min(k + 1 + SPARE, len(points))
    propose = _proposer((points - centre) * unit)
    squared, numbers = np.empty((len(asked), width)), np.empty((len(asked), width), np.int64)
    for start in range(0, len(asked), BLOCK):
        part = slice(start, start + BLOCK)
        near = propose((asked[part] - centre) * unit, width)
        found = _squared(points, asked[part], near, unit)
        found[near == own[part, None]] = np.inf
        squared[part], numbers[part] = found, near + first
    return squared, numbers


def _squared(points: Array, asked: Array, near: Array, unit: float) -> Array:
    """Return squared distances of the points as given: the centre's rounding would break ties."""
    squared: Array = np.square((points[near] - asked[:, None]) * unit).sum(axis=2)
    return squared


_Propose = Callable[[Array, int], npt.NDArray[np.int64]]


def _proposer(points: Array) -> _Propose:
    """Return what finds candidates for some points, given as these are."""
    return _tree(points) if points.shape[1] <= TREE_DIMENSIONS else _flat(points)


def _tree(points: Array) -> _Propose:
    from scipy.spatial import cKDTree

    tree = cKDTree(points)

    def propose(asked: Array, width: int) -> npt.NDArray[np.int64]:
        _, near = tree.query(asked, width)
        return np.asarray(near, dtype=np.int64).reshape(len(asked), width)

    return propose


def _flat(points: Array) -> _Propose:
    import faiss

    single = np.ascontiguousarray(points, dtype=np.float32)
    index = faiss.IndexFlatL2(single.shape[1])
    index.add(single)

    def propose(asked: Array, width: int) -> npt.NDArray[np.int64]:
        with threads.limit(threads.resolve_n_jobs(None)):
            near: npt.NDArray[np.int64] = index.search(asked.astype(np.float32), width)[1]
        return near

    return propose
