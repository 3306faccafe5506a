"""Ranges: rows START to STOP of a table in a file, npy, parquet or csv, without the others.

What a row is read as never depends on which other rows are read with it: whether a column of a csv
holds numbers is decided by all of it. Of npy and parquet only the rows asked for are read; a csv
is walked through from its beginning, since only so one knows where a row is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.blocks import SUFFIXES, Blocks, blocks_of
from gputsne.data.table import BadInput, Data, Selection, format_of

__all__ = ["Ranges", "ranges_of"]

ROWS: Final = 8192  # of a batch of parquet


class Ranges(ABC):
    """A table in a file of which ranges of rows are read.

    Attributes
    ----------
    table : Blocks
        The file.
    want : Selection
        Its features, named one by one or as one vector.
    """

    def __init__(self, table: Blocks, want: Selection) -> None:
        self.table, self.want = table, want

    @property
    def n(self) -> int:
        """How many rows there are."""
        return self.table.n

    @abstractmethod
    def head(self) -> Data:
        """Return the first rows, at least one of them, as ``gputsne.data.read`` reads them."""

    @abstractmethod
    def blocks(self, start: int, stop: int, rows: int) -> Iterator[Array]:
        """Yield the features of rows START to STOP, in arrays of at most so many rows.

        Parameters
        ----------
        start, stop, rows : int
            0 <= start < stop <= n.
        """

    @abstractmethod
    def column(self, name: str, start: int, stop: int, *, labels: bool) -> Array:
        """Return a column that is no feature, as labels or as ids.

        Parameters
        ----------
        name : str
            By which it is found; a position where columns have no names.
        start, stop : int
            Rows.
        labels : bool
            Whether a csv's numbers are read as those of labels are.
        """


class _Npy(Ranges):
    def head(self) -> Data:
        from gputsne.data.formats import npy

        data = npy.read(self.table.path, self.want)
        return replace(data, X=np.array(data.X[:1]))

    def blocks(self, start: int, stop: int, rows: int) -> Iterator[Array]:
        from gputsne.data.columns import choose_columns
        from gputsne.data.formats import npy
        from gputsne.data.sources.arrays import npy_shard

        path, want = self.table.path, self.want
        chosen = choose_columns(self.table.names, want.columns, path) if want.columns else None
        shard = None if want.flatten else npy_shard(path)
        for first in range(start, stop, rows):
            last = min(stop, first + rows)
            if shard is None:  # images, whose file is mapped
                yield np.array(npy.read(path, want).X[first:last])
            else:
                block = shard.read(first, last)
                yield block if chosen is None else block[:, chosen]

    def column(self, name: str, start: int, stop: int, *, labels: bool) -> Array:
        raise BadInput(f"{self.table.path}: an npy file has no columns to keep; use a table")


class _Parquet(Ranges):
    def head(self) -> Data:
        from gputsne.data.formats import parquet

        with self._opened() as file:
            first = next(file.iter_batches(ROWS), None)
            batches = [] if first is None else [first]
            reader = parquet._Reader(_held(file, batches), self.table.path, None)
            return parquet._read(reader, self.want)

    def blocks(self, start: int, stop: int, rows: int) -> Iterator[Array]:
        from gputsne.data.sources.parquet import ParquetShard

        shard = ParquetShard(self.table.path, self.want)
        for first in range(start, stop, rows):
            yield shard.read(first, min(stop, first + rows))

    def column(self, name: str, start: int, stop: int, *, labels: bool) -> Array:
        from gputsne.data.formats import parquet

        with self._opened() as file:
            own = self.table.names[self.table.position(name)]
            batches = list(_batches(file, start, stop, ROWS, [own]))
            reader = parquet._Reader(_held(file, batches), self.table.path, None)
            return reader.column(own)

    def _opened(self) -> Any:
        return self.table._file(self.table.path)  # type: ignore[attr-defined]


def _batches(file: Any, start: int, stop: int, rows: int, columns: list[str]) -> Iterator[Any]:
    """Yield batches of some rows of a parquet file; other groups of rows are not read."""
    first, groups, at = 0, [], -1
    for group in range(file.num_row_groups):
        held = file.metadata.row_group(group).num_rows
        if first < stop and start < first + held:
            at = first if at < 0 else at
            groups.append(group)
        first += held
    for batch in file.iter_batches(rows, row_groups=groups, columns=columns):
        low, high = max(start - at, 0), min(stop - at, batch.num_rows)
        if high > low:
            yield batch.slice(low, high - low)
        at += batch.num_rows


def _held(file: Any, batches: Sequence[Any]) -> Any:
    """Return rows that were read, with what the reader of parquet asks of a file."""
    import pyarrow as pa

    def read(columns: list[str]) -> Any:
        schema = pa.schema([file.schema_arrow.field(name) for name in columns])
        return pa.Table.from_batches([batch.select(columns) for batch in batches], schema)

    return SimpleNamespace(
        schema_arrow=file.schema_arrow,
        metadata=SimpleNamespace(num_rows=sum(batch.num_rows for batch in batches)),
        iter_batches=lambda size, columns: (batch.select(columns) for batch in batches),
        read=read,
    )


class _Csv(Ranges):
    def head(self) -> Data:
        from gputsne.data.formats import csv

        return csv.read_head(self.table.path, self.want)

    def blocks(self, start: int, stop: int, rows: int) -> Iterator[Array]:
        from gputsne.data.formats import csv

        return csv.read_blocks(self.table.path, self.want, start, stop, rows)

    def column(self, name: str, start: int, stop: int, *, labels: bool) -> Array:
        from gputsne.data.formats import csv

        j = self.table.position(name)
        return csv.read_cells(self.table.path, self.want, j, start, stop, labels=labels)


def ranges_of(path: Path, want: Selection) -> Ranges:
    """Open a table to read ranges of its rows.

    Parameters
    ----------
    path : Path
        npy, parquet, csv or tsv; text may be compressed.
    want : Selection
        Its features: ``columns`` or ``vector`` named; of an npy file none means all.

    Returns
    -------
    Ranges

    Raises
    ------
    BadInput
        Another kind of file, or one that is missing or damaged.
    """
    suffix = format_of(path)
    if suffix not in SUFFIXES:
        known = " ".join(SUFFIXES)
        raise BadInput(f"{path}: {suffix[1:]} isn't read by ranges of rows; {known} are")
    table = blocks_of(path, replace(want, ids=None, labels=None))
    return {".npy": _Npy, ".parquet": _Parquet}.get(suffix, _Csv)(table, want)
