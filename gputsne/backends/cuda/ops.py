"""How does the engine reach the GPU? CuPy owns memory; gputsne._cuda gets addresses and a stream.

No operation of an iteration waits for the device: Z stays there, and the map's extent is read once
an epoch together with a flag that a point raised by leaving the mesh. docs/gpu.md has the figures.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from gputsne.backends.cuda.edges import CudaEdges
from gputsne.backends.cuda.graphs import Graphs
from gputsne.base.types import Affinities, Array, FloatArray, Mesh, StepParams

__all__ = ["CudaOps", "OnDevice"]

INFINITY = float("inf")
# FFT plans that stay when the mesh changes: to drop and remake them took 77 % of an optimisation of
# 70,000 points, whose 30 meshes have three or four plans each. What their work areas may hold
# together counts in planning/memory.py, beside those of the mesh in use.
PLANS, PLAN_BYTES = 128, 1 << 28


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


class CudaOps(CudaEdges):
    """The operations of ``gputsne._cuda`` on CuPy's arrays.

    Parameters
    ----------
    n_jobs : int
        Threads of what stays on the CPU.
    xp, fft, module : module, optional
        Array library, FFT and kernels; CuPy's and ``gputsne._cuda`` unless tests bring others.
    half : bool, default False
        Keep P in 2-byte floats: a quarter less traffic and memory, 5e-4 of rounding.
    graphs : bool, default False
        Launch iterations as CUDA graphs; ``GPUTSNE_CUDA_GRAPHS=1`` asks for it.
    """

    name = "cuda"
    # A guess: a thread a point, so that fewer points than this leave most of a GPU idle anyway.
    exact_below = (2048, 2048, 4096)
    epoch = 25  # iterations between two looks at the extent, at most
    relabel_from = 20_000  # the first cache gains at any size; below, one order costs what it saves

    def __init__(
        self, n_jobs: int = 1, *, xp: Any = None, fft: Any = None, module: Any = None,
        half: bool = False, graphs: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(n_jobs, xp=xp, fft=fft, module=module)
        self.half = half
        self.graphs = Graphs(self.xp) if graphs else None
        self.escaped = False  # whether a point left the mesh since the field last asked
        self._buffers: dict[str, Array] = {}  # what every iteration fills anew
        self._box: tuple[list[float], list[float]] | None = None  # what the mesh in use covers
        self._home: int | None = None  # the GPU on which these lie:
        self._fixed: Array  # fixed-point charges, kept zero between calls
        self._mixed = False  # whether an interrupt left some there
        self._watch: Array  # extent (2, c), then the flag's 4 bytes
        self._octant: tuple[Any, Array]  # of which mesh, and the spectrum
        self._settle()

    def iterate(self, epoch: Hashable, turn: Hashable, work: Callable[[], None]) -> None:
        """See ``Ops``."""
        if self.graphs is None:
            work()
        else:
            self.graphs.run(epoch, turn, work)

    def _buffer(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array that is kept from call to call."""
        kept = self._buffers.get(name)
        if kept is None or kept.shape != shape:
            kept = self._buffers[name] = self._empty(shape, dtype)
            self._replaced()
        return kept

    def _replaced(self) -> None:
        """Forget graphs that know another array than the one that is kept now."""
        if self.graphs is not None:
            self.graphs.forget()

    def _settle(self) -> None:
        if self._home == self.device:
            return
        self._home = self.device
        self._buffers.clear()
        self._fixed = self.xp.zeros((0,), np.uint64)
        self._watch = self.xp.zeros(2 * 3 + 1, np.float32)
        self._octant = (None, self._fixed)
        self._replaced()

    def _stream_of_own(self) -> AbstractContextManager[None]:
        return nullcontext() if self.graphs is None else self.graphs.stream()

    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """See ``Ops``; waits for the device, and takes the flag of escape along."""
        n, c = Y.shape
        if not n:
            return []
        Y = self._put(Y, np.float32)
        scratch = self.xp.empty(self._sums * 2 * c, np.float32)
        self._module.extent(
            self._at(Y), n, c, self._at(scratch), self._at(self._watch), self._stream
        )
        seen = self.host(self._watch)
        if seen[6:].view(np.int32)[0]:
            self.escaped = True
            self._watch[6:] = 0
        low, high = seen[:c], seen[c : 2 * c]
        return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]

    def grid(self, mesh: Mesh) -> FloatArray:
        """Return the array for the charges, padded: the FFT reads it as it is."""
        return self._buffer("grid", mesh.fft_shape, np.float32)

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """See ``Ops``; ``charge`` may be padded, as ``grid`` makes it."""
        if self._fixed.shape != mesh.shape:
            self._fixed = self.xp.zeros(mesh.shape, np.uint64)
            self._bound_plans()
            self._replaced()
        elif self._mixed:
            self._fixed[...] = 0
        self._mixed = True
        Y = self._put(Y, np.float32)
        n, c = Y.shape
        fixed, stream = self._at(self._fixed), self._stream
        place = (list(center), 1.0 / mesh.h, mesh.order, list(mesh.shape))
        self._module.deposit(self._at(Y), n, c, *place, fixed, stream)
        self._module.pack(fixed, list(mesh.shape), self._at(charge), list(charge.shape), stream)
        self._mixed = False
        # As Mesh.holds has it, less half a cell: the other mesh of a pair may be so far aside.
        reach = [0.5 * (m - mesh.order - 3) * mesh.h for m in mesh.shape]
        self._box = (
            [x - r for x, r in zip(center, reach, strict=True)],
            [x + r for x, r in zip(center, reach, strict=True)],
        )

    def _bound_plans(self) -> None:
        """Let CuPy keep plans of many meshes, unless they hold too much memory together.

        The cache is CuPy's own, of this thread and GPU; one that was switched off stays off.
        """
        cache = self.xp.fft.config.get_plan_cache()
        if 0 < cache.get_size() < PLANS:
            cache.set_size(PLANS)
        if cache.get_curr_memsize() > PLAN_BYTES:
            cache.clear()

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """Return charge * (K - offset), float32; only its first M nodes an axis are meant."""
        G, axes = mesh.fft_shape, tuple(range(len(mesh.fft_shape)))
        A = self.fft.rfftn(charge, s=G, axes=axes)
        if self._octant[0] is None or self._octant[0]() is not mesh:
            self._octant = (weakref.ref(mesh), self._put(mesh.spectrum, np.float32))
            self._replaced()
        scale = 1.0 / float(np.prod(G, dtype=float))
        self._module.multiply(self._at(A), list(G), self._at(self._octant[1]), scale, self._stream)
        # "forward": the inverse doesn't scale, which would be one more pass over the grid.
        out: FloatArray = self.fft.irfftn(A, s=G, axes=axes, norm="forward", overwrite_x=True)
        return out

    def gather(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], potential: FloatArray,
        phi: FloatArray, grad: FloatArray,
    ) -> OnDevice:  # fmt: skip
        """See ``Ops``; Z stays on the device."""
        Y = self._put(Y, np.float32)
        n, c = Y.shape
        z = self._buffer("z", (n,), np.float32)
        self._module.gather(
            self._at(Y),
            n,
            c,
            list(center),
            1.0 / mesh.h,
            mesh.order,
            list(mesh.shape),
            self._at(potential),
            [s // potential.itemsize for s in potential.strides],
            mesh.offset,
            list(mesh.self_terms),
            self._at(phi),
            self._at(grad),
            self._at(z),
            self._stream,
        )
        return self._total(z)

    def spare(self, Y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See ``Ops``."""
        phi = self._buffer("phi", Y.shape[:1], np.float32)
        return phi, self._buffer("grad", Y.shape, np.float32)

    def mean(
        self,
        one: tuple[FloatArray, FloatArray, OnDevice],
        two: tuple[FloatArray, FloatArray, OnDevice],
    ) -> OnDevice:
        """See ``Ops``; Z stays on the device."""
        fields = [(phi, grad, Z.value) for phi, grad, Z in (one, two)]
        for a, b in zip(*fields, strict=True):
            a += b
            a *= 0.5
        return one[2]

    def exact(self, Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> OnDevice:
        """See ``Ops``; Z stays on the device."""
        self._box = None
        Y = self._put(Y, np.float32)
        n, c = Y.shape
        z = self._buffer("z", (n,), np.float32)
        self._module.exact(
            self._at(Y), n, c, dof, self._at(phi), self._at(grad), self._at(z), self._stream
        )
        return self._total(z)

    def _total(self, z: FloatArray) -> OnDevice:
        """Add up in a fixed order."""
        Z = self._empty((1,), np.float64)
        scratch = self._buffer("sums", (self._sums,), np.float64)
        self._module.total(self._at(z), len(z), self._at(scratch), self._at(Z), self._stream)
        return OnDevice(Z)

    def attract_and_step(
        self, P: Affinities, Y: FloatArray, Y_next: FloatArray, velocity: FloatArray,
        gains: FloatArray, grad: FloatArray, Z: Any, dof: float, params: StepParams,
    ) -> None:  # fmt: skip
        """See ``Ops``; raises a flag on the device where a point leaves the mesh."""
        n, c = Y.shape
        P = self.hold(P)  # what is made here must live until the launch
        at_Z = Z.value if isinstance(Z, OnDevice) else self.xp.full(1, float(Z), np.float64)
        low, high = self._box or ([-INFINITY] * c, [INFINITY] * c)
        self._module.attract_and_step(
            self._at(Y),
            n,
            c,
            *self._edges(P),
            self._at(grad),
            self._at(Y_next),
            self._at(velocity),
            self._at(gains),
            self._at(at_Z),
            dof,
            params.exaggeration,
            params.momentum,
            params.learning_rate,
            params.max_step,
            params.min_gain,
            low,
            high,
            self._at(self._watch) + 4 * 6,
            self._stream,
        )

    def release(self) -> None:
        """Give back what is kept between calls; CuPy's free blocks go back to the driver."""
        self._home = self._box = None
        self._settle()
        self.xp.fft.config.get_plan_cache().clear()
        if self.graphs is not None:
            self.graphs.release()
        super().release()
