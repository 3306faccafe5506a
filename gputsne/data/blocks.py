"""Blocks: a table in a file walked a block of rows at a time, and chosen rows of it written out.

Holds one block and the rows that are chosen, whatever the size of the file: npy, parquet, csv, tsv.
"""

from __future__ import annotations

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.files import replacing, trouble_of
from gputsne.base.types import Array
from gputsne.data.arrow import floats_of
from gputsne.data.columns import column_position
from gputsne.data.table import (
    BadInput,
    Selection,
    as_text,
    format_of,
    numeric_matrix,
)

__all__ = ["SUFFIXES", "Blocks", "blocks_of", "write_rows"]

ROWS: Final = 8192  # of a block; of 1,000 columns of float64 it takes 64 MB
READ_AHEAD: Final = 1 << 18  # bytes per column of parquet
SUFFIXES: Final = (".csv", ".tsv", ".parquet", ".npy")


class Blocks(ABC):
    """A table in a file.

    Attributes
    ----------
    path : Path
        The file.
    names : tuple of str
        Its columns; positions where they have no names.
    decimal : str
        Decimal mark of its text.
    """

    decimal = "."

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.names = path, tuple(names)

    @cached_property
    def n(self) -> int:
        """How many rows it has; read once."""
        return sum(count for count, _ in self.walk([]))

    @abstractmethod
    def walk(self, columns: Sequence[str]) -> Iterator[tuple[int, list[Array]]]:
        """Yield the rows of each block, and its values of some columns."""

    @abstractmethod
    def pieces(self, rows: Array) -> Iterator[Any]:
        """Yield the rows of these numbers, ascending, block by block, in the file's own kind."""

    def position(self, column: str) -> int:
        """Return where a column is; BadInput that lists those there are."""
        return column_position(self.names, column, self.path)


class _Npy(Blocks):
    def __init__(self, path: Path, want: Selection) -> None:
        from gputsne.data.formats import npy

        self._X = numeric_matrix(npy.read_array(path), path, flatten=want.flatten)
        super().__init__(path, [str(j) for j in range(self._X.shape[1])])

    def walk(self, columns: Sequence[str]) -> Iterator[tuple[int, list[Array]]]:
        places = [self.position(column) for column in columns]
        for first in range(0, len(self._X), ROWS):
            part = self._X[first : first + ROWS]
            yield len(part), [np.array(part[:, j]) for j in places]

    def pieces(self, rows: Array) -> Iterator[Any]:
        yield np.asarray(self._X[rows])


class _Parquet(Blocks):
    def __init__(self, path: Path, want: Selection) -> None:
        from gputsne.data import require

        require("pyarrow", "reading parquet")
        with self._file(path) as file:
            super().__init__(path, file.schema_arrow.names)

    @staticmethod
    def _file(path: Path) -> Any:
        from pyarrow import parquet

        name = os.fsencode(path).decode("utf-8", "surrogateescape")
        # as it comes a file is read ahead to its end, and column chunks as one piece
        return parquet.ParquetFile(name, pre_buffer=False, buffer_size=READ_AHEAD)

    def walk(self, columns: Sequence[str]) -> Iterator[tuple[int, list[Array]]]:
        names = [self.names[self.position(column)] for column in columns]
        with self._file(self.path) as file:
            if not names:
                yield file.metadata.num_rows, []
                return
            for batch in file.iter_batches(ROWS, columns=names):
                yield batch.num_rows, [_values(batch.column(name)) for name in names]

    def pieces(self, rows: Array) -> Iterator[Any]:
        first = 0
        with self._file(self.path) as file:
            for batch in file.iter_batches(ROWS):
                low, high = np.searchsorted(rows, [first, first + batch.num_rows])
                if high > low:
                    yield batch.take(rows[low:high] - first)
                first += batch.num_rows


def _values(column: Any) -> Array:
    """Return a column of arrow as numbers, or as text and None."""
    from pyarrow import types

    kind = column.type
    if types.is_floating(kind) or (types.is_integer(kind) and not column.null_count):
        return floats_of(column)
    made = np.empty(len(column), dtype=object)
    made[:] = column.to_pylist()
    return as_text(made)


