"""The survey of a delimited file: what its first rows show of names, columns and layout."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final, TextIO

from gputsne.data.formats.csv.layout import Layout, Row, find_layout, has_names, records
from gputsne.data.formats.csv.numbers import Column, column_of
from gputsne.data.formats.csv.text import open_text
from gputsne.data.table import BadInput, Selection, listed

# The sample that decides what the columns are: so many rows, fewer where they are wide.
_SAMPLE_ROWS: Final = 1000
_SAMPLE_CELLS: Final = 1_000_000
_SAMPLE_LEAST: Final = 50
_COMMENT_LINES: Final = 10_000  # lines of comment before a table that are looked through
_SHOWN: Final = 20  # letters of a name shown in a remark


@dataclass
class Sheet:
    """A delimited file as its beginning shows it."""

    path: Path
    layout: Layout
    decimal: str
    first: Row  # the first line
    first_is_names: bool
    names: Row  # of the columns: the first line's, a comment's, else their positions
    has_names: bool
    columns: list[Column]
    sample_places: list[int]  # numbers in the file, from 1, of the rows of the sample
    sample: list[Row]
    remarks: list[str]

    def called(self, i: int) -> str:
        """Return what a remark calls column `i`: its name, else its place."""
        return self.names[i] if self.has_names else f"column {i}"


@contextmanager
def long_cells(path: Path) -> Iterator[None]:
    """Let a cell be as long as a whole vector; a text that can't be cut into cells is BadInput."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    except csv.Error as error:
        raise BadInput(f"{path} can't be read as csv: {error}") from error
    finally:
        csv.field_size_limit(limit)


def survey(path: Path, want: Selection, *, labels: bool = False) -> Sheet:
    """Find out layout, header and columns from the first rows."""
    decimal = want.decimal or "."
    if decimal not in (".", ","):
        raise BadInput(f"--decimal {decimal!r}: the decimal mark is . or ,")
    with open_text(path, want.encoding) as text:
        lines = _first_lines(text)
        tabs = ".tsv" in (suffix.lower() for suffix in path.suffixes)
        layout = find_layout(lines, tabs=tabs, blanks=not labels)
        if layout.separator == decimal and not any('"' in line for line in lines):
            raise BadInput(f"{path}: {decimal!r} separates the cells and can't be the decimal mark")
        rest = chain(lines[layout.before :], text)
        head: list[tuple[int, Row]] = []
        for place, row in _numbered(rest, layout):
            head.append((place, row))
            enough = max(_SAMPLE_LEAST, min(_SAMPLE_ROWS, _SAMPLE_CELLS // max(1, len(row))))
            if len(head) > enough:
                break
    if not head:
        raise BadInput(f"{path} is empty")
    return _sheet(path, want, layout, decimal, head)


def _first_lines(text: TextIO) -> list[str]:
    """Return the lines that tell the layout, however many comments come before."""
    lines: list[str] = []
    n_table = 0
    for line in islice(text, _COMMENT_LINES):
        lines.append(line)
        n_table += not line.startswith("#")
        if n_table > _SAMPLE_LEAST:
            break
    return lines


def _numbered(lines: Iterator[str], layout: Layout) -> Iterator[tuple[int, Row]]:
    """Yield the records that aren't blank lines, with their numbers in the file, from 1."""
    for place, row in enumerate(records(lines, layout.separator), layout.before + 1):
        if row:
            yield place, row


def _sheet(
    path: Path, want: Selection, layout: Layout, decimal: str, head: list[tuple[int, Row]]
) -> Sheet:
    first = _as_wide_as_the_rest(head[0][1], [row for _, row in head[1:]])
    width = len(first)
    below = [row for _, row in head[1:] if not _is_skipped(row, width)]
    columns = _columns(below, width, decimal)
    told = has_names(first, columns, below, decimal)
    comment = next(iter(records([layout.comment], layout.separator)), [])
    by_comment = told.startswith("data") and len(comment) == width > 1 and want.header is not False
    if by_comment:
        told = "data"
    elif want.header is not None:
        told = "names" if want.header else "data"
    named = told.startswith("names")
    sample = [(place, row) for place, row in head[named:] if not _is_skipped(row, width)]
    names = first if named else comment if by_comment else list(map(str, range(width)))
    return Sheet(
        path,
        layout,
        decimal,
        first,
        named,
        [name.strip() for name in names],
        named or by_comment,
        columns if named else _columns([row for _, row in sample], width, decimal),
        [place for place, _ in sample],
        [row for _, row in sample],
        [_guess(first, named)] if told.endswith("?") else [],
    )


def _as_wide_as_the_rest(first: Row, rest: list[Row]) -> Row:
    """Return the first line with the cell that it lacks where all rows have one more.

    R's write.table names no column of row names, the first; rows that end with a separator have an
    empty last cell.
    """
    if not rest or any(len(row) != len(first) + 1 for row in rest):
        return first
    return [*first, ""] if not any(row[-1].strip() for row in rest) else ["", *first]


def _columns(rows: list[Row], width: int, decimal: str) -> list[Column]:
    """Return what the columns of the rows are; a cell that is not there is empty."""
    return [
        column_of([row[j] if j < len(row) else "" for row in rows], decimal) for j in range(width)
    ]


def _guess(first: Row, named: bool) -> str:
    what, other = ("names", "--no-header") if named else ("data", "--header")
    shown = listed([cell[:_SHOWN] for cell in first])
    return f"the first line ({shown}) was taken for {what}; {other} if it is not"


def _is_skipped(row: Row, width: int) -> bool:
    """Tell whether a row of another width than the data's is a comment (#) or a line of blanks."""
    return len(row) != width and (row[0].startswith("#") or not "".join(row).strip())


def rows_of(sheet: Sheet, want: Selection, *, skip_names: bool = True) -> Iterator[tuple[int, Row]]:
    """Yield the rows of data from the first on, with their numbers in the file, from 1."""
    with open_text(sheet.path, want.encoding) as text:
        rest = islice(text, sheet.layout.before, None)
        skip = skip_names and sheet.first_is_names
        for place, row in islice(_numbered(rest, sheet.layout), int(skip), None):
            if not _is_skipped(row, len(sheet.first)):
                yield place, row


def nothing_numeric(sheet: Sheet) -> BadInput:
    """Return the error for a file without a feature."""
    known = listed(sheet.names)
    return BadInput(f"{sheet.path} has no numeric column besides labels and ids: {known}")
