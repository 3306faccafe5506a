"""Inverted lists in parts: filled, searched and emptied one after the other, results merged.

For vectors whose lists don't fit in memory as a whole: the vectors may lie in a file. Cells and
visits are those of the whole lists, and so are the neighbours; of several candidates at the very
distance of the last one, the lower numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base import deadline, threads
from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.exact import CALL, SEARCHING, exact, padded, work
from gputsne.neighbors.search.ivf import (
    assign_cells,
    imbalance_of,
    list_work,
    quantizer_of,
    train_cells,
    visits_needed,
)
from gputsne.neighbors.search.ranking import nearest_first

__all__ = ["PartLists", "PartedLists", "PartedSearch", "merge"]

USUAL = 91  # neighbours of a usual search, the query itself among them
SPARE = 8  # candidates of each part beyond k: so many at one distance are told apart by number
CANDIDATE_BYTES = 12  # of a candidate: its distance and its number
HELD = 3  # times that candidates are held while two parts are merged
FEWEST = 16_384  # queries of one block, or the filling of parts would take longer than the search


class PartLists:
    """The inverted lists of some consecutive vectors.

    Parameters
    ----------
    quantizer : faiss.IndexFlatL2
        The cells' centres, of all vectors (``quantizer_of``).
    X : array, shape (m, d), float32
        The vectors; FAISS keeps a copy.
    cells : array, shape (m,), int
        Cell of each (``assign_cells``).
    first : int
        Number of the first among all vectors.
    """

    def __init__(self, quantizer: Any, X: FloatArray, cells: Array, first: int = 0) -> None:
        import faiss

        self._index: Any = faiss.IndexIVFFlat(quantizer, X.shape[1], quantizer.ntotal)
        self._index.is_trained = True
        step = max(16, int(CALL / (16 * X.shape[1])))
        for start in range(0, len(X), step):
            deadline.check(SEARCHING)
            block = np.ascontiguousarray(X[start : start + step], dtype=np.float32)
            lists = np.ascontiguousarray(cells[start : start + step], dtype=np.int64)
            numbers = np.arange(first + start, first + start + len(block))
            at = faiss.swig_ptr
            self._index.add_core(len(block), at(block), at(numbers), at(lists))

    def search(self, Q: FloatArray, k: int, nprobe: int) -> tuple[Array, Array]:
        """Find candidates for the k nearest in the lists of each query's nearest cells.

        Parameters
        ----------
        Q : array, shape (m, d), float32
            Queries.
        k : int
            Neighbours that are wanted of all parts together.
        nprobe : int
            Cells to visit.

        Returns
        -------
        squared : array, shape (m, k + 8), float32
            Squared distances, ascending; infinite where there are fewer candidates.
        ids : array, shape (m, k + 8), int64
            Numbers among all vectors; -1 for none.
        """
        import faiss

        wanted = faiss.SearchParametersIVF()
        wanted.nprobe = min(nprobe, self._index.nlist)
        with threads.faiss_without_blas(faiss):
            squared, ids = self._index.search(padded(Q, faiss), k + SPARE, params=wanted)
        squared, ids = squared[: len(Q)], ids[: len(Q)]
        squared[ids < 0] = np.inf
        return squared, ids


def merge(k: int, *parts: tuple[Array, Array]) -> tuple[Array, Array]:
    """Merge the candidates of several parts.

    Parameters
    ----------
    k : int
        How many to keep.
    *parts : tuple of two arrays, each of shape (m, any number)
        Squared distances and numbers of each part; -1 at an infinite distance for none.

    Returns
    -------
    squared, ids : array, shape (m, k)
        Nearest first, the lower number among equals; those of no candidate last.
    """
    squared, ids = (np.concatenate(held, axis=1) for held in zip(*parts, strict=True))
    last = np.where(ids < 0, np.iinfo(np.int64).max, ids)  # behind others at no finite distance
    squared, last = nearest_first(squared, last, k)
    return squared, np.where(last == np.iinfo(np.int64).max, -1, last)


class PartedLists:
    """An inverted file over X that is never in memory as a whole; see ``InvertedLists``.

    Parameters
    ----------
    X : array, shape (n, d), float32, C order
        Database; may be mapped from a file.
    seed : int
        Of the training sample and of k-means.
    parts : int
        How many parts, of equal numbers of vectors.

    Attributes
    ----------
    nlist : int
        Number of lists.
    imbalance : float
        As of ``InvertedLists``.
    """

    def __init__(self, X: FloatArray, seed: int, parts: int) -> None:
        import faiss

        n = len(X)
        self.X = X
        self._quantizer = quantizer_of(train_cells(X, seed))
        self.nlist = int(self._quantizer.ntotal)
        with threads.faiss_without_blas(faiss):
            self.cells = assign_cells(self._quantizer, X)
        self.imbalance = imbalance_of(np.bincount(self.cells, minlength=self.nlist))
        self.bounds = np.linspace(0, n, min(parts, n) + 1).astype(np.int64).tolist()

    def visiting(self, nprobe: int) -> PartedSearch:
        """Return the search that visits so many cells."""
        return PartedSearch(self, nprobe)

    def fewest_visits(self, Q: FloatArray, truth: Array, least: float) -> int:
        """Return how many cells have to be visited; see ``InvertedLists``."""
        return visits_needed(self._quantizer, self.cells, Q, truth, least)

    def work(self, nprobe: int) -> float:
        """Return the multiplications that a query takes."""
        n, d = self.X.shape
        return list_work(n, d, nprobe, self.imbalance)

    def beats_exact(self, nprobe: int) -> bool:
        """Tell whether a search in so many cells is quicker than one in everything."""
        return self.work(nprobe) < work(*self.X.shape)

    def part(self, number: int) -> PartLists:
        """Return the lists of one part, filled now."""
        start, stop = self.bounds[number], self.bounds[number + 1]
        return PartLists(self._quantizer, self.X[start:stop], self.cells[start:stop], start)

    def search(
        self, Q: FloatArray, k: int, nprobe: int, own: Array | None = None
    ) -> tuple[Array, Array]:
        """Find the k nearest among the lists of the ``nprobe`` nearest cells, for one block.

        ``own`` are the vectors that the queries belong to, which says in which order lists stay in
        the cache. Rows that find fewer than k there are searched for exactly.
        """
        order = np.arange(len(Q)) if own is None else np.argsort(self.cells[own], kind="stable")
        step = int(np.clip(CALL / self.work(nprobe), 16, 16384))
        squared = np.full((len(Q), k + SPARE), np.inf, np.float32)
        ids = np.full((len(Q), k + SPARE), -1, np.int64)
        for number in range(len(self.bounds) - 1):
            lists = self.part(number)
            for start in range(0, len(Q), step):
                deadline.check(SEARCHING)
                some = order[start : start + step]
                found = lists.search(Q[some], k, nprobe)
                squared[some], ids[some] = merge(k + SPARE, (squared[some], ids[some]), found)
            del lists  # before the next is filled
        squared, ids = squared[:, :k].copy(), ids[:, :k].copy()
        short = np.flatnonzero(ids[:, -1] < 0)
        if short.size:
            squared[short], ids[short] = exact(Q[short], self.X, k)
        return squared, ids


class PartedSearch:
    """Inverted lists in parts, and how many of them each query visits.

    Parameters
    ----------
    lists : PartedLists
        Shared by searches of other ``nprobe``.
    nprobe : int
        Cells to visit.
    """

    source = "faiss-ivf"

    def __init__(self, lists: PartedLists, nprobe: int) -> None:
        self.lists, self.nprobe = lists, nprobe
        n, d = lists.X.shape
        # With what is found for them, the queries of a block take about as much as a part.
        room = 6 * n * d // (len(lists.bounds) - 1)
        each = 4 * d + HELD * CANDIDATE_BYTES * (USUAL + SPARE)
        self.rows = int(max(FEWEST, room // each))

    def order(self) -> Array:
        """Return the vectors' own order, in which a file is read from its beginning to its end."""
        return np.arange(len(self.lists.X))

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest; see ``Search``."""
        mine = own if len(own) == len(Q) and (own >= 0).all() else None
        return self.lists.search(Q, k, self.nprobe, mine)
