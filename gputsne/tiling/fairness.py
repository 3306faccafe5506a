"""Fair samples: which rows of a crowded square stand for it, so many of each cell and category.

Every cell that has points keeps one, and small categories keep all they have or a guaranteed
number; what room is left goes to all alike. Rounding is systematic (Madow 1949): the whole numbers
that come of the shares add up to their sum in any run of neighbouring cells, to within one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["CELL_SHARE", "choose", "quotas"]

CELL_SHARE: Final = 8
"""Rows of a sample per cell, at least; so cells that are guaranteed a row take an eighth of it."""

_GUARANTEED: Final = 4  # one part in so many of a sample is shared by categories, each alike
_HALVINGS: Final = 50  # of the interval of a share, until float64 tells no more
# Candidates for q rows out of many: so many that fewer than q come in one case of some 30,000
# (four standard deviations of a Poisson number), and then only as many are chosen.
_SPREADS, _MORE = 4.0, 8.0

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


def quotas(counts: I64, room: int, start: float) -> I64:
    """Return how many rows of each cell and category to choose.

    Parameters
    ----------
    counts : array, shape (cells, categories), int64
        Rows there are; cells in an order in which neighbours follow each other.
    room : int
        Most rows in all; at least ``CELL_SHARE`` per cell.
    start : float in [0, 1)
        Where systematic rounding begins, drawn by chance.

    Returns
    -------
    array, shape (cells, categories), int64
        At most ``counts``, and at most `room` in all.
    """
    per_cell = counts.sum(axis=1)
    some = room - int(np.count_nonzero(per_cell))
    shares = _shares(counts.sum(axis=0), some)
    one_per_cell = counts / np.maximum(per_cell, 1)[:, None]
    wanted = np.minimum(counts, shares * counts + one_per_cell).ravel()
    ends = np.cumsum(wanted)
    # Below 1 by more than what float64 rounds off the sum, which is then not rounded up beyond it.
    ends = np.floor(ends + start * (1.0 - 1e-6))
    found = np.diff(ends, prepend=0.0).astype(np.int64).reshape(counts.shape)
    return np.minimum(found, counts)


def _shares(counts: I64, room: int) -> F64:
    """Return the share of each category's rows to choose: one for all, more for small ones."""
    sizes = counts.astype(np.float64)
    present = max(1, int(np.count_nonzero(counts)))
    least = np.minimum(sizes, room // (_GUARANTEED * present))
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        if np.maximum(sizes * share, least).sum() <= room:
            low = share
        else:
            high = share
    return np.maximum(low, least / np.maximum(sizes, 1.0))


def choose(
    cells: npt.NDArray[np.int32],
    n_cells: int,
    categories: npt.NDArray[np.integer],
    n_categories: int,
    room: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Choose rows.

    Parameters
    ----------
    cells, categories : array, shape (m,)
        Of each row, below `n_cells` and `n_categories`.
    n_cells, n_categories : int
        How many there may be.
    room : int
        Most rows.
    generator : Generator
        Decides which rows of a cell and category are chosen, not how many.

    Returns
    -------
    array, shape (m,), bool
    """
    strata = cells.astype(np.int64) * n_categories + categories
    counts = np.bincount(strata, minlength=n_cells * n_categories)
    wanted = quotas(counts.reshape(n_cells, n_categories), room, generator.random()).ravel()
    # Only some of the rows are drawn and sorted: all that are below a threshold of their own.
    many = (wanted > 0) * (wanted + _SPREADS * np.sqrt(wanted) + _MORE)
    below = (many / np.maximum(counts, 1)).astype(np.float32)
    draws = generator.random(len(strata), dtype=np.float32)
    some = np.flatnonzero(draws < below[strata])
    order = np.lexsort((draws[some], strata[some]))
    some = some[order]
    own = strata[some]
    first = np.flatnonzero(np.diff(own, prepend=-1))
    rank = np.arange(len(some)) - np.repeat(first, np.diff(first, append=len(some)))
    chosen = np.zeros(len(strata), dtype=np.bool_)
    chosen[some[rank < wanted[own]]] = True
    return chosen
