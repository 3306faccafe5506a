"""Reader of parquet: numeric columns, or one column of lists, batch by batch into one matrix.

Nulls become NaN, booleans 0 and 1; text, dates and pandas' index columns are no features. Where one
column holds lists (the usual layout of exported embeddings) it is the features.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array
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


def _read(source: _Reader, want: Selection) -> Data:
    names, path = source.names, source.path
    if source.n == 0:
        raise BadInput(f"{path} has no rows, only columns: {listed(names)}")
    labels = None if want.labels is None else label_position(names, want.labels, path)
    ids = None if want.ids is None else column_position(names, want.ids, path)
    free = [i for i in range(len(names)) if i not in (labels, ids)]
    vector: int | None = None
    features: list[int] = []
    left_out: list[str] = []
    remarks: list[str] = []
    if want.vector is not None:
        vector = column_position(names, want.vector, path)
    elif want.columns:
        features = choose_columns(names, want.columns, path)
        if len(features) == 1 and _is_list(source.kinds[features[0]]):
            vector = features[0]
    elif lists := [i for i in free if _is_list(source.kinds[i])]:
        if len(lists) > 1:
            several = listed([names[i] for i in lists])
            raise BadInput(f"{path} has several columns of lists: {several}; choose with --vector")
        vector = lists[0]
        left_out = [names[i] for i in free if i != vector]
        remarks = left_out_remark(left_out, f"the vectors of {names[vector]} are the features")
    else:
        index = [names[i] for i in free if names[i] in source.index]
        saved = [names[i] for i in free if is_saved_index(names[i]) and names[i] not in index]
        rest = [i for i in free if names[i] not in (*index, *saved)]
        features = [i for i in rest if _is_number(source.kinds[i])]
        text = [names[i] for i in rest if i not in features]
        left_out = [*index, *saved, *text]
        remarks = left_out_remark(index, "pandas' index")
        remarks += left_out_remark(saved, "no name, so a row index")
        remarks += left_out_remark(text, "not numeric")
    if vector is not None:
        X, absent = source.vectors(names[vector])
        if absent:
            rows = counted(absent, "row")
            remarks.append(f"{rows} without a vector, read as missing values (NaN)")
    else:
        X = source.matrix(features)
    return Data(
        X,
        names=tuple(names[i] for i in features) if vector is None else None,
        positions=tuple(features) if vector is None else None,
        labels=None if labels is None else source.column(names[labels]),
        ids=None if ids is None else source.column(names[ids]),
        left_out=tuple(left_out),
        remarks=tuple(remarks),
    )


class _Reader:
    """An open parquet file; sizes are checked before anything is read."""

    def __init__(self, file: Any, path: Path, memory_limit: int | None) -> None:
        self._file, self.path, self._limit = file, path, memory_limit
        schema = file.schema_arrow
        self.names: list[str] = schema.names
        self.kinds: list[Any] = list(schema.types)
        self.index = _index_columns(schema)
        self.n = int(file.metadata.num_rows)

    def matrix(self, features: list[int]) -> Array:
        """Return columns, shape (n, d): float32 when it holds all of them, else float64."""
        names = [self.names[i] for i in features]
        if not features:
            others = [
                f"; column {name!r} {_no_number(kind)}"
                for name, kind in zip(self.names, self.kinds, strict=True)
                if _may_be_vectors(kind)
            ]
            raise BadInput(
                f"{self.path} has no numeric column besides labels and ids: {listed(self.names)}"
                f"{''.join(others[:1])}"
            )
        for i in features:
            if not _is_number(self.kinds[i]):
                raise BadInput(f"{self.path}: column {self.names[i]!r} {_no_number(self.kinds[i])}")
            if self.names.count(self.names[i]) > 1:
                raise BadInput(f"{self.path}: several columns are called {self.names[i]!r}")
        single = all(_small(self.kinds[i]) or self.kinds[i] == "bool" for i in features)
        X = self._empty(len(features), np.float32 if single else np.float64)
        for row, batch in self._batches(names):
            for j, name in enumerate(names):
                column = batch.column(name)
                if column.type != "double" and not _small(column.type):
                    # Whole numbers beyond 2^53 are rounded, as everywhere, and not refused.
                    column = column.cast("float" if single else "double", safe=False)
                X[row : row + len(column), j] = column.to_numpy(zero_copy_only=False)
        return X

    def vectors(self, name: str) -> tuple[Array, int]:
        """Return a column of lists, shape (n, d), all of one length; null ones are rows of NaN.

        Returns
        -------
        tuple of array and int
            The matrix, float32 or float64, and the number of null rows.
        """
        kind = self.kinds[self.names.index(name)]
        if not _is_list(kind):
            hint = f": it {_no_number(kind)}" if _may_be_vectors(kind) else f" ({kind})"
            raise BadInput(f"{self.path}: column {name!r} holds no lists of numbers{hint}")
        dtype = np.float32 if _small(kind.value_type) else np.float64
        X: Array | None = None
        first, absent, waiting = 0, 0, 0
        for row, batch in self._batches([name]):
            column = batch.column(0)
            valid = np.asarray(column.is_valid())
            absent += len(column) - int(valid.sum())
            given = column.drop_null()
            lengths = np.asarray(given.value_lengths())
            if not len(lengths):
                waiting = row + len(column)
                if X is not None:
                    X[row : row + len(column)] = np.nan
                continue
            if X is None:
                first = int(lengths[0])
                X = self._empty(first, dtype)
                X[:waiting] = np.nan
            if (lengths != first).any():
                odd = int(np.flatnonzero(lengths != first)[0])
                raise BadInput(
                    f"{self.path}, column {name!r}, row {row + np.flatnonzero(valid)[odd]}: "
                    f"a vector of {lengths[odd]}; the first has {first}"
                )
            part = X[row : row + len(column)]
            part[~valid] = np.nan
            flat = given.flatten().cast("float" if dtype is np.float32 else "double", safe=False)
            part[valid] = flat.to_numpy(zero_copy_only=False).reshape(-1, first)
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

    def _empty(self, d: int, dtype: type[np.floating[Any]]) -> Array:
        size = self.n * d * np.dtype(dtype).itemsize
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
