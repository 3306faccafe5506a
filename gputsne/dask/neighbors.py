"""knn: neighbours of all rows, searched for by many processes in copies of one index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from gputsne.base import threads
from gputsne.base.messages import heard, warn_user
from gputsne.base.random import draw_seed
from gputsne.base.types import Array, KNNGraph
from gputsne.dask.pieces import not_finite, pieces_of, refuse_not_finite
from gputsne.dask.running import RETRIES, Job, Runner, library
from gputsne.neighbors.choose import Wish
from gputsne.neighbors.graph import VectorSearch, check_reach, checked_k, judged, recall_of
from gputsne.neighbors.metric import VECTORS, VectorMetric, metric_for
from gputsne.neighbors.rows import Rows, read_rows, recentred

__all__ = ["knn"]

# Tasks of one search: enough that all workers end together and that a lost one costs little; of
# fewer rows the calls would cost more than the search.
PARTS: Final = 64
LEAST: Final = 1_000


class _Told(NamedTuple):
    """What is known of a search that stays on the cluster.

    Attributes
    ----------
    asked : int
        Rows that search.
    answered : array, int64
        Rows of many copies, which don't.
    copies : array, shape (len(answered), k)
        Their neighbours.
    recall : float
    source, metric : str
        As of ``KNNGraph``.
    plain : bool
        Whether float32 holds the rows as they are, so that there is nothing to check.
    """

    asked: int
    answered: Array
    copies: Array
    recall: float
    source: str
    metric: str
    plain: bool


def knn(
    X: Any, k: int, *, metric: str = "euclidean", exact: bool | str = "auto",
    min_recall: float = 0.98, random_state: Any = None, n_jobs: int = 1, client: Any = None,
    retries: int = RETRIES, progress: Callable[[int, int], None] | None = None,
    verbose: bool = False,
) -> KNNGraph:  # fmt: skip
    """Find the neighbours that ``gputsne.knn`` finds of the blocks one after the other.

    One worker gathers the rows and builds the index, the others get copies of it, and all search
    for their share of the rows.

    Parameters
    ----------
    X : dask array or dataframe, array_like, path, Source, or list of those, shape (n, d)
        Finite numbers. All rows have to fit into each worker, in float32 and twice.
    k : int
        Neighbours of each row, from 1 to n - 1.
    metric : {"euclidean", "sqeuclidean", "cosine", "correlation", "inner_product"}
        As in ``gputsne.knn``.
    exact : bool or "auto", default "auto"
        As in ``gputsne.knn``.
    min_recall : float, default 0.98
        As in ``gputsne.knn``.
    random_state : int, RandomState, Generator or None
        Seed of k-means and of the sampled rows; the same integer as there for the same bytes.
    n_jobs : int, default 1
        Threads of one task; a worker runs as many tasks at once as it has threads.
    client : Client or None
        Of the cluster; None for the current one, or for dask's scheduler in this process.
    retries : int, default 2
        How often a task is run again where it raised.
    progress : callable or None
        Called as ``progress(done, parts)``.
    verbose : bool, default False
        Whether the log tells of progress.

    Returns
    -------
    KNNGraph
        The same bytes, here: ``8 n k`` of them.

    Raises
    ------
    DependencyMissing
        Without dask.
    OverMemory
        The rows and the index don't fit into a worker; nothing was read.
    TypeError, ValueError
        As ``gputsne.knn``, and for metrics that compare pairs one by one.
    RuntimeError
        A task ended every worker that took it.

    Warns
    -----
    UserWarning
        As ``gputsne.knn``.
    """
    dask = library()
    known = metric_for(metric) if metric != "precomputed" else None
    if not isinstance(known, VectorMetric):
        raise ValueError(
            f"metric={metric!r} is searched on one machine alone: use one of "
            f"{', '.join(map(repr, VECTORS))}, or gputsne.knn"
        )
    wish = Wish(exact, min_recall).checked(known)
    jobs = threads.resolve_n_jobs(n_jobs)
    runner = Runner.of(client, retries=retries, progress=progress, verbose=verbose)
    quiet = replace(runner, progress=None, verbose=False)
    pieces = pieces_of(X, client=runner.client).counted(quiet)
    n = pieces.n
    k = checked_k(k, n)
    wish = wish._replace(seed=draw_seed(random_state))
    runner.check(
        f"the index of {n:,} rows of X", n * (pieces.d * (pieces.itemsize + 12.0) + 8 * 4),
        "give workers more memory or fewer threads, or fit a sample (gputsne.dask.sample) and "
        "place the rest (gputsne.dask.transform)",
    )  # fmt: skip
    label = f"the index of the {n:,} rows"
    rows = quiet.kept(
        Job("the rows of X", dask.delayed(_opened, pure=True)(pieces.part(0, n), known))
    )
    wrong = quiet.results([Job("the rows of X", dask.delayed(_refusal, pure=True)(rows))])[0]
    if wrong is not None:
        refuse_not_finite(pieces, [0], [wrong.bad])
        raise wrong.error
    for last in (False, True):
        make = dask.delayed(_made, pure=True)(rows, k, known, wish, jobs)
        ready = quiet.kept(Job(label, make))
        told: _Told = quiet.results([Job(label, dask.delayed(_told, pure=True)(ready))])[0]
        graph = _searched(n, k, told, ready, jobs, runner)
        if told.plain:
            return graph
        check = dask.delayed(_checked, pure=True)
        held = dask.delayed(graph, traverse=False)
        recall = quiet.results([Job(label, check(rows, held, known, wish, jobs))])[0]
        if last or recall >= wish.min_recall or known.origin_matters:
            break
        rows = quiet.kept(Job("the rows of X", dask.delayed(recentred, pure=True)(rows)))
    if recall == 1.0:
        return graph
    judge = dask.delayed(_judged, pure=True)(rows, held, recall, wish)
    told_of, said = quiet.results([Job(label, judge)])[0]
    for message in said:
        warn_user(message)
    judged_graph: KNNGraph = told_of
    return judged_graph


def _searched(n: int, k: int, told: _Told, ready: Any, jobs: int, runner: Runner) -> KNNGraph:
    """Return the graph that the parts of a search make up."""
    search = library().delayed(_part, pure=True)
    count = int(min(PARTS, max(1, told.asked // LEAST)))
    bounds = np.linspace(0, told.asked, count + 1).astype(np.int64).tolist()
    found = runner.results(
        [
            Job(f"part {i} of {count} of the search", search(ready, low, high, jobs))
            for i, (low, high) in enumerate(pairwise(bounds))
        ]
    )
    ids, lengths = np.empty((n, k), np.int32), np.zeros((n, k), np.float32)
    ids[told.answered] = told.copies
    for block, near, far in found:
        ids[block], lengths[block] = near, far
    return KNNGraph(ids, lengths, told.recall, told.source, told.metric)


class _Refused(NamedTuple):
    """What is wrong with the rows, returned: what is raised would be tried again in vain.

    Attributes
    ----------
    error : Exception
    bad : tuple of int
        How many rows are not finite, and the first of them.
    """

    error: Exception
    bad: tuple[int, int]


def _opened(X: Array, metric: VectorMetric) -> Rows | _Refused:
    try:
        rows = read_rows(X, metric)
        check_reach(rows, metric)
    except (TypeError, ValueError) as error:
        return _Refused(error.with_traceback(None), not_finite(X))
    return rows


def _refusal(rows: Rows | _Refused) -> _Refused | None:
    return rows if isinstance(rows, _Refused) else None


def _made(rows: Rows, k: int, metric: VectorMetric, wish: Wish, jobs: int) -> VectorSearch:
    import faiss  # noqa: F401  before the limit, which caps only what is loaded

    with threads.limit(jobs):
        return VectorSearch(rows, k, metric, wish)


def _told(ready: VectorSearch) -> _Told:
    return _Told(
        len(ready.asked), ready.answered, ready.copies, ready.recall, ready.source,
        ready.metric.name, ready.plain,
    )  # fmt: skip


def _part(ready: VectorSearch, low: int, high: int, jobs: int) -> tuple[Array, Array, Array]:
    """Search for the neighbours of some of the rows asked."""
    import faiss  # noqa: F401

    asked = ready.asked[low:high]
    ids = np.empty((len(asked), ready.k), np.int32)
    lengths = np.empty((len(asked), ready.k), np.float32)
    step = 1 if ready.search is None else ready.search.rows
    with threads.limit(jobs):
        for start in range(0, len(asked), step):
            part = slice(start, start + step)
            ids[part], lengths[part] = ready.found(asked[part])
    return asked, ids, lengths


def _checked(rows: Rows, graph: KNNGraph, metric: VectorMetric, wish: Wish, jobs: int) -> float:
    with threads.limit(jobs):
        return recall_of(rows, graph, metric, wish)


def _judged(rows: Rows, graph: KNNGraph, recall: float, wish: Wish) -> tuple[KNNGraph, list[str]]:
    import warnings

    with warnings.catch_warnings(), heard() as said:
        warnings.simplefilter("ignore")  # the caller is told, not the worker's log
        return judged(rows, graph, recall, wish), said
