"""How good a map is: numbers that compare it with the data or with labels.

A new metric is one function of a ``Context`` and one line in ``METRICS``, the table that
``evaluate`` and the tests read. docs/metrics.md says which metric answers what.
"""

from gputsne.metrics.classes import class_preservation, knn_accuracy, neighborhood_hit
from gputsne.metrics.clusters import (
    calinski_harabasz,
    cluster_conductance,
    cluster_purity,
    crosstab_purity,
    davies_bouldin,
    false_cluster_rate,
    silhouette,
)
from gputsne.metrics.context import Context
from gputsne.metrics.coranking import rnx, rnx_curve
from gputsne.metrics.distances import distance_correlation, distance_pearson, stress
from gputsne.metrics.estimate import Estimate
from gputsne.metrics.evaluation import best, compare, evaluate, per_point
from gputsne.metrics.neighborhood import (
    continuity,
    jaccard,
    knn_preservation,
    lcmc,
    mrre_false,
    mrre_missing,
    trustworthiness,
)
from gputsne.metrics.table import METRICS, Metric

__all__ = [
    "METRICS",
    "Context",
    "Estimate",
    "Metric",
    "best",
    "calinski_harabasz",
    "class_preservation",
    "cluster_conductance",
    "cluster_purity",
    "compare",
    "continuity",
    "crosstab_purity",
    "davies_bouldin",
    "distance_correlation",
    "distance_pearson",
    "evaluate",
    "false_cluster_rate",
    "jaccard",
    "knn_accuracy",
    "knn_preservation",
    "lcmc",
    "mrre_false",
    "mrre_missing",
    "neighborhood_hit",
    "per_point",
    "rnx",
    "rnx_curve",
    "silhouette",
    "stress",
    "trustworthiness",
]
