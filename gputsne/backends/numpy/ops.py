"""The numpy backend: the stages of this folder behind the one interface ``Ops``.

Numpy and scipy only, so that it runs without a compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from gputsne.backends.numpy import field, graph, place, step
from gputsne.backends.numpy import order as ordering
from gputsne.backends.protocol import Ops
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, Mesh, Reference, StepParams

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
    fft: Any = scipy.fft
    exact_below = (220, 400, 2000)  # CPU time of both on one thread
    epoch = 1  # looking at the extent is nothing beside the rest
    relabel_from = 1 << 62  # never: whole-array operations gain nothing from an order

    def __init__(self, n_jobs: int = 1) -> None:
        self.n_jobs = n_jobs

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """See ``Ops``."""
        return graph.conditional(distances, np.asarray(perplexities, np.float64))

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """See ``Ops``."""
        return graph.symmetrize(indices, p)

    def hold(self, P: Affinities) -> graph.Held:
        """See ``Ops``; P is copied."""
        return graph.hold(P)

    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """See ``Ops``."""
        return field.extent(Y)

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """See ``Ops``."""
        field.deposit(Y, mesh, center, charge)

    def gather(
        self,
        Y: FloatArray,
        mesh: Mesh,
        center: Sequence[float],
        potential: FloatArray,
        phi: FloatArray,
        grad: FloatArray,
    ) -> float:
        """See ``Ops``."""
        return field.gather(Y, mesh, center, potential, phi, grad)

    def exact(self, Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> float:
        """See ``Ops``."""
        return field.exact(Y, dof, phi, grad)

    def attract_and_step(
        self,
        P: Affinities,
        Y: FloatArray,
        Y_next: FloatArray,
        velocity: FloatArray,
        gains: FloatArray,
        grad: FloatArray,
        Z: float,
        dof: float,
        params: StepParams,
    ) -> None:
        """See ``Ops``."""
        held = graph.hold(P)
        step.attract_and_step(held, Y, Y_next, velocity, gains, grad, Z, dof, params)

    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """See ``Ops``."""
        return step.divergence(graph.hold(P), Y, dof)

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """See ``Ops``."""
        return ordering.curve(Y, box)

    def reorder(self, P: Affinities, order: IntArray) -> Affinities:
        """See ``Ops``."""
        return ordering.reorder(graph.hold(P), order)

    def place(
        self,
        reference: Reference,
        indices: IntArray,
        p: FloatArray,
        exaggeration: float,
        max_iter: int,
    ) -> FloatArray:
        """See ``Ops``."""
        graph.check_points("indices", indices, len(reference.Y))
        return place.place(reference, indices, p, exaggeration, max_iter)
