"""Distances kept: rank and linear correlation of pair distances, and stress freed of the scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import UndefinedMetric
from gputsne.metrics.context import Context
from gputsne.metrics.estimate import Estimate, grouped

__all__ = [
    "distance_correlation",
    "distance_correlation_of",
    "distance_pearson",
    "distance_pearson_of",
    "stress",
    "stress_of",
]

F64 = npt.NDArray[np.float64]


def distance_correlation(
    X: Any, Y: Any, *, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Rank correlation of the distances of pairs in data and map: Spearman's rho.

    The "CPD" of Kobak & Berens and the goodness of Shepard's diagram: how well the layout as a
    whole is kept. t-SNE does not aim at it, so that values near 0.5 are usual for good maps.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit.
    Y : array_like, shape (n, c)
        Map of the same rows, in any unit.
    sample : int or None, default 2000
        Number of points whose pairs are compared, at most 5,000; None takes that many.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        Distances in X, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [-1, 1]
        1 means that the order of all distances is kept, 0 is what a random map has.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, have fewer than 3 rows, or distances don't differ.

    References
    ----------
    Kobak & Berens (2019), The art of using t-SNE for single-cell transcriptomics.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(distance_correlation(X, 3 * X), 12)
    1.0
    """
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    return distance_correlation_of(context).value


def distance_correlation_of(context: Context, *, k: int = 10) -> Estimate:
    """Return Spearman's rho of pair distances; see ``distance_correlation``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Has no effect: all pairs count.

    Returns
    -------
    Estimate
        Where points were sampled, with the jackknife's standard error.
    """
    from scipy.stats import rankdata

    a, b, m = _pairs(context, "distance_correlation")
    _varying(a, b, "distance_correlation")
    # Ranked once: the jackknife's parts keep the ranks of the whole.
    return grouped(context, _pearson, rankdata(a), rankdata(b), m)


def distance_pearson(
    X: Any, Y: Any, *, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Linear correlation of the distances of pairs in data and map: Pearson's r.

    Long distances weigh most in it; ``distance_correlation`` does not depend on their size.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit.
    Y : array_like, shape (n, c)
        Map of the same rows, in any unit.
    sample : int or None, default 2000
        Number of points whose pairs are compared, at most 5,000; None takes that many.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        Distances in X, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [-1, 1]
        1 means distances in proportion, 0 is what a random map has.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, have fewer than 3 rows, or distances don't differ.

    References
    ----------
    Geng, Zhan & Zhou (2005), Supervised nonlinear dimensionality reduction for visualization and
    classification.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(distance_pearson(X, 3 * X), 12)
    1.0
    """
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    return distance_pearson_of(context).value


def distance_pearson_of(context: Context, *, k: int = 10) -> Estimate:
    """Return Pearson's r of pair distances; see ``distance_pearson``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Has no effect: all pairs count.

    Returns
    -------
    Estimate
        Where points were sampled, with the jackknife's standard error.
    """
    a, b, m = _pairs(context, "distance_pearson")
    _varying(a, b, "distance_pearson")
    return grouped(context, _pearson, a, b, m)


def stress(
    X: Any, Y: Any, *, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Normalised stress at the scale of the map that makes it least.

    .. math:: \min_\alpha \sqrt{\frac{\sum (d_{ij} - \alpha \delta_{ij})^2}{\sum d_{ij}^2}}

    with ``d`` the distances in the data and ``delta`` those in the map. Without ``alpha`` stress
    depends on the unit of the map, and the order of two methods on the unit that each happens to
    have: maps of t-SNE have none.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit.
    Y : array_like, shape (n, c)
        Map of the same rows, in any unit.
    sample : int or None, default 2000
        Number of points whose pairs are compared, at most 5,000; None takes that many.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        Distances in X, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float in [0, 1]
        0 means distances in proportion; less is better.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, have fewer than 3 rows, or distances don't differ.

    References
    ----------
    Smelser, Miller & Kobourov (2024), "Normalized stress" is not normalized.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(stress(X, 3 * X), 12)
    0.0
    """
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    return stress_of(context).value


def stress_of(context: Context, *, k: int = 10) -> Estimate:
    """Return stress at the best scale; see ``stress``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Has no effect: all pairs count.

    Returns
    -------
    Estimate
        Where points were sampled, with the jackknife's standard error.
    """
    a, b, m = _pairs(context, "stress")
    if not a.any():
        raise UndefinedMetric("stress has no value: all points of X are equal")
    return grouped(context, _stress, a, b, m)


def _pairs(context: Context, name: str) -> tuple[F64, F64, int]:
    """Return condensed distances in X and Y, and of how many points."""
    m = len(context.pair_rows)
    if m < 3:
        raise UndefinedMetric(f"{name} needs at least 3 points, got n={m}")
    return context.pairs("X"), context.pairs("Y"), m


def _varying(a: F64, b: F64, name: str) -> None:
    for space, distances in (("X", a), ("Y", b)):
        if distances.min() == distances.max():
            raise UndefinedMetric(f"{name} has no value: all distances in {space} are equal")


def _pearson(a: F64, b: F64) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip((a @ b) / size, -1.0, 1.0)) if size > 0 else float("nan")


def _stress(a: F64, b: F64) -> float:
    size = float(b @ b)
    scale = float(a @ b) / size if size > 0 else 0.0
    rest = a - scale * b
    return float(np.sqrt((rest @ rest) / (a @ a)))
