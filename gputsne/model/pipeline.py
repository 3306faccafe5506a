"""X to map: the stages in their order, each timed; each leaves a frozen record in the fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from gputsne import initial
from gputsne.backends import Choice, Ops, choose
from gputsne.base.arrays import device_index
from gputsne.base.errors import FitInterrupted
from gputsne.base.messages import warn_user
from gputsne.base.random import Seeds
from gputsne.base.types import Affinities, KNNGraph
from gputsne.engine.field import CHECK_EVERY, Field
from gputsne.engine.kept import MeshRecord, Pace
from gputsne.engine.optimize import Result, initial_state, optimize
from gputsne.engine.schedule import Schedule
from gputsne.model.about import About
from gputsne.model.fingerprint import data_hash
from gputsne.model.fitted import max_nodes, rechoose
from gputsne.model.input import from_disk
from gputsne.model.keeping import Further, Keeping
from gputsne.model.parameters import Parameters
from gputsne.model.progress import StageTimer
from gputsne.model.records import Fit, read_only
from gputsne.model.similarities import given, graph_of, searched
from gputsne.model.stages import Stages

__all__ = ["Changes", "field_of", "resume", "run", "search"]


def run(X: Any, params: Parameters, keep: Callable[[Fit], None]) -> None:
    """Run all stages; ``keep`` gets the fit as far as it came, whatever ends it.

    X is None where a checkpoint is gone on from that has all of it.
    """
    choice = backend_of(choose(params.device, params.n_jobs), params)
    timer = StageTimer(params.verbose)
    fit = Fit(params.snapshot(), choice.device, choice.reason)
    if not params.has_no_rows:
        X = from_disk(X, mapped=choice.ops.device is None)
    about = About.of(X)
    stages = Stages(params, choice.ops, timer, fit, about=about)
    with about.kept(stages.so_far, keep):
        try:
            with stages.at_work(device_index(X)):
                _kept(X, stages)
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
    X = from_disk(X, mapped=choice.ops.device is None)
    with stages.at_work(device_index(X)):
        return graph_of(X, stages, Seeds.of(params.random_state))


def _kept(X: Any, stages: Stages) -> None:
    """Run all stages, or those that a checkpoint leaves to be done; keep the fit while it runs."""
    data = partial(_hash, X, stages.params)
    with Keeping(stages.params, stages.fit.device, data) as kept:
        if kept.further is None:
            _run(X, stages, kept)
        else:
            _go_on(stages, kept.further, kept)


def _hash(X: Any, params: Parameters) -> str:
    return "" if X is None else data_hash(X, params)


def _run(X: Any, stages: Stages, kept: Keeping) -> None:
    params, timer = stages.params, stages.timer
    seeds = Seeds.of(params.random_state)
    P = given(X, stages, seeds) if params.p_given else searched(X, stages, seeds)
    if stages.way.P_on_disk:
        P = stages.ops.put_on_disk(P)
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
    dof = float(params.dof)
    field = field_of(params, stages.ops, dof, others=stages.others)
    schedule, start = params.schedule_for(P.n), initial_state(Y0)
    first = Result(start, float("nan"), (), "", dof, schedule(0).learning_rate, exact=False)
    _optimize(P, first, field, schedule, stages, kept)


def _go_on(stages: Stages, further: Further, kept: Keeping) -> None:
    """Do the rest of a run of which a checkpoint was left."""
    fit, standing = further.fit, further.standing
    P, first = fit.P, fit.result
    if P is None or first is None:
        raise ValueError("the checkpoint has no P")
    stages.update(prepared=fit.prepared, P=P)
    if stages.about is not None:
        stages.about.told |= further.told
    stages.timer.timings |= fit.timings
    pace = None if standing is None else standing.pace
    field = field_of(stages.params, stages.ops, first.dof, further.mesh, further.others, pace)
    _optimize(P, first, field, further.schedule, stages, kept)


def _optimize(
    P: Affinities,
    first: Result,
    field: Field,
    schedule: Schedule,
    stages: Stages,
    kept: Keeping,
) -> None:
    """Run the loop from a map, or from where ``kept`` found that the run stood after it.

    Whatever ends it, the fit's record has the map so far.
    """
    params = stages.params
    kept.begin(stages, first, schedule)
    standing = None if kept.further is None else kept.further.standing
    start = first.state if standing is None else standing.state

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
            history=first.history if standing is None else standing.history,
            keep=keep,
            aside=kept.aside,
            order=None if standing is None else standing.order,
        )


def backend_of(choice: Choice, params: Parameters) -> Choice:
    """Return the backend, told how it may keep P."""
    choice.ops.half = params.affinity_dtype == "float16"
    return choice


def field_of(
    params: Parameters,
    ops: Ops,
    dof: float,
    before: MeshRecord | None = None,
    others: int = 0,
    pace: Pace | None = None,
) -> Field:
    """Return the field of a map; its mesh stays within the memory that ``others`` leave."""
    nodes = max_nodes(params.n_components, ops, params.memory_limit, others)
    return Field(ops, dof=dof, method=params.method, max_nodes=nodes, before=before, pace=pace)


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
        first = replace(result, dof=dof, mesh=before)
        with Keeping(params, choice.device, anew=True) as kept:
            _optimize(P, first, field, schedule, stages, kept)
