"""Every neighbourhood size at once: the curve R_NX(K) of the co-ranking matrix, and its area."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base import threads
from gputsne.base.errors import UndefinedMetric
from gputsne.base.rows import row_blocks
from gputsne.metrics.context import Context
from gputsne.metrics.estimate import Estimate, mean_of

__all__ = ["rnx", "rnx_curve", "rnx_of"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
# Distances that are sorted in each space, some 15 s of two cores: all points are asked up to
# n = 10,000, at a million 100 of them.
SORTED = 100_000_000
SWAPS = 8  # rounds of neighbours that change places; where more are needed, a plain sort is quicker
ROWS = 16  # points whose distances are sorted at a time


def rnx(
    X: Any, Y: Any, *, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> float:  # fmt: skip
    r"""Area under R_NX(K), neighbourhoods of every size weighed by 1 / K: one number without a k.

    .. math:: \frac{\sum_K R_{NX}(K) / K}{\sum_K 1 / K}, \quad K = 1 \dots n - 2

    .. math:: R_{NX}(K) = \frac{(n - 1) Q_{NX}(K) - K}{n - 1 - K}

    with ``Q_NX(K)`` the share of the K nearest neighbours that are kept (``knn_preservation``).

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    sample : int or None, default 2000
        Number of points asked, at most 10^8 / n, since all distances of each are sorted; None asks
        as many as that.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    float, at most 1
        1 means that every order is kept, 0 is what a random map has.

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than 3 rows.

    References
    ----------
    Lee, Peluffo-Ordóñez & Verleysen (2015), Multi-scale similarities in stochastic neighbour
    embedding.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(rnx(X, X), 12)
    1.0
    """
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    return rnx_of(context).value


def rnx_curve(
    X: Any, Y: Any, *, sample: int | None = 2000, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> F64:  # fmt: skip
    """Compute R_NX(K) for every K, to plot over log K; see ``rnx``.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Data, in any unit; only the order of distances counts.
    Y : array_like, shape (n, c)
        Map of the same rows.
    sample : int or None, default 2000
        Number of points asked, at most 10^8 / n; None asks as many as that.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    array, shape (n - 2,), float64
        Entry ``K - 1`` is R_NX(K).

    Raises
    ------
    ValueError
        If X and Y differ in length, hold NaN, or have fewer than 3 rows.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> rnx_curve(X, X).shape
    (48,)
    """
    context = Context(
        X, Y, sample=sample, random_state=random_state, metric=metric, metric_params=metric_params
    )
    asked, kept, _ = _co_ranked(context)
    K = np.arange(1, context.n - 1)
    return _beyond_chance(kept / (len(asked) * K), K, context.n)


def rnx_of(context: Context, *, k: int = 10) -> Estimate:
    """Return the area under R_NX; see ``rnx``.

    Parameters
    ----------
    context : Context
        With X and Y.
    k : int
        Has no effect: every size of neighbourhood counts.

    Returns
    -------
    Estimate
        Mean of each point's own area, which R_NX being linear in Q_NX allows.
    """
    asked, _, areas = _co_ranked(context)
    return mean_of(context, areas, asked)


def _co_ranked(context: Context) -> tuple[I64, I64, F64]:
    """Return points asked, how many of their K nearest are kept in all, and each point's area."""
    n = context.n
    if n < 3:
        raise UndefinedMetric(f"R_NX needs at least 3 points, got n={n}")
    rows = context.rows
    most = max(1, SORTED // n)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
    K = np.arange(1, n - 1)
    weights = 1.0 / K / (1.0 / K).sum()
    in_data, in_map = context.space("X"), context.space("Y")
    direct = in_data.direct(len(rows)), in_map.direct(len(rows))
    in_data.expect(rows)

    def one(part: slice) -> tuple[I64, F64]:
        asked = rows[part]
        own = np.arange(len(asked)), asked
        places = []
        for space, how in zip((in_data, in_map), direct, strict=True):
            D = space.block(asked, direct=how)
            D[own] = np.inf
            places.append(_places(D, asked))
        later = np.maximum(*places)  # the size from which both spaces list the pair
        found = np.stack([np.bincount(row, minlength=n + 1)[1 : n - 1] for row in later])
        kept = np.cumsum(found, axis=1)
        return kept.sum(axis=0), _beyond_chance(kept / K, K, n) @ weights

    parts = list(row_blocks(len(rows), 1, ROWS))
    total, areas = np.zeros(n - 2, np.int64), []
    with threads.limit(1), ThreadPoolExecutor(threads.resolve_n_jobs(None)) as pool:
        for kept, area in pool.map(one, parts):
            total += kept
            areas.append(area)
    return rows, total, np.concatenate(areas)


def _places(D: F64, own: I64) -> I64:
    """Return each distance's place in its row, 1 for the least, the lower index first among ties.

    The point itself comes last: infinity may also be the distance of others.
    """
    places = np.empty(D.shape, np.int64)
    for row, place in zip(D, places, strict=True):
        place[_order(row)] = np.arange(1, len(row) + 1)
    here = np.arange(len(own))
    behind = places > places[here, own][:, None]
    places -= behind
    places[here, own] = D.shape[1]
    return places


def _order(row: F64) -> I64:
    """Return what sorts distances of 0 or more, the lower index first among ties.

    As a stable ``argsort``, in half of its time for long rows: numbers are sorted that have the
    distance's first bits above its index, and the few neighbours that the cut bits hold apart
    change places afterwards.
    """
    n = len(row)
    bits = np.uint64(n.bit_length())
    keys = (row + 0.0).view(np.uint64) >> bits << bits  # of -0, 0
    keys |= np.arange(n, dtype=np.uint64)
    keys.sort()
    order = (keys & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    found = row[order]
    for _ in range(SWAPS):
        wrong = np.flatnonzero(found[:-1] > found[1:])
        if len(wrong) == 0:
            return order
        first = wrong[np.diff(wrong, prepend=-2) > 1]
        for values in (order, found):
            values[first], values[first + 1] = values[first + 1], values[first].copy()
    return np.argsort(row, kind="stable")


def _beyond_chance(Q: F64, K: I64, n: int) -> F64:
    beyond: F64 = ((n - 1) * Q - K) / (n - 1 - K)
    return beyond
