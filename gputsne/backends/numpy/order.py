"""Order in whole arrays: the curve through the map, and P with its points in another order.

Twin of csrc/kernels/relabel.hpp.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gputsne.backends.numpy.graph import Held, hold, inverse_of
from gputsne.base.types import Affinities, Array, FloatArray, IntArray

__all__ = ["curve", "reorder"]


def curve(Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
    """Return each point's place on a Morton curve through the map, shape (n,), uint32."""
    c = Y.shape[1]
    bits = (31, 15, 10)[c - 1]
    codes = np.zeros(len(Y), np.uint32)
    for axis, (low, high) in enumerate(box):
        inv_span = 1.0 / (high - low) if high > low else 0.0
        t = np.clip((Y[:, axis] - low) * inv_span, 0.0, 0.999999)
        cell = (t * float(1 << min(bits, 24))).astype(np.uint32)
        for b in range(bits):
            codes |= ((cell >> np.uint32(b)) & np.uint32(1)) << np.uint32(b * c + axis)
    return codes


def reorder(P: Affinities, order: IntArray) -> Held:
    """Return P with row and column ``i`` those of ``order[i]``."""
    P = hold(P)
    inverse = inverse_of(order, P.n)
    counts = np.diff(P.indptr)[order]
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    edges = np.repeat(P.indptr[order] - indptr[:-1], counts) + np.arange(P.nnz)
    return Held(indptr, inverse[P.indices[edges]], P.data[edges], P.unreached)
