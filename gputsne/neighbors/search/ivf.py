"""Which vectors are nearest, of those in the nearest k-means cells? FAISS, in blocks.

Distances are added up as in exact.py: a row's result depends on nothing but the row and the lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gputsne.base import resources
from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.exact import CALL, exact, padded, work

__all__ = ["Lists", "without_self"]

# k-means: cells grow as n^(2/3), the balance of comparing with centroids and with cells' members.
# 0.35 n^(2/3) is 594 at 70,000 and 3,500 at a million (512 and 4,096 were best of powers of two).
CELLS = 0.35
# 32 vectors a cell and 4 rounds cost 1.7 s where 64 and 10 cost 8.0 s (4,096 cells, two cores), and
# then 20 cells are probed for the recall that 18 give.
TRAINING_ROWS = 32
TRAINING_ROUNDS = 4


class Lists:
    """An inverted file over X: each vector sits in the list of its nearest k-means cell.

    MNIST x 50 columns, k = 90, recall 0.95, CPU seconds of two shared cores together: 70,000 rows
    4.4; a million rows 149, of these training and filling 20, measuring recall 11, and 1.0 GB of
    memory beside X. 100,000 new rows into 70,000: 5.3 with the building of the lists.

    Parameters
    ----------
    X : array, shape (n, d), float32, C order
        Database; FAISS keeps a copy.
    seed : int
        Of the training sample and of k-means.

    Attributes
    ----------
    cells : int
        Number of lists.
    """

    def __init__(self, X: FloatArray, seed: int) -> None:
        import faiss

        n, d = X.shape
        self.X = X
        self.cells = max(1, min(n // TRAINING_ROWS, round(CELLS * n ** (2 / 3))))
        index: Any = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, self.cells)
        rng = np.random.default_rng(seed)
        sample = np.sort(rng.permutation(n)[: TRAINING_ROWS * self.cells])
        index.cp.seed = seed % (2**31 - 1)
        index.cp.niter = TRAINING_ROUNDS
        index.cp.min_points_per_centroid = 1  # the default prints a warning below 39
        index.cp.max_points_per_centroid = TRAINING_ROWS + 1
        # k-means may use BLAS, whose sums could depend on the number of threads; FAISS looks for
        # Ctrl-C itself here. The centre comes off, or far from 0 its distances would cancel.
        centre = X[sample].mean(axis=0, dtype=np.float64).astype(np.float32)
        with resources.limit(1):
            index.train(X[sample] - centre)
        centroids = index.quantizer.reconstruct_n(0, self.cells) + centre
        index.quantizer.reset()
        index.quantizer.add(centroids)
        step = max(16, int(CALL / (self.cells * d)))
        with resources.faiss_without_blas(faiss):
            for start in range(0, n, step):
                index.add(X[start : start + step])
        self._index: Any = index
        # How much longer lists are than equal ones would be, seen from a random vector.
        self._imbalance = float(index.invlists.imbalance_factor())

    def order(self) -> Array:
        """Return all row numbers, list by list: searched in this order, lists stay in the cache.

        Half the time of the rows' own order (a million vectors, 4,096 cells).
        """
        import faiss

        lists = self._index.invlists
        sizes = [int(lists.list_size(cell)) for cell in range(self.cells)]
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(cell), size).copy()
            for cell, size in enumerate(sizes)
            if size
        ]
        return np.concatenate(parts)

    def blocks(self, m: int, nprobe: int) -> Iterator[slice]:
        """Cut m queries into slices that take one CALL each."""
        step = int(np.clip(CALL / self.work(nprobe), 16, 16384))
        for start in range(0, m, step):
            yield slice(start, min(m, start + step))

    def work(self, nprobe: int) -> float:
        """Return the multiplications that a query takes."""
        n, d = self.X.shape
        scanned = min(float(n), nprobe * n / self.cells * self._imbalance)
        return float(max(d, 50.0) * (self.cells + scanned))

    def pay(self, nprobe: int) -> bool:
        """Tell whether a search in so many cells is quicker than one in everything."""
        return self.work(nprobe) < work(*self.X.shape)

    def search(self, Q: FloatArray, k: int, nprobe: int) -> tuple[Array, Array]:
        """Find the k nearest among the lists of the ``nprobe`` nearest cells, for one block.

        Rows that find fewer than k there are searched for exactly.
        """
        import faiss

        m = Q.shape[0]
        # nprobe of this call: the index is shared by threads that may ask for other k.
        wanted = faiss.SearchParametersIVF()
        wanted.nprobe = min(nprobe, self.cells)
        with resources.faiss_without_blas(faiss):
            squared, ids = self._index.search(padded(Q, faiss), k, params=wanted)
        squared, ids = squared[:m], ids[:m]
        short = np.flatnonzero(ids[:, -1] < 0)
        if short.size:
            squared[short], ids[short] = exact(Q[short], self.X, k)
        return squared, ids

    def probes_for(
        self, Q: FloatArray, own: Array, k: int, min_recall: float, *, give_up: bool = False
    ) -> tuple[int, float]:
        """Raise ``nprobe`` until the share of true neighbours found reaches ``min_recall``.

        Parameters
        ----------
        Q : array, shape (s, d), float32
            Sampled queries, the vectors of rows ``own`` (not counted as their own neighbours).
        own : array, shape (s,)
            Rows of X that the queries belong to.
        k : int
            Neighbours that are asked for.
        min_recall : float
            Share to reach.
        give_up : bool
            Stop where so many cells do not ``pay``; the recall is then short of the wish.

        Returns
        -------
        nprobe : int
            Cells to visit; all of them in the worst case, and then the search is exact.
        recall : float
            Measured on these queries. A neighbour counts by its distance, so ties are no misses.
        """
        truth = without_self(*exact(Q, self.X, k + 1), own)[0]
        # Two kernels of FAISS round the same distance apart by a few units of 2**-24.
        farthest = truth[:, -1:] * np.float32(1 + 1e-5)
        nprobe = 1
        while True:
            found = 0
            for block in self.blocks(Q.shape[0], nprobe):
                squared, ids = self.search(Q[block], k + 1, nprobe)
                squared, _ = without_self(squared, ids, own[block])
                found += int((squared <= farthest[block]).sum())
            recall = found / (Q.shape[0] * k)
            hopeless = give_up and not self.pay(nprobe)
            if recall >= min_recall or nprobe >= self.cells or hopeless:
                return nprobe, recall
            nprobe = min(self.cells, max(nprobe + 1, round(nprobe * 1.15)))


def without_self(squared: Array, ids: Array, own: Array) -> tuple[Array, Array]:
    """Drop from each row of ``ids`` (m, k + 1) its ``own`` number, else the farthest; give (m, k).

    By number, because a copy of the point may come before the point itself.
    """
    drop = ids == own[:, None]
    drop[~drop.any(axis=1), -1] = True
    m, k = ids.shape[0], ids.shape[1] - 1
    return squared[~drop].reshape(m, k), ids[~drop].reshape(m, k)
