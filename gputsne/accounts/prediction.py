"""Seconds that a run will take: by a model of its stages, and by what runs like it took here.

The model is that of ``gputsne.planning``: of CPUs as measured on one machine, of GPUs by their
rates. Runs of the same host and kind of device scale it, where a store has any: by the median over
them of measured seconds per modelled second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from gputsne.base.threads import resolve_n_jobs
from gputsne.engine.schedule import SCHEDULES
from gputsne.planning.costs import MACHINES
from gputsne.planning.host import (
    ERROR,
    ERROR_BELOW,
    ERROR_FROM,
    host_seconds,
    placement_seconds,
)
from gputsne.provenance import Run
from gputsne.provenance.machine import host

__all__ = ["Prediction", "fitting", "modelled", "predict", "predict_placement", "summed"]

START: Final = 0.5  # seconds of imports, reading and writing of a small run, an estimate
LIKE: Final = 8.0  # rows of runs that are taken to be like another: at most so many times as many
MOST_RUNS: Final = 20  # the latest of them
ELSEWHERE: Final = 3.0  # factor that the model is off on another machine, an estimate
FEW, SPREAD = 3, 2.0  # below so many runs, their own spread says nothing: this factor instead
SHORT: Final = "short"


@dataclass(frozen=True)
class Prediction:
    """How long a run will take.

    Attributes
    ----------
    seconds : float
        From start to end, of one machine.
    low, high : float
        Between which it may well be.
    by : str
        What says so.
    """

    seconds: float
    low: float
    high: float
    by: str


def summed(parts: Sequence[Prediction]) -> Prediction:
    """Return the prediction of runs one after the other."""
    seconds, low, high = (sum(getattr(p, n) for p in parts) for n in ("seconds", "low", "high"))
    return Prediction(seconds, low, high, parts[0].by)


def modelled(
    n: int, d: int, parameters: Mapping[str, Any], device: str, *, iterations: int | None = None
) -> float:
    """Return the seconds of a run by the model, on this machine.

    Parameters
    ----------
    n, d : int
        Rows and features.
    parameters : mapping
        Of TSNE, as they were given.
    device : str
        "cpu", the GPU's kind, or the name of a model: "h100", "h200".
    iterations : int or None
        Done; None for those that the parameters ask for.

    Returns
    -------
    float
        Of a GPU that there is no model of, those of an H100, to be scaled.
    """
    from gputsne.affinities import n_neighbors_for

    perplexity = parameters.get("perplexity") or 30.0
    k = parameters.get("n_neighbors") or n_neighbors_for(perplexity, n)
    kept = min(d, parameters.get("pca") or d)
    steps = iterations or _iterations(parameters)
    if device != "cpu":
        from gputsne.planning.stages import fit_seconds

        gpu = MACHINES.get(device, MACHINES["h100"])
        stages = fit_seconds(n, d, gpu, k=int(k), pca=kept, iterations=steps)
        return START + sum(stages.values())
    threads = resolve_n_jobs(parameters.get("n_jobs"))
    return START + host_seconds(n, kept, int(k), threads, iterations=steps)


def _iterations(parameters: Mapping[str, Any]) -> int:
    schedule = SCHEDULES[parameters.get("schedule") or "classic"]
    return int(parameters.get("max_iter") or schedule["max_iter"])


def predict(
    n: int,
    d: int,
    parameters: Mapping[str, Any] | None = None,
    *,
    device: str = "cpu",
    runs: Iterable[Run] = (),
) -> Prediction | None:
    """Return how long a run will take.

    Parameters
    ----------
    n, d : int
        Rows and features.
    parameters : mapping or None
        Of TSNE; what is left out is its default.
    device : str, default "cpu"
        Where it will run, as ``Run.device`` says it; "h100" and "h200" are models of GPUs.
    runs : iterable of Run
        Earlier ones; those on this host count which are done, of the same device and of up to eight
        times as many rows, or as few.

    Returns
    -------
    Prediction or None
        None on a GPU without such runs: nobody knows how fast it is.

    Raises
    ------
    ValueError
        For numbers of rows and features below 1.

    Examples
    --------
    >>> found = predict(1_000_000, 50, {"n_jobs": 2})
    >>> round(found.seconds)
    174
    """
    if n < 1 or d < 1:
        raise ValueError(f"n={n}, d={d}: a table to be mapped has at least one row and one feature")
    parameters = parameters or {}
    model = modelled(n, d, parameters, device)
    rates = _rates(n, device, runs)
    if rates:
        seconds = model * median(rates)
        few = len(rates) < FEW
        low = seconds / SPREAD if few else model * min(rates)
        high = seconds * SPREAD if few else model * max(rates)
        many = "one run" if len(rates) == 1 else f"the median of {len(rates)} runs"
        return Prediction(seconds, low, high, f"{many} like it on this machine")
    if device in MACHINES:
        said = f"a model of {MACHINES[device].name}, of which nothing was measured"
        return Prediction(model, model / SPREAD, model * SPREAD, said)
    if device != "cpu":
        return None
    return _by_model(model, ERROR if n >= ERROR_FROM else ERROR_BELOW)


def predict_placement(m: int, n: int, d: int, threads: int) -> Prediction:
    """Return how long it will take to place rows in a map.

    Parameters
    ----------
    m, n, d, threads : int
        As of ``planning.host.placement_seconds``.

    Returns
    -------
    Prediction
        By a model of CPUs.
    """
    return _by_model(START + placement_seconds(m, n, d, threads), ERROR_BELOW)


def _by_model(seconds: float, error: float) -> Prediction:
    off = ELSEWHERE * error
    said = "a model of another machine's runs (gputsne/planning/host.py)"
    return Prediction(seconds, seconds / off, seconds * off, said)


def _rates(n: int, device: str, runs: Iterable[Run]) -> Sequence[float]:
    """Return measured seconds per modelled one, of the latest runs that are like a run."""
    here, found = host(), []
    for run in runs:
        shape: Sequence[int] = run.input.get("shape") or ()
        if run.status != "done" or run.host != here or run.device != device or len(shape) != 2:
            continue
        rows, features = shape
        if not run.seconds or not n / LIKE <= rows <= n * LIKE or features < 1:
            continue
        try:
            model = modelled(rows, features, run.parameters, device, iterations=run.n_iter)
        except (KeyError, TypeError, ValueError):  # parameters of another version
            continue
        found.append(run.seconds / model)
    return found[-MOST_RUNS:]


def fitting(n: int, d: int, parameters: Mapping[str, Any], device: str, share: float) -> list[str]:
    """Return what would take no more than a share of a run's time, in words.

    Parameters
    ----------
    n, d : int
        Rows and features.
    parameters : mapping
        Of TSNE.
    device : str
        As in `predict`.
    share : float
        Below 1.

    Returns
    -------
    list of str
        By the model; none where not even 100 rows would do.
    """
    limit = share * modelled(n, d, parameters, device)
    found = []
    shorter = {name: v for name, v in parameters.items() if name != "max_iter"} | {
        "schedule": SHORT
    }
    if modelled(n, d, shorter, device) <= limit and shorter != parameters:
        found.append("--schedule short")
    kept = min(d, parameters.get("pca") or d)
    if kept > 50 and modelled(n, d, {**parameters, "pca": 50}, device) <= limit:
        found.append("--pca 50")
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        if modelled(middle, d, parameters, device) <= limit:
            low = middle
        else:
            high = middle
    rows = _rounded(low)
    if rows >= 100:
        found.append(f"a sample of {rows:,} rows (gputsne sample)")
    return found


def _rounded(rows: int) -> int:
    """Return a number rounded down to two digits."""
    unit: int = 10 ** max(0, len(str(rows)) - 2)
    return rows // unit * unit
