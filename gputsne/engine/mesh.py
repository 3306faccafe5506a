"""The mesh: how fine a map needs it, and the spectrum of the kernel on it.

One policy for every backend. Node ``j`` of an axis lies at ``center + (j - m // 2) * h`` (twin:
csrc/kernels/spline.hpp). Derivations and the table of measured errors: docs/mesh.md.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from gputsne.base.types import Array, Mesh

ORDER = 6  # quintic: the error of cubic at h = 0.3 already at h = 0.42 (docs/mesh.md)
LADDER = (0.36, 0.31, 0.25, 0.18, 0.125)  # finer spacings, in widths of the kernel
# What the 1 % goal needs, all in widths of the kernel; measured in docs/mesh.md.
GOAL = ((8.0, 0.25), (28.0, 0.31), (56.0, 0.36), (np.inf, 0.42))  # (span, h): below it, this h
SPARSE = ((np.inf, 0.36), (0.5, 0.38), (0.0, 0.42))  # by axes, (points per volume, h): likewise
NODES_PER_POINT = 1.0  # FFT nodes that cost 5 % of one point's edges: finer is free up to there
FREE_NODES = (4096, 192**2, 48**3)  # an FFT up to this size costs less than calling it, by axes
# Where a mesh costs more to make than to use (``Ops.few_meshes``) lengths are 2^a, and 3 2^a from
# the third on; tiny maps have the first, others the second at least (docs/gpu.md). By axes.
FEW_LENGTHS = ((128, 4096, 1 << 20), (128, 512, 1536), (64, 64, 96))
FEW_FREE_NODES = (8192, 1024**2, 96**3)  # as FREE_NODES
MAX_NODES = (2**22, 8192**2, 512**3)  # FFT nodes; 0.27 GB per copy in 2-D, 0.5 GB in 3-D
# Where few points are asked to have a mesh, it may cost so many times the sums by definition, and
# as many nodes as this anyway: 10 to 25 ms per evaluation on two cores.
FORCED, FORCED_NODES = 32.0, 2**20
TINY_SPAN = 2.0  # widths; for smaller maps h follows the span: K - offset is smooth there
SAMPLES = 8  # places per axis within a cell at which a point's own image is computed
MARGIN = 2  # unused nodes on either side, so that a map that grows a little keeps its mesh
# Relative error of the forces that close pairs may cause, where 1 % in all is promised: on one mesh
# NEAR_ERROR, on a pair of meshes LEAST_OF_PAIR. In a finished map forces nearly cancel, and errors
# below that show in its KL; so a pair aims at WANTED_OF_PAIR as long as its cost allows.
NEAR_ERROR, WANTED_OF_PAIR, LEAST_OF_PAIR = 8e-3, 1e-3, 5e-3
# Limits of that cost, nodes over those of the one mesh: to reach WANTED_OF_PAIR, LEAST_OF_PAIR.
DEAR, DEAREST = 2.0, 4.0
PAIR_COARSER = 1.2  # a pair at this many times the spacing of one mesh has half of its error
FINER = 0.85  # ratio of successive spacings that ``refine`` tries
CLEAN = 0.15  # widths; on finer meshes the images are below float32's rounding


def kernel(r2: Array, dof: float) -> Array:
    """Return ``K(r2) = (1 + r2 / dof) ** (-(dof + 1) / 2)`` (Kobak et al. 2019), float64."""
    if dof == 1.0:
        return 1.0 / (1.0 + r2)
    out: Array = (1.0 + r2 / dof) ** (-(dof + 1.0) / 2.0)
    return out


def width(dof: float) -> float:
    """Return the kernel's length scale, 1 for dof = 1: spacings in this unit are equally good.

    ``K ~ 1 - r**2 (dof + 1) / (2 dof)`` near 0 suggests the power 1/2, the spectrum's decay
    ``exp(-sqrt(dof) k)`` the power 1 for dof < 1; 0.7 levels the errors measured for 0.5 to 10.
    """
    return float((2.0 * dof / (dof + 1.0)) ** 0.7)


def fft_length(nodes: int) -> int:
    """Return an even length >= ``nodes`` of factors 2, 3, 5, on a ladder with steps of about 6 %.

    The coarse ladder keeps a growing map from asking for a new spectrum every few iterations.
    """
    ladder = _ladder(nodes.bit_length())
    return ladder[bisect_left(ladder, nodes)]


@cache
def _ladder(bits: int) -> tuple[int, ...]:
    """Return the ladder up to the first length of at least ``2**bits``."""
    from scipy.fft import next_fast_len

    steps = [24]
    while steps[-1] < 1 << bits:
        length = int(next_fast_len(max(steps[-1] + 2, int(steps[-1] * 1.06)), real=True))
        while length % 2:
            length = int(next_fast_len(length + 1, real=True))
        steps.append(length)
    return tuple(steps)


def few_length(nodes: int, least: int, thirds: int) -> int:
    """Return a length >= ``nodes`` and ``least``: 2^a, or 3 2^a from ``thirds`` on."""
    power = 1 << max(1, nodes - 1).bit_length()
    short = 3 * power // 4
    return max(least, short if short >= max(nodes, thirds) else power)


def lengths(
    span: Sequence[float], h: float, order: int = ORDER, *, few: bool = False, dof: float = 1.0
) -> tuple[int, ...]:
    """Return the FFT length per axis that a box of these spans needs at spacing ``h``.

    With ``few``, of the few lengths that a device has.
    """
    nodes = [2 * (math.ceil(s / h) + order + 2 + 2 * MARGIN) for s in span]
    if not few:
        return tuple(fft_length(m) for m in nodes)
    tiny, usual, thirds = FEW_LENGTHS[len(span) - 1]
    least = tiny if max(span) < TINY_SPAN * width(dof) else usual
    return tuple(few_length(m, least, thirds) for m in nodes)


def spacing(
    span: Sequence[float], n: int, dof: float, max_nodes: float | None = None, *, few: bool = False
) -> tuple[float, bool]:
    """Choose ``h`` for a box: what the accuracy goal asks, or finer where that is free.

    In a small map most points are closer than ``h``, and in a sparse one a few close pairs make up
    the force: both need a finer mesh than the smooth field of many points (docs/mesh.md).

    With ``few``, on the lengths that a device has, where a mesh costs more to make than to use.

    Returns
    -------
    h : float
        Map units.
    coarsened : bool
        True where ``max_nodes`` made ``h`` larger than the accuracy goal asks.
    """
    c, scale, longest = len(span), width(dof), max(span)
    if longest < TINY_SPAN * scale:
        # powers of two, so that a map that grows from 1e-4 seldom changes its mesh; of four, on as
        # many cells as the least length has
        cells, growth = 16.0, 2.0
        if few:
            cells, growth = FEW_LENGTHS[c - 1][0] / 2.0 - ORDER - 2 - 2 * MARGIN, 4.0
        return float(growth ** np.ceil(np.log(max(longest, 1e-6) / cells) / np.log(growth))), False
    density = n / math.prod(max(s / scale, 1.0) for s in span)
    goal = next(h for reach, h in GOAL if longest < reach * scale)
    if density < SPARSE[c - 1][0]:
        goal = min(goal, SPARSE[c - 1][1])
    limit = max_nodes or MAX_NODES[c - 1]
    if few:
        limit = max(limit, FEW_LENGTHS[c - 1][1] ** c)  # there is no shorter mesh
    free = (FEW_FREE_NODES if few else FREE_NODES)[c - 1]
    affordable = min(max(free, NODES_PER_POINT * n), limit)

    def nodes(h: float) -> float:
        return float(math.prod(lengths(span, h, few=few, dof=dof)))

    for h in LADDER[::-1]:
        if h < goal and nodes(h * scale) <= affordable:
            return h * scale, False
    h, coarsened = goal * scale, False
    while nodes(h) > limit and h < longest:
        h, coarsened = h * 1.06, True
    return h, coarsened


def push(c: int, h: float, dof: float, *, pair: bool, order: int = ORDER) -> float:
    """Return the error of the force between two close points on the mesh, K per map unit.

    What a charge much closer than ``h`` adds is the point's own image, whose gradient by one of the
    two places is ``pi / h`` times the first harmonic of ``self_terms``. The mean over a pair of
    meshes half a cell apart on all axes cancels it; products of two harmonics and the second
    harmonic of every axis are left.
    """
    terms = _self_terms(c, h, dof, order)
    if not pair:
        return float(np.pi / h * abs(terms[1]))
    t = np.arange(SAMPLES) / SAMPLES
    second = 2.0 * (_image(1, h, dof, order) * np.cos(4 * np.pi * t)).mean()
    products = (c - 1) / 2 * terms[2] ** 2 if c > 1 else 0.0
    return float(np.pi / h * np.sqrt(products + 4.0 * second**2))


def refine(
    h: float,
    coarsened: bool,
    span: Sequence[float],
    dof: float,
    burden: float,
    max_nodes: float | None = None,
    *,
    pairs: bool = True,
    few: bool = False,
) -> tuple[float, bool, bool]:
    """Choose one mesh, a pair or a pair of finer ones, so that close pairs get the right force.

    Parameters
    ----------
    h : float
        Spacing that the map's span and density ask for, map units.
    coarsened : bool
        Whether memory allowed none as fine as they ask.
    span : sequence of float
        Of the box, map units.
    dof : float
        Degrees of freedom of the map kernel.
    burden : float
        Relative error of the forces from close pairs, over ``push`` (``Field`` measures it).
    max_nodes : float or None
        FFT nodes that memory allows.
    pairs : bool
        Whether there may be a pair; else one mesh is made finer instead.
    few : bool
        Whether lengths are those that a device has.

    Returns
    -------
    h : float
        Spacing to use.
    pair : bool
        Whether the forces are the mean over two meshes half a cell apart.
    coarsened : bool
        True where memory, or a reasonable cost, allows no mesh that is fine enough.
    """
    c, single = len(span), h
    if burden * push(c, h, dof, pair=False) <= NEAR_ERROR:
        return h, False, coarsened
    limit = max_nodes or MAX_NODES[c - 1]
    wanted, least = (WANTED_OF_PAIR, LEAST_OF_PAIR) if pairs else (NEAR_ERROR, NEAR_ERROR)
    if pairs and not coarsened:
        h *= PAIR_COARSER
    while (error := burden * push(c, h, dof, pair=pairs)) > wanted:
        enough = error <= least
        dear = (single / (FINER * h)) ** c > (DEAR if enough else DEAREST)
        if dear or math.prod(lengths(span, FINER * h, few=few, dof=dof)) > limit:
            return h, pairs, coarsened or not enough
        h *= FINER
    return h, pairs, coarsened


def build(
    span: Sequence[float],
    h: float,
    dof: float = 1.0,
    *,
    order: int = ORDER,
    coarsened: bool = False,
    few: bool = False,
) -> Mesh:
    """Build the mesh of spacing ``h`` for a box with these spans."""
    shape = lengths(span, h, order, few=few, dof=dof)
    return of_shape(shape, h, dof, order=order, coarsened=coarsened)


@lru_cache(maxsize=4)
def of_shape(
    fft_shape: tuple[int, ...],
    h: float,
    dof: float = 1.0,
    *,
    order: int = ORDER,
    coarsened: bool = False,
) -> Mesh:
    """Build the mesh of spacing ``h`` with these FFT lengths; the rest as in ``build``."""
    reach = h * np.linalg.norm([g // 2 for g in fft_shape])
    offset = float(kernel(np.asarray(reach**2), dof))
    return Mesh(
        h=h,
        order=order,
        shape=tuple(g // 2 for g in fft_shape),
        fft_shape=fft_shape,
        dof=dof,
        offset=offset,
        self_terms=_self_terms(len(fft_shape), h, dof, order),
        coarsened=coarsened,
        make_spectrum=partial(_spectrum, fft_shape, h, dof, order, offset),
    )


def _spectrum(fft_shape: tuple[int, ...], h: float, dof: float, order: int, offset: float) -> Array:
    """Return the folded spectrum: transform of K - offset on the wrapped grid over the transfer.

    It is real and even on every axis, so frequencies 0 to G / 2 of each are enough.
    """
    from scipy.fft import dctn

    r2: Any = 0.0
    for axis, g in enumerate(fft_shape):
        x = (np.arange(g // 2 + 1) * h) ** 2
        r2 = r2 + x.reshape([-1 if a == axis else 1 for a in range(len(fft_shape))])
    K = kernel(r2, dof) - offset  # even in every axis
    F = np.asarray(dctn(K, type=1, overwrite_x=True))
    for axis, g in enumerate(fft_shape):
        b = _transfer(order, g)
        F /= b.reshape([-1 if a == axis else 1 for a in range(len(fft_shape))])
    return F


def _nodes(order: int) -> Array:
    """Return the cardinal B-spline of ``order`` at the integers, ``order - 1`` values."""
    return cardinal_spline(order, np.arange(1.0, order))


def cardinal_spline(order: int, x: Array) -> Array:
    """Return the B-spline with the knots 0, 1, .., ``order`` at x, by Cox and de Boor's recursion.

    As ``BSpline.basis_element`` of scipy.interpolate, whose import takes longer than a small fit.
    """
    b = [np.where((i <= x) & (x < i + 1), 1.0, 0.0) for i in range(order)]
    for degree in range(1, order):
        w = [each / degree for each in b]
        b = [w[i] * (x - i) + w[i + 1] * (i + 1 + degree - x) for i in range(order - degree)]
    return b[0]


def _transfer(order: int, g: int) -> Array:
    """Return the transfer: the factor that deposit and gather put on a wave, k = 0 to G / 2.

    In the mean over all places in a cell it is ``sum_m w(k + 2 pi m / h)**2``, w the spline's
    transform: that is the transform of the spline of
    twice the order at the integers.
    """
    k, j = np.arange(g // 2 + 1), np.arange(2 * order - 1) - (order - 1)
    return np.asarray(np.cos(2 * np.pi * np.outer(k, j) / g) @ _nodes(2 * order))


@lru_cache(maxsize=64)
def _self_terms(c: int, h: float, dof: float, order: int) -> tuple[float, ...]:
    """Return the cosine series of a point's own image: mean, then products of 1 to c cosines."""
    S = _image(c, h, dof, order)
    t = np.arange(SAMPLES) / SAMPLES
    terms = [S.mean()]
    for count in range(1, c + 1):
        basis: Any = 1.0
        for axis in range(c):
            wave = np.cos(2 * np.pi * t) if axis < count else np.ones(SAMPLES)
            basis = basis * wave.reshape([-1 if a == axis else 1 for a in range(c)])
        terms.append(2.0**count * (S * basis).mean())
    return tuple(float(x) for x in terms)


