"""Reads npy (memory-mapped) and npz: one array of features, others as labels or ids.

Also the npz that ``scipy.sparse.save_npz`` writes. Pickled objects are refused, never loaded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.table import BadInput, Selection, Table, listed, numeric_matrix, pick

_SPARSE_KEYS: Final = {"indices", "indptr", "format", "shape", "data"}


def read(path: Path, want: Selection) -> Table:
    """Read a .npy or .npz file; see gputsne.data.read."""
    if want.vector is not None:
        raise BadInput(f"--vector: {path} is an array; it has no columns that hold lists")
    if want.header is not None:
        raise BadInput(f"--header: {path} is an array; only csv has a first line")
    try:
        if path.suffix.lower() == ".npy":
            return _npy(path, want)
        with np.load(path, allow_pickle=False) as archive:
            return _npz(path, want, archive)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} can't be read as {path.suffix[1:]}: {error}") from error


def _npy(path: Path, want: Selection) -> Table:
    if want.key is not None:
        raise BadInput(f"--key {want.key!r}: an npy file holds one array")
    if want.ids is not None:
        raise BadInput(f"--id {want.ids!r}: an npy file has no columns; use npz or a table")
    X = np.load(path, mmap_mode="r", allow_pickle=False)
    X, positions = _columns(numeric_matrix(X, path), path, want)
    return Table(X, positions=positions)


def _npz(path: Path, want: Selection, archive: Mapping[str, Any]) -> Table:
    keys = list(archive)
    if want.key is None and set(keys) >= _SPARSE_KEYS:
        from scipy import sparse

        X, positions = _columns(sparse.csr_matrix(sparse.load_npz(path)), path, want)
        return Table(X, positions=positions)
    if want.key is None:
        key, matrix = _only_matrix(path, archive)
    elif want.key in keys:
        key, matrix = want.key, archive[want.key]
    else:
        raise BadInput(f"{path} has no array {want.key!r}; it has: {listed(keys)}")
    X, positions = _columns(numeric_matrix(matrix, path, f"array {key!r}"), path, want)
    n = X.shape[0]
    labels = _beside(path, archive, want.labels, n) if want.labels in keys else None
    ids = None
    if want.ids is not None:
        if want.ids not in keys:
            raise BadInput(f"{path} has no array {want.ids!r}; it has: {listed(keys)}")
        ids = _beside(path, archive, want.ids, n)
    return Table(X, labels=labels, ids=ids, positions=positions)


def _columns(X: Any, path: Path, want: Selection) -> tuple[Any, tuple[int, ...] | None]:
    """Return the features and their positions in the array; None: all."""
    if not want.columns:
        return X, None
    chosen = pick([str(i) for i in range(X.shape[1])], want.columns, path)
    return X[:, chosen], tuple(chosen)


def _only_matrix(path: Path, archive: Mapping[str, Any]) -> tuple[str, Array]:
    arrays = {key: archive[key] for key in archive}  # an archive reads anew whenever it is asked
    matrices = [k for k, a in arrays.items() if a.ndim == 2 and a.dtype.kind in "fiub"]
    if len(matrices) == 1:
        return matrices[0], arrays[matrices[0]]
    if not matrices:
        raise BadInput(f"{path} has no two-dimensional numeric array; it has: {listed([*archive])}")
    raise BadInput(f"{path} has several arrays; choose one with --key: {listed(matrices)}")


def _beside(path: Path, archive: Mapping[str, Any], key: str | None, n: int) -> Array:
    values: Array = archive[str(key)]
    if values.shape != (n,):
        raise BadInput(f"{path}: array {key!r} has shape {values.shape}; ({n},) is needed")
    return values
