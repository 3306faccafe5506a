"""Sparse matrices from files: every index is checked before compiled code follows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.types import Array
from gputsne.data.limits import check_bytes
from gputsne.data.table import BadInput

# What each kind needs besides data.
_PARTS = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "coo": ("row", "col"),
    "dia": ("offsets",),
}


def checked(
    kind: str, parts: Mapping[str, Array], path: Path, what: str, memory_limit: int | None
) -> Any:
    """Return a CSR matrix, shape (n, d).

    Parameters
    ----------
    kind : str
        "csr", "csc", "bsr", "coo" or "dia".
    parts : mapping of str to array
        "data", "shape" and what the kind needs, under scipy's names.
    path : Path
        The file, for messages.
    what : str
        The matrix, for messages.
    memory_limit : int or None
        Bytes that reading may take.

    Raises
    ------
    BadInput
        A part is missing, of the wrong type or shape, or an index is out of range.
    """
    from scipy import sparse

    needed = ("data", "shape", *_PARTS.get(kind, ()))
    missing = [name for name in needed if name not in parts]
    if kind not in _PARTS or missing:
        lacks = f"lacks {', '.join(missing)}" if missing else f"has format {kind!r}"
        raise BadInput(f"{path}: {what} {lacks}; csr, csc, coo, bsr and dia can be read")
    data = np.asarray(parts["data"])
    if data.dtype.kind not in "fiub":
        raise BadInput(f"{path}: {what} has dtype {data.dtype}, which isn't numeric")
    indices = [np.asarray(parts[name]) for name in _PARTS[kind]]
    for name, values in zip(_PARTS[kind], indices, strict=True):
        if values.dtype.kind not in "iu" or values.ndim != 1:
            raise BadInput(f"{path}: {name} of {what} must be whole numbers on one axis")
    shape = tuple(int(length) for length in np.asarray(parts["shape"]).ravel())
    if len(shape) != 2 or min(shape) < 0:
        raise BadInput(f"{path}: {what} has shape {shape}; rows x features (2-D) is needed")
    check_bytes(path, f"the row offsets of {what}", 8 * (shape[0] + 1), memory_limit)
    try:
        if kind == "coo":
            _check_range(indices[0], shape[0], "row")
            _check_range(indices[1], shape[1], "col")
            return sparse.coo_matrix((data, tuple(indices)), shape=shape).tocsr()
        if kind == "dia":
            return sparse.dia_matrix((data, indices[0]), shape=shape).tocsr()
        _check_range(indices[0], shape[0 if kind == "csc" else 1], "indices")
        made = getattr(sparse, f"{kind}_matrix")((data, *indices), shape=shape)
        made.check_format(full_check=True)
        return made.tocsr()
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise BadInput(f"{path}: {what} is damaged: {error}") from error


def _check_range(indices: Array, length: int, name: str) -> None:
    """Raise ValueError for an index outside 0 to length - 1 (before scipy narrows its type)."""
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= length):
        raise ValueError(f"{name} go from {indices.min()} to {indices.max()}, beyond {length}")
