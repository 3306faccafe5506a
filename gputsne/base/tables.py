"""A numeric table of whatever the user calls X: a 2-D numpy array, or a CSR matrix of scipy.

Errors use scikit-learn's wording, which users search for and ``check_estimator`` expects.
"""

from __future__ import annotations

import numbers
import reprlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.errors import DependencyMissing
from gputsne.base.labels import is_missing
from gputsne.base.sparse import checked_csr
from gputsne.base.types import Array

__all__ = ["Table", "admitted", "read", "stays_on_disk"]


@dataclass(frozen=True, eq=False)
class Table:
    """A numeric table.

    Attributes
    ----------
    values : array or CSR matrix, shape (n, d)
        Of any real dtype.
    names : tuple of str or None
        Columns of a DataFrame whose names are all text.
    sparse : bool
        Whether ``values`` is CSR.
    """

    # Of what stays on disk (gputsne.open_source) ``values`` is a source: it has shape, dtype and
    # slices of rows, as an array has them, and nothing else of it is used.

    values: Any
    names: tuple[str, ...] | None
    sparse: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        n, d = self.values.shape
        return int(n), int(d)

    @property
    def on_disk(self) -> bool:
        """Whether ``values`` is a source, which gives rows by slices and is never held whole."""
        return stays_on_disk(self.values)

    def column(self, j: int) -> str:
        """Return what messages call a column: its name, or its number."""
        return repr(self.names[j]) if self.names else str(j)


def read(X: Any, name: str = "X") -> Table:
    """Read an array, DataFrame, sparse matrix or DLPack tensor as a numeric table.

    Parameters
    ----------
    X : array_like, DataFrame or sparse matrix, shape (n, d)
        Never changed. Floats and integers keep their dtype; objects become float64, and what is
        missing among them NaN. A lazy frame is collected, AnnData's backed matrix is loaded, and
        one column of vectors of equal length (or a flat array of them) is stacked.
    name : str
        What the argument is called in messages.

    Returns
    -------
    Table
        With ``n >= 1`` and ``d >= 1``; values may still hold NaN or infinity.

    Raises
    ------
    TypeError
        For values that no number can be made of, and for what ``admitted`` refuses.
    ValueError
        For strings, complex numbers, wrong dimensions, empty tables, vectors of unequal length and
        sparse matrices with an index out of range.
    """
    X = admitted(X, name)
    names = getattr(X, "feature_names", None)  # of an array that was read from a file with names
    if _is_sparse_frame(X):
        names = tuple(X.columns) if all(isinstance(c, str) for c in X.columns) else None
        X = X.sparse.to_coo()
    sparse = hasattr(X, "tocsr")
    if sparse:
        values = _from_sparse(X, name)
    elif stays_on_disk(X):
        values = X
    elif hasattr(X, "columns") and hasattr(X, "shape"):
        values, names = _from_frame(X, name)
    else:
        values = _from_array(X, name)
    n, d = values.shape
    for count, what in ((n, "sample"), (d, "feature")):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={(n, d)}) while a minimum of 1 is required."
            )
    return Table(values, names if isinstance(names, tuple) and len(names) == d else None, sparse)


def stays_on_disk(X: Any) -> bool:
    """Tell whether X is a source (``gputsne.open_source``), whose rows are read by blocks.

    Parameters
    ----------
    X : object
        What a caller passed.

    Returns
    -------
    bool
    """
    return getattr(X, "read_by_blocks", False) is True


