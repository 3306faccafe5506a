"""The k nearest neighbours of rows, found on a GPU from end to end.

What is rare is left to main memory (graph.py): rows that don't fit twice, that float32 can't
square, or of which more than k are copies of one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base.types import KNNGraph
from gputsne.neighbors.choose import RESIDENT, Wish, choose_by_rows, device_bytes, name_search
from gputsne.neighbors.metric import VectorMetric
from gputsne.neighbors.recall import Sample, sample_of
from gputsne.neighbors.search.device_rows import DeviceRows

__all__ = ["graph_there"]

log = logging.getLogger("gputsne")


def graph_there(
    X: Any, k: int, metric: VectorMetric, wish: Wish, device: tuple[Any, str],
    counter: Callable[[int], None],
) -> KNNGraph | None:  # fmt: skip
    """Return the graph, which stays on the device; None where main memory has to help.

    Parameters
    ----------
    X : array, shape (n, d), float32
        Finite rows, kept by the device or in main memory.
    k : int
        Neighbours of each, from 1 to n - 1.
    metric : VectorMetric
        Which has yet to learn from the rows.
    wish : Wish
        What is asked.
    device : tuple of Ops and str
        A backend, and what is to search: one of ``choose.SEARCHES``.
    counter : callable
        Told how many rows are done.
    """
    ops, by = device
    n, d = X.shape
    how, why = name_search(n, k, metric, wish, by)
    if how not in ("tiles", "cells") or X.dtype != np.float32:
        return None
    if device_bytes(n, d + 1) > RESIDENT * ops.memory()[0]:
        return None
    given = ops.given_rows(X)
    given = ops.sent_rows(np.asarray(X)) if given is None else given
    metric = metric.learn(given)
    if metric.factor != 1.0:
        return None
    Z = metric.to_vectors(given)
    log.info("neighbours by %s: %s", how, why)
    rows = DeviceRows(Z, ops, wish.seed)

    def sample() -> Sample:
        own = sample_of(np.arange(n), wish.seed)
        return Sample(metric.query_vectors(given.take(own)), own)

    chosen = choose_by_rows(Z, k, wish, sample, ops, how == "cells", rows)
    if rows.rows < n:
        return None
    if metric.queries_are_vectors:
        squared, near = rows.nearest(None, k)
    else:
        squared, near = rows.nearest(metric.query_vectors(given), k, np.arange(n, dtype=np.int32))
    stage = rows.stage
    copies = metric.duplicates_are_zero and not stage.apart(squared)
    if copies or not stage.all_near(squared, near, np.inf):
        return None
    counter(n)
    lengths = stage.own_unit(squared, metric.unit, 1.0)
    graph: KNNGraph = stage.graph(near, lengths, chosen.recall, rows.source, metric.name)
    return graph
