"""New points on a fitted map, in whole arrays.

Twin of csrc/kernels/placement.hpp: same formulas and constants, float64 inside, many points at
once. Every operation is elementwise in the points and every sum runs over the neighbours in their
order, so no point depends on its batch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gputsne.backends.numpy.field import nodes_of, stencil
from gputsne.backends.numpy.graph import check_points
from gputsne.base.types import FloatArray, IntArray, Reference

__all__ = ["place"]

F64 = npt.NDArray[np.float64]
STARTS = 15
LONGEST = 8.0
SHORTEST = 1e-4
ARMIJO = 1e-4
ROUNDING = 2e-6
CURVED = 1e-2
BACK = 0.35
BLOCK_ROWS = 1 << 13  # 36 addresses and weights per point: a few MB
BLOCK_PAIRS = 1 << 18


class _Rows(NamedTuple):
    """Neighbours of some new points: ids (r, k), weights (r, k)."""

    ids: IntArray
    p: F64

    def take(self, which: npt.NDArray[np.int64]) -> _Rows:
        return _Rows(self.ids[which], self.p[which])


class _Objective(NamedTuple):
    """F (r,), its gradient (c, r), the curvature of the attraction's paraboloid (r,)."""

    value: F64
    grad: F64
    curvature: F64


def place(
    reference: Reference, indices: IntArray, p: FloatArray, exaggeration: float, max_iter: int
) -> FloatArray:
    """Return the places (m, c) of new points; see gputsne.engine.placement.

    Parameters
    ----------
    reference : Reference
        Fitted map with its field.
    indices, p : array, shape (m, k), int32 and float32
        Fitted neighbours and their conditional probabilities.
    exaggeration : float
        Factor on the attraction.
    max_iter : int
        Evaluations after the start.

    Raises
    ------
    ValueError
        For an id that is none of the fitted points.
    """
    check_points("indices", indices, len(reference.Y))
    out = np.empty((len(indices), reference.Y.shape[1]), np.float32)
    for begin in range(0, len(indices), BLOCK_ROWS):
        block = slice(begin, begin + BLOCK_ROWS)
        rows = _Rows(indices[block], p[block].astype(np.float64))
        out[block] = _Block(reference, exaggeration).descend(rows, max_iter).T
    return out


class _Block:
    """The search of ``Placement`` for a block of points; y is (c, r)."""

    def __init__(self, reference: Reference, exaggeration: float) -> None:
        self.ref = reference
        self.pull = exaggeration * (reference.dof + 1.0) / reference.dof
        self.low = np.array(reference.low, np.float32).astype(np.float64)[:, None]
        self.high = np.array(reference.high, np.float32).astype(np.float64)[:, None]

    def fitted(self, ids: IntArray) -> F64:
        return self.ref.Y[ids].astype(np.float64).T

    def at(self, rows: _Rows, y: F64) -> _Objective:
        phi, slope = _field(self.ref, y)
        stretch, stiffness, total = np.zeros(y.shape[1]), np.zeros(y.shape[1]), np.zeros_like(y)
        for j in range(rows.ids.shape[1]):
            d = y - self.fitted(rows.ids[:, j])
            t = _over_axes(d * d) / self.ref.dof
            w = rows.p[:, j] / (1.0 + t)
            stretch += rows.p[:, j] * np.log1p(t)
            stiffness += w
            total += w * d
        value = 0.5 * self.pull * self.ref.dof * stretch
        value += np.log(np.maximum(phi, 0.0) + self.ref.rounding_floor)
        share = np.where(phi > 0.0, 1.0 / (np.maximum(phi, 0.0) + self.ref.rounding_floor), 0.0)
        return _Objective(value, self.pull * total + share * slope, self.pull * stiffness + 1e-20)

    def start(self, rows: _Rows) -> tuple[F64, _Objective]:
        y = np.zeros((self.ref.Y.shape[1], len(rows.ids)))
        for j in range(rows.ids.shape[1]):
            y += rows.p[:, j] * self.fitted(rows.ids[:, j])
        y = np.clip(y, self.low, self.high)
        best = self.at(rows, y)
        for j in range(min(STARTS, rows.ids.shape[1])):
            there = self.fitted(rows.ids[:, j])
            F = self.at(rows, there)
            better = F.value < best.value
            best = _chosen(better, F, best)
            y = np.where(better, there, y)
        return y, best

    def descend(self, rows: _Rows, max_iter: int) -> F64:
        """Return the places (c, r): BFGS with backtracking, each point until its step is short."""
        place, now = self.start(rows)
        moving = np.arange(place.shape[1])
        y, H, plain = place, _plain(now), np.ones(moving.size, bool)
        shorter = np.ones(moving.size)
        for _ in range(max_iter):
            step = -_over_axes(H.transpose(1, 0, 2) * now.grad[:, None, :])
            length = np.sqrt(_over_axes(step * step))
            scale = shorter * np.where(length > LONGEST, LONGEST / np.maximum(length, LONGEST), 1.0)
            there = np.clip(y + scale * step, self.low, self.high)
            step = there - y
            on = np.flatnonzero(_over_axes(step * step) > (SHORTEST * self.ref.h) ** 2)
            if on.size < moving.size:
                place[:, moving] = y
                moving, rows, y, there, step = (
                    moving[on],
                    rows.take(on),
                    y[:, on],
                    there[:, on],
                    step[:, on],
                )
                now = _Objective(now.value[on], now.grad[:, on], now.curvature[on])
                H, plain, shorter = H[:, :, on], plain[on], shorter[on]
            if not on.size:
                break
            descent = _over_axes(step * now.grad)
            then = self.at(rows, there)
            allowed = now.value + ARMIJO * descent + ROUNDING * (np.abs(now.value) + 1.0)
            good = (descent < 0.0) & (then.value <= allowed)
            learned, curved = _learn(H, step, now, then)
            again = ~good & ~plain  # the metric was wrong: back to that of the attraction
            H = np.where(good, learned, np.where(again, _plain(now), H))
            shorter = np.where(good, 1.0, np.where(again, shorter, shorter * BACK))
            plain = np.where(good, ~curved, True)
            now = _chosen(good, then, now)
            y = np.where(good, there, y)
        place[:, moving] = y
        return place


