"""Reads csv and tsv: numeric columns as features, text columns only as labels or ids.

A column of numbers with text among them is an error, not a column of text; see cells.py.

The standard library parses (quotes, line breaks in cells, any of ``, ; tab``), row by row into one
growing float64 buffer: 100,000 rows of 50 take about 2 s and no memory beyond the matrix.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Final

import numpy as np

from gputsne.base.types import Array
from gputsne.data.formats.cells import Kind, has_decimal_comma, judge, no_number, number, spoilt
from gputsne.data.table import (
    BadInput,
    Selection,
    Table,
    counted,
    label_position,
    listed,
    need,
    only,
    pick,
    tidy,
)

_SAMPLE: Final = 1000  # rows that decide which columns are numeric

Row = list[str]


def read(path: Path, want: Selection) -> Table:
    """Read a delimited text file; see gputsne.data.read."""
    if want.key is not None:
        raise BadInput(f"--key {want.key!r}: a csv file holds one table; choose with --columns")
    with _rows(path) as rows:
        body = iter(rows)
        head = list(itertools.islice(body, _SAMPLE + 1))
        if not head:
            raise BadInput(f"{path} is empty")
        has_names = _is_header(head[0]) if want.header is None else want.header
        names = [n.strip() for n in head[0]] if has_names else [str(i) for i in range(len(head[0]))]
        sample, first = (head[1:], 2) if has_names else (head, 1)
        if not sample:
            raise BadInput(f"{path} has no rows, only a header: {listed(names)}")
        labels = None if want.labels is None else label_position(names, want.labels, path)
        ids = None if want.ids is None else need(names, want.ids, path)
        taken = _Taken(
            [], labels, ids, want.vector is not None, lambda n: rows.place(n + first - 1)
        )
        left_out = _choose(taken, names, sample, want, path)
        X, label_values, id_values = _collect(itertools.chain(sample, body), taken, names, path)
        X, features, emptied = _settle(X, taken, names, path)
    plain = want.vector is None
    return Table(
        X,
        names=tuple(names[i] for i in features) if has_names and plain else None,
        positions=tuple(features) if plain else None,
        labels=None if labels is None else tidy(label_values),
        ids=None if ids is None else tidy(id_values),
        left_out=left_out + emptied,
    )


def read_column(path: Path, column: str | None) -> Array:
    """Return one column of labels, shape (n,); a file of one column may go without a header."""
    with _rows(path) as rows:
        body = iter(rows)
        head = next(body, [])
        names = [name.strip() for name in head]
        at = only(names, column, path)
        cells = [row[at] if at < len(row) else "" for row in body]
    alone = column is None and names != ["label"] and number(names[0]) is not None
    return tidy([head[at], *cells] if alone else cells)


@dataclass
class _Late:
    """What is met in a column that was empty in the sample: may still be numbers or text."""

    n_meant: int = 0
    n_text: int = 0
    first: tuple[int, str] | None = None  # row and cell of the first that is no number

    def add(self, row: int, cell: str) -> None:
        self.first = self.first or (row, cell)
        if has_decimal_comma(cell):
            self.n_meant += 1
        else:
            self.n_text += 1


@dataclass(frozen=True)
class _Taken:
    features: list[int]
    labels: int | None
    ids: int | None
    vector: bool
    place: Callable[[int], int]  # a row's number in the file, from its number among the data
    late: dict[int, _Late] = field(default_factory=dict)  # by position among the features


class _Rows:
    """The rows of a file that aren't blank lines, and their places in it."""

    def __init__(self, reader: Iterable[Row]) -> None:
        self._reader = reader
        self._blank: list[int] = []  # places of blank lines met so far

    def __iter__(self) -> Iterator[Row]:
        for place, row in enumerate(self._reader, 1):
            if row:
                yield row
            else:
                self._blank.append(place)

    def place(self, n: int) -> int:
        """Return where in the file the n-th row is, both from 1."""
        for blank in self._blank:
            if blank > n:
                break
            n += 1
        return n


