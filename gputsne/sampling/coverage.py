"""How well some rows stand for all: mass of strata, near enough rows, values of columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.rows import exact_unit, finite_points, row_blocks

__all__ = ["Coverage", "coverage", "rounding"]

F64 = npt.NDArray[np.float64]
ASKED = 2000  # rows whose nearest sampled row is looked for
EXPECTED = 5  # sampled rows that a random sample has within a row's reach: e^-5 have none
BINS = 4  # of a column's values, by quartiles


class Coverage(NamedTuple):
    """Three shares, and the least of them.

    Attributes
    ----------
    whole : float
        The least of the others, 0 to 1.
    strata : float
        Common part of the strata's shares among all rows and among the sampled (weighted); 1
        without strata.
    reach : float
        Share of rows that have a sampled row within the distance in which a random sample of this
        size would have five.
    columns : float
        Common part of the histograms of columns (by quartiles, weighted), in the mean, beyond what
        chance takes from a random sample of this size.
    """

    whole: float
    strata: float
    reach: float
    columns: float


def coverage(
    X: Any, rows: Any, *, weights: Any = None, strata: Any = None, random_state: int = 0
) -> Coverage:
    """Tell how well some rows of a table stand for all.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
    rows : array_like, shape (m,)
        Numbers of the sampled rows.
    weights : array_like, shape (m,), or None
        How many rows each stands for; None: all the same.
    strata : array_like, shape (n,), or None
        Categories.
    random_state : int, default 0
        Seed of the 2,000 rows whose nearest sampled row is looked for.

    Returns
    -------
    Coverage

    Raises
    ------
    ValueError
        For rows that X has not, none at all, NaN and infinity.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(500, 3))
    >>> coverage(X, np.arange(500)).whole
    1.0
    """
    points = finite_points("X", X)
    points = points * exact_unit(points)
    n = len(points)
    chosen = np.asarray(rows)
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
        raise ValueError("rows must be the numbers of the sampled rows, at least one")
    if chosen.min() < 0 or chosen.max() >= n:
        raise ValueError(f"rows has {chosen.min()} to {chosen.max()}, X has rows 0 to {n - 1}")
    held = np.ones(len(chosen)) if weights is None else np.asarray(weights, dtype=np.float64)
    if held.shape != chosen.shape:
        raise ValueError(f"weights has shape {held.shape} for {len(chosen)} rows")
    if not (np.isfinite(held) & (held >= 0)).all() or not held.any():
        raise ValueError("weights must be finite and at least 0, and not all 0")
    kept = 1.0
    if strata is not None:
        column = read_column(strata, n, name="strata", whose="X")
        if column.missing.any():
            raise ValueError(f"strata has none in row {int(np.flatnonzero(column.missing)[0])}")
        _, codes = column.codes()
        codes = codes - codes.min()
        every = np.bincount(codes) / n
        some = np.bincount(codes[chosen], held, minlength=len(every)) / held.sum()
        kept = float(np.minimum(every, some).sum())
    reach = _reach(points, chosen, random_state)
    columns = _columns(points, chosen, held)
    return Coverage(min(kept, reach, columns), kept, reach, columns)


def _reach(points: F64, chosen: npt.NDArray[Any], seed: int) -> float:
    """Return the share of rows that have a sampled row near enough."""
    n, taken = len(points), np.unique(chosen)
    within = EXPECTED * n / len(taken)
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:ASKED])
    centred = points - points.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)
    asked = np.column_stack([2.0 * centred[rows], np.ones(len(rows))])
    slack = rounding(points.shape[1])

    def nearness(some: Any, less: float) -> F64:
        """Return 2 x.y - |y|^2, the less the farther, for the rows asked and some others."""
        others = np.column_stack([centred[some], squares[some] * -(1.0 + less)])
        found: F64 = asked @ others.T
        return found

    nearest = np.full(len(rows), -np.inf)
    for part in row_blocks(len(taken), len(rows)):
        nearest = np.maximum(nearest, nearness(taken[part], 0.0).max(axis=1))
    nearest += slack * squares[rows]
    nearer = np.zeros(len(rows), dtype=np.int64)
    for part in row_blocks(n, len(rows)):
        nearer += np.count_nonzero(nearness(part, slack) > nearest[:, None], axis=1)
    return float((nearer < within).mean())


def rounding(d: int) -> float:
    """Return the part of two squared lengths by which their distance may be off, in d dimensions.

    Parameters
    ----------
    d : int
        Terms of an inner product.

    Returns
    -------
    float
        Their number and four more steps, each rounded to half a unit in the last place (Higham
        2002, section 3.1), and twice that since two distances are compared.
    """
    return float((d + 4) * np.finfo(np.float64).eps)


def _columns(points: F64, chosen: npt.NDArray[Any], weights: F64) -> float:
    """Return the common part of the columns' histograms, less what chance takes."""
    m = weights.sum() ** 2 / np.square(weights).sum()  # rows of one weight that tell as much
    m = min(m, len(np.unique(chosen)))
    left = 1.0 - m / len(points)  # of the variance, without repetition
    missing, by_chance = [], []
    for column in points.T:
        edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, column)
        p = np.bincount(bins, minlength=len(edges) + 1) / len(column)
        q = np.bincount(bins[chosen], weights, minlength=len(p)) / weights.sum()
        missing.append(np.abs(p - q).sum() / 2)
        # mean absolute deviation of a binomial share, normal approximation
        by_chance.append(np.sqrt(2 * p * (1 - p) * left / (np.pi * m)).sum() / 2)
    return float(1.0 - max(0.0, np.mean(missing) - np.mean(by_chance)))
