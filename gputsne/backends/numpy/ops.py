"""How does an iteration run without a compiler? The kernels' formulas in whole arrays.

Twin of csrc/kernels/{deposit,gather,exact,attract,step}.hpp: float32 at the borders, float64
inside, every sum in a fixed order. Symbols: docs/math.md; the mesh: docs/mesh.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from gputsne.backends.numpy import graph, place
from gputsne.backends.protocol import Ops
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, Mesh, Reference, StepParams

__all__ = ["NumpyOps"]

F64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Axes = list[tuple[F64, F64]]
BLOCK_POINTS = 1 << 17  # 36 float64 weights a point in three axes: 38 MB of temporaries
BLOCK_PAIRS = 1 << 18  # float64 temporaries of 2 MB, so that they stay in the cache
BLOCK_EDGES = 1 << 18


class Held(Affinities):
    """P whose offsets and columns were checked, in arrays of its own."""


class NumpyOps(Ops):
    """The operations of one iteration, numpy and scipy only.

    Parameters
    ----------
    n_jobs : int, default 1
        Threads of the FFT; everything else here runs on one.
    """

    name = "numpy"
    xp: Any = np
    fft: Any = scipy.fft
    exact_below = (220, 400, 2000)  # CPU time of both on one thread
    epoch = 1  # looking at the extent is nothing beside the rest
    relabel_from = 1 << 62  # never: whole-array operations gain nothing from an order

    def __init__(self, n_jobs: int = 1) -> None:
        self.n_jobs = n_jobs

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """Return p_j|i (n, k) and how many rows missed their entropy; see graph."""
        return graph.conditional(distances, np.asarray(perplexities, np.float64))

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Int64, IntArray, FloatArray]:
        """Return the joint matrix as CSR arrays: indptr, indices, data; see graph."""
        return graph.symmetrize(indices, p)

    def extent(self, Y: FloatArray) -> list[tuple[float, float]]:
        """Return (lowest, highest) coordinate per axis of Y (n, c); empty without points."""
        if not len(Y):
            return []
        return [(float(a), float(b)) for a, b in zip(Y.min(axis=0), Y.max(axis=0), strict=True)]

    def deposit(
        self, Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray
    ) -> None:
        """Fill ``charge`` (mesh.shape, float32) with the spline weights of all points."""
        total = np.zeros(charge.size)
        strides = [s // charge.itemsize for s in charge.strides]
        for block in _blocks(len(Y), BLOCK_POINTS):
            base, _, axes = _stencil(Y[block], mesh, center, mesh.shape, strides)
            cells, where = np.unique(base, return_inverse=True)
            for shift, nodes in _nodes(mesh.order, strides):
                w = np.prod([axes[a][0][j] for a, j in enumerate(nodes)], axis=0)
                total[cells + shift] += np.bincount(where, w, minlength=len(cells))
        charge[...] = total.reshape(charge.shape)

    def gather(
        self,
        Y: FloatArray,
        mesh: Mesh,
        center: Sequence[float],
        potential: FloatArray,
        phi: FloatArray,
        grad: FloatArray,
    ) -> float:
        """Fill ``phi`` (n,) and ``grad`` (n, c) from the mesh; return Z in float64.

        ``potential`` may be longer than the mesh on its axes; its strides may be any multiples of
        the item size.
        """
        n = len(Y)
        strides = [s // potential.itemsize for s in potential.strides]
        size = 1 + sum((g - 1) * s for g, s in zip(potential.shape, strides, strict=True))
        flat = np.lib.stride_tricks.as_strided(potential, (size,), (potential.itemsize,))
        Z = 0.0
        for block in _blocks(n, BLOCK_POINTS):
            base, t, axes = _stencil(Y[block], mesh, center, mesh.shape, strides)
            others, slope = _own_image(t, mesh.self_terms)
            others, slope = mesh.offset * n - others, -0.5 * slope
            for shift, nodes in _nodes(mesh.order, strides):
                v = flat[base + shift].astype(np.float64)
                w = [axes[a][0][j] for a, j in enumerate(nodes)]
                others += np.prod(w, axis=0) * v
                for a, j in enumerate(nodes):
                    slope[a] += np.prod([*w[:a], axes[a][1][j], *w[a + 1 :]], axis=0) * v
            phi[block] = others + 1.0
            grad[block] = slope.T / mesh.h
            Z += float(others.sum())
        return Z

    def exact(self, Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> float:
        """Fill ``phi`` and ``grad`` by definition, O(n**2); return Z in float64."""
        n = len(Y)
        y = np.ascontiguousarray(Y.T, dtype=np.float64)
        Z = 0.0
        for block in _blocks(n, max(1, BLOCK_PAIRS // max(1, n))):
            d = y[:, block, None] - y[:, None, :]  # (c, block, n)
            q = 1.0 / (1.0 + (d * d).sum(axis=0) / dof)
            K = q if dof == 1.0 else q ** ((dof + 1.0) / 2.0)
            others = K.sum(axis=1) - 1.0  # K of a point with itself is 1 to the bit
            phi[block] = others + 1.0
            grad[block] = -(dof + 1.0) / dof * np.einsum("ij,aij->ia", K * q, d)
            Z += float(others.sum())
        return Z

    def hold(self, P: Affinities) -> Held:
        """See ``Ops``; P is copied."""
        if isinstance(P, Held):
            return P
        held = Held(P.indptr.copy(), P.indices.copy(), P.data.copy(), P.unreached)
        graph.check_joint(held)
        return held

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
        """Write the next map into ``Y_next``; ``velocity`` and ``gains`` are updated in place."""
        if np.may_share_memory(Y, Y_next):
            raise ValueError("Y_next is Y; rows that are still to be read would be overwritten")
        attraction = 2.0 * (dof + 1.0) / dof * params.exaggeration
        repulsion = 2.0 / Z if Z > 0 else 0.0  # one point, or all beyond reach of each other
        for rows, own, d, w in _edges(self.hold(P), Y, dof):
            pull = [np.bincount(own, w * x, minlength=rows.stop - rows.start) for x in d]
            slope = attraction * np.stack(pull, axis=1) + repulsion * grad[rows].astype(float)
            onward = (velocity[rows] > 0) != (slope > 0)  # moving downhill already
            g = gains[rows].astype(np.float64)
            gains[rows] = np.where(onward, g + 0.2, g * 0.8 + params.min_gain)
            v = params.momentum * velocity[rows].astype(np.float64)
            v -= params.learning_rate * gains[rows] * slope
            length = np.sqrt((v * v).sum(axis=1, keepdims=True))
            v *= params.max_step / np.maximum(length, params.max_step)
            velocity[rows] = v
            Y_next[rows] = Y[rows] + v

    def divergence(self, P: Affinities, Y: FloatArray, dof: float) -> float:
        """Return ``sum_ij p_ij (log p_ij - log K_ij)`` in float64; KL is this plus log Z."""
        total = 0.0
        for rows, _, d, _ in _edges(self.hold(P), Y, dof):
            p = P.data[P.indptr[rows.start] : P.indptr[rows.stop]].astype(np.float64)
            log_k = -(dof + 1.0) / 2.0 * np.log1p((d * d).sum(axis=0) / dof)
            total += float((p * (np.log(np.where(p > 0, p, 1.0)) - log_k)).sum())
        return total

    def curve(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> Array:
        """Return each point's place on a Morton curve through the map, shape (n,), uint32."""
        c = Y.shape[1]
        bits = (31, 15, 10)[c - 1]
        codes = np.zeros(len(Y), np.uint32)
        for axis, (low, high) in enumerate(box):
            inv_span = 1.0 / (high - low) if high > low else 0.0
            t = np.clip((Y[:, axis] - low) * inv_span, 0.0, 0.999999)
            cell = (t * float(1 << min(bits, 24))).astype(np.uint32)
            for b in range(bits):
                codes |= ((cell >> np.uint32(b)) & np.uint32(1)) << np.uint32(b * c + axis)
        return codes

    def reorder(self, P: Affinities, order: IntArray) -> Affinities:
        """Return P with row and column ``i`` those of ``order[i]``."""
        P = self.hold(P)
        inverse = graph.inverse_of(order, P.n)
        counts = np.diff(P.indptr)[order]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        edges = np.repeat(P.indptr[order] - indptr[:-1], counts) + np.arange(P.nnz)
        return Held(indptr, inverse[P.indices[edges]], P.data[edges], P.unreached)

    def place(
        self,
        reference: Reference,
        indices: IntArray,
        p: FloatArray,
        exaggeration: float,
        max_iter: int,
    ) -> FloatArray:
        """Return the places (m, c) of new points; see place."""
        graph.check_points("indices", indices, len(reference.Y))
        return place.place(reference, indices, p, exaggeration, max_iter)


