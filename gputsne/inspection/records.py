"""Records of points: the rows that vectors were made of, as dicts, frames, columns or arrays."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gputsne.base.labels import is_missing
from gputsne.base.tables import admitted

__all__ = ["Records", "read_records", "shown_beside"]


class Records:
    """One record per point, asked by row or by field.

    Parameters
    ----------
    columns : mapping of str to sequence
        Values of each field, all of one length; or None, with ``rows``.
    rows : sequence of mapping
        One per point, whose fields may differ.
    """

    def __init__(
        self,
        columns: Mapping[str, Any] | None,
        rows: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._columns, self._rows = columns, rows
        first = next(iter(columns.values()), ()) if columns is not None else rows
        self.n = len(first)
        if columns is not None:
            self.fields = tuple(columns)
        else:
            self.fields = tuple(dict.fromkeys(name for row in rows for name in row))

    def column(self, name: str) -> list[Any]:
        """Return the values of a field, None where a record has none.

        Parameters
        ----------
        name : str
            The field.

        Returns
        -------
        list
            One per point.

        Raises
        ------
        ValueError
            If no record has such a field.
        """
        if name not in self.fields:
            raise ValueError(
                f"no record has a field {name!r}; there are {', '.join(self.fields) or 'none'}"
            )
        if self._columns is not None:
            return [_value(v) for v in self._columns[name]]
        return [_value(row.get(name)) for row in self._rows]

    def row(self, i: int, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Return one record.

        Parameters
        ----------
        i : int
            Which point.
        fields : sequence of str or None
            Those to take, in this order; None for all.

        Returns
        -------
        dict
            Without the fields that this record lacks.
        """
        if self._columns is not None:
            held: Mapping[str, Any] = {name: v[i] for name, v in self._columns.items()}
        else:
            held = self._rows[i]
        names = held if fields is None else [name for name in fields if name in held]
        return {str(name): _value(held[name]) for name in names}

    def check(self, fields: Sequence[str], what: str) -> list[str]:
        """Return the names of fields as a list.

        Parameters
        ----------
        fields : str or sequence of str
            Of the records.
        what : str
            What the argument is called.

        Returns
        -------
        list of str

        Raises
        ------
        ValueError
            If there are none, or no record has one of them.
        """
        names = [fields] if isinstance(fields, str) else list(fields)
        if not names:
            raise ValueError(f"{what} names no field; there are {', '.join(self.fields)}")
        for name in names:
            if name not in self.fields:
                raise ValueError(
                    f"{what}: no record has a field {name!r}; there are {', '.join(self.fields)}"
                )
        return names


def read_records(records: Any, n: int) -> Records:
    """Read one record per point.

    Parameters
    ----------
    records : sequence of dict, DataFrame, dict of columns, or structured array
        pandas, polars, pyarrow and whatever else narwhals reads; lazy frames are collected.
    n : int
        Points.

    Returns
    -------
    Records
        Nothing is copied before it is asked for.

    Raises
    ------
    TypeError
        For what holds no records.
    ValueError
        For another number of records than points, and columns of unequal length or equal name.
    """
    found = _read(records)
    if found.n != n:
        raise ValueError(f"records has {found.n} rows, but there are {n} points")
    return found


def shown_beside(
    records: Any, n: int, fields: Sequence[str] | None
) -> Callable[[int], dict[str, Any]]:
    """Return what a point's row of findings has of its record.

    Parameters
    ----------
    records : sequence of dict, DataFrame, dict of columns, structured array, or None
        One record per point, or none.
    n : int
        Points.
    fields : sequence of str or None
        Fields to show; None shows all.

    Returns
    -------
    callable
        Gives ``{"record": ...}`` for a row of X; {} where there are no records.

    Raises
    ------
    TypeError, ValueError
        As ``read_records``.
    """
    if records is None:
        return lambda row: {}
    held = read_records(records, n)
    return lambda row: {"record": held.row(int(row), fields)}


def _read(records: Any) -> Records:
    if isinstance(records, Records):
        return records
    if isinstance(records, Mapping):
        columns = {str(name): np.asarray(v, dtype=object) for name, v in records.items()}
        lengths = {name: len(v) if v.ndim else None for name, v in columns.items()}
        if len(set(lengths.values())) > 1 or None in lengths.values():
            raise ValueError(
                f"records is a mapping whose columns differ in length: {reprlib.repr(lengths)}"
            )
        return Records(columns)
    if isinstance(records, np.ndarray) and records.dtype.names:
        return Records({name: records[name] for name in records.dtype.names})
    records = admitted(records, "records")
    if hasattr(records, "columns") and hasattr(records, "shape"):
        return Records(_columns_of_frame(records))
    rows = list(records) if hasattr(records, "__iter__") else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(
            "records must be a sequence of dicts, a DataFrame, a dict of columns or a structured "
            f"array, one record per point, got {reprlib.repr(records)}"
        )
    return Records(None, rows)


def _columns_of_frame(frame: Any) -> dict[str, Any]:
    import narwhals as nw

    labels = [str(name) for name in getattr(frame, "column_names", frame.columns)]
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        raise ValueError(f"records has several columns called {twice[0]!r}; rename them")
    if hasattr(frame, "set_axis"):  # pandas, whose labels may be numbers
        frame = frame.set_axis(labels, axis=1)
    held = nw.from_native(frame, eager_only=True)
    return {name: held[name].to_list() for name in held.columns}


def _value(value: Any) -> Any:
    """Return a cell as Python has it, None for what is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if is_missing(value) else value
