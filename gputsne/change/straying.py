"""Rows where there were none: new rows far from every old one, and shared rows that moved far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gputsne.change.distributions import Measured

__all__ = ["moved", "novel"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
NEAR = 5  # neighbours: the fifth, as one or two old rows may be astray themselves
WIDE = 10.0  # standard deviations that a column spans at most: 7 to 9 of normal ones of a million
CHANCE = 0.01  # share of old rows that count as far from the other old rows


def novel(A: F64, B: F64, chosen: tuple[I64, I64], twins: I64) -> Measured:
    """Return the share of new rows farther from the old than 99 of 100 old rows are, less chance.

    Parameters
    ----------
    A, B : arrays, shapes (n, d) and (m, d)
        Old and new rows, standardised.
    chosen : pair of arrays, int64
        Rows of either that are asked, q of them in all.
    twins : array, shape (q,), int64
        Groups of rows asked that are the same thing.

    Returns
    -------
    Measured
        By the distance to the fifth of half of the old rows; the rows asked are of the other half,
        and so are no row's own former self. Both halves take their turn.
    """
    old, new = _by_range(A[chosen[0]], B[chosen[1]])
    groups = np.random.default_rng(0).permutation(int(twins.max()) + 1)[twins] % 2
    side, other = groups[: len(old)], groups[len(old) :]
    far = asked = 0
    for turn in (0, 1):
        held, rest, mine = old[side == turn], old[side != turn], new[other != turn]
        if len(held) < NEAR or not len(rest) or not len(mine):
            continue
        usual = np.quantile(_nearest(rest, held, NEAR), 1 - CHANCE)
        far += int((_nearest(mine, held, NEAR) > usual).sum())
        asked += len(mine)
    if not asked:
        return Measured(0.0, 0.0, 1.0)
    share = far / asked
    # Both the share and the quantile that it is held against are of samples.
    error = (max(share, CHANCE) * (1 - min(share, 1 - CHANCE)) / asked) ** 0.5
    error = float(np.hypot(error, (CHANCE * (1 - CHANCE) / len(old)) ** 0.5))
    return Measured.about((share - CHANCE) / (1 - CHANCE), error)


def moved(A: F64, B: F64, pairs: tuple[I64, I64], k: int) -> Measured:
    """Return the share of shared rows that lie farther from their old place than k old rows do.

    Parameters
    ----------
    A, B : arrays, shapes (n, d) and (m, d)
        Old and new rows, standardised.
    pairs : pair of arrays, int64
        Rows of the same thing that are asked.
    k : int
        Neighbours, less than the pairs.

    Returns
    -------
    Measured
    """
    one, two = _by_range(A[pairs[0]], B[pairs[1]])
    away = np.linalg.norm(one - two, axis=1)
    share = float((away > _nearest(one, one, k + 1)).mean())  # the first is the row itself
    return Measured.about(share, (share * (1 - share) / len(away)) ** 0.5)


def _by_range(old: F64, new: F64) -> tuple[F64, F64]:
    """Return both with columns whose spread is that of a few rows counted by their range.

    Else a column that is 0 but for one row has so small a standard deviation that the least noise
    in it is farther than any neighbour.
    """
    span = old.max(axis=0) - old.min(axis=0)
    factor = WIDE / np.maximum(span, WIDE)
    return old * factor, new * factor


def _nearest(rows: F64, held: F64, k: int) -> F64:
    """Return the distance of rows to the k-th nearest of others."""
    from sklearn.neighbors import NearestNeighbors

    found: F64 = NearestNeighbors(n_neighbors=k).fit(held).kneighbors(rows)[0][:, -1]
    return found
