"""X to map: the stages in their order, each timed; each leaves a frozen record in the fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gputsne import affinities, initial, neighbors, preparation
from gputsne.backends import Choice, Ops, choose
from gputsne.base.arrays import device_index
from gputsne.base.errors import FitInterrupted
from gputsne.base.messages import warn_user
from gputsne.base.random import Seeds
from gputsne.base.types import Affinities, FloatArray, KNNGraph, State
from gputsne.engine.field import CHECK_EVERY, Field
from gputsne.engine.kept import MeshRecord
from gputsne.engine.optimize import Result, initial_state, optimize
from gputsne.engine.schedule import Schedule
from gputsne.model.about import About
from gputsne.model.fitted import max_nodes, rechoose
from gputsne.model.parameters import Parameters
from gputsne.model.progress import StageTimer
from gputsne.model.records import Fit, read_only
from gputsne.model.stages import Stages
from gputsne.planning import memory as planning

__all__ = ["Changes", "field_of", "resume", "run", "search"]


def run(X: Any, params: Parameters, keep: Callable[[Fit], None]) -> None:
    """Run all stages; ``keep`` gets the fit as far as it came, whatever ends it."""
    choice = backend_of(choose(params.device, params.n_jobs), params)
    timer = StageTimer(params.verbose)
    fit = Fit(params.snapshot(), choice.device, choice.reason)
    about = About.of(X)
    stages = Stages(params, choice.ops, timer, fit, about=about)
    with about.kept(stages.so_far, keep):
        try:
            with stages.at_work(device_index(X)):
                _run(X, stages)
        except FitInterrupted:
            raise
        except KeyboardInterrupt as error:
            raise FitInterrupted(f"interrupted in stage {timer.now!r}; no map yet") from error
    result = stages.fit.result
    early, whole = params.early_iterations, params.iterations
    cut_short = result is None or result.state.iteration < whole
    if 0 < whole <= early and params.early_exaggeration != 1 and not cut_short:
        warn_user(
            f"all {whole} iterations were in the early phase, whose attraction is "
            f"exaggerated by {params.early_exaggeration:g}: the map isn't finished. Raise max_iter "
            f"above {early}, lower early_exaggeration_iter, or go on by optimize"
        )


def search(X: Any, params: Parameters) -> KNNGraph:
    """Return the neighbours that a fit would find, in the unit of its prepared rows."""
    choice = backend_of(choose(params.device, params.n_jobs), params)
    timer = StageTimer(params.verbose)
    stages = Stages(params, choice.ops, timer, Fit(params.snapshot(), choice.device, choice.reason))
    with stages.at_work(device_index(X)):
        return _graph(X, stages, Seeds.of(params.random_state))


def _run(X: Any, stages: Stages) -> None:
    params, timer = stages.params, stages.timer
    seeds = Seeds.of(params.random_state)
    P = _given(X, stages, seeds) if params.p_given else _searched(X, stages, seeds)
    stages.update(P=read_only(P))
    with timer.stage("initial"):
        Y0 = initial.initial(
            stages.fit.prepared.rows,
            P,
            init=params.init,
            n_components=params.n_components,
            random_state=seeds.initial,
            ops=stages.ops,
        )
    field = field_of(params, stages.ops, float(params.dof), others=stages.others)
    _optimize(P, initial_state(Y0), field, params.schedule_for(P.n), stages)


def _optimize(
    P: Affinities,
    start: State,
    field: Field,
    schedule: Schedule,
    stages: Stages,
    history: tuple[tuple[int, float], ...] = (),
) -> None:
    """Run the loop; whatever ends it, the fit's record has the map so far."""
    params = stages.params

    def keep(result: Result) -> None:
        result.state.Y.flags.writeable = False
        stages.update(result=result)

    with stages.timer.stage("optimize", schedule.max_iter) as report:
        optimize(
            P,
            start,
            field,
            schedule,
            callbacks=params.all_callbacks,
            callbacks_every=params.callbacks_every,
            stop=params.stop,
            report=report,
            history=history,
            keep=keep,
        )


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
        )
        untouched = learned.factor == 1.0 and all(
            part is None for part in (learned.fill, learned.mean, learned.scale, learned.components)
        )
        on_disk = isinstance(X, np.memmap) and not X.flags.writeable
        if untouched and not on_disk and isinstance(rows, np.ndarray):
            rows = rows.copy()
            rows.flags.writeable = False
    stages.prepared(rows=rows, preparation=learned)
    return rows


def _given(X: Any, stages: Stages, seeds: Seeds) -> Affinities:
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


