"""The pyramid: which rows lie in which tile, each row in one, and no tile fuller than its budget.

A tile holds all rows that its ancestors leave in its square, where they fit; else a fair sample of
them, and its four quarters share the rest. So the tiles of levels 0 to z over a square are a fair
sample of it, and with the deepest ones they are all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gputsne.tiling.fairness import CELL_SHARE, choose
from gputsne.tiling.squares import BITS, morton_place

__all__ = ["Tile", "pyramid"]

CELL_BITS: Final = 5  # a tile's sample is spread over 2^5 x 2^5 cells: 20 pixels of a screen each
MOST_STRATA: Final = 1 << 20  # cells times categories, so that counting them stays cheap
I32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Tile:
    """Rows of one tile.

    Attributes
    ----------
    z, x, y : int
        Its square.
    rows : array, shape (m,), int32
        Places along the Morton curve, ascending.
    below : tuple of int
        Rows in the tiles below its four quarters: lower left, lower right, upper left, upper
        right; 0 where there is no tile.
    lost : int
        Rows that no tile holds, as the quadtree ends here: so many lie in one place.
    """

    z: int
    x: int
    y: int
    rows: I32
    below: tuple[int, int, int, int] = (0, 0, 0, 0)
    lost: int = 0

    @property
    def key(self) -> str:
        """The tile's name, ``z/x/y``."""
        return f"{self.z}/{self.x}/{self.y}"


def pyramid(
    codes: npt.NDArray[np.uint64],
    categories: npt.NDArray[np.integer],
    n_categories: int,
    weights: int | I32,
    budget: int,
    *,
    seed: int = 0,
) -> Iterator[Tile]:
    """Cut rows into tiles, parents before their quarters.

    Parameters
    ----------
    codes : array, shape (n,), uint64
        Of ``morton_codes``, ascending.
    categories : array, shape (n,)
        Of the same rows, below `n_categories`.
    n_categories : int
        Categories there may be.
    weights : int or array, shape (n,), int32
        Bytes of a row: of each, or one for all.
    budget : int
        Most bytes of a tile; no row has more.
    seed : int
        The same gives the same tiles.

    Yields
    ------
    Tile
    """
    waiting = [(0, 0, 0, np.arange(len(codes), dtype=np.int32))]
    while waiting:
        z, x, y, rows = waiting.pop()
        size = weights * len(rows) if isinstance(weights, int) else int(weights[rows].sum())
        if size <= budget:
            yield Tile(z, x, y, rows)
            continue
        generator = np.random.default_rng((seed, z, x, y))
        room = max(1, budget * len(rows) // size)
        cells, n_cells = _cells(codes, rows, (z, x, y), room, n_categories)
        chosen = choose(cells, n_cells, categories[rows], n_categories, room, generator)
        if not isinstance(weights, int):
            _fit(chosen, weights[rows], budget, generator)
        rest = rows[~chosen]
        if z == BITS:
            yield Tile(z, x, y, rows[chosen], lost=len(rest))
            continue
        quarters = [(2 * x + i, 2 * y + j) for j in (0, 1) for i in (0, 1)]
        firsts = [_first(z + 1, *quarter) for quarter in quarters]
        parts = np.split(rest, _places(codes, rest, np.array(firsts[1:], np.uint64)))
        counts = (len(parts[0]), len(parts[1]), len(parts[2]), len(parts[3]))
        yield Tile(z, x, y, rows[chosen], counts)
        waiting += [
            (z + 1, *quarter, part)
            for quarter, part in zip(quarters[::-1], parts[::-1], strict=True)
            if len(part)
        ]


def _first(z: int, x: int, y: int) -> int:
    """Return the first code of a square."""
    return morton_place(x, y) << (2 * (BITS - z))


def _places(
    codes: npt.NDArray[np.uint64], rows: I32, bounds: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return how many of the rows lie before each code."""
    # of the rows' own type: searchsorted would copy them otherwise
    return np.searchsorted(rows, np.searchsorted(codes, bounds).astype(np.int32))


def _cells(
    codes: npt.NDArray[np.uint64], rows: I32, square: tuple[int, int, int], room: int, kinds: int
) -> tuple[I32, int]:
    """Return each row's cell of a square, along the curve, and how many cells there are."""
    bits = min(CELL_BITS, BITS - square[0])
    while bits and 4**bits > min(room // CELL_SHARE, MOST_STRATA // kinds):
        bits -= 1
    step = 1 << (2 * (BITS - square[0] - bits))
    bounds = _first(*square) + step * np.arange(1, 4**bits, dtype=np.uint64)
    counts = np.diff(_places(codes, rows, bounds), prepend=0, append=len(rows))
    return np.repeat(np.arange(4**bits, dtype=np.int32), counts), 4**bits


def _fit(
    chosen: npt.NDArray[np.bool_], weights: I32, budget: int, generator: np.random.Generator
) -> None:
    """Leave out rows by chance until those that are chosen fit the budget."""
    some = generator.permutation(np.flatnonzero(chosen))
    chosen[some[np.cumsum(weights[some]) > budget]] = False
