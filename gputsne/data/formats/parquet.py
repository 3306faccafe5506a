"""Reads parquet: numeric columns, or one column of lists, batch by batch into one matrix.

Nulls become NaN, booleans 0 and 1; text, dates and pandas' index columns are no features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.table import BadInput, Selection, Table, label_position, listed, need, only, pick

_BATCH: Final = 65_536  # rows decoded at a time


def read(path: Path, want: Selection) -> Table:
    """Read a parquet file; see gputsne.data.read."""
    import pyarrow as pa
    from pyarrow import parquet

    if want.key is not None:
        raise BadInput(f"--key {want.key!r}: a parquet file holds one table; use --columns")
    if want.header is not None:
        raise BadInput(f"--header: {path} is parquet; only csv has a first line")
    try:
        with parquet.ParquetFile(path) as file:
            return _read(file, path, want)
    except pa.ArrowException as error:
        raise BadInput(f"{path} can't be read as parquet: {error}") from error


def read_column(path: Path, column: str | None) -> Array:
    """Return one column of labels, shape (n,)."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names: list[str] = file.schema_arrow.names
            return _column(file, names[only(names, column, path)])
    except pa.ArrowException as error:
        raise BadInput(f"{path} can't be read as parquet: {error}") from error


def _read(file: Any, path: Path, want: Selection) -> Table:
    schema = file.schema_arrow
    names: list[str] = schema.names
    if file.metadata.num_rows == 0:
        raise BadInput(f"{path} has no rows, only columns: {listed(names)}")
    labels = None if want.labels is None else label_position(names, want.labels, path)
    ids = None if want.ids is None else need(names, want.ids, path)
    vector = None if want.vector is None else need(names, want.vector, path)
    features: list[int] = []
    left_out: list[str] = []
    if want.columns:
        features = pick(names, want.columns, path)
    elif vector is None:
        free = [i for i in range(len(names)) if i not in (labels, ids)]
        features = [i for i in free if _is_feature(schema.field(i))]
        left_out = [names[i] for i in free if i not in set(features)]
        lists = [i for i, field in enumerate(schema) if _is_list(field.type)]
        if not features and len(lists) == 1:
            vector = lists[0]
            left_out.remove(names[vector])
    if vector is not None:
        features = [vector]
    if not features:
        raise BadInput(f"{path} has no numeric column besides labels and ids: {listed(names)}")
    wrong = [names[i] for i in features if vector is None and not _is_number(schema.types[i])]
    if wrong:
        raise BadInput(f"{path}: column {wrong[0]!r} isn't numeric ({schema.field(wrong[0]).type})")
    if vector is not None and not _is_list(schema.types[vector]):
        raise BadInput(f"{path}: column {names[vector]!r} holds no lists ({schema.types[vector]})")
    X = _vectors(file, names[features[0]], path) if vector is not None else None
    return Table(
        _matrix(file, [names[i] for i in features]) if X is None else X,
        names=tuple(names[i] for i in features) if vector is None else None,
        positions=tuple(features) if vector is None else None,
        labels=None if labels is None else _column(file, names[labels]),
        ids=None if ids is None else _column(file, names[ids]),
        left_out=tuple(left_out),
    )


def _is_numeric(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _is_number(kind: Any) -> bool:
    """Tell whether a column of this kind may be a feature: numbers, or true and false."""
    from pyarrow import types

    return _is_numeric(kind) or bool(types.is_boolean(kind))


def _is_feature(field: Any) -> bool:
    return _is_number(field.type) and not field.name.startswith("__index_level_")


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and _is_numeric(kind.value_type))


def _small(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_float32(kind) or types.is_float16(kind))


def _matrix(file: Any, names: list[str]) -> Array:
    """Return the columns, shape (n, d): float32 when it holds all of them, else float64."""
    kinds = [file.schema_arrow.field(name).type for name in names]
    single = all(_small(kind) or kind == "bool" for kind in kinds)
    X = np.empty((file.metadata.num_rows, len(names)), np.float32 if single else np.float64)
    row = 0
    for batch in file.iter_batches(_BATCH, columns=names):
        for j, name in enumerate(names):
            column = batch.column(name)
            if column.type != "double" and not _small(column.type):
                column = column.cast("float" if single else "double")
            X[row : row + len(column), j] = column.to_numpy(zero_copy_only=False)
        row += batch.num_rows
    return X


def _vectors(file: Any, name: str, path: Path) -> Array:
    """Return a column of lists as one matrix, shape (n, d); all lists must have one length."""
    kind = file.schema_arrow.field(name).type.value_type
    dtype = np.float32 if _small(kind) else np.float64
    n = file.metadata.num_rows
    X: Array | None = None
    row = 0
    for batch in file.iter_batches(_BATCH, columns=[name]):
        column = batch.column(0)
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        if X is None:
            X = np.empty((n, int(np.nan_to_num(lengths[0])) if len(lengths) else 0), dtype)
        if column.null_count or (lengths != X.shape[1]).any():
            odd = row + int(np.flatnonzero(~(lengths == X.shape[1]))[0])
            raise BadInput(
                f"{path}, column {name!r}, row {odd}: a vector of {lengths[odd - row]}; "
                f"the first has {X.shape[1]}"
            )
        flat = column.flatten().cast("float" if dtype is np.float32 else "double")
        X[row : row + len(column)] = flat.to_numpy(zero_copy_only=False).reshape(-1, X.shape[1])
        row += len(column)
    return np.empty((0, 0), dtype) if X is None else X


def _column(file: Any, name: str) -> Array:
    """Return a column of labels or ids, shape (n,): numbers as they are, anything else as text."""
    column = file.read(columns=[name]).column(name)
    if _is_numeric(column.type) and not column.null_count:
        return np.asarray(column.to_numpy())
    values = [
        None if v is None else v if isinstance(v, int) else str(v) for v in column.to_pylist()
    ]
    return np.array(values, dtype=object)
