"""How does a map become a good map? The loop: history, callbacks, stopping, Ctrl-C."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gputsne.base import deadline
from gputsne.base.errors import FitInterrupted
from gputsne.base.types import Affinities, FloatArray, Progress, State
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.engine.schedule import Schedule

__all__ = ["Result", "apart", "fresh", "optimize"]

HISTORY_EVERY = 50  # iterations between two KL values, as in openTSNE and scikit-learn
WIDE, WIDEST = 200.0, 1e5  # sd of a first map, map units; MNIST's finished one has 35
JITTER = 1e-3  # of the map's sd: far below what is seen, far above float32's rounding
FIRST_SD = 1e-4  # of a map whose points all coincide
STOP_SHARE = 1.0 / 5000.0  # Belkina et al. 2019: stop when an iteration gains less than KL / 5000

Callback = Callable[[Progress], Any]


@dataclass(eq=False)
class Result:
    """A map and how it came about.

    Attributes
    ----------
    state : State
        Map, velocity, gains, iterations done.
    kl_divergence : float
        KL(P || Q) of the map.
    history : list of (int, float)
        Iteration and KL, every 50 iterations and at the end.
    stopped : str
        ``""``, ``"slope"``, ``"callback"``, ``"deadline"`` or ``"interrupt"``.
    """

    state: State
    kl_divergence: float = float("nan")
    history: list[tuple[int, float]] = field(default_factory=list)
    stopped: str = ""


def fresh(Y: FloatArray) -> State:
    """Return the state of a map that has not moved yet; ``Y`` has shape (n, c)."""
    Y = np.ascontiguousarray(Y, dtype=np.float32)
    return State(Y, np.zeros_like(Y), np.ones_like(Y), 0)


def apart(Y: FloatArray) -> FloatArray:
    """Return the map centred, and points of one place a hair apart; the same every time.

    Points that coincide and have the same neighbours would feel the same force for ever.

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
        warnings.warn(
            f"init has a standard deviation of {sd:.3g} map units, more than a finished map has; "
            f"the optimisation will be slow and poor: {remedy}",
            UserWarning,
            stacklevel=3,
        )


def optimize(
    P: Affinities,
    start: State,
    field: Field,
    schedule: Schedule,
    *,
    callbacks: Iterable[Callback] = (),
    callbacks_every: int = 50,
    stop: str | None = None,
    bar: Callable[[int, float], None] | None = None,
    so_far: Result | None = None,
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
        Each is called with a ``Progress`` every ``callbacks_every`` iterations; True stops the run.
    callbacks_every : int
        See above.
    stop : {None, "auto"}
        ``"auto"`` stops in the last phase when KL falls by less than KL / 5000 an iteration
        (Belkina et al. 2019), judged over 50 iterations.
    bar : callable or None
        Told (iteration, last KL) after every iteration.
    so_far : Result or None
        What earlier iterations left; this call goes on filling it, so that it holds the map so far
        whatever ends the call.

    Returns
    -------
    Result
        ``so_far``, or a new one.

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
    callbacks = tuple(callbacks)
    result = so_far or Result(start)
    result.state, result.stopped = start, ""
    if start.iteration == 0 and schedule.max_iter > 0:
        _check_start(start.Y)
        start = State(apart(start.Y), start.velocity, start.gains, 0)
    engine = Engine(P, start, field)
    kl = float("nan")
    try:
        while engine.iteration < schedule.max_iter and not result.stopped:
            engine.step(schedule(engine.iteration))
            done = engine.iteration
            measured = done % HISTORY_EVERY == 0 or done == schedule.max_iter
            called = bool(callbacks) and done % callbacks_every == 0
            if (
                done % HISTORY_EVERY == 0
            ):  # never where only a callback or max_iter asks: same bytes
                engine.recentre()
            if measured or called:
                kl = _finite(engine)
            if measured:
                result.history.append((done, kl))
                if stop == "auto" and _flat(result.history, schedule.early_exaggeration_iter):
                    result.stopped = "slope"
            if called:
                result.state, result.kl_divergence = engine.state(), kl  # should a callback raise
                progress = Progress("optimize", done, schedule.max_iter, kl, engine.embedding())
                if any([callback(progress) is True for callback in callbacks]):
                    result.stopped = "callback"
            if bar is not None:
                bar(done, kl)
            if done < schedule.max_iter and not result.stopped and deadline.passed():
                result.stopped = "deadline"
    except KeyboardInterrupt as error:
        result.state, result.stopped = engine.state(), "interrupt"
        _close(result, Engine(P, result.state, field))  # the old one may be in the midst of a step
        done = result.state.iteration
        interrupted = FitInterrupted(f"interrupted at iteration {done} of {schedule.max_iter}")
        interrupted.result = result
        raise interrupted from error
    result.state = engine.state()
    _close(result, engine)
    if result.stopped == "deadline":
        deadline.check(f"at iteration {engine.iteration} of {schedule.max_iter}")
    return result


def _close(result: Result, engine: Engine) -> None:
    """Set the KL of the map as it stands, in the history as well."""
    if not result.history or result.history[-1][0] != engine.iteration:
        result.history.append((engine.iteration, _finite(engine)))
    result.kl_divergence = result.history[-1][1]


def _finite(engine: Engine) -> float:
    """Return the KL of the map as it stands, and refuse a map that is lost."""
    kl = engine.kl_divergence()
    if not np.isfinite(kl):
        raise FloatingPointError(
            f"the map has flown apart: KL is {kl} at iteration {engine.iteration}; "
            "lower learning_rate or max_step, or shrink init"
        )
    return kl


def _flat(history: list[tuple[int, float]], plain_from: int) -> bool:
    """Tell whether the KL's slope over the last two values is below the limit."""
    recent = [h for h in history if h[0] > plain_from]
    if len(recent) < 2:
        return False
    (t0, kl0), (t1, kl1) = recent[-2:]
    return (kl0 - kl1) < STOP_SHARE * abs(kl1) * (t1 - t0)
