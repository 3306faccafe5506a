"""The field in whole arrays: points to charges on the mesh and back, sums by definition, extent.

Twin of csrc/kernels/{spline,deposit,gather,exact}.hpp: float32 at the borders, float64 inside,
every sum in a fixed order. Symbols: docs/math.md; the mesh: docs/mesh.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gputsne.base.types import Array, FloatArray, Mesh, Reference

__all__ = ["deposit", "exact", "extent", "gather", "nodes_of", "stencil"]

F64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Axes = list[tuple[F64, F64]]
BLOCK_POINTS = 1 << 17  # 36 float64 weights per point in three axes: 38 MB of temporaries
BLOCK_PAIRS = 1 << 18  # float64 temporaries of 2 MB, so that they stay in the cache


def extent(Y: FloatArray) -> list[tuple[float, float]]:
    """Return (lowest, highest) coordinate per axis of Y (n, c); empty without points."""
    if not len(Y):
        return []
    return [(float(a), float(b)) for a, b in zip(Y.min(axis=0), Y.max(axis=0), strict=True)]


def deposit(Y: FloatArray, mesh: Mesh, center: Sequence[float], charge: FloatArray) -> None:
    """Fill ``charge`` (mesh.shape, float32) with the spline weights of all points."""
    total = np.zeros(charge.size)
    strides = [s // charge.itemsize for s in charge.strides]
    for block in _blocks(len(Y), BLOCK_POINTS):
        base, _, axes = stencil(Y[block], mesh, center, mesh.shape, strides)
        cells, where = np.unique(base, return_inverse=True)
        for shift, nodes in nodes_of(mesh.order, strides):
            w = np.prod([axes[a][0][j] for a, j in enumerate(nodes)], axis=0)
            total[cells + shift] += np.bincount(where, w, minlength=len(cells))
    charge[...] = total.reshape(charge.shape)


def gather(
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
        base, t, axes = stencil(Y[block], mesh, center, mesh.shape, strides)
        others, slope = _own_image(t, mesh.self_terms)
        others, slope = mesh.offset * n - others, -0.5 * slope
        for shift, nodes in nodes_of(mesh.order, strides):
            v = flat[base + shift].astype(np.float64)
            w = [axes[a][0][j] for a, j in enumerate(nodes)]
            others += np.prod(w, axis=0) * v
            for a, j in enumerate(nodes):
                slope[a] += np.prod([*w[:a], axes[a][1][j], *w[a + 1 :]], axis=0) * v
        phi[block] = others + 1.0
        grad[block] = slope.T / mesh.h
        Z += float(others.sum())
    return Z


def exact(Y: FloatArray, dof: float, phi: FloatArray, grad: FloatArray) -> float:
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


def _blocks(n: int, size: int) -> Iterator[slice]:
    for begin in range(0, n, size):
        yield slice(begin, min(begin + size, n))


def nodes_of(order: int, strides: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield each node of a stencil: its distance in memory from the first, its place per axis."""
    for nodes in itertools.product(range(order), repeat=len(strides)):
        yield sum(j * s for j, s in zip(nodes, strides, strict=True)), nodes


def stencil(
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
