"""The searches: all pairs, inverted lists, pair by pair; rows and libraries on a GPU.

All but ``pairwise`` find the nearest vectors by squared Euclidean distance, as ``Search`` says.
"""

from __future__ import annotations

from typing import Protocol

from gputsne.base.types import Array, FloatArray

__all__ = ["Search"]


class Search(Protocol):
    """A way to find the nearest of the vectors that it was built over."""

    source: str  # what KNNGraph tells
    rows: int  # queries of one block, after which Ctrl-C is heard

    def order(self) -> Array:
        """Return the vectors' numbers in the order in which searching for them is quickest."""

    def search(self, Q: FloatArray, k: int, own: Array) -> tuple[Array, Array]:
        """Find the k nearest vectors to each query of one block.

        Parameters
        ----------
        Q : array, shape (m, d), float32
            Queries.
        k : int
            Vectors for each.
        own : array, shape (m,)
            Numbers of the vectors that the queries belong to; empty where they belong to none.

        Returns
        -------
        squared : array, shape (m, k), float32
            Squared distances, ascending.
        ids : array, shape (m, k), int
            Numbers of vectors; -1 where float32 can't hold the distance.
        """
