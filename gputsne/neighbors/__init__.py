"""X' to a neighbour graph: searched for by FAISS or scikit-learn, or brought by the user."""

from gputsne.neighbors.given import from_user
from gputsne.neighbors.graph import knn, on_device, on_host
from gputsne.neighbors.index import ReferenceIndex
from gputsne.neighbors.matrix import distance_matrix, from_sparse_distances
from gputsne.neighbors.metric import metric_for
from gputsne.neighbors.nearest import exact_neighbors

__all__ = [
    "ReferenceIndex",
    "distance_matrix",
    "exact_neighbors",
    "from_sparse_distances",
    "from_user",
    "knn",
    "metric_for",
    "on_device",
    "on_host",
]
