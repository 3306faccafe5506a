"""from_sparse_distances: a matrix of distances, dense or sparse, as neighbour lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.sparse import checked_csr
from gputsne.base.tables import read
from gputsne.base.types import Array, KNNGraph
from gputsne.neighbors.search.ranking import smallest

__all__ = ["from_sparse_distances"]

BLOCK = 65536  # rows handled at once: 50 MB at k = 90
DENSE_NUMBERS = 1 << 22  # of a dense matrix at once, 32 MB of float64
TILE = 512  # side of the squares a dense matrix is compared with its transpose in: 2 MB each
# Rounding that is tolerated, as a share of the typical distance: float32's own, some sums deep.
ROUNDING = 64 * float(np.finfo(np.float32).eps)
# The same of float16, whose products are summed in float32: the two factors' own rounding, twice
# (they were scaled to unit length), and that of the sum and the difference.
HALF_ROUNDING = 8 * float(np.finfo(np.float16).eps)


def distance_matrix(X: Any, name: str = "X") -> Any:
    """Return what was given as distances as an array or a sparse matrix.

    Parameters
    ----------
    X : array_like, DataFrame or sparse matrix, shape (n, n)
        Read as any other table is.
    name : str
        What the argument is called in messages.

    Returns
    -------
    array or sparse matrix
        With ``shape`` and ``dtype``; a sparse one as it is.

    Raises
    ------
    TypeError, ValueError
        For what is no table of numbers.
    """
    return X if hasattr(X, "tocsr") else read(X, name).values


def rounding_of(dtype: Any) -> float:
    """Return the rounding that is tolerated in distances, as a share of the typical one.

    Parameters
    ----------
    dtype : dtype
        Of the distances.

    Returns
    -------
    float
        ``ROUNDING``, or that of half precision.
    """
    return HALF_ROUNDING if np.dtype(dtype) == np.float16 else ROUNDING


def from_sparse_distances(D: Any, k: int | None = None, *, ragged: bool = False) -> KNNGraph:
    """Read a matrix of distances, ``metric="precomputed"``, as neighbour lists.

    Parameters
    ----------
    D : sparse matrix or array, shape (n, n)
        Sparse: what is stored in row i, zeros too, are the distances from i to its neighbours, as
        ``kneighbors_graph(mode="distance")`` writes them. Dense: all distances, symmetric.
    k : int or None
        Neighbours of each point, the nearest; None takes as many as the shortest row stores, with
        ``ragged`` as many as the longest.
    ragged : bool, default False
        Whether rows may store fewer than k, at least one: the places that stay empty are at an
        infinite distance, which has no weight.

    Returns
    -------
    KNNGraph
        The diagonal is left out. Values below 0 by no more than rounding are 0.

    Raises
    ------
    ValueError
        For matrices that are not square, for negative or non-finite distances, for indices out of
        range, for rows that store too few, and for dense ones whose diagonal is not 0 or whose
        halves differ.
    """
    sparse = hasattr(D, "tocsr")
    D = distance_matrix(D)
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ValueError(
            f"X should be a square distance matrix with metric='precomputed', got {D.shape}"
        )
    if D.dtype.kind not in "iuf":
        raise TypeError(f"a distance matrix must hold real numbers, got {D.dtype}")
    graph = _from_sparse(D, k, ragged) if sparse else _from_dense(D, k)
    return KNNGraph(*graph, source="precomputed", metric="precomputed")


@np.errstate(over="ignore")  # what float32 can't hold is infinitely far
def _from_sparse(D: Any, k: int | None, ragged: bool) -> tuple[Array, Array]:
    n = int(D.shape[0])
    D = checked_csr("the distance matrix", D)
    _check_values(D.data, float(np.abs(D.data.astype(np.float64)).max(initial=0.0)))
    D = D.astype(np.float64)  # a copy: it is clipped below
    np.maximum(D.data, 0.0, out=D.data)
    stored = _off_diagonal(D)
    least, longest = int(stored.min()), int(stored.max())
    if ragged:
        k = longest if k is None else min(k, longest)
        _check_length(stored, 1)
    else:
        k = least if k is None else k
        _check_length(stored, max(1, k))
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for start in range(0, n, BLOCK):
        part = slice(start, min(n, start + BLOCK))
        lengths[part], ids[part] = _nearest_stored(D[part], start, k)
    return ids, lengths


@np.errstate(over="ignore")
def _from_dense(D: Array, k: int | None) -> tuple[Array, Array]:
    n = len(D)
    scale = abs(float(D.mean(dtype=np.float64)))
    _check_values(D, scale)
    _check_symmetric(D, scale)
    k = n - 1 if k is None else k
    _check_length(np.full(n, n - 1), max(1, k))
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    rows = max(1, DENSE_NUMBERS // n)
    for start in range(0, n, rows):
        part = slice(start, min(n, start + rows))
        block = np.maximum(D[part].astype(np.float64), 0.0)
        block[np.arange(part.stop - start), np.arange(start, part.stop)] = np.inf
        lengths[part], ids[part] = smallest(block, k)
    return ids, lengths


def _check_values(values: Array, scale: float) -> None:
    """Raise ValueError for NaN, infinity, and what is below 0 by more than rounding."""
    if not values.size:
        return
    low = values.min()
    if not np.isfinite(low + values.max()):
        raise ValueError(
            "the distance matrix contains NaN or infinity: leave out of a sparse matrix what is "
            "unknown, or drop those rows and columns"
        )
    if low < -rounding_of(values.dtype) * scale:
        raise ValueError(
            f"All distances should be positive, the precomputed distances given as X are not "
            f"correct: the smallest is {low}. Are they similarities? Turn them into distances; "
            "for rounding, np.clip(D, 0, None)"
        )


def _check_length(stored: Array, k: int) -> None:
    """Raise ValueError for the shortest row if it stores fewer than k neighbours."""
    least = int(stored.min())
    if least < k:
        short = int((stored < k).sum())
        raise ValueError(
            f"the distance matrix (n_samples={len(stored)}) lists {least} neighbours of row "
            f"{int(np.argmin(stored))}, but k={k} are needed, and {short} rows have fewer: store "
            "more, drop those rows, or lower perplexity or n_neighbors"
        )


@np.errstate(over="ignore")  # squares overflow beyond 1e154; float32 can't hold those distances
def _check_symmetric(D: Array, scale: float) -> None:
    """Raise ValueError where a dense matrix can't hold distances between n points.

    Distances that float32 computes as the root of ``|x|^2 + |y|^2 - 2 x.y`` have squares that are
    off by some 2**-23 of ``|x|^2``, which is about the mean squared distance; so much is allowed.
    """
    n = len(D)
    if n == 1:
        return
    slack = rounding_of(D.dtype) * scale * scale
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
    """Return the k smallest stored distances of each row of a CSR block, and their columns.

    Rows that store fewer end in their first neighbour at an infinite distance.
    """
    n = D.shape[0]
    row = np.repeat(np.arange(n), np.diff(D.indptr))
    keep = D.indices != row + first
    row, columns, values = row[keep], D.indices[keep], D.data[keep]
    order = np.lexsort((columns, values, row))
    stored = np.bincount(row, minlength=n)
    starts = np.r_[0, np.cumsum(stored)[:-1]]
    missing = np.arange(k) >= stored[:, None]
    taken = order[starts[:, None] + np.where(missing, 0, np.arange(k))]
    return np.where(missing, np.inf, values[taken]), columns[taken]
