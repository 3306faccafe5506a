"""The strict parser of a delimited file: row by row, by the standard library.

It reads what arrow.py leaves to it and says what is wrong in which row and column.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.formats.csv.layout import Row
from gputsne.data.formats.csv.numbers import (
    MISSING,
    is_marked_number,
    is_vector,
    mostly_numbers,
    not_a_number,
    number,
)
from gputsne.data.formats.csv.sheet import Sheet, nothing_numeric, rows_of
from gputsne.data.limits import check_bytes
from gputsne.data.table import BadInput, Selection, counted

_CHECK_EVERY: Final = 4096  # rows between two looks at the memory taken


@dataclass
class Late:
    """What is met in a column that was empty in the sample: may still be numbers or text."""

    n_marked: int = 0  # numbers in another notation
    n_text: int = 0
    first: tuple[int, str] | None = None  # row and cell of the first that is no number

    def add(self, row: int, cell: str) -> None:
        """Take note of a cell that is no number, in the file's row `row`."""
        self.first = self.first or (row, cell)
        if is_marked_number(cell):
            self.n_marked += 1
        else:
            self.n_text += 1


@dataclass
class Taken:
    """The columns that are read."""

    features: list[int] = field(default_factory=list)
    labels: int | None = None
    ids: int | None = None
    vector: bool = False  # the one feature column holds lists
    left_out: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    late: dict[int, Late] = field(default_factory=dict)  # by position among the features
    absent: list[int] = field(default_factory=list)  # rows without a vector

    def texts(self) -> list[int]:
        """Return the columns that are read as text."""
        return [i for i in dict.fromkeys((self.labels, self.ids)) if i is not None]


def read_rows(
    sheet: Sheet, taken: Taken, want: Selection, rows: Iterable[tuple[int, Row]] | None = None
) -> tuple[Array, dict[int, list[str]]]:
    """Return the features, shape (n, d) float64, and the cells of text columns.

    ``rows`` are some rows with their numbers in the file; None for all.
    """
    values = array("d")
    texts: dict[int, list[str]] = {i: [] for i in taken.texts()}
    expected = len(sheet.names)
    width = 0 if taken.vector else len(taken.features)
    get = _getter(taken.features)
    n = 0
    for n, (place, row) in enumerate(rows_of(sheet, want) if rows is None else rows, 1):
        if len(row) != expected:
            raise BadInput(
                f"{sheet.path}, row {place}: {counted(len(row), 'cell')} where {expected} "
                "are expected"
            )
        cells = get(row)
        if taken.vector:
            cells = _vector(cells[0])
            width = width or len(cells)
            if not cells:
                taken.absent.append(n - 1)
            elif len(cells) != width:
                raise BadInput(
                    f"{sheet.path}, row {place}: a vector of {len(cells)}; the first has {width}"
                )
        values.extend(_numbers(cells, sheet, taken, place))
        for i, column in texts.items():
            column.append(row[i])
        if n % _CHECK_EVERY == 0:
            check_bytes(sheet.path, "its matrix", 8 * len(values), want.memory_limit)
    X = np.frombuffer(values, dtype=np.float64).reshape(n - len(taken.absent), width)
    if taken.absent:
        if not width:
            raise nothing_numeric(sheet)
        given, X = X, np.full((n, width), np.nan)
        X[np.delete(np.arange(n), taken.absent)] = given
    return X, texts


def _getter(features: list[int]) -> Callable[[Row], tuple[str, ...]]:
    """Return what takes the cells of the features from a row."""
    if len(features) > 1:
        return itemgetter(*features)
    return lambda row: (row[features[0]],)


def _vector(cell: str) -> tuple[str, ...]:
    """Return the numbers in a cell; none in one that says that it is missing."""
    cell = cell.strip()
    if cell.lower() in MISSING:
        return ()
    return tuple(cell.strip("[]()").replace(",", " ").replace(";", " ").split())


def _numbers(cells: tuple[str, ...], sheet: Sheet, taken: Taken, place: int) -> Iterable[float]:
    """Return the numbers of a row with blanks as NaN; BadInput that shows a cell of text."""
    # In a vector commas separate: its numbers have decimal points.
    decimal = "." if taken.vector else sheet.decimal
    if decimal == "." and "_" not in "".join(cells):  # float() takes 1_2 for 12
        with suppress(ValueError):
            return [*map(float, cells)]
    numbers = []
    for j, cell in enumerate(cells):
        value = number(cell, decimal)
        if value is None and j in taken.late:
            taken.late[j].add(place, cell)
            value = float("nan")
        if value is None:
            name = sheet.names[taken.features[0 if taken.vector else j]]
            if is_vector(cell) and not taken.vector:
                raise BadInput(
                    f"{sheet.path}, row {place}: column {name!r} holds vectors; choose it with "
                    f"--vector {name}"
                )
            raise not_a_number(sheet.path, place, name, cell, decimal)
        numbers.append(value)
    return numbers


def without_late(X: Array, sheet: Sheet, taken: Taken) -> tuple[Array, list[str], list[str]]:
    """Leave out columns, empty in the sample, that stayed empty or turned out to be text.

    Returns
    -------
    tuple of X, names of empty columns, names of text columns
    """
    emptied: list[str] = []
    text: list[str] = []
    out: list[int] = []
    for j, late in taken.late.items():
        name = sheet.names[taken.features[j]]
        n_numbers = int(np.count_nonzero(~np.isnan(X[:, j]))) + late.n_marked
        if late.first and (late.n_text == 0 or mostly_numbers(n_numbers, late.n_text)):
            raise not_a_number(sheet.path, late.first[0], name, late.first[1], sheet.decimal)
        if late.first or n_numbers == 0:
            (text if late.first else emptied).append(name)
            out.append(j)
    if not out:
        return X, [], []
    kept = [j for j in range(len(taken.features)) if j not in out]
    if not kept:
        raise nothing_numeric(sheet)
    taken.features = [taken.features[j] for j in kept]
    return X[:, kept], emptied, text
