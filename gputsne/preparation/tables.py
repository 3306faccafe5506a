"""How does whatever the user calls X become a numeric table? A 2-D numpy array or a CSR matrix.

Errors use scikit-learn's wording, which users search for and ``check_estimator`` expects.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.errors import DependencyMissing
from gputsne.base.types import Array

__all__ = ["Table", "block_rows", "complain_if_not_finite", "read"]

# Rows are worked on in blocks of about this many numbers: 8 MB of float64, inside the L2/L3 cache.
BLOCK_NUMBERS = 1 << 20


@dataclass(frozen=True, eq=False)
class Table:
    """A numeric table: ``values`` (n, d) is a numpy array, or CSR of scipy when ``sparse``."""

    values: Any
    names: tuple[str, ...] | None
    sparse: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        n, d = self.values.shape
        return int(n), int(d)


def read(X: Any) -> Table:
    """Read an array, DataFrame, sparse matrix or DLPack tensor as a numeric table.

    Parameters
    ----------
    X : array_like, DataFrame or sparse matrix, shape (n, d)
        Never changed. Floats and integers keep their dtype; objects become float64.

    Returns
    -------
    Table
        With ``n >= 1`` and ``d >= 1``; values may still hold NaN or infinity.

    Raises
    ------
    TypeError
        For values that no number can be made of.
    ValueError
        For strings, complex numbers, wrong dimensions and empty tables.
    """
    if hasattr(X, "tocsr"):
        values, names, sparse = _from_sparse(X), None, True
    elif hasattr(X, "columns") and hasattr(X, "shape"):
        values, names = _from_frame(X)
        sparse = False
    else:
        values, names, sparse = _from_array(X), None, False
    if names is None and not hasattr(X, "columns"):
        names = getattr(X, "feature_names", None)  # of gputsne.data.named
    n, d = values.shape
    if n == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={(n, d)}) while a minimum of 1 is required."
        )
    if d == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={(n, d)}) while a minimum of 1 is required."
        )
    return Table(values, names, sparse)


def _from_array(X: Any) -> Array:
    """Return X as a 2-D array of bool, integer or float; a view where numpy can make one."""
    X = host(X)
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError("X is a masked array with masked values: fill them, X.filled(np.nan)")
    values = np.asarray(X)
    if values.dtype.kind == "O":
        values = _from_objects(values)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\nX is {values.dtype}: pass its real part")
    if values.dtype.kind in "US":
        raise ValueError(
            "dtype='numeric' is not compatible with arrays of bytes/strings. Convert your data to "
            "numeric values explicitly instead."
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"X holds {values.dtype}, which is no number: convert it to float")
    if values.ndim == 0:
        raise ValueError(
            f"Expected 2D array, got scalar array instead:\narray={values}.\nReshape your data "
            "either using array.reshape(-1, 1) if your data has a single feature or "
            "array.reshape(1, -1) if it contains a single sample."
        )
    if values.ndim == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead:\narray={values}.\nReshape your data "
            "either using array.reshape(-1, 1) if your data has a single feature or "
            "array.reshape(1, -1) if it contains a single sample."
        )
    if values.ndim > 2:
        raise ValueError(
            f"Found array with dim {values.ndim}, while dim <= 2 is required: X has shape "
            f"{values.shape}. Reshape your data, X.reshape(len(X), -1)"
        )
    return values


def _from_objects(values: Array) -> Array:
    """Make float64 of an object array of numbers, or say which kind of thing is in the way."""
    if any(isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real)
           for value in values.flat):  # fmt: skip
        raise ValueError("Complex data not supported\nX holds complex numbers: pass its real part")
    try:
        return values.astype(np.float64)
    except ValueError as error:
        hint = "convert the columns of text to numbers, or give all rows the same length"
        raise ValueError(f"X holds objects that are no numbers ({error}): {hint}") from error


def _from_frame(X: Any) -> tuple[Array, tuple[str, ...] | None]:
    """Return a DataFrame's numbers, missing ones as NaN, and its column names if all are text."""
    try:
        import narwhals as nw
    except ImportError as error:
        raise DependencyMissing(
            "reading a DataFrame needs narwhals: pip install narwhals, or pass X.to_numpy()"
        ) from error
    labels = list(X.columns)
    text = [isinstance(label, str) for label in labels]
    if any(text) and not all(text):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your "
            f"input has {sorted({type(label).__name__ for label in labels})} as feature name types."
            " Convert all of them: X.columns = X.columns.astype(str)"
        )
    if not all(text) and hasattr(X, "set_axis"):  # pandas; narwhals wants names that are text
        X = X.set_axis([str(i) for i in range(len(labels))], axis=1)
    frame = nw.from_native(X, eager_only=True)
    columns = [frame[name] for name in frame.columns]
    small = {nw.Float32, nw.Int8, nw.UInt8, nw.Int16, nw.UInt16, nw.Boolean}
    narrow = all(any(column.dtype == kind for kind in small) for column in columns)
    values = np.empty((len(frame), len(columns)), dtype=np.float32 if narrow else np.float64)
    for j, column in enumerate(columns):
        if not (column.dtype.is_numeric() or column.dtype == nw.Boolean):
            kept = column.to_numpy() if column.dtype == nw.Object else None
            if kept is None:
                raise ValueError(
                    f"could not convert column {column.name!r} of X to float: it holds "
                    f"{column.dtype}. Encode it as numbers, or drop it"
                )
            values[:, j] = _from_objects(np.asarray(kept))
        else:
            values[:, j] = column.cast(nw.Float32 if narrow else nw.Float64).to_numpy()
    return values, tuple(labels) if all(text) and labels else None


