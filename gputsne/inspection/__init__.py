"""Vectors and maps looked at by their records: neighbours, clusters, edges, outliers, stability.

Works on any vectors and any map; no fit is needed. Every function returns ``Findings``: rows to
read and a flat dict of evidence, which ``gputsne.check`` judges. docs/inspection.md shows them.
"""

from gputsne.base.findings import Findings
from gputsne.inspection.cluster_number import choose_k
from gputsne.inspection.cluster_table import clusters
from gputsne.inspection.comparison import compare_models, spaces, tradeoff
from gputsne.inspection.downstream import classification, detection
from gputsne.inspection.far_points import norms, outliers
from gputsne.inspection.fits import convergence
from gputsne.inspection.map_faults import symptoms
from gputsne.inspection.nearest import neighbors
from gputsne.inspection.operation import footprint, latency
from gputsne.inspection.record_agreement import (
    agreement,
    field_agreement,
    numeric_agreement,
    value_spread,
    violations,
)
from gputsne.inspection.robustness import column_stability, stability
from gputsne.inspection.sampling import anomalies, boundary, representatives, spot_checks

__all__ = [
    "Findings",
    "agreement",
    "anomalies",
    "boundary",
    "choose_k",
    "classification",
    "clusters",
    "column_stability",
    "compare_models",
    "convergence",
    "detection",
    "field_agreement",
    "footprint",
    "latency",
    "neighbors",
    "norms",
    "numeric_agreement",
    "outliers",
    "representatives",
    "spaces",
    "spot_checks",
    "stability",
    "symptoms",
    "tradeoff",
    "value_spread",
    "violations",
]
