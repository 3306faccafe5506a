"""METRICS: each quality metric by name, what it needs, its range, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from gputsne.metrics import classes, clusters, coranking, distances, neighborhood
from gputsne.metrics.context import Context
from gputsne.metrics.estimate import Estimate

__all__ = ["METRICS", "Metric"]

INF = float("inf")
DATA, CLASSES, BOTH = ("X", "Y"), ("Y", "labels"), ("X", "Y", "labels")


@dataclass(frozen=True)
class Metric:
    """One line of the table.

    Attributes
    ----------
    estimate : callable
        ``estimate(context, k=...)`` returns an ``Estimate``.
    needs : tuple of str
        What the context must hold, of ``"X"`` (data), ``"Y"`` (map), ``"labels"``.
    best, worst : float
        Ends of its range.
    meaning : str
        One line for reports.
    source : str
        The paper that defines it.
    """

    estimate: Callable[..., Estimate]
    needs: tuple[str, ...]
    best: float
    worst: float
    meaning: str
    source: str = ""

    def compute(self, context: Context, *, k: int = 10) -> float:
        """Compute the metric.

        Parameters
        ----------
        context : Context
            With what the metric needs.
        k : int, default 10
            Neighbours per point.

        Returns
        -------
        float
            Its value.
        """
        return self.estimate(context, k=k).value


METRICS: MappingProxyType[str, Metric] = MappingProxyType(
    {
        "knn_preservation": Metric(
            neighborhood.preservation_of, DATA, 1.0, 0.0,
            "neighbours in the data kept in the map", "Kobak & Berens 2019 (KNN)",
        ),
        "jaccard": Metric(
            neighborhood.jaccard_of, DATA, 1.0, 0.0,
            "neighbours common to data and map, of those in either", "Jaccard 1912",
        ),
        "lcmc": Metric(
            neighborhood.lcmc_of, DATA, 1.0, -1.0,
            "neighbours kept beyond those of a random map", "Chen & Buja 2009",
        ),
        "trustworthiness": Metric(
            neighborhood.trustworthiness_of, DATA, 1.0, 0.0,
            "absence of intruders among map neighbours", "Venna & Kaski 2001",
        ),
        "continuity": Metric(
            neighborhood.continuity_of, DATA, 1.0, 0.0,
            "absence of data neighbours torn away", "Venna & Kaski 2001",
        ),
        "mrre_false": Metric(
            neighborhood.mrre_false_of, DATA, 1.0, -1.0,
            "order of the map's neighbours as in the data", "Lee & Verleysen 2007",
        ),
        "mrre_missing": Metric(
            neighborhood.mrre_missing_of, DATA, 1.0, -1.0,
            "order of the data's neighbours as in the map", "Lee & Verleysen 2007",
        ),
        "rnx": Metric(
            coranking.rnx_of, DATA, 1.0, -1.0,
            "neighbourhoods of every size kept, small ones first", "Lee et al. 2015",
        ),
        "distance_correlation": Metric(
            distances.distance_correlation_of, DATA, 1.0, -1.0,
            "order of all distances kept", "Kobak & Berens 2019 (CPD)",
        ),
        "distance_pearson": Metric(
            distances.distance_pearson_of, DATA, 1.0, -1.0,
            "distances kept in proportion", "Geng et al. 2005",
        ),
        "stress": Metric(
            distances.stress_of, DATA, 0.0, 1.0,
            "distances out of proportion, at the best scale", "Smelser et al. 2024",
        ),
        "class_preservation": Metric(
            classes.class_preservation_of, BOTH, 1.0, 0.0,
            "neighbouring classes kept in the map", "Kobak & Berens 2019 (KNC)",
        ),
        "knn_accuracy": Metric(
            classes.knn_accuracy_of, CLASSES, 1.0, 0.0,
            "labels told from neighbours in the map", "Fix & Hodges 1951",
        ),
        "knn_accuracy_5fold": Metric(
            classes.five_fold_accuracy_of, CLASSES, 1.0, 0.0,
            "labels told from 5 neighbours, in 5 folds", "Fix & Hodges 1951",
        ),
        "neighborhood_hit": Metric(
            classes.neighborhood_hit_of, CLASSES, 1.0, 0.0,
            "neighbours in the map of the same label", "Paulovich et al. 2008",
        ),
        "silhouette": Metric(
            clusters.silhouette_of, CLASSES, 1.0, -1.0,
            "how much nearer the own class is than the next", "Rousseeuw 1987",
        ),
        "davies_bouldin": Metric(
            clusters.davies_bouldin_of, CLASSES, 0.0, INF,
            "width of classes beside their distance", "Davies & Bouldin 1979",
        ),
        "calinski_harabasz": Metric(
            clusters.calinski_harabasz_of, CLASSES, INF, 0.0,
            "spread between classes over spread within", "Caliński & Harabasz 1974",
        ),
        "cluster_purity": Metric(
            clusters.cluster_purity_of, CLASSES, 1.0, 0.0,
            "points of the map's clusters with the cluster's label", "Manning et al. 2008",
        ),
        "false_cluster_rate": Metric(
            clusters.false_cluster_rate_of, CLASSES, 0.0, 1.0,
            "clusters of the map that mix or split labels", "docs/metrics.md",
        ),
        "cluster_conductance": Metric(
            clusters.cluster_conductance_of, DATA, 0.0, 1.0,
            "data neighbours outside their cluster of the map", "Kannan et al. 2004",
        ),
    }
)  # fmt: skip
