"""What if the user brings the neighbours? Lists or a matrix, checked and sorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import Array, KNNGraph
from gputsne.neighbors.search.pairwise import smallest

__all__ = ["from_sparse_distances", "from_user"]

BLOCK = 65536  # rows handled at once: 50 MB at k = 90
TILE = 512  # side of the squares a dense matrix is compared with its transpose in: 2 MB each


def from_user(neighbors: Any, n: int, k: int | None = None) -> KNNGraph:
    """Check neighbour lists that the user brings, drop each point from its own, sort.

    Parameters
    ----------
    neighbors : KNNGraph or (indices, distances)
        Arrays of shape (n, k'); a point may be in its own list or not. If any point is in its own,
        lists without their point lose their farthest entry, so that all have equal length.
    n : int
        Number of points.
    k : int or None
        Neighbours to keep, the nearest; None keeps all.

    Returns
    -------
    KNNGraph
        Sorted by distance; a KNNGraph's recall, source and metric are kept.

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, numbers outside 0 ... n - 1 (FAISS fills with -1), doubles within a list,
        distances that are negative or not finite, and lists that are too short.
    """
    kept = {}
    if isinstance(neighbors, KNNGraph):
        kept = {a: getattr(neighbors, a) for a in ("recall", "source", "metric")}
        neighbors = (neighbors.indices, neighbors.distances)
    if not isinstance(neighbors, tuple | list) or len(neighbors) != 2:
        raise TypeError(
            "neighbors must be a KNNGraph or a pair (indices, distances), got "
            f"{type(neighbors).__name__}"
        )
    indices, distances = np.asarray(neighbors[0]), np.asarray(neighbors[1])
    if indices.dtype.kind not in "iu":
        raise TypeError(f"neighbors: indices must be integers, got {indices.dtype}")
    if distances.dtype.kind not in "iuf":
        raise TypeError(f"neighbors: distances must be real numbers, got {distances.dtype}")
    if indices.ndim != 2 or indices.shape != distances.shape or indices.shape[0] != n:
        raise ValueError(
            f"neighbors: indices have shape {indices.shape} and distances {distances.shape}, but "
            f"both need (n, k) with n={n} rows, one for each row of X"
        )
    blocks = [slice(start, min(n, start + BLOCK)) for start in range(0, n, BLOCK)]
    for block in blocks:
        _check_block(indices[block], distances[block], block.start, n)
    own = any((indices[b] == np.arange(b.start, b.stop)[:, None]).any() for b in blocks)
    width = indices.shape[1] - own
    k = width if k is None else k
    if not 1 <= k <= width:
        raise ValueError(
            f"neighbors: the lists hold {width} neighbours besides the point itself, but k={k} are "
            "needed: bring longer lists, or lower perplexity or n_neighbors"
        )
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for block in blocks:
        D = distances[block].astype(np.float64)
        if own:
            mine = indices[block] == np.arange(block.start, block.stop)[:, None]
            D[mine] = np.inf  # sorts last, and goes with the columns beyond width
        order = np.argsort(D, axis=1, kind="stable")[:, :k]
        ids[block] = np.take_along_axis(indices[block], order, axis=1)
        lengths[block] = np.take_along_axis(D, order, axis=1)
    return KNNGraph(ids, lengths, **kept)


def _check_block(indices: Array, distances: Array, first: int, n: int) -> None:
    """Raise ValueError naming the first row that can't be a list of neighbours."""
    outside = ((indices < 0) | (indices >= n)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        value = indices[row][(indices[row] < 0) | (indices[row] >= n)][0]
        hint = "; -1 marks a neighbour that was not found, search again for it" * int(value == -1)
        raise ValueError(
            f"neighbors: row {first + row} names point {value}, outside 0 ... {n - 1}{hint}"
        )
    with np.errstate(over="ignore"):
        wrong = ~np.isfinite(distances.astype(np.float32)) | (distances < 0)
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        raise ValueError(
            f"neighbors: row {first + row} holds the distance {distances[row][wrong[row]][0]}; "
            "distances must be finite in float32 and 0 or more"
        )
    ordered = np.sort(indices, axis=1)
    double = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if double.any():
        raise ValueError(
            f"neighbors: row {first + int(np.argmax(double))} names a point twice; each may stand "
            "in a list once"
        )


def from_sparse_distances(D: Any, k: int | None = None) -> KNNGraph:
    """Read a matrix of distances, ``metric="precomputed"``, as neighbour lists.

    Parameters
    ----------
    D : sparse matrix or array, shape (n, n)
        Sparse: what is stored in row i, zeros too, are the distances from i to its neighbours, as
        ``kneighbors_graph(mode="distance")`` writes them. Dense: all distances, symmetric.
    k : int or None
        Neighbours of each point, the nearest; None takes as many as the shortest row stores.

    Returns
    -------
    KNNGraph
        The diagonal is left out.

    Raises
    ------
    ValueError
        For matrices that are not square, for negative or non-finite distances, for rows that store
        fewer than k, and for dense ones whose diagonal is not 0 or whose halves differ.
    """
    sparse = hasattr(D, "tocsr")
    if not sparse:
        D = np.asarray(D)
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ValueError(
            f"X should be a square distance matrix with metric='precomputed', got {D.shape}"
        )
    if D.dtype.kind not in "iuf":
        raise TypeError(f"a distance matrix must hold real numbers, got {D.dtype}")
    n = int(D.shape[0])
    if sparse:
        D = D.tocsr().astype(np.float64)  # a copy: doubles are added up in place
        D.sum_duplicates()
    values = D.data if sparse else D
    if values.size and not np.isfinite(values.min() + values.max()):
        raise ValueError(
            "the distance matrix contains NaN or infinity: leave out of a sparse matrix what is "
            "unknown, or drop those rows and columns"
        )
    if values.size and values.min() < 0:
        raise ValueError(
            f"All distances should be positive, the precomputed distances given as X are not "
            f"correct: the smallest is {values.min()}"
        )
    if not sparse:
        _check_dense(D)
    stored = _off_diagonal(D) if sparse else np.full(n, n - 1)
    least = int(stored.min())
    k = least if k is None else k
    if k < 1 or least < k:
        row = int(np.argmin(stored))
        raise ValueError(
            f"the distance matrix (n_samples={n}) lists {least} neighbours of row {row}, but k={k} "
            "are needed: store more, or lower perplexity or n_neighbors"
        )
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    rows = max(1, (1 << 22) // n) if not sparse else BLOCK
    for start in range(0, n, rows):
        stop = min(n, start + rows)
        if sparse:
            lengths[start:stop], ids[start:stop] = _nearest_stored(D[start:stop], start, k)
        else:
            block = D[start:stop].astype(np.float64)
            block[np.arange(stop - start), np.arange(start, stop)] = np.inf
            lengths[start:stop], ids[start:stop] = smallest(block, k)
    return KNNGraph(ids, lengths, source="precomputed", metric="precomputed")


@np.errstate(over="ignore")  # beyond 1e154 all is forgiven: float32 can't hold those distances
def _check_dense(D: Array) -> None:
    """Raise ValueError where a dense matrix can't hold distances between n points.

    Distances that float32 computes as the root of ``|x|^2 + |y|^2 - 2 x.y`` have squares that are
    off by some 2**-23 of ``|x|^2``, which is about the mean squared distance; so much is allowed.
    """
    n = len(D)
    if n == 1:
        return
    scale = float(D.mean(dtype=np.float64))
    slack = 64 * float(np.finfo(np.float32).eps) * scale * scale
    diagonal = D.diagonal().astype(np.float64)
    i = int(np.argmax(diagonal))
    if diagonal[i] ** 2 > slack:
        raise ValueError(
            f"the distance matrix has D[{i}, {i}]={diagonal[i]:.6g}, but a point is at distance 0 "
            "from itself; is this a matrix of similarities, such as 1 / (1 + D)? Turn them into "
            "distances, or set the diagonal: np.fill_diagonal(D, 0)"
        )
    worst, at = 0.0, (0, 0)
    for r in range(0, n, TILE):
        for c in range(r, n, TILE):
            upper, lower = D[r : r + TILE, c : c + TILE], D[c : c + TILE, r : r + TILE].T
            if np.array_equal(upper, lower):
                continue
            A, B = upper.astype(np.float64), lower.astype(np.float64)
            gap = np.abs(A - B)
            gap[gap * (A + B) <= slack] = 0.0  # the difference of the squares
            most = int(np.argmax(gap))
            if gap.flat[most] > worst:
                i, j = divmod(most, gap.shape[1])
                worst, at = float(gap[i, j]), (r + i, c + j)
    if worst > 0.0:
        i, j = at
        raise ValueError(
            f"the distance matrix is not symmetric: D[{i}, {j}]={D[i, j]:.6g}, but D[{j}, {i}]="
            f"{D[j, i]:.6g}. Pass (D + D.T) / 2, or for directed neighbour lists a sparse matrix "
            "or neighbors=(indices, distances)"
        )


def _off_diagonal(D: Any) -> Array:
    """Count what each row of a CSR matrix stores besides its diagonal."""
    row = np.repeat(np.arange(D.shape[0]), np.diff(D.indptr))
    counts = np.bincount(row[D.indices != row], minlength=D.shape[0])
    return np.asarray(counts)


def _nearest_stored(D: Any, first: int, k: int) -> tuple[Array, Array]:
    """Return the k smallest stored distances of each row of a CSR block, and their columns."""
    row = np.repeat(np.arange(D.shape[0]), np.diff(D.indptr))
    keep = D.indices != row + first
    row, columns, values = row[keep], D.indices[keep], D.data[keep]
    order = np.lexsort((columns, values, row))
    starts = np.r_[0, np.cumsum(np.bincount(row, minlength=D.shape[0]))[:-1]]
    taken = order[starts[:, None] + np.arange(k)]
    return values[taken], columns[taken]
