"""Bytes that a search for neighbours takes, bounded from above; refuses what can't fit.

The plan of a whole fit (planning/memory.py) counts the same ones.
"""

from __future__ import annotations

from typing import Any

from gputsne.base.errors import OverMemory
from gputsne.base.memory import available_memory
from gputsne.base.parameter_table import Bytes
from gputsne.base.sizes import size_text
from gputsne.neighbors.metric import VECTORS
from gputsne.neighbors.search.pairwise import CALL

__all__ = [
    "BASE",
    "FAISS_BYTES",
    "LIST_BYTES",
    "check_search",
    "given_bytes",
    "parted_bytes",
    "search_bytes",
]

BASE = 200e6  # interpreter and libraries
FAISS_BYTES = 64_000_000  # blocks of queries, their candidates and what threads keep
PAIR_BYTES = 24  # per pair of a block of all distances: float64, the order of the smallest, a copy
DENSE_BYTES = 16  # per distance of a dense X: compared with its transpose, ranked in blocks
ENTRY_BYTES = 64  # per distance of a sparse X: sorted by row, cut to k, checked for symmetry
STORED_BYTES = 12  # per number of a sparse matrix: float64 and its column
PARTED_ROW_BYTES = 24  # the list of each row, the rows list by list, and both while they are made
LIST_BYTES = 8  # per neighbour: its index and its distance


def search_bytes(n: int, d: int, metric: Any) -> int:
    """Return what a search among n rows of d columns takes besides the rows and the lists.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    metric : str or callable
        As in ``knn``.

    Returns
    -------
    int
        Bytes.
    """
    if isinstance(metric, str) and metric in VECTORS:
        return 6 * n * d + FAISS_BYTES  # FAISS's lists grow by half at a time
    rows = min(n, 4096, max(1, int(CALL / max(d, 8) / n)))
    return PAIR_BYTES * rows * n + 8 * n * d


def parted_bytes(n: int, d: int, parts: int) -> int:
    """Return what a search takes whose inverted lists are made in parts, one at a time.

    Parameters
    ----------
    n, d : int
        Rows and columns.
    parts : int
        How many.

    Returns
    -------
    int
        Bytes: of one part, as ``search_bytes``; of a block of queries with what was found for them,
        as much again; and the list of each row.
    """
    return 2 * (6 * n * d // parts) + PARTED_ROW_BYTES * n + FAISS_BYTES


def given_bytes(n: int, entries: int | None) -> tuple[int, int]:
    """Return what a matrix of distances between n points takes, and reading lists from it.

    Parameters
    ----------
    n : int
        Rows and columns.
    entries : int or None
        Numbers that it stores; None for a dense one.

    Returns
    -------
    data, search : int
        Bytes.
    """
    if entries is None:
        return 8 * n * n, DENSE_BYTES * n * n
    return STORED_BYTES * entries, ENTRY_BYTES * entries


def check_search(X: Any, k: Any, metric: Any, limit: Any) -> None:
    """Raise before anything is allocated where a search for neighbours doesn't fit in memory.

    Parameters
    ----------
    X : array_like or sparse matrix
        Rows, or distances where ``metric`` is "precomputed"; without a shape of its own (a list)
        it is let through, as small as it must be.
    k : int
        Neighbours of each row.
    metric : str or callable
        As in ``knn``.
    limit : int, str or None
        As ``memory_limit`` of ``TSNE``.

    Raises
    ------
    OverMemory
        With both figures and the remedies.
    TypeError, ValueError
        For a limit that is no amount of memory.
    """
    allowed = Bytes().read("memory_limit", limit)
    free = allowed is None
    allowed = available_memory() if allowed is None else allowed
    shape: Any = getattr(X, "shape", ())
    if allowed is None or not isinstance(shape, tuple) or len(shape) != 2 or min(shape) < 1:
        return
    n, d = int(shape[0]), int(shape[1])
    if isinstance(metric, str) and metric == "precomputed":
        data, search = given_bytes(n, int(X.nnz) if hasattr(X, "tocsr") else None)
    else:
        data, search = 4 * n * d, search_bytes(n, d, metric)
    need = BASE + data + search + LIST_BYTES * n * k
    if need > allowed:
        raise OverMemory(
            f"this search needs {size_text(need)}, {'free memory' if free else 'memory_limit'} is "
            f"{size_text(allowed)}; lower k, reduce X to fewer columns by PCA, or search a sample"
        )