def admitted(X: Any, name: str = "X") -> Any:
    """Return what may be a table in a form that has its shape, or say why it can be none.

    Parameters
    ----------
    X : object
        What the caller passed.
    name : str
        What the argument is called in messages.

    Returns
    -------
    object
        ``X`` itself; a lazy frame collected, record batches as a table, AnnData's backed matrix
        loaded.

    Raises
    ------
    TypeError
        For None, text, paths, mappings, sets, what can be gone through only once, and AnnData
        objects.
    """
    if hasattr(X, "obsm") and hasattr(X, "obs"):
        held = "".join(f" or adata.obsm[{key!r}]" for key in X.obsm)
        raise TypeError(f"{name} is an AnnData object: pass one of its matrices, adata.X{held}")
    if X is None:
        raise TypeError(f"{name} is None: pass an array, a DataFrame or a sparse matrix")
    if isinstance(X, str | bytes | PathLike):
        raise TypeError(
            f"{name}={reprlib.repr(X)} is text and no table: to read a file, pass "
            "gputsne.read(path).X, or gputsne.open_source(path) for what doesn't fit in memory"
        )
    if isinstance(X, Mapping) and not hasattr(X, "tocsr"):  # as scipy's dok_matrix is
        raise TypeError(
            f"{name} is a mapping ({type(X).__name__}) and no table: pass its columns as a "
            "pandas.DataFrame, or by np.column_stack"
        )
    if isinstance(X, Set) and not hasattr(X, "__array__"):
        raise TypeError(f"{name} is a {type(X).__name__}, whose rows have no order: pass a list")
    if hasattr(X, "collect_schema") and hasattr(X, "collect"):  # a LazyFrame of polars
        return X.collect()
    if hasattr(X, "to_memory") and not hasattr(X, "tocsr"):  # a matrix that AnnData left in a file
        return X.to_memory()
    if type(X).__name__ == "RecordBatch" and hasattr(X, "schema"):
        import pyarrow as pa

        return pa.Table.from_batches([X])
    if hasattr(X, "read_all") and hasattr(X, "schema"):  # a stream of record batches
        return X.read_all()
    if isinstance(X, Iterator):
        raise TypeError(
            f"{name} is a {type(X).__name__}, which can be gone through only once: pass a list of "
            "its rows"
        )
    return X


def _from_array(X: Any, name: str) -> Array:
    """Return X as a 2-D array of bool, integer or float; a view where numpy can make one."""
    X = host(X)
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"{name} is a masked array with masked values: fill them, {name}.filled(np.nan)"
        )
    values = _asarray(X, name)
    if values.dtype.kind == "O" and values.ndim == 0:
        raise TypeError(
            f"{name} is of type {type(X).__name__}, which is no table of numbers: pass an array, a "
            "DataFrame or a sparse matrix"
        )
    if values.dtype.kind == "O":
        values = _stacked(values, name) if _holds_vectors(values) else _from_objects(values, name)
    if values.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported\n{name} is {values.dtype}: pass its real part"
        )
    if values.dtype.kind in "US":
        raise ValueError(
            f"{name} must hold numbers: dtype='numeric' is not compatible with arrays of "
            "bytes/strings. Convert your data to numeric values explicitly instead."
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {values.dtype}, which is no number: convert it to float")
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
            f"Found array with dim {values.ndim}, while dim <= 2 is required: {name} has shape "
            f"{values.shape}. Reshape your data, {name}.reshape(len({name}), -1)"
        )
    return values


def _asarray(X: Any, name: str) -> Array:
    """Return X as an array; of lists that have no common shape, say which row differs."""
    try:
        return np.asarray(X)
    except ValueError as error:
        lengths = [np.size(row) for row in X] if isinstance(X, list | tuple) else []
        odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
        if odd is None:
            raise
        raise ValueError(
            f"{name} is no table: setting an array element with a sequence, row {odd} has "
            f"{lengths[odd]} numbers and row 0 has {lengths[0]}. Give all rows the same length"
        ) from error


def _from_objects(values: Array, name: str) -> Array:
    """Make float64 of an object array of numbers, or say which kind of thing is in the way."""
    if any(isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real)
           for value in values.flat):  # fmt: skip
        raise ValueError(
            f"Complex data not supported\n{name} holds complex numbers: pass its real part"
        )
    gaps = [is_missing(value) and not isinstance(value, str | bytes) for value in values.flat]
    if any(gaps):
        values = values.copy()
        values[np.reshape(gaps, values.shape)] = np.nan
    try:
        return values.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        hint = "convert the columns of text to numbers, or give all rows the same length"
        said = f"{name} holds objects that are no numbers ({error}): {hint}"
        raise (TypeError if isinstance(error, TypeError) else ValueError)(said) from error


def _holds_vectors(values: Array) -> bool:
    """Tell whether an object array is one column whose cells are vectors."""
    if values.ndim > 2 or (values.ndim == 2 and values.shape[1] != 1):
        return False
    first = next((value for value in values.flat if not is_missing(value)), None)
    return first is not None and not isinstance(first, str | bytes | dict) and np.ndim(first) == 1


