"""from_user: neighbour lists or a sparse matrix that the user brings, checked and sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.types import Array, KNNGraph
from gputsne.neighbors.matrix import from_sparse_distances, rounding_of

__all__ = ["from_user"]

BLOCK = 65536  # rows handled at once: 50 MB at k = 90


def from_user(neighbors: Any, n: int, k: int | None = None, *, ops: Any = None) -> KNNGraph:
    """Check neighbours that the user brings, drop each point from its own list, sort.

    Parameters
    ----------
    neighbors : KNNGraph, (indices, distances) or sparse matrix
        Arrays of shape (n, k'); a point may be in its own list or not. If any point is in its own,
        lists without their point lose their farthest entry, so that all have equal length. An
        infinite distance says that there is no neighbour, and then its number isn't read. Or a
        sparse matrix, shape (n, n), whose row i stores the distances from i to its neighbours; rows
        may differ in length.
    n : int
        Number of points.
    k : int or None
        Neighbours to keep, the nearest; None keeps all.
    ops : Ops or None
        A backend whose device checks and sorts the lists, where it has one; None for the CPU.

    Returns
    -------
    KNNGraph
        Sorted by distance; a KNNGraph's recall, source and metric are kept. Shorter lists end in
        neighbours at an infinite distance.

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, numbers outside 0 ... n - 1 (FAISS fills with -1), doubles within a list,
        distances that are NaN or below 0 by more than rounding, and lists that are too short.
    """
    if hasattr(neighbors, "tocsr"):
        return _from_matrix(neighbors, n, k)
    kept = {}
    if isinstance(neighbors, KNNGraph):
        kept = {a: getattr(neighbors, a) for a in ("recall", "source", "metric")}
        neighbors = (neighbors.indices, neighbors.distances)
    indices, distances = _two_arrays(neighbors, n)
    there = None if ops is None else ops.given_lists(indices, distances)
    if there is not None:
        return _on_device(there, rounding_of(distances.dtype), n, k, kept)
    indices, distances = np.asarray(host(indices)), np.asarray(host(distances))
    blocks = [slice(start, min(n, start + BLOCK)) for start in range(0, n, BLOCK)]
    slack = rounding_of(distances.dtype) * max(
        (_farthest(distances[block]) for block in blocks), default=0.0
    )
    for block in blocks:
        _check_block(indices[block], distances[block], block.start, n, slack)
    own = any((indices[b] == np.arange(b.start, b.stop)[:, None]).any() for b in blocks)
    k = _checked_k(k, indices.shape[1] - own)
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for block in blocks:
        ids[block], lengths[block] = _sorted(indices[block], distances[block], block.start, k)
    return KNNGraph(ids, lengths, **kept)


def _checked_k(k: int | None, width: int) -> int:
    k = width if k is None else k
    if not 1 <= k <= width:
        raise ValueError(
            f"neighbors: the lists hold {width} neighbours besides the point itself, but k={k} are "
            "needed: bring longer lists, or lower perplexity or n_neighbors"
        )
    return k


def _on_device(
    lists: Any, rounding: float, n: int, k: int | None, kept: dict[str, Any]
) -> KNNGraph:
    """Let the device check and sort; what it finds wrong is told from the row itself."""
    slack = rounding * lists.farthest()
    *faults, alone, own = lists.check(slack)
    for row in faults:
        if row >= 0:
            indices, distances = lists.row(row)
            _check_block(indices, distances, row, n, slack, alone)
    k = _checked_k(k, lists.width - own)
    graph: KNNGraph = lists.sorted(k, **kept)
    return graph


def _from_matrix(D: Any, n: int, k: int | None) -> KNNGraph:
    if D.shape != (n, n):
        raise ValueError(
            f"neighbors is a sparse matrix of shape {D.shape}, but it needs ({n}, {n}): one row "
            "and one column for each row of X"
        )
    graph = from_sparse_distances(D, k, ragged=True)
    return KNNGraph(graph.indices, graph.distances)


def _on_gpu(a: Any) -> bool:
    """Tell whether an array is a device's, of CuPy's kind; PyTorch's are read by way of a copy."""
    return hasattr(a, "__cuda_array_interface__") and isinstance(a.dtype, np.dtype)


def _two_arrays(neighbors: Any, n: int) -> tuple[Array, Array]:
    """Return indices and distances, or raise for what can't be a pair of lists of n points."""
    if not isinstance(neighbors, tuple | list) or len(neighbors) != 2:
        raise TypeError(
            "neighbors must be a KNNGraph, a pair (indices, distances) or a sparse matrix of "
            f"distances, got {type(neighbors).__name__}"
        )
    indices, distances = (a if _on_gpu(a) else np.asarray(host(a)) for a in neighbors)
    if indices.dtype.kind not in "iu":
        swapped = indices.dtype.kind == "f" and distances.dtype.kind in "iu"
        hint = (
            ". Are they swapped? scikit-learn's kneighbors returns (distances, indices); pass "
            "(indices, distances)"
        ) * swapped
        raise TypeError(f"neighbors: indices must be integers, got {indices.dtype}{hint}")
    if distances.dtype.kind not in "iuf":
        raise TypeError(f"neighbors: distances must be real numbers, got {distances.dtype}")
    if indices.ndim != 2 or indices.shape != distances.shape or indices.shape[0] != n:
        raise ValueError(
            f"neighbors: indices have shape {indices.shape} and distances {distances.shape}, but "
            f"both need (n, k) with n={n} rows, one for each row of X"
        )
    return indices, distances


def _farthest(distances: Array) -> float:
    """Return the largest finite distance, 0 where there is none."""
    return float(np.max(distances, initial=0.0, where=np.isfinite(distances)))


def _check_block(
    indices: Array, distances: Array, first: int, n: int, slack: float, lonely: int = 0
) -> None:
    """Raise ValueError naming the first row that can't be a list of neighbours.

    Distances below 0 by no more than ``slack`` are rounding, as in ``1 - cosine``. ``lonely`` rows
    are known to list nobody.
    """
    absent = np.isposinf(distances)
    beyond = ((indices < 0) | (indices >= n)) & ~absent
    if beyond.any():
        row = int(np.argmax(beyond.any(axis=1)))
        value = indices[row][beyond[row]][0]
        hint = (
            "; -1 marks a neighbour that was not found, search again for it or set its distance to "
            "infinity"
        ) * int(value == -1)
        raise ValueError(
            f"neighbors: row {first + row} names point {value}, outside 0 ... {n - 1}{hint}"
        )
    with np.errstate(over="ignore"):
        wrong = (~np.isfinite(distances.astype(np.float32)) & ~absent) | (distances < -slack)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        raise ValueError(
            f"neighbors: row {first + row} holds the distance {distances[row][wrong[row]][0]}; "
            "distances must be finite in float32 and 0 or more, or infinite for no neighbour; for "
            "rounding, np.clip(distances, 0, None)"
        )
    known = np.where(absent, -1 - np.arange(indices.shape[1]), indices.astype(np.int64))
    known.sort(axis=1)
    double = (known[:, 1:] == known[:, :-1]).any(axis=1)
    if double.any():
        raise ValueError(
            f"neighbors: row {first + int(np.argmax(double))} names a point twice; each may stand "
            "in a list once"
        )
    itself = indices == np.arange(first, first + len(indices))[:, None]
    alone = (absent | itself).all(axis=1)
    if indices.shape[1] and alone.any():
        raise ValueError(
            f"neighbors: row {first + int(np.argmax(alone))} lists no neighbour, and "
            f"{max(lonely, int(alone.sum()))} "
            "rows do: each needs one, drop such rows"
        )


def _sorted(indices: Array, distances: Array, first: int, k: int) -> tuple[Array, Array]:
    """Return the k nearest of each list, the point itself left out; what is absent comes last."""
    itself = indices == np.arange(first, first + len(indices))[:, None]
    D = np.where(itself, np.inf, np.maximum(distances.astype(np.float64), 0.0))
    order = np.argsort(D, axis=1, kind="stable")[:, :k]
    ids, lengths = (np.take_along_axis(a, order, axis=1) for a in (indices, D))
    return np.where(np.isinf(lengths), ids[:, :1], ids), lengths
