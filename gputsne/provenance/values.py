"""Values of a table: their hash, whatever kind of file or array they lay in, and what is missing.

The hash is that of numbers in their order, not of bytes of a file. Every number is taken as float64
(so float32 and integers up to 2^53 are what they are), low byte first, -0 as 0, every NaN as the
same one. Each 4,096 rows have a SHA-256 of their own, and the table's is that of

    "gputsne.values/1 dense", the 32 bytes of each 4,096 rows in order, "N x D" in ASCII

so that it can be computed by several threads, and by who reads the rows in blocks of any size. A
sparse matrix is not made dense: of each 4,096 rows the numbers of stored entries by row, then
their columns (both int64), then their values are hashed, after "gputsne.values/1 sparse"; its hash
differs from that of the same matrix made dense.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base import threads
from gputsne.base.arrays import host
from gputsne.base.rows import BLOCK_NUMBERS, row_blocks
from gputsne.base.types import Array

__all__ = ["LEAF_ROWS", "Values", "ValuesHash", "read_values", "values_sha256"]

LEAF_ROWS: Final = 4096
HEAD: Final = "gputsne.values/1 "


class Values(NamedTuple):
    """What is told of a table's values.

    Attributes
    ----------
    sha256 : str
        64 hexadecimal digits.
    missing : array, shape (d,), int64
        NaN in each column.
    """

    sha256: str
    missing: npt.NDArray[np.int64]


class _Leaf(NamedTuple):
    digest: bytes
    missing: npt.NDArray[np.int64] | None  # None: nothing is


class ValuesHash:
    """The hash of a dense table whose rows come in blocks; see the head of this file.

    Parameters
    ----------
    d : int
        Columns.
    """

    def __init__(self, d: int) -> None:
        self.d, self.n = d, 0
        self._whole = hashlib.sha256(f"{HEAD}dense".encode())
        self._leaf = hashlib.sha256()

    def update(self, rows: Any) -> None:
        """Add the next rows.

        Parameters
        ----------
        rows : array, shape (m, d)
            Any number of them.

        Raises
        ------
        ValueError
            For another number of columns.
        """
        rows = np.asarray(host(rows))
        if rows.ndim != 2 or rows.shape[1] != self.d:
            raise ValueError(f"rows has shape {rows.shape}, and the table has {self.d} columns")
        done = 0
        while done < len(rows):
            part = rows[done : done + LEAF_ROWS - self.n % LEAF_ROWS]
            _dense(self._leaf, part)
            done, self.n = done + len(part), self.n + len(part)
            if self.n % LEAF_ROWS == 0:
                self._close()

    def hexdigest(self) -> str:
        """Return the hash of the rows so far, 64 hexadecimal digits."""
        whole = self._whole.copy()
        if self.n % LEAF_ROWS:
            whole.update(self._leaf.digest())
        whole.update(f"{self.n} x {self.d}".encode())
        return whole.hexdigest()

    def _close(self) -> None:
        self._whole.update(self._leaf.digest())
        self._leaf = hashlib.sha256()


def values_sha256(X: Any) -> str:
    """Return the hash of a table's values in their order; see the head of this file.

    Parameters
    ----------
    X : array of shape (n, d), or scipy's CSR matrix
        Of any real dtype.

    Returns
    -------
    str
        64 hexadecimal digits, the same for any number of threads.

    Examples
    --------
    >>> X = np.arange(6, dtype=np.float32).reshape(3, 2)
    >>> values_sha256(X) == values_sha256(X.astype(np.float64)) == values_sha256(X.astype(int))
    True
    """
    return read_values(X).sha256


def read_values(X: Any) -> Values:
    """Return the hash of a table's values and how many are missing in each column.

    Parameters
    ----------
    X : array of shape (n, d), scipy's CSR matrix, or Affinities
        As in `values_sha256`.

    Returns
    -------
    Values
    """
    X = host(X)
    sparse = hasattr(X, "indptr")
    n, d = (int(m) for m in getattr(X, "shape", None) or (X.n, X.n))

    def leaf(rows: slice) -> _Leaf:
        return _sparse_leaf(X, rows, d) if sparse else _dense_leaf(np.asarray(X[rows]))

    jobs = threads.in_force()
    with threads.limit(1):
        leaves = threads.in_order(leaf, row_blocks(n, 1, LEAF_ROWS), jobs)
        return _joined("sparse" if sparse else "dense", leaves, n, d)


def _joined(kind: str, leaves: Iterable[_Leaf], n: int, d: int) -> Values:
    whole = hashlib.sha256(f"{HEAD}{kind}".encode())
    missing = np.zeros(d, np.int64)
    for leaf in leaves:
        whole.update(leaf.digest)
        if leaf.missing is not None:
            missing += leaf.missing
    whole.update(f"{n} x {d}".encode())
    return Values(whole.hexdigest(), missing)


def _dense_leaf(rows: Array) -> _Leaf:
    leaf = hashlib.sha256()
    missing = _dense(leaf, rows)
    return _Leaf(leaf.digest(), missing)


def _dense(leaf: Any, rows: Array) -> npt.NDArray[np.int64] | None:
    """Hash rows of one leaf; return the NaN in each column, None where there are none."""
    missing: npt.NDArray[np.int64] | None = None
    n, d = rows.shape
    for part in row_blocks(n, d, BLOCK_NUMBERS):
        values, gaps = _canonical(rows[part])
        leaf.update(values)
        if gaps is not None:
            counts = gaps.sum(axis=0, dtype=np.int64)
            missing = counts if missing is None else missing + counts
    return missing


def _canonical(values: Array) -> tuple[Array, Array | None]:
    """Return values as they are hashed, C order, and where they are NaN if any is."""
    with np.errstate(over="ignore", invalid="ignore"):  # longer floats, signalling NaN
        held = np.array(values, dtype="<f8", order="C")  # always a copy
        held += 0.0  # -0 + 0 is 0
        if not held.size or not np.isnan(held.min()):
            return held, None
    gaps = np.isnan(held)
    held[gaps] = np.nan
    return held, gaps


def _sparse_leaf(X: Any, rows: slice, d: int) -> _Leaf:
    offsets = np.asarray(X.indptr[rows.start : rows.stop + 1], dtype="<i8")
    inside = slice(int(offsets[0]), int(offsets[-1]))
    leaf = hashlib.sha256(np.diff(offsets))
    columns = np.asarray(X.indices[inside])
    leaf.update(np.ascontiguousarray(columns, dtype="<i8"))
    values, gaps = _canonical(np.asarray(X.data[inside]))
    leaf.update(values)
    missing = None if gaps is None else np.bincount(columns[gaps], minlength=d).astype(np.int64)
    return _Leaf(leaf.digest(), missing)
