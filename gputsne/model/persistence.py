"""A fit to a file and back: arrays by name, the rest as JSON; all that a file says is checked.

What belongs to the machine or the session (threads, progress, memory, callbacks) isn't kept.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gputsne.backends import DEVICES
from gputsne.base.files import path_of
from gputsne.base.parameter_table import TABLE
from gputsne.base.types import Affinities, Array, State
from gputsne.engine.kept import MeshRecord
from gputsne.engine.optimize import Result
from gputsne.model import storage
from gputsne.model.about import About
from gputsne.model.fitted import rechoose
from gputsne.model.parameters import Parameters
from gputsne.model.records import Fit, Prepared, read_only
from gputsne.preparation import Preparation
from gputsne.provenance import Run

__all__ = ["Saved", "check_kept", "mesh_of", "opened", "read", "state_of", "write"]

# Functions and how often they are called, a graph that is in P already, and what another machine
# has more or less of.
NOT_KEPT = ("callbacks", "callbacks_every", "neighbors", "n_jobs", "verbose", "memory_limit")
STATE = ("Y", "velocity", "gains")
EDGES = ("indptr", "indices", "data")
# What files of older versions call these attributes of a mesh.
FORMERLY = {"widened": "coarsened", "ever_widened": "ever_coarsened"}
COLOUR = re.compile("#[0-9a-f]{6}")
LONGEST = 1 << 40  # iterations and counts that a file may claim


def write(
    fit: Fit,
    path: str | Path,
    *,
    affinities: bool = False,
    palette: Mapping[str, str] | None = None,
    run: Run | None = None,
    more: Mapping[str, Any] | None = None,
    ids: Array | None = None,
) -> None:
    """Write a fit that has a map, its record, and the colours of labels; see ``TSNE.save``.

    ``more`` is kept for whoever reads the file by ``opened``; ``ids`` may be left out.
    """
    path = path_of(path)
    result, prepared = fit.result, fit.prepared
    if result is None:
        raise ValueError("there is no map to save")
    arrays: dict[str, Array] = {f"state.{name}": getattr(result.state, name) for name in STATE}
    meta = {
        "parameters": _kept_parameters(fit.params, arrays),
        "iteration": result.state.iteration,
        "kl_divergence": result.kl_divergence,
        "history": result.history,
        "stopped": result.stopped,
        "dof": result.dof,
        "learning_rate": result.learning_rate,
        "exact": result.exact,
        "mesh": None if result.mesh is None else dict(vars(result.mesh)),
        "recall": prepared.recall,
        "graph_source": prepared.graph_source,
        "perplexity": prepared.perplexity,
        "timings": fit.timings,
        "device": fit.device,
        "palette": _filed_palette(palette or {}),
        "run": None if run is None else run.to_dict(),
        "more": dict(more or {}),
    }
    if prepared.rows is not None and prepared.preparation is not None:
        arrays["rows"] = prepared.rows
        arrays |= {f"preparation.{k}": v for k, v in prepared.preparation.arrays().items()}
    if ids is not None:
        arrays["ids"] = ids
    if affinities and fit.P is not None:
        arrays |= {f"P.{name}": getattr(fit.P, name) for name in EDGES}
        meta["unreached"] = fit.P.unreached
    storage.write(path, meta, arrays)


def check_kept(params: Parameters) -> None:
    """Raise ValueError, naming it, for a parameter that a file can't hold."""
    _kept_parameters(params, {})


def _filed_palette(palette: Any) -> list[list[str]]:
    """Return colours of labels as JSON has them, whatever the labels' names."""
    known = isinstance(palette, Mapping)
    if not known or not all(COLOUR.fullmatch(str(colour)) for colour in palette.values()):
        raise ValueError(f"palette_={palette!r} must be a dict of label to '#rrggbb'")
    return [[str(label), str(colour)] for label, colour in palette.items()]


def _kept_parameters(params: Parameters, arrays: dict[str, Array]) -> dict[str, Any]:
    """Return the parameters as JSON has them; arrays among them go into ``arrays``."""
    kept = {k: v for k, v in vars(params).items() if k not in NOT_KEPT}
    if not isinstance(kept["random_state"], int | np.integer | None):
        kept["random_state"] = None  # a generator; it has moved on
    return {name: _plain(value, name, arrays) for name, value in kept.items()}


def _plain(value: Any, where: str, arrays: dict[str, Array]) -> Any:
    """Return a parameter's value without numpy's and other libraries' types.

    Raises
    ------
    ValueError
        Naming the parameter, where a file can't hold the value.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, Mapping) and all(str(k).isidentifier() for k in value):
        return {k: _plain(v, f"{where}.{k}", arrays) for k, v in value.items()}
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.ndim == 0:
            return _plain(array.item(), where, arrays)
        if array.dtype.kind in storage.KINDS:
            arrays[f"parameter.{where}"] = array
            return None
    if isinstance(value, list | tuple):
        return [_plain(v, f"{where}[{i}]", arrays) for i, v in enumerate(value)]
    what = "a function" if callable(value) else f"of type {type(value).__name__}"
    raise ValueError(f"{where}={value!r} is {what}, which a file can't hold; pickle the model")


class Saved(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    parameters : dict of str to object
        What the estimator is to be made with.
    fit : Fit
        The fit.
    palette : dict of str to str
        Colours that labels had in pictures of the map, ``#rrggbb``; empty where there were none.
    run : Run or None
        Record of the fit; None in files that were written before there were any.
    ids : array, shape (n,), or None
        What the rows are: whole numbers or text.
    """

    parameters: dict[str, Any]
    fit: Fit
    palette: dict[str, str]
    run: Run | None
    ids: Array | None = None


