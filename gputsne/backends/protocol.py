"""The one contract of a backend: an abstract class with the defaults of any CPU.

A new backend derives from ``Ops``, writes its abstract methods, overrides what its machine does
better, and gets a line in ``gputsne.backends.BACKENDS``; ``tests/contract`` then runs on it.

What holds for every operation
------------------------------
* Arrays of an iteration (``Y``, ``Y_next``, ``velocity``, ``gains``, ``phi``, ``grad``, ``charge``,
  what ``hold``, ``curve``, ``conditional`` and ``convolve`` return) are arrays of ``xp``: on a GPU
  they lie there. ``symmetrize`` and ``host`` return numpy's; ``place`` takes and returns numpy's.
* All are in C order and float32 unless said otherwise; only a potential may have other strides.
* The caller owns what it passes; an operation fills or changes only what its text names.
* Every sum is taken in an order that depends on the sizes alone, never on threads or on the run:
  the same input gives the same bytes.
* Between calls an instance may keep buffers, plans and copies, until ``release``. So one instance
  serves one thread at a time.
* No operation of an iteration (``deposit`` to ``attract_and_step``) has to wait for a device.
* No number in an array may lead an operation out of its memory: coordinates are clamped to the
  mesh, offsets and ids are checked where they enter (``hold``, ``symmetrize``, ``reorder``,
  ``place``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, SupportsFloat

import numpy as np

from gputsne.backends.host import convolve
from gputsne.base.types import (
    Affinities,
    Array,
    FloatArray,
    IntArray,
    KNNGraph,
    Reference,
    StepParams,
)

if TYPE_CHECKING:
    from gputsne.base.types import Mesh

__all__ = ["PACKED_FROM", "PLAN_BYTES", "Ops"]

# Points from which compiled kernels on a CPU put the map in order, and P packed beside P, which a
# plan counts; below, the map fits a core's L1 and L2 in any order.
PACKED_FROM: Final = 10_000
PLAN_BYTES: Final = 1 << 28  # that FFT plans may keep on a device between meshes; a plan counts it


class Ops(ABC):
    """The operations every backend has; docs/math.md has the formulas.

    Attributes
    ----------
    name : str
        What the backend is called in reports.
    n_jobs : int
        Threads.
    xp : module
        Where arrays come from: numpy or CuPy.
    exact_below : tuple of 2 tuples of 3 int
        Points up to which no mesh is worth looking at, sums by definition beat it anyway: for
        dof = 1 and for others, each for one, two and three axes.
    node_pairs : tuple of 2 tuples of 3 float
        Pairs of points whose sums take as long as one FFT node, likewise.
    epoch : int
        Iterations between two looks at the map's extent, at most.
    few_meshes : bool
        Whether a mesh costs more to make than to use, so that few and roomy ones are best.
    relabel_from : int
        Points from which an order along a curve pays.
    escaped : bool
        Whether a point left the mesh before the last look.
    phi_wanted : bool
        Whether ``gather`` and ``exact`` must be given an array for phi; else None does, and phi,
        which an iteration does not read, is not written.
    device : int or None
        Number of the GPU.
    searches : bool
        Whether neighbours may be searched for on the device: ``select_append`` and ``select_sort``
        are there, as ``gputsne.neighbors.search.tiles.Device`` has them.
    half : bool
        Whether P may be kept in 2-byte floats, as far as the backend can.
    """

    name: str
    n_jobs: int
    xp: Any
    exact_below: tuple[tuple[int, int, int], tuple[int, int, int]]
    node_pairs: tuple[tuple[float, float, float], tuple[float, float, float]]
    epoch: int
    relabel_from: int
    escaped: bool = False  # where the extent is read before every iteration, none can have
    few_meshes: bool = False
    phi_wanted: bool = True
    device: int | None = None
    searches: bool = False
    half: bool = False  # to widen 2 bytes costs a CPU more than to read 4
    _grid: FloatArray | None = None

    @abstractmethod
    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """Return ``p_j|i`` of shape (n, k) and the number of rows that missed their entropy."""

    @abstractmethod
    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """Return the joint P as CSR ``(indptr, indices, data)``."""

    def lengths(self, graph: KNNGraph) -> FloatArray | None:
        """Return a graph's distances, checked, as an array of ``xp``; None where that is numpy.

        Raises ValueError for one that is below 0 or NaN.
        """
        return None

    def equal_weights(self, graph: KNNGraph) -> FloatArray | None:
        """Return ``p_j|i`` of equal weights, (n, k); None where numpy is the place to do it."""
        return None

    def fixed_width(self, graph: KNNGraph, sigma: float) -> FloatArray | None:
        """Return ``p_j|i`` of Gaussians of one width, (n, k); None as in ``equal_weights``."""
        return None

    def joint(self, graph: KNNGraph, p: FloatArray, unreached: int) -> Affinities:
        """Return the joint P of a graph's conditionals; a device may keep it until it is read."""
        indices = np.ascontiguousarray(graph.indices, dtype=np.int32)
        return Affinities(*self.symmetrize(indices, p), unreached=unreached)

    def put_on_disk(self, P: Affinities) -> Affinities:
        """Return P with its edges in a file instead of memory, where the backend can; else P."""
        return P

    def given_lists(self, indices: Any, distances: Any) -> Any:
        """Return lists from outside on the device (backends/cuda/lists.py); None without one."""
        return None

    def given_rows(self, X: Any) -> Any:
        """Return X that lies on the device (backends/cuda/given_rows.py); None for all others."""
        return None

    def sent_rows(self, rows: FloatArray) -> Any:
        """Return rows, C order and float32, on the device (backends/cuda/given_rows.py)."""
        raise NotImplementedError

    def sent_values(self, values: Any) -> Any:
        """Return rows of any real type on the device (backends/cuda/given_rows.py).

        None without one, and for what it can't hold: sparse and empty X, types that neither float32
        nor float64 holds, and X of more than a share of the memory that is free.
        """
        return None

    def row_sums(self, values: Array) -> Any:
        """Return what adds up rows of X on the device (backends/cuda/gram.py); None without one."""
        return None

    def keep(self, kept: Any) -> None:  # noqa: B027 - a CPU keeps nothing elsewhere
        """Take note of what lies on a device for later: ``make_room`` calls its ``spill``.

        It is referred to weakly; before a fork its ``read`` is called.
        """

    def make_room(self) -> None:  # noqa: B027 - a CPU has nothing to move
        """Move what a device keeps for later into main memory."""

    def memory(self) -> tuple[int, int]:
        """Return the bytes that are free on the device, and the device's all; no device: zeros."""
        return 0, 0

    def peak_memory(self) -> int | None:
        """Return the most bytes that this process has held on the device; None without one."""
        return None

    def guard(self, device: int | None = None) -> AbstractContextManager[Any]:
        """Return a block to work in, on the GPU with this number where one is given."""
        return nullcontext()

    def release(self) -> None:
        """Give back what is kept between calls."""
        self._grid = None

    @abstractmethod
    def hold(self, P: Affinities) -> Affinities:
        """Return P where the operations of an iteration read it, checked once.

        Raises ValueError for an offset or a column that leads out of the arrays. Whatever happens
        to the arrays of ``P`` later, the operations stay inside their memory.
        """

    def host(self, a: FloatArray) -> FloatArray:
        """Return an array of this backend in main memory."""
        return a

    def iterate(
        self, epoch: Hashable, numbers: Hashable, turn: Hashable, work: Callable[[], None]
    ) -> None:
        """Do ``work``, or again what it launched at this ``turn`` of this ``epoch``.

        ``numbers`` changes with the numbers of the mesh and of the step; with ``epoch`` change the
        arrays and the kind of work.
        """
        work()

    @abstractmethod
    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """Return the smallest and largest coordinate of every axis."""

    def stepped_extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """Return the extent of the Y_next that the last ``attract_and_step`` has filled.

        Nobody has changed it, and no forces were evaluated since.
        """
        return self.extent(Y)

    def grid(self, mesh: Mesh) -> FloatArray:
        """Return an array that ``deposit`` fills and ``convolve`` reads."""
        if self._grid is None or self._grid.shape != mesh.shape:
            self._grid = np.empty(mesh.shape, np.float32)
        return self._grid

    @abstractmethod
    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """Fill ``charge`` of shape ``mesh.shape`` with the spline weights of all points."""

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """Return charge * (K - offset); along each axis only the first M nodes are meant."""
        import scipy.fft

        return convolve(charge, mesh, scipy.fft, self.n_jobs)

    def potential(self, Y: FloatArray, mesh: Mesh, center: Sequence[float]) -> FloatArray:
        """Return what ``deposit`` and ``convolve`` make of the map.

        A device may fill the same array again at the next call.
        """
        charge = self.grid(mesh)
        self.deposit(Y, mesh, center, charge)
        return self.convolve(charge, mesh)

    @abstractmethod
    def gather(
        self,
        Y: FloatArray,
        mesh: Mesh,
        center: Sequence[float],
        potential: FloatArray,
        phi: FloatArray,
        grad: FloatArray,
    ) -> SupportsFloat:
        """Fill ``phi`` (n,) and ``grad`` (n, c); return Z, which may stay on a device."""

    def spare(self, Y: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        """Return arrays for ``phi`` (n,) and ``grad`` (n, c) on another mesh."""
        return np.empty(len(Y), np.float32), np.empty_like(Y)

    def mean(
        self,
        one: tuple[FloatArray | None, FloatArray, Any],
        two: tuple[FloatArray | None, FloatArray, Any],
    ) -> SupportsFloat:
        """Write the mean of two (phi, grad, Z) into the arrays of the first; return that of Z."""
        for a, b in zip(one[:2], two[:2], strict=True):
            if a is not None and b is not None:
                a += b
                a *= np.float32(0.5)
        return 0.5 * (float(one[2]) + float(two[2]))

    @abstractmethod
    def exact(self, Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> SupportsFloat:
        """Fill ``phi`` and ``grad`` by definition; return Z."""

    @abstractmethod
    def attract_and_step(
        self,
        P: Affinities,
        Y: FloatArray,
        Y_next: FloatArray,
        velocity: FloatArray,
        gains: FloatArray,
        grad: FloatArray,
        Z: Any,
        dof: float,
        params: StepParams,
    ) -> None:
        """Fill ``Y_next``; ``velocity`` and ``gains`` are updated in place. Z: what gather gave."""

    @abstractmethod
    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """Return the place of each point on a space-filling curve, shape (n,), uint32."""

    @abstractmethod
    def reorder(self, P: Affinities, order: IntArray) -> Affinities:
        """Return P with row and column ``i`` those of ``order[i]``; columns no longer ascend."""

    def order_of(self, codes: Array) -> IntArray:
        """Return the places of codes in ascending order, shape (n,), int32, equals in theirs."""
        return np.argsort(codes, kind="stable").astype(np.int32)

    def take(self, a: Array, order: IntArray | None = None, step: int = 1) -> Array:
        """Return the rows ``order`` of an array, or each ``step``-th; of 4-byte elements."""
        return np.ascontiguousarray(a[::step]) if order is None else a[order]

    def duplicate(self, a: Array) -> Array:
        """Return a copy that lies where the array does; of 4-byte elements."""
        return a.copy()

    def scatter(self, a: Array, order: IntArray) -> Array:
        """Return an array whose row ``order[i]`` is row i of ``a``; undoes ``take``."""
        out = np.empty_like(a)
        out[order] = a
        return out

    def recentre(self, Y: FloatArray) -> None:
        """Move the mean of the points to the origin."""
        Y -= Y.mean(axis=0, dtype=np.float64).astype(np.float32)

    def mass(self, P: Affinities) -> float:
        """Return the sum of P, in float64: 1 but for rounding."""
        return float(P.data.sum(dtype=np.float64))

    @abstractmethod
    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """Return ``sum p_ij (log p_ij - log K_ij)``; KL = this + log Z."""

    def inside(self, potential: FloatArray, shape: Sequence[int]) -> tuple[FloatArray, float]:
        """Return a copy of the first nodes of every axis, C order, and the largest value there."""
        kept = np.array(potential[tuple(slice(0, m) for m in shape)], order="C")  # ours to keep
        return kept, float(kept.max())

    @abstractmethod
    def place(
        self,
        reference: Reference,
        indices: IntArray,
        p: FloatArray,
        exaggeration: float,
        max_iter: int,
    ) -> FloatArray:
        """Return the places (m, c) of new points, each on its own; see engine/placement.py."""