class _Csv(Blocks):
    def __init__(self, path: Path, want: Selection) -> None:
        from gputsne.data.formats.csv.sheet import long_cells, survey

        self._want = want
        with long_cells(path):
            self._sheet = survey(path, want)
        super().__init__(path, self._sheet.names)
        self.decimal = self._sheet.decimal

    def _blocks(self) -> Iterator[tuple[list[str], ...]]:
        from gputsne.data.formats.csv.sheet import long_cells, rows_of

        width = len(self.names)
        with long_cells(self.path):
            rows = rows_of(self._sheet, self._want)
            while block := list(islice(rows, ROWS)):
                for place, row in block:
                    if len(row) != width:
                        raise BadInput(
                            f"{self.path}, row {place}: {len(row)} cells; the first has {width}"
                        )
                yield tuple(row for _, row in block)

    def walk(self, columns: Sequence[str]) -> Iterator[tuple[int, list[Array]]]:
        places = [self.position(column) for column in columns]
        n = 0
        for block in self._blocks():
            n += len(block)
            found = []
            for j in places:
                made = np.empty(len(block), dtype=object)
                made[:] = [row[j].strip() or None for row in block]
                found.append(made)
            yield len(block), found
        self.n = n  # a whole walk has counted them

    def pieces(self, rows: Array) -> Iterator[Any]:
        first = 0
        for block in self._blocks():
            low, high = np.searchsorted(rows, [first, first + len(block)])
            if high > low:
                yield [block[i] for i in (rows[low:high] - first).tolist()]
            first += len(block)


def blocks_of(path: Path, want: Selection) -> Blocks:
    """Open a table to walk over it.

    Parameters
    ----------
    path : Path
        npy, parquet, csv or tsv; text may be compressed.
    want : Selection
        How text is read, and whether images are rows.

    Returns
    -------
    Blocks

    Raises
    ------
    BadInput
        Another kind of file, or one that is missing or damaged.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    suffix = format_of(path)
    if suffix not in SUFFIXES:
        raise BadInput(f"{path}: {suffix[1:]} isn't read in blocks; {' '.join(SUFFIXES)} are")
    kinds = {".npy": _Npy, ".parquet": _Parquet}
    try:
        return kinds.get(suffix, _Csv)(path, want)
    except (BadInput, ImportError):
        raise
    except Exception as error:  # as gputsne.data.read does: damaged files fail in many ways
        if (trouble := trouble_of(error, path)) is not None:
            raise trouble from error
        raise BadInput(f"{path} can't be read as {suffix[1:]}: {error}") from error


def write_rows(
    path: Path, tables: Sequence[tuple[Blocks, Array]], beside: Mapping[str, Array]
) -> None:
    """Write rows of tables, one below the other, in the order in which they stand there.

    Parameters
    ----------
    path : Path
        Of the tables' own kind; written whole or not at all.
    tables : sequence of (Blocks, array of int64)
        Tables of one kind with the same columns, and the row numbers of each, ascending.
    beside : mapping of str to array, shape (m,)
        Further columns; an npy file has no place for them.

    Raises
    ------
    BadInput
        The tables differ in columns or kind.
    OSError
        It can't be written.
    """
    first = tables[0][0]
    for table, _ in tables[1:]:
        if type(table) is not type(first) or table.names != first.names:
            raise BadInput(
                f"{table.path} has other columns than {first.path}: several inputs need one kind "
                "of file and the same columns"
            )
    pieces = (piece for table, rows in tables if len(rows) for piece in table.pieces(rows))
    taken = {_free(name, first.names): values for name, values in beside.items()}
    with replacing(path) as part:
        if isinstance(first, _Npy):
            with part.open("wb") as file:
                np.save(file, np.concatenate(list(pieces)))
        elif isinstance(first, _Parquet):
            import pyarrow as pa
            from pyarrow import parquet

            whole = pa.Table.from_batches(list(pieces))
            for name, values in taken.items():
                whole = whole.append_column(name, pa.array(values))
            parquet.write_table(whole, str(part))
        else:
            mark = "\t" if path.suffix.lower() == ".tsv" else ";" if first.decimal == "," else ","
            with part.open("w", encoding="utf-8", newline="") as text:
                writer = csv.writer(text, delimiter=mark, lineterminator="\n")
                writer.writerow([*first.names, *taken])
                more = zip(*(values.tolist() for values in taken.values()), strict=True)
                for row in (row for piece in pieces for row in piece):
                    writer.writerow([*row, *(next(more) if taken else ())])


def _free(name: str, names: Sequence[str]) -> str:
    """Return the name with as many underscores as keep it apart from a table's own."""
    while name in names:
        name += "_"
    return name
