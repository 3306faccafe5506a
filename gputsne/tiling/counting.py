"""Counts in place of points, so that no tile shows a single record: cells of at least k points.

The map is cut into equal cells once, and the points of each cell and category are counted. Groups
of fewer than k points are left out, with their categories' names, and the square and the cells are
those of the points that are shown: what is left out leaves no trace. Every number that is shown is
one of k or more records, and no two numbers differ by one of fewer: all means of a group are of the
same rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base.types import Array
from gputsne.tiling.columns import Category, Column, Number, Text, stored
from gputsne.tiling.squares import BITS, Square, morton_codes, square_around

__all__ = ["Counted", "count_cells"]

FINEST: Final = 10  # bits per axis of the finest cells: 1,024 x 1,024, one per pixel of a screen
COARSEST: Final = 0  # all in one
MOST_BINS: Final = 1 << 24  # counted in an array; more are sorted
KEPT: Final = 0.95  # share of the points that must lie in groups of at least k


I64 = npt.NDArray[np.int64]


class Counted(NamedTuple):
    """Groups of points.

    Attributes
    ----------
    points : array, shape (m, 2), float64
        Middles of cells.
    counts : array, shape (m,), uint32
        Points of each group.
    columns : tuple of Column
        Category of the groups, and means of numbers.
    shown : int
        Points in all groups.
    bits : int
        Cells per axis are 2 to this power.
    square : Square
        Around all groups.
    """

    points: npt.NDArray[np.float64]
    counts: npt.NDArray[np.uint32]
    columns: tuple[Column, ...]
    shown: int
    bits: int
    square: Square


def count_cells(Y: Array, columns: tuple[Column, ...], least: int) -> Counted:
    """Count the points of each cell and category.

    Parameters
    ----------
    Y : array, shape (n, 2)
        The map.
    columns : tuple of Column
        At most one of categories; numbers. Cells are the finest that leave 95 % of the points in
        groups of enough points, or else those that leave the most.
    least : int
        Points of a group that is shown.

    Returns
    -------
    Counted

    Raises
    ------
    ValueError
        For columns of text and for a second column of categories, and where no group is large
        enough.
    """
    category = _category(columns)
    kinds = len(category.categories) + 1 if category is not None else 1
    own: Array = np.zeros(len(Y), np.int64)
    if category is not None:
        own = np.where(category.codes == category.missing, kinds - 1, category.codes).astype(
            np.int64
        )
    square, rows, groups, bits = _settled(Y, own, kinds, least)
    chosen, counts = _counted(groups)
    chosen, counts = chosen[counts >= least], counts[counts >= least]
    means = _means(columns, rows, groups, chosen, least)
    cells = chosen // kinds
    middles = np.stack([_even_bits(cells), _even_bits(cells >> 1)], axis=1) + 0.5
    points = np.array([square.x, square.y]) + middles * (square.side / 2**bits)
    found = tuple(
        column.only(chosen % kinds, counts) if isinstance(column, Category)
        else replace(column, values=stored(means[i]) if not column.date else means[i])
        for i, column in enumerate(columns) if not isinstance(column, Text)
    )  # fmt: skip
    return Counted(points, counts.astype(np.uint32), found, int(counts.sum()), bits, square)


def _settled(Y: Array, own: I64, kinds: int, least: int) -> tuple[Square, Array, I64, int]:
    """Return a square that follows from points shown in it alone, the rows inside, their groups.

    While points that are left out lie around all those that are shown, the part of the map that
    has the latter is taken for the whole.
    """
    rows: Any = np.arange(len(Y))
    while True:
        square = square_around(Y[rows])
        codes = morton_codes(Y[rows], square)
        shown, bits = _finest(codes, own[rows], kinds, least, KEPT * len(rows))
        if not shown:
            raise ValueError(
                f"min_cell={least} leaves nothing of {len(Y):,} points: no group of one category "
                "in one part of the map is so large; lower it"
            )
        groups = _groups(codes, own[rows], kinds, bits)
        chosen, counts = _counted(groups)
        kept = Y[rows[counts[np.searchsorted(chosen, groups)] >= least]]
        if square_around(kept) == square:
            break
        rows = _inside(Y, kept.min(axis=0), kept.max(axis=0))
    corner = np.array([square.x, square.y])
    rows = _inside(Y, corner, np.nextafter(corner + square.side, -np.inf))
    groups = _groups(morton_codes(Y[rows], square), own[rows], kinds, bits)
    return square, rows, groups, bits


def _inside(Y: Array, low: Array, high: Array) -> npt.NDArray[np.int64]:
    return np.flatnonzero(((low <= Y) & (high >= Y)).all(axis=1))


def _finest(
    codes: npt.NDArray[np.uint64], own: I64, kinds: int, least: int, enough: float
) -> tuple[int, int]:
    """Return how many points are shown, and the bits of the cells that show enough or the most."""
    best = (-1, FINEST)
    for bits in range(FINEST, COARSEST - 1, -1):
        _, counts = _counted(_groups(codes, own, kinds, bits))
        shown = int(counts[counts >= least].sum())
        if shown > best[0]:
            best = (shown, bits)
        if shown >= enough:
            break
    return best


def _category(columns: tuple[Column, ...]) -> Category | None:
    texts = [column.title for column in columns if isinstance(column, Text)]
    if texts:
        raise ValueError(
            f"{texts[0]!r} holds a text for each row, and min_cell shows no single rows: leave "
            "the column out"
        )
    found = [column for column in columns if isinstance(column, Category)]
    if len(found) > 1:
        raise ValueError(
            f"min_cell counts points by one column of categories; leave out one of "
            f"{', '.join(repr(column.title) for column in found)}"
        )
    return found[0] if found else None


def _groups(codes: npt.NDArray[np.uint64], own: I64, kinds: int, bits: int) -> I64:
    cells = (codes >> np.uint64(2 * (BITS - bits))).astype(np.int64)
    return cells * kinds + own


def _counted(groups: I64) -> tuple[I64, I64]:
    """Return the groups there are, ascending, and how many points each has."""
    if int(groups.max()) < MOST_BINS:
        counts = np.bincount(groups)
        there = np.flatnonzero(counts)
        return there, counts[there]
    return np.unique(groups, return_counts=True)


def _even_bits(values: I64) -> I64:
    """Return the number that every second bit makes: one coordinate of a place on the curve."""
    found = np.zeros_like(values)
    for bit in range(FINEST):
        found |= ((values >> (2 * bit)) & 1) << bit
    return found


def _means(
    columns: tuple[Column, ...], rows: Array, groups: I64, chosen: I64, least: int
) -> dict[int, npt.NDArray[np.float64]]:
    """Return the means of each group by the place of their column.

    They are of the rows that have all numbers, so the means of two columns can't be set against
    each other to find the one row that has but one of them; NaN where such rows are too few.
    """
    given = {i: c.values[rows] for i, c in enumerate(columns) if isinstance(c, Number)}
    place = np.minimum(np.searchsorted(chosen, groups), len(chosen) - 1)
    known = chosen[place] == groups
    for values in given.values():
        known &= ~np.isnan(values)
    place = place[known]
    counts = np.bincount(place, minlength=len(chosen))
    found = {}
    for i, values in given.items():
        sums = np.bincount(place, values[known].astype(np.float64), minlength=len(chosen))
        found[i] = np.where(counts >= least, sums / np.maximum(counts, 1), np.nan)
    return found
