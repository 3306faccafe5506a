"""How does the GPU keep P? As CSR, in 4 or 2 bytes a weight, its longest rows cut into pieces.

``hold`` makes it from what the set-up left on the device, or from main memory; every operation of
an iteration reads it, ``reorder`` makes another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gputsne.backends.checks import check_form
from gputsne.backends.cuda.setup import CudaSetup
from gputsne.base.types import Affinities, Array, FloatArray, IntArray

__all__ = ["CudaEdges", "Edges", "Hubs"]

PIECE = 1024  # edges of a row that one warp adds up: the median row has 125
HALF_TOP = 2.0**15  # what the largest weight becomes in 2 bytes; they end at 2**16


class Hubs(NamedTuple):
    """Rows that one warp would be at when all others are done; each is cut into pieces.

    Attributes
    ----------
    row : array, shape (count,), int32
        Which rows, ascending.
    first : array, shape (count + 1,), int32
        First piece of each; the last is the number of pieces.
    pieces : int
        That number.
    sums : array, shape (pieces, 3), float32
        Scratch for what the pieces add up to.
    """

    row: Array
    first: Array
    pieces: int
    sums: Array


@dataclass(frozen=True, eq=False)
class Edges(Affinities):
    """P on the device.

    Attributes
    ----------
    data : array, shape (nnz,), float32 or float16
        ``p_ij / scale``.
    scale : float
        A power of two, 1 for float32.
    hubs : Hubs or None
        None where no row is long.
    """

    scale: float = 1.0
    hubs: Hubs | None = None

    @property
    def half(self) -> bool:
        """Whether the weights have 2 bytes."""
        return self.data.dtype.itemsize == 2


class CudaEdges(CudaSetup):
    """What is done with P as a whole; see ``CudaOps``."""

    half = False  # whether P is kept in 2-byte floats: 6 bytes an edge, 5e-4 of rounding

    def hold(self, P: Affinities) -> Edges:
        """Return P on the device; what ``symmetrize`` left there is taken, all else checked."""
        if isinstance(P, Edges):  # as every call of an iteration finds it
            return P
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting[0]() is P.data:
            P = waiting[1]
            indptr, indices, data = P.indptr, P.indices, P.data
        else:
            indptr, indices, data = self._checked(P)
        hubs = self._hubs(indptr)
        if not self.half or not P.nnz:
            return Edges(indptr, indices, data, P.unreached, hubs=hubs)
        top = float(data.max())
        scale = 2.0 ** float(np.ceil(np.log2(top / HALF_TOP))) if top > 0 else 1.0
        halves = self._empty(data.shape, np.float16)
        self._module.to_half(self._at(data), P.nnz, 1.0 / scale, self._at(halves), self._stream)
        return Edges(indptr, indices, halves, P.unreached, scale, hubs)

    def _checked(self, P: Affinities) -> tuple[Array, Array, Array]:
        """Return copies of P's arrays on the device, which nobody else can write to."""
        check_form(P)
        n, nnz = P.n, P.nnz
        indptr, indices = self._copied(P.indptr, np.int64), self._copied(P.indices, np.int32)
        data = self._copied(P.data, np.float32)
        bad = self._first_bad(
            lambda bad: self._module.check_offsets(self._at(indptr), n, nnz, bad, self._stream)
        )
        if bad >= 0:
            raise ValueError(
                f"P.indptr[{bad}]={int(indptr[bad])}; offsets begin at 0, never fall and end at "
                f"the {nnz} edges that P.indices has"
            )
        self._check_points("P.indices", indices, n)
        return indptr, indices, data

    def reorder(self, P: Affinities, order: IntArray) -> Edges:
        """See ``Ops``."""
        P = self.hold(P)
        n, stream = P.n, self._stream
        if order.shape != (n,):
            raise ValueError(f"order has shape {order.shape}, needs ({n},)")
        order = self._copied(order, np.int32)
        self._check_points("order", order, n)
        inverse, indptr = self.xp.full((n,), -1, np.int32), self.xp.zeros((n + 1,), np.int64)
        indices, data = (self._empty(a.shape, a.dtype) for a in (P.indices, P.data))
        at_order, old = self._at(order), self._at(P.indptr)
        self._module.invert(at_order, n, self._at(inverse), stream)
        if n and int(inverse.min()) < 0:  # a place that no point came to: another came twice
            raise ValueError(f"order lists a point twice; it must hold each of 0 .. {n - 1} once")
        self._module.moved_degrees(old, at_order, n, self._at(indptr), stream)
        self._scan(indptr)
        self._module.move_edges(
            old, self._at(P.indices), self._at(P.data), P.half, at_order, self._at(inverse), n,
            self._at(indptr), self._at(indices), self._at(data), stream,
        )  # fmt: skip
        return Edges(indptr, indices, data, P.unreached, P.scale, self._hubs(indptr))

    def mass(self, P: Affinities) -> float:
        """See ``Ops``; waits for the device."""
        held = self.hold(P)
        return held.scale * float(held.data.sum(dtype=np.float64))

    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """See ``Ops``; waits for the device."""
        n, c = Y.shape
        P = self.hold(P)  # what is made here must live until the launch
        rows, out = self._empty((n,), np.float32), self._empty((1,), np.float64)
        scratch = self._empty((self._sums,), np.float64)
        self._module.divergence(
            self._at(Y), n, c, *self._edges(P), dof, self._at(rows), self._at(scratch),
            self._at(out), self._stream,
        )  # fmt: skip
        return float(out[0])

    def _edges(self, P: Edges) -> tuple[Any, ...]:
        """Return what the kernels are told of P, which the caller keeps alive."""
        hubs = [] if P.hubs is None else [
            self._at(P.hubs.row), self._at(P.hubs.first), len(P.hubs.row), P.hubs.pieces, PIECE,
            self._at(P.hubs.sums),
        ]  # fmt: skip
        where = (self._at(P.indptr), self._at(P.indices), self._at(P.data))
        return (*where, P.half, P.scale, hubs)

    def _hubs(self, indptr: Array) -> Hubs | None:
        """Cut the rows that are too long for one warp; waits for the device."""
        degree = indptr[1:] - indptr[:-1]
        long = self.xp.flatnonzero(degree > PIECE)
        if not long.size:
            return None
        pieces = -(-self.host(degree[long]) // PIECE)
        first = np.concatenate([[0], np.cumsum(pieces)])
        total = int(first[-1])
        sums = self._empty((total, 3), np.float32)
        return Hubs(self._put(long, np.int32), self._put(first, np.int32), total, sums)