@lru_cache(maxsize=64)
def _image(c: int, h: float, dof: float, order: int) -> Array:
    """Return a point's own image, K part only, at ``SAMPLES`` places t per axis.

    ``S(t) = sum_ab w_a(t) w_b(t) K~(a - b)`` is even and periodic in t on every axis and its second
    harmonics are below 1e-5. K~ is local, so a small grid gives it.
    """
    from scipy.fft import irfftn

    g = 48 if c < 3 else 36
    folded = _spectrum((g,) * c, h, dof, order, 0.0)
    full = folded
    for axis in range(c - 1):
        back = np.flip(np.take(full, np.arange(1, g // 2), axis=axis), axis=axis)
        full = np.concatenate([full, back], axis=axis)
    image = np.asarray(irfftn(full, s=(g,) * c, axes=tuple(range(c))))
    t = np.arange(SAMPLES) / SAMPLES
    w = cardinal_spline(order, t[:, None] + np.arange(order)[::-1][None, :])  # (samples, order)
    pair = w[:, :, None] * w[:, None, :]  # (samples, order, order)
    shift = np.arange(order)[:, None] - np.arange(order)[None, :]
    # Pairs of nodes by their distance, (samples, g).
    auto = pair.reshape(SAMPLES, -1) @ np.eye(g)[(shift % g).ravel()]
    S = image
    for _ in range(c):  # contract the first axis each time; the t axes gather at the end
        S = np.tensordot(S, auto, axes=([0], [1]))
    return S
