"""Gaussian affinities calibrated by perplexity: every point has the same number of neighbours.

van der Maaten & Hinton (2008), Visualizing data using t-SNE; van der Maaten (2014). Several
perplexities: Kobak & Berens (2019), The art of using t-SNE for single-cell transcriptomics;
``MultiscaleMixture`` of openTSNE, ``perplexity_list`` of FIt-SNE.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.affinities.weights import SetupOps, lengths, symmetric
from gputsne.base.messages import warn_user
from gputsne.base.types import Affinities, FloatArray, KNNGraph

__all__ = ["calibrated", "clip_perplexity", "n_neighbors_for", "perplexities_of", "perplexity"]

CALIBRATED_SHARE = 0.9  # of the neighbours, that a perplexity may reach
NEIGHBORS_PER_PERPLEXITY = 3  # van der Maaten (2014), section 4.1: floor(3 u) neighbours


def perplexity(
    graph: KNNGraph, perplexity: float | Sequence[float] = 30.0, *, ops: SetupOps | None = None
) -> Affinities:
    r"""Return P of Gaussians whose widths give every row the same entropy.

    .. math:: p_{j|i} \propto e^{-\beta_i d_{ij}^2}, \quad p_{ij} = (p_{j|i} + p_{i|j}) / 2n

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k). Distances must be 0 or more; infinite ones get no weight.
    perplexity : float or sequence of float, default 30
        Effective number of neighbours, at least 1. The conditionals of several perplexities are
        averaged.
    ops : object or None
        The backend that computes; None takes the best there is here.

    Returns
    -------
    Affinities
        ``unreached`` counts rows whose entropy stayed more than 1e-5 from ``log(perplexity)``: too
        few neighbours (they become uniform) or too many at the very same distance.

    Raises
    ------
    ValueError
        For a perplexity below 1, and distances that are negative or NaN.
    TypeError
        For a perplexity that is no number.

    Examples
    --------
    >>> import gputsne
    >>> graph = gputsne.knn([[0.0], [1.0], [3.0], [4.0]], k=3)
    >>> gputsne.affinities.perplexity(graph, 2.0).n
    4
    """
    return symmetric(graph, partial(calibrated, graph, perplexity=perplexity), ops)


def calibrated(
    graph: KNNGraph, ops: SetupOps, *, perplexity: float | Sequence[float] = 30.0
) -> tuple[FloatArray, int]:
    """Return the weights of directed neighbours whose rows have the entropy of the perplexity.

    Parameters
    ----------
    graph, perplexity
        As of ``perplexity``.
    ops : object
        The backend that computes.

    Returns
    -------
    p : array, shape (n, k), float32
        p_j|i, rows summing to 1.
    unreached : int
        Rows whose entropy was out of reach.
    """
    wanted = perplexities_of(perplexity).tolist()
    return ops.conditional(lengths(graph, ops), wanted)


def perplexities_of(perplexity: float | Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the perplexity or perplexities as a checked array, shape (q,), float64.

    Parameters
    ----------
    perplexity : float or sequence of float
        As in ``TSNE``.

    Returns
    -------
    array, shape (q,), float64

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If there are none, or one is not finite or below 1.
    """
    given: Any = perplexity
    values = np.asarray(given)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"perplexity={given!r}: pass a number or a sequence of numbers")
    if values.ndim > 1 or values.size == 0:
        raise ValueError(f"perplexity={given!r}: pass one number or a flat, non-empty sequence")
    values = np.atleast_1d(values).astype(np.float64)
    if not (np.isfinite(values).all() and (values >= 1).all()):
        raise ValueError(f"perplexity={given!r}: must be finite and at least 1")
    return values


def n_neighbors_for(perplexity: float | Sequence[float], n: int) -> int:
    """Return how many neighbours the largest perplexity asks for among ``n`` points.

    Three times the perplexity, as in van der Maaten (2014), and never more than ``n - 1``.

    Parameters
    ----------
    perplexity : float or sequence of float
        As in ``TSNE``.
    n : int
        Points.

    Returns
    -------
    int
        Neighbours per point.

    Examples
    --------
    >>> n_neighbors_for(30.0, 1000), n_neighbors_for([10, 50], 100)
    (90, 99)
    """
    wanted = NEIGHBORS_PER_PERPLEXITY * float(perplexities_of(perplexity).max())
    return max(0, min(n - 1, int(min(wanted, 2.0**31))))


def clip_perplexity(perplexity: float, neighbors: int, among: str = "") -> float:
    """Return the perplexity, or a third of the neighbours where it would weigh them nearly alike.

    A perplexity near the number of neighbours leaves no weights to tell near from far, and the map
    keeps nothing. Where ``among`` says what the neighbours are, the change is warned of.

    Parameters
    ----------
    perplexity : float
        As it is asked for.
    neighbors : int
        Neighbours of each point.
    among : str, default ""
        What the neighbours are, for the warning; empty for none.

    Returns
    -------
    float
        At least 1.

    Examples
    --------
    >>> clip_perplexity(30.0, 599), clip_perplexity(598.0, 599), clip_perplexity(30.0, 30)
    (30.0, 199.66666666666666, 10.0)
    """
    if perplexity <= CALIBRATED_SHARE * neighbors:
        return float(perplexity)
    lower = max(1.0, neighbors / NEIGHBORS_PER_PERPLEXITY)
    if among and lower < perplexity:
        warn_user(f"perplexity={perplexity} needs more than {neighbors} {among}; {lower:g} is used")
    return lower
