"""Estimate: what a metric answers, its standard error where points were sampled, points' scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gputsne.metrics.context import Context

__all__ = ["Estimate", "grouped", "mean_of"]

F64 = npt.NDArray[np.float64]
GROUPS = 10  # of the jackknife: few, since each recomputes the statistic


@dataclass(frozen=True, eq=False)
class Estimate:
    """One number about a map.

    Attributes
    ----------
    value : float
        The metric.
    error : float or None
        Standard error from asking a sample; None where all points were asked.
    scores : array, shape (q,), float64, or None
        What each point asked adds, where the metric is their mean.
    rows : array, shape (q,), int64, or None
        Whose scores they are.
    """

    value: float
    error: float | None = None
    scores: F64 | None = None
    rows: npt.NDArray[np.int64] | None = None


def mean_of(context: Context, scores: F64, rows: npt.NDArray[np.int64] | None = None) -> Estimate:
    """Return the mean of points' scores, with its standard error where not all were asked.

    Parameters
    ----------
    context : Context
        Whose points were asked.
    scores : array, shape (q,), float64
        One per point asked.
    rows : array or None
        Points asked, numbered as in the context; None for ``context.rows``.

    Returns
    -------
    Estimate
        The error is that of sampling without repetition: s / sqrt(q) * sqrt(1 - q / n).
    """
    rows = context.rows if rows is None else rows
    q, n = len(scores), context.n
    error = None
    if q < n:
        spread = float(scores.std(ddof=1)) if q > 1 else float("nan")
        error = spread / q**0.5 * (1 - q / n) ** 0.5
    return Estimate(float(scores.mean()), error, scores, context.numbers[rows])


def grouped(
    context: Context, statistic: Callable[[F64, F64], float], a: F64, b: F64, m: int
) -> Estimate:
    """Return a statistic of the distances of all pairs of m points, in two spaces.

    Parameters
    ----------
    context : Context
        Whose points were asked.
    statistic : callable
        Of two arrays of equal length.
    a, b : array, shape (m (m - 1) / 2,), float64
        Condensed distances.
    m : int
        Points.

    Returns
    -------
    Estimate
        Where points were sampled its error is the jackknife's, leaving out a tenth of the points at
        a time (Shao & Tu 1995, The Jackknife and Bootstrap, section 2.3).
    """
    value = statistic(a, b)
    if m == context.n:
        return Estimate(value)
    if m <= GROUPS:
        return Estimate(value, float("nan"))
    # Points are numbered in ascending order of their rows: dealing them out avoids blocks of rows.
    group = np.random.default_rng(0).permutation(m) % GROUPS
    i, j = np.triu_indices(m, 1)
    first, second = group[i], group[j]
    left = []
    for g in range(GROUPS):
        keep = (first != g) & (second != g)
        left.append(statistic(a[keep], b[keep]))
    spread = float(np.square(np.subtract(left, np.mean(left))).sum())
    error = ((GROUPS - 1) / GROUPS * spread) ** 0.5 * (1 - m / context.n) ** 0.5
    return Estimate(value, error)
