"""Inverted lists (IVF): the nearest vectors among those of the nearest k-means cells, by FAISS.

Distances are summed as in exact.py: a row's result depends on nothing but the row and the lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base import deadline, threads
from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.exact import CALL, SEARCHING, exact, padded, work

__all__ = [
    "InvertedLists", "ListSearch", "assign_cells", "build_work", "imbalance_of", "list_count",
    "list_work", "quantizer_of", "train_cells", "visits_needed",
]  # fmt: skip

# k-means: lists grow as n^(2/3), the balance of comparing with centroids and with lists' members.
# 0.35 n^(2/3) is 594 at 70,000 and 3,500 at a million (512 and 4,096 were best of powers of two).
CELLS = 0.35
# 32 vectors per cell and 4 rounds cost 1.7 s where 64 and 10 cost 8.0 s (4,096 cells, two cores),
# and then 20 cells are visited for the recall that 18 give.
TRAINING_ROWS = 32
TRAINING_ROUNDS = 4


class InvertedLists:
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
    nlist : int
        Number of lists.
    imbalance : float
        Expected length of a random vector's list, over n / nlist.
    """

    def __init__(self, X: FloatArray, seed: int) -> None:
        import faiss

        n, d = X.shape
        self.X = X
        quantizer = quantizer_of(train_cells(X, seed))
        self.nlist = int(quantizer.ntotal)
        index: Any = faiss.IndexIVFFlat(quantizer, d, self.nlist)
        index.is_trained = True
        step = max(16, int(CALL / (self.nlist * d)))
        with threads.faiss_without_blas(faiss):
            for start in range(0, n, step):
                deadline.check(SEARCHING)
                index.add(X[start : start + step])
        self._index: Any = index
        self.imbalance = float(index.invlists.imbalance_factor())

    def __getstate__(self) -> dict[str, Any]:
        """Return the lists as bytes, for another process; FAISS keeps the vectors in them, too."""
        import faiss

        return {**vars(self), "_index": faiss.serialize_index(self._index)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the lists."""
        import faiss

        vars(self).update(state)
        self._index = faiss.deserialize_index(state["_index"])

    def visiting(self, nprobe: int) -> ListSearch:
        """Return the search that visits so many lists."""
        return ListSearch(self, nprobe)

    def rows_by_list(self) -> Array:
        """Return all row numbers, list by list: searched in this order, lists stay in the cache.

        Half the time of the rows' own order (a million vectors, 4,096 cells).
        """
        import faiss

        lists = self._index.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(i), size).copy()
            for i, size in enumerate(self._sizes())
            if size
        ]
        return np.concatenate(parts)

    def _sizes(self) -> list[int]:
        return [int(self._index.invlists.list_size(i)) for i in range(self.nlist)]

    def fewest_visits(self, Q: FloatArray, truth: Array, least: float) -> int:
        """Return how many lists have to be visited to find that share of true neighbours.

        Parameters
        ----------
        Q : array, shape (s, d), float32
            Queries.
        truth : array, shape (s, k), int
            Numbers of their true neighbours; -1 for none.
        least : float
            The share.
        """
        cell = np.empty(len(self.X), np.int64)
        cell[self.rows_by_list()] = np.repeat(np.arange(self.nlist), self._sizes())
        return visits_needed(self._index.quantizer, cell, Q, truth, least)

    def work(self, nprobe: int) -> float:
        """Return the multiplications that a query takes."""
        n, d = self.X.shape
        return list_work(n, d, nprobe, self.imbalance)

    def beats_exact(self, nprobe: int) -> bool:
        """Tell whether a search in so many lists is quicker than one in everything."""
        return self.work(nprobe) < work(*self.X.shape)

    def search(self, Q: FloatArray, k: int, nprobe: int) -> tuple[Array, Array]:
        """Find the k nearest among the lists of the ``nprobe`` nearest cells, for one block.

        Rows that find fewer than k there are searched for exactly.
        """
        import faiss

        m = Q.shape[0]
        # nprobe of this call: threads that share the index may ask for other k.
        wanted = faiss.SearchParametersIVF()
        wanted.nprobe = min(nprobe, self.nlist)
        with threads.faiss_without_blas(faiss):
            squared, ids = self._index.search(padded(Q, faiss), k, params=wanted)
        squared, ids = squared[:m], ids[:m]
        short = np.flatnonzero(ids[:, -1] < 0)
        if short.size:
            squared[short], ids[short] = exact(Q[short], self.X, k)
        return squared, ids


def train_cells(X: FloatArray, seed: int) -> FloatArray:
    """Return the centres of the cells, by k-means over a sample.

    Parameters
    ----------
    X : array, shape (n, d), float32
        All vectors; only the sample is read.
    seed : int
        Of the sample and of k-means.

    Returns
    -------
    array, shape (nlist, d), float32
    """
    n, count = len(X), list_count(len(X))
    rng = np.random.default_rng(seed)
    sample = X[np.sort(rng.permutation(n)[: TRAINING_ROWS * count])]
    # The centre comes off, or far from 0 the distances of k-means would cancel.
    centre = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    centres: FloatArray = _centroids(sample - centre, count, seed) + centre
    return centres


def quantizer_of(centres: FloatArray) -> Any:
    """Return FAISS's index of the cells' centres."""
    import faiss

    index: Any = faiss.IndexFlatL2(centres.shape[1])
    index.add(centres)
    return index


def assign_cells(quantizer: Any, X: FloatArray) -> Array:
    """Return the cell that each vector lies in, shape (n,), int32; without BLAS (``threads``)."""
    import faiss

    n, d = X.shape
    cells = np.empty(n, np.int32)
    step = max(16, int(CALL / (quantizer.ntotal * d)))
    for start in range(0, n, step):
        deadline.check(SEARCHING)
        block = X[start : start + step]
        cells[start : start + step] = quantizer.search(padded(block, faiss), 1)[1][: len(block), 0]
    return cells


def imbalance_of(sizes: Array) -> float:
    """Return the expected length of a random vector's list, over n / nlist, as FAISS has it."""
    total = float(sizes.sum())
    return float(np.square(sizes.astype(np.float64)).sum() * len(sizes) / (total * total))


def visits_needed(quantizer: Any, cell: Array, Q: FloatArray, truth: Array, least: float) -> int:
    """Return how many cells have to be visited to find that share of true neighbours.

    Parameters
    ----------
    quantizer : faiss.IndexFlatL2
        The cells' centres.
    cell : array, shape (n,), int
        Cell of each vector.
    Q, truth, least
        As of ``InvertedLists.fewest_visits``.

    Returns
    -------
    int
        At least 1, at most the number of cells.
    """
    import faiss

    nlist = int(quantizer.ntotal)
    found = np.zeros(nlist, np.int64)  # true neighbours by the visit that finds them
    visit = np.full(nlist, nlist - 1)
    with threads.faiss_without_blas(faiss):
        nearest = quantizer.search(padded(Q, faiss), nlist)[1][: len(Q)]
    for cells, rows in zip(nearest, truth, strict=True):
        reached = cells[cells >= 0]  # -1: float32 can't hold the distance of that centre
        visit[reached] = np.arange(len(reached))
        found += np.bincount(visit[cell[rows[rows >= 0]]], minlength=nlist)
    share = np.cumsum(found) / max(1, int((truth >= 0).sum()))
    return min(nlist, int(np.searchsorted(share, least)) + 1)


def _centroids(X: FloatArray, count: int, seed: int) -> FloatArray:
    """Return the cells' centres by k-means, shape (count, d): one call of FAISS per round.

    Each round goes on from the centres of the one before, as rounds inside one call would.
    """
    import faiss

    how: Any = faiss.ClusteringParameters()
    how.seed = seed % (2**31 - 1)
    how.niter = 1
    how.min_points_per_centroid = 1  # the default prints a warning below 39
    how.max_points_per_centroid = TRAINING_ROWS + 1
    means: Any = faiss.Clustering(X.shape[1], count, how)
    nearest = faiss.IndexFlatL2(X.shape[1])
    # k-means may use BLAS, whose sums could depend on the number of threads; FAISS looks for
    # Ctrl-C itself here.
    with threads.limit(1):
        for _ in range(TRAINING_ROUNDS):
            deadline.check(SEARCHING)
            nearest.reset()
            means.train(X, nearest)
    centroids: FloatArray = faiss.vector_to_array(means.centroids).reshape(count, X.shape[1])
    return centroids


class ListSearch:
    """Inverted lists, and how many of them each query visits.

    Parameters
    ----------
    lists : InvertedLists
        Shared by searches of other ``nprobe``.
    nprobe : int
        Lists to visit.
    """

    source = "faiss-ivf"

    def __init__(self, lists: InvertedLists, nprobe: int) -> None:
        self.lists, self.nprobe = lists, nprobe
        self.rows = int(np.clip(CALL / lists.work(nprobe), 16, 16384))

    def order(self) -> Array:
        """Return the vectors' numbers, list by list."""
        return self.lists.rows_by_list()

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest; see ``Search``."""
        return self.lists.search(Q, k, self.nprobe)


def list_count(n: int) -> int:
    """Return how many lists n vectors are put into."""
    return int(max(1, min(n // TRAINING_ROWS, round(CELLS * n ** (2 / 3)))))


def list_work(n: int, d: int, nprobe: int, imbalance: float = 1.0) -> float:
    """Return the multiplications that a query in ``nprobe`` lists takes."""
    nlist = list_count(n)
    scanned = min(float(n), nprobe * n / nlist * imbalance)
    return float(max(d, 50.0) * (nlist + scanned))


def build_work(n: int, d: int) -> float:
    """Return the multiplications that training and filling the lists take."""
    nlist = list_count(n)
    return float(max(d, 50.0) * nlist * (TRAINING_ROWS * nlist * TRAINING_ROUNDS + n))
