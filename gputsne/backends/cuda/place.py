"""New points on the GPU, each on its own on a fitted map that does not move.

Kernel: csrc/cuda/place.cu.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.base.types import FloatArray, IntArray, Reference

__all__ = ["PlaceStage"]


class PlaceStage:
    """place of ``Ops``."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        # The fitted map (weakly), its Y and its potential on the device.
        self._placing: tuple[Any, FloatArray, FloatArray] | None = None

    def place(
        self, reference: Reference, indices: IntArray, p: FloatArray, exaggeration: float,
        max_iter: int,
    ) -> FloatArray:  # fmt: skip
        """See ``Ops``; the fitted map stays on the device between blocks."""
        gpu = self.gpu
        if self._placing is None or self._placing[0]() is not reference:
            Y, field = (gpu.put(a, np.float32) for a in (reference.Y, reference.potential))
            self._placing = (weakref.ref(reference), Y, field)
        _, Y, field = self._placing
        n, c = Y.shape
        ids, weights = gpu.put(indices, np.int32), gpu.put(p, np.float32)
        gpu.check_points("indices", ids, n)
        out = gpu.empty((len(ids), c), np.float32)
        fitted = gpu.module.Fitted(
            gpu.at(Y),
            n,
            c,
            reference.dof,
            gpu.at(field) if field.size else 0,
            list(reference.center),
            1.0 / reference.h,
            reference.order,
            list(reference.potential.shape),
            reference.offset,
            reference.rounding_floor,
            list(reference.low),
            list(reference.high),
        )
        query = gpu.module.Query(gpu.at(ids), gpu.at(weights), *ids.shape, exaggeration, max_iter)
        gpu.module.place(fitted, query, gpu.at(out), gpu.stream)
        return gpu.host(out)

    def release(self) -> None:
        """Drop the fitted map."""
        self._placing = None
