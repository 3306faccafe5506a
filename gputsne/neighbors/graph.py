"""knn: the k nearest neighbours of every row, whatever the metric and whatever searches."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gputsne.base import threads
from gputsne.base.memory import give_back
from gputsne.base.messages import warn_user
from gputsne.base.random import draw_seed
from gputsne.base.tables import admitted
from gputsne.base.types import Array, KNNGraph
from gputsne.neighbors.choose import Wish, choose_device_search, choose_search
from gputsne.neighbors.device_graph import graph_there
from gputsne.neighbors.duplicates import duplicate_groups, link_cyclically
from gputsne.neighbors.matrix import distance_matrix, from_sparse_distances
from gputsne.neighbors.memory import check_search
from gputsne.neighbors.metric import Metric, SquaredEuclidean, VectorMetric, metric_for
from gputsne.neighbors.recall import Sample, recall_of_rounded, sample_of
from gputsne.neighbors.rows import Rows, farthest_value, read_rows, recentred
from gputsne.neighbors.search.device_rows import DeviceRows
from gputsne.neighbors.search.pairwise import Pairwise
from gputsne.neighbors.search.ranking import others

__all__ = [
    "VectorSearch", "check_reach", "checked_k", "judged", "knn", "on_device", "on_host",
    "recall_of",
]  # fmt: skip


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
    memory_limit: int | str | None = None,
) -> KNNGraph:
    r"""Find the k nearest neighbours of every row, itself not among them.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Finite numbers. FAISS searches in float32, after columns far from 0 were centred where the
        metric allows it. With ``metric="precomputed"``, distances of shape (n, n), dense or sparse.
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
        is quicker than to reach ``min_recall`` otherwise. Of 64 columns and more a pilot of 8,192
        rows tells.
    min_recall : float, default 0.98
        Share of true neighbours that an inexact search must find, measured on 1,000 rows.
    n_jobs : int or None
        Threads; None and -1 take every core the process was granted. The result is the same.
    random_state : int, RandomState, Generator or None
        Seed of k-means and of the sampled rows.
    progress : callable or None
        Called as ``progress(done, n)`` with the rows that are done.
    memory_limit : int, str or None
        Bytes the search may take, as a number or as "8G"; None for what is free.

    Returns
    -------
    KNNGraph
        Indices and distances, nearest first, with the recall that was measured, in the numbers of
        X as they were passed.

    Raises
    ------
    ValueError, TypeError
        Names the argument, its value and the remedy.
    OverMemory
        The search would not fit in memory; nothing was allocated.

    Warns
    -----
    UserWarning
        Where float32 can't tell so many rows apart that ``min_recall`` is missed.

    Notes
    -----
    Rows with more than k exact copies get copies as neighbours, in turn, without a search.

    Examples
    --------
    >>> graph = knn([[0.0], [1.0], [3.0]], k=1)
    >>> graph.indices.ravel().tolist()
    [1, 0, 1]
    """
    X = admitted(X)
    k = _whole_k(k)
    wish = Wish(exact, min_recall)
    if not (isinstance(metric, str) and metric == "precomputed"):
        known = metric_for(metric, metric_params)
        check_search(X, k, metric, memory_limit)
        return _knn(X, k, known, wish, n_jobs, random_state, progress, None)
    check_search(X, k, metric, memory_limit)
    if metric_params:
        raise ValueError(f"metric_params={metric_params!r} has no effect with metric={metric!r}")
    wish.checked(Metric("precomputed"))
    D = distance_matrix(X)
    return from_sparse_distances(D, checked_k(k, D.shape[0]))


def on_host(
    X: Any, k: int, *, metric: Any = "euclidean", metric_params: Any = None,
    min_recall: float = 0.98, n_jobs: int | None = None, random_state: Any = None,
    progress: Callable[[int, int], None] | None = None, parts: int = 1,
) -> KNNGraph:  # fmt: skip
    """Find neighbours on the CPU, as a fit does whose plan has looked at the memory.

    Parameters
    ----------
    X : array, shape (n, d), float32
        Rows.
    k : int
        Neighbours of each.
    metric, metric_params, min_recall, n_jobs, random_state, progress
        As in ``knn``.
    parts : int
        Into how many parts inverted lists are divided, of which one is in memory at a time.

    Returns
    -------
    KNNGraph
        As from ``knn``.
    """
    known = metric_for(metric, metric_params)
    wish = Wish("auto", min_recall, parts=parts)
    return _knn(X, k, known, wish, n_jobs, random_state, progress, None)


def on_device(
    X: Any, k: int, ops: Any, *, metric: Any = "euclidean", metric_params: Any = None,
    min_recall: float = 0.98, n_jobs: int | None = None, random_state: Any = None,
    progress: Callable[[int, int], None] | None = None, by: str = "auto",
) -> KNNGraph:  # fmt: skip
    """Find neighbours on the GPU, on the CPU where that can't.

    Parameters
    ----------
    X : array, shape (n, d), float32
        Rows, in main memory or kept by the device.
    k : int
        Neighbours of each.
    ops : Device
        A backend that searches.
    metric, metric_params, min_recall, n_jobs, random_state, progress
        As in ``knn``.
    by : {"auto", "faiss", "faiss-gpu", "cuvs"}, default "auto"
        What searches: kernels of our own, or FAISS on the CPU, FAISS or cuVS on the GPU.

    Returns
    -------
    KNNGraph
        Its ``source`` says what found it; the log says why.
    """
    known = metric_for(metric, metric_params)
    wish = Wish("auto", min_recall)
    return _knn(X, k, known, wish, n_jobs, random_state, progress, (ops, by))


def _knn(
    X: Any, k: int, metric: Metric, wish: Wish, n_jobs: int | None, random_state: Any,
    progress: Callable[[int, int], None] | None, device: tuple[Any, str] | None,
) -> KNNGraph:  # fmt: skip
    wish = wish.checked(metric)
    jobs = threads.resolve_n_jobs(n_jobs)
    held = hasattr(X, "there")  # prepared rows that a device keeps
    rows = Rows(X) if held else read_rows(X, metric)
    k = checked_k(k, len(rows.values))
    wish = wish._replace(seed=draw_seed(random_state))
    if device is not None and isinstance(metric, VectorMetric) and rows.wide is None:
        counter = _Counter(len(rows.values), progress)
        there = graph_there(rows.values, k, metric, wish, device, counter)
        if there is not None:
            return there
    if held:
        rows = read_rows(np.asarray(X), metric)
    counter = _Counter(len(rows.values), progress)
    if not isinstance(metric, VectorMetric):
        return _by_pairs(rows.values, k, metric, jobs, counter)

    check_reach(rows, metric)
    import faiss  # noqa: F401  before the limit, which caps only what is loaded

    with threads.limit(jobs):
        found = _by_vectors(rows, k, metric, wish, counter, device)
        recall = recall_of(rows, found, metric, wish)
        if recall < wish.min_recall and not metric.origin_matters:
            rows = recentred(rows)
            found = _by_vectors(rows, k, metric, wish, _Counter(counter.total, None), device)
            recall = recall_of(rows, found, metric, wish)
    give_back()  # the lists that were searched in
    return found if recall == 1.0 else judged(rows, found, recall, wish)


def recall_of(rows: Rows, graph: KNNGraph, metric: VectorMetric, wish: Wish) -> float:
    """Return the graph's recall in the user's own numbers; ValueError where they are out of reach.

    Parameters
    ----------
    rows : Rows
        That were searched.
    graph : KNNGraph
        What was found.
    metric : VectorMetric
        Not yet learned from the rows.
    wish : Wish
        With the seed of the rows that are looked at.
    """
    _check_range(rows, graph, metric, wish.seed)
    return recall_of_rounded(rows.wide, metric, graph, wish.seed)


def check_reach(rows: Rows, metric: VectorMetric) -> None:
    """Raise ValueError where one value lies so far out that all others are alike beside it."""
    if isinstance(metric, SquaredEuclidean) and metric.safe_factor(rows.values) is None:
        raise _too_far(rows)


def _whole_k(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, numbers.Integral):
        raise TypeError(f"k must be an integer, got {k!r}")
    return int(k)


def checked_k(given: Any, n: int) -> int:
    """Return k, or raise for what is no whole number from 1 to n - 1."""
    k = _whole_k(given)
    if not 1 <= k <= n - 1:
        remedy = f"use k from 1 to {n - 1}" if n > 1 else "one row has no neighbours"
        raise ValueError(f"k={k} neighbours can't be found among n_samples={n} rows: {remedy}")
    return k


class _Counter:
    """Adds up rows that are done and tells the caller's progress bar."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self.total, self.done, self.progress = total, 0, progress

    def __call__(self, more: int) -> None:
        self.done += more
        if self.progress is not None and more:
            self.progress(self.done, self.total)


