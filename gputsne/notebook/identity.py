"""Ids of a map's rows: which there are, how a browser is told of them, and which row each names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column, text_of
from gputsne.base.types import Array

__all__ = ["Ids"]

_LARGEST = 2**32 - 1  # of a uint32, as the viewer's container has ids that are numbers
_MOMENT = "M8[us]"  # unit of dates, which have others in pandas and in numpy
_SAID = 5  # ids named in a message


@dataclass(frozen=True, eq=False)
class Ids:
    """What the rows of a map are called.

    Attributes
    ----------
    values : array, shape (n,)
        As the user gave them; the numbers of the rows where none were given.
    keys : array of uint32 or list of str, shape (n,)
        As the browser has them: numbers, or text where a uint32 can't hold all of them.
    name : str
        What a page calls them.
    given : bool
        Whether they are the user's own.
    total : int
        Rows of the table that numbers and masks are of: more than n where a sample is shown.
    """

    values: Array
    keys: npt.NDArray[np.uint32] | list[str]
    name: str
    given: bool
    total: int

    @classmethod
    def sampled(cls, rows: npt.NDArray[np.int64], total: int) -> Self:
        """Return ids of a sample: the numbers that its rows have in their table.

        Parameters
        ----------
        rows : array of int64, shape (n,)
            Positions in the table, ascending.
        total : int
            Rows of the table.

        Returns
        -------
        Ids
        """
        return cls(rows, rows.astype(np.uint32), "row", given=False, total=total)

    @classmethod
    def of(cls, ids: Any, n: int) -> Self:
        """Read ids, one per row of a map.

        Parameters
        ----------
        ids : array_like, shape (n,), or None
            Different from each other, none missing; None for the numbers of the rows.
        n : int
            Rows.

        Returns
        -------
        Ids

        Raises
        ------
        TypeError
            For what is no column.
        ValueError
            For another number of ids, missing ones, and one that several rows have.
        """
        if ids is None:
            return cls.sampled(np.arange(n), n)
        column = read_column(ids, n, name="ids")
        if column.missing.any():
            row = int(np.flatnonzero(column.missing)[0])
            raise ValueError(f"ids: row {row} has none; give every row an id, or leave ids out")
        values = column.values
        whole = values.dtype.kind in "iu" and values.min(initial=0) >= 0
        keys: npt.NDArray[np.uint32] | list[str]
        if whole and values.max(initial=0) <= _LARGEST:
            keys = values.astype(np.uint32)
        elif values.dtype.kind == "M":
            values = values.astype(_MOMENT)
            keys = [str(value) for value in values]
        else:
            keys = [text_of(value) for value in values.tolist()]
        found = cls(values, keys, column.title or "id", given=True, total=n)
        if len(found._rows) < n:
            seen: set[Any] = set()
            twice = next(k for k in found._listed if k in seen or seen.add(k))  # type: ignore[func-returns-value]
            raise ValueError(f"ids: {twice!r} is the id of more than one row; make them unique")
        return found

    @property
    def _listed(self) -> list[Any]:
        return self.keys.tolist() if isinstance(self.keys, np.ndarray) else self.keys

    @cached_property
    def _rows(self) -> dict[Any, int]:
        return {key: row for row, key in enumerate(self._listed)}

    def rows_of(self, asked: Any) -> npt.NDArray[np.int64]:
        """Return the places of the rows that ids name, among those that are shown.

        Parameters
        ----------
        asked : iterable of ids or of bool, or None
            Ids in any order; a mask of all rows of the table, of which those that are shown count;
            None for none.

        Returns
        -------
        array of int64
            Ascending, each once.

        Raises
        ------
        TypeError
            For what can't be gone through, such as one number, and tables of ids.
        ValueError
            For ids that no row has, and a mask of another length.
        """
        if asked is None:
            return np.empty(0, dtype=np.int64)
        if isinstance(asked, str | bytes) or not isinstance(asked, Iterable):
            raise TypeError(
                f"selection={asked!r} must be a list of ids, a mask of the rows or None"
            )
        listed = np.asarray(asked) if hasattr(asked, "dtype") else list(asked)
        if isinstance(listed, np.ndarray):
            if listed.dtype.kind == "M":
                listed = listed.astype(_MOMENT)
            if listed.ndim != 1 and listed.dtype.kind != "b":
                raise TypeError(
                    f"selection has shape {listed.shape} and must be a list of ids, a mask of the "
                    "rows or None"
                )
        if _is_mask(listed):
            mask = np.asarray(listed, dtype=bool)
            if mask.shape != (self.total,):
                raise ValueError(
                    f"selection is a mask of shape {mask.shape}, and the map has {self.total} rows"
                )
            return np.flatnonzero(mask if self.given else mask[self.values])
        ids = listed.tolist() if isinstance(listed, np.ndarray) else listed
        keys = [self._key(one) for one in ids]
        rows = self.known(keys)
        if len(rows) < len(set(keys)):
            unknown = [key for key in dict.fromkeys(keys) if key not in self._rows]
            more = ", ..." if len(unknown) > _SAID else ""
            shown = ", ".join(map(repr, unknown[:_SAID])) + more
            raise ValueError(
                f"selection: {len(unknown)} of its ids are no row's: {shown}{self._numbering()}"
            )
        return rows

    def _numbering(self) -> str:
        """Return how rows are numbered, for a message; "" where they have ids."""
        if self.given:
            return ""
        n = len(self.values)
        sample = "" if n == self.total else f", and {n} of them are shown"
        return f"; rows are numbered 0 to {self.total - 1}{sample}"

    def numbers(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return where rows that are shown lie in the table.

        Parameters
        ----------
        rows : array of int64
            Places among the rows that are shown.

        Returns
        -------
        array of int64
        """
        return rows if self.given else self.values[rows]

    def known(self, keys: Iterable[Any]) -> npt.NDArray[np.int64]:
        """Return the rows of those keys that there are, ascending; others are passed over.

        Parameters
        ----------
        keys : iterable of int or str
            As the browser tells of ids, or as another map has them.

        Returns
        -------
        array of int64
        """
        found = {self._rows[key] for key in keys if key in self._rows}
        return np.array(sorted(found), dtype=np.int64)

    def named(self, keys: Iterable[Any]) -> npt.NDArray[np.int64]:
        """Return the row of each key, in the order of the keys; there must be one.

        Parameters
        ----------
        keys : iterable of int or str
            As the browser has them.

        Returns
        -------
        array of int64
        """
        return np.array([self._rows[key] for key in keys], dtype=np.int64)

    def keys_of(self, rows: npt.NDArray[np.int64]) -> list[Any]:
        """Return the keys of rows, as the browser is told of them.

        Parameters
        ----------
        rows : array of int64
            Rows of the map.

        Returns
        -------
        list of int or str
        """
        if isinstance(self.keys, np.ndarray):
            told: list[Any] = self.keys[rows].tolist()
            return told
        return [self.keys[row] for row in rows.tolist()]

    def keys_of_all(self) -> list[Any]:
        """Return the keys of all rows, in their order.

        Returns
        -------
        list of int or str
        """
        return list(self._listed)

    def _key(self, one: Any) -> Any:
        """Return an id as a key has it: numbers where the keys are, else text.

        True and False are no numbers here: a list of them is a mask, and one among ids a mistake.
        """
        if not isinstance(self.keys, np.ndarray):
            try:
                moment = self.values.dtype.kind == "M"
                return str(np.datetime64(one).astype(_MOMENT)) if moment else text_of(one)
            except (TypeError, ValueError):
                return repr(one)
        if isinstance(one, bool | np.bool_):
            return repr(one)
        try:
            return int(one) if int(one) == one else one
        except (TypeError, ValueError, OverflowError):
            return repr(one)


def _is_mask(listed: Any) -> bool:
    """Tell whether these are truths: of an array of them, or one by one."""
    if isinstance(listed, np.ndarray) and listed.dtype.kind != "O":
        return bool(listed.dtype.kind == "b")
    return len(listed) > 0 and all(isinstance(one, bool | np.bool_) for one in listed)
