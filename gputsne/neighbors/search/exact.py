"""All pairs on the CPU: the nearest of all vectors, by FAISS, in blocks that Ctrl-C can end.

Distances are sums of (x - y)^2, never |x|^2 + |y|^2 - 2xy: nothing cancels, and a row's result does
not depend on the other rows of its batch or on the number of threads. Wide vectors are compared by
matrix products all the same, in a sixth of the time at 384 columns: products only choose
candidates, and a row for which they could have chosen wrongly is searched for directly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base import deadline
from gputsne.base.threads import faiss_without_blas
from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.ranking import nearest_first, smallest

__all__ = ["CALL", "SEARCHING", "AllPairs", "exact", "exact_float64", "padded", "work"]

# One FAISS call does this many multiplications, 0.1 to 0.3 s of one core at 2.6 GHz: Ctrl-C and a
# deadline wait for one call.
CALL = 1.5e9
# Queries of one FAISS call, at least and at most.
DIRECT_ROWS, PRODUCT_ROWS = (16, 1024), (64, 16384)
BLOCK = 4096  # queries that are handed over at a time
# Numbers of one pass of direct search: 16k x 50 floats stay in the cache. A million vectors at once
# took 10.8 ns per pair, in parts of 8k to 64k 3.9 to 4.8 (two cores, d = 50).
SHARD_NUMBERS = 1 << 20
# Columns from which products pay. In multiplications of direct search (0.07 to 0.09 ns, two cores):
# one of a product, and the keeping of the best of a pair, 4 ns (bench/results/search.json).
WIDE, PRODUCT, KEEPING = 64, 0.02, 55.0
SPARE = 8  # candidates beyond k
SEARCHING = "while neighbours were searched for"  # ends the message of a deadline
UNIT = 2.0**-24  # rounding of float32


def work(n: int, d: int) -> float:
    """Return what a comparison with n vectors takes, in multiplications of direct search."""
    return n * (PRODUCT * d + KEEPING if d >= WIDE else max(d, 50.0))


def padded(Q: FloatArray, faiss: Any) -> FloatArray:
    """Repeat the last row until every thread has two.

    FAISS searches for a single row by another formula, |x|^2 + |y|^2 - 2xy.
    """
    least = 2 * int(faiss.omp_get_max_threads())
    if Q.shape[0] >= least:
        return np.ascontiguousarray(Q)
    return np.concatenate([Q, np.repeat(Q[-1:], least - Q.shape[0], axis=0)])


class AllPairs:
    """Every query is compared with every vector.

    Parameters
    ----------
    X : array, shape (n, d), float32, C order
        The vectors.
    """

    source = "faiss-flat"
    rows = BLOCK

    def __init__(self, X: FloatArray) -> None:
        self.X = X

    def order(self) -> Array:
        """Return the vectors' own order."""
        return np.arange(len(self.X))

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest; see ``Search``."""
        return exact(Q, self.X, k)


def exact(Q: FloatArray, X: FloatArray, k: int) -> tuple[Array, Array]:
    """Find the k nearest rows of X to each row of Q, comparing with all of them.

    Parameters
    ----------
    Q : array, shape (m, d), float32
        Queries.
    X : array, shape (n, d), float32, C order
        Database, ``n >= k``.
    k : int
        Neighbours of each query.

    Returns
    -------
    squared : array, shape (m, k), float32
        Squared distances, ascending.
    ids : array, shape (m, k), int64
        Rows of X; -1 where float32 can't hold the distance.

    Raises
    ------
    DeadlineExceeded
        A deadline passed; it is looked at before every call of FAISS.
    """
    m, (n, d) = Q.shape[0], X.shape
    by_products = d >= WIDE and n >= 2 * (k + SPARE)
    squared, ids = np.empty((m, k), np.float32), np.empty((m, k), np.int64)
    if by_products:
        rows = int(np.clip(CALL / work(n, d), *PRODUCT_ROWS))
        norm = float(np.einsum("ij,ij->i", X, X).max())
    else:
        shard = _shard(k, d)
        rows = int(np.clip(CALL / (shard * d), *DIRECT_ROWS))
    for start in range(0, m, rows):
        deadline.check(SEARCHING)
        part = slice(start, min(m, start + rows))
        if by_products:
            squared[part], ids[part] = _by_products(Q[part], X, k, norm)
        else:
            squared[part], ids[part] = _directly(Q[part], X, k, shard)
    return squared, ids


def exact_float64(Q: Array, X: Array, k: int) -> tuple[Array, Array]:
    """Find the k nearest rows of a few queries in float64, by differences.

    Parameters
    ----------
    Q : array, shape (m, d), float64
        Queries.
    X : array, shape (n, d)
        Database, ``n >= k``.
    k : int
        Neighbours of each query.

    Returns
    -------
    squared : array, shape (m, k), float64
        Squared distances, ascending.
    ids : array, shape (m, k), int64
        Rows of X, the lower first among equals.
    """
    squared, ids = np.empty((len(Q), k)), np.empty((len(Q), k), np.int64)
    for i, q in enumerate(Q):
        deadline.check(SEARCHING)
        squared[i], ids[i] = (a[0] for a in smallest(_to_all(q, X)[None], k))
    return squared, ids


def _to_all(q: Array, X: Array) -> Array:
    """Squared distances of one vector to all rows of X, float64."""
    step = max(1, SHARD_NUMBERS // X.shape[1])
    parts = [np.square(X[i : i + step] - q).sum(axis=1) for i in range(0, len(X), step)]
    return np.concatenate(parts)


def _shard(k: int, d: int) -> int:
    """Vectors of one pass of direct search."""
    return max(4 * k, SHARD_NUMBERS // d)


def _directly(Q: FloatArray, X: FloatArray, k: int, shard: int) -> tuple[Array, Array]:
    """Compare by sums of squared differences, ``shard`` vectors at a time."""
    import faiss

    block = padded(Q, faiss)
    best = faiss.ResultHeap(block.shape[0], k)
    with faiss_without_blas(faiss):
        for first in range(0, X.shape[0], shard):
            deadline.check(SEARCHING)
            D, ids = faiss.knn(block, X[first : first + shard], k)
            best.add_result(D, np.where(ids < 0, -1, ids + first))
    best.finalize()
    return best.D[: len(Q)], best.I[: len(Q)]


def _by_products(Q: FloatArray, X: FloatArray, k: int, norm: float) -> tuple[Array, Array]:
    """Choose candidates by products; ``norm`` is the largest |y|^2 of X."""
    import faiss

    Q = np.ascontiguousarray(Q)
    m, d = Q.shape
    near, ids = faiss.knn(Q, X, k + SPARE)
    squared = np.empty(ids.shape, np.float32)
    library: Any = faiss  # its stubs lack what follows
    at = library.swig_ptr
    library.fvec_L2sqr_by_idx(at(squared), at(Q), at(X), at(ids), d, m, k + SPARE)
    squared, ids = nearest_first(squared, ids, k + SPARE)
    # What is no candidate is at least as far as the last one, but for rounding: of d + 2 sums, each
    # of numbers up to (|x| + |y|)^2. (Higham 2002, section 3.1.)
    with np.errstate(over="ignore", invalid="ignore"):  # then nothing is sure
        lost = (d + 2) * UNIT * 2.0 * (np.einsum("ij,ij->i", Q, Q).astype(np.float64) + norm)
        sure = squared[:, k - 1] * (1.0 + (d + 2) * UNIT) < near[:, -1] - lost
    squared, ids = squared[:, :k], ids[:, :k]
    rest = np.flatnonzero(~sure)
    if rest.size:
        squared[rest], ids[rest] = nearest_first(*_directly(Q[rest], X, k, _shard(k, d)), k)
    return squared, ids
