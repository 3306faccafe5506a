"""How well some rows stand for all: mass of strata, near enough rows, values of columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.rows import exact_unit, finite_points, row_blocks

__all__ = ["Coverage", "coverage", "rounding", "shares"]

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
    some = points[chosen]
    once = points[np.unique(chosen)]
    return shares(points, some, once, held, kept=kept, of=n, random_state=random_state)


def shares(
    points: F64, some: F64, once: F64, weights: F64, *, kept: float, of: int, random_state: int = 0
) -> Coverage:
    """Tell how well rows stand for all that some others are a uniform sample of.

    Parameters
    ----------
    points : array, shape (n, d), float64
        All rows, or a uniform sample of them.
    some : array, shape (m, d), float64
        The rows that are to stand for all.
    once : array, shape (k, d), float64
        Each of them once.
    weights : array, shape (m,), float64
        How many rows each stands for.
    kept : float
        Share of the strata's mass, 0 to 1.
    of : int
        How many rows there are in all.
    random_state : int, default 0
        Seed of the rows that are asked.

    Returns
    -------
    Coverage
    """
    reach = _reach(points, once, random_state)
    columns = _columns(points, some, weights, len(once), of)
    return Coverage(min(kept, reach, columns), kept, reach, columns)


def _reach(points: F64, some: F64, seed: int) -> float:
    """Return the share of rows that have a sampled row near enough."""
    n = len(points)
    within = EXPECTED * n / len(some)
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:ASKED])
    middle = points.mean(axis=0)
    centred = points - middle
    asked = np.column_stack([2.0 * centred[rows], np.ones(len(rows))])
    slack = rounding(points.shape[1])

    def nearness(others: F64, less: float) -> F64:
        """Return 2 x.y - |y|^2, the less the farther, for the rows asked and some others."""
        squares = np.einsum("ij,ij->i", others, others)
        found: F64 = asked @ np.column_stack([others, squares * -(1.0 + less)]).T
        return found

    nearest = np.full(len(rows), -np.inf)
    for part in row_blocks(len(some), len(rows)):
        nearest = np.maximum(nearest, nearness(some[part] - middle, 0.0).max(axis=1))
    nearest += slack * np.einsum("ij,ij->i", centred[rows], centred[rows])
    nearer = np.zeros(len(rows), dtype=np.int64)
    for part in row_blocks(n, len(rows)):
        found = nearness(centred[part], slack) > nearest[:, None]
        nearer += np.count_nonzero(found, axis=1)
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


def _columns(points: F64, some: F64, weights: F64, once: int, of: int) -> float:
    """Return the common part of the columns' histograms, less what chance takes."""
    m = weights.sum() ** 2 / np.square(weights).sum()  # rows of one weight that tell as much
    m = min(m, once)
    # of the variance, without repetition, and what the rows that stand for all add to it
    left = 1.0 - m / of + m * (1.0 / len(points) - 1.0 / of)
    missing, by_chance = [], []
    for column, own in zip(points.T, some.T, strict=True):
        edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, column)
        p = np.bincount(bins, minlength=len(edges) + 1) / len(column)
        chosen = np.searchsorted(edges, own)
        q = np.bincount(chosen, weights, minlength=len(p)) / weights.sum()
        missing.append(np.abs(p - q).sum() / 2)
        # mean absolute deviation of a binomial share, normal approximation
        by_chance.append(np.sqrt(2 * p * (1 - p) * left / (np.pi * m)).sum() / 2)
    return float(1.0 - max(0.0, np.mean(missing) - np.mean(by_chance)))
