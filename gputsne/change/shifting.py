"""How far columns have shifted in mean or spread, beyond what chance explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.random import draw_seed
from gputsne.base.rows import exact_unit

__all__ = ["blurred", "column_shifts"]

F64 = npt.NDArray[np.float64]
LEVEL = 0.05  # of all columns together: that one which has not shifted is taken for one that has
FLOOR = 0.1  # of the table's usual deviation: what a nearly constant column counts as, at least
GRAIN = 0.1  # standard deviations, of noise that is added to both tables


def column_shifts(old: F64, new: F64, *, scaled: bool = False) -> F64:
    """Return how far each column has shifted, in old standard deviations.

    Parameters
    ----------
    old, new : arrays, shapes (n, d) and (m, d)
        Finite or NaN, which is missing.
    scaled : bool
        Whether every column counts in deviations of its own, as where a fit scales them.

    Returns
    -------
    array, shape (d,)
        The larger of the change of the mean and that of the standard deviation, less the error
        that chance explains in one of twenty tables (Bonferroni over columns), at least 0. A column
        whose deviation is below a tenth of the median one counts in tenths of that. A deviation
        that grows counts in the median one at least, unless scaled: a sliver of noise on a constant
        column is no shift.

    Examples
    --------
    >>> X = np.arange(1000.0)[:, None] % 10
    >>> column_shifts(X, X), bool(column_shifts(X, X + 100)[0] > 30)
    (array([0.]), True)
    """
    from scipy.stats import norm

    d = old.shape[1]
    z = float(norm.ppf(1 - LEVEL / (2 * 2 * d)))
    with np.errstate(all="ignore"):
        n, mean, spread, fourth = _moments(old)
        m, mean_new, spread_new, fourth_new = _moments(new)
        # Both sides' moments together tell the error of chance: one that lacks the few rows that
        # are not as the others would take itself for certain.
        both = np.fmax(spread, spread_new)
        share, share_new = n / (n + m), m / (n + m)
        variance = share * (spread / both) ** 2 + share_new * (spread_new / both) ** 2
        tails = share * (fourth / both) ** 4 + share_new * (fourth_new / both) ** 4
        rows = 1 / n + 1 / m
        error = both * np.sqrt(variance * rows)
        kurt = np.fmax(tails - variance**2, 0.0)
        error_spread = both * np.sqrt(kurt * rows) / (2 * np.sqrt(variance))
        by_mean = np.abs(mean_new - mean) - z * np.where(both > 0, error, 0.0)
        change = spread_new - spread
        by_spread = np.abs(change) - z * np.where(both > 0, error_spread, 0.0)
        unit = _units(spread, FLOOR)
        grown = unit if scaled else _units(spread, 1.0)
        by_spread /= np.where(change > 0, grown, unit)
        found = np.fmax(np.fmax(by_mean / unit, by_spread), 0.0)
    found[(n == 0) | (m == 0)] = 0.0  # a column without values is for null rates to tell
    return np.asarray(found)


def blurred(old: F64, new: F64, *, scaled: bool = False, random_state: Any = 0) -> tuple[F64, F64]:
    """Return both tables with a little noise, beside which a smaller change of values is none.

    Parameters
    ----------
    old, new : arrays, shapes (n, d) and (m, d)
        Finite or NaN.
    scaled : bool
        Whether every column counts in deviations of its own, as where a fit scales them. Else a
        column below the table's median deviation counts in that.
    random_state : int, RandomState or Generator
        Of the noise.

    Returns
    -------
    old, new : arrays
        With normal noise of a tenth of a standard deviation. Rounding would have edges, at which
        the least change counts.
    """
    _, _, spread, _ = _moments(old)
    grain = GRAIN * _units(spread, FLOOR if scaled else 1.0)
    rng = np.random.default_rng(draw_seed(random_state))
    one, two = (X + grain * rng.standard_normal(X.shape) for X in (old, new))
    return one, two


def _units(spread: F64, floor: float) -> F64:
    """Return the deviations of columns, at least a share of the median of those that vary."""
    vary = spread[np.isfinite(spread) & (spread > 0)]
    usual = float(np.median(vary)) if len(vary) else 1.0
    return np.fmax(spread, floor * usual)


def _moments(X: F64) -> tuple[F64, F64, F64, F64]:
    """Return count, mean and deviation of columns, and the fourth root of the fourth moment."""
    there = ~np.isnan(X)
    n = there.sum(axis=0).astype(np.float64)
    filled = np.where(there, X, 0.0)
    with np.errstate(all="ignore"):
        # Powers of two round nothing; without them squares of 1e200 are infinite, of 1e-200 zero.
        scale = np.array([exact_unit(column) for column in filled.T])
        mean = (filled * scale).sum(axis=0) / n
        off = np.where(there, X * scale - mean, 0.0)
        wide = np.array([exact_unit(column) for column in off.T])
        off *= wide
        spread = np.sqrt((off**2).sum(axis=0) / n) / wide
        fourth = ((off**4).sum(axis=0) / n) ** 0.25 / wide
    return n, mean / scale, spread / scale, fourth / scale
