"""From charges to potential on the GPU: an FFT of our own in three launches, or cuFFT's.

Kernels: csrc/cuda/fft.cu. cuFFT takes meshes of three axes, lengths that the own kernels don't
have, and everything with ``GPUTSNE_CUDA_FFT=cufft``. Plans, tables and spectra belong to this
object: nothing of CuPy's global plan cache is used.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.device import Gpu
from gputsne.backends.protocol import PLAN_BYTES
from gputsne.base.types import Array, FloatArray, Mesh

__all__ = ["Convolution"]

# A plan's work area has the size of its complex array at most. Plans of meshes that are no longer
# in use hold PLAN_BYTES at most, beside those of the mesh in use.
PLAN_NODE_BYTES = 8
CUFFT_FORWARD, CUFFT_INVERSE = -1, 1  # of cufft.h
# What deposit and gather put on a wave, by spline order: the spline of twice the order at the
# integers, as a cosine series (Eulerian numbers). Twin of _transfer in gputsne/engine/mesh.py.
TRANSFER = {
    4: [a / 5040 for a in (2416, 2 * 1191, 2 * 120, 2)],
    6: [a / 39916800 for a in (15724248, 2 * 9738114, 2 * 2203488, 2 * 152637, 2 * 2036, 2)],
}


class Convolution:
    """Spectra of kernels, and the potential of charges on a mesh.

    Parameters
    ----------
    gpu : Gpu
    fft : module or None
        The FFT for what the own kernels don't take; None for CuPy's.
    buffer : callable
        ``buffer(name, shape, dtype)`` returns an array that is kept from call to call.
    own : bool
        Whether the own kernels are used where they can be.
    """

    def __init__(self, gpu: Gpu, fft: Any, buffer: Callable[..., Array], own: bool) -> None:
        self.gpu, self._fft, self._buffer = gpu, fft, buffer
        self.own = own
        self.forget()

    def forget(self) -> None:
        """Drop tables, plans and the spectrum."""
        self._turns: dict[tuple[int, Any], Array] = {}
        self._plans: dict[tuple[tuple[int, ...], str], Any] = {}
        self._octant: tuple[Any, bool] = (None, False)  # whose lies there (weakly), last axis first

    @property
    def fft(self) -> Any:
        """The FFT of CuPy's kind; loaded when it is first needed."""
        if self._fft is None:
            self._fft = _cupy_fft()
        return self._fft

    def takes(self, mesh: Mesh) -> bool:
        """Tell whether the own kernels convolve on this mesh."""
        return self.own and bool(self.gpu.module.fft_fits(list(mesh.fft_shape), False))

    def potential(self, fixed: Array, mesh: Mesh) -> FloatArray:
        """Return the potential of fixed-point charges, which are cleared.

        Parameters
        ----------
        fixed : array, shape ``mesh.shape``, uint64
            Charges, as ``deposit`` leaves them.
        mesh : Mesh
            Their mesh.

        Returns
        -------
        array, shape ``mesh.shape``, float32
            Where ``takes`` says so; else of shape ``mesh.fft_shape``, of which only the first M
            nodes per axis are meant. It is filled again by the next call.
        """
        gpu, G = self.gpu, mesh.fft_shape
        if not self.takes(mesh):
            charge = self._buffer("grid", G, np.float32)
            gpu.module.pack(gpu.at(fixed), list(mesh.shape), gpu.at(charge), list(G), gpu.stream)
            return self.by_cufft(charge, mesh)
        octant = self.octant(mesh, last_first=len(G) > 1)
        out = self._buffer("potential", mesh.shape, np.float32)
        # one axis needs no scratch
        shape = (mesh.shape[0], gpu.module.fft_pitch(G[-1]), 2) if len(G) > 1 else (0,)
        rows = self._buffer("rows", shape, np.float32)
        turns = [gpu.at(self._turned(n, np.float32)) for n in G]
        gpu.module.convolve(
            list(mesh.shape), list(G), turns, gpu.at(rows), gpu.at(octant), gpu.at(fixed),
            gpu.at(out), gpu.stream,
        )  # fmt: skip
        return out

    def by_cufft(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """Return the potential (mesh.fft_shape) of charges; only M nodes per axis are meant."""
        gpu, G = self.gpu, mesh.fft_shape
        octant = self.octant(mesh, last_first=False)
        if charge.shape != G:
            charge = arrays.padded(gpu, charge, G)
        A = self._buffer("complex", (*G[:-1], G[-1] // 2 + 1), np.complex64)
        out = self._buffer("padded potential", G, np.float32)
        self._plan(G, "R2C", charge).fft(charge, out=A, direction=CUFFT_FORWARD)
        # The octant is divided by the number of nodes already.
        gpu.module.multiply(gpu.at(A), list(G), gpu.at(octant), 1.0, gpu.stream)
        self._plan(G, "C2R", A).fft(A, out=out, direction=CUFFT_INVERSE)
        return out

    def octant(self, mesh: Mesh, *, last_first: bool) -> FloatArray:
        """Return the spectrum of a mesh over the number of its FFT nodes, on the device.

        Where no kernel has its lengths, numpy's is copied there.
        """
        gpu, G = self.gpu, mesh.fft_shape
        shape = tuple(g // 2 + 1 for g in G)
        out = self._buffer("octant", shape, np.float32)
        of, first = self._octant
        if of is not None and of() is mesh and first == last_first:
            return out
        if gpu.module.fft_fits(list(G), True):
            self._by_kernels(mesh, out, last_first)
        else:
            made = mesh.spectrum / np.prod(G, dtype=float)
            made = np.moveaxis(made, -1, 0) if last_first else made
            out.set(np.ascontiguousarray(made, np.float32).reshape(shape))  # type: ignore[attr-defined]
        self._octant = (weakref.ref(mesh), last_first)
        return out

    def _by_kernels(self, mesh: Mesh, out: FloatArray, last_first: bool) -> None:
        gpu, G = self.gpu, mesh.fft_shape
        numbers = gpu.module.spectrum_scratch(list(G))
        scratch = [self._buffer("scratch", (numbers,), np.float64)]
        scratch.append(self._buffer("other", (numbers if len(G) == 3 else 0,), np.float64))
        turns = [gpu.at(self._turned(n, np.float64)) for n in G]
        gpu.module.spectrum(
            list(G), turns, mesh.h, mesh.dof, mesh.offset, TRANSFER[mesh.order],
            *map(gpu.at, scratch), gpu.at(out), last_first, gpu.stream,
        )  # fmt: skip

    def _turned(self, n: int, dtype: Any) -> Array:
        """Return the table exp(-2 pi i k / n), pairs of ``dtype``; made once per length."""
        found = self._turns.get((n, dtype))
        if found is None:
            table = np.exp(-2j * np.pi * np.arange(n) / n).view(np.float64)
            found = self._turns[n, dtype] = self.gpu.put(table.astype(dtype), dtype)
        return found

    def _plan(self, G: tuple[int, ...], kind: str, a: Array) -> Any:
        """Return cuFFT's plan; those of other meshes stay, up to ``PLAN_BYTES``."""
        plan = self._plans.pop((G, kind), None)
        if plan is None:
            axes = tuple(range(len(G)))
            plan = self.fft.get_fft_plan(a, shape=G, axes=axes, value_type=kind)
        self._plans[G, kind] = plan  # the last in use is the last in the list
        held = [PLAN_NODE_BYTES * float(np.prod(shape)) for shape, _ in self._plans if shape != G]
        for shape, other in [key for key in self._plans if key[0] != G]:
            if sum(held) <= PLAN_BYTES:
                break
            held.pop(0)
            del self._plans[shape, other]
        return plan


def _cupy_fft() -> Any:
    import cupyx.scipy.fft

    return cupyx.scipy.fft
