"""Charge to potential on a CPU: one real FFT pair of scipy's that never transforms padding.

Twin of ``CudaOps.convolve`` and, in two axes, of csrc/cpu/convolve_lanes.hpp; docs/mesh.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import FloatArray, Mesh

__all__ = ["convolve"]


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
