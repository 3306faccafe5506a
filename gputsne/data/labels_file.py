"""Labels that lie in a file of their own: npy, npz, plain text (one a line), or a table's column.

``FILE`` when it holds one column, ``FILE:COLUMN`` when it holds several.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gputsne.base.types import Array
from gputsne.data.table import BadInput, counted, only, tidy


def column_from_file(name: str, beside: Path, n: int) -> Array:
    """Return the labels of the n rows of the file `beside`, shape (n,)."""
    path, column = Path(name), None
    if not path.is_file():
        head, _, column = name.rpartition(":")
        path = Path(head)
    if not path.is_file():
        raise BadInput(f"--labels {name!r}: neither a column of {beside} nor a file")
    values = _read(path, column)
    if values.shape != (n,):
        labels, rows = counted(values.shape[0], "label"), counted(n, "row")
        raise BadInput(f"{path} has {labels}, {beside} has {rows}")
    return values


def _read(path: Path, column: str | None) -> Array:
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return _array(path, column)
    if suffix == ".parquet":
        from gputsne.data import require
        from gputsne.data.formats import parquet

        require("pyarrow", "reading parquet")
        return parquet.read_column(path, column)
    if suffix in (".csv", ".tsv", ".gz"):
        from gputsne.data.formats import csv

        return csv.read_column(path, column)
    if suffix in (".txt", ".labels", "") and column is None:
        try:
            return tidy(path.read_text(encoding="utf-8-sig").splitlines())
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} isn't UTF-8 text: {error}") from error
    raise BadInput(f"{path}: labels are read from .npy .npz .csv .tsv .parquet and .txt")


def _array(path: Path, key: str | None) -> Array:
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadInput(f"{path} can't be read as {path.suffix[1:]}: {error}") from error
    if not isinstance(loaded, np.ndarray):
        with loaded:
            keys = list(loaded)
            loaded = loaded[keys[only(keys, key, path)]]
    values: Array = loaded
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    if values.ndim != 1:
        raise BadInput(f"{path}: labels have shape {values.shape}; one for each row is needed")
    return values
