"""Nearest of many candidates on the GPU, for gputsne/neighbors/search/tiles.py.

Kernels: csrc/cuda/select.cu.
"""

from __future__ import annotations

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.base.types import Array

__all__ = ["SelectStage"]


class SelectStage:
    """select_append and select_sort, which only this backend has."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def append(self, squared: Array, ids: Array, limit: Array, count: Array, keys: Array) -> None:
        """Append what of ``squared`` (m, t) is below ``limit`` (m,) to the lists (m, room)."""
        gpu = self.gpu
        squared = gpu.put(squared, np.float32)
        gpu.module.select_append(
            gpu.at(squared), *squared.shape, gpu.at(ids), gpu.at(limit), gpu.at(count),
            gpu.at(keys), keys.shape[1], gpu.stream,
        )  # fmt: skip

    def sort(self, count: Array, keys: Array, scratch: Array, k: int, limit: Array) -> None:
        """Keep the k least of each list, ascending; ``limit`` becomes the last of them."""
        gpu = self.gpu
        gpu.module.select_sort(
            gpu.at(count), gpu.at(keys), gpu.at(scratch), *keys.shape, k, gpu.at(limit),
            gpu.stream,
        )  # fmt: skip
