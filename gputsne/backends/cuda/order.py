"""Order on the GPU: the curve through the map, and P with its points in another order.

Kernels: csrc/cuda/order.cu.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.edges import Edges, cut
from gputsne.base.types import Array, FloatArray, IntArray

__all__ = ["OrderStage"]


class OrderStage:
    """curve and reorder of ``Ops``."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """See ``Ops``; on the device."""
        gpu = self.gpu
        n, c = Y.shape
        Y = gpu.put(Y, np.float32)
        codes = gpu.empty((n,), np.uint32)
        low, high = [a for a, _ in box], [b for _, b in box]
        gpu.module.curve(gpu.at(Y), n, c, low, high, gpu.at(codes), gpu.stream)
        return codes

    def reorder(self, P: Edges, order: IntArray) -> Edges:
        """See ``Ops``."""
        gpu = self.gpu
        n, stream = P.n, gpu.stream
        if order.shape != (n,):
            raise ValueError(f"order has shape {order.shape}, needs ({n},)")
        order = arrays.copied(gpu, order, np.int32)
        gpu.check_points("order", order, n)
        inverse = gpu.fill(gpu.empty((n,), np.int32), -1)
        indptr = gpu.xp.zeros((n + 1,), np.int64)
        indices, data = (gpu.empty(a.shape, a.dtype) for a in (P.indices, P.data))
        at_order, old = gpu.at(order), gpu.at(P.indptr)
        gpu.module.invert(at_order, n, gpu.at(inverse), stream)
        # a place that no point came to: another came twice
        if (
            gpu.first_bad(lambda bad: gpu.module.check_points(gpu.at(inverse), n, n, bad, stream))
            >= 0
        ):
            raise ValueError(f"order lists a point twice; it must hold each of 0 .. {n - 1} once")
        gpu.module.moved_degrees(old, at_order, n, gpu.at(indptr), stream)
        arrays.scan(gpu, indptr)
        gpu.module.move_edges(
            old, gpu.at(P.indices), gpu.at(P.data), P.half, at_order, gpu.at(inverse), n,
            gpu.at(indptr), gpu.at(indices), gpu.at(data), stream,
        )  # fmt: skip
        return Edges(indptr, indices, data, P.unreached, P.scale, cut(gpu, indptr))
