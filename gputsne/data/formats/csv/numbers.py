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
    whole = as_ids(cells)
    if whole.dtype.kind == "i":
        return whole
    values = [number(cell, decimal) for cell in cells]
    told = [cell.strip() for cell, value in zip(cells, values, strict=True) if value == value]
    plain = (cell.replace(decimal, ".") for cell in told)
    if not told or None in values or not all(_PLAIN.match(cell) for cell in plain):
        return whole
    if all(cell.lstrip("+-").isdecimal() for cell in told):  # categories by number, and gaps
        made = np.empty(len(cells), dtype=object)
        made[:] = [None if value != value else int(value or 0) for value in values]
        return made
    return np.array(values, dtype=np.float64)


def as_ids(cells: Sequence[str]) -> Array:
    """Return ids: as integers when every one is, written the plain way; else as text, unchanged."""
    try:
        if all(str(int(cell)) == cell for cell in cells):
            return np.array([int(cell) for cell in cells], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    return np.array(cells, dtype=object)
