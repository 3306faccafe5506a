"""Gaussian affinities of one width for all points, dense regions or sparse ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gputsne.affinities.weights import BLOCK_ENTRIES, SetupOps, check_distances, symmetric
from gputsne.base.rows import row_blocks
from gputsne.base.types import Affinities, FloatArray, KNNGraph

__all__ = ["N_NEIGHBORS", "fixed_sigma", "of_width"]

N_NEIGHBORS = 90  # as many as perplexity 30 asks for
SMALLEST_WEIGHT = 1e-20  # as in csrc/kernels/perplexity.hpp: no denormal numbers later


def fixed_sigma(graph: KNNGraph, sigma: float, *, ops: SetupOps | None = None) -> Affinities:
    r"""Return P of Gaussians of one width.

    .. math:: p_{j|i} \propto e^{-d_{ij}^2 / 2 \sigma^2}, \quad p_{ij} = (p_{j|i} + p_{i|j}) / 2n

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k). Distances must be 0 or more; infinite ones get no weight.
    sigma : float
        The width, in the unit of the distances.
    ops : object or None
        The backend that computes; None takes the best there is here.

    Returns
    -------
    Affinities
        A width far below the distances leaves each point its nearest neighbour, one far above
        weighs all alike.

    Raises
    ------
    ValueError
        For a width that is not finite and above 0, and for distances that are negative or NaN.
    TypeError
        For a width that is no number.

    Examples
    --------
    >>> import gputsne
    >>> graph = gputsne.knn([[0.0], [1.0], [3.0]], k=2)
    >>> gputsne.affinities.fixed_sigma(graph, 0.5).n
    3
    """
    return symmetric(graph, partial(of_width, graph, sigma=sigma), ops)


def of_width(graph: KNNGraph, ops: SetupOps, *, sigma: float) -> tuple[FloatArray, int]:
    """Return the weights of directed neighbours by Gaussians of one width.

    Parameters
    ----------
    graph, sigma
        As of ``fixed_sigma``.
    ops : object
        The backend that computes.

    Returns
    -------
    p : array, shape (n, k), float32
        p_j|i, rows summing to 1.
    unreached : int
        0.
    """
    width = _positive(sigma)
    there = ops.fixed_width(graph, width)
    return (_conditional(check_distances(graph), width) if there is None else there), 0


def _positive(sigma: Any) -> float:
    try:
        width = float(sigma)
    except (TypeError, ValueError):
        raise TypeError(f"sigma={sigma!r}: pass a number") from None
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"sigma={sigma!r}: must be finite and above 0")
    return width


def _conditional(distances: FloatArray, sigma: float) -> FloatArray:
    """Return p_j|i, rows summing to 1; exponents are counted from the nearest, so never 0 / 0."""
    p = np.empty_like(distances)
    for rows in row_blocks(len(p), p.shape[1], BLOCK_ENTRIES):
        d = distances[rows].astype(np.float64)
        nearest = d.min(axis=1, keepdims=True)
        nearest[np.isinf(nearest)] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # 0 * infinity, set to 0 below
            exponent = (d - nearest) / sigma * ((d + nearest) / sigma) * -0.5
        exponent[d == nearest] = 0.0
        exponent[~np.isfinite(d).any(axis=1)] = 0.0  # nothing is known of the row: uniform
        w = np.exp(exponent)
        w[w < SMALLEST_WEIGHT] = 0.0
        p[rows] = w / w.sum(axis=1, keepdims=True)
    return p