def _over_axes(a: F64) -> F64:
    """Sum over the first axis, in order: numpy's own sum of a single column adds in another."""
    total = a[0].copy()
    for part in a[1:]:
        total += part
    return np.asarray(total)


def _chosen(which: npt.NDArray[np.bool_], a: _Objective, b: _Objective) -> _Objective:
    return _Objective(*(np.where(which, x, y) for x, y in zip(a, b, strict=True)))


def _plain(F: _Objective) -> F64:
    """Return the inverse Hessian (c, c, r) of the attraction's paraboloid."""
    return np.asarray(np.eye(len(F.grad))[:, :, None] / F.curvature)


def _learn(H: F64, s: F64, now: _Objective, then: _Objective) -> tuple[F64, npt.NDArray[np.bool_]]:
    """Return the inverse BFGS update, plain where F is not convex, and where it is."""
    q = then.grad - now.grad
    sq = _over_axes(s * q)
    curved = sq > CURVED * then.curvature * _over_axes(s * s)
    Hq = _over_axes(H.transpose(1, 0, 2) * q[:, None, :])
    r = 1.0 / np.where(curved, sq, 1.0)
    grow = (1.0 + _over_axes(q * Hq) * r) * r
    new = H + grow * s[:, None] * s[None] - r * (Hq[:, None] * s[None] + s[:, None] * Hq[None])
    return np.where(curved, new, _plain(then)), curved


def _field(ref: Reference, y: F64) -> tuple[F64, F64]:
    """Return phi (r,) and its gradient (c, r), from the mesh or by definition."""
    if not ref.potential.size:
        return _sum(ref, y)
    potential = ref.potential
    strides = [s // potential.itemsize for s in potential.strides]
    base, _, axes = stencil(y.T, ref, ref.center, potential.shape, strides)
    flat = potential.ravel()
    phi, slope = np.full(y.shape[1], ref.offset), np.zeros_like(y)
    for shift, nodes in nodes_of(ref.order, strides):
        v = flat[base + shift].astype(np.float64)
        w = [axes[a][0][j] for a, j in enumerate(nodes)]
        whole = v
        for a, j in enumerate(nodes):
            rest = v * axes[a][1][j]
            for b, other in enumerate(w):
                rest = rest * other if b != a else rest
            slope[a] += rest
            whole = whole * w[a]
        phi += whole
    return phi, slope / ref.h


def _sum(ref: Reference, y: F64) -> tuple[F64, F64]:
    fitted = np.ascontiguousarray(ref.Y.T, dtype=np.float64)
    phi, slope = np.empty(y.shape[1]), np.empty_like(y)
    for begin in range(0, len(phi), block := max(1, BLOCK_PAIRS // len(ref.Y))):
        some = slice(begin, begin + block)
        d = y[:, some, None] - fitted[:, None, :]  # (c, block, n)
        q = 1.0 / (1.0 + _over_axes(d * d) / ref.dof)
        K = q ** ((ref.dof + 1.0) / 2.0)
        phi[some] = K.sum(axis=1)
        slope[:, some] = -(ref.dof + 1.0) / ref.dof * (K * q * d).sum(axis=2)
    return phi, slope
