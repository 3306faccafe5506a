"""From X to P: the stages before the map, each timed; each leaves its record in the fit."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import numpy as np

from gputsne import affinities, neighbors, preparation
from gputsne.base.memory import available_memory
from gputsne.base.random import Seeds
from gputsne.base.scratch import scratch_array
from gputsne.base.sizes import size_text
from gputsne.base.tables import stays_on_disk
from gputsne.base.types import Affinities, FloatArray, KNNGraph
from gputsne.model.stages import Stages
from gputsne.planning import memory as planning
from gputsne.planning.ways import IN_MEMORY

__all__ = ["given", "graph_of", "searched"]

log = logging.getLogger("gputsne")


def _prepare(X: Any, stages: Stages, seeds: Seeds) -> FloatArray:
    """Prepare X; the rows are the model's own, since transform and save read them later."""
    params = stages.params
    metric = neighbors.metric_for(params.metric, params.metric_params)
    with stages.timer.stage("prepare"):
        rows, learned = preparation.prepare(
            X,
            scale=params.scale,
            pca=params.pca,
            impute=params.impute,
            random_state=seeds.prepare,
            recentre=not metric.origin_matters,
            rescale=metric.scale_power is not None,
            units_matter=metric.units_matter,
            ops=stages.ops,
            seen=None if stages.about is None else partial(stages.about.saw, X),
            into=partial(scratch_array, dtype=np.float32) if stages.way.rows_on_disk else None,
        )
        mapped = isinstance(X, np.memmap) and not X.flags.writeable
        # what is put somewhere else is the model's already
        elsewhere = stays_on_disk(X) or stages.way.rows_on_disk
        own = not learned.changes_nothing or elsewhere or mapped
        if not own and isinstance(rows, np.ndarray):
            rows = rows.copy()
            rows.flags.writeable = False
    stages.prepared(rows=rows, preparation=learned)
    return rows


def given(X: Any, stages: Stages, seeds: Seeds) -> Affinities:
    """Return the P that was given: as X, or beside the rows as ``affinity``."""
    params = stages.params
    rows = None if params.has_no_rows else _prepare(X, stages, seeds)
    given = X if rows is None else params.affinity
    if not isinstance(given, Affinities):
        given = neighbors.distance_matrix(given, "P")
    n, d = (_points(given), _points(given)) if rows is None else rows.shape
    _check_memory(n, d, 1, stages, getattr(given, "nnz", None))
    with stages.timer.stage("affinities"):
        P = affinities.precomputed(given)
        if rows is None and stages.about is not None:
            stages.about.saw_graph(given)
    if rows is not None and P.n != len(rows):
        raise ValueError(f"affinity is a P of {P.n} points, and X has {len(rows)} rows")
    return P


def searched(X: Any, stages: Stages, seeds: Seeds) -> Affinities:
    """Return P by way of a neighbour graph."""
    params = stages.params
    precomputed = isinstance(params.metric, str) and params.metric == "precomputed"
    graph = _of_distances(X, stages) if precomputed else graph_of(X, stages, seeds)
    prepared = stages.prepared(recall=graph.recall, graph_source=graph.source)
    with stages.timer.stage("affinities", graph.n):
        given = {"perplexity": prepared.perplexity, "sigma": _sigma(stages)}
        options = {name: given[name] for name in affinities.AFFINITIES[params.affinity].options}
        p, unreached = affinities.conditional(graph, stages.ops, kind=params.affinity, **options)
        if type(graph) is KNNGraph:  # its distances are not read again: 4 bytes per neighbour
            graph = KNNGraph(graph.indices, p)
        return stages.ops.joint(graph, p, unreached)


def _of_distances(X: Any, stages: Stages) -> KNNGraph:
    """Return the graph that X, a matrix of distances, holds."""
    params = stages.params
    with stages.timer.stage("neighbors"):
        X = neighbors.distance_matrix(X)
        n = int(X.shape[0])
        k: int | None = _neighbors_per_point(n, stages)
        _check_memory(n, n, max(k or 1, 1), stages, getattr(X, "nnz", None))
        if params.affinity_name != "perplexity" and hasattr(X, "tocsr"):
            k = params.n_neighbors  # a graph that is brought has as many as it has
        graph = neighbors.from_sparse_distances(X, k, ragged=True)
        if stages.about is not None:
            stages.about.saw_graph(X)
    _check_reach(graph, stages)
    return graph


def _check_reach(graph: KNNGraph, stages: Stages) -> None:
    """Raise where the neighbours that were brought are too few for what was asked."""
    params = stages.params
    if params.n_neighbors is not None and params.n_neighbors > graph.k:
        raise ValueError(
            f"n_neighbors={params.n_neighbors}, but the longest list that was brought holds "
            f"{graph.k}: lower it, or leave it out to take all"
        )
    too_few = np.max(stages.fit.prepared.perplexity) > graph.k and graph.k < graph.n - 1
    if params.affinity_name == "perplexity" and too_few:
        raise ValueError(
            f"perplexity={params.perplexity!r} can't be reached with the {graph.k} neighbors given:"
            " lower it, or bring 3 * perplexity neighbours"
        )


