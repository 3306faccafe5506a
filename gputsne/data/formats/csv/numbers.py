"""The numbers in the cells of a delimited file, and what a column's cells make of it.

One rule for every cell, so that a mistyped number never turns its column into text in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from pathlib import Path
from typing import Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.table import BadInput

MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
TRUTH: Final = {"true": 1.0, "false": 0.0}

# Numbers with marks that `number` does not read: 1,5 and 1.234,5; 1,234.5; 1'234 and 1 234 with
# the blanks that only typesetters use (an ordinary blank may separate the numbers of a vector).
_MARKED: Final = re.compile(
    r"^[+-]?(?:[\d.]*,\d+|\d{1,3}(?:,\d{3})+(?:\.\d*)?|[\d,]*\.\d+|\d{1,3}(?:\.\d{3})+(?:,\d*)?"
    r"|\d{1,3}(?:['\u2019\u00a0\u202f]\d{3})+(?:[.,]\d*)?)(?:[eE][+-]?\d+)?$"
)
_GROUPED: Final = re.compile(r"^[+-]?\d{1,3}([.,'\u2019\u00a0\u202f]\d{3})+(?:[.,]\d*)?$")
_VECTOR: Final = re.compile(r"^[\[(][-+.\deE,;\s]*\d[-+.\deE,;\s]*[\])]$")
# The plain way to write a whole number or a fraction: no leading zeros, which belong to codes.
_PLAIN: Final = re.compile(r"^[+-]?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d+)?$")


class Kind(Enum):
    """What a column's cells make it."""

    NUMBERS = "numbers"
    EMPTY = "empty"
    TEXT = "text"
    MIXED = "mixed"  # numbers for the most part, and text: a mistake
    VECTORS = "vectors"  # lists of numbers, as in "[1, 2.5]"


@dataclass(frozen=True)
class Column:
    """A column of the sample.

    Attributes
    ----------
    kind : Kind
        What it is.
    first_text : int
        Position of its first cell that is no number, -1: none.
    low, high : float
        Its least and largest number; infinity and minus infinity without any.
    fractions : bool
        Whether most of its numbers have a fraction.
    """

    kind: Kind
    first_text: int = -1
    low: float = inf
    high: float = -inf
    fractions: bool = False


def number(cell: str, decimal: str = ".") -> float | None:
    """Return the value of a cell, NaN when it is missing, None when it is text."""
    text = cell.strip()
    lower = text.lower()
    if lower in MISSING:
        return float("nan")
    if lower in TRUTH:
        return TRUTH[lower]
    if "_" in text:  # float() takes 1_2 for 12
        return None
    if decimal != ".":
        if "." in text:
            return None
        text = text.replace(decimal, ".")
    try:
        return float(text)
    except ValueError:
        return None


def is_marked_number(cell: str) -> bool:
    """Tell whether a cell that is no number is one in another notation: ``1,5``, ``1,234.5``."""
    return _MARKED.match(cell.strip()) is not None


def is_vector(cell: str) -> bool:
    """Tell whether a cell holds a list of numbers: ``[1, 2.5]``."""
    return _VECTOR.match(cell.strip()) is not None


def mostly_numbers(n_numbers: int, n_text: int) -> bool:
    """Tell whether text among numbers is a mistake: most cells that aren't empty are numbers."""
    return n_text > 0 and n_numbers > n_text


def column_of(cells: Sequence[str], decimal: str = ".") -> Column:
    """Return what a column of cells is."""
    values = [number(cell, decimal) for cell in cells]
    text = [i for i, value in enumerate(values) if value is None]
    numbers = [value for value in values if value is not None and value == value]
    if not text:
        if not numbers:
            return Column(Kind.EMPTY)
        split = sum(not value.is_integer() for value in numbers if abs(value) < inf)
        return Column(
            Kind.NUMBERS, -1, min(numbers), max(numbers), fractions=2 * split > len(numbers)
        )
    if not numbers and all(is_vector(cells[i]) for i in text):
        return Column(Kind.VECTORS, text[0])
    marked = sum(is_marked_number(cells[i]) for i in text)
    others = len(text) - marked
    mixed = others == 0 or mostly_numbers(len(numbers) + marked, others)
    return Column(Kind.MIXED if mixed else Kind.TEXT, text[0])


