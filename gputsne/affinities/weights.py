"""From the weights of directed neighbours to the symmetric P: what every affinity shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from gputsne.base.rows import row_blocks
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, KNNGraph

__all__ = ["BLOCK_ENTRIES", "SetupOps", "check_distances", "symmetric"]

BLOCK_ENTRIES = 1 << 21  # float64 work arrays of 16 MB; a Ctrl-C waits for one block at most


class SetupOps(Protocol):
    """The two operations a backend lends to this stage."""

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """Return p_j|i, shape (n, k), and the number of rows that missed their entropy."""

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """Return (p_j|i + p_i|j) / 2n as the three arrays of a CSR matrix."""


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
        A backend with ``conditional`` and ``symmetrize``; None takes the best there is here.

    Returns
    -------
    Affinities
        Symmetric to the bit.
    """
    if ops is None:
        from gputsne.backends import choose

        ops = choose("auto").ops
    p, unreached = conditional(ops)
    indices = np.ascontiguousarray(graph.indices, dtype=np.int32)
    return Affinities(*ops.symmetrize(indices, p), unreached=unreached)


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
