"""The step on the GPU: attraction along the edges of P and the update of the map; the divergence.

Kernels: csrc/cuda/step.cu.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.edges import Edges
from gputsne.backends.cuda.field import OnDevice, Watch
from gputsne.backends.cuda.numbers import Numbers
from gputsne.base.types import FloatArray, StepParams

__all__ = ["StepStage"]

INFINITY = float("inf")


class StepStage:
    """attract_and_step and divergence of ``Ops``.

    Parameters
    ----------
    gpu : Gpu
    watch : Watch
        The box of the mesh in use, the flag that is raised where a point leaves it, and the extent
        of the map that a step leaves.
    numbers : Numbers
        Where a captured step reads what changes.
    """

    def __init__(self, gpu: Gpu, watch: Watch, numbers: Numbers) -> None:
        self.gpu, self.watch, self.numbers = gpu, watch, numbers

    def attract_and_step(
        self, P: Edges, Y: FloatArray, Y_next: FloatArray, velocity: FloatArray,
        gains: FloatArray, grad: FloatArray, Z: Any, dof: float, params: StepParams,
    ) -> None:  # fmt: skip
        """See ``Ops``; raises a flag on the device where a point leaves the mesh."""
        gpu = self.gpu
        n, c = Y.shape
        at_Z = Z.value if isinstance(Z, OnDevice) else gpu.put([float(Z)], np.float64)
        low, high = self.watch.box or ([-INFINITY] * c, [INFINITY] * c)
        now, changed = self.numbers.step((params, tuple(low), tuple(high), P.scale, dof))
        into = gpu.module.StepInto(
            grad=gpu.at(grad),
            Y_next=gpu.at(Y_next),
            velocity=gpu.at(velocity),
            gains=gpu.at(gains),
            Z=gpu.at(at_Z),
            dof=dof,
            exaggeration=params.exaggeration,
            momentum=params.momentum,
            learning_rate=params.learning_rate,
            max_step=params.max_step,
            min_gain=params.min_gain,
            low=low,
            high=high,
            escaped=self.watch.flag_at(gpu),
            extent=self.watch.keys_at(gpu),
            now=now,
            write=changed,
        )
        gpu.module.attract_and_step(gpu.at(Y), n, c, P.told(gpu), into, gpu.stream)

    def divergence(self, P: Edges, Y: FloatArray, dof: float) -> float:
        """See ``Ops``; waits for the device."""
        gpu = self.gpu
        n, c = Y.shape
        rows, out = gpu.empty((n,), np.float32), gpu.empty((1,), np.float64)
        scratch = gpu.empty((gpu.sum_scratch,), np.float64)
        gpu.module.divergence(
            gpu.at(Y), n, c, P.told(gpu), dof, gpu.at(rows), gpu.at(scratch), gpu.at(out),
            gpu.stream,
        )  # fmt: skip
        return float(out[0])