def read(path: str | Path, device: str | None = None) -> Saved:
    """Return the estimator's parameters and the fit that a file holds; see ``TSNE.load``."""
    return opened(path, device)[0]


def opened(path: str | Path, device: str | None = None) -> tuple[Saved, dict[str, Any]]:
    """Return what ``read`` does, and what ``write`` was given as ``more``."""
    path = path_of(path)
    if device is not None and device not in DEVICES:
        raise ValueError(f"device={device!r} is none of {', '.join(map(repr, DEVICES))}")
    meta, arrays = storage.read(path)
    try:
        return _restored(meta, arrays, device), dict(meta.get("more", {}))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ValueError(f"{path} is no complete model of gputsne: {e!r}") from e


def _restored(meta: dict[str, Any], arrays: dict[str, Array], device: str | None) -> Saved:
    given, params = _parameters(meta, arrays, device)
    state = state_of(meta, arrays, params.n_components)
    n = len(state.Y)
    prepared = _prepared(meta, arrays, n)
    if (prepared.rows is None) != params.has_no_rows:
        raise ValueError("its rows don't go with its parameters")
    P = None
    if "P.data" in arrays:
        indptr, indices, data = (arrays[f"P.{name}"] for name in EDGES)
        _check_edges(indptr, indices, data, n=n)
        unreached = _count(meta.get("unreached", 0))
        P = read_only(Affinities(indptr, indices, data, unreached))
    if given["affinity"] == "given":
        given["affinity"] = "perplexity" if P is None else P
    choice = rechoose(params.device, None)
    timings = {str(k): float(v) for k, v in meta["timings"].items()}
    result = _result(meta, state, params)
    told = meta.get("run")
    run = None if told is None else Run.from_dict(told)
    about = {} if run is None else About.of_record(run)
    fit = Fit(params, choice.device, choice.reason, timings, prepared, P, result, about)
    ids = arrays.get("ids")
    if ids is not None and (ids.shape != (n,) or ids.dtype.kind not in "biuU"):
        raise ValueError(f"ids is {ids.dtype} of shape {ids.shape}")
    return Saved(given, fit, _palette(meta.get("palette", [])), run, ids)


def _palette(told: Any) -> dict[str, str]:
    pairs = [(str(label), str(colour)) for label, colour in told]
    if not all(COLOUR.fullmatch(colour) for _, colour in pairs):
        raise ValueError("palette has what is no colour")
    return dict(pairs)


def _parameters(
    meta: dict[str, Any], arrays: dict[str, Array], device: str | None
) -> tuple[dict[str, Any], Parameters]:
    """Return what the estimator is to be made with, and the parameters of the fit, checked."""
    # Before there was a choice of schedules, all maps were made by the classic one.
    given: dict[str, Any] = {"schedule": "classic"}
    given |= {k: v for k, v in meta["parameters"].items() if k not in NOT_KEPT}
    for name, array in arrays.items():
        prefix, _, place = name.partition(".")
        if prefix == "parameter":
            *outer, last = place.split(".")
            target = given
            for key in outer:
                target = target[key]
            target[last] = array.item() if array.ndim == 0 else array
    if device is not None:
        given["device"] = device
    defaults = {row.name: row.default for row in TABLE if row.name in NOT_KEPT}
    if not isinstance(given["affinity"], str) or not isinstance(given["metric"], str):
        raise ValueError("affinity and metric must be names")
    if not isinstance(given["metric_params"], dict | None):
        raise ValueError(f"metric_params={given['metric_params']!r} is no table")
    stands_for_P = {"affinity": ()} if given["affinity"] == "given" else {}  # what is no name
    params = Parameters.of(defaults | given | stands_for_P)
    params.perplexity_for(LONGEST)
    return given, params.snapshot()


