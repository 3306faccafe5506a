"""Facts of a run, as the record holds them: what a fit was asked, what came of it, what was read.

Every function reads and returns; the fitted model is never changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.arrays import host
from gputsne.provenance.machine import host as name_of_host
from gputsne.provenance.machine import machine, peak_memory, versions
from gputsne.provenance.outcome import Outcome
from gputsne.provenance.plain import plain, sha256_file, stamp
from gputsne.provenance.run import Run

__all__ = ["assemble", "circumstances", "describe", "describe_input", "map_sha256"]

# What the record of a fit knows, and that of the whole run takes over.
OF_FIT: Final = (
    "id", "columns", "parameters", "seed", "device", "device_reason", "timings", "n_iter",
    "learning_rate", "kl_divergence", "kl_history", "neighbors_recall",
    "pca_variance_ratio", "mesh", "map", "map_sha256", "peak_device_bytes", "previous", "warnings",
)  # fmt: skip


def describe(model: Any) -> dict[str, Any]:
    """Return what a fit was asked and what came of it.

    Parameters
    ----------
    model : TSNE
        Fitted, or stopped half-way: what it has no attribute for is None.

    Returns
    -------
    dict
        ``parameters, seed, device, device_reason, timings`` (seconds), ``n_iter, learning_rate,
        kl_divergence, kl_history`` (pairs of iteration and KL), ``neighbors_recall, mesh, map``
        (shape of the map).

    Examples
    --------
    >>> describe(object())["kl_divergence"] is None
    True
    """
    parameters = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    parameters = parameters | getattr(model, "parameters_", {})  # of the fit, not set later
    embedding = getattr(model, "embedding_", None)
    shape = getattr(embedding, "shape", None)  # of any library, on any device
    history = getattr(model, "kl_history_", None)
    facts = {
        "parameters": {k: v for k, v in parameters.items() if k != "callbacks"},
        "seed": parameters.get("random_state"),
        "device": getattr(model, "device_", None),
        "device_reason": getattr(model, "device_reason_", None),
        "timings": getattr(model, "timings_", None),
        "n_iter": getattr(model, "n_iter_", None),
        "learning_rate": getattr(model, "learning_rate_", None),
        "kl_divergence": getattr(model, "kl_divergence_", None),
        "kl_history": None if history is None else [[int(i), kl] for i, kl in history],
        "neighbors_recall": getattr(model, "neighbors_recall_", None),
        "mesh": getattr(model, "mesh_", None),
        "map": None if shape is None else [int(m) for m in shape],
    }
    described: dict[str, Any] = plain(facts)
    return described


def describe_input(
    path: Path, name: str, selection: Mapping[str, Any], *, hashed: bool
) -> dict[str, Any]:
    """Return what a run read.

    Parameters
    ----------
    path : Path
        The file that was read.
    name : str
        What it was called.
    selection : mapping
        What was asked of it; None and empty values are left out.
    hashed : bool
        Whether to add the file's SHA-256, which reads it again.

    Returns
    -------
    dict
        ``path, selection, bytes, sha256``; None where there is no file.
    """
    there = path.is_file()
    return {
        "path": name,
        "selection": {k: v for k, v in selection.items() if v not in (None, ())},
        "bytes": path.stat().st_size if there else None,
        "sha256": sha256_file(path) if there and hashed else None,
    }


def map_sha256(Y: Any) -> str:
    """Return the SHA-256 of a map's bytes: float32, low byte first, one row after the other.

    Parameters
    ----------
    Y : array, shape (n, c)
        The map.

    Returns
    -------
    str
        64 hexadecimal digits; ``hashlib.sha256(Y.astype("<f4").tobytes())`` in numpy's words.

    Examples
    --------
    >>> map_sha256([[0.0, 0.0]]) == hashlib.sha256(bytes(8)).hexdigest()
    True
    """
    return hashlib.sha256(np.ascontiguousarray(host(Y), dtype="<f4")).hexdigest()


def assemble(
    model: Any,
    outcome: Outcome,
    *,
    id: str,
    started: datetime,
    ended: datetime,
    seconds: float,
    inputs: list[dict[str, Any]],
    X: Any = None,
    **told: Any,
) -> Run:
    """Return the whole record of a run.

    Parameters
    ----------
    model : TSNE or None
        As far as it came. The record of its fit, where it has one, gives the run its id.
    outcome : Outcome
        How the run ended.
    id : str
        Of the run where there was no fit.
    started, ended : datetime
        In UTC.
    seconds : float
        Between the two, by a clock that nobody sets.
    inputs : list of dict
        From `describe_input`, at least one. ``input`` tells of the first, ``further_inputs`` of the
        others.
    X : array, sparse matrix or None
        The features that were read; the fit's record is asked first.
    **told
        Further attributes of `Run`, ``parameters`` among them; what the model has of its own goes
        before them.

    Returns
    -------
    Run
    """
    first, *others = inputs
    shape: dict[str, Any] = {"shape": None, "dtype": None, "data_sha256": None}
    if X is not None:
        shape |= {"shape": list(X.shape), "dtype": str(X.dtype)}
    of_fit: Run | None = getattr(model, "run_", None)
    if of_fit is None:
        known = {k: v for k, v in describe(model).items() if v not in (None, {})} | {"id": id}
    else:
        known = {name: getattr(of_fit, name) for name in OF_FIT}
        shape |= {k: v for k, v in of_fit.input.items() if v is not None}
    return Run(**{
        **told,
        **known,
        **circumstances(started, ended, seconds),
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "error": outcome.message or None,
        "input": {**first, **shape},
        "further_inputs": others,
    })  # fmt: skip


def circumstances(started: datetime, ended: datetime, seconds: float) -> dict[str, Any]:
    """Return when a run was and where: times, versions, machine and memory.

    Parameters
    ----------
    started, ended : datetime
        In UTC.
    seconds : float
        Between the two, by ``time.monotonic``: a clock that is set meanwhile, or jumps, would make
        a run of any length of it, or one below 0.

    Returns
    -------
    dict
        ``started, ended, seconds, versions, machine, host, peak_memory_bytes``.
    """
    return {
        "started": stamp(started),
        "ended": stamp(ended),
        "seconds": seconds,
        "versions": versions(),
        "machine": machine(),
        "host": name_of_host(),
        "peak_memory_bytes": peak_memory(),
    }
