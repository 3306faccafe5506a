"""How good is a map? Numbers that compare it with the data or with labels.

A new metric is one function and one line in ``METRICS``; tests/unit/metrics reads that table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from gputsne.metrics.neighborhood import knn_accuracy, knn_preservation, trustworthiness

__all__ = ["METRICS", "Metric", "knn_accuracy", "knn_preservation", "trustworthiness"]


@dataclass(frozen=True)
class Metric:
    """One line of the table.

    Attributes
    ----------
    compute : callable
        Takes what ``needs`` names, in that order, then keywords of its own.
    needs : tuple of str
        Of ``"X"`` (data), ``"Y"`` (map), ``"labels"``.
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
            knn_preservation, ("X", "Y"), 1.0, 0.0, "neighbours in the data kept in the map"
        ),
        "trustworthiness": Metric(
            trustworthiness, ("X", "Y"), 1.0, 0.0, "absence of intruders among map neighbours"
        ),
        "knn_accuracy": Metric(
            knn_accuracy, ("Y", "labels"), 1.0, 0.0, "labels told from neighbours in the map"
        ),
    }
)
