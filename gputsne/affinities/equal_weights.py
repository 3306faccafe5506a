"""Uniform affinities: the same weight for each of the k nearest neighbours."""

from __future__ import annotations

from functools import partial

import numpy as np

from gputsne.affinities.weights import SetupOps, symmetric
from gputsne.base.types import Affinities, FloatArray, KNNGraph

__all__ = ["N_NEIGHBORS", "equal", "uniform"]

# UMAP's default; close to perplexity 30 at a sixth of the edges (Böhm et al. 2022, Attraction-
# repulsion spectrum in neighbor embeddings).
N_NEIGHBORS = 15


def uniform(graph: KNNGraph, *, ops: SetupOps | None = None) -> Affinities:
    """Return P of ``p_j|i = 1 / k`` for the k neighbours of each point, which may differ.

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k); an infinite distance means "no neighbour", other distances
        play no part.
    ops : object or None
        The backend that computes; None takes the best there is here.

    Returns
    -------
    Affinities
        Neighbours of each other weigh twice as much as those listed on one side only.

    Examples
    --------
    >>> import gputsne
    >>> graph = gputsne.knn([[0.0], [1.0], [3.0]], k=1)
    >>> gputsne.affinities.uniform(graph).to_csr().toarray().astype(float).round(2).tolist()
    [[0.0, 0.33, 0.0], [0.33, 0.0, 0.17], [0.0, 0.17, 0.0]]
    """
    return symmetric(graph, partial(equal, graph), ops)


def equal(graph: KNNGraph, ops: SetupOps) -> tuple[FloatArray, int]:
    """Return 1 / neighbours for each of them.

    Parameters
    ----------
    graph : KNNGraph
        As of ``uniform``.
    ops : object
        The backend that computes.

    Returns
    -------
    p : array, shape (n, k), float32
        p_j|i, rows summing to 1.
    unreached : int
        0.
    """
    there = ops.equal_weights(graph)
    if there is not None:
        return there, 0
    known = np.isfinite(graph.distances)
    p: FloatArray = (known / np.maximum(1, known.sum(axis=1, keepdims=True))).astype(np.float32)
    return p, 0