def _blocks(n: int, size: int) -> Iterator[slice]:
    for begin in range(0, n, size):
        yield slice(begin, min(begin + size, n))


def _nodes(order: int, strides: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield each node of a stencil: its distance in memory from the first, its place per axis."""
    for nodes in itertools.product(range(order), repeat=len(strides)):
        yield sum(j * s for j, s in zip(nodes, strides, strict=True)), nodes


def _stencil(
    Y: Array,
    mesh: Mesh | Reference,
    center: Sequence[float],
    shape: Sequence[int],
    strides: Sequence[int],
) -> tuple[Int64, F64, Axes]:
    """Return the address of each point's first node, place t (c, n) in the cell, weights per axis.

    Points outside, and NaN, are moved to the edge of the mesh, as ``locate`` in spline.hpp does.
    """
    half = mesh.order // 2
    base = np.zeros(len(Y), np.int64)
    t = np.empty((len(shape), len(Y)))
    axes: Axes = []
    for a, m in enumerate(shape):
        u = (Y[:, a].astype(np.float64) - center[a]) / mesh.h
        low, high = float(half - 1 - m // 2), float(m - m // 2 - half - 1)
        u = np.clip(np.where(np.isnan(u), low, u), low, high)
        cell = np.floor(u)
        t[a] = u - cell
        base += (cell.astype(np.int64) + m // 2 - (half - 1)) * strides[a]
        axes.append(_spline(t[a], mesh.order))
    return base, t, axes


def _spline(t: F64, order: int) -> tuple[F64, F64]:
    """Return the B-spline at the ``order`` nodes around t and its derivative: (order, n) each.

    Recursion of smooth particle-mesh Ewald (Essmann et al. 1995, eqs. 4.1 and 4.2).
    """
    w = np.zeros((order, len(t)))
    w[0], w[1] = 1.0 - t, t
    before = w
    for k in range(3, order + 1):
        before = w.copy()
        w[k - 1] = t * before[k - 2] / (k - 1)
        for j in range(k - 2, 0, -1):
            w[j] = ((t + (k - 1 - j)) * before[j - 1] + (j + 1 - t) * before[j]) / (k - 1)
        w[0] = (1.0 - t) * before[0] / (k - 1)
    dw = np.empty_like(w)
    dw[0] = -before[0]
    dw[1:] = before[:-1] - before[1:]  # the last of `before` is still zero
    return w, dw


def _own_image(t: F64, terms: Sequence[float]) -> tuple[F64, F64]:
    """Return a point's own image on the mesh (n,) and its derivative per node spacing (c, n).

    The cosine series of gputsne.engine.mesh: ``terms[k]`` goes with the products of k cosines.
    """
    c = len(t)
    cosine, sine = np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)
    own = np.full(t.shape[1], terms[0])
    slope = np.zeros_like(t)
    for count in range(1, c + 1):
        for chosen in itertools.combinations(range(c), count):
            own += terms[count] * np.prod(cosine[list(chosen)], axis=0)
            for a in chosen:
                rest = [b for b in chosen if b != a]
                slope[a] -= 2 * np.pi * terms[count] * sine[a] * np.prod(cosine[rest], axis=0)
    return own, slope


def _edges(P: Affinities, Y: FloatArray, dof: float) -> Iterator[tuple[slice, Array, F64, F64]]:
    """Yield blocks of rows: which, each edge's row in it, y_i - y_j, p_ij / (1 + r2 / dof)."""
    y = Y.astype(np.float64)
    first, n = 0, P.n
    while first < n:
        last = int(np.searchsorted(P.indptr, P.indptr[first] + BLOCK_EDGES, side="right")) - 1
        last = min(max(last, first + 1), n)
        own = np.repeat(np.arange(last - first), np.diff(P.indptr[first : last + 1]))
        edges = slice(int(P.indptr[first]), int(P.indptr[last]))
        d = np.ascontiguousarray((y[first + own] - y[P.indices[edges]]).T)
        w = P.data[edges] / (1.0 + (d * d).sum(axis=0) / dof)
        yield slice(first, last), own, d, w
        first = last
