"""What decides a fit's bytes, in a form that can be compared: data, parameters, versions."""

from __future__ import annotations

import hashlib
import numbers
from typing import Any

import numpy as np

from gputsne._version import __version__
from gputsne.base import tables
from gputsne.base.arrays import host
from gputsne.base.parameter_table import TABLE
from gputsne.base.sparse import checked_csr
from gputsne.base.types import Affinities, KNNGraph
from gputsne.model.parameters import Parameters
from gputsne.provenance.values import read_values

__all__ = ["asked", "data_hash", "differing", "versions"]

# What may be another one in the part that goes on. Where it runs is compared as it was chosen.
FREE = ("callbacks", "callbacks_every", "n_jobs", "verbose", "memory_limit", "device")
BLOCK = 1 << 24  # bytes hashed at once


def data_hash(X: Any, params: Parameters) -> str:
    """Return the hash of what a fit is given: values, and names of columns.

    Parameters
    ----------
    X : object
        What a fit may be given.
    params : Parameters
        Of the fit.

    Returns
    -------
    str
        64 hexadecimal digits, and the names where there are some.
    """
    if isinstance(X, Affinities):
        return _digest(X)
    if params.has_no_rows:
        return read_values(checked_csr("X", X) if hasattr(X, "tocsr") else X).sha256
    table = tables.read(X)
    return f"{read_values(table.values).sha256} {','.join(table.names or ())}".strip()


def _digest(value: Any) -> str:
    digest = hashlib.sha256()
    _add(digest, value)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    """Add an array, sparse matrix, graph, or a tuple of arrays."""
    if isinstance(value, KNNGraph):
        value = (value.indices, value.distances)
    if isinstance(value, Affinities):
        value = (value.indptr, value.indices, value.data)
    if isinstance(value, list | tuple) and any(np.ndim(host(part)) > 0 for part in value):
        for part in value:
            _add(digest, part)
        return
    if hasattr(value, "tocsr"):
        csr = value.tocsr()
        value = (csr.data, csr.indices.astype(np.int64), csr.indptr.astype(np.int64))
        digest.update(repr(csr.shape).encode())
        for part in value:
            _add(digest, part)
        return
    array = np.asarray(host(value))
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    if array.dtype.hasobject:
        digest.update(repr(array.tolist()).encode())
        return
    rows = max(1, BLOCK // max(1, array[:1].nbytes)) if array.ndim else 1
    for start in range(0, len(array) if array.ndim else 1, rows):
        part = array[start : start + rows] if array.ndim else array
        digest.update(np.ascontiguousarray(part).tobytes())


def asked(params: Parameters) -> dict[str, Any]:
    """Return the parameters that decide the map, as JSON has them; arrays by their hash."""
    return {row.name: _plain(getattr(params, row.name)) for row in TABLE if row.name not in FREE}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return type(value).__name__
    if isinstance(value, list | tuple) and all(np.ndim(host(v)) == 0 for v in value):
        return [_plain(v) for v in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return f"array {_digest(value)[:16]}"


def differing(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return names whose values differ, in the order of the second.

    Parameters
    ----------
    old, new : dict of str to object

    Returns
    -------
    list of str
        Also those that one of them lacks.
    """
    names = list(new) + [name for name in old if name not in new]
    return [n for n in names if n not in old or n not in new or old[n] != new[n]]


def versions() -> dict[str, str]:
    """Return the versions of what computes an iteration."""
    from importlib import metadata

    return {"gputsne": __version__} | {name: metadata.version(name) for name in ("numpy", "scipy")}
