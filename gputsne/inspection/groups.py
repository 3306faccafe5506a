"""Clusters given by the user: names, members and silhouettes, read in one way everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.rows import finite_points
from gputsne.metrics.clusters import silhouette_of
from gputsne.metrics.context import Context

__all__ = ["Groups", "read_groups"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Groups:
    """Points in clusters.

    Attributes
    ----------
    X : array, shape (n, d), float64
        Vectors or a map.
    names : list
        Of the clusters, in sorted order.
    codes : array, shape (n,), int64
        Each point's cluster as its place among the names; -1 in none.
    """

    X: F64
    names: list[Any]
    codes: I64

    def members(self, code: int) -> I64:
        """Return the rows of one cluster, ascending."""
        return np.flatnonzero(self.codes == code)

    def centre(self, code: int) -> F64:
        """Return the mean of one cluster."""
        centre: F64 = self.X[self.members(code)].mean(axis=0)
        return centre

    def nearest_to_centre(self, code: int) -> tuple[I64, F64]:
        """Return a cluster's rows and their distances from its mean, nearest first."""
        own = self.members(code)
        far = np.linalg.norm(self.X[own] - self.centre(code), axis=1)
        order = np.argsort(far, kind="stable")
        return own[order], far[order]

    def silhouettes(self, sample: int | None, random_state: int | None) -> F64:
        """Return the silhouette of each point, NaN where it was not asked or is in no cluster."""
        told = [None if code < 0 else int(code) for code in self.codes]
        context = Context(Y=self.X, labels=told, sample=sample, random_state=random_state)
        found = silhouette_of(context)
        scores = np.full(len(self.X), np.nan)
        if found.scores is not None and found.rows is not None:
            scores[found.rows] = found.scores
        return scores


def read_groups(X: Any, clusters: Any) -> Groups:
    """Read points and the cluster of each.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    clusters : array-like, shape (n,)
        Names or numbers; missing ones, and -1 among numbers, are in none.

    Returns
    -------
    Groups
        With at least one cluster.

    Raises
    ------
    ValueError
        If lengths differ or no point is in a cluster.
    """
    vectors = finite_points("X", X)
    column = read_column(clusters, len(vectors), name="clusters", whose="X")
    names, codes = column.codes()
    if column.numeric and -1 in names:
        noise = names.index(-1)
        codes = np.where(codes == noise, -1, np.where(codes > noise, codes - 1, codes))
        names = [name for name in names if name != -1]
    if not names:
        raise ValueError(f"clusters has no cluster: all {len(vectors)} points are in none")
    return Groups(vectors, names, codes)