def _by_pairs(X: Array, k: int, metric: Metric, jobs: int, counter: _Counter) -> KNNGraph:
    pairs = Pairwise(X, metric, jobs)
    n = len(X)
    ids, lengths = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    step = pairs.rows_per_block()
    with threads.limit(jobs):
        for start in range(0, n, step):
            part = slice(start, min(n, start + step))
            lengths[part], ids[part] = pairs.nearest(X[part], k, start, own=True)
            counter(part.stop - start)
    return KNNGraph(ids, lengths, source="sklearn", metric=metric.name)


class VectorSearch:
    """Rows that are ready to be searched for among themselves, in any number of parts.

    It pickles, so that processes can share the work: each row's neighbours depend on nothing but
    what is held here.

    Parameters
    ----------
    rows : Rows
        To search.
    k : int
        Neighbours of each.
    metric : VectorMetric
        Not yet learned from the rows.
    wish : Wish
        What is asked.
    device : (Ops, str) or None
        As in ``on_device``.

    Attributes
    ----------
    n : int
        Rows.
    answered : array, shape (a,), int64
        Rows of more than k copies, whose neighbours need no search.
    asked : array, shape (n - a,), int64
        The others, in the order in which a search is quickest.
    plain : bool
        Whether float32 holds the rows as they are, so that nothing is compared with them later.
    """

    def __init__(
        self, rows: Rows, k: int, metric: VectorMetric, wish: Wish,
        device: tuple[Any, str] | None = None,
    ) -> None:  # fmt: skip
        X, self.n, self.k = rows.values, len(rows.values), k
        self.metric = metric = metric.learn(X)
        self._Z = Z = metric.to_vectors(X)
        self._X = None if metric.queries_are_vectors else X
        ids = np.empty((self.n, k), np.int32)
        self.searching, kept = _answer_duplicates(Z, k, metric, ids)
        self.answered = np.flatnonzero(~self.searching)
        self.copies = ids[self.answered]
        self.whole = bool(kept.all())
        # row of the database -> row of X
        self.number = np.arange(self.n) if self.whole else np.flatnonzero(kept)
        database = Z if self.whole else Z[self.number]
        self._place = np.cumsum(kept) - 1  # row of X -> row of the database
        self.search: Any = None
        self.recall, self.source = 1.0, "faiss-flat"
        self.plain = rows.wide is None and getattr(metric, "factor", 1.0) == 1.0
        if not self.searching.any():
            self.asked = np.empty(0, np.int64)
            return

        def sample() -> Sample:
            taken = sample_of(np.flatnonzero(self.searching), wish.seed)
            return Sample(self._vectors(taken), self._place[taken])

        chosen = None
        if device is not None:
            chosen = choose_device_search(database, k, metric, wish, sample, *device)
        self.search, self.recall, _ = chosen or choose_search(database, k, wish, sample)
        self.source = self.search.source
        asked = self.number[self.search.order()]
        self.asked = asked[self.searching[asked]]

    def _vectors(self, block: Array) -> Array:
        return self._Z[block] if self._X is None else self.metric.query_vectors(self._X[block])

    def found(self, block: Array) -> tuple[Array, Array]:
        """Return the neighbours of some of the rows asked.

        Parameters
        ----------
        block : array, shape (m,), int64
            Of ``asked``.

        Returns
        -------
        ids : array, shape (m, k), int
            Rows of X, nearest first.
        lengths : array, shape (m, k), float32
            In the metric's unit.
        """
        squared, near = others(self.search, self._vectors(block), self.k, self._place[block])
        return (near if self.whole else self.number[near]), self.metric.to_distances(squared)


