"""How does X become a map? The stages in their order, each timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gputsne import affinities, initial, neighbors, preparation
from gputsne.backends import Choice, choose
from gputsne.base import resources
from gputsne.base.arrays import device_index, returner
from gputsne.base.errors import BackendUnavailable, FitInterrupted
from gputsne.base.types import Affinities, FloatArray, KNNGraph, Reference
from gputsne.engine import placement
from gputsne.engine.field import Field
from gputsne.engine.optimize import Result, fresh, optimize
from gputsne.model.parameters import Parameters
from gputsne.model.progress import Watch
from gputsne.planning import memory as planning
from gputsne.planning.memory import NODE_BYTES
from gputsne.preparation import Preparation

__all__ = ["Run", "field_of", "place", "rechoose", "resume", "run"]

ORIGIN_MATTERS = ("cosine", "correlation", "inner_product")


@dataclass(eq=False)
class Run:
    """What a fit has, stage by stage; a stage that was not reached leaves None."""

    choice: Choice
    watch: Watch
    rows: FloatArray | None = None  # X', what the neighbours were found in
    preparation: Preparation | None = None
    recall: float = float("nan")
    graph_source: str = ""
    perplexity: float | list[float] = 30.0  # as used: lowered where n is too small
    P: Affinities | None = None
    field: Field | None = None
    result: Result | None = None
    index: neighbors.ReferenceIndex | None = None  # made by the first transform, as is
    reference: Reference | None = None
    back: Callable[[Any], Any] | None = None  # makes the map an array of X's library and device

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this machine, or is quickly made again."""
        kept = {**vars(self), "choice": (self.choice.device, self.choice.ops.n_jobs)}
        return kept | {"field": None, "index": None, "reference": None, "back": None}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """Choose the device of the fit again, or the best there is here."""
        vars(self).update(kept)
        self.choice = rechoose(*kept["choice"])


def run(X: Any, params: Parameters, done: Callable[[Run], None]) -> Run:
    """Run all stages; ``done`` is called with the run so far after each, and on Ctrl-C."""
    choice = choose(params.device, params.n_jobs)
    index, state = device_index(X), Run(choice, Watch(params.verbose), back=returner(X))
    try:
        with choice.ops.guard(index), resources.limit(choice.ops.n_jobs), state.watch.run():
            _stages(X, params, state)
    except FitInterrupted:
        raise
    except KeyboardInterrupt as error:
        raise FitInterrupted(f"interrupted in stage {state.watch.now!r}; no map yet") from error
    finally:
        done(state)
    return state


def _stages(X: Any, params: Parameters, state: Run) -> None:
    watch = state.watch
    seeds = _seeds(params.random_state)
    if params.affinity == "precomputed":
        with watch.stage("affinities"):
            state.P = affinities.from_precomputed(X)
    else:
        graph = _graph(X, params, state, seeds)
        with watch.stage("affinities", graph.n):
            state.P = _joint(graph, params, state)
        del graph
    P, n = state.P, state.P.n
    with watch.stage("initial"):
        Y0 = initial.initial(
            state.rows,
            P,
            init=params.init,
            n_components=params.n_components,
            random_state=int(seeds[3]),
        )
    state.field = field_of(params, state.choice)
    state.result = Result(fresh(Y0))  # filled as the loop goes: the map so far, whatever ends it
    with watch.stage("optimize", params.max_iter) as tell:
        optimize(
            P,
            state.result.state,
            state.field,
            params.schedule_for(n),
            callbacks=params.all_callbacks,
            callbacks_every=params.callbacks_every,
            stop=params.stop,
            bar=tell if watch.verbose else None,
            so_far=state.result,
        )


def _graph(X: Any, params: Parameters, state: Run, seeds: Any) -> KNNGraph:
    """Prepare X and find its neighbours, or check those that were given."""
    watch = state.watch
    if params.metric == "precomputed":
        with watch.stage("neighbors"):
            n = int(X.shape[0]) if hasattr(X, "shape") else len(X)
            k = _neighbors_each(n, params, state)
            graph = neighbors.from_sparse_distances(X, k)
        state.recall, state.graph_source = graph.recall, graph.source
        return graph
    shape: tuple[Any, ...] = getattr(X, "shape", ())  # a sparse X is smaller than its shape tells
    known = len(shape) == 2 and min(shape) > 0 and not hasattr(X, "tocsr")
    k = _sized(shape[0], shape[1], params, state) if known else 0  # before X is copied
    with watch.stage("prepare"):
        state.rows, state.preparation = preparation.prepare(
            X,
            scale=params.scale,
            pca=params.pca,
            impute=params.impute,
            random_state=int(seeds[0]),
            recentre=params.metric not in ORIGIN_MATTERS,
        )
    n = len(state.rows)
    if not known:
        k = _sized(n, state.rows.shape[1], params, state)
    with watch.stage("neighbors", n) as tell:
        if params.neighbors is not None:
            graph = neighbors.from_user(params.neighbors, n, params.n_neighbors)
            if (
                params.affinity == "perplexity"
                and np.max(state.perplexity) > graph.k
                and graph.k < n - 1
            ):
                raise ValueError(
                    f"perplexity={params.perplexity!r} can't be reached with the {graph.k} "
                    "neighbors given: lower it, or bring 3 * perplexity neighbours"
                )
        elif k == 0:
            graph = KNNGraph(
                np.empty((n, 0), np.int32), np.empty((n, 0), np.float32), source="single"
            )
        else:
            here: Any = {"cuda": partial(neighbors.on_device, ops=state.choice.ops)}
            graph = here.get(state.choice.device, neighbors.knn)(
                state.rows,
                k,
                metric=params.metric,
                metric_params=params.metric_params,
                min_recall=params.min_recall,
                n_jobs=state.choice.ops.n_jobs,
                random_state=int(seeds[1]),
                progress=tell,
            )
    state.recall, state.graph_source = graph.recall, graph.source
    return graph


