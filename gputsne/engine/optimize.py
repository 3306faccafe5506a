"""The loop that turns a first map into a finished one: history, callbacks, stopping, Ctrl-C."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gputsne.base import deadline
from gputsne.base.errors import IN_CALLBACK, FitInterrupted
from gputsne.base.messages import warn_user
from gputsne.base.types import Affinities, FloatArray, IntArray, Progress, State
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.engine.kept import History, MeshRecord, Standing, record_of
from gputsne.engine.schedule import Schedule

__all__ = ["Result", "initial_state", "optimize", "separate_coincident"]

HISTORY_EVERY = 50  # iterations between two KL values, as in openTSNE and scikit-learn
WIDE, WIDEST = 200.0, 1e5  # sd of a first map, map units; MNIST's finished one has 35
JITTER = 1e-3  # of the map's sd: not visible, and far above float32's rounding
FIRST_SD = 1e-4  # of a map whose points all coincide
STOP_SHARE = 1.0 / 5000.0  # Belkina et al. 2019: stop when an iteration gains less than KL / 5000

Callback = Callable[[Progress], Any]
# Called with what copies the state, and is to be called at once or never.
Aside = Callable[[Callable[[], Callable[[], Standing]]], None]


@dataclass(frozen=True, eq=False)
class Result:
    """A map, how it came about, and all that going on from it needs.

    Attributes
    ----------
    state : State
        Map, velocity, gains, iterations done.
    kl_divergence : float
        KL(P || Q) of the map.
    history : tuple of (int, float)
        Iteration and KL, every 50 iterations and at the end.
    stopped : str
        ``""``, ``"slope"``, ``"callback"``, ``"deadline"`` or ``"interrupt"``.
    dof : float
        Degrees of freedom of the kernel that the map was made with.
    learning_rate : float
        Of the last iteration; without one, of the first to come.
    exact : bool
        Whether repulsion was summed by definition.
    mesh : MeshRecord or None
        The mesh of the last iteration; None where there was none.
    """

    state: State
    kl_divergence: float
    history: History
    stopped: str
    dof: float
    learning_rate: float
    exact: bool
    mesh: MeshRecord | None = None


def initial_state(Y: FloatArray) -> State:
    """Return the state of a map that has not moved yet; ``Y`` has shape (n, c)."""
    Y = np.ascontiguousarray(Y, dtype=np.float32)
    return State(Y, np.zeros_like(Y), np.ones_like(Y), 0)


def separate_coincident(Y: FloatArray) -> FloatArray:
    """Return the map centred, with points that coincide moved apart by noise; the same every time.

    Points that coincide and have the same neighbours would feel the same force for ever. The noise
    has a standard deviation of a thousandth of the map's.

    Parameters
    ----------
    Y : array, shape (n, c), float32
        Not changed.

    Returns
    -------
    array, shape (n, c), float32
        A new array.
    """
    Y = Y - Y.mean(axis=0, dtype=np.float64).astype(np.float32)
    order = np.lexsort(Y.T)
    twins = order[1:][(Y[order[1:]] == Y[order[:-1]]).all(axis=1)]
    if twins.size:
        noise = np.random.default_rng(0).normal(size=(twins.size, Y.shape[1]))
        Y[twins] += (noise * (JITTER * float(Y.std()) or FIRST_SD)).astype(np.float32)
    return Y


def _check_start(Y0: FloatArray) -> None:
    """Warn of a first map wider than any finished one; refuse one that no mesh could hold."""
    sd = float(Y0.std(axis=0, dtype=np.float64).max())
    remedy = "shrink it, as in init * (1e-4 / init[:, 0].std())"
    if sd > WIDEST:
        raise ValueError(f"init has a standard deviation of {sd:.3g} map units: {remedy}")
    if sd > WIDE:
        warn_user(
            f"init has a standard deviation of {sd:.3g} map units, more than a finished map has; "
            f"the optimisation will be slow and poor: {remedy}"
        )


def _ends_run(answer: Any) -> bool:
    """Tell whether what a callback returned ends the run: whatever is true does."""
    if inspect.isawaitable(answer) or inspect.isgenerator(answer):
        kind = type(answer).__name__
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise TypeError(f"callbacks: one returned a {kind}; pass a plain function, not its like")
    try:
        return bool(answer)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"callbacks: one returned {type(answer).__name__}, which is neither true nor false "
            f"({error}); return True to end the run, or nothing"
        ) from None


def _called(callback: Callback, progress: Progress) -> bool:
    """Call a callback and tell whether it ends the run."""
    try:
        return _ends_run(callback(progress))
    except Exception as error:
        error.add_note(IN_CALLBACK)
        raise


def optimize(
    P: Affinities,
    start: State,
    field: Field,
    schedule: Schedule,
    *,
    callbacks: Iterable[Callback] = (),
    callbacks_every: int = HISTORY_EVERY,
    stop: str | None = None,
    report: Callable[[int, float], None] | None = None,
    history: Sequence[tuple[int, float]] = (),
    keep: Callable[[Result], None] | None = None,
    aside: Aside | None = None,
    order: IntArray | None = None,
) -> Result:
    """Run the schedule from ``start.iteration`` to ``schedule.max_iter``.

    Parameters
    ----------
    P : Affinities
        Joint probabilities.
    start : State
        Where to begin; not changed.
    field : Field
        Repulsion, with backend and dof.
    schedule : Schedule
        What each iteration does.
    callbacks : iterable of callable
        Each is called with a ``Progress`` every ``callbacks_every`` iterations; what is true ends
        the run.
    callbacks_every : int
        See above.
    stop : {None, "auto"}
        ``"auto"`` stops in the last phase when KL falls by less than KL / 5000 per iteration
        (Belkina et al. 2019), judged over 50 iterations.
    report : callable or None
        Called with (iteration, last KL) after every iteration.
    history : sequence of (int, float)
        KL values of earlier iterations; the result's history begins with them.
    keep : callable or None
        Called with the result so far before callbacks are, which may raise, and with the last.
    aside : callable or None
        Offered the state after an iteration, of which nothing has been evaluated yet: called with
        a function that copies it and returns another, which brings the copy to main memory.
    order : array, shape (n,), int32, or None
        Order in memory of a run that stopped between two iterations, for ``start`` of its state.

    Returns
    -------
    Result
        The map when the schedule ended or the run was stopped.

    Raises
    ------
    FitInterrupted
        On Ctrl-C; its ``result`` attribute holds the map so far.
    DeadlineExceeded
        A deadline of ``gputsne.base.deadline`` has passed; ``so_far`` holds the map so far.
    ValueError
        ``start`` is far wider than any map.
    FloatingPointError
        The map is not finite any more, or too wide for float32.
    """
    callbacks, keep = tuple(callbacks), keep or (lambda result: None)
    if start.iteration == 0 and schedule.max_iter > 0:
        _check_start(start.Y)
        start = replace(start, Y=separate_coincident(start.Y))
    engine, curve = Engine(P, start, field, order), list(history)
    if start.iteration > 0 and field.goes_on:
        engine.go_on(schedule(start.iteration - 1))
    kl, stopped = float("nan"), ""
    try:
        while engine.iteration < schedule.max_iter and not stopped:
            engine.step(schedule(engine.iteration))
            done = engine.iteration
            measured = done % HISTORY_EVERY == 0 or done == schedule.max_iter
            called = bool(callbacks) and done % callbacks_every == 0
            # Only at fixed iterations: at those of a callback or of max_iter it would make the map
            # depend, in its last bits, on when it is looked at.
            if done % HISTORY_EVERY == 0:
                engine.recentre()
            if aside is not None and not measured:
                aside(partial(engine.copied, tuple(curve)))
            if measured or called:
                kl = _finite_kl(engine)
            if measured:
                curve.append((done, kl))
                if stop == "auto" and _flat(curve, schedule.early_exaggeration_iter):
                    stopped = "slope"
            if called:
                so_far = curve if measured else [*curve, (done, kl)]
                keep(_result(engine, engine.state(), schedule, so_far))  # a callback may raise
                progress = Progress("optimize", done, schedule.max_iter, kl, engine.embedding())
                if any([_called(callback, progress) for callback in callbacks]):
                    stopped = "callback"
            if report is not None:
                report(done, kl)
            if done < schedule.max_iter and not stopped and deadline.passed():
                stopped = "deadline"
    except KeyboardInterrupt as error:
        state = engine.state()
        # The engine may have been interrupted inside a step: a new one measures the map.
        result = _result(Engine(P, state, field), state, schedule, curve, "interrupt")
        keep(result)
        interrupted = FitInterrupted(
            f"interrupted at iteration {state.iteration} of {schedule.max_iter}"
        )
        interrupted.result = result
        raise interrupted from error
    result = _result(engine, engine.state(), schedule, curve, stopped)
    keep(result)
    if stopped == "deadline":
        deadline.check(f"at iteration {engine.iteration} of {schedule.max_iter}")
    return result


def _result(
    engine: Engine,
    state: State,
    schedule: Schedule,
    curve: Sequence[tuple[int, float]],
    stopped: str = "",
) -> Result:
    """Return the map as it stands; its KL ends the history."""
    if not curve or curve[-1][0] != state.iteration:
        curve = [*curve, (state.iteration, _finite_kl(engine))]
    field = engine.field
    return Result(
        state,
        curve[-1][1],
        tuple(curve),
        stopped,
        field.dof,
        schedule(max(state.iteration - 1, 0)).learning_rate,
        field.is_exact(*state.Y.shape),
        record_of(field, ahead=engine.evaluated),
    )


def _finite_kl(engine: Engine) -> float:
    """Return the KL of the map as it stands; raise FloatingPointError where it is not finite."""
    kl = engine.kl_divergence()
    if not np.isfinite(kl):
        raise FloatingPointError(
            f"the map has flown apart: KL is {kl} at iteration {engine.iteration}; "
            "lower learning_rate or max_step, or shrink init"
        )
    return kl


def _flat(history: Sequence[tuple[int, float]], plain_from: int) -> bool:
    """Tell whether the KL's slope over the last two values is below the limit."""
    recent = [h for h in history if h[0] > plain_from]
    if len(recent) < 2:
        return False
    (t0, kl0), (t1, kl1) = recent[-2:]
    return (kl0 - kl1) < STOP_SHARE * abs(kl1) * (t1 - t0)
