"""How does a fitted run become a file, and a file a run? Arrays by name, the rest as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.types import Affinities, Array, State
from gputsne.engine.optimize import Result
from gputsne.model import storage
from gputsne.model.parameters import Parameters
from gputsne.model.pipeline import Run, field_of, rechoose
from gputsne.model.progress import Watch
from gputsne.preparation import Preparation

__all__ = ["load", "save"]

# Functions and how often they are called, and a graph that is in P already.
NOT_KEPT = ("callbacks", "callbacks_every", "neighbors")
STATE = ("Y", "velocity", "gains")
EDGES = ("indptr", "indices", "data")


def save(
    parameters: Mapping[str, Any], run: Run, path: str | Path, *, affinities: bool = False
) -> None:
    """Write a fitted model; see ``TSNE.save``."""
    result = run.result
    assert result is not None
    parameters = {k: v for k, v in parameters.items() if k not in NOT_KEPT}
    if callable(parameters["metric"]):
        raise ValueError(
            f"metric={parameters['metric']!r} is a function, which a file can't hold; "
            "pickle the model"
        )
    arrays: dict[str, Array] = {f"state.{name}": getattr(result.state, name) for name in STATE}
    for name in ("init", "perplexity"):
        if not isinstance(parameters[name], str | int | float):
            arrays[f"parameter.{name}"] = np.asarray(parameters.pop(name))
    if not isinstance(parameters["random_state"], int | np.integer | None):
        parameters["random_state"] = None  # a generator; it has moved on
    if run.rows is not None and run.preparation is not None:
        arrays["rows"] = run.rows
        arrays |= {f"preparation.{k}": v for k, v in run.preparation.arrays().items()}
    if affinities and run.P is not None:
        arrays |= {f"P.{name}": getattr(run.P, name) for name in EDGES}
    meta = {
        "parameters": parameters,
        "iteration": result.state.iteration,
        "kl_divergence": result.kl_divergence,
        "history": result.history,
        "stopped": result.stopped,
        "recall": run.recall,
        "graph_source": run.graph_source,
        "perplexity": run.perplexity,
        "timings": run.watch.timings,
        "device": run.choice.device,
    }
    storage.save(path, meta, arrays)


def load(path: str | Path, device: str | None = None) -> tuple[dict[str, Any], Run]:
    """Return the parameters and the run that a file holds; see ``TSNE.load``."""
    meta, arrays = storage.load(path)
    try:
        return _restored(meta, arrays, device)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no complete model of gputsne: {error!r}") from error


def _restored(
    meta: dict[str, Any], arrays: dict[str, Array], device: str | None
) -> tuple[dict[str, Any], Run]:
    parameters = dict(meta["parameters"])
    for name in ("init", "perplexity"):
        if f"parameter.{name}" in arrays:
            parameters[name] = arrays[f"parameter.{name}"]
    if device is not None:
        parameters["device"] = device
    defaults = {"callbacks": None, "callbacks_every": 50, "neighbors": None}
    params = Parameters.of(defaults | parameters)
    watch = Watch(params.verbose)
    watch.timings = dict(meta["timings"])
    run = Run(rechoose(params.device, params.n_jobs), watch)
    run.recall, run.graph_source = float(meta["recall"]), str(meta["graph_source"])
    run.perplexity = meta["perplexity"]
    if "rows" in arrays:
        run.rows = arrays["rows"]
        prefix = "preparation."
        parts = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        run.preparation = Preparation.from_arrays(parts)
    if "P.data" in arrays:
        run.P = Affinities(arrays["P.indptr"], arrays["P.indices"], arrays["P.data"])
    Y, velocity, gains = (arrays[f"state.{name}"] for name in STATE)
    state = State(Y, velocity, gains, int(meta["iteration"]))
    history = [(int(t), float(kl)) for t, kl in meta["history"]]
    run.result = Result(state, float(meta["kl_divergence"]), history, str(meta["stopped"]))
    run.field = field_of(params, run.choice)
    return parameters, run