def _searched(X: Any, stages: Stages, seeds: Seeds) -> Affinities:
    """Return P by way of a neighbour graph."""
    params = stages.params
    precomputed = isinstance(params.metric, str) and params.metric == "precomputed"
    graph = _of_distances(X, stages) if precomputed else _graph(X, stages, seeds)
    prepared = stages.prepared(recall=graph.recall, graph_source=graph.source)
    with stages.timer.stage("affinities", graph.n):
        given = {"perplexity": prepared.perplexity, "sigma": _sigma(stages)}
        options = {name: given[name] for name in affinities.AFFINITIES[params.affinity].options}
        return affinities.joint(graph, stages.ops, kind=params.affinity, **options)


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


def _graph(X: Any, stages: Stages, seeds: Seeds) -> KNNGraph:
    """Prepare X and find its neighbours, or check those that were given."""
    params, timer = stages.params, stages.timer
    shape: tuple[Any, ...] = getattr(X, "shape", ())  # a sparse X is smaller than its shape tells
    known = len(shape) == 2 and min(shape) > 0 and not hasattr(X, "tocsr")
    k = _sized(shape[0], shape[1], stages) if known else 0  # before X is copied
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
        search: Any = neighbors.on_host
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


def _sized(n: int, d: int, stages: Stages) -> int:
    """Return the neighbours per point, and refuse what memory can't hold."""
    k = _neighbors_per_point(n, stages)
    _check_memory(n, d, max(k, 1), stages)
    return k


def _check_memory(n: int, d: int, k: int, stages: Stages, entries: int | None = None) -> None:
    """Refuse what memory can't hold; ``entries`` are those of a sparse matrix that is given."""
    if min(n, d) < 1:
        return  # an error of its own
    params = stages.params
    pca = params.pca if isinstance(params.pca, int | np.integer) and params.pca > 0 else None
    plan = planning.plan(
        n, d, n_components=params.n_components, n_neighbors=k, pca=pca,
        device=stages.fit.device, affinity_dtype=params.affinity_dtype, metric=params.metric,
        affinity=params.affinity_name, init=params.init, entries=entries or None,
    )  # fmt: skip
    if plan.device_bytes > stages.ops.memory()[0]:
        stages.ops.make_room()
    plan.check(params.memory_limit, device_limit=stages.ops.memory()[0])
    stages.others = plan.others


def _points(P: Any) -> int:
    return P.n if isinstance(P, Affinities) else int(P.shape[0])


def backend_of(choice: Choice, params: Parameters) -> Choice:
    """Return the backend, told how it may keep P."""
    choice.ops.half = params.affinity_dtype == "float16"
    return choice


def field_of(
    params: Parameters, ops: Ops, dof: float, before: MeshRecord | None = None, others: int = 0
) -> Field:
    """Return the field of a map; its mesh stays within the memory that ``others`` leave."""
    nodes = max_nodes(params.n_components, ops, params.memory_limit, others)
    return Field(ops, dof=dof, method=params.method, max_nodes=nodes, before=before)


class Changes(NamedTuple):
    """What ``optimize`` may do otherwise than the fit; None leaves what the fit had."""

    exaggeration: float | None = None
    learning_rate: float | str | None = None
    momentum: float | None = None
    dof: float | None = None


def resume(
    fit: Fit, params: Parameters, n_iter: int, changes: Changes, keep: Callable[[Fit], None]
) -> None:
    """Do ``n_iter`` more iterations, momentum kept; ``keep`` gets the fit as far as it came.

    ``params`` are those of the fit but for what a fitted model heeds, such as callbacks.
    """
    P, result = fit.P, fit.result
    if P is None or result is None:
        raise ValueError("this model has no P: save it with affinities=True to go on from a file")
    other: dict[str, Any] = {"max_iter": result.state.iteration + n_iter}
    for names, value in (
        (("exaggeration", "early_exaggeration"), changes.exaggeration),
        (("learning_rate",), changes.learning_rate),
        (("initial_momentum", "final_momentum"), changes.momentum),
    ):
        other |= {} if value is None else dict.fromkeys(names, value)
    schedule = replace(params.schedule_for(P.n), **other)
    dof = float(params.dof if changes.dof is None else changes.dof)
    choice = backend_of(rechoose(fit.device, params.n_jobs), params)
    timer = StageTimer(params.verbose, fit.timings)
    about = About.after(fit.about)
    stages = Stages(params, choice.ops, timer, fit, about=about)
    before = result.mesh if result.dof == dof else None
    if before is not None and changes.exaggeration is not None:
        before = replace(before, since=CHECK_EVERY)  # other forces: measure close pairs at once
    field = field_of(params, choice.ops, dof, before)
    with about.kept(stages.so_far, keep), stages.at_work():
        _optimize(P, result.state, field, schedule, stages, result.history)