@contextmanager
def _rows(path: Path) -> Iterator[_Rows]:
    """Give the rows that aren't blank lines; every way the text can be broken is a BadInput."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a vector may be one long cell
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
            first = next((line for line in text if line.strip()), "")
            text.seek(0)
            tab = ".tsv" in (s.lower() for s in path.suffixes)
            delimiter = "\t" if tab else _delimiter(first)
            reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            yield _Rows(reader)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} isn't UTF-8 text: {error}") from error
    except (csv.Error, EOFError, zlib.error) as error:
        raise BadInput(f"{path} can't be read as csv: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _delimiter(first: str) -> str:
    """Return what separates the cells of a first line; in ``1,5;2,5`` that is the semicolon."""
    parts = [part.strip().strip('"') for part in first.split(";")]
    if len(parts) > 1 and all(has_decimal_comma(p) or number(p) is not None for p in parts):
        return ";"
    return max(",;\t", key=first.count)


def _is_header(row: Row) -> bool:
    """Tell whether a first line holds names: some cell is text, or they count 0, 1, 2, ..."""
    if any(number(cell) is None and not has_decimal_comma(cell) for cell in row):
        return True
    told = [cell.strip() for cell in row if cell.strip()]
    return len(told) > 1 and told == [str(i) for i in range(len(told))]


def _choose(
    taken: _Taken, names: Row, sample: list[Row], want: Selection, path: Path
) -> tuple[str, ...]:
    """Fill in the feature columns; return the names of those left out: text and row indices."""
    if want.vector is not None:
        taken.features.append(need(names, want.vector, path))
        return ()
    if want.columns:
        taken.features.extend(pick(names, want.columns, path))
        return ()
    left_out = []
    for i, name in enumerate(names):
        if i in (taken.labels, taken.ids):
            continue
        if not name:
            left_out.append(f"column {i} (no name: a row index)")
            continue
        cells = [row[i] if i < len(row) else "" for row in sample]
        kind, at = judge(cells)
        if kind is Kind.SPOILT:
            raise no_number(path, taken.place(at + 1), name, cells[at])
        if kind is Kind.TEXT:
            left_out.append(name)
            continue
        if kind is Kind.EMPTY:  # what follows the sample decides
            taken.late[len(taken.features)] = _Late()
        taken.features.append(i)
    if not taken.features:
        raise _nothing_numeric(path, names)
    return tuple(left_out)


def _nothing_numeric(path: Path, names: Row) -> BadInput:
    return BadInput(f"{path} has no numeric column besides labels and ids: {listed(names)}")


def _settle(
    X: Array, taken: _Taken, names: Row, path: Path
) -> tuple[Array, list[int], tuple[str, ...]]:
    """Leave out columns that stayed empty or turned out to be text; return X, features, names."""
    out: dict[int, str] = {}
    for j, late in taken.late.items():
        name = names[taken.features[j]]
        n_numbers = int(np.count_nonzero(~np.isnan(X[:, j]))) + late.n_meant
        if late.first and (late.n_text == 0 or spoilt(n_numbers, late.n_text)):
            raise no_number(path, late.first[0], name, late.first[1])
        if late.first or n_numbers == 0:
            out[j] = name if late.first else f"{name} (empty)"
    if not out:
        return X, taken.features, ()
    kept = [j for j in range(len(taken.features)) if j not in out]
    if not kept:
        raise _nothing_numeric(path, names)
    return X[:, kept], [taken.features[j] for j in kept], tuple(out.values())


def _collect(rows: Iterator[Row], taken: _Taken, names: Row, path: Path) -> tuple[Array, Row, Row]:
    """Return the features, shape (n, d) float64, and the cells of the label and id columns."""
    values = array("d")
    labels: Row = []
    ids: Row = []
    n, width = 0, 0
    get: Callable[[Row], tuple[str, ...]] = (
        itemgetter(*taken.features)
        if len(taken.features) > 1
        else lambda row: (row[taken.features[0]],)
    )
    for n, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise BadInput(
                f"{path}, row {taken.place(n)}: {counted(len(row), 'cell')} where {len(names)} "
                "are expected"
            )
        cells = _split(row[taken.features[0]]) if taken.vector else get(row)
        if taken.vector and len(cells) != (width := width or len(cells)):
            raise BadInput(
                f"{path}, row {taken.place(n)}: a vector of {len(cells)}; the first has {width}"
            )
        length = len(values)
        try:
            values.extend(map(float, cells))
        except ValueError:
            del values[length:]
            values.extend(_careful(cells, taken, names, path, n))
        if taken.labels is not None:
            labels.append(row[taken.labels])
        if taken.ids is not None:
            ids.append(row[taken.ids])
    return np.frombuffer(values, dtype=np.float64).reshape(n, -1), labels, ids


def _split(cell: str) -> tuple[str, ...]:
    return tuple(cell.strip().strip("[]()").replace(",", " ").replace(";", " ").split())


def _careful(cells: tuple[str, ...], taken: _Taken, names: Row, path: Path, n: int) -> list[float]:
    """Return the numbers of a row with blanks as NaN; BadInput that shows the cell with text."""
    numbers = []
    for j, cell in enumerate(cells):
        value = number(cell)
        if value is None and j in taken.late:
            taken.late[j].add(taken.place(n), cell)
            value = float("nan")
        if value is None:
            raise no_number(
                path, taken.place(n), names[taken.features[0 if taken.vector else j]], cell
            )
        numbers.append(value)
    return numbers
