"""Squares: the one around a map, the quadtree in it, and each point's place on its Morton curve.

Square (z, x, y) is the x-th from the left and the y-th from below of 2^z times 2^z.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base.rows import row_blocks
from gputsne.base.types import Array

__all__ = ["BITS", "Square", "morton_codes", "morton_place", "square_around"]

BITS = 24
"""Levels of the quadtree, which tell apart as much as the mantissa of float32 does."""

_STEPS = 32  # of which the corner of a square is a multiple, per side; so it names no point
# Bits of a number moved apart so that another's fit between them: shifts, and what is kept.
_SPREAD = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


class Square(NamedTuple):
    """A square with sides along the axes.

    Attributes
    ----------
    x, y : float
        Its lower left corner.
    side : float
        Above 0.
    """

    x: float
    y: float
    side: float

    def part(self, z: int, x: int, y: int) -> Square:
        """Return a square of the quadtree in this one."""
        side = self.side / 2**z
        return Square(self.x + x * side, self.y + y * side, side)

    def units(self, points: Array, most: int) -> npt.NDArray[np.int64]:
        """Return points in whole units of 1 / `most` of the side, 0 to `most`, shape (n, 2)."""
        corner = np.array([self.x, self.y])
        units = np.rint((points.astype(np.float64) - corner) * (most / self.side))
        found: npt.NDArray[np.int64] = np.clip(units, 0, most).astype(np.int64)
        return found


def square_around(points: Array) -> Square:
    """Return a square that holds all points, its corner and side rounded outwards.

    Parameters
    ----------
    points : array, shape (n, 2)
        Finite; n >= 1. In float64 a map keeps all it has, wherever its origin is.

    Returns
    -------
    Square
        Corner and side are multiples of a power of two, some 1/32 of the side: the square stays
        the same while a map changes little, and tells no point's exact place.
    """
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    span = float((high - low).max())
    # what float64 tells apart there, and no less than float32's smallest normal number
    least = max(float(np.spacing(np.abs([low, high]).max())), 2.0**-126)
    unit = 2.0 ** (int(np.frexp(max(span, least))[1])) / _STEPS
    unit = max(unit, 2.0 * least)
    corner = np.floor(low / unit) * unit
    # one more, so that a point at the upper edge lies inside
    side = (np.floor((high - corner).max() / unit) + 1.0) * unit
    return Square(float(corner[0]), float(corner[1]), float(side))


def morton_codes(points: Array, square: Square) -> npt.NDArray[np.uint64]:
    """Return the place of each point on the Morton curve through a square.

    Parameters
    ----------
    points : array, shape (n, 2)
        Inside the square.
    square : Square
        The whole.

    Returns
    -------
    array, shape (n,), uint64
        The bits of both coordinates by turns, y above x: the highest 2 z bits name the square of
        level z, out of 2 x 24.
    """
    codes = np.empty(len(points), np.uint64)
    corner, scale = np.array([square.x, square.y]), 2.0**BITS / square.side
    for rows in row_blocks(len(points), 8):
        cells = (points[rows].astype(np.float64) - corner) * scale
        cells = np.clip(cells, 0.0, 2.0**BITS - 1.0).astype(np.uint64)
        codes[rows] = _spread(cells[:, 0]) | (_spread(cells[:, 1]) << np.uint64(1))
    return codes


def _spread(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    for shift, kept in _SPREAD:
        values = (values | (values << np.uint64(shift))) & np.uint64(kept)
    return values


def morton_place(x: int, y: int) -> int:
    """Return the place of a square of the quadtree among those of its level, along the curve.

    Parameters
    ----------
    x, y : int
        Below 2^24.

    Returns
    -------
    int
    """
    cell: Any = np.array([x, y], np.uint64)
    low, high = (int(v) for v in _spread(cell))
    return low | (high << 1)
