"""From the weights of directed neighbours to the symmetric P: what every affinity shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from gputsne.base.rows import row_blocks
from gputsne.base.types import Affinities, FloatArray, KNNGraph

__all__ = ["BLOCK_ENTRIES", "SetupOps", "check_distances", "lengths", "symmetric"]

BLOCK_ENTRIES = 1 << 21  # float64 work arrays of 16 MB; a Ctrl-C waits for one block at most


class SetupOps(Protocol):
    """The operations a backend lends to this stage."""

    def lengths(self, graph: KNNGraph) -> FloatArray | None:
        """Return the distances, checked, where the backend keeps arrays.

        Parameters
        ----------
        graph : KNNGraph
            Neighbour lists, shape (n, k).

        Returns
        -------
        array, shape (n, k), float32, or None
            None where main memory is the place to do it.
        """

    def equal_weights(self, graph: KNNGraph) -> FloatArray | None:
        """Return 1 / neighbours for each.

        Parameters
        ----------
        graph : KNNGraph
            Neighbour lists, shape (n, k).

        Returns
        -------
        array, shape (n, k), float32, or None
            None where main memory is the place to do it.
        """

    def fixed_width(self, graph: KNNGraph, sigma: float) -> FloatArray | None:
        """Return the weights of Gaussians of one width.

        Parameters
        ----------
        graph : KNNGraph
            Neighbour lists, shape (n, k).
        sigma : float
            The width, unit of the distances.

        Returns
        -------
        array, shape (n, k), float32, or None
            None where main memory is the place to do it.
        """

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """Return p_j|i of Gaussians whose widths are found row by row.

        Parameters
        ----------
        distances : array, shape (n, k), float32
            0 or more.
        perplexities : sequence of float
            Several are averaged.

        Returns
        -------
        p : array, shape (n, k), float32
            Rows sum to 1.
        unreached : int
            Rows that missed their entropy.
        """

    def joint(self, graph: KNNGraph, p: FloatArray, unreached: int) -> Affinities:
        """Return (p_j|i + p_i|j) / 2n.

        Parameters
        ----------
        graph : KNNGraph
            Neighbour lists, shape (n, k).
        p : array, shape (n, k), float32
            p_j|i.
        unreached : int
            Rows that missed their entropy.

        Returns
        -------
        Affinities
        """


def symmetric(
    graph: KNNGraph,
    conditional: Callable[[SetupOps], tuple[FloatArray, int]],
    ops: SetupOps | None,
) -> Affinities:
    """Return (p_j|i + p_i|j) / 2n of the weights that an affinity gives.

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k).
    conditional : callable
        Given the backend, returns p_j|i of shape (n, k), float32, rows summing to 1, and how many
        rows missed what was asked for.
    ops : object or None
        A backend; None takes the best there is here.

    Returns
    -------
    Affinities
        Symmetric to the bit.
    """
    if ops is None:
        from gputsne.backends import choose

        ops = choose("auto").ops
    p, unreached = conditional(ops)
    return ops.joint(graph, p, unreached)


def lengths(graph: KNNGraph, ops: SetupOps) -> FloatArray:
    """Return the distances where the backend reads them, or say where one is negative or NaN."""
    there = ops.lengths(graph)
    return check_distances(graph) if there is None else there


def check_distances(graph: KNNGraph) -> FloatArray:
    """Return the distances as C-ordered float32, or say where one is negative or NaN."""
    distances = np.ascontiguousarray(graph.distances, dtype=np.float32)
    for rows in row_blocks(graph.n, graph.k, BLOCK_ENTRIES):
        wrong = ~(distances[rows] >= 0)
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise ValueError(
                f"distances[{rows.start + i}, {j}]={distances[rows.start + i, j]}: must be 0 or "
                "more (infinite for 'no neighbour'); turn similarities into distances first"
            )
    return distances
