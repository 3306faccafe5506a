"""Neighbour lists from outside on the GPU: checked, sorted, weighed, and never copied back.

Kernels: csrc/cuda/lists.cu. What is wrong with a list is told by gputsne/neighbors/given.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.held import HeldGraph
from gputsne.base.types import Array, FloatArray, IntArray, KNNGraph

__all__ = ["GivenLists", "ListStage"]

SCRATCH_NUMBERS = 1 << 26  # uint64 of scratch for a block of rows: 0.5 GB


class GivenLists:
    """Lists as they were given, on the device.

    Parameters
    ----------
    gpu : Gpu
    indices, distances : array, shape (n, k)
        Of any integer and any real type, in main memory or on the device.

    Attributes
    ----------
    width : int
        Places of each list.
    """

    def __init__(self, gpu: Gpu, indices: Any, distances: Any) -> None:
        self.gpu = gpu
        self.ids = _sent(gpu, indices, np.int32, np.int64)
        self.distances = _sent(gpu, distances, np.float32, np.float64)
        # numpy's as they came, for messages: numbers beyond int64 were cut
        self._as_given = [
            theirs if type(theirs) is np.ndarray else mine
            for theirs, mine in ((indices, self.ids), (distances, self.distances))
        ]
        self.n, self.width = self.ids.shape
        self._given = gpu.module.Given(
            gpu.at(self.ids), self.ids.dtype.itemsize == 8, gpu.at(self.distances),
            self.distances.dtype.itemsize == 8, self.n, self.width,
        )  # fmt: skip

    def _blocks(self) -> list[tuple[int, int]]:
        rows = max(1, min(self.n, SCRATCH_NUMBERS // max(1, 2 * self.width)))
        return [(begin, min(self.n, begin + rows)) for begin in range(0, self.n, rows)]

    def _scratch(self) -> Array:
        first, last = self._blocks()[0]
        return self.gpu.empty(((last - first) * 2 * self.width,), np.uint64)

    def farthest(self) -> float:
        """Return the largest finite distance, at least 0; waits for the device."""
        gpu = self.gpu
        scratch, out = gpu.empty((gpu.sum_scratch,), np.float32), gpu.empty((1,), np.float32)
        gpu.module.farthest(self._given, gpu.at(scratch), gpu.at(out), gpu.stream)
        return float(gpu.host(out)[0])

    def check(self, slack: float) -> list[int]:
        """Return the first row with each fault, -1 for none, as ``check_lists`` tells them.

        The last two: how many rows list nobody, and whether any point lists itself.
        """
        gpu = self.gpu
        report, scratch = gpu.put(np.array([-1] * 4 + [0] * 2), np.int64), self._scratch()
        for begin, end in self._blocks():
            at = (begin, end, gpu.at(scratch), gpu.at(report), gpu.stream)
            gpu.module.check_lists(self._given, slack, *at)
        return [int(value) for value in gpu.host(report)]

    def row(self, i: int) -> tuple[Array, Array]:
        """Return row i in main memory as it was given, ids and distances of shape (1, width)."""
        ids, distances = (a[i : i + 1] for a in self._as_given)
        return self._down(ids), self._down(distances)

    def _down(self, a: Any) -> Array:
        return a if type(a) is np.ndarray else self.gpu.host(a)

    def sorted(self, k: int, **kept: Any) -> HeldGraph:
        """Return the k nearest others of each point; ``kept``: recall, source and metric."""
        gpu, scratch = self.gpu, self._scratch()
        ids, lengths = gpu.empty((self.n, k), np.int32), gpu.empty((self.n, k), np.float32)
        for begin, end in self._blocks():
            at = (k, begin, end, gpu.at(scratch), gpu.at(ids), gpu.at(lengths), gpu.stream)
            gpu.module.sort_lists(self._given, *at)
        gpu.wait()
        return HeldGraph(ids, lengths, gpu.number, gpu.host, **kept)


def _sent(gpu: Gpu, a: Any, narrow: Any, wide: Any) -> Array:
    """Return the array on the device in one of two types; what lies there is taken as it is."""
    if hasattr(a, "__cuda_array_interface__"):
        if a.dtype in (narrow, wide):
            return gpu.put(a, a.dtype)
        a = gpu.host(gpu.xp.asarray(a))
    kept = a.dtype in (narrow, wide)
    fits = a.dtype if kept else narrow if np.can_cast(a.dtype, narrow) else wide
    if a.dtype == np.uint64:  # beyond int64 is beyond all points
        a = np.minimum(a, np.iinfo(np.int64).max)
    return gpu.put(np.ascontiguousarray(a, dtype=fits), fits)


class ListStage:
    """lengths, equal_weights and fixed_width of ``Ops``."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu

    def indices(self, graph: KNNGraph) -> IntArray:
        """Return a graph's neighbours on the device."""
        return self._field(graph, "indices", np.int32)

    def _field(self, graph: KNNGraph, name: str, dtype: Any) -> Array:
        there = graph.there_on(self.gpu.number) if isinstance(graph, HeldGraph) else None
        if there:
            return there[name]
        return self.gpu.put(getattr(graph, name), dtype)

    def lengths(self, graph: KNNGraph) -> FloatArray:
        """See ``Ops``; waits for the device."""
        gpu = self.gpu
        distances = self._field(graph, "distances", np.float32)
        bad = gpu.first_bad(
            lambda bad: gpu.module.check_lengths(gpu.at(distances), distances.size, bad, gpu.stream)
        )
        if bad >= 0:
            i, j = divmod(bad, graph.k)
            raise ValueError(
                f"distances[{i}, {j}]={float(distances[i, j])}: must be 0 or more (infinite for "
                "'no neighbour'); turn similarities into distances first"
            )
        return distances

    def equal_weights(self, graph: KNNGraph) -> FloatArray:
        """See ``Ops``."""
        gpu = self.gpu
        distances = self._field(graph, "distances", np.float32)
        p = gpu.empty(distances.shape, np.float32)
        gpu.module.equal_weights(gpu.at(distances), graph.n, graph.k, gpu.at(p), gpu.stream)
        return p

    def fixed_width(self, graph: KNNGraph, sigma: float) -> FloatArray:
        """See ``Ops``."""
        gpu, distances = self.gpu, self.lengths(graph)
        p = gpu.empty(distances.shape, np.float32)
        gpu.module.fixed_width(gpu.at(distances), graph.n, graph.k, sigma, gpu.at(p), gpu.stream)
        return p
