"""The numpy backend: the stages of this folder behind the one interface ``Ops``.

Numpy and scipy only, so that it runs without a compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.backends.numpy import field, graph, place, step
from gputsne.backends.numpy import order as ordering
from gputsne.backends.protocol import Ops

__all__ = ["NumpyOps"]


class NumpyOps(Ops):
    """The operations in whole arrays of numpy.

    Parameters
    ----------
    n_jobs : int, default 1
        Threads of the FFT; everything else here runs on one.
    """

    name = "numpy"
    xp: Any = np
    # CPU time of both on one thread; node_pairs at 2,000 points
    exact_below = ((220, 400, 2000), (220, 400, 2000))
    node_pairs = ((1.0, 1.0, 1.0), (0.5, 0.5, 0.5))
    epoch = 1  # looking at the extent is nothing beside the rest
    relabel_from = 1 << 62  # never: whole-array operations gain nothing from an order

    def __init__(self, n_jobs: int = 1) -> None:
        self.n_jobs = n_jobs

    conditional = staticmethod(graph.conditional)
    symmetrize = staticmethod(graph.symmetrize)
    hold = staticmethod(graph.hold)
    extent = staticmethod(field.extent)
    deposit = staticmethod(field.deposit)
    gather = staticmethod(field.gather)
    exact = staticmethod(field.exact)
    attract_and_step = staticmethod(step.attract_and_step)
    divergence = staticmethod(step.divergence)
    curve = staticmethod(ordering.curve)
    reorder = staticmethod(ordering.reorder)
    place = staticmethod(place.place)
