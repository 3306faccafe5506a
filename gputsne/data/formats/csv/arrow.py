"""The body of a plain delimited file, parsed by pyarrow where it is installed.

It reads what it and rows.py understand alike: no quotes, numbers as written by programs, every row
of the same width. For anything else it gives up, and rows.py reads the file or says what is wrong.
"""

from __future__ import annotations

import importlib.util
import io
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from gputsne.base.types import Array
from gputsne.data.arrow import floats_of
from gputsne.data.formats.csv.numbers import MISSING
from gputsne.data.limits import check_bytes

_BLOCK: Final = 1 << 22  # bytes parsed at a time
_SPELT: Final = sorted(
    {form for cell in MISSING for form in (cell, cell.upper(), cell.capitalize())} | {"NaN", "N/a"}
)


def is_installed() -> bool:
    """Tell whether pyarrow is there; a function, so that tests can compare both readers."""
    return importlib.util.find_spec("pyarrow") is not None


class _NotPlain(Exception):
    """The text holds what is not parsed alike by both readers."""


class _Plain(io.RawIOBase):
    """The rest of a text as UTF-8 bytes; raises _NotPlain at the first quote."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        if not self._rest:
            part = self._text.read(_BLOCK)
            if '"' in part or "\0" in part:
                raise _NotPlain
            self._rest = part.encode()
        size = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def read_body(
    text: TextIO,
    path: Path,
    width: int,
    separator: str,
    decimal: str,
    features: Sequence[int],
    texts: Sequence[int],
    memory_limit: int | None,
) -> tuple[Array, dict[int, list[str]]] | None:
    """Read the rows from where `text` stands; None where rows.py has to do it.

    Parameters
    ----------
    text : text file
        Stands before the first row of data.
    path : Path
        Its name, for messages.
    width : int
        Cells per row.
    separator, decimal : str
        Separator and decimal mark.
    features, texts : sequence of int
        Positions of the columns that hold numbers, and of those wanted as text.
    memory_limit : int or None
        Bytes that reading may take.

    Returns
    -------
    tuple of array, shape (n, d), float64, and dict from position to cells, or None
    """
    import pyarrow as pa
    from pyarrow import csv

    if separator == decimal:  # then the cells with numbers are quoted
        return None
    names = [str(i) for i in range(width)]
    kinds = {names[i]: pa.float64() for i in features} | {names[i]: pa.string() for i in texts}
    values = array("d")
    cells: dict[int, list[str]] = {i: [] for i in texts}
    try:
        with csv.open_csv(
            _Plain(text),
            read_options=csv.ReadOptions(column_names=names, block_size=_BLOCK, use_threads=False),
            parse_options=csv.ParseOptions(delimiter=separator),
            convert_options=csv.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                null_values=_SPELT,
                strings_can_be_null=False,
                decimal_point=decimal,
            ),
        ) as reader:
            for batch in reader:
                block = np.empty((batch.num_rows, len(features)))
                for j, i in enumerate(features):
                    block[:, j] = floats_of(batch.column(names[i]))
                values.frombytes(block.data.cast("B") if block.size else b"")
                check_bytes(path, "its matrix", 8 * len(values), memory_limit)
                for i in texts:
                    # as csv.reader does with skipinitialspace
                    cells[i] += [cell.lstrip(" ") for cell in batch.column(names[i]).to_pylist()]
    except (pa.ArrowException, _NotPlain):
        return None
    return np.frombuffer(values, dtype=np.float64).reshape(-1, len(features)), cells