def _from_sparse(X: Any) -> Any:
    """Return X as CSR with sorted, unique indices; a copy only where the user's is not so."""
    if X.ndim != 2:
        raise ValueError(f"X must be 2-D, got a sparse array of shape {X.shape}. Reshape your data")
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\nX is {X.dtype}: pass its real part")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"X is a sparse matrix of {X.dtype}, which is no number")
    csr = X.tocsr()
    if not csr.has_canonical_format:
        csr = csr.copy() if csr is X or np.shares_memory(csr.data, X.data) else csr
        csr.sum_duplicates()
    return csr


def block_rows(d: int) -> int:
    """Return how many rows of ``d`` numbers make one block."""
    return max(1, BLOCK_NUMBERS // max(d, 1))


def complain_if_not_finite(table: Table, *, nan_allowed: bool = False) -> None:
    """Raise ValueError that counts NaN and infinity and names their columns.

    Parameters
    ----------
    table : Table
        What ``read`` returned.
    nan_allowed : bool
        Whether NaN will be imputed; infinity never is.
    """
    if table.values.dtype.kind != "f":
        return
    n, d = table.shape
    nan, inf = np.zeros(d, dtype=np.int64), np.zeros(d, dtype=np.int64)
    if table.sparse:
        data, columns = table.values.data, table.values.indices
        nan += np.bincount(columns[np.isnan(data)], minlength=d)
        inf += np.bincount(columns[np.isinf(data)], minlength=d)
    else:
        step = block_rows(d)
        for start in range(0, n, step):
            block = table.values[start : start + step]
            if not np.isfinite(block).all():
                nan += np.isnan(block).sum(axis=0)
                inf += np.isinf(block).sum(axis=0)
    if nan_allowed:
        nan[:] = 0
    if not (nan.any() or inf.any()):
        return
    bad = np.flatnonzero(nan + inf)
    shown = [repr(table.names[j]) if table.names else str(j) for j in bad[:10]]
    where = ", ".join(shown) + (", ..." if bad.size > 10 else "")
    remedy = "drop or replace them" if inf.any() else "drop those rows, or pass impute='mean'"
    what = [f"{nan.sum()} NaN"] * bool(nan.any()) + [f"{inf.sum()} infinity"] * bool(inf.any())
    raise ValueError(
        f"Input X contains {' and '.join(what)} values, in {bad.size} of {d} columns ({where}). "
        f"t-SNE needs finite numbers: {remedy}"
    )
