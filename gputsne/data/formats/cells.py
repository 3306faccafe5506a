"""What does a cell of text say: a number, that there is none, or text? And what is its column?

One rule for every delimited file, so that a slip of the pen never loses a column in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from gputsne.data.table import BadInput

MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
TRUTH: Final = {"true": 1.0, "false": 0.0}
_COMMA = re.compile(r"^[+-]?[\d.]*,\d+(?:[eE][+-]?\d+)?$")


class Kind(Enum):
    """What a column's cells make it."""

    NUMBERS = "numbers"
    EMPTY = "empty"
    TEXT = "text"
    SPOILT = "spoilt"  # numbers for the most part, and text


def number(cell: str) -> float | None:
    """Return the value of a cell, NaN when it is missing, None when it is text."""
    said = cell.strip().lower()
    if said in MISSING:
        return float("nan")
    if said in TRUTH:
        return TRUTH[said]
    try:
        return None if "_" in cell else float(cell)  # float() would take 1_2 for 12
    except ValueError:
        return None


def has_decimal_comma(cell: str) -> bool:
    """Tell whether a cell is a number as half the world writes it: ``1,5``."""
    return _COMMA.match(cell.strip()) is not None


def spoilt(n_numbers: int, n_text: int) -> bool:
    """Tell whether text among numbers is a mistake: most cells that say something are numbers."""
    return n_text > 0 and n_numbers > n_text


def judge(cells: Sequence[str]) -> tuple[Kind, int]:
    """Return what a column is, and the position of its first cell of text, if any, else -1."""
    values = [number(cell) for cell in cells]
    text = [i for i, value in enumerate(values) if value is None]
    n_numbers = sum(value is not None and value == value for value in values)
    if not text:
        return (Kind.NUMBERS if n_numbers else Kind.EMPTY), -1
    n_meant = sum(has_decimal_comma(cells[i]) for i in text)
    if n_meant == len(text) or spoilt(n_numbers + n_meant, len(text) - n_meant):
        return Kind.SPOILT, text[0]
    return Kind.TEXT, text[0]


def no_number(path: Path, row: int, name: str, cell: str) -> BadInput:
    """Return the error for a cell that must be a number; ``row`` is the file's, from 1."""
    hint = "write decimal points, as in 1.5; " if has_decimal_comma(cell) else ""
    return BadInput(
        f"{path}, row {row}, column {name!r}: {cell[:40]!r} isn't a number; {hint}correct the cell "
        "(empty means missing), or leave its column out: name the features with --columns, or give "
        "it as --labels or --id"
    )
