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

__all__ = ["exact_neighbors"]

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
    n, d = points.shape
    width = min(k + 1 + SPARE, n)
    centred = points - points.mean(axis=0)
    top = np.abs(centred).max()
    # A power of two, which rounds nothing: squares neither overflow nor vanish.
    unit = 2.0 ** -float(np.frexp(top)[1])
    centred *= unit
    propose = _tree(centred) if d <= TREE_DIMENSIONS else _flat(centred)
    found = np.empty((len(rows), k), dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        asked = rows[start : start + BLOCK]
        near = propose(asked, width)
        # Of the points as they are: the centre's rounding would break ties.
        squared = np.square((points[near] - points[asked, None]) * unit).sum(axis=2)
        squared[near == asked[:, None]] = np.inf
        found[start : start + BLOCK] = nearest_first(squared, near, k)[1]
    return found


_Propose = Callable[[Array, int], npt.NDArray[np.int64]]


def _tree(points: Array) -> _Propose:
    from scipy.spatial import cKDTree

    tree = cKDTree(points)

    def propose(rows: Array, width: int) -> npt.NDArray[np.int64]:
        _, near = tree.query(points[rows], width)
        return np.asarray(near, dtype=np.int64).reshape(len(rows), width)

    return propose


def _flat(points: Array) -> _Propose:
    import faiss

    single = np.ascontiguousarray(points, dtype=np.float32)
    index = faiss.IndexFlatL2(single.shape[1])
    index.add(single)

    def propose(rows: Array, width: int) -> npt.NDArray[np.int64]:
        with threads.limit(threads.resolve_n_jobs(None)):
            near: npt.NDArray[np.int64] = index.search(single[rows], width)[1]
        return near

    return propose
