"""Sparse matrices that compiled code may follow: every offset and index checked where they enter.

scipy does not check ``indptr`` and ``indices``, nor do kernels: one out of range reads or
writes memory that belongs to something else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import Array

__all__ = ["check_compressed", "checked_csr"]


def check_compressed(
    name: str, indptr: Array, indices: Array, data: Array, shape: tuple[int, int]
) -> None:
    """Raise ValueError unless three arrays make a compressed sparse matrix.

    Parameters
    ----------
    name : str
        What the matrix is called in messages.
    indptr : array, shape (rows + 1,), integer
        Offsets of the rows (of the columns for CSC).
    indices : array, shape (nnz,), integer
        Column of each stored entry (row for CSC).
    data : array, shape (nnz, ...)
        Stored entries; only their number is looked at.
    shape : tuple of int
        Rows and columns, as compressed: (columns, rows) for CSC.

    Raises
    ------
    ValueError
        Naming the array, the place and the range that is allowed.
    """
    rows, columns = shape
    for part, array in (("indptr", indptr), ("indices", indices)):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(
                f"{name}.{part} must be a flat array of integers, got {array.dtype} of shape "
                f"{array.shape}"
            )
    if len(indptr) != rows + 1:
        raise ValueError(f"{name}.indptr has {len(indptr)} offsets, not one more than {rows} rows")
    if len(data) != len(indices):
        raise ValueError(f"{name} has {len(indices)} indices for {len(data)} values")
    if indptr[0] != 0:
        raise ValueError(f"{name}.indptr[0]={indptr[0]}, but offsets begin at 0")
    falling = indptr[1:] < indptr[:-1]
    if falling.any():
        i = int(np.argmax(falling)) + 1
        raise ValueError(
            f"{name}.indptr[{i}]={indptr[i]} is below indptr[{i - 1}]={indptr[i - 1]}: offsets "
            "never fall"
        )
    if indptr[-1] != len(indices):
        raise ValueError(
            f"{name}.indptr[{rows}]={indptr[-1]}, but there are {len(indices)} indices"
        )
    _check_range(f"{name}.indices", indices, columns)


def _check_range(what: str, indices: Array, end: int) -> None:
    if indices.size == 0 or (indices.min() >= 0 and indices.max() < end):
        return
    i = int(np.argmax((indices < 0) | (indices >= end)))
    raise ValueError(f"{what}[{i}]={indices[i]} is outside 0 ... {end - 1}")


def checked_csr(name: str, X: Any) -> Any:
    """Return a sparse matrix as CSR with sorted, unique and checked indices.

    Parameters
    ----------
    name : str
        What the matrix is called in messages.
    X : sparse matrix or array, 2-D
        Of any format of scipy; never changed.

    Returns
    -------
    csr_matrix or csr_array
        The caller's own where it needs no change.

    Raises
    ------
    ValueError
        For an index or offset out of range: named before compiled code follows it.
    """
    rows, columns = X.shape
    if X.format == "csr":
        check_compressed(name, X.indptr, X.indices, X.data, (rows, columns))
    elif X.format == "csc":
        check_compressed(name, X.indptr, X.indices, X.data, (columns, rows))
    elif X.format == "bsr":
        high, wide = X.blocksize
        check_compressed(name, X.indptr, X.indices, X.data, (rows // high, columns // wide))
    elif X.format == "coo":
        for axis, place in enumerate(X.coords):
            _check_range(f"{name}.coords[{axis}]", np.asarray(place), X.shape[axis])
            if len(place) != len(X.data):
                raise ValueError(
                    f"{name}.coords[{axis}] has {len(place)} places for {len(X.data)} values"
                )
    csr = X.tocsr()
    if X.format not in ("csr", "csc", "bsr", "coo"):  # lists and dictionaries of Python
        check_compressed(name, csr.indptr, csr.indices, csr.data, (rows, columns))
    if not _is_canonical(csr):
        csr = csr.copy() if csr is X or np.shares_memory(csr.data, X.data) else csr
        csr.has_canonical_format = csr.has_sorted_indices = False  # what it said may be out of date
        csr.sum_duplicates()
    return csr


def _is_canonical(csr: Any) -> bool:
    """Tell whether the indices of every row ascend, whatever the matrix remembers of itself."""
    if csr.nnz < 2:
        return True
    ascending = csr.indices[1:] > csr.indices[:-1]
    starts = csr.indptr[1:-1]
    ascending[starts[(starts > 0) & (starts < csr.nnz)] - 1] = True  # a new row may start anywhere
    return bool(ascending.all())