def _joint(graph: KNNGraph, params: Parameters, state: Run) -> Affinities:
    if graph.k == 0:
        empty = np.empty(0, np.int32)
        return Affinities(np.zeros(graph.n + 1, np.int64), empty, empty.astype(np.float32))
    return affinities.joint(
        graph,
        state.choice.ops,
        perplexity=state.perplexity,
        kind=params.affinity,
        sigma=_sigma(params, state),
    )


def _sigma(params: Parameters, state: Run) -> float | None:
    """Return sigma in the unit of the prepared rows: extreme data are rescaled on the way in."""
    if params.sigma is None or state.preparation is None or params.neighbors is not None:
        return params.sigma
    factor = float(state.preparation.factor)
    return params.sigma * (factor**2 if params.metric == "sqeuclidean" else factor)


def _neighbors_each(n: int, params: Parameters, state: Run) -> int:
    if params.affinity == "perplexity":
        state.perplexity = params.perplexity_for(n)
    return params.k_for(n, state.perplexity)


def _sized(n: int, d: int, params: Parameters, state: Run) -> int:
    """Return the neighbours per point, and refuse what memory can't hold."""
    k = _neighbors_each(n, params, state)
    pca = params.pca if isinstance(params.pca, int | np.integer) and params.pca > 0 else None
    plan = planning.plan(
        n, d, n_components=params.n_components, n_neighbors=max(k, 1), pca=pca,
        device=state.choice.device, affinity_dtype=params.affinity_dtype,
    )  # fmt: skip
    plan.check(params.memory_limit, device_limit=state.choice.ops.memory()[0])
    return k


def field_of(params: Parameters, choice: Choice) -> Field:
    """Return the field of a map with these parameters; its mesh stays within the memory allowed."""
    choice.ops.half = params.affinity_dtype == "float16"
    limit = choice.ops.memory()[0] or params.memory_limit or planning.available_memory()
    nodes = None if limit is None else max(64**params.n_components, int(limit / 4 / NODE_BYTES))
    if nodes is not None:
        from gputsne.engine.mesh import MAX_NODES

        nodes = min(nodes, MAX_NODES[params.n_components - 1])
    return Field(choice.ops, dof=params.dof, method=params.method, max_nodes=nodes)


def resume(state: Run, params: Parameters, n_iter: int) -> None:
    """Do ``n_iter`` more iterations, momentum kept; ``state.result`` holds the map so far."""
    assert state.P is not None
    assert state.result is not None
    state.field = state.field or field_of(params, state.choice)
    state.reference = None  # the map moves
    max_iter = state.result.state.iteration + n_iter
    schedule = replace(params.schedule_for(state.P.n), max_iter=max_iter)
    watch = state.watch
    watch.verbose = bool(params.verbose)
    with (
        state.choice.ops.guard(),
        resources.limit(state.choice.ops.n_jobs),
        watch.run(),
        watch.stage("optimize", max_iter) as tell,
    ):
        optimize(
            state.P,
            state.result.state,
            state.field,
            schedule,
            callbacks=params.all_callbacks,
            callbacks_every=params.callbacks_every,
            stop=params.stop,
            bar=tell if watch.verbose else None,
            so_far=state.result,
        )


def rechoose(device: str, n_jobs: int | None) -> Choice:
    """Choose a backend for a model from elsewhere: its own device, or the best there is here."""
    try:
        return choose(device, n_jobs)
    except BackendUnavailable as error:
        best = choose("auto", n_jobs)
        return best._replace(reason=f"{error}; {best.device} instead")


def place(
    state: Run, params: Parameters, X: Any, *, perplexity: float, exaggeration: float
) -> FloatArray:
    """Return the places of new rows on the fitted map, shape (m, c), float32."""
    assert state.preparation is not None
    assert state.rows is not None
    assert state.result is not None
    ops = state.choice.ops
    n = len(state.rows)
    with ops.guard(), resources.limit(ops.n_jobs):
        rows = state.preparation.apply(X)
        if state.index is None:
            state.index = neighbors.ReferenceIndex(
                state.rows,
                metric=params.metric,
                metric_params=params.metric_params,
                min_recall=params.min_recall,
                n_jobs=ops.n_jobs,
                random_state=0,  # the same fitted model always searches alike
            )
        if state.reference is None:
            limit = field_of(params, state.choice).max_nodes
            Y = state.result.state.Y
            state.reference = placement.reference(Y, ops, dof=params.dof, max_nodes=limit)
        k = min(n, max(1, affinities.n_neighbors_for(perplexity, n + 1)))
        lower = affinities.reachable(perplexity, k, "fitted neighbours")
        indices, distances = state.index.query(rows, k)
        return placement.place(
            state.reference, indices, distances, ops, perplexity=lower, exaggeration=exaggeration
        )


def _seeds(random_state: Any) -> Any:
    """Draw one seed a stage from what scikit-learn's users give; None: new ones each time."""
    from sklearn.utils import check_random_state

    try:
        if isinstance(random_state, np.random.Generator):
            random_state = int(random_state.integers(2**31 - 1))
        elif not (random_state is None or isinstance(random_state, int | np.integer)):
            random_state = int(check_random_state(random_state).randint(2**31 - 1))
        return np.random.RandomState(random_state).randint(0, 2**31 - 1, size=4)
    except ValueError as error:
        raise ValueError(f"random_state={random_state!r} can't seed anything: {error}") from None
