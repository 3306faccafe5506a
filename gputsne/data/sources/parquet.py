"""Shard of a parquet file: decoded from its row groups a block of rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.errors import BadInput
from gputsne.base.types import Array
from gputsne.data.formats.parquet import (
    choose_features,
    matrix_dtype,
    put_columns,
    put_vectors,
    read_column,
    vector_dtype,
)
from gputsne.data.sources.shard import Decoded, Stamp
from gputsne.data.table import Selection

__all__ = ["ParquetShard"]

READ_AHEAD: Final = 1 << 18  # bytes per column; without a bound a row group is read as one piece
VECTOR_ROWS: Final = 1024  # decoded at a time in search of a first vector


class ParquetShard(Decoded):
    """A parquet file, whose features are chosen by its schema alone as ``read`` chooses them.

    Parameters
    ----------
    path : Path
        The file.
    want : Selection
        Columns or vector to take.
    leave_out : sequence of str
        Columns that are no features.

    Raises
    ------
    BadInput
        It is missing, damaged, or has no such columns.
    """

    def __init__(self, path: Path, want: Selection, leave_out: Sequence[str] = ()) -> None:
        self.path, self.name = path.absolute(), str(path)
        self._stamp = Stamp.of(path)
        with self._opened() as file:
            schema, groups = file.schema_arrow, file.metadata
            sizes = [groups.row_group(i).num_rows for i in range(groups.num_row_groups)]
            self._ends = np.cumsum([0, *sizes])
            self.n = int(self._ends[-1])
            chosen = choose_features(schema, path, want, leave_out)
            self.remarks = chosen.remarks
            if chosen.vector is None:
                self._read_names = [schema.names[i] for i in chosen.columns]
                self.dtype = matrix_dtype(schema, chosen.columns, path)
                self.d, self._vector = len(chosen.columns), False
                self.names = tuple(self._read_names)
            else:
                self._read_names = [schema.names[chosen.vector]]
                self.dtype = vector_dtype(schema, self._read_names[0], path)
                self._vector = True
                self.d = self._width(file, schema.types[chosen.vector])
        super().__init__()

    def _width(self, file: Any, kind: Any) -> int:
        """Return the length of the first vector; 0 where every row is null, or there is none."""
        from pyarrow import types

        if types.is_fixed_size_list(kind):
            return int(kind.list_size)
        for batch in file.iter_batches(VECTOR_ROWS, columns=self._read_names):
            lengths = batch.column(0).drop_null().value_lengths()
            if len(lengths):
                return int(lengths[0].as_py())
        return 0

    def _opened(self) -> Any:
        from pyarrow import parquet

        name = os.fsencode(self.path).decode("utf-8", "surrogateescape")
        try:
            return parquet.ParquetFile(name, pre_buffer=False, buffer_size=READ_AHEAD)
        except Exception as error:  # damaged bytes raise half a dozen types
            raise BadInput(f"{self.name} can't be read as parquet: {error}") from error

    def _fresh(self) -> None:
        super()._fresh()
        self._stream: Iterator[Any] | None = None
        self._at = 0  # the row that the stream gives next

    def _let_go(self) -> None:
        super()._let_go()
        self._stream = None

    def decode(self, start: int, stop: int) -> Array:
        """Return the rows of a block; blocks in order are one pass through the file."""
        self._stamp.check(self.path)
        out = np.empty((stop - start, self.d), self.dtype)
        group = int(np.searchsorted(self._ends, start, side="right")) - 1
        if self._stream is None or not self._ends[group] <= self._at <= start:
            self._stream, self._at = self._batches(start), start
        while self._at < start:  # blocks that were passed over
            self._at += next(self._stream).num_rows
        filled = 0
        for batch in self._stream:
            self._put(batch, out[filled : filled + batch.num_rows], start + filled)
            filled += batch.num_rows
            if filled == len(out):
                break
        if filled < len(out):
            raise BadInput(f"{self.name} declares {self.n} rows and holds fewer")
        self._at = stop
        if stop == self.n:
            self._stream = None
        return out

    def _batches(self, start: int) -> Iterator[Any]:
        """Yield batches from a row on, none across the end of a block."""
        group = int(np.searchsorted(self._ends, start, side="right")) - 1
        row = int(self._ends[group])
        with self._opened() as file:
            groups = list(range(group, len(self._ends) - 1))
            found = file.iter_batches(self.rows, row_groups=groups, columns=self._read_names)
            while True:
                try:
                    batch = next(found, None)
                except Exception as error:  # of a page that is damaged
                    raise BadInput(f"{self.name} can't be read as parquet: {error}") from error
                if batch is None:
                    return
                if row + batch.num_rows <= start:
                    row += batch.num_rows
                    continue
                batch = batch.slice(max(0, start - row))
                row = max(row, start)
                while batch.num_rows:
                    part = batch.slice(0, self.rows - row % self.rows)
                    yield part
                    row += part.num_rows
                    batch = batch.slice(part.num_rows)

    def _put(self, batch: Any, out: Array, row: int) -> None:
        if self._vector:
            what = f"{self.name}, column {self._read_names[0]!r}"
            put_vectors(batch.column(0), out, what, row)
        else:
            put_columns(batch, self._read_names, out)

    def column(self, name: str) -> Array:
        """Return a column of labels or ids; see ``Shard.column``."""
        self._stamp.check(self.path)
        return read_column(self.path, name)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process opens it by."""
        return {k: v for k, v in super().__getstate__().items() if k != "_stream"}
