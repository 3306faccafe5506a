"""The layout of a delimited file, found out from its beginning: separator, comments, header.

What a line could mean is told by the numbers: the separator is the one that cuts all lines into the
same number of cells, most of them numbers; a first line holds names if it is text over numbers.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gputsne.data.formats.csv.numbers import Column, Kind, is_marked_number, is_vector, number

SEPARATORS: Final = (",", ";", "\t", "|")
BLANKS: Final = " "  # any run of blanks and tabs

_LINES: Final = 50  # lines that tell the separator
_SAME: Final = 0.8  # share of lines that must be cut alike
_EXCEL: Final = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)
# How numbers that are names are written: 400 and 400.5, not 400.000, 4e2 or a sum of 20 digits.
_NAME: Final = re.compile(r"^-?\d{1,12}(?:\.\d*[1-9]\d*)?$")
_ROWS: Final = 3  # rows below a line of numbers that can tell whether it holds names
# So many numbers rise by chance in one line of 40,320 (8!): an axis of wavelengths, times, masses.
_AXIS: Final = 8

Row = list[str]


@dataclass(frozen=True)
class Layout:
    """How a file is laid out.

    Attributes
    ----------
    separator : str
        What separates cells; a blank means any run of blanks.
    before : int
        Lines before the table: blank ones, comments, Excel's ``sep=;``.
    comment : str
        The last comment line before the table, without its ``#``; it may hold the names.
    """

    separator: str
    before: int
    comment: str = ""


def find_layout(lines: Sequence[str], *, tabs: bool, blanks: bool) -> Layout:
    """Return the layout that a file's first lines show.

    Parameters
    ----------
    lines : sequence of str
        The first lines.
    tabs : bool
        Whether tabs are known to separate (tsv).
    blanks : bool
        Whether blanks may separate, where nothing else does.
    """
    separator = "\t" if tabs else ""
    before, comment = 0, ""
    for line in lines:
        if match := _EXCEL.match(line.strip("\r\n")):
            separator = separator or match[1]
        elif line.startswith("#"):
            comment = line.lstrip("#").strip()
        elif line.strip():
            break
        before += 1
    if before == len(lines):  # rows that begin with #, as colours do
        before, comment = 0, ""
    if not separator:
        separator = _separator(lines[before : before + _LINES], blanks)
    return Layout(separator, before, comment)


def records(lines: Iterable[str], separator: str) -> Iterator[Row]:
    """Yield the cells of each record; quoted cells may hold separators and line breaks."""
    if separator == BLANKS:
        lines = (line.strip().replace("\t", " ") + "\n" for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _separator(lines: Sequence[str], blanks: bool) -> str:
    scores = {mark: _score(lines, mark) for mark in SEPARATORS}
    best = max(SEPARATORS, key=lambda mark: scores[mark])
    vectors = any(line.lstrip().startswith("[") for line in lines)
    if blanks and not vectors and scores[best][0] < _SAME:
        alike, numbers, _ = _score(lines, BLANKS)
        if alike >= _SAME and numbers > 0.5:
            return BLANKS
    return best


def _score(lines: Sequence[str], separator: str) -> tuple[float, float, int]:
    """Return the share of lines cut alike, that of numbers among the cells, the cells per line.

    The first line may have one cell less: R's write.table names columns, not that of row names.
    """
    rows = [row for row in records(lines, separator) if row]
    widths = [len(row) for row in rows]
    if not widths or max(widths) < 2:
        return 0.0, 0.0, 1
    usual = max(set(widths), key=widths.count)
    if usual < 2:
        return 0.0, 0.0, usual
    alike = sum(width == usual for width in widths) + (widths[0] == usual - 1)
    cells = [cell for row in rows[1:] or rows for cell in row]
    told = sum(number(cell) is not None or is_marked_number(cell) for cell in cells)
    share = alike / len(rows)
    return (1.0 if share >= _SAME else share), told / len(cells), usual


def has_names(row: Row, below: Sequence[Column], rows: Sequence[Row], decimal: str) -> str:
    """Tell whether a file's first line holds names.

    Parameters
    ----------
    row : list of str
        The first line's cells.
    below : sequence of Column
        What the columns are without it.
    rows : sequence of list of str
        The rows below it that were looked at.
    decimal : str
        Decimal mark.

    Returns
    -------
    str
        "names", "data", "names?" or "data?"; the question mark says that it is a guess.
    """
    values = [number(cell, decimal) for cell in row]
    text = [j for j, value in enumerate(values) if value is None and not is_marked_number(row[j])]
    told = {j: value for j, value in enumerate(values) if value is not None and value == value}
    if any(below[j].kind in (Kind.NUMBERS, Kind.MIXED) for j in text):
        return "names?" if told else "names"
    lists = [j for j in text if below[j].kind is Kind.VECTORS]
    if lists:
        return "data" if all(is_vector(row[j]) for j in lists) else "names"
    recurs = any(row[j] in {other[j] for other in rows if j < len(other)} for j in text)
    if not told:
        return ("data?" if recurs else "names?") if text else "data"
    if recurs:
        return "data"
    cells = [row[j].strip() for j in told]
    if len(told) > 1 and cells == [str(j) for j in range(len(told))]:
        return "names?"  # pandas' names of nameless columns
    if len(rows) < _ROWS:
        return "data?" if text else "data"
    numbers, columns = list(told.values()), list(told)
    if all(map(_NAME.match, cells)) and _are_names(numbers, [below[j] for j in columns]):
        return "names?"
    if len(numbers) >= _AXIS and _rises_alone(numbers, columns, rows, decimal):
        return "names?"
    return "data?" if text else "data"


def _are_names(values: Sequence[float], below: Sequence[Column]) -> bool:
    """Tell whether numbers are names (years, wavelengths, bins): distinct, and no like the rest."""
    if len(set(values)) < len(values):
        return False
    far = [_is_far(v, column) for v, column in zip(values, below, strict=True)]
    rising = all(a < b for a, b in pairwise(values))
    if not rising:  # numbers of genes, of products
        return len(values) > 2 and all(far)
    if len(values) == 2:
        return all(far)
    whole = [v.is_integer() and c.fractions for v, c in zip(values, below, strict=True)]
    strange = sum(f or w for f, w in zip(far, whole, strict=True))
    return len(values) > 2 and strange >= 0.9 * len(values)


def _rises_alone(
    values: Sequence[float], columns: Sequence[int], rows: Sequence[Row], decimal: str
) -> bool:
    """Tell whether a line rises from column to column and no row below it does."""

    def rises(row: Sequence[float | None]) -> bool:
        return all(a is not None and b is not None and a < b for a, b in pairwise(row))

    below = ([number(row[j], decimal) for j in columns if j < len(row)] for row in rows)
    return rises(values) and not any(map(rises, below))


def _is_far(value: float, column: Column) -> bool:
    """Tell whether a value lies farther outside a column's range than the range is wide."""
    if column.kind is not Kind.NUMBERS:
        return False
    width = column.high - column.low
    return not column.low - width <= value <= column.high + width
