"""Every metric of the table for one map or several, from one context; one metric point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.errors import UndefinedMetric
from gputsne.metrics.context import Context
from gputsne.metrics.table import METRICS

__all__ = ["best", "compare", "evaluate", "per_point"]

# Points asked where the caller leaves it open, and distances that they may cost in each space,
# 20 s or so of one core at 50 columns (2000 points of 200,000 in 3 s per 8 10^7).
SAMPLE, LEAST_SAMPLE, COMPARED = 2000, 100, 500_000_000


def evaluate(
    X: Any, Y: Any, labels: Any = None, *, k: int = 10, sample: int | str | None = "auto",
    random_state: int | None = 0, metric: Any = "euclidean",
    metric_params: dict[str, Any] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Return every metric of the table that can be had, from one sample and one search of each.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d), or None
        Data, in any unit; without it, metrics that compare with the data are left out.
    Y : array_like, shape (n, c)
        Map of the same rows.
    labels : array_like, shape (n,), or None
        Categories; None, NaN and "" are missing. Without them, metrics of labels are left out.
    k : int, default 10
        Neighbours per point, below ``n / 2``.
    sample : int, "auto" or None, default "auto"
        Number of points asked, always against all points, so that values are exact up to so many.
        "auto" asks 2,000, beyond n = 250,000 fewer, 5 10^8 / n but at least 100; None asks all n,
        which costs O(n^2) distances.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes; "cosine" for a map made with it.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    dict of str to float
        One number per name; the same as the function of that name gives for this ``sample``. Where
        points were sampled, its standard error beside it as ``name_se``. NaN where these labels or
        points allow no value, such as a silhouette of one class.

    Raises
    ------
    ValueError
        If X, Y and labels differ in length, hold NaN, or have too few rows for ``k``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> evaluate(X, X, labels=X[:, 0] > 0, k=5)["trustworthiness"]
    1.0
    """
    context = _context(X, Y, labels, sample, random_state, metric, metric_params)
    given = {"X": X is not None, "Y": Y is not None, "labels": labels is not None}
    return _measured(context, k, given)


