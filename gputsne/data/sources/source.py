"""Source: rows of one or many shards as one table that is read a block at a time."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import BadInput
from gputsne.base.forks import Lock
from gputsne.base.rows import row_blocks
from gputsne.base.types import Array
from gputsne.data.sources.shard import Shard

__all__ = ["ShardRows", "Source"]

OPEN: Final = 2  # shards that are kept open
FEW: Final = 64  # rows that are read to get at one, at most, where several are asked for


class ShardRows(NamedTuple):
    """A shard's name, and which rows of the source are its own."""

    name: str
    start: int
    stop: int


class Source:
    """Rows that are read by blocks, whatever form they lie in: ``gputsne.open_source`` makes it.

    Rows have the same values whatever the form, and no more than a block of them is held. It can be
    pickled: another process, or a machine that sees the same paths, opens the files again.
    Threads may share it, and a process that is forked off may go on with it.

    Parameters
    ----------
    pieces : sequence of Shard
        In order; of one number of columns and one dtype, those without rows aside.

    Attributes
    ----------
    shape : tuple of int
        (n, d), rows and columns.
    dtype : dtype
        Of what ``read`` returns, in the machine's byte order.
    ndim : int
        2.
    shards : tuple of ShardRows
        (name, start, stop) of each shard; empty shards have ``start == stop``.
    feature_names : tuple of str or None
        Names of the columns, where parquet has them.
    remarks : tuple of str
        What was decided without being asked, one sentence each.

    Raises
    ------
    BadInput
        Shards differ in columns or dtype, or have no rows at all.
    """

    ndim = 2
    read_by_blocks = True  # what base/tables.py knows a source by

    def __init__(self, pieces: Sequence[Shard]) -> None:
        self.pieces = tuple(pieces)
        filled = [piece for piece in self.pieces if piece.n] or list(self.pieces[:1])
        first = filled[0]
        for piece in filled[1:]:
            _check_like(piece, first)
        ends = np.cumsum([0, *(piece.n for piece in self.pieces)])
        self._ends: npt.NDArray[np.int64] = ends
        self.shape = (int(ends[-1]), first.d)
        self.dtype, self.feature_names = first.dtype, first.names
        self.remarks = tuple(dict.fromkeys(r for piece in filled for r in piece.remarks))
        if self.shape[0] == 0:
            raise BadInput(f"{first.name} has no rows: at least one is needed")
        if self.shape[1] == 0:
            raise BadInput(f"{first.name} has no columns, or nothing but nulls in them")
        self._fresh()

    def _fresh(self) -> None:
        self._lock, self._process = Lock(), os.getpid()
        self._open: list[Shard] = []

    @property
    def shards(self) -> tuple[ShardRows, ...]:
        """Name and rows of each shard."""
        ends = self._ends.tolist()
        return tuple(
            ShardRows(piece.name, start, stop)
            for piece, start, stop in zip(self.pieces, ends, ends[1:], strict=False)
        )

    @property
    def mapped(self) -> Array | None:
        """All rows of a read-only memmap in C order, not copied; None for other sources."""
        return self.pieces[0].mapped if len(self.pieces) == 1 else None

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    @property
    def size(self) -> int:
        """Numbers in all."""
        return self.shape[0] * self.shape[1]

    def read(self, start: int, stop: int) -> Array:
        """Return consecutive rows as a new array.

        Parameters
        ----------
        start, stop : int
            Which rows, ``0 <= start <= stop <= n``.

        Returns
        -------
        array, shape (stop - start, d)
            In C order; yours to change.

        Raises
        ------
        TypeError
            They are no whole numbers.
        IndexError
            There are no such rows.
        BadInput
            A file has changed, is gone, or is damaged.
        """
        start, stop = _whole("start", start), _whole("stop", stop)
        if not 0 <= start <= stop <= self.shape[0]:
            raise IndexError(f"rows {start} to {stop} are asked for, of {self.shape[0]}")
        number = int(np.searchsorted(self._ends, start, side="right")) - 1
        if number < len(self.pieces) and stop <= self._ends[number + 1]:
            return self._piece(number, start, stop)
        out = np.empty((stop - start, self.shape[1]), self.dtype)
        at = start
        while at < stop:
            number = int(np.searchsorted(self._ends, at, side="right")) - 1
            end = min(stop, int(self._ends[number + 1]))
            out[at - start : end - start] = self._piece(number, at, end)
            at = end
        return out

    def _piece(self, number: int, start: int, stop: int) -> Array:
        piece, first = self.pieces[number], int(self._ends[number])
        self._use(piece)
        return piece.read(start - first, stop - first)

    def _use(self, piece: Shard) -> None:
        """Keep the two shards open that were read last: threads read around where two meet."""
        if os.getpid() != self._process:  # forked off, perhaps while the parent held the lock
            self._fresh()
        with self._lock.held():
            if piece in self._open:
                return
            self._open.append(piece)
            done = self._open.pop(0) if len(self._open) > OPEN else None
        if done is not None:
            done.close()

    def blocks(self, rows: int | None = None) -> Iterator[tuple[int, Array]]:
        """Yield all rows in order, as (number of the first, array of shape (rows, d)).

        Parameters
        ----------
        rows : int or None
            Of each block, the last aside; None for about a million numbers. Shards don't decide
            where blocks end.

        Yields
        ------
        tuple of int and array
            Number of the first row, and rows, shape (at most ``rows``, d).

        Raises
        ------
        TypeError, ValueError
            ``rows`` is no whole number from 1.
        """
        n, d = self.shape
        if rows is not None and (rows := _whole("rows", rows)) < 1:
            raise ValueError(f"rows={rows} of a block must be at least 1")
        parts = row_blocks(n, d) if rows is None else row_blocks(n, 1, rows)
        return ((part.start, self.read(part.start, part.stop)) for part in parts)

    def take(self, rows: Array) -> Array:
        """Return chosen rows, in the order asked for; the source is gone through at most once.

        Parameters
        ----------
        rows : array, shape (m,), int
            Their numbers.

        Returns
        -------
        array, shape (m, d)
        """
        rows = np.asarray(rows)
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        out = np.empty((len(rows), self.shape[1]), self.dtype)
        for part in row_blocks(*self.shape):
            low, high = np.searchsorted(ascending, [part.start, part.stop])
            here = ascending[low:high]
            if low == high:
                continue
            if FEW * len(here) < here[-1] - here[0]:
                out[order[low:high]] = [self.read(int(row), int(row) + 1)[0] for row in here]
            else:
                block = self.read(int(here[0]), int(here[-1]) + 1)
                out[order[low:high]] = block[here - here[0]]
        return out

    def where(self, row: int) -> str:
        """Return what messages call a row: its shard, and its number there.

        Parameters
        ----------
        row : int
            Number in the source.

        Returns
        -------
        str

        Raises
        ------
        TypeError
            It is no whole number.
        IndexError
            There is no such row.
        """
        row = _whole("row", row)
        if not 0 <= row < self.shape[0]:
            raise IndexError(f"row={row} must be from 0 to {self.shape[0] - 1}")
        number = int(np.searchsorted(self._ends, row, side="right")) - 1
        if len(self.pieces) == 1:
            return f"row {row} of {self.pieces[0].name}"
        own = row - int(self._ends[number])
        return f"row {row}, which is row {own} of {self.pieces[number].name}"

    def column(self, name: str) -> Array:
        """Return a column of parquet shards that is no feature, such as labels or ids.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        array, shape (n,)
        """
        return np.concatenate([piece.column(name) for piece in self.pieces if piece.n])

    def close(self) -> None:
        """Let go of open files and of kept blocks; the next read opens them again."""
        for piece in self.pieces:
            piece.close()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        """Return rows by slice, number or array of numbers, or a cell, as arrays have it."""
        if isinstance(rows, tuple):
            row, column = rows
            return self[row][..., column]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.shape[0])
            if step == 1:
                return self.read(start, max(start, stop))
            rows = np.arange(start, stop, step)
        if np.ndim(rows) == 0:
            row = operator.index(rows)
            row += self.shape[0] if row < 0 else 0
            one: Array = self.read(row, row + 1)[0]
            return one
        rows = np.asarray(rows)
        return self.take(np.flatnonzero(rows) if rows.dtype == bool else rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return all rows in memory, for whoever asks for an array."""
        if copy is False:
            raise ValueError("a source can't be had as an array without a copy")
        return self.read(0, self.shape[0]).astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        """Return shape, type and number of shards."""
        return f"Source(shape={self.shape}, dtype={self.dtype}, shards={len(self.pieces)})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the shards alone."""
        kept = ("_lock", "_process", "_open")
        return {name: value for name, value in vars(self).items() if name not in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take them over; nothing is open yet."""
        vars(self).update(state)
        self._fresh()


def _whole(name: str, value: Any) -> int:
    """Return a number of rows or of a row; TypeError that names the argument for what is none."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} must be a whole number") from None


def _check_like(piece: Shard, first: Shard) -> None:
    """Raise BadInput where a shard differs from the first one in columns or dtype."""
    if piece.d != first.d:
        raise BadInput(
            f"{piece.name} has {piece.d} columns, and {first.name} has {first.d}: give all shards "
            "the same columns"
        )
    if piece.names != first.names:
        odd = [
            f"{new!r} for {old!r}"
            for old, new in zip(first.names or (), piece.names or (), strict=False)
            if old != new
        ]
        raise BadInput(
            f"{piece.name} has other columns than {first.name}{': ' * bool(odd)}"
            f"{', '.join(odd[:3])}: give all shards the same columns in the same order"
        )
    if piece.dtype != first.dtype:
        raise BadInput(
            f"{piece.name} holds {piece.dtype}, and {first.name} holds {first.dtype}: convert one "
            "of them, so that all rows are read alike"
        )
