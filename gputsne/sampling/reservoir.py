"""A sample of a stream of batches, of which only the sample is ever held: Algorithm L and A-Res."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gputsne.base.parameter_table import Whole
from gputsne.base.random import generator
from gputsne.base.rows import as_column
from gputsne.base.tables import read

__all__ = ["Reservoir"]


class Reservoir:
    """Rows of a stream, each batch seen once; at any time a sample of all that has come so far.

    Parameters
    ----------
    size : int
        Rows kept, or fewer while fewer have come.
    weighted : bool, default False
        Whether batches come with weights: a row's chance grows with its weight.
    random_state : int, RandomState, Generator or None
        Seed.

    Notes
    -----
    Without weights Algorithm L (Li 1994, ACM TOMS 20:481), which skips rows by the number that a
    geometric law gives, some ``size log(n / size)`` draws for n rows. With weights A-Res
    (Efraimidis & Spirakis 2006): the rows of the largest ``u ** (1 / weight)``.

    Examples
    --------
    >>> import numpy as np
    >>> kept = Reservoir(3, random_state=0)
    >>> for first in range(0, 100, 10):
    ...     kept.add(np.arange(first, first + 10.0)[:, None])
    >>> kept.seen, kept.rows.shape
    (100, (3, 1))
    """

    def __init__(self, size: int, *, weighted: bool = False, random_state: Any = None) -> None:
        Whole(1).check("size", size)
        self.size, self.weighted = int(size), bool(weighted)
        self.seen = 0
        self._rng = generator(random_state)
        self._rows: npt.NDArray[Any] | None = None
        self._columns: tuple[str, ...] | None = None
        self._places = np.empty(0, dtype=np.int64)
        self._ids: list[Any] = []
        self._keys = np.empty(0)
        self._level, self._next = 1.0, -1

    @property
    def rows(self) -> npt.NDArray[Any]:
        """The rows kept, shape (m, d), in the order in which they came; a copy."""
        if self._rows is None:
            return np.empty((0, 0))
        kept: npt.NDArray[Any] = self._rows[np.argsort(self._places)]
        return kept

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """Where in the stream each row kept was, ascending, shape (m,), int64."""
        return np.sort(self._places)

    @property
    def ids(self) -> list[Any]:
        """Ids of the rows kept, in their order; their places where batches came without."""
        return [self._ids[i] for i in np.argsort(self._places)]

    def state(self) -> dict[str, Any]:
        """Return all that it holds, for ``from_state`` in another process.

        Returns
        -------
        dict
            Arrays under "rows", "places" and "keys"; the rest of what JSON can hold, if the ids
            are.
        """
        return {
            "size": self.size, "weighted": self.weighted, "seen": self.seen,
            "rows": None if self._rows is None else self._rows.copy(),
            "columns": None if self._columns is None else list(self._columns),
            "places": self._places.copy(), "ids": list(self._ids), "keys": self._keys.copy(),
            "level": self._level, "next": self._next, "generator": self._rng.bit_generator.state,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return a reservoir that goes on where another one stopped, by the same draws.

        Parameters
        ----------
        state : mapping
            What ``state`` returned.

        Returns
        -------
        Reservoir

        Raises
        ------
        ValueError
            It is no such state.
        """
        try:
            made = cls(state["size"], weighted=state["weighted"], random_state=0)
            made.seen, made._next = int(state["seen"]), int(state["next"])
            made._rows = None if state["rows"] is None else np.array(state["rows"])
            made._columns = None if state["columns"] is None else tuple(state["columns"])
            made._places = np.array(state["places"], dtype=np.int64)
            made._ids, made._level = list(state["ids"]), float(state["level"])
            made._keys = np.array(state["keys"], dtype=np.float64)
            made._rng.bit_generator.state = state["generator"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"state is none that a Reservoir returned: {error!r}") from error
        held = 0 if made._rows is None else len(made._rows)
        if not held == len(made._places) == len(made._ids) <= made.size:
            raise ValueError("state is none that a Reservoir returned: its parts differ in length")
        return made

    def add(self, batch: Any, ids: Any = None, weights: Any = None) -> None:
        """Take note of a batch.

        Parameters
        ----------
        batch : array_like or DataFrame, shape (m, d)
            Copied where rows of it are kept; one without rows changes nothing.
        ids : sequence or None
            One per row.
        weights : array_like, shape (m,), or None
            Above 0, where the reservoir is a weighted one; a row of weight 0 is never kept.

        Raises
        ------
        TypeError
            For a sparse batch.
        ValueError
            For other columns than before, another number of ids or weights than rows, and weights
            that are negative or not finite. The reservoir is as it was.
        """
        if hasattr(batch, "tocsr"):
            raise TypeError("batch is sparse; make it dense, batch.toarray()")
        if hasattr(batch, "__len__") and not len(batch):
            return
        if getattr(batch, "ndim", 2) == 1 and not hasattr(batch, "name"):
            raise ValueError(
                f"batch has shape {batch.shape}: rows x columns are needed; batch[None] is one "
                "row, batch[:, None] one column"
            )
        table = read(as_column(batch), "batch")
        values, columns = np.asarray(table.values), table.names or None
        m = len(values)
        if self._rows is not None and values.shape[1] != self._rows.shape[1]:
            raise ValueError(
                f"batch has {values.shape[1]} columns, those before had {self._rows.shape[1]}"
            )
        if columns and self._columns and columns != self._columns:
            pairs = zip(columns, self._columns, strict=True)
            now, before = next(pair for pair in pairs if pair[0] != pair[1])
            raise ValueError(
                f"batch has column {now!r} where those before had {before!r}: give every batch the "
                "same columns in the same order"
            )
        if ids is not None and len(ids) != m:
            raise ValueError(f"ids has {len(ids)} entries for {m} rows")
        if (weights is None) == self.weighted:
            given = "needs weights" if self.weighted else "takes none: pass weighted=True"
            raise ValueError(f"this reservoir {given}")
        if self._rows is None:
            self._rows = np.empty((0, values.shape[1]), values.dtype)
        self._columns = self._columns or columns
        names = np.arange(self.seen, self.seen + m).tolist() if ids is None else list(ids)
        if weights is None:
            self._skip(values, names)
        else:
            self._weigh(values, names, read_weights(weights, m))
        self.seen += m

    def _skip(self, values: npt.NDArray[Any], names: list[Any]) -> None:
        """Algorithm L: fill up, then jump from one row that comes in to the next."""
        at = 0
        room = self.size - len(self._places)
        if room > 0:
            at = min(room, len(values))
            self._append(values[:at], np.arange(self.seen, self.seen + at), names[:at])
            if len(self._places) == self.size:
                self._jump(self.seen + at - 1)
        while self._next >= 0 and self._next < self.seen + len(values):
            i = self._next - self.seen
            j = int(self._rng.integers(self.size))
            self._put(j, values[i], self._next, names[i])
            self._jump(self._next)

    def _jump(self, now: int) -> None:
        self._level *= float(np.exp(np.log(self._rng.random()) / self.size))
        skipped = np.log(self._rng.random()) / np.log1p(-self._level)
        # A stream ends before int64 does
        self._next = now + 1 + int(min(skipped, 2.0**62))

    def _weigh(
        self, values: npt.NDArray[Any], names: list[Any], weights: npt.NDArray[np.float64]
    ) -> None:
        """A-Res: the largest keys of those kept and of the batch."""
        some = np.flatnonzero(weights > 0)
        with np.errstate(over="ignore"):  # beside larger weights the least ones have no chance
            keys = np.log(self._rng.random(len(values)))[some] / weights[some]
        best = np.argsort(-np.concatenate([self._keys, keys]), kind="stable")[: self.size]
        old = best[best < len(self._keys)]
        new = best[best >= len(self._keys)] - len(self._keys)
        assert self._rows is not None
        self._rows = np.concatenate([self._rows[old], values[some[new]]])
        self._places = np.concatenate([self._places[old], self.seen + some[new]])
        self._ids = [self._ids[i] for i in old] + [names[i] for i in some[new]]
        self._keys = np.concatenate([self._keys[old], keys[new]])

    def _append(self, values: npt.NDArray[Any], places: Any, names: list[Any]) -> None:
        assert self._rows is not None
        self._rows = np.concatenate([self._rows, values])
        self._places = np.concatenate([self._places, places])
        self._ids += names

    def _put(self, j: int, row: npt.NDArray[Any], place: int, name: Any) -> None:
        assert self._rows is not None
        if not np.can_cast(row.dtype, self._rows.dtype):
            self._rows = self._rows.astype(np.result_type(self._rows.dtype, row.dtype))
        self._rows[j], self._places[j], self._ids[j] = row, place, name


def read_weights(weights: Any, n: int) -> npt.NDArray[np.float64]:
    """Read one weight per row.

    Parameters
    ----------
    weights : array_like, shape (n,)
        At least 0, finite, not all 0.
    n : int
        Rows.

    Returns
    -------
    array, shape (n,), float64

    Raises
    ------
    ValueError
        For what is none.
    """
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (n,):
        raise ValueError(f"weights has shape {found.shape} for {n} rows: give one per row")
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if bad.size:
        raise ValueError(f"weights[{bad[0]}]={found[bad[0]]} must be finite and at least 0")
    return found
