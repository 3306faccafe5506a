"""Counts in place of points, so that no tile shows a single record: cells of at least k points.

The map is cut into equal cells once, and the points of each cell and category are counted. Groups
of fewer than k points are left out, with their categories' names, so every number that is shown is
one of k or more records, and no two numbers differ by one of fewer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base.types import Array
from gputsne.tiling.columns import Category, Column, Number, Text
from gputsne.tiling.squares import BITS, Square

__all__ = ["Counted", "count_cells"]

FINEST: Final = 10  # bits per axis of the finest cells: 1,024 x 1,024, one per pixel of a screen
COARSEST: Final = 2
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
    """

    points: npt.NDArray[np.float64]
    counts: npt.NDArray[np.uint32]
    columns: tuple[Column, ...]
    shown: int
    bits: int


def count_cells(
    codes: npt.NDArray[np.uint64],
    square: Square,
    columns: tuple[Column, ...],
    least: int,
) -> Counted:
    """Count the points of each cell and category.

    Parameters
    ----------
    codes : array, shape (n,), uint64
        Of ``morton_codes``.
    square : Square
        Around the map.
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
    own: Array = np.zeros(len(codes), np.int64)
    if category is not None:
        own = np.where(category.codes == category.missing, kinds - 1, category.codes).astype(
            np.int64
        )
    best: tuple[int, int] | None = None
    for bits in range(FINEST, COARSEST - 1, -1):
        _, counts = _counted(_groups(codes, own, kinds, bits))
        shown = int(counts[counts >= least].sum())
        if best is None or shown > best[0]:
            best = (shown, bits)
        if shown >= KEPT * len(codes):
            break
    assert best is not None
    shown, bits = best
    if not shown:
        raise ValueError(
            f"min_cell={least} leaves nothing of {len(codes):,} points: no group of one category "
            "in one part of the map is so large; lower it"
        )
    groups = _groups(codes, own, kinds, bits)
    chosen, counts = _counted(groups)
    chosen, counts = chosen[counts >= least], counts[counts >= least]
    cells = chosen // kinds
    middles = np.stack([_even_bits(cells), _even_bits(cells >> 1)], axis=1) + 0.5
    points = np.array([square.x, square.y]) + middles * (square.side / 2**bits)
    found = tuple(
        _only_shown(column, chosen % kinds)
        if isinstance(column, Category)
        else _means(column, groups, chosen, least)
        for column in columns
        if not isinstance(column, Text)
    )
    return Counted(points, counts.astype(np.uint32), found, shown, bits)


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


def _only_shown(column: Category, codes: I64) -> Category:
    """Return the groups' categories; names of those that no group shows are forgotten."""
    names = column.categories
    there = np.unique(codes[codes < len(names)])
    place = np.full(len(names) + 1, len(there))  # the code of no category
    place[there] = np.arange(len(there))
    return replace(
        column,
        codes=place[codes].astype(column.codes.dtype),
        categories=tuple(names[i] for i in there),
        colours=tuple(column.colours[i] for i in there),
    )


def _means(column: Number, groups: I64, chosen: I64, least: int) -> Number:
    """Return the mean of each group; NaN where fewer than `least` points have a value."""
    place = np.searchsorted(chosen, groups)
    there = chosen[np.minimum(place, len(chosen) - 1)] == groups
    known = there & ~np.isnan(column.values)
    place, values = place[known], column.values[known].astype(np.float64)
    counts = np.bincount(place, minlength=len(chosen))
    sums = np.bincount(place, values, minlength=len(chosen))
    means = np.where(counts >= least, sums / np.maximum(counts, 1), np.nan)
    return replace(column, values=means.astype(column.values.dtype))
