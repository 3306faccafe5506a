"""The record of a run: what is worth knowing of it a year later, as one JSON-ready dict.

Pure but for `write`: every function reads and returns; the fitted model is never changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.files import replacing
from gputsne.runs.outcome import Outcome, shown

__all__ = [
    "SCHEMA",
    "assemble",
    "describe",
    "describe_input",
    "peak_memory",
    "plain",
    "sha256_file",
    "versions",
    "write",
]

SCHEMA: Final = "gputsne.run/1"
_DISTRIBUTIONS: Final = {
    "gputsne": ("gputsne",),
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "scikit-learn": ("scikit-learn",),
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss"),
}
_CHUNK: Final = 1 << 20  # bytes hashed at a time


def versions() -> dict[str, str | None]:
    """Return the versions of Python, gputsne and what it computes with; None: not installed.

    Returns
    -------
    dict
        From name to version; reads package metadata and imports nothing.

    Examples
    --------
    >>> versions()["python"].startswith("3.")
    True
    """
    from gputsne._version import __version__

    found: dict[str, str | None] = {"python": platform.python_version()}
    for name, distributions in _DISTRIBUTIONS.items():
        found[name] = next(filter(None, map(_installed, distributions)), None)
    return found | {"gputsne": __version__}


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it.

    Parameters
    ----------
    path : str or Path
        The file; read in blocks of 1 MiB.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> sha256_file("/dev/null")[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def peak_memory() -> int | None:
    """Return the most memory this process has held at once, in bytes; None where it isn't known.

    Returns
    -------
    int or None
        Largest resident set since the process began.

    Examples
    --------
    >>> peak_memory() > 1_000_000
    True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024  # kB but on macOS


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Parameters
    ----------
    value : object
        Numbers of numpy become Python's, NaN and infinity None, small arrays lists, large arrays
        their shape, dtype and SHA-256, anything unknown its ``repr``.

    Returns
    -------
    object
        Made of dict, list, str, int, float, bool and None.

    Examples
    --------
    >>> plain({"kl": np.float32(0.5), "seed": np.int64(3), "bad": float("nan")})
    {'kl': 0.5, 'seed': 3, 'bad': None}
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        if value.size <= 1000 and value.dtype.kind in "fiub":
            return plain(value.tolist())
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": digest}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return shown(value)
    return repr(value)


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
        "map": None if embedding is None else list(np.shape(embedding)),
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


def assemble(
    model: Any,
    outcome: Outcome,
    *,
    started: datetime,
    inputs: list[dict[str, Any]],
    X: Any,
    output: Mapping[str, Any],
    parameters: Mapping[str, Any],
    scores: Mapping[str, float],
) -> dict[str, Any]:
    """Return the whole record of a run that ends now.

    Parameters
    ----------
    model : TSNE or None
        As far as it came.
    outcome : Outcome
        How the run ended.
    started : datetime
        When it began, in UTC.
    inputs : list of dict
        From `describe_input`, at least one.
    X : array, sparse matrix or None
        The features that were read.
    output : mapping
        Files asked for and files written.
    parameters : mapping
        What was asked of TSNE; the model's own are told where there is one.
    scores : mapping of str to float
        Measures of the map.

    Returns
    -------
    dict
        Of the schema ``SCHEMA``; with several inputs ``input`` tells of the first, and
        ``further_inputs`` of the others.
    """
    ended = datetime.now(UTC)
    told = describe(model)
    first, *others = inputs
    shape = {
        "shape": None if X is None else list(X.shape),
        "dtype": None if X is None else str(X.dtype),
    }
    return {
        "schema": SCHEMA,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "error": outcome.message or None,
        "started": stamp(started),
        "ended": stamp(ended),
        "seconds": (ended - started).total_seconds(),
        "input": first | shape,
        "further_inputs": others,
        "output": dict(output),
        **told,
        "parameters": told["parameters"] or dict(parameters),
        "seed": parameters.get("random_state"),
        "scores": dict(scores),
        "versions": versions(),
        "machine": machine(),
        "peak_memory_bytes": peak_memory(),
    }


def machine() -> dict[str, Any]:
    """Return the platform and the processors a run was given."""
    return {"platform": platform.platform(), "processors": os.cpu_count()}


def stamp(when: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, to the millisecond."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(path: str | Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to make or replace.
    record : mapping
        Anything `plain` can tell.

    Raises
    ------
    OSError
        The file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.json"
    >>> write(path, {"seed": np.int64(3)})
    >>> json.loads(path.read_text())
    {'seed': 3}
    """
    text = json.dumps(plain(record), indent=1, allow_nan=False) + "\n"
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