def state_of(meta: dict[str, Any], arrays: dict[str, Array], c: int) -> State:
    """Return an optimiser's state of ``c`` axes, checked; raise ValueError or KeyError."""
    Y, velocity, gains = (arrays[f"state.{name}"] for name in STATE)
    for name, array in zip(STATE, (Y, velocity, gains), strict=True):
        if array.dtype != np.float32 or array.shape != Y.shape or array.shape[1:] != (c,):
            raise ValueError(f"state.{name} is {array.dtype} of shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"state.{name} isn't finite")
    if not len(Y):
        raise ValueError("its map has no points")
    Y.flags.writeable = False
    return State(Y, velocity, gains, _count(meta["iteration"]))


def _prepared(meta: dict[str, Any], arrays: dict[str, Array], n: int) -> Prepared:
    perplexity = meta["perplexity"]
    several = isinstance(perplexity, list)
    used = [_positive(p) for p in perplexity] if several else _positive(perplexity)
    told = Prepared(
        recall=float(meta["recall"]), graph_source=str(meta["graph_source"]), perplexity=used
    )
    if "rows" not in arrays:
        return told
    prefix = "preparation."
    parts = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    learned = Preparation.from_arrays(parts)
    _check_preparation(learned)
    rows = arrays["rows"]
    if rows.dtype != np.float32 or rows.shape != (n, learned.n_features_out):
        raise ValueError(f"rows is {rows.dtype} of shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("rows isn't finite")
    rows.flags.writeable = False
    return replace(told, rows=rows, preparation=learned)


def _check_preparation(learned: Preparation) -> None:
    """Raise ValueError for parts that don't fit together or aren't numbers."""
    d = learned.n_features_in
    if not 1 <= d <= LONGEST or not (np.isfinite(learned.factor) and learned.factor > 0):
        raise ValueError(f"preparation has n_features_in={d} and factor={learned.factor}")
    if learned.feature_names is not None and len(learned.feature_names) != d:
        raise ValueError("preparation.feature_names has another length than n_features_in")
    if learned.pca_mean is not None and learned.components is None:
        raise ValueError("preparation.pca_mean has no components")
    for name in ("fill", "mean", "scale", "pca_mean", "components"):
        part = getattr(learned, name)
        if part is None:
            continue
        shape = (learned.n_features_out, d) if name == "components" else (d,)
        if part.dtype != np.float64 or part.shape != shape or not np.isfinite(part).all():
            raise ValueError(f"preparation.{name} is {part.dtype} of {part.shape} or isn't finite")
    if learned.scale is not None and not (learned.scale > 0).all():
        raise ValueError("preparation.scale holds values that aren't above 0")


def _check_edges(indptr: Array, indices: Array, data: Array, *, n: int) -> None:
    """Raise ValueError for arrays that are no CSR matrix of probabilities of n points."""
    if [a.dtype for a in (indptr, indices, data)] != [np.int64, np.int32, np.float32]:
        raise ValueError(f"P has dtypes {indptr.dtype}, {indices.dtype}, {data.dtype}")
    if indptr.shape != (n + 1,) or indices.ndim != 1 or indices.shape != data.shape:
        raise ValueError(f"P has shapes {indptr.shape}, {indices.shape}, {data.shape}")
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError("P.indptr doesn't rise from 0 to the number of edges")
    if len(indices) and not (indices.min() >= 0 and indices.max() < n):
        raise ValueError(f"P.indices has points outside 0 ... {n - 1}")
    if not (np.isfinite(data).all() and (data >= 0).all()):
        raise ValueError("P.data has values that are negative or not finite")


def _result(meta: dict[str, Any], state: State, params: Parameters) -> Result:
    history = tuple((_count(t), float(kl)) for t, kl in meta["history"])
    schedule = params.schedule_for(len(state.Y))
    first = schedule(max(state.iteration - 1, 0))
    dof = _positive(meta.get("dof", params.dof))
    mesh = meta.get("mesh")
    return Result(
        state,
        float(meta["kl_divergence"]),
        history,
        str(meta["stopped"]),
        dof,
        _positive(meta.get("learning_rate", first.learning_rate)),
        bool(meta.get("exact", mesh is None)),
        None if mesh is None else mesh_of(mesh, state.Y.shape[1]),
    )


def mesh_of(told: dict[str, Any], c: int) -> MeshRecord:
    """Return a mesh of ``c`` axes from its attributes, checked; raise ValueError or KeyError."""
    told = {FORMERLY.get(name, name): value for name, value in told.items()}
    center = tuple(float(x) for x in told["center"])
    fft_shape = tuple(_count(m) for m in told["fft_shape"])
    if len(center) != c or len(fft_shape) != c or not np.isfinite(center).all():
        raise ValueError(f"mesh has center={center}, fft_shape={fft_shape}")
    if any(m % 2 or m < 2 for m in fft_shape):
        raise ValueError(f"mesh has fft_shape={fft_shape}")
    return MeshRecord(
        _positive(told["h"]), fft_shape, center, bool(told["coarsened"]),
        bool(told["ever_coarsened"]), _count(told["rebuilds"]), bool(told["pair"]),
        _least_0(told["burden"]), _count(told["since"]), _least_0(told["clean_at"]),
    )  # fmt: skip


def _least_0(value: Any) -> float:
    number = float(value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"{value!r} must be finite and at least 0")
    return number


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LONGEST:
        raise ValueError(f"{value!r} is no count")
    return value


def _positive(value: Any) -> float:
    number = float(value)
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{value!r} must be finite and above 0")
    return number
