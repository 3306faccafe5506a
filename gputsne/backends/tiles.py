"""What a search on a device is told: rows as tiles read them, and which tiles are compared.

``TILE`` and ``SLICE`` are those of csrc/kernels/neighbors.hpp.
"""

from __future__ import annotations

from typing import NamedTuple

from gputsne.base.types import Array

__all__ = ["SLICE", "TILE", "Columns", "TileLists"]

TILE, SLICE = 128, 8  # points and columns of a tile


class Columns(NamedTuple):
    """Rows as tiles read them.

    Attributes
    ----------
    values : array, shape (padded, slots), float32
        Columns, zeros where nobody is.
    norm : array, shape (slots,), float32
        Squared norms, infinity where nobody is.
    order : array, shape (slots,), int32
        Numbers of the rows from 1, 0 for nobody.
    """

    values: Array
    norm: Array
    order: Array

    @property
    def slots(self) -> int:
        """Slots, a multiple of ``TILE``."""
        return int(self.norm.shape[0])


class TileLists(NamedTuple):
    """Which tiles a tile of queries is compared with.

    Attributes
    ----------
    tiles : array, int32
        Lists, one after the other.
    first, last : array, shape (query tiles,), int32
        Where each begins and ends.
    longest : int
        Tiles of the longest list.
    """

    tiles: Array
    first: Array
    last: Array
    longest: int
