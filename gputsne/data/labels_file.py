"""Reader of labels that lie in a file of their own: npy, npz, plain text, or a table's column.

``FILE`` when it holds one column, ``FILE:COLUMN`` when it holds several; plain text has one label
per line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gputsne.base.types import Array
from gputsne.data.table import (
    COMPRESSED,
    TEXT_SUFFIXES,
    BadInput,
    Selection,
    counted,
    one_per_row,
)

_PLAIN: Final = (".txt", ".labels", "")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")  # str.splitlines would also cut at form feeds, U+2028


def read_labels(path: Path, column: str | None, n: int, of: Path, want: Selection) -> Array:
    """Return the labels of the n rows of the file `of`, shape (n,).

    Parameters
    ----------
    path : Path
        File of labels.
    column : str or None
        Its column or array; None: the only one.
    n : int
        Number of rows.
    of : Path
        The file of these rows, for messages.
    want : Selection
        Encoding and decimal mark of text.
    """
    values = _values(path, column, n, want)
    if values.shape[:1] != (n,):
        labels, rows = counted(values.shape[0] if values.ndim else 1, "label"), counted(n, "row")
        raise BadInput(f"{path} has {labels}, {of} has {rows}")
    return one_per_row(values, n, path, "the labels")


def _values(path: Path, column: str | None, n: int, want: Selection) -> Array:
    suffix = path.suffix.lower()
    if suffix in COMPRESSED:
        suffix = Path(path.stem).suffix.lower() or (".csv" if suffix == ".zip" else suffix)
    if suffix in (".npy", ".npz"):
        from gputsne.data.formats import npy

        return npy.read_array(path, column, want.memory_limit)
    if suffix == ".parquet":
        from gputsne.data import require
        from gputsne.data.formats import parquet

        require("pyarrow", "reading parquet")
        return parquet.read_column(path, column)
    if suffix in TEXT_SUFFIXES:
        from gputsne.data.formats import csv

        return csv.read_column(path, column, n, want)
    if suffix in _PLAIN and column is None:
        return _lines(path, want)
    raise BadInput(f"{path}: labels are read from .npy .npz .csv .tsv .parquet and .txt")


def _lines(path: Path, want: Selection) -> Array:
    from gputsne.data.formats.csv.numbers import as_labels
    from gputsne.data.formats.csv.text import open_text

    with open_text(path, want.encoding) as text:
        lines = _LINE_END.split(text.read())
    return as_labels(lines[:-1] if lines[-1] == "" else lines, want.decimal or ".")
