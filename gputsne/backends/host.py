"""How is charge turned into potential on a CPU? One real FFT pair that never transforms padding.

Twin of ``CudaOps.convolve``; docs/mesh.md.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, SupportsFloat

import numpy as np

from gputsne.base.types import Affinities, FloatArray, Mesh

__all__ = ["HostFFT", "convolve"]

Parts = tuple[FloatArray, FloatArray, SupportsFloat]  # phi, its gradient, Z


class HostFFT:
    """What backends with ``scipy.fft`` share."""

    fft: Any
    n_jobs: int
    escaped = False  # the extent is read before every iteration
    device: int | None = None
    half = False  # P stays in float32: to widen 2 bytes costs a CPU more than to read 4
    _grid: FloatArray | None = None

    def memory(self) -> tuple[int, int]:
        """Return (0, 0): there is no device."""
        return 0, 0

    def guard(self, device: int | None = None) -> AbstractContextManager[Any]:
        """Return a block to work in; there is nothing to guard against."""
        return nullcontext()

    def release(self) -> None:
        """Drop the mesh's array."""
        self._grid = None

    def mass(self, P: Affinities) -> float:
        """Return the sum of P, in float64."""
        return float(P.data.sum(dtype=np.float64))

    def iterate(self, epoch: Hashable, turn: Hashable, work: Callable[[], None]) -> None:
        """Do ``work``: there is nothing to gain by keeping it."""
        work()

    def host(self, a: FloatArray) -> FloatArray:
        """Return the array: it is in main memory already."""
        return a

    def grid(self, mesh: Mesh) -> FloatArray:
        """Return the array for the charges of this mesh; its values mean nothing yet."""
        if self._grid is None or self._grid.shape != mesh.shape:
            self._grid = np.empty(mesh.shape, np.float32)
        return self._grid

    def spare(self, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return arrays for phi (n,) and its gradient (n, c) on another mesh."""
        return np.empty(len(Y), np.float32), np.empty_like(Y)

    def mean(self, one: Parts, two: Parts) -> float:
        """Write the mean of two fields into the arrays of the first; return that of Z."""
        for a, b in zip(one[:2], two[:2], strict=True):
            a += b
            a *= np.float32(0.5)
        return 0.5 * (float(one[2]) + float(two[2]))

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """Return charge * (K - offset), shape (M0, .., G_last), float32."""
        return convolve(charge, mesh, self.fft, self.n_jobs)


def convolve(charge: FloatArray, mesh: Mesh, fft: Any, n_jobs: int) -> FloatArray:
    """Return charge * (K - offset), shape (M0, .., G_last), float32.

    Padding is never transformed: rows first on the way in, last on the way out.
    """
    G, M = mesh.fft_shape, mesh.shape
    c = len(G)
    with fft.set_workers(n_jobs):
        A = fft.rfft(charge, n=G[-1], axis=-1)
        for axis in range(c - 1):
            A = fft.fft(A, n=G[axis], axis=axis, overwrite_x=True)
        _multiply(A, mesh.spectrum, c - 1)
        for axis in range(c - 1):
            A = fft.ifft(A, axis=axis, overwrite_x=True)
            A = A[(slice(None),) * axis + (slice(0, M[axis]),)]
        return np.asarray(fft.irfft(A, n=G[-1], axis=-1, overwrite_x=True))


def _multiply(A: FloatArray, octant: FloatArray, axes: int) -> None:
    """Multiply by a spectrum that is even in its first ``axes`` axes and stored as one octant."""
    if axes == 0:
        A *= octant
        return
    half = octant.shape[0]
    if axes == 1:
        A[:half] *= octant
        A[half:] *= octant[-2:0:-1]
        return
    for k in range(half):
        _multiply(A[k], octant[k], axes - 1)
        if 0 < k < half - 1:
            _multiply(A[-k], octant[k], axes - 1)
