"""Reader of csv and tsv: numeric columns as features, text columns only as labels or ids.

The beginning of a file decides its layout (layout.py) and what its columns are; a column of
numbers with text among them is an error, not a column of text (numbers.py). The rows are parsed
by pyarrow where that is installed and the text is plain (arrow.py), else by the standard
library (rows.py), into one growing float64 buffer: no memory beyond the matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from gputsne.base.types import Array
from gputsne.data.columns import choose_columns, column_position, label_position, only_column
from gputsne.data.formats.csv import arrow
from gputsne.data.formats.csv.layout import BLANKS
from gputsne.data.formats.csv.numbers import Cells, Kind, as_ids, as_labels, not_a_number
from gputsne.data.formats.csv.rows import Late, Taken, read_rows, without_late
from gputsne.data.formats.csv.sheet import Sheet, long_cells, nothing_numeric, rows_of, survey
from gputsne.data.formats.csv.text import open_text
from gputsne.data.table import (
    BadInput,
    Data,
    Selection,
    counted,
    is_saved_index,
    left_out_remark,
    listed,
)

_CELLS: Final = 8192  # rows that are looked at together


def read(path: Path, want: Selection) -> Data:
    """Read a delimited text file; see gputsne.data.read."""
    want.refuse(path, {"key": "a csv file holds one table; choose with --columns"})
    want.refuse(path, {"flatten": "its table has two axes"})
    with long_cells(path):
        sheet = survey(path, want)
        if not sheet.sample:
            raise BadInput(f"{path} has no rows, only a header: {listed(sheet.names)}")
        taken = _choose(sheet, want)
        found = None if taken.vector else _by_arrow(sheet, taken, want)
        X, texts = found or read_rows(sheet, taken, want)
    return _data(sheet, taken, X, texts)


def read_head(path: Path, want: Selection) -> Data:
    """Read the first rows alone, which must tell what the columns are; see gputsne.data.read.

    Raises
    ------
    BadInput
        As of `read`; or a column is empty in these rows, so that only all rows could tell.
    """
    with long_cells(path):
        sheet = survey(path, want)
        if not sheet.sample:
            raise BadInput(f"{path} has no rows, only a header: {listed(sheet.names)}")
        taken = _choose(sheet, want)
        if taken.late:
            empty = listed([sheet.called(taken.features[j]) for j in taken.late])
            raise BadInput(
                f"{path}: {empty} is empty in the first {counted(len(sheet.sample), 'row')}, and "
                "a range of rows can't tell what it holds: name the features with --columns"
            )
        rows = zip(sheet.sample_places, sheet.sample, strict=True)
        X, texts = read_rows(sheet, taken, want, rows)
    return _data(sheet, taken, X, texts)


def read_blocks(path: Path, want: Selection, start: int, stop: int, rows: int) -> Iterator[Array]:
    """Yield the features of rows START to STOP, in arrays of at most so many rows.

    ``want`` names them one by one, or as one vector.
    """
    with long_cells(path):
        sheet = survey(path, want)
        taken = _choose(sheet, want)
        some = islice(rows_of(sheet, want), start, stop)
        while part := list(islice(some, rows)):
            taken.absent.clear()
            yield read_rows(sheet, taken, want, part)[0]


def read_cells(
    path: Path, want: Selection, j: int, start: int, stop: int, *, labels: bool
) -> Array:
    """Return rows START to STOP of column `j` as labels or ids; all of it decides what it is."""
    kept: list[str] = []
    with long_cells(path):
        sheet = survey(path, want)
        cells = Cells(sheet.decimal)
        some, first = rows_of(sheet, want), 0
        while part := [row[j] for _, row in islice(some, _CELLS)]:
            cells.add(part)
            kept += part[max(start - first, 0) : max(stop - first, 0)]
            first += len(part)
    return cells.labels(kept) if labels else cells.ids(kept)


def _data(sheet: Sheet, taken: Taken, X: Array, texts: dict[int, list[str]]) -> Data:
    """Return what was read of a file, or of its first rows."""
    X, emptied, late_text = without_late(X, sheet, taken)
    if taken.absent:
        rows = counted(len(taken.absent), "row")
        sheet.remarks.append(f"{rows} without a vector, read as missing values (NaN)")
    features = None if taken.vector else tuple(taken.features)
    named = sheet.has_names and features is not None
    return Data(
        X,
        names=tuple(sheet.names[i] for i in features) if named and features else None,
        positions=features,
        labels=None if taken.labels is None else as_labels(texts[taken.labels], sheet.decimal),
        ids=None if taken.ids is None else as_ids(texts[taken.ids]),
        left_out=(*taken.left_out, *late_text, *emptied),
        remarks=(
            *sheet.remarks,
            *taken.remarks,
            *left_out_remark(late_text, "not numeric"),
            *left_out_remark(emptied, "empty"),
        ),
    )


def read_column(path: Path, column: str | None, n: int, want: Selection) -> Array:
    """Return one column of labels, shape (m,), for n rows of another file.

    Without `column` there must be one only. A file with n rows has no header, one with n + 1 has.
    """
    with long_cells(path):
        sheet = survey(path, replace(want, header=None), labels=True)
        rows = [row for _, row in rows_of(sheet, want, skip_names=False)]
    first = [cell.strip() for cell in sheet.first]
    named = sheet.first_is_names
    if column in first:
        at, named = only_column(first, column, path), True
    else:
        at = only_column(sheet.names, column, path)
        if len(rows) in (n, n + 1):
            named = len(rows) == n + 1
    cells = [row[at] if at < len(row) else "" for row in rows[1 if named else 0 :]]
    return as_labels(cells, sheet.decimal)


def _choose(sheet: Sheet, want: Selection) -> Taken:
    """Return which columns are read, and which are left out: text, row indices, other scalars."""
    names, path = sheet.names, sheet.path
    taken = Taken(
        labels=None if want.labels is None else label_position(names, want.labels, path),
        ids=None if want.ids is None else column_position(names, want.ids, path),
    )
    free = [i for i in range(len(names)) if i not in (taken.labels, taken.ids)]
    lists = [i for i in free if sheet.columns[i].kind is Kind.VECTORS]
    if want.vector is not None:
        taken.vector, taken.features = True, [column_position(names, want.vector, path)]
    elif want.columns:
        taken.features = choose_columns(names, want.columns, path)
    elif len(lists) > 1:
        several = listed([names[i] for i in lists])
        raise BadInput(f"{path} has several columns of vectors: {several}; choose with --vector")
    elif lists:
        taken.vector, taken.features = True, lists
        others = [i for i in free if i not in lists]
        taken.left_out = [names[i] for i in others]
        taken.remarks = left_out_remark(
            [sheet.called(i) for i in others],
            f"the vectors of {sheet.called(lists[0])} are the features",
        )
    else:
        _choose_numeric(sheet, taken, free)
    return taken


def _choose_numeric(sheet: Sheet, taken: Taken, free: list[int]) -> None:
    """Take every numeric column; a mistyped number is an error."""
    indices: list[str] = []
    text: list[int] = []
    for i in free:
        name, column = sheet.names[i], sheet.columns[i]
        if not name or is_saved_index(name):
            indices.append(name or f"column {i}")
        elif column.kind is Kind.MIXED:
            at = column.first_text
            cell = sheet.sample[at][i]
            raise not_a_number(sheet.path, sheet.sample_places[at], name, cell, sheet.decimal)
        elif column.kind is Kind.TEXT:
            text.append(i)
        else:
            if column.kind is Kind.EMPTY:  # what follows the sample decides
                taken.late[len(taken.features)] = Late()
            taken.features.append(i)
    if not taken.features:
        raise nothing_numeric(sheet)
    taken.left_out = [*indices, *(sheet.names[i] for i in text)]
    taken.remarks = [
        *left_out_remark(indices, "no name, so a row index"),
        *left_out_remark([sheet.called(i) for i in text], "not numeric"),
    ]


def _by_arrow(
    sheet: Sheet, taken: Taken, want: Selection
) -> tuple[Array, dict[int, list[str]]] | None:
    """Return the features and the cells of text columns; None where `read_rows` has to read."""
    if sheet.layout.separator == BLANKS or not arrow.is_installed():
        return None
    with open_text(sheet.path, want.encoding) as text:
        for line in islice(text, sheet.sample_places[0] - 1):
            if '"' in line:  # a quoted line break would make two lines of one record
                return None
        return arrow.read_body(
            text,
            sheet.path,
            len(sheet.names),
            sheet.layout.separator,
            sheet.decimal,
            taken.features,
            taken.texts(),
            want.memory_limit,
        )
