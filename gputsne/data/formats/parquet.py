"""Reader of parquet: numeric columns, or one column of lists, batch by batch into one matrix.

Nulls become NaN, booleans 0 and 1; text, dates and pandas' index columns are no features. Where one
column holds lists (the usual layout of exported embeddings) it is the features.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.arrow import floats_of
from gputsne.data.columns import choose_columns, column_position, label_position, only_column
from gputsne.data.limits import check_bytes
from gputsne.data.table import (
    BadInput,
    Data,
    Selection,
    counted,
    is_saved_index,
    left_out_remark,
    listed,
)

_BATCH: Final = 65_536  # rows decoded at a time
_NOT_CSV: Final = {
    "key": "a parquet file holds one table; use --columns",
    "header": "only csv has a first line",
    "decimal": "only csv has decimal marks",
    "encoding": "only csv has an encoding",
    "flatten": "its columns have one axis",
}


def read(path: Path, want: Selection) -> Data:
    """Read a parquet file; see gputsne.data.read."""
    import pyarrow as pa
    from pyarrow import parquet

    want.refuse(path, _NOT_CSV)
    with pa.OSFile(os.fsencode(path)) as raw, parquet.ParquetFile(raw) as file:
        return _read(_Reader(file, path, want.memory_limit), want)


def read_column(path: Path, column: str | None) -> Array:
    """Return one column of labels, shape (n,)."""
    import pyarrow as pa
    from pyarrow import parquet

    with pa.OSFile(os.fsencode(path)) as raw, parquet.ParquetFile(raw) as file:
        source = _Reader(file, path, None)
        return source.column(source.names[only_column(source.names, column, path)])


@dataclass(frozen=True)
class Features:
    """Which columns of a parquet file are the features.

    Attributes
    ----------
    vector : int or None
        The one column that holds each row's whole vector.
    columns : tuple of int
        Else a column per feature.
    labels, ids : int or None
        Columns that were asked for beside them.
    left_out, remarks : tuple of str
        As in ``Data``.
    """

    vector: int | None
    columns: tuple[int, ...]
    labels: int | None
    ids: int | None
    left_out: tuple[str, ...]
    remarks: tuple[str, ...]


def choose_features(
    schema: Any, path: Path, want: Selection, leave_out: Sequence[str] = ()
) -> Features:
    """Choose the features of a file by its schema alone.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the file.
    path : Path
        What messages call it.
    want : Selection
        What is asked for.
    leave_out : sequence of str
        Columns that are no features.

    Returns
    -------
    Features
        The columns that were asked for, else the only column of lists, else every numeric one.
    """
    names, kinds, indices = schema.names, list(schema.types), _index_columns(schema)
    labels = None if want.labels is None else label_position(names, want.labels, path)
    ids = None if want.ids is None else column_position(names, want.ids, path)
    beside = {labels, ids, *(column_position(names, name, path) for name in leave_out)}
    free = [i for i in range(len(names)) if i not in beside]
    vector: int | None = None
    features: list[int] = []
    left_out: list[str] = []
    remarks: list[str] = []
    if want.vector is not None:
        vector = column_position(names, want.vector, path)
    elif want.columns:
        features = choose_columns(names, want.columns, path)
        if len(features) == 1 and _is_list(kinds[features[0]]):
            vector = features[0]
    elif lists := [i for i in free if _is_list(kinds[i])]:
        if len(lists) > 1:
            several = listed([names[i] for i in lists])
            raise BadInput(f"{path} has several columns of lists: {several}; choose with --vector")
        vector = lists[0]
        left_out = [names[i] for i in free if i != vector]
        remarks = left_out_remark(left_out, f"the vectors of {names[vector]} are the features")
    else:
        index = [names[i] for i in free if names[i] in indices]
        saved = [names[i] for i in free if is_saved_index(names[i]) and names[i] not in index]
        rest = [i for i in free if names[i] not in (*index, *saved)]
        features = [i for i in rest if _is_number(kinds[i])]
        text = [names[i] for i in rest if i not in features]
        left_out = [*index, *saved, *text]
        remarks = left_out_remark(index, "pandas' index")
        remarks += left_out_remark(saved, "no name, so a row index")
        remarks += left_out_remark(text, "not numeric")
    if vector is not None:
        features = []
    return Features(vector, tuple(features), labels, ids, tuple(left_out), tuple(remarks))


def _read(source: _Reader, want: Selection) -> Data:
    names, path = source.names, source.path
    if source.n == 0:
        raise BadInput(f"{path} has no rows, only columns: {listed(names)}")
    chosen = choose_features(source.schema, path, want)
    labels, ids, vector, remarks = chosen.labels, chosen.ids, chosen.vector, list(chosen.remarks)
    if vector is not None:
        X, absent = source.vectors(names[vector])
        if absent:
            rows = counted(absent, "row")
            remarks.append(f"{rows} without a vector, read as missing values (NaN)")
    else:
        X = source.matrix(chosen.columns)
    return Data(
        X,
        names=tuple(names[i] for i in chosen.columns) if vector is None else None,
        positions=chosen.columns if vector is None else None,
        labels=None if labels is None else source.column(names[labels]),
        ids=None if ids is None else source.column(names[ids]),
        left_out=chosen.left_out,
        remarks=tuple(remarks),
    )


class _Reader:
    """An open parquet file; sizes are checked before anything is read."""

    def __init__(self, file: Any, path: Path, memory_limit: int | None) -> None:
        self._file, self.path, self._limit = file, path, memory_limit
        self.schema = file.schema_arrow
        self.names: list[str] = self.schema.names
        self.kinds: list[Any] = list(self.schema.types)
        self.n = int(file.metadata.num_rows)

    def matrix(self, features: Sequence[int]) -> Array:
        """Return columns, shape (n, d): float32 when it holds all of them, else float64."""
        dtype = matrix_dtype(self.schema, features, self.path)
        X = self._empty(len(features), dtype)
        names = [self.names[i] for i in features]
        for row, batch in self._batches(names):
            put_columns(batch, names, X[row : row + batch.num_rows])
        return X

    def vectors(self, name: str) -> tuple[Array, int]:
        """Return a column of lists, shape (n, d), all of one length; null ones are rows of NaN.

        Returns
        -------
        tuple of array and int
            The matrix, float32 or float64, and the number of null rows.
        """
        dtype = vector_dtype(self.schema, name, self.path)
        X: Array | None = None
        first, absent, waiting = 0, 0, 0
        for row, batch in self._batches([name]):
            column = batch.column(0)
            absent += column.null_count
            lengths = np.asarray(column.drop_null().value_lengths())
            if not len(lengths):
                waiting = row + len(column)
                if X is not None:
                    X[row : row + len(column)] = np.nan
                continue
            if X is None:
                first = int(lengths[0])
                X = self._empty(first, dtype)
                X[:waiting] = np.nan
            put_vectors(column, X[row : row + len(column)], f"{self.path}, column {name!r}", row)
        if X is None:
            raise BadInput(f"{self.path}: column {name!r} holds nothing but nulls")
        return X, absent

    def column(self, name: str) -> Array:
        """Return labels or ids, shape (n,): numbers as they are, anything else as text."""
        if self.names.count(name) > 1:
            raise BadInput(f"{self.path}: several columns are called {name!r}")
        column = self._file.read(columns=[name]).column(name)
        if _is_float(column.type) or (_is_numeric(column.type) and not column.null_count):
            return np.asarray(column.to_numpy())
        values = [
            v if v is None or isinstance(v, int | float) else _text(v) for v in column.to_pylist()
        ]
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made

    def _empty(self, d: int, dtype: np.dtype[Any]) -> Array:
        size = self.n * d * dtype.itemsize
        check_bytes(self.path, f"its matrix of {self.n:,} x {d:,}", size, self._limit)
        return np.empty((self.n, d), dtype)

    def _batches(self, names: list[str]) -> Iterator[tuple[int, Any]]:
        """Yield the batches and the row that each begins with; all declared rows must be there."""
        row = 0
        for batch in self._file.iter_batches(_BATCH, columns=names):
            if row + batch.num_rows > self.n:
                break
            yield row, batch
            row += batch.num_rows
        if row != self.n:
            raise BadInput(f"{self.path} declares {counted(self.n, 'row')} and holds others")


def matrix_dtype(schema: Any, features: Sequence[int], path: Path) -> np.dtype[Any]:
    """Return the type of a matrix of columns: float32 when it holds all of them, else float64.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the file.
    features : sequence of int
        Its columns.
    path : Path
        What messages call it.

    Raises
    ------
    BadInput
        There is none, one is not numeric, or several have one name.
    """
    names, kinds = schema.names, list(schema.types)
    if not features:
        others = [
            f"; column {name!r} {_no_number(kind)}"
            for name, kind in zip(names, kinds, strict=True)
            if _may_be_vectors(kind)
        ]
        raise BadInput(
            f"{path} has no numeric column besides labels and ids: {listed(names)}"
            f"{''.join(others[:1])}"
        )
    for i in features:
        if not _is_number(kinds[i]):
            raise BadInput(f"{path}: column {names[i]!r} {_no_number(kinds[i])}")
        if names.count(names[i]) > 1:
            raise BadInput(f"{path}: several columns are called {names[i]!r}")
    single = all(_small(kinds[i]) or kinds[i] == "bool" for i in features)
    return np.dtype(np.float32 if single else np.float64)


def put_columns(batch: Any, names: Sequence[str], out: Array) -> None:
    """Write columns of a batch as the columns of a matrix, nulls as NaN.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Which comes in the file's order of columns.
    names : sequence of str
        The features, in the matrix's order.
    out : array, shape (rows, d), float32 or float64
        Is filled.
    """
    single = out.dtype == np.float32
    for j, name in enumerate(names):
        column = batch.column(name)
        if column.type != "double" and not _small(column.type):
            # Whole numbers beyond 2^53 are rounded, as everywhere, and not refused.
            column = column.cast("float" if single else "double", safe=False)
        out[:, j] = floats_of(column)


def vector_dtype(schema: Any, name: str, path: Path) -> np.dtype[Any]:
    """Return the type of a matrix of a column's lists; BadInput where it holds none of numbers.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the file.
    name : str
        The column.
    path : Path
        What messages call the file.
    """
    kind = schema.types[schema.names.index(name)]
    if not _is_list(kind):
        hint = f": it {_no_number(kind)}" if _may_be_vectors(kind) else f" ({kind})"
        raise BadInput(f"{path}: column {name!r} holds no lists of numbers{hint}")
    return np.dtype(np.float32 if _small(kind.value_type) else np.float64)


def put_vectors(column: Any, out: Array, what: str, row: int) -> None:
    """Write the lists of a column as the rows of a matrix, null ones as rows of NaN.

    Parameters
    ----------
    column : pyarrow.Array
        Of lists.
    out : array, shape (rows, d), float32 or float64
        Is filled.
    what : str
        What messages call the column.
    row : int
        Number of its first row.

    Raises
    ------
    BadInput
        A list has another length than d.
    """
    width, valid = out.shape[1], np.asarray(column.is_valid())
    given = column.drop_null()
    lengths = np.asarray(given.value_lengths())
    if (lengths != width).any():
        odd = int(np.flatnonzero(lengths != width)[0])
        raise BadInput(
            f"{what}, row {row + np.flatnonzero(valid)[odd]}: a vector of {lengths[odd]}; the "
            f"first has {width}"
        )
    out[~valid] = np.nan
    flat = given.flatten().cast("float" if out.dtype == np.float32 else "double", safe=False)
    out[valid] = floats_of(flat).reshape(-1, width)


def _index_columns(schema: Any) -> frozenset[str]:
    """Return the columns that pandas wrote for a frame's index, which are no features."""
    told = (schema.metadata or {}).get(b"pandas", b"{}")
    try:
        columns = json.loads(told).get("index_columns", [])
    except (ValueError, AttributeError):
        columns = []
    named = {name for name in columns if isinstance(name, str)}  # a dict stands for a range
    return frozenset(named | {n for n in schema.names if n.startswith("__index_level_")})


def _is_numeric(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _is_number(kind: Any) -> bool:
    """Tell whether a column of this kind may be a feature: numbers, or true and false."""
    from pyarrow import types

    return _is_numeric(kind) or bool(types.is_boolean(kind))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and _is_numeric(kind.value_type))


def _may_be_vectors(kind: Any) -> bool:
    from pyarrow import types

    bytes_like = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return bool(types.is_nested(kind) or any(test(kind) for test in bytes_like))


def _no_number(kind: Any) -> str:
    """Return what is wrong with a feature column of this kind, and what to do."""
    from pyarrow import types

    if _is_list(kind):
        return f"holds lists ({kind}); choose it alone, with --vector"
    if types.is_nested(kind):
        return f"isn't numeric ({kind}); flatten it to numbers, or to one list of numbers per row"
    if _may_be_vectors(kind):
        return f"isn't numeric ({kind}); bytes don't say what they hold: store lists of floats"
    return f"isn't numeric ({kind})"


def _is_float(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_floating(kind))


def _small(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_float32(kind) or types.is_float16(kind))


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
