"""Reads h5ad (AnnData on disk) with h5py alone: X or any other matrix, obs columns as labels.

Follows the on-disk format of anndata 0.7 and later: dense arrays, csr_matrix and csc_matrix groups,
categorical and nullable columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.types import Array
from gputsne.data.table import (
    BadInput,
    Selection,
    Table,
    is_label_file,
    listed,
    numeric_matrix,
    pick,
)


def read(path: Path, want: Selection) -> Table:
    """Read an h5ad file; see gputsne.data.read."""
    import h5py

    if want.vector is not None:
        raise BadInput(f"--vector {want.vector!r}: h5ad holds matrices; choose one with --key")
    if want.header is not None:
        raise BadInput(f"--header: {path} is h5ad; only csv has a first line")
    try:
        return _read(h5py.File(path, "r"), path, want)
    except KeyError as error:
        raise BadInput(f"{path} isn't laid out as anndata writes it: {error}") from error


def _read(opened: Any, path: Path, want: Selection) -> Table:
    with opened as file:
        key = _place(file, want.key or "X", path)
        X = _matrix(file[key], path, key)
        names = _index(file, "var") if key == "X" or key.startswith("layers/") else None
        if names is not None and len(names) != X.shape[1]:
            names = None
        chosen = None
        if want.columns:
            known = names or tuple(str(i) for i in range(X.shape[1]))
            chosen = pick(known, want.columns, path)
            X = X[:, chosen]
            names = None if names is None else tuple(names[i] for i in chosen)
        labels = None
        if want.labels is not None and (_has(file, want.labels) or not is_label_file(want.labels)):
            labels = _obs(file, want.labels, path, X.shape[0])
        ids = None if want.ids is None else _obs(file, want.ids, path, X.shape[0])
    positions = None if chosen is None else tuple(chosen)
    return Table(X, names=names, labels=labels, ids=ids, positions=positions)


def _place(file: Any, key: str, path: Path) -> str:
    """Return where the matrix lies: `key`, else in obsm or layers."""
    for place in (key, f"obsm/{key}", f"layers/{key}"):
        if place in file:
            return place
    known = ["X"] if "X" in file else []
    known += [f"{part}/{k}" for part in ("obsm", "layers") if part in file for k in file[part]]
    raise BadInput(f"{path} has no matrix {key!r}; it has: {listed(known)}")


def _matrix(node: Any, path: Path, key: str) -> Any:
    """Return a dense array or a scipy CSR matrix, shape (n, d)."""
    import h5py

    if isinstance(node, h5py.Dataset):
        return numeric_matrix(node[...], path, f"matrix {key!r}")
    kind = node.attrs.get("encoding-type", node.attrs.get("h5sparse_format", ""))
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if not kind.startswith(("csr", "csc")):
        raise BadInput(f"{path}: {key!r} is {kind or 'a group'}, not a dense, csr or csc matrix")
    from scipy import sparse

    shape = tuple(int(s) for s in node.attrs.get("shape", node.attrs.get("h5sparse_shape")))
    parts = (node["data"][...], node["indices"][...], node["indptr"][...])
    if kind.startswith("csr"):
        return sparse.csr_matrix(parts, shape=shape)
    return sparse.csc_matrix(parts, shape=shape).tocsr()


def _index_name(frame: Any) -> str:
    name = frame.attrs.get("_index", "index")
    return name.decode() if isinstance(name, bytes) else str(name)


def _index(file: Any, frame: str) -> tuple[str, ...] | None:
    if frame not in file or not hasattr(file[frame], "keys"):
        return None
    name = _index_name(file[frame])
    return tuple(map(str, _values(file[frame][name]))) if name in file[frame] else None


def _has(file: Any, column: str) -> bool:
    return "obs" in file and (column == "_index" or column in file["obs"])


def _obs(file: Any, column: str, path: Path, n: int) -> Array:
    """Return a column of obs, shape (n,); ``_index`` is the observations' own names."""
    if not _has(file, column):
        known = [k for k in file["obs"] if not k.startswith("__")] if "obs" in file else []
        raise BadInput(f"{path} has no obs column {column!r}; it has: {listed(known)}")
    frame = file["obs"]
    name = _index_name(frame) if column == "_index" else column
    values = _values(frame[name])
    if "__categories" in frame and name in frame["__categories"]:
        values = _categories(values, _values(frame["__categories"][name]))
    if values.shape != (n,):
        raise BadInput(f"{path}: obs column {column!r} has shape {values.shape}; ({n},) is needed")
    return values


def _values(node: Any) -> Array:
    """Return a column: plain, categorical or nullable; text as str, missing as None."""
    import h5py

    if isinstance(node, h5py.Dataset):
        if h5py.check_string_dtype(node.dtype) is not None:
            return np.asarray(node.asstr()[...], dtype=object)
        return np.asarray(node[...])
    if "codes" in node:
        return _categories(node["codes"][...], _values(node["categories"]))
    values = _values(node["values"])
    if not node["mask"][...].any():
        return values
    missing = values.astype(object)
    missing[node["mask"][...]] = None
    return missing


def _categories(codes: Array, categories: Array) -> Array:
    """Return each code's category; the code -1 means missing."""
    if not (codes < 0).any():
        return np.asarray(categories[codes])
    named = np.full(len(categories) + 1, None, dtype=object)
    named[:-1] = categories
    return np.asarray(named[codes])
