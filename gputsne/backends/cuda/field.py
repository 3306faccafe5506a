"""The field on the GPU: charges on the mesh, FFT, and what points feel of it; extent and sums.

Kernels: csrc/cuda/deposit.cu and field.cu. Nothing here but ``extent`` waits for the device: Z
stays there, and the extent is read once per epoch, together with a flag that a point raised by
leaving the mesh. docs/gpu.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.device import Gpu
from gputsne.backends.cuda.fft import Convolution
from gputsne.backends.cuda.numbers import Numbers
from gputsne.base.types import Array, FloatArray, Mesh

__all__ = ["FieldStage", "OnDevice", "Watch"]


class OnDevice:
    """A number that the device has, or will have; ``float()`` waits for it.

    Attributes
    ----------
    value : array, shape (1,), float64
        Where it lies.
    """

    def __init__(self, value: Array) -> None:
        self.value = value

    def __float__(self) -> float:
        return float(self.value[0])


class Watch:
    """The box that the mesh in use covers, and the device's word on whether a point left it.

    Attributes
    ----------
    box : tuple of 2 lists of float, or None
        Lowest and highest coordinate per axis; None for sums by definition, which end nowhere.
    array : array, shape (KEYS + 6,), float32
        The extent (2, c) that was read last; at FLAG an int32, 1 where a point left the box; at
        KEYS the extent of the map that the last step left, (2 c,) uint32 as in csrc/kernels/
        extent.hpp, 0 where ``gather`` was called since.
    """

    FLAG = 2 * 3
    KEYS = FLAG + 1

    def __init__(self) -> None:
        self.box: tuple[list[float], list[float]] | None = None
        self.array: Any = None

    def flag_at(self, gpu: Gpu) -> int:
        """Return the address of the flag."""
        return gpu.at(self.array) + int(self.array.itemsize) * self.FLAG

    def keys_at(self, gpu: Gpu) -> int:
        """Return the address of the extent that a step leaves."""
        return gpu.at(self.array) + int(self.array.itemsize) * self.KEYS

    @staticmethod
    def box_of(keys: Array) -> list[tuple[float, float]]:
        """Return (lowest, highest) coordinate per axis from keys (2 c,) uint32; NaN for any."""
        low, high = keys.reshape(2, -1)
        ascending = np.stack([~low, high])  # as floats are, negative ones upside down
        bits = np.where(ascending >> 31, ascending & 0x7FFFFFFF, ~ascending).astype(np.uint32)
        box = bits.view(np.float32)
        box[:, (keys.reshape(2, -1) == 0xFFFFFFFF).any(axis=0)] = np.nan
        return [(float(a), float(b)) for a, b in box.T]


class FieldStage:
    """extent, stepped_extent, grid, deposit, convolve, potential, gather, spare, mean and exact.

    All as in ``Ops``.

    Parameters
    ----------
    gpu : Gpu
    fft : module or None
        The FFT for what the own kernels don't take; None for CuPy's.
    replaced : callable
        Is called where an array that was kept from call to call becomes another one.
    own_fft : bool
        Whether the own FFT is used where it can be.
    """

    def __init__(
        self, gpu: Gpu, fft: Any, replaced: Callable[[], None], own_fft: bool = True
    ) -> None:
        self.gpu, self._replaced = gpu, replaced
        self.convolution = Convolution(gpu, fft, self._buffer, own_fft)
        self.watch, self.numbers = Watch(), Numbers(gpu)
        self._buffers: dict[str, Array] = {}  # what every iteration fills anew
        self._home: int | None = None  # number of the GPU that has the arrays of this object
        self._fixed: Any = None  # fixed-point charges, kept zero between calls
        self._mixed = False  # whether a deposit was interrupted, so that _fixed may not be zero

    def _buffer(self, name: str, shape: tuple[int, ...], dtype: Any, zero: bool = False) -> Array:
        """Return an array that is kept from call to call; with ``zero``, it begins as zeros."""
        kept = self._buffers.get(name)
        if kept is None or kept.shape != shape:
            make = self.gpu.xp.zeros if zero else self.gpu.empty
            kept = self._buffers[name] = make(shape, dtype)
            self._replaced()
        return kept

    def move_to(self, number: int | None) -> None:
        """Make what is kept anew if it does not lie on the GPU with this number."""
        gpu = self.gpu
        if self._home == number:
            return
        self.release()
        self._fixed = gpu.xp.zeros((0,), np.uint64)
        self.watch.array = gpu.xp.zeros(Watch.KEYS + 6, np.float32)
        self.numbers.begin()
        self._home = number  # last: where memory ran out above, nothing counts as made

    def extent(self, Y: FloatArray) -> tuple[list[tuple[float, float]], bool]:
        """Return the extent of ``Ops``, and whether a point left the mesh; waits for the device."""
        gpu = self.gpu
        n, c = Y.shape
        if not n:
            return [], False
        Y = gpu.put(Y, np.float32)
        scratch = gpu.xp.empty(gpu.sum_scratch * 2 * c, np.float32)
        gpu.module.extent(gpu.at(Y), n, c, gpu.at(scratch), gpu.at(self.watch.array), gpu.stream)
        seen, escaped = self._look()
        low, high = seen[:c], seen[c : 2 * c]
        return [(float(a), float(b)) for a, b in zip(low, high, strict=True)], escaped

    def stepped_extent(self, Y: FloatArray) -> tuple[list[tuple[float, float]], bool]:
        """Return the same without a pass over Y, which the last step left; waits for the device."""
        seen, escaped = self._look()
        keys = seen[Watch.KEYS :].view(np.uint32)[: 2 * Y.shape[1]]
        if keys.all():
            return Watch.box_of(keys), escaped
        box, later = self.extent(Y)  # the forces were evaluated since, or there was no step
        return box, escaped or later

    def _look(self) -> tuple[Array, bool]:
        """Return the watch's array, and whether a point left the mesh, which is then forgotten."""
        seen = self.gpu.host(self.watch.array)
        escaped = bool(seen[Watch.FLAG :].view(np.int32)[0])
        if escaped:
            self.gpu.fill(self.watch.array[Watch.FLAG : Watch.KEYS], 0.0)
        return seen, escaped

    def grid(self, mesh: Mesh) -> FloatArray:
        """Return the array for the charges, padded: the FFT reads it as it is."""
        return self._buffer("grid", mesh.fft_shape, np.float32)

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """See ``Ops``; ``charge`` may be padded, as ``grid`` makes it."""
        gpu, fixed = self.gpu, self._deposited(Y, mesh, center)
        gpu.module.pack(
            gpu.at(fixed), list(mesh.shape), gpu.at(charge), list(charge.shape), gpu.stream
        )
        self._mixed = False

    def potential(self, Y: FloatArray, mesh: Mesh, center: Sequence[float]) -> FloatArray:
        """See ``Ops``; the array is filled again by the next call."""
        out = self.convolution.potential(self._deposited(Y, mesh, center), mesh)
        self._mixed = False
        return out

    def _deposited(self, Y: FloatArray, mesh: Mesh, center: Sequence[float]) -> Array:
        """Return fixed-point charges, which whoever reads them clears."""
        gpu = self.gpu
        if self._fixed.shape != mesh.shape:
            self._fixed = gpu.xp.zeros(mesh.shape, np.uint64)
            self._replaced()
        elif self._mixed:
            gpu.fill(self._fixed, 0)
        self._mixed = True
        Y = gpu.put(Y, np.float32)
        n, c = Y.shape
        self.numbers.next_mesh()
        told = self._told(mesh, center, n)
        gpu.module.deposit(gpu.at(Y), n, c, told, gpu.at(self._fixed), gpu.stream)
        # As Mesh.holds has it, less half a cell: the other mesh of a pair may be so far aside.
        reach = [0.5 * (m - mesh.order - 3) * mesh.h for m in mesh.shape]
        self.watch.box = (
            [x - r for x, r in zip(center, reach, strict=True)],
            [x + r for x, r in zip(center, reach, strict=True)],
        )
        fixed: Array = self._fixed
        return fixed

    def _told(self, mesh: Mesh, center: Sequence[float], n: int) -> Any:
        """Return what the kernels are told of a mesh; where they read it, it is there."""
        gpu = self.gpu
        now, changed = self.numbers.mesh((tuple(center), mesh.h, mesh.offset, mesh.self_terms, n))
        told = gpu.module.Mesh(
            list(center), 1.0 / mesh.h, mesh.order, list(mesh.shape), mesh.offset,
            list(mesh.self_terms), now,
        )  # fmt: skip
        if changed:
            gpu.module.write_numbers(told, n, gpu.stream)
        return told

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """Return charge * (K - offset), float32; only its first M nodes per axis are meant."""
        return self.convolution.by_cufft(charge, mesh)

    def gather(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], potential: FloatArray,
        phi: FloatArray | None, grad: FloatArray,
    ) -> OnDevice:  # fmt: skip
        """See ``Ops``; Z stays on the device."""
        gpu = self.gpu
        Y = gpu.put(Y, np.float32)
        n, c = Y.shape
        Z = gpu.empty((1,), np.float64)
        # some of the points have one of their own
        parts = (gpu.module.gather_scratch(n),)
        scratch = self._buffer(f"parts of {n}", parts, np.float64, zero=True)
        gpu.module.gather(
            gpu.at(Y),
            n,
            c,
            self._told(mesh, center, n),
            gpu.at(potential),
            [s // potential.itemsize for s in potential.strides],
            0 if phi is None else gpu.at(phi),
            gpu.at(grad),
            gpu.at(scratch),
            gpu.at(Z),
            self.watch.keys_at(gpu),
            gpu.stream,
        )
        return OnDevice(Z)

    def spare(self, Y: FloatArray) -> tuple[None, FloatArray]:
        """See ``Ops``; no array for phi."""
        return None, self._buffer("grad", Y.shape, np.float32)

    def mean(
        self,
        one: tuple[FloatArray | None, FloatArray, OnDevice],
        two: tuple[FloatArray | None, FloatArray, OnDevice],
    ) -> OnDevice:
        """See ``Ops``; Z stays on the device."""
        fields = [(phi, grad, Z.value) for phi, grad, Z in (one, two)]
        for a, b in zip(*fields, strict=True):
            if a is not None and b is not None:
                arrays.mean(self.gpu, a, b)
        return one[2]

    def exact(
        self, Y: FloatArray, dof: float, phi: FloatArray | None, grad: FloatArray
    ) -> OnDevice:
        """See ``Ops``; Z stays on the device."""
        gpu = self.gpu
        self.watch.box = None
        Y = gpu.put(Y, np.float32)
        n, c = Y.shape
        z = self._buffer(f"z of {n}", (n,), np.float32)
        gpu.module.exact(
            gpu.at(Y), n, c, dof, 0 if phi is None else gpu.at(phi), gpu.at(grad), gpu.at(z),
            self.watch.keys_at(gpu), gpu.stream,
        )  # fmt: skip
        return self._total(z)

    def _total(self, z: FloatArray) -> OnDevice:
        """Add up in a fixed order."""
        gpu = self.gpu
        Z = gpu.empty((1,), np.float64)
        scratch = self._buffer("sums", (gpu.sum_scratch,), np.float64)
        gpu.module.total(gpu.at(z), len(z), gpu.at(scratch), gpu.at(Z), gpu.stream)
        return OnDevice(Z)

    def release(self) -> None:
        """Drop the arrays and plans, which takes no memory; ``move_to`` makes the next ones."""
        self._home = self.watch.box = None
        self._buffers.clear()
        self._fixed = self.watch.array = None
        self._mixed = False
        self.convolution.forget()
        self.numbers.forget()
        self._replaced()
