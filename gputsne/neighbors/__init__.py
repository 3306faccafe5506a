"""Which k points are nearest to each point? Found by FAISS or scikit-learn, or brought along."""

from gputsne.neighbors.given import from_sparse_distances, from_user
from gputsne.neighbors.graph import knn
from gputsne.neighbors.index import ReferenceIndex
from gputsne.neighbors.search.gpu import on_device

__all__ = ["ReferenceIndex", "from_sparse_distances", "from_user", "knn", "on_device"]