def _by_vectors(
    rows: Rows, k: int, metric: VectorMetric, wish: Wish, counter: _Counter,
    device: tuple[Any, str] | None,
) -> KNNGraph:  # fmt: skip
    ready = VectorSearch(rows, k, metric, wish, device)
    metric, n, number = ready.metric, ready.n, ready.number
    ids, lengths = np.empty((n, k), np.int32), np.zeros((n, k), np.float32)
    ids[ready.answered] = ready.copies
    counter(len(ready.answered))
    told = (ready.recall, ready.source, metric.name)
    search = ready.search
    if isinstance(search, DeviceRows) and metric.queries_are_vectors and search.rows >= search.n:
        stage = search.stage
        squared, near = search.nearest(None, k)
        mine = ready.searching[number]
        if ready.whole and mine.all():  # without a copy of n k numbers
            counter(n)
            if ready.plain and stage.all_near(squared, near, np.inf):
                lengths = stage.own_unit(squared, metric.unit, 1.0)
                there: KNNGraph = stage.graph(near, lengths, *told)
                return there
            distances = metric.to_distances(stage.host(squared))
            return KNNGraph(stage.host(near), distances, *told)
        squared, near = map(stage.host, (squared, near))
        block, near = number[mine], near[mine]
        ids[block] = near if ready.whole else number[near]
        lengths[block] = metric.to_distances(squared[mine])
        counter(block.size)
        return KNNGraph(ids, lengths, *told)
    step = 1 if search is None else search.rows
    for start in range(0, len(ready.asked), step):
        block = ready.asked[start : start + step]
        ids[block], lengths[block] = ready.found(block)
        counter(block.size)
    return KNNGraph(ids, lengths, *told)


