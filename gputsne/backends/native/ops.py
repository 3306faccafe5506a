"""The native backend: thin calls of the compiled kernels, in one file.

The stages stand in csrc/cpu/bind_{graph,field,fft,step,order,place,disk}.cpp, which check the
arguments.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gputsne.backends.native.loading import native
from gputsne.backends.native.packed import PackedAffinities
from gputsne.backends.protocol import PACKED_FROM, Ops
from gputsne.base.forks import single_if_forked
from gputsne.base.scratch import scratch_file
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, Mesh, Reference, StepParams

__all__ = ["NativeOps"]


@dataclass(frozen=True, eq=False)
class Held(Affinities):
    """P checked, in arrays that nobody can write to.

    Attributes
    ----------
    edges : gputsne._native.Edges
        The same arrays, as the kernels take them.
    """

    edges: Any = None


class NativeOps(Ops):
    """The operations of ``gputsne._native``, with ``n_jobs`` threads."""

    name = "native"
    xp: Any = np
    # CPU time on one thread: bench/results/crossing.json. In two axes a node takes least, by the
    # compiled FFT; a power takes as long as some thirty pairs without.
    exact_below = ((400, 1500, 2000), (100, 300, 500))
    node_pairs = ((40.0, 8.0, 25.0), (1.0, 0.2, 0.8))
    epoch = 1  # looking at the extent costs 0.1 % of an iteration
    relabel_from = PACKED_FROM

    def __init__(self, n_jobs: int = 1) -> None:
        self.n_jobs = n_jobs
        self._fixed = np.zeros((0,), np.uint64)  # the deposit's fixed-point grid, kept cleared
        # The last mesh that was convolved with, as the kernel takes it, and the kernel's work area.
        self._planned: tuple[Mesh, Any, FloatArray] | None = None

    @property
    def _module(self) -> Any:
        module = native()
        # for the calls of this thread, which another backend may have set
        module.set_threads(single_if_forked(self.n_jobs))
        return module

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """See ``Ops``."""
        p = np.empty_like(distances)
        wanted = np.asarray(perplexities, dtype=np.float64)
        return p, int(self._module.conditional(distances, wanted, p))

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """See ``Ops``."""
        indptr, columns, data = self._module.symmetrize(indices, p)
        return indptr, columns, data

    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """See ``Ops``."""
        return list(self._module.extent(Y))

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """See ``Ops``."""
        if self._fixed.shape != mesh.shape:
            self._fixed = np.zeros(mesh.shape, np.uint64)
        module = self._module
        module.deposit(Y, _where(module, mesh, center), self._fixed, charge)

    def convolve(self, charge: FloatArray, mesh: Mesh) -> FloatArray:
        """See ``Ops``; two axes by the compiled FFT, others by scipy's."""
        module, lengths = self._module, list(mesh.fft_shape)
        doubled = [2 * m for m in mesh.shape] == lengths
        if not (doubled and module.Convolution.suits(lengths)):
            return super().convolve(charge, mesh)
        if self._planned is None or self._planned[0] is not mesh:
            self._planned = None  # given back before the next is made
            by = module.Convolution(lengths, mesh.spectrum)
            self._planned = mesh, by, np.empty(by.work, np.float32)
        _, by, work = self._planned
        potential = np.empty(mesh.shape, np.float32)
        module.convolve(by, charge, work, potential)
        return potential

    def release(self) -> None:
        """See ``Ops``."""
        super().release()
        self._fixed, self._planned = np.zeros((0,), np.uint64), None

    def gather(
        self,
        Y: FloatArray,
        mesh: Mesh,
        center: Sequence[float],
        potential: FloatArray,
        phi: FloatArray,
        grad: FloatArray,
    ) -> float:
        """See ``Ops``."""
        module = self._module
        where = _where(module, mesh, center)
        return float(module.gather(Y, where, potential, mesh.offset, mesh.self_terms, phi, grad))

    def exact(self, Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> float:
        """See ``Ops``."""
        return float(self._module.exact(Y, dof, phi, grad))

    def hold(self, P: Affinities) -> Held | PackedAffinities:
        """See ``Ops``; copies what could be written to."""
        if isinstance(P, Held | PackedAffinities):  # as every call of an iteration finds it
            return P
        return self._held(self._module.Edges(P.indptr, P.indices, P.data), P.unreached)

    def put_on_disk(self, P: Affinities) -> Held | PackedAffinities:
        """See ``Ops``: what is made of P, packed and in order, stays in memory."""
        held = self.hold(P)
        edges = held.plain if isinstance(held, PackedAffinities) else held.edges
        parts = (edges.indptr, edges.indices, edges.data)
        page = mmap.ALLOCATIONGRANULARITY
        sizes = [-(-part.nbytes // page) * page for part in parts]
        with scratch_file(sum(sizes)) as file:
            there = [
                self._module.put_on_disk(part, file.fileno(), sum(sizes[:i]))
                for i, part in enumerate(parts)
            ]
        return self._held(self._module.Edges(*there), P.unreached)

    def _held(self, edges: Any, unreached: int) -> Held:
        return Held(edges.indptr, edges.indices, edges.data, unreached, edges)

    def attract_and_step(
        self,
        P: Affinities,
        Y: FloatArray,
        Y_next: FloatArray,
        velocity: FloatArray,
        gains: FloatArray,
        grad: FloatArray,
        Z: float,
        dof: float,
        params: StepParams,
    ) -> None:
        """See ``Ops``."""
        module = self._module
        into = module.StepInto(
            grad, Y_next, velocity, gains, Z, dof, params.exaggeration, params.momentum,
            params.learning_rate, params.max_step, params.min_gain,
        )  # fmt: skip
        module.attract_and_step(self.hold(P).edges, Y, into)

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """See ``Ops``."""
        return np.asarray(self._module.curve(Y, box))

    def reorder(self, P: Affinities, order: IntArray) -> Affinities:
        """See ``Ops``."""
        held = self.hold(P)
        if isinstance(held, PackedAffinities):
            held.put_away()
            return PackedAffinities(self._module, held.plain, held.order[order], P.unreached)
        return PackedAffinities(self._module, held.edges, order, P.unreached)

    def mass(self, P: Affinities) -> float:
        """See ``Ops``."""
        held = self.hold(P)
        plain = held.plain if isinstance(held, PackedAffinities) else held.edges
        return float(plain.data.sum(dtype=np.float64))

    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """See ``Ops``."""
        held = self.hold(P)
        if isinstance(held, PackedAffinities):
            return float(self._module.divergence(held.plain, self.scatter(Y, held.order), dof))
        return float(self._module.divergence(held.edges, Y, dof))

    def place(
        self,
        reference: Reference,
        indices: IntArray,
        p: FloatArray,
        exaggeration: float,
        max_iter: int,
    ) -> FloatArray:
        """See ``Ops``."""
        module, ref = self._module, reference
        mesh = module.Mesh(ref.center, 1.0 / ref.h, ref.order, ref.potential.shape)
        fitted = module.Fitted(
            ref.Y, ref.dof, ref.potential, mesh, ref.offset, ref.rounding_floor, ref.low, ref.high
        )
        out = np.empty((len(indices), ref.Y.shape[1]), np.float32)
        module.place(fitted, module.Query(indices, p, exaggeration, max_iter), out)
        return out


def _where(module: Any, mesh: Mesh, center: Sequence[float]) -> Any:
    """Return the mesh as the kernels take it."""
    return module.Mesh(center, 1.0 / mesh.h, mesh.order, mesh.shape)
