"""Which k points are nearest to each point of X? Picks the search and runs it."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base import resources
from gputsne.base.arrays import host
from gputsne.base.random import draw_seed
from gputsne.base.types import Array, FloatArray, KNNGraph
from gputsne.neighbors.duplicates import crowds, ring
from gputsne.neighbors.given import from_sparse_distances
from gputsne.neighbors.metric import EUCLIDEAN_LIKE, NAMES, Geometry
from gputsne.neighbors.search.exact import exact as exact_search
from gputsne.neighbors.search.exact import work
from gputsne.neighbors.search.ivf import Lists, without_self
from gputsne.neighbors.search.pairwise import Pairwise, smallest

__all__ = ["BLOCK", "SAMPLE", "affordable", "check_options", "knn", "numeric_rows"]

# All pairs are compared while that takes a second or so: exact needs no excuse. Beyond, where lists
# would take longer for the recall that is asked for (bench/results/search.json).
EXACT_WORK = 1e10
# Queries that recall is measured on; its standard error is then below 0.005.
SAMPLE = 1000
BLOCK = 4096  # rows that are handed to exact search at a time


def knn(
    X: Any,
    k: int,
    *,
    metric: str | Callable[..., float] = "euclidean",
    metric_params: dict[str, Any] | None = None,
    exact: bool | str = "auto",
    min_recall: float = 0.98,
    n_jobs: int | None = None,
    random_state: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> KNNGraph:
    r"""Find the k nearest neighbours of every row, itself not among them.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Finite numbers, searched in float32. With ``metric="precomputed"``, distances of shape
        (n, n), dense or sparse.
    k : int
        Neighbours of each row, from 1 to n - 1.
    metric : str or callable, default "euclidean"
        "euclidean", "sqeuclidean", "cosine", "correlation" and "inner_product" are searched by
        FAISS; every other name of ``sklearn.metrics.pairwise_distances`` and callables
        ``f(x, y) -> float`` compare all pairs. The inner product's distance is
        sqrt(\|x\|^2 + max \|y\|^2 - 2 x.y), which ascends as x.y descends.
    metric_params : dict or None
        Parameters of a metric that FAISS doesn't search.
    exact : bool or "auto", default "auto"
        Whether to compare all pairs; "auto" does for up to some 13,000 rows, and beyond where that
        is quicker than to reach ``min_recall`` otherwise.
    min_recall : float, default 0.98
        Share of true neighbours that an inexact search must find, measured on 1,000 rows.
    n_jobs : int or None
        Threads, as in ``TSNE``. The result is the same for any number.
    random_state : int, RandomState, Generator or None
        Seed of k-means and of the sampled rows.
    progress : callable or None
        Called as ``progress(done, n)`` with the rows that are done.

    Returns
    -------
    KNNGraph
        Indices and distances, nearest first, with the recall that was measured.

    Raises
    ------
    ValueError, TypeError
        Names the argument, its value and the remedy.

    Notes
    -----
    Rows with more than k exact copies get copies as neighbours, in turn, without a search.

    Examples
    --------
    >>> graph = knn([[0.0], [1.0], [3.0]], k=1)
    >>> graph.indices.ravel().tolist()
    [1, 0, 1]
    """
    check_options(metric, metric_params, exact, min_recall)
    jobs = resources.resolve_n_jobs(n_jobs)
    if isinstance(metric, str) and metric == "precomputed":
        return from_sparse_distances(
            X, _checked_k(k, X.shape[0] if hasattr(X, "shape") else len(X))
        )
    rows = numeric_rows(X)
    k = _checked_k(k, rows.shape[0])
    seed = draw_seed(random_state)
    counter = _Counter(rows.shape[0], progress)
    if not isinstance(metric, str) or metric not in NAMES:
        return _all_pairs(rows, k, metric, metric_params, jobs, counter)

    import faiss  # noqa: F401  before the limit, which caps only what is loaded

    with resources.limit(jobs):
        return _by_faiss(rows, k, NAMES[metric], exact, min_recall, seed, counter)


def check_options(metric: Any, metric_params: Any, exact: Any, min_recall: Any) -> None:
    """Raise for options that are wrong or that would have no effect."""
    if not isinstance(metric, str) and not callable(metric):
        raise TypeError(f"metric must be a name or a callable, got {metric!r}")
    if exact not in (True, False, "auto"):
        raise ValueError(f"exact={exact!r} is none of True, False and 'auto'")
    if not isinstance(min_recall, numbers.Real) or not 0.0 < float(min_recall) <= 1.0:
        raise ValueError(f"min_recall={min_recall!r} must be above 0 and at most 1")
    by_faiss = isinstance(metric, str) and metric in NAMES
    if exact is False and not by_faiss:
        raise ValueError(
            f"exact=False needs one of the metrics {', '.join(NAMES)}; metric={metric!r} is only "
            "searched exactly"
        )
    if metric_params and (by_faiss or metric == "precomputed"):
        raise ValueError(f"metric_params={metric_params!r} has no effect with metric={metric!r}")


def affordable(n: int, d: int) -> bool:
    """Say whether comparing all pairs of n rows with d columns is quick."""
    return n * work(n, d) <= EXACT_WORK


def _checked_k(k: Any, n: int) -> int:
    if isinstance(k, bool) or not isinstance(k, numbers.Integral):
        raise TypeError(f"k must be an integer, got {k!r}")
    if not 1 <= int(k) <= n - 1:
        remedy = f"use k from 1 to {n - 1}" if n > 1 else "one row has no neighbours"
        raise ValueError(f"k={k} neighbours can't be found among n_samples={n} rows: {remedy}")
    return int(k)


def numeric_rows(X: Any) -> FloatArray:
    """Return X as finite float32 rows in C order, without a copy where it is that already."""
    if hasattr(X, "tocsr"):
        raise TypeError("X is sparse: reduce it first, sklearn.decomposition.TruncatedSVD(50)")
    values = np.asarray(host(X))
    if values.dtype.kind == "O":
        values = values.astype(np.float64)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"X holds {values.dtype}, which is no real number: convert it to float")
    if values.ndim != 2:
        raise ValueError(f"Expected 2D array, got {values.ndim}D array instead. Reshape your data")
    if values.shape[1] == 0:
        raise ValueError(f"Found array with 0 feature(s) (shape={values.shape}): 1 is the minimum")
    with np.errstate(over="ignore"):
        rows: FloatArray = np.ascontiguousarray(values, dtype=np.float32)
    if rows.size and not np.isfinite(float(rows.min()) + float(rows.max())):
        raise ValueError(
            "X contains NaN, infinity or a value too large for dtype('float32'): drop or replace it"
        )
    return rows


class _Counter:
    """Adds up rows that are done and tells the caller's progress bar."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self.total, self.done, self.progress = total, 0, progress

    def __call__(self, more: int) -> None:
        self.done += more
        if self.progress is not None and more:
            self.progress(self.done, self.total)