def not_a_number(path: Path, row: int, name: str, cell: str, decimal: str = ".") -> BadInput:
    """Return the error for a cell that must be a number; ``row`` is the file's, from 1."""
    return BadInput(
        f"{path}, row {row}, column {name!r}: {cell[:40]!r} isn't a number; "
        f"{_notation(cell.strip(), decimal)}correct the cell (empty means missing), or leave its "
        "column out: name the features with --columns, or give it as --labels or --id"
    )


def _notation(cell: str, decimal: str) -> str:
    """Return what to do about a number in another notation; "" for any other text."""
    if not is_marked_number(cell):
        return ""
    other = "," if decimal == "." else "."
    if _GROUPED.match(cell):
        marks = [mark for mark in cell if not mark.isdigit() and mark not in "+-"]
        alone = len(marks) == 1 and marks[0] == other
        plain = re.sub(r"[.,'\u2019\u00a0\u202f]", "", cell)
        if alone:  # 4,156: one group may as well be a fraction
            return (
                f"remove thousands separators if it is {plain}, or give --decimal {other} if it is "
                f"{cell.replace(other, decimal)}; "
            )
        if len(set(marks)) == 1 or marks[-1] == decimal:
            return "remove the thousands separators; "
    if decimal == ".":
        return "write decimal points, as in 1.5, or give --decimal ,; "
    return "write decimal commas, as in 1,5, or leave out --decimal; "


def as_labels(cells: Sequence[str], decimal: str = ".") -> Array:
    """Return a label column: whole numbers, numbers with fractions and gaps (NaN), else text.

    Numbers with leading zeros are codes and stay text, and so does a column without a number.
    """
    cells_are = Cells(decimal)
    cells_are.add(cells)
    return cells_are.labels(cells)


def as_ids(cells: Sequence[str]) -> Array:
    """Return ids: as integers when every one is, written the plain way; else as text, unchanged."""
    return _ids(cells, whole=_whole(cells))


class Cells:
    """What the cells of a column of labels are, in however many blocks they come.

    A block of rows must not decide alone: a column of numbers in one block may have text in the
    next, and is a column of text then.

    Parameters
    ----------
    decimal : str, default "."
        Decimal mark.
    """

    def __init__(self, decimal: str = ".") -> None:
        self._decimal = decimal
        self._whole = self._numbers = self._plain = self._digits = True
        self._told = False

    def add(self, cells: Sequence[str]) -> None:
        """Take note of some cells.

        Parameters
        ----------
        cells : sequence of str
            As they stand in the file.
        """
        self._whole = self._whole and _whole(cells)
        if self._whole or not self._numbers:
            self._told = self._told or (self._whole and len(cells) > 0)
            return
        values = [number(cell, self._decimal) for cell in cells]
        self._numbers = None not in values
        told = [cell.strip() for cell, value in zip(cells, values, strict=True) if value == value]
        self._told = self._told or bool(told)
        self._plain &= all(_PLAIN.match(cell.replace(self._decimal, ".")) for cell in told)
        self._digits &= all(cell.lstrip("+-").isdecimal() for cell in told)

    def ids(self, cells: Sequence[str]) -> Array:
        """Return some of the cells as ids, by what all of them are; see ``as_ids``.

        Parameters
        ----------
        cells : sequence of str
            Of those that were added.
        """
        return _ids(cells, whole=self._whole)

    def labels(self, cells: Sequence[str]) -> Array:
        """Return some of the cells as labels, by what all of them are; see ``as_labels``.

        Parameters
        ----------
        cells : sequence of str
            Of those that were added.
        """
        if self._whole or not (self._told and self._numbers and self._plain):
            return _ids(cells, whole=self._whole)
        values = [number(cell, self._decimal) for cell in cells]
        if self._digits:  # categories by number, and gaps
            made = np.empty(len(cells), dtype=object)
            made[:] = [None if value != value else int(value or 0) for value in values]
            return made
        return np.array(values, dtype=np.float64)


def _whole(cells: Sequence[str]) -> bool:
    """Tell whether every cell is an integer of 64 bits, written the plain way."""
    try:
        found = [int(cell) for cell in cells]
    except ValueError:
        return False
    least, most = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    return all(
        str(value) == cell and least <= value <= most
        for value, cell in zip(found, cells, strict=True)
    )


def _ids(cells: Sequence[str], *, whole: bool) -> Array:
    if whole:
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    return np.array(cells, dtype=object)
