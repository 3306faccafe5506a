"""Sums over the rows of X on the GPU, for PCA: column means, the Gram matrix, scores; in float64.

X goes there in blocks, once where it fits. Kernels: csrc/cuda/gram.cu; the eigenvectors of the few
columns are LAPACK's, on the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gputsne.backends.cuda.device import Gpu
from gputsne.base.pca import F64
from gputsne.base.rows import row_blocks
from gputsne.base.types import Array

__all__ = ["MOST_COLUMNS", "RESIDENT", "RowSums"]

# Columns whose eigenvectors LAPACK finds on the host within a second or so.
MOST_COLUMNS = 1500
BLOCK_NUMBERS = 1 << 24  # of one block of rows: 64 MB of float32
RESIDENT = 0.25  # share of the GPU's free memory that X may fill; else it is sent for every pass


class RowSums:
    """The rows of a dense X, as the device adds them up.

    Parameters
    ----------
    gpu : Gpu
    values : array, shape (n, d)
        In main memory, of any real type; or on the device, float32 or float64.
    free : int
        Bytes that are free on the device.
    """

    def __init__(self, gpu: Gpu, values: Array, free: int) -> None:
        self.gpu, self.values = gpu, values
        self.n, self.d = values.shape
        single = np.can_cast(values.dtype, np.float32)
        self.dtype: Any = np.dtype(np.float32 if single else np.float64)
        self._keep = self.n * self.d * self.dtype.itemsize <= RESIDENT * free
        self._kept: list[Array] = []
        if type(values) is not np.ndarray:  # views of what lies there
            self._kept = [values[rows] for rows in row_blocks(self.n, self.d, BLOCK_NUMBERS)]

    def _blocks(self) -> Iterator[Array]:
        """Yield the rows on the device, block by block, always the same."""
        if self._kept:
            yield from self._kept
            return
        for rows in row_blocks(self.n, self.d, BLOCK_NUMBERS):
            block = self.gpu.put(np.ascontiguousarray(self.values[rows], self.dtype), self.dtype)
            if self._keep:
                self._kept.append(block)
            yield block

    def _rows(self, block: Array, factor: float, *given: Array | None) -> Any:  # fmt: skip
        at = (0 if a is None else self.gpu.at(a) for a in given)
        wide = self.dtype.itemsize == 8
        return self.gpu.module.Rows(self.gpu.at(block), wide, *block.shape, *at, factor)

    def _vector(self, a: Array | None) -> Array | None:
        return None if a is None else self.gpu.put(np.asarray(a, np.float64), np.float64)

    def mean(self) -> F64:
        """Return the means of the columns, shape (d,); waits for the device."""
        gpu = self.gpu
        total = gpu.xp.zeros((self.d,), np.float64)
        for block in self._blocks():
            scratch = gpu.empty((gpu.module.column_scratch(*block.shape),), np.float64)
            rows = self._rows(block, 1.0, None, None, None)
            gpu.module.add_columns(rows, gpu.at(scratch), gpu.at(total), gpu.stream)
        return np.asarray(gpu.host(total) / self.n)

    def gram(
        self, fill: Array | None, mean: Array | None, scale: Array | None, factor: float
    ) -> F64:
        """Return the products of the columns, filled, centred and scaled; waits for the device.

        Parameters
        ----------
        fill, mean, scale : array, shape (d,), or None
            What replaces NaN, is subtracted, and divides, in this order.
        factor : float
            Multiplies the outcome.

        Returns
        -------
        array, shape (d, d), float64
        """
        gpu = self.gpu
        given = [self._vector(a) for a in (fill, mean, scale)]
        out = gpu.xp.zeros((self.d, self.d), np.float64)
        for block in self._blocks():
            scratch = gpu.empty((gpu.module.gram_scratch(*block.shape),), np.float64)
            rows = self._rows(block, factor, *given)
            gpu.module.add_gram(rows, gpu.at(scratch), gpu.at(out), gpu.stream)
        return np.asarray(gpu.host(out))

    def scores(self, mean: Array, axes: Array) -> F64:
        """Return the centred rows' scores on axes (c, d), shape (n, c); waits for the device."""
        gpu, c = self.gpu, len(axes)
        out = np.empty((self.n, c))
        if not c:
            return out
        centre, there = self._vector(mean), self._vector(np.ascontiguousarray(axes))
        begin = 0
        for block in self._blocks():
            part = gpu.empty((len(block), c), np.float64)
            rows = self._rows(block, 1.0, None, centre, None)
            gpu.module.scores(rows, gpu.at(there), c, gpu.at(part), gpu.stream)
            out[begin : begin + len(block)] = gpu.host(part)
            begin += len(block)
        return out