def _stacked(values: Array, what: str) -> Array:
    """Return vectors as the rows of one array; those that are missing or odd are named."""
    width = None
    for i, vector in enumerate(values.flat):
        if is_missing(vector):
            raise ValueError(f"row {i} of {what} holds no vector: drop that row")
        width = np.size(vector) if width is None else width
        if np.ndim(vector) != 1 or np.size(vector) != width:
            raise ValueError(
                f"row {i} of {what} holds a vector of {np.size(vector)} numbers, row 0 one of "
                f"{width}: give all vectors the same length"
            )
    stacked = np.stack([np.asarray(vector) for vector in values.flat])
    return _from_objects(stacked, what) if stacked.dtype.kind == "O" else stacked


def _is_sparse_frame(X: Any) -> bool:
    """Tell whether every column of a pandas frame is sparse around 0."""
    if not (hasattr(X, "columns") and hasattr(X, "sparse")):
        return False
    kinds = list(X.dtypes)
    sparse = all(type(kind).__name__ == "SparseDtype" and not kind.fill_value for kind in kinds)
    return sparse and bool(kinds)


def _from_frame(X: Any, name: str) -> tuple[Array, tuple[str, ...] | None]:
    """Return a DataFrame's numbers, missing ones as NaN, and its column names if all are text."""
    try:
        import narwhals as nw
    except ImportError as error:
        raise DependencyMissing(
            f"reading a DataFrame needs narwhals: pip install narwhals, or pass {name}.to_numpy()"
        ) from error
    labels = list(getattr(X, "column_names", X.columns))  # pyarrow's, whose columns are arrays
    if not labels:
        return np.empty((len(X), 0)), None
    text = [isinstance(label, str) for label in labels]
    named = all(text) and bool(labels)
    if hasattr(X, "set_axis"):  # pandas; narwhals wants names that are text
        if any(text) and not named:
            raise TypeError(
                "Feature names are only supported if all input features have string names, but "
                f"your input has {sorted({type(label).__name__ for label in labels})} as feature "
                f"name types. Convert all of them: {name}.columns = {name}.columns.astype(str)"
            )
        if not named or len(set(labels)) < len(labels):  # numbers, or a name that is there twice
            X = X.set_axis([str(i) for i in range(len(labels))], axis=1)
    frame = nw.from_native(X, eager_only=True)
    columns = [frame[label] for label in frame.columns]
    small = {nw.Float32, nw.Int8, nw.UInt8, nw.Int16, nw.UInt16, nw.Boolean}
    narrow = all(any(column.dtype == kind for kind in small) for column in columns)
    values = np.empty((len(frame), len(columns)), dtype=np.float32 if narrow else np.float64)
    for j, column in enumerate(columns):
        if column.dtype.is_numeric() or column.dtype == nw.Boolean:
            values[:, j] = column.cast(nw.Float32 if narrow else nw.Float64).to_numpy()
            continue
        what = f"column {column.name!r} of {name}"
        cells = np.asarray(column.to_native() if column.dtype == nw.Unknown else column.to_numpy())
        if isinstance(column.dtype, nw.List | nw.Array) or _holds_vectors(cells):
            if len(columns) > 1:
                raise ValueError(
                    f"{what} holds vectors: pass them alone, np.stack({name}[{column.name!r}])"
                )
            return (cells if cells.ndim == 2 else _stacked(cells, what)), None
        if cells.dtype.kind == "c":
            raise ValueError(
                f"Complex data not supported\n{what} is {cells.dtype}: pass its real part"
            )
        if column.dtype not in (nw.Object, nw.Unknown) or cells.dtype.kind not in "Obiuf":
            raise ValueError(
                f"could not convert {what} to float: it holds {column.dtype}. Encode it as "
                "numbers, or drop it"
            )
        values[:, j] = _from_objects(cells, what) if cells.dtype.kind == "O" else cells
    return values, tuple(map(str, labels)) if named or not hasattr(X, "set_axis") else None


def _from_sparse(X: Any, name: str) -> Any:
    """Return X as CSR with sorted, unique indices; a copy only where the user's is not so."""
    if X.ndim != 2:
        raise ValueError(
            f"{name} must be 2-D, got a sparse array of shape {X.shape}. Reshape your data"
        )
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{name} is {X.dtype}: pass its real part")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"{name} is a sparse matrix of {X.dtype}, which is no number")
    return checked_csr(name, X)
