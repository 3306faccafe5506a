"""Each kernel of the iteration computes what its formula says: cases for every ring.

A case puts arrays on a bench, calls the functions of ``gputsne._cuda`` by name, compares with
float64 by definition and returns the outputs, for rings that also ask whether they are bit-equal.
What an output array held before is garbage (NaN), so that nothing unwritten can pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import oracle
from scipy.interpolate import BSpline

Outputs = dict[str, np.ndarray]
N = 517  # no multiple of a warp, a block or a stencil
H = 0.37
SHAPES = {1: (70,), 2: (41, 44), 3: (19, 22, 20)}
EPS = float(np.finfo(np.float32).eps)
UNIT = 2.0**24  # of a fixed-point charge


class Bench(Protocol):
    """Where arrays lie, and how a function gets their addresses."""

    def put(self, array: np.ndarray) -> Any: ...
    def empty(self, shape: Any, dtype: Any) -> Any: ...
    def get(self, handle: Any) -> np.ndarray: ...
    def at(self, handle: Any) -> int: ...
    def call(self, name: str, *arguments: Any, **named: Any) -> Any: ...


def near(got: np.ndarray, want: Any, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Compare; NaN on either side is a difference."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape
    bad = ~(np.abs(got - want) <= atol + rtol * np.abs(want))
    assert not bad.any(), f"{bad.sum()} of {bad.size} differ: {got[bad][:3]} for {want[bad][:3]}"


def points(c: int, n: int = N, seed: int = 7) -> np.ndarray:
    """Return a map that fits the mesh of SHAPES with three nodes of air."""
    reach = [(m / 2 - 5) * H for m in SHAPES[c]]
    cloud = np.random.default_rng(seed).uniform(-1, 1, (n, c)) * reach
    return cloud.astype(np.float32)


def stencil(Y: np.ndarray, c: int, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each point's first node (n, c), weights and their derivatives (n, c, order)."""
    u = Y.astype(np.float64) / np.float64(np.float32(H))
    first = np.floor(u).astype(int)
    t = u - first
    spline = BSpline.basis_element(np.arange(order + 1.0), extrapolate=False)
    # node j of the stencil lies at floor(u) + j - (order / 2 - 1)
    x = t[..., None] + (order - 1 - np.arange(order))
    w, dw = np.nan_to_num(spline(x)), np.nan_to_num(spline.derivative()(x))
    half = np.array([m // 2 for m in SHAPES[c]])
    return first + half - (order // 2 - 1), w, dw


def spread(first: np.ndarray, weights: list[np.ndarray]) -> tuple[tuple[np.ndarray, ...], Any]:
    """Return node indices and products of one weight per axis, (n, order, ..)."""
    c, order = first.shape[1], weights[0].shape[1]
    product, nodes = np.ones((len(first),) + (1,) * c), []
    for a in range(c):
        shape = [len(first)] + [order if b == a else 1 for b in range(c)]
        product = product * weights[a].reshape(shape)
        nodes.append((first[:, a, None] + np.arange(order)).reshape(shape))
    return tuple(np.broadcast_arrays(*nodes)), product


def told(bench: Bench, c: int, order: int, *fix: Any, written: bool = False) -> Any:
    """Return what kernels are told of the mesh of SHAPES; ``written``: only in memory."""
    shape = list(SHAPES[c])
    if not written:
        return bench.call("Mesh", [0.0] * c, 1.0 / H, order, shape, *fix)
    now = bench.empty((bench.call("numbers_size"),), np.uint8)
    offset, terms = fix or (0.0, [0.0] * (c + 1))
    right = bench.call("Mesh", [0.0] * c, 1.0 / H, order, shape, offset, terms, now)
    bench.call("write_numbers", right, N, 0)
    others = [x + 1 for x in terms]
    return bench.call("Mesh", [9.0] * c, 3.0, order, shape, offset + 1, others, now)


def deposit(bench: Bench, c: int, order: int, written: bool = False) -> Outputs:
    Y, shape = points(c), SHAPES[c]
    charge = bench.put(np.zeros(shape, np.uint64))
    mesh = told(bench, c, order, written=written)
    bench.call("deposit", bench.put(Y), N, c, mesh, charge, 0)
    fixed = bench.get(charge)
    first, w, _ = stencil(Y, c, order)
    nodes, product = spread(first, [w[:, a] for a in range(c)])
    want = np.zeros(shape)
    np.add.at(want, nodes, product)
    # u is rounded by eps |u| (|u| < 35), a weight's slope is below 1, some 10 points share a node
    near(fixed.astype(np.float64) / UNIT, want, atol=10 * 35 * EPS)
    assert abs(float(fixed.sum()) / UNIT - N) < N * 20 * EPS
    return {"charge": fixed}


def deposit_crowded(bench: Bench, c: int) -> Outputs:
    """Many blocks whose points lie together, as along a curve: all of them go by patches."""
    n, shape, order = 1700, SHAPES[c], 4
    Y = points(c, n)
    Y = Y[np.argsort(Y[:, 0], kind="stable")] * (0.02 if c == 3 else 0.2)
    Y[:400] = 0.0  # two blocks in one place, where a node gets the most
    charge = bench.put(np.zeros(shape, np.uint64))
    bench.call("deposit", bench.put(Y), n, c, told(bench, c, order), charge, 0)
    first, w, _ = stencil(Y, c, order)
    nodes, product = spread(first, [w[:, a] for a in range(c)])
    want = np.zeros(shape)
    np.add.at(want, nodes, product)
    near(bench.get(charge).astype(np.float64) / UNIT, want, atol=n * 10 * EPS)
    return {"charge": bench.get(charge)}


def deposit_outside(bench: Bench, c: int) -> Outputs:
    """Points far outside, and NaN: clamped to the rim, their charge is not lost."""
    Y = points(c)
    Y[::3] *= 50
    Y[::7] = np.nan
    charge = bench.put(np.zeros(SHAPES[c], np.uint64))
    bench.call("deposit", bench.put(Y), N, c, told(bench, c, 6), charge, 0)
    # rounding to units moves a node by up to half of one, arithmetic a weight by some 10 ulp
    near(bench.get(charge).sum(dtype=np.float64) / UNIT, N, rtol=20 * EPS)
    return {"charge": bench.get(charge)}


def pack(bench: Bench, c: int) -> Outputs:
    shape = SHAPES[c]
    padded = tuple(m + 2 + a for a, m in enumerate(shape))
    charge = np.random.default_rng(3).integers(0, 2**40, shape, dtype=np.uint64)
    fixed, out = bench.put(charge), bench.empty(padded, np.float32)
    bench.call("pack", fixed, list(shape), out, list(padded), 0)
    want = np.zeros(padded, np.float32)
    want[tuple(slice(m) for m in shape)] = charge.astype(np.int64).astype(np.float32) / np.float32(
        UNIT
    )
    near(bench.get(out), want)  # one rounding, the same on both sides
    assert not bench.get(fixed).any()
    return {"out": bench.get(out)}


def multiply(bench: Bench, c: int) -> Outputs:
    rng, G = np.random.default_rng(5), {1: (40,), 2: (18, 24), 3: (10, 12, 14)}[c]
    A = rng.normal(size=(*G[:-1], G[-1] // 2 + 1)) + 1j * rng.normal(size=(*G[:-1], G[-1] // 2 + 1))
    A = A.astype(np.complex64)
    octant = rng.normal(size=[g // 2 + 1 for g in G]).astype(np.float32)
    a = bench.put(A)
    bench.call("multiply", a, list(G), bench.put(octant), 0.25, 0)
    folded = [np.minimum(np.arange(s), g - np.arange(s)) for s, g in zip(A.shape, G, strict=True)]
    want = A.astype(np.complex128) * octant[np.ix_(*folded)] * 0.25
    got = bench.get(a)
    near(got.view(np.float32), want.view(np.float64), rtol=EPS)
    return {"A": got}


def gather(
    bench: Bench, c: int, order: int, reach: float = 1.0, phi_wanted: bool = True,
    written: bool = False,
) -> Outputs:  # fmt: skip
    """``reach`` 1: the points of a block lie all over the mesh; 0.1: on a patch of it."""
    Y, shape, rng = points(c) * np.float32(reach), SHAPES[c], np.random.default_rng(11)
    stored = tuple(m + 3 for m in shape)  # as the FFT leaves it: longer than the mesh
    potential = rng.normal(size=stored).astype(np.float32)
    self_terms, offset = [0.03, 0.02, -0.01, 0.005][: c + 1], 0.125
    phi, grad = bench.empty((N,), np.float32), bench.empty((N, c), np.float32)
    scratch = bench.put(np.full(bench.call("gather_scratch", N), np.nan))
    bench.get(scratch)[0] = 0.0
    Z, extent = bench.empty((1,), np.float64), bench.put(np.full(2 * c, 77, np.uint32))
    strides = [int(np.prod(stored[a + 1 :])) for a in range(c)]
    mesh = told(bench, c, order, offset, self_terms, written=written)
    into = (phi if phi_wanted else 0, grad, scratch, Z, extent, 0)
    bench.call("gather", bench.put(Y), N, c, mesh, bench.put(potential), strides, *into)
    first, w, dw = stencil(Y, c, order)
    h = np.float64(np.float32(H))

    def along(axis: int) -> Any:
        nodes, product = spread(first, [(dw if a == axis else w)[:, a] for a in range(c)])
        return (potential.astype(np.float64)[nodes] * product).sum(axis=tuple(range(1, c + 1)))

    turn = 2 * np.pi * (Y / h - np.floor(Y / h))
    wave, own, slope = np.cos(turn), self_terms[0], np.zeros((N, c))
    for mask in range(1, 2**c):  # a product of cosines for each set of axes
        axes = [a for a in range(c) if mask >> a & 1]
        own = own + self_terms[len(axes)] * wave[:, axes].prod(axis=1)
        for a in axes:
            rest = wave[:, [b for b in axes if b != a]].prod(axis=1)
            slope[:, a] -= 2 * np.pi * np.sin(turn[:, a]) * self_terms[len(axes)] * rest
    others = offset * N + along(-1) - own
    want = np.stack([(along(a) - 0.5 * slope[:, a]) / h for a in range(c)], axis=1)
    # sincos_2pi() is good to 1e-4 of self terms of 0.1 in all; t to eps |u|, under slopes of a few
    # units
    near(bench.get(Z), [others.sum()], atol=N * 1e-4)
    near(bench.get(grad), want, atol=1e-3)
    assert bench.get(scratch)[0] == 0
    assert not bench.get(extent).any()
    if not phi_wanted:
        return {"grad": bench.get(grad), "Z": bench.get(Z)}
    near(bench.get(phi), others + 1, rtol=2 * EPS, atol=1e-4)
    near(bench.get(Z), [(bench.get(phi) - 1.0).sum(dtype=np.float64)], rtol=N * EPS)
    return {"phi": bench.get(phi), "grad": bench.get(grad), "Z": bench.get(Z)}


def exact(bench: Bench, c: int, dof: float) -> Outputs:
    n = 145
    Y = points(c, n)
    phi, z = bench.empty((n,), np.float32), bench.empty((n,), np.float32)
    grad = bench.empty((n, c), np.float32)
    extent = bench.put(np.full(2 * c, 77, np.uint32))
    bench.call("exact", bench.put(Y), n, c, dof, phi, grad, z, extent, 0)
    assert not bench.get(extent).any()
    want, slope = oracle.repulsion(Y, dof)
    # float sums of n terms, each good to a few ulp
    near(bench.get(phi), want, rtol=40 * EPS)
    near(bench.get(z), want - 1, rtol=40 * EPS)
    near(bench.get(grad), slope, atol=40 * EPS * float(np.abs(slope).max()))
    return {"phi": bench.get(phi), "grad": bench.get(grad)}


def total(bench: Bench) -> Outputs:
    values = np.random.default_rng(1).exponential(size=70_001).astype(np.float32)
    out = bench.empty((1,), np.float64)
    scratch = bench.empty((bench.call("sum_scratch"),), np.float64)
    bench.call("total", bench.put(values), len(values), scratch, out, 0)
    near(bench.get(out), [values.sum(dtype=np.float64)], rtol=1e-13)  # float64, 7e4 terms
    return {"out": bench.get(out)}


def extent(bench: Bench, c: int) -> Outputs:
    Y = points(c)
    outputs = {}
    scratch = bench.empty((bench.call("sum_scratch") * 2 * c,), np.float32)
    for name in ("finite", "nan"):
        out = bench.empty((2, c), np.float32)
        bench.call("extent", bench.put(Y), N, c, scratch, out, 0)
        outputs[name] = bench.get(out)
        if name == "finite":
            near(outputs[name], [Y.min(axis=0), Y.max(axis=0)])  # exact
        else:
            assert np.isnan(outputs[name][:, 0]).all()  # one NaN among N points is seen
            near(outputs[name][:, 1:], [Y[:, 1:].min(axis=0), Y[:, 1:].max(axis=0)])
        Y[333, 0] = np.nan
    return outputs


CASES: dict[str, Callable[[Bench], Outputs]] = {"total": total}
for _c in (1, 2, 3):
    for _order in (4, 6):
        CASES[f"deposit-{_c}-{_order}"] = partial(deposit, c=_c, order=_order)
        CASES[f"gather-{_c}-{_order}"] = partial(gather, c=_c, order=_order)
        CASES[f"gather_patch-{_c}-{_order}"] = partial(gather, c=_c, order=_order, reach=0.1)
    CASES[f"gather_without_phi-{_c}"] = partial(gather, c=_c, order=6, phi_wanted=False)
    CASES[f"deposit_crowded-{_c}"] = partial(deposit_crowded, c=_c)
    CASES[f"deposit-{_c}-written"] = partial(deposit, c=_c, order=6, written=True)
    for _reach in (1.0, 0.1):
        _end = "-written" if _reach == 1 else "-written-patch"
        CASES[f"gather-{_c}{_end}"] = partial(gather, c=_c, order=6, reach=_reach, written=True)
    CASES[f"deposit_outside-{_c}"] = partial(deposit_outside, c=_c)
    CASES[f"pack-{_c}"] = partial(pack, c=_c)
    CASES[f"multiply-{_c}"] = partial(multiply, c=_c)
    for _dof in (1.0, 2.5):
        CASES[f"exact-{_c}-{_dof}"] = partial(exact, c=_c, dof=_dof)
    CASES[f"extent-{_c}"] = partial(extent, c=_c)