def graph_of(X: Any, stages: Stages, seeds: Seeds) -> KNNGraph:
    """Prepare X and find its neighbours, or check those that were given."""
    params, timer = stages.params, stages.timer
    shape: tuple[Any, ...] = getattr(X, "shape", ())  # a sparse X is smaller than its shape tells
    known = len(shape) == 2 and min(shape) > 0 and not hasattr(X, "tocsr")
    on_disk = stays_on_disk(X)
    k = _sized(shape[0], shape[1], stages, on_disk) if known else 0  # before X is copied
    rows = _prepare(X, stages, seeds)
    n = len(rows)
    if not known:
        k = _sized(n, rows.shape[1], stages)
    with timer.stage("neighbors", n) as report:
        by = params.neighbors if isinstance(params.neighbors, str) else "auto"
        if params.neighbors is not None and by == "auto":
            graph = neighbors.from_user(params.neighbors, n, params.n_neighbors, ops=stages.ops)
            _check_reach(graph, stages)
            return graph
        if k == 0:
            none = np.empty((n, 0), np.int32)
            return KNNGraph(none, none.astype(np.float32), source="single")
        search: Any = partial(neighbors.on_host, parts=stages.way.parts)
        if stages.ops.searches:
            search = partial(neighbors.on_device, ops=stages.ops, by=by)
        elif by not in ("auto", "faiss"):
            raise ValueError(
                f"neighbors={by!r} is no graph; searches by name ('faiss-gpu', 'cuvs') are a "
                f"GPU's, and this fit runs on device={stages.fit.device!r}: leave it out, or pass "
                "what gputsne.knn returns"
            )
        found: KNNGraph = search(
            rows,
            k,
            metric=params.metric,
            metric_params=params.metric_params,
            min_recall=params.min_recall,
            n_jobs=stages.ops.n_jobs,
            random_state=seeds.neighbors,
            progress=report,
        )
        return found


def _sigma(stages: Stages) -> float | None:
    """Return sigma in the unit of the prepared rows: extreme data are rescaled on the way in."""
    params, learned = stages.params, stages.fit.prepared.preparation
    given = params.neighbors is not None and not isinstance(params.neighbors, str)
    if params.sigma is None or learned is None or given:
        return params.sigma
    power = neighbors.metric_for(params.metric, params.metric_params).scale_power or 0
    return params.sigma * float(learned.factor) ** power


def _neighbors_per_point(n: int, stages: Stages) -> int:
    params, perplexity = stages.params, stages.fit.prepared.perplexity
    if params.affinity_name == "perplexity":
        perplexity = params.perplexity_for(n)
        stages.prepared(perplexity=perplexity)
    return params.k_for(n, perplexity)


def _sized(n: int, d: int, stages: Stages, on_disk: bool = False) -> int:
    """Return the neighbours per point, and refuse what memory can't hold."""
    k = _neighbors_per_point(n, stages)
    _check_memory(n, d, max(k, 1), stages, on_disk=on_disk)
    return k


def _check_memory(
    n: int, d: int, k: int, stages: Stages, entries: int | None = None, *, on_disk: bool = False
) -> None:
    """Choose how the fit makes do with the memory, or refuse what it can't hold.

    ``entries`` are those of a sparse matrix that is given; ``on_disk``: X stays there.
    """
    if min(n, d) < 1:
        return  # an error of its own
    params = stages.params
    pca = params.pca if isinstance(params.pca, int | np.integer) and params.pca > 0 else None
    plan = planning.plan(
        n, d, n_components=params.n_components, n_neighbors=k, pca=pca,
        device=stages.fit.device, affinity_dtype=params.affinity_dtype, metric=params.metric,
        affinity=params.affinity_name, init=params.init, entries=entries or None,
        on_disk=on_disk,
        memory_limit=_limit(params),
    )  # fmt: skip
    if plan.device_bytes > stages.ops.memory()[0]:
        stages.ops.make_room()
    plan.check(params.memory_limit, device_limit=stages.ops.memory()[0])
    stages.others, stages.way = plan.others, plan.way
    if plan.way != IN_MEMORY:
        log.info(
            "of the fit's %s not all is kept in memory: %s", size_text(plan.host_bytes), plan.way
        )


def _limit(params: Any) -> Any:
    """Return what the fit may take, as ``planning.plan`` reads it; None where nothing says."""
    if params.memory_limit is not None:
        return params.memory_limit
    free = available_memory()
    return None if free is None else max(1, free)


def _points(P: Any) -> int:
    return P.n if isinstance(P, Affinities) else int(P.shape[0])
