"""How good a map is: numbers that compare it with the data or with labels.

A new metric is one function of a ``Context`` and one line in ``METRICS``, the table that
``evaluate`` and the tests read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gputsne.metrics.context import Context
from gputsne.metrics.neighborhood import (
    accuracy,
    knn_accuracy,
    knn_preservation,
    preservation,
    trust,
    trustworthiness,
)

__all__ = [
    "METRICS",
    "Context",
    "Metric",
    "evaluate",
    "knn_accuracy",
    "knn_preservation",
    "trustworthiness",
]


@dataclass(frozen=True)
class Metric:
    """One line of the table.

    Attributes
    ----------
    compute : callable
        ``compute(context, k=...)`` returns a float.
    needs : tuple of str
        What the context must hold, of ``"X"`` (data), ``"Y"`` (map), ``"labels"``.
    best, worst : float
        Ends of its range.
    meaning : str
        One line for reports.
    """

    compute: Callable[..., float]
    needs: tuple[str, ...]
    best: float
    worst: float
    meaning: str


METRICS: MappingProxyType[str, Metric] = MappingProxyType(
    {
        "knn_preservation": Metric(
            preservation, ("X", "Y"), 1.0, 0.0, "neighbours in the data kept in the map"
        ),
        "trustworthiness": Metric(
            trust, ("X", "Y"), 1.0, 0.0, "absence of intruders among map neighbours"
        ),
        "knn_accuracy": Metric(
            accuracy, ("Y", "labels"), 1.0, 0.0, "labels told from neighbours in the map"
        ),
    }
)


def evaluate(
    X: Any,
    Y: Any,
    *,
    labels: Any = None,
    k: int = 10,
    sample: int | None = 2000,
    random_state: int | None = 0,
) -> dict[str, float]:
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
    sample : int or None, default 2000
        Number of points asked; None asks all n, which costs O(n^2) distances.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    dict of str to float
        One number per name; the same as the function of that name gives for this ``sample``.

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
    context = Context(X, Y, labels, sample=sample, random_state=random_state)
    given = {"X": X is not None, "Y": Y is not None, "labels": labels is not None}
    return {
        name: metric.compute(context, k=k)
        for name, metric in METRICS.items()
        if all(given[need] for need in metric.needs)
    }
