"""Columns of another table, joined to the rows that are read by their ids.

Whatever names columns (labels, kept ones, those of a picture) may then name those of the other
table; what it names nowhere is kept beside the map.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from gputsne.base.types import Array
from gputsne.data import BadInput, Selection
from gputsne.data.blocks import blocks_of
from gputsne.data.formats.csv.numbers import as_labels
from gputsne.data.table import counted, format_of
from gputsne.provenance.outcome import shown

__all__ = ["Joined"]

# A csv holds 7 as 7.0 where whoever wrote it had a gap in the column.
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


@dataclass(frozen=True, eq=False)
class Joined:
    """Another table, by the ids of its rows.

    Attributes
    ----------
    path : Path
        Its file.
    on : str
        Its column of ids.
    rows : dict of str to int
        Row of each id; ids are compared as text, whole numbers without a fraction.
    columns : dict of str to array
        Its other columns.
    """

    path: Path
    on: str
    rows: dict[str, int]
    columns: dict[str, Array]

    @classmethod
    def read(cls, want: Selection) -> Self:
        """Read the table that a selection joins.

        Parameters
        ----------
        want : Selection
            With ``join``; ``on`` or ``ids`` names the column of ids.

        Returns
        -------
        Joined

        Raises
        ------
        BadInput
            The file is missing or has not that column, an id is there twice, or the rows that are
            read have no ids.
        """
        if want.ids is None:
            raise BadInput("--join needs --id, the column that names the rows of IN")
        path, on = Path(str(want.join)), want.on or want.ids
        if path.is_file() and format_of(path) == ".npy":
            raise BadInput(f"{path}: an npy has no column of ids; join csv, tsv or parquet")
        table = blocks_of(path, replace(want, join=None, flatten=False))
        at = table.position(on)
        parts: list[list[Any]] = [[] for _ in table.names]
        for _, values in table.walk([str(j) for j in range(len(table.names))]):
            for held, part in zip(parts, values, strict=True):
                held += part.tolist()
        rows: dict[str, int] = {}
        for i, value in enumerate(parts[at]):
            if value is None or value != value:
                raise BadInput(f"{path}: row {i}, counted from 0, has no {on}")
            if rows.setdefault(_text(value), i) != i:
                raise BadInput(
                    f"{path}: {on} {_text(value)!r} is there twice, in rows "
                    f"{rows[_text(value)]} and {i}; one row per id is needed"
                )
        columns = {
            name: _typed(part, table.decimal)
            for j, (name, part) in enumerate(zip(table.names, parts, strict=True))
            if j != at
        }
        return cls(path, on, rows, columns)

    def matched(self, ids: Array, names: Sequence[str]) -> tuple[dict[str, Array], list[str]]:
        """Return columns for rows of these ids.

        Parameters
        ----------
        ids : array, shape (n,)
            Of the rows that were read.
        names : sequence of str
            Columns of this table.

        Returns
        -------
        dict of str to array of shape (n,)
            Numbers with NaN, text with None, where this table has no such id.
        list of str
            One sentence on how many have none; empty where all have one.

        Raises
        ------
        BadInput
            This table has none of the ids.
        """
        at = np.array([self.rows.get(_text(value), -1) for value in ids.tolist()])
        missing = at < 0
        if missing.all():
            some = ", ".join(repr(_text(value)) for value in ids[:3].tolist())
            raise BadInput(
                f"{shown(self.path)} has none of the ids of IN ({some}, ...) in its column "
                f"{self.on}; name its column by --on"
            )
        found = {}
        for name in names:
            column = self.columns[name][at]
            if missing.any():
                numeric = column.dtype.kind in "fiub"
                column = column.astype(np.float64 if numeric else object)
                column[missing] = np.nan if numeric else None
            found[name] = column
        lost = int(missing.sum())
        if not lost:
            return found, []
        return found, [
            f"{counted(lost, 'row')} of {len(at):,} {'has' if lost == 1 else 'have'} no row in "
            f"{shown(self.path)}; joined columns are empty there"
        ]


def _text(value: Any) -> str:
    """Return an id as it is compared: 7, 7.0 and "7" are one, "007" is another."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _typed(values: list[Any], decimal: str) -> Array:
    """Return a column: cells of text as the csv reader takes labels, others as they are."""
    if all(value is None or isinstance(value, str) for value in values):
        return as_labels(["" if value is None else value for value in values], decimal)
    if any(value is None or isinstance(value, str) for value in values):
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made
    return np.array(values)
