"""Which vectors are nearest, of all there are? FAISS, in blocks that Ctrl-C needn't wait for.

Distances are those that add up (x - y)^2 directly, never |x|^2 + |y|^2 - 2xy: nothing cancels, and
a row's result does not depend on the rows beside it or on the number of threads. Wide vectors are
compared by matrix products all the same, a sixth of the time at 384 columns: products only choose
candidates, and a row whose choice they could have got wrong is searched for directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base.resources import faiss_without_blas
from gputsne.base.types import Array, FloatArray

__all__ = ["CALL", "exact", "padded", "work"]

Tick = Callable[[int], None]

# One FAISS call does this many multiplications, 0.1 to 0.3 s of one core at 2.6 GHz: Ctrl-C waits
# for one call.
CALL = 1.5e9
# Vectors of one pass of direct search: 16k x 50 floats stay in the cache. A million vectors at once
# took 10.8 ns a pair, in parts of 8k to 64k 3.9 to 4.8 (two cores, d = 50).
SHARD_NUMBERS = 1 << 20
# Columns from which products pay. In multiplications of direct search (0.07 to 0.09 ns, two cores):
# one of a product, and the keeping of the best of a pair, 4 ns (bench/results/search.json).
WIDE, PRODUCT, KEEPING = 64, 0.02, 55.0
SPARE = 8  # candidates beyond k
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


def exact(Q: FloatArray, X: FloatArray, k: int, tick: Tick | None = None) -> tuple[Array, Array]:
    """Find the k nearest rows of X to each row of Q, comparing with all of them.

    Parameters
    ----------
    Q : array, shape (m, d), float32
        Queries.
    X : array, shape (n, d), float32, C order
        Database, ``n >= k``.
    k : int
        Neighbours of each query.
    tick : callable or None
        Told after each block how many queries it answered.

    Returns
    -------
    squared : array, shape (m, k), float32
        Squared distances, ascending.
    ids : array, shape (m, k), int64
        Rows of X.
    """
    m, (n, d) = Q.shape[0], X.shape
    wide = d >= WIDE and n >= 2 * (k + SPARE)
    shard = n if wide else max(4 * k, SHARD_NUMBERS // d)
    most = (16384, CALL / (work(n, d) if wide else shard * d))
    rows = int(np.clip(most[1], 64 if wide else 16, most[0] if wide else 1024))
    squared, ids = np.empty((m, k), np.float32), np.empty((m, k), np.int64)
    norm = float(np.einsum("ij,ij->i", X, X).max()) if wide else 0.0
    for start in range(0, m, rows):
        part = slice(start, min(m, start + rows))
        if wide:
            squared[part], ids[part] = _by_products(Q[part], X, k, norm)
        else:
            squared[part], ids[part] = _directly(Q[part], X, k, shard)
        if tick is not None:
            tick(part.stop - start)
    return squared, ids


def _directly(Q: FloatArray, X: FloatArray, k: int, shard: int) -> tuple[Array, Array]:
    """Compare by sums of squared differences, ``shard`` vectors at a time."""
    import faiss

    block = padded(Q, faiss)
    best = faiss.ResultHeap(block.shape[0], k)
    with faiss_without_blas(faiss):
        for first in range(0, X.shape[0], shard):
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
    squared, ids = _ascending(squared, ids)
    # What is no candidate is at least as far as the last one, but for rounding: of d + 2 sums, each
    # of numbers up to (|x| + |y|)^2. (Higham 2002, section 3.1.)
    lost = (d + 2) * UNIT * 2.0 * (np.einsum("ij,ij->i", Q, Q).astype(np.float64) + norm)
    sure = squared[:, k - 1] * (1.0 + (d + 2) * UNIT) < near[:, -1] - lost
    squared, ids = squared[:, :k], ids[:, :k]
    rest = np.flatnonzero(~sure)
    if rest.size:
        found = _ascending(*_directly(Q[rest], X, k, max(4 * k, SHARD_NUMBERS // d)))
        squared[rest], ids[rest] = found
    return squared, ids


def _ascending(squared: Array, ids: Array) -> tuple[Array, Array]:
    """Sort each row by distance, and by number among equals."""
    by_id = np.argsort(ids, axis=1)
    squared, ids = (np.take_along_axis(a, by_id, axis=1) for a in (squared, ids))
    order = np.argsort(squared, axis=1, kind="stable")
    return np.take_along_axis(squared, order, axis=1), np.take_along_axis(ids, order, axis=1)
