"""Recall, measured one way everywhere: the share of sampled rows' true neighbours that were found.

A neighbour counts by its distance, so that among ties any will do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gputsne.base import deadline
from gputsne.base.types import Array, FloatArray, KNNGraph
from gputsne.neighbors.metric import VectorMetric
from gputsne.neighbors.search import Search
from gputsne.neighbors.search.exact import SEARCHING, exact_float64
from gputsne.neighbors.search.ranking import others, without_self

__all__ = ["SAMPLE", "Sample", "measure", "recall_of_rounded", "sample_of", "share_found"]

SAMPLE = 1000  # rows that recall is measured on; its standard error is then below 0.005
# Two searches round the same distance apart by a few units of 2**-24 = 6e-8.
TIE = 1e-5
# Numbers that the check in float64 compares with, 0.5 s; at least LEAST rows are looked at.
FLOAT64_NUMBERS, LEAST = 1e8, 16


class Sample(NamedTuple):
    """Rows that recall is measured on: their query vectors and numbers in the database."""

    Q: FloatArray
    own: Array


def sample_of(rows: Array, seed: int, most: int = SAMPLE) -> Array:
    """Return some of the rows, ascending; the same for the same seed."""
    return np.sort(np.random.default_rng([seed, 1]).permutation(rows)[:most])


def share_found(squared: Array, truth: Array) -> float:
    """Return the recall of lists, shape (s, k), whose true distances are known.

    Parameters
    ----------
    squared : array, shape (s, k)
        Squared distances of the neighbours found.
    truth : array, shape (s, k)
        Squared distances of the true ones, ascending.
    """
    farthest = truth[:, -1:] * truth.dtype.type(1 + TIE)
    return float((squared <= farthest).mean())


def measure(search: Search, sample: Sample, k: int, truth: Array) -> float:
    """Return the recall of a search on a sample.

    Parameters
    ----------
    search : Search
        What is to be judged.
    sample : Sample
        Rows to search for, s of them; none counts as its own neighbour.
    k : int
        Neighbours of each.
    truth : array, shape (s, k)
        Squared distances of their true neighbours, ascending.
    """
    squared = np.empty_like(truth)
    for start in range(0, len(sample.own), search.rows):
        deadline.check(SEARCHING)
        part = slice(start, start + search.rows)
        own = sample.own[part]
        squared[part], _ = others(search, sample.Q[part], k, own)
    return share_found(squared, truth)


def recall_of_rounded(X: Array | None, metric: VectorMetric, graph: KNNGraph, seed: int) -> float:
    """Return the recall in the user's float64 numbers of lists that were found in float32.

    Parameters
    ----------
    X : array, shape (n, d), float64, or None
        Rows as they were before float32 rounded them; None where it didn't.
    metric : VectorMetric
        Of the lists.
    graph : KNNGraph
        What was found.
    seed : int
        Of the sample.

    Returns
    -------
    float
        1.0 where rounding is too small to have hidden any neighbour, as with ordinary data.
    """
    if X is None:
        return 1.0
    n, d = X.shape
    metric = metric.learn(X)
    own = sample_of(np.arange(n), seed)
    vectors = metric.query_vectors(X[own])
    blur = np.linalg.norm(vectors - vectors.astype(np.float32), axis=1)
    radius = np.sqrt(metric.to_squared(graph.distances[own, -1].astype(np.float64)))
    # The row and its neighbour are off by that much, so their distance by twice as much.
    if not (2.0 * blur > TIE * radius).any():
        return 1.0
    own = own[np.random.default_rng([seed, 2]).permutation(len(own))]
    own = np.sort(own[: int(np.clip(FLOAT64_NUMBERS / (n * d), LEAST, SAMPLE))])
    Z, Q = metric.to_vectors(X), metric.query_vectors(X[own])
    truth = without_self(*exact_float64(Q, Z, graph.k + 1), own)[0]
    found = np.square(Z[graph.indices[own]] - Q[:, None]).sum(axis=2)
    return share_found(found, truth)