def _answer_duplicates(Z: Array, k: int, metric: VectorMetric, ids: Array) -> tuple[Array, Array]:
    """Link rows of more than k copies; return which rows still search, and which stay findable."""
    searching, kept = (np.ones(len(Z), dtype=bool) for _ in range(2))
    for group in duplicate_groups(Z, k) if metric.duplicates_are_zero else []:
        link_cyclically(group, k, ids)
        searching[group] = False
        kept[group[k:]] = False
    return searching, kept


def _check_range(rows: Rows, graph: KNNGraph, metric: VectorMetric, seed: int) -> None:
    """Raise ValueError where a value is so far out that the other rows' squares are 0 beside it."""
    X, learned = rows.values, metric.learn(rows.values)
    factor = getattr(learned, "factor", 1.0)
    if factor == 1.0:
        return
    own = sample_of(np.arange(len(X)), seed)
    told = graph.distances[own, -1]
    own, told = own[told < np.finfo(np.float32).max], told[told < np.finfo(np.float32).max]
    near = X[graph.indices[own, -1]].astype(np.float64)
    true = np.linalg.norm((X[own].astype(np.float64) - near) * factor, axis=1)
    if (np.sqrt(learned.to_squared(told.astype(np.float64))) < 0.5 * true).any():
        raise _too_far(rows)


def _too_far(rows: Rows) -> ValueError:
    """Return the error that names the value beside which all others are alike."""
    wide = rows.values.astype(np.float64) if rows.wide is None else rows.wide
    row, column, value = farthest_value(Rows(rows.values, wide, rows.centre))
    return ValueError(
        f"X[{row}, {column}]={value:.6g} lies so far out that float32 can't tell the other "
        "rows apart beside it. If it stands for 'no data', drop that row or fill it; otherwise "
        "clip the column, or take its logarithm"
    )


def judged(rows: Rows, graph: KNNGraph, recall: float, wish: Wish) -> KNNGraph:
    """Return the graph with its recall in the user's numbers; warn where float32 lost too many."""
    if recall < wish.min_recall:
        row, column, value = farthest_value(rows)
        warn_user(
            f"only {recall:.3f} of the neighbours found are true ones: float32 can't tell the rows "
            f"apart beside X[{row}, {column}]={value:.6g}. Drop or clip such values, or scale the "
            "columns"
        )
    return replace(graph, recall=min(graph.recall, recall))
