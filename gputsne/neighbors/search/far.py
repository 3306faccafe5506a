"""Queries so far from all vectors that float32 can't tell which is nearest, or holds no square.

|x - q|^2 = |q|^2 + (|x|^2 - 2 x.q): the bracket alone decides, and in float64 it keeps its digits
however far away q lies.
"""

from __future__ import annotations

import numpy as np

from gputsne.base.types import Array, FloatArray
from gputsne.neighbors.search.ranking import smallest

__all__ = ["FarQueries"]

# Distances from q to two vectors differ by at most 2 / FAR of themselves: beyond 2**18 radii that
# is within a hundred roundings of float32.
FAR = 2.0**18
BLOCK_NUMBERS = 1 << 20


class FarQueries:
    """Exact search for queries far from all vectors.

    Parameters
    ----------
    X : array, shape (n, d), float32
        The vectors.
    """

    def __init__(self, X: FloatArray) -> None:
        self.X = X
        self.centre = X.mean(axis=0, dtype=np.float64)
        self.radius = float(np.sqrt(max(float(norms.max()) for norms, _ in self._parts())))

    def _parts(self, q: Array | None = None) -> list[tuple[Array, Array]]:
        """Return squared norms about the centre, and products with q, block by block."""
        step = max(1, BLOCK_NUMBERS // self.X.shape[1])
        parts = []
        for start in range(0, len(self.X), step):
            block = self.X[start : start + step] - self.centre
            norms = np.square(block).sum(axis=1)
            parts.append((norms, norms if q is None else np.einsum("ij,j->i", block, q)))
        return parts

    def too_far(self, nearest: FloatArray) -> Array:
        """Tell of which queries the nearest, at these squared distances, is not sure."""
        too_far: Array = np.sqrt(nearest.astype(np.float64)) > FAR * self.radius
        return too_far & (self.radius > 0.0)

    def search(self, Q: Array, k: int) -> tuple[Array, Array]:
        """Find the k nearest vectors to each query.

        Parameters
        ----------
        Q : array, shape (m, d), float64
            Queries.
        k : int
            Vectors for each.

        Returns
        -------
        squared : array, shape (m, k), float64
            Squared distances, ascending.
        ids : array, shape (m, k), int64
            Numbers of vectors, the lower first among equals.
        """
        squared, ids = np.empty((len(Q), k)), np.empty((len(Q), k), np.int64)
        for i, q in enumerate(Q - self.centre):
            bracket = np.concatenate([norms - 2.0 * along for norms, along in self._parts(q)])
            nearest, ids[i] = (a[0] for a in smallest(bracket[None], k))
            squared[i] = np.maximum(q @ q + nearest, 0.0)
        return squared, ids
