"""Pieces: the rows of a dask array, dataframe, source or list of shards, block after block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gputsne.base.rows import row_blocks
from gputsne.base.tables import read
from gputsne.base.types import Array
from gputsne.dask.running import Job, Runner, library, named

__all__ = [
    "Piece", "Pieces", "array_of", "is_array", "is_delayed", "is_frame", "not_finite", "pieces_of",
    "refuse_not_finite", "values_of",
]  # fmt: skip

# Bytes of one block of what is no dask collection: 80,000 rows of 50 float32, some seconds of work.
BLOCK_BYTES: Final = 16 << 20


@dataclass(frozen=True, eq=False)
class Piece:
    """One block of rows.

    Attributes
    ----------
    label : str
        What messages call it.
    value : Delayed
        Gives an array or a frame of its rows.
    rows : int or None
        How many; None where only the cluster knows.
    """

    label: str
    value: Any
    rows: int | None


@dataclass(frozen=True, eq=False)
class Pieces:
    """All rows, in their order.

    Attributes
    ----------
    name : str
        What the argument is called.
    pieces : tuple of Piece
        Consecutive blocks.
    d : int
        Columns.
    names : tuple of str or None
        Of the columns.
    itemsize : int
        Bytes of a number.
    """

    name: str
    pieces: tuple[Piece, ...]
    d: int
    names: tuple[str, ...] | None
    itemsize: int = 8

    @property
    def known(self) -> bool:
        """Whether all numbers of rows are known."""
        return all(piece.rows is not None for piece in self.pieces)

    @property
    def n(self) -> int:
        """Rows in all."""
        return sum(piece.rows or 0 for piece in self.pieces)

    @property
    def starts(self) -> Array:
        """Number of the first row of each piece, and of rows in all, shape (pieces + 1,)."""
        return np.cumsum([0] + [piece.rows or 0 for piece in self.pieces])

    def counted(self, runner: Runner) -> Pieces:
        """Return them with numbers of rows, for which the cluster reads what does not say.

        Parameters
        ----------
        runner : Runner
            What reads.
        """
        if self.known:
            return self
        dask = library()
        asked = [p for p in self.pieces if p.rows is None]
        count = dask.delayed(_rows_of, pure=True)
        told = runner.results([Job(p.label, count(p.value, p.label, self.d)) for p in asked])
        rows = iter(told)
        return replace(
            self,
            pieces=tuple(p if p.rows is not None else replace(p, rows=next(rows))
                         for p in self.pieces),
        )  # fmt: skip

    def part(self, start: int, stop: int) -> Any:
        """Return a task that gives some of the rows as one array.

        Parameters
        ----------
        start, stop : int
            Which; pieces have to be counted.
        """
        dask = library()
        cut, starts = [], self.starts
        for piece, first in zip(self.pieces, starts[:-1], strict=True):
            low, high = max(start - first, 0), min(stop - first, piece.rows or 0)
            if low < high:
                cut.append((piece.value, int(low), int(high), piece.label))
        return dask.delayed(_joined, pure=True)(cut, self.d)

    def blocks(self, rows: int) -> Iterator[tuple[int, int, Any]]:
        """Cut all rows into blocks of one length, whatever the pieces are.

        Parameters
        ----------
        rows : int
            Of a block; the last may have fewer.

        Yields
        ------
        start, stop : int
        value : Delayed
            An array.
        """
        for start in range(0, self.n, rows):
            stop = min(self.n, start + rows)
            yield start, stop, self.part(start, stop)

    def where(self, row: int) -> str:
        """Return what messages call a row: its number, and its number in its block."""
        starts = self.starts
        own = int(np.searchsorted(starts, row, side="right")) - 1
        return f"row {row}, which is row {row - starts[own]} of {self.pieces[own].label}"

    def label(self, start: int, stop: int) -> str:
        """Return what messages call some of the rows."""
        starts = self.starts
        first = int(np.searchsorted(starts, start, side="right")) - 1
        return f"rows {start} to {stop - 1} of {self.name} (from {self.pieces[first].label})"


def array_of(value: Any, label: str, d: int) -> Array:
    """Return a block's rows as an array of numbers, shape (rows, d), inside a task.

    Parameters
    ----------
    value : array_like or DataFrame
        The block; it may have no rows.
    label : str
        What messages call it.
    d : int
        Columns that there must be.
    """
    with named(label):
        if not len(value):
            return np.empty((0, d), np.float32)
        values: Array = read(value).values
        if values.shape[1] != d:
            raise ValueError(f"it has {values.shape[1]} columns where the first block has {d}")
        return values


def not_finite(values: Array) -> tuple[int, int]:
    """Count the rows of a block with NaN or infinity.

    Parameters
    ----------
    values : array, shape (m, d)

    Returns
    -------
    count : int
    first : int
        The first of them; -1 where there is none.
    """
    count, first = 0, -1
    if values.dtype.kind == "f":
        for part in row_blocks(*values.shape):
            bad = np.flatnonzero(~np.isfinite(values[part]).all(axis=1))
            if len(bad) and first < 0:
                first = part.start + int(bad[0])
            count += len(bad)
    return count, first


def refuse_not_finite(pieces: Pieces, starts: Iterable[int], told: Iterable[Sequence[int]]) -> None:
    """Raise ValueError that names the first of the rows with NaN or infinity, if there are any.

    Parameters
    ----------
    pieces : Pieces
        All rows, counted.
    starts : iterable of int
        Number of the first row of each block that was looked at.
    told : iterable of (int, int)
        What ``not_finite`` says of each.
    """
    bad = [(start + first, count) for start, (count, first) in zip(starts, told, strict=True)
           if count]  # fmt: skip
    if bad:
        total = sum(count for _, count in bad)
        raise ValueError(
            f"{pieces.name} has {total} rows with NaN or infinite values; the first is "
            f"{pieces.where(int(bad[0][0]))}; drop or fill them"
        )


def _joined(cut: Sequence[tuple[Any, int, int, str]], d: int) -> Array:
    parts = [array_of(value, label, d)[low:high] for value, low, high, label in cut]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _rows_of(value: Any, label: str, d: int) -> int:
    shape = getattr(value, "shape", None) or np.shape(value)
    with named(label):
        if len(shape) != 2 or shape[1] != d:
            raise ValueError(f"it has shape {tuple(shape)}: rows of {d} columns are needed")
    return int(shape[0])


def is_frame(X: Any) -> bool:
    """Tell whether X is a dask dataframe."""
    return hasattr(X, "map_partitions") and getattr(X, "ndim", 0) == 2


def is_array(X: Any) -> bool:
    """Tell whether X is a dask array."""
    return hasattr(X, "map_blocks") and hasattr(X, "chunks") and hasattr(X, "dask")


def pieces_of(X: Any, name: str = "X", client: Any = None) -> Pieces:
    """Return the rows of whatever the caller has.

    Parameters
    ----------
    X : dask array or dataframe, array_like, path, Source, or list of those and of futures
        Shape (n, d).
    name : str
        What the argument is called.
    client : Client or None
        Whose futures may be among them.

    Returns
    -------
    Pieces

    Raises
    ------
    TypeError, ValueError
        For what has no rows and columns, and for pieces that don't go together.
    """
    given = list(X) if isinstance(X, list | tuple) and _holds_shards(X) else [X]
    if not given:
        raise ValueError(f"{name} is an empty list: bring at least one shard")
    many = len(given) > 1
    made = [
        _pieces(one, f"shard {i} of {name}" if many else name, client)
        for i, one in enumerate(given)
    ]
    first = next((m for m in made if m.d >= 0), None)
    if first is None:
        raise ValueError(
            f"{name} is a list of futures alone, whose columns nobody knows: begin it with an "
            "array, or wrap them with dask.array.from_delayed"
        )
    for i, one in enumerate(made):
        if one.d >= 0 and one.d != first.d:
            raise ValueError(
                f"shard {i} of {name} has {one.d} columns, and the first has {first.d}: all "
                "shards need the same columns"
            )
        if one.names is not None and first.names is not None and one.names != first.names:
            raise ValueError(
                f"shard {i} of {name} has columns {one.names}, and the first has {first.names}"
            )
    return Pieces(
        name, tuple(piece for m in made for piece in m.pieces), first.d, first.names,
        max(m.itemsize for m in made),
    )  # fmt: skip


def _holds_shards(X: Any) -> bool:
    """Tell a list of shards from a list of rows of numbers."""
    return not len(X) or not all(isinstance(one, list | tuple | int | float) for one in X)


def is_delayed(X: Any) -> bool:
    """Tell whether X is a ``dask.delayed`` object, which claims to have any attribute."""
    from dask.delayed import Delayed

    return isinstance(X, Delayed)


def _pieces(X: Any, name: str, client: Any) -> Pieces:
    if is_delayed(X):
        raise TypeError(
            f"{name} is delayed, and nobody knows its columns: wrap it with "
            "dask.array.from_delayed(value, shape=(n, d), dtype=...); n may be np.nan"
        )
    if is_array(X):
        return _of_array(X, name)
    if is_frame(X):
        return _of_frame(X, name)
    if hasattr(X, "key") and hasattr(X, "client") and hasattr(X, "status"):
        return _of_future(X, name, client)
    if hasattr(X, "to_delayed") or hasattr(X, "dask"):
        raise TypeError(
            f"{name} is a {type(X).__name__} of dask, which has no columns: a dask array or "
            "dataframe of rows x columns is needed"
        )
    return _of_source(X, name)


def _of_array(X: Any, name: str) -> Pieces:
    if X.ndim != 2:
        how = (
            "X[:, None] is one column" if X.ndim == 1
            else "X.reshape(len(X), -1) makes a row of each X[i]" if X.ndim > 2
            else "X[None, None] is one number"
        )  # fmt: skip
        raise ValueError(f"{name} has {X.ndim} axes: rows x columns are needed; {how}")
    if np.isnan(X.shape[1]):
        raise ValueError(
            f"{name} has an unknown number of columns: X.compute_chunk_sizes() finds it"
        )
    if X.shape[1] == 0:
        raise ValueError(f"{name} has no columns")
    if X.dtype.kind in "USVmMc":
        raise ValueError(f"{name} has dtype {X.dtype}: rows of real numbers are needed")
    if len(X.chunks[1]) > 1:  # a row's values are needed at once
        X = X.rechunk({1: -1})
    pieces = tuple(
        Piece(f"block {i} of {name}", value, None if np.isnan(rows) else int(rows))
        for i, (value, rows) in enumerate(
            zip(X.to_delayed().ravel().tolist(), X.chunks[0], strict=True)
        )
    )
    return Pieces(name, pieces, int(X.shape[1]), None, int(X.dtype.itemsize))


def _of_frame(X: Any, name: str) -> Pieces:
    columns = list(X.columns)
    if not columns:
        raise ValueError(f"{name} has no columns")
    names = tuple(columns) if all(isinstance(c, str) for c in columns) else None
    pieces = tuple(
        Piece(f"partition {i} of {name}", value, None) for i, value in enumerate(X.to_delayed())
    )
    return Pieces(name, pieces, len(columns), names)


def _of_future(X: Any, name: str, client: Any) -> Pieces:
    if client is None or X.client is not client:
        raise ValueError(
            f"{name} is a future of another client, {X.client!r}: pass client= that one, or "
            "gather it there first"
        )
    return Pieces(name, (Piece(name, library().delayed(X), None),), -1, None)


def _of_source(X: Any, name: str) -> Pieces:
    dask = library()
    on_disk = hasattr(X, "shards") or isinstance(X, str | np.memmap) or hasattr(X, "__fspath__")
    if on_disk:
        from gputsne.data import open_source

        source = open_source(X)
        shards: Any = source.shards
        names = getattr(source, "names", None)
    else:
        table = read(X, name)
        source, names = table.values, table.names
        shards = (("", 0, table.shape[0]),)
        if table.sparse:
            raise TypeError(f"{name} is sparse; reduce it first, for instance with pca=50")
    d, size = int(source.shape[1]), int(source.dtype.itemsize)
    step = max(1, BLOCK_BYTES // max(1, d * size))
    held = dask.delayed(source, traverse=False) if on_disk else None
    take = dask.delayed(_taken, pure=True)
    pieces = []
    for shard, first, last in shards:
        for start in range(first, last, step):
            stop = min(last, start + step)
            label = f"rows {start} to {stop - 1} of {name}" + (f", in {shard}" if shard else "")
            value = (
                dask.delayed(source[start:stop], traverse=False)
                if held is None
                else take(held, start, stop)
            )
            pieces.append(Piece(label, value, stop - start))
    return Pieces(name, tuple(pieces), d, names, size)


def _taken(source: Any, start: int, stop: int) -> Array:
    block: Array = source.read(start, stop)
    return block


def values_of(column: Any, runner: Runner) -> Any:
    """Return labels, weights or ids as something that lies in main memory.

    Parameters
    ----------
    column : array_like, dask array or series, or None
        One value per row.
    runner : Runner
        What computes a dask collection.
    """
    if column is None:
        return None
    if is_delayed(column):
        return runner.results([Job("a column", column)])[0]
    if not (hasattr(column, "dask") or hasattr(column, "to_delayed")):
        return column
    return runner.results([Job("a column", _whole(column))])[0]


def _whole(column: Any) -> Any:
    dask = library()
    parts = column.to_delayed()
    parts = parts.ravel().tolist() if isinstance(parts, np.ndarray) else list(parts)
    return dask.delayed(_chained, pure=True)(parts)


def _chained(parts: Sequence[Any]) -> Array:
    return np.concatenate([np.asarray(part) for part in parts])
