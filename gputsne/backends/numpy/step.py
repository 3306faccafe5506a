"""The step in whole arrays: attraction along the edges, the update of the map, the divergence.

Twin of csrc/kernels/{attract,step}.hpp: float32 at the borders, float64 inside, every sum in a
fixed order. Symbols: docs/math.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gputsne.backends.numpy.graph import hold
from gputsne.base.types import Affinities, Array, FloatArray, StepParams

__all__ = ["attract_and_step", "divergence"]

F64 = npt.NDArray[np.float64]
BLOCK_EDGES = 1 << 18  # as many as BLOCK_PAIRS in field.py


def attract_and_step(
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
    """Write the next map into ``Y_next``; ``velocity`` and ``gains`` are updated in place."""
    if np.may_share_memory(Y, Y_next):
        raise ValueError("Y_next is Y; rows that are still to be read would be overwritten")
    P = hold(P)
    attraction = 2.0 * (dof + 1.0) / dof * params.exaggeration
    repulsion = 2.0 / Z if Z > 0 else 0.0  # one point, or all beyond reach of each other
    for rows, own, d, w in _edges(P, Y, dof):
        pull = [np.bincount(own, w * x, minlength=rows.stop - rows.start) for x in d]
        slope = attraction * np.stack(pull, axis=1) + repulsion * grad[rows].astype(float)
        onward = (velocity[rows] > 0) != (slope > 0)  # moving downhill already
        g = gains[rows].astype(np.float64)
        gains[rows] = np.where(onward, g + 0.2, g * 0.8 + params.min_gain)
        v = params.momentum * velocity[rows].astype(np.float64)
        v -= params.learning_rate * gains[rows] * slope
        length = np.sqrt((v * v).sum(axis=1, keepdims=True))
        v *= params.max_step / np.maximum(length, params.max_step)
        velocity[rows] = v
        Y_next[rows] = Y[rows] + v


def divergence(P: Affinities, Y: FloatArray, dof: float) -> float:
    """Return ``sum_ij p_ij (log p_ij - log K_ij)`` in float64; KL is this plus log Z."""
    P, total = hold(P), 0.0
    for rows, _, d, _ in _edges(P, Y, dof):
        p = P.data[P.indptr[rows.start] : P.indptr[rows.stop]].astype(np.float64)
        log_k = -(dof + 1.0) / 2.0 * np.log1p((d * d).sum(axis=0) / dof)
        total += float((p * (np.log(np.where(p > 0, p, 1.0)) - log_k)).sum())
    return total


def _edges(P: Affinities, Y: FloatArray, dof: float) -> Iterator[tuple[slice, Array, F64, F64]]:
    """Yield blocks of rows: which, each edge's row in it, y_i - y_j, p_ij / (1 + r2 / dof)."""
    y = Y.astype(np.float64)
    first, n = 0, P.n
    while first < n:
        last = int(np.searchsorted(P.indptr, P.indptr[first] + BLOCK_EDGES, side="right")) - 1
        last = min(max(last, first + 1), n)
        own = np.repeat(np.arange(last - first), np.diff(P.indptr[first : last + 1]))
        edges = slice(int(P.indptr[first]), int(P.indptr[last]))
        d = np.ascontiguousarray((y[first + own] - y[P.indices[edges]]).T)
        w = P.data[edges] / (1.0 + (d * d).sum(axis=0) / dof)
        yield slice(first, last), own, d, w
        first = last
