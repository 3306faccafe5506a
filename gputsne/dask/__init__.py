"""Neighbours, places, judgement and samples of rows on a Dask cluster, by the local ones' bytes.

docs/dask.md shows it. The extra ``dask`` brings what it needs; importing this room does not.
"""

from gputsne.dask.judging import evaluate
from gputsne.dask.neighbors import knn
from gputsne.dask.placing import transform
from gputsne.dask.sampling import sample

__all__ = ["evaluate", "knn", "sample", "transform"]