def compare(
    X: Any, maps: Mapping[str, Any], labels: Any = None, *, k: int = 10,
    sample: int | str | None = "auto", random_state: int | None = 0, metric: Any = "euclidean",
    metric_params: dict[str, Any] | None = None,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Evaluate several maps of the same rows; neighbours in the data are searched for once.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d), or None
        Data, in any unit; without it, metrics that compare with the data are left out.
    maps : mapping of str to array_like, each of shape (n, c)
        Maps by name, whoever made them.
    labels : array_like, shape (n,), or None
        Categories; None, NaN and "" are missing.
    k : int, default 10
        Neighbours per point, below ``n / 2``.
    sample : int, "auto" or None, default "auto"
        Number of points asked, the same ones in every map; see ``evaluate``.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    dict of str to dict of str to float
        What ``evaluate`` gives for each map, by the map's name, in the order of ``maps``.

    Raises
    ------
    ValueError, TypeError
        If ``maps`` is empty or no mapping, and what ``evaluate`` raises, with the map's name.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> found = compare(X, {"itself": X, "one axis": X[:, :1]}, k=5)
    >>> found["itself"]["trustworthiness"] > found["one axis"]["trustworthiness"]
    True
    """
    if not isinstance(maps, Mapping):
        raise TypeError(
            f"maps must be a mapping of names to maps, got {type(maps).__name__}; for one map, "
            "evaluate"
        )
    if not maps:
        raise ValueError("maps is empty: bring at least one map")
    given = {"X": X is not None, "Y": True, "labels": labels is not None}
    found: dict[str, dict[str, float]] = {}
    context: Context | None = None
    for name, Y in maps.items():
        if Y is None:
            raise ValueError(f"map {name!r} is None: bring its points, or leave it out")
        try:
            if context is None:
                context = _context(X, Y, labels, sample, random_state, metric, metric_params)
            else:
                context = context.with_map(Y)
            found[name] = _measured(context, k, given)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"map {name!r}: {error}") from error
    return found


def best(found: Mapping[str, Mapping[str, float]], metric: str = "knn_preservation") -> str:
    """Return which map is best by a metric; of equals the first.

    Parameters
    ----------
    found : mapping of str to mapping of str to float
        What ``compare`` returns, or values of ``evaluate`` by name.
    metric : str, default "knn_preservation"
        A name of ``METRICS``; the table says which end of its range is good.

    Returns
    -------
    str
        The map's name.

    Raises
    ------
    ValueError
        For a metric that there is none of, or that no map has a value of.

    Examples
    --------
    >>> best({"a": {"stress": 0.4}, "b": {"stress": 0.2}}, "stress")
    'b'
    """
    if metric not in METRICS:
        raise ValueError(f"metric={metric!r} is none of the metrics {', '.join(METRICS)}")
    names = list(found)
    values = np.array([found[name].get(metric, np.nan) for name in names], np.float64)
    if np.isnan(values).all():
        labels = "labels" in METRICS[metric].needs
        need = "; it needs labels of two classes or more" if labels else ""
        raise ValueError(f"metric={metric!r} has no value of any map{need}; take another")
    sign = 1.0 if METRICS[metric].best > METRICS[metric].worst else -1.0
    return names[int(np.nanargmax(sign * values))]


def _context(
    X: Any, Y: Any, labels: Any, sample: Any, random_state: Any, metric: Any, metric_params: Any
) -> Context:
    auto = isinstance(sample, str) and sample == "auto"
    context = Context(
        X, Y, labels, sample=None if auto else sample, random_state=random_state, metric=metric,
        metric_params=metric_params,
    )  # fmt: skip
    if auto:
        context.sample = min(SAMPLE, max(LEAST_SAMPLE, COMPARED // context.n))
    return context


def _measured(context: Context, k: int, given: Mapping[str, bool]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, line in METRICS.items():
        if not all(given[need] for need in line.needs):
            continue
        try:
            estimate = line.estimate(context, k=k)
        except UndefinedMetric:
            found[name] = float("nan")
            continue
        found[name] = estimate.value
        if estimate.error is not None:
            found[f"{name}_se"] = estimate.error
    return found


def per_point(
    name: str, X: Any = None, Y: Any = None, labels: Any = None, *, k: int = 10,
    sample: int | None = None, random_state: int | None = 0,
    metric: Any = "euclidean", metric_params: dict[str, Any] | None = None,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return what each point adds to a metric, to colour the map with.

    Parameters
    ----------
    name : str
        A metric that is a mean over points, such as "trustworthiness" or "silhouette".
    X : array_like or DataFrame, shape (n, d), or None
        Data, where the metric needs them.
    Y : array_like, shape (n, c)
        Map of the same rows.
    labels : array_like, shape (n,), or None
        Categories, where the metric needs them.
    k : int, default 10
        Neighbours per point.
    sample : int or None, default None
        Number of points asked, each against all; the others are NaN. None asks all.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.

    Returns
    -------
    array, shape (n,), float64
        NaN for points that were not asked or have no label or cluster, and for those that "rnx"
        and the metrics of clusters leave out of very large maps. Their mean is the metric's value.

    Raises
    ------
    ValueError
        For a metric that is none of the table or no mean over points, and for what the metric
        itself refuses.

    Notes
    -----
    Metrics of ranks take n distances per point asked, O(n^2) in all; the memory is linear in n.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> per_point("trustworthiness", X, X, k=5).shape
    (50,)
    """
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(f"name={name!r} is none of the metrics {', '.join(METRICS)}")
    context = Context(
        X, Y, labels, sample=sample, random_state=random_state, metric=metric,
        metric_params=metric_params,
    )  # fmt: skip
    estimate = METRICS[name].estimate(context, k=k)
    if estimate.scores is None or estimate.rows is None:
        raise ValueError(f"name={name!r} is no mean over points: it has no value for each of them")
    scores = np.full(context.n, np.nan)
    scores[estimate.rows] = estimate.scores
    return scores