def _all_pairs(
    X: FloatArray, k: int, metric: Any, params: dict[str, Any] | None, jobs: int, counter: _Counter
) -> KNNGraph:
    pairs = Pairwise(X, metric, params, jobs)
    n = X.shape[0]
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    rows = pairs.rows_per_block()
    with resources.limit(jobs):
        for start in range(0, n, rows):
            stop = min(n, start + rows)
            D = pairs.distances(X[start:stop])
            D[np.arange(stop - start), np.arange(start, stop)] = np.inf
            lengths[start:stop], ids[start:stop] = smallest(D, k)
            counter(stop - start)
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "callable")
    return KNNGraph(ids, lengths, source="sklearn", metric=name)


def _by_faiss(
    X: FloatArray, k: int, metric: str, exact: bool | str, min_recall: float, seed: int,
    counter: _Counter,
) -> KNNGraph:  # fmt: skip
    n = X.shape[0]
    geometry = Geometry.of(X, metric)
    Z = geometry.database(X)
    ids, lengths = np.empty((n, k), np.int32), np.zeros((n, k), np.float32)

    # 1. Crowds of copies are answered at once, and all but k of each leave the database.
    asking, kept = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    for group in crowds(Z, k) if metric in EUCLIDEAN_LIKE else []:
        ring(group, k, ids)
        asking[group] = False
        kept[group[k:]] = False
    counter(int(n - asking.sum()))
    rows = np.flatnonzero(asking)
    whole = bool(kept.all())
    number = np.arange(n) if whole else np.flatnonzero(kept)
    database = Z if whole else Z[number]
    place = np.cumsum(kept) - 1  # row of X -> row of the database

    def write(block: Array, squared: Array, found: Array) -> None:
        squared, found = without_self(squared, found, place[block])
        lengths[block] = geometry.distances(squared)
        ids[block] = number[found]
        counter(block.size)

    def vectors(block: Array) -> FloatArray:
        return geometry.queries(X[block]) if metric == "inner_product" else Z[block]

    # 2. The rest is compared with everything, or with the lists of the nearest cells.
    auto = exact == "auto"
    if auto:
        exact = affordable(*database.shape) or min_recall == 1.0
    lists = None if exact or rows.size == 0 else Lists(database, seed)
    if lists is not None:
        rng = np.random.default_rng([seed, 1])
        sample = np.sort(rng.permutation(rows)[:SAMPLE])
        own = place[sample]
        nprobe, recall = lists.probes_for(vectors(sample), own, k, min_recall, give_up=auto)
    if lists is None or (auto and not lists.pay(nprobe)):
        for start in range(0, rows.size, BLOCK):
            block = rows[start : start + BLOCK]
            write(block, *exact_search(vectors(block), database, k + 1))
        return KNNGraph(ids, lengths, 1.0, "faiss-flat", metric)
    rows = number[lists.order()]
    rows = rows[asking[rows]]
    for part in lists.blocks(rows.size, nprobe):
        write(rows[part], *lists.search(vectors(rows[part]), k + 1, nprobe))
    return KNNGraph(ids, lengths, recall, "faiss-ivf", metric)
