"""How P is kept on the emulated GPU: in 2 bytes, with long rows cut or sorted by all.

The CPU's kernels are the reference; tests/contract holds those against tests/oracle.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free import lookalike

from gputsne import backends
from gputsne.backends.cuda import affinities as cuda_affinities
from gputsne.backends.cuda import edges as cuda_edges
from gputsne.backends.cuda.edges import Edges
from gputsne.backends.cuda.ops import CudaOps
from gputsne.base.types import Affinities, StepParams

EPS = float(np.finfo(np.float32).eps)


@pytest.fixture
def cuda(emulated, monkeypatch):
    """Return a maker of operations on the emulated GPU."""
    xp, fft = lookalike.modules()
    with lookalike.strict(monkeypatch):
        yield lambda **how: CudaOps(1, xp=xp, fft=fft, module=emulated.cuda, **how)


@pytest.fixture
def native():
    return backends.choose("cpu", 1).ops


def star(n: int = 1500) -> Affinities:
    """Return P of a wheel: point 0 has all others for neighbours, these have two more each."""
    rng = np.random.default_rng(0)
    rows = [np.arange(1, n)]
    rows += [np.array(sorted({0, 1 + i % (n - 1), 1 + (i - 2) % (n - 1)})) for i in range(1, n)]
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    weights = rng.uniform(0.1, 1, indptr[-1])
    return Affinities(
        indptr, np.concatenate(rows).astype(np.int32), (weights / weights.sum()).astype(np.float32)
    )


def step(ops, P, Y):
    """Return the map after one step, in main memory."""
    Y, velocity, gains, grad = (ops.xp.asarray(a) for a in (Y, 0 * Y, 0 * Y + 1, 0 * Y))
    Y_next = ops.xp.empty_like(Y)
    params = StepParams(exaggeration=12.0, momentum=0.5, learning_rate=1500.0, max_step=1e3)
    ops.attract_and_step(P, Y, Y_next, velocity, gains, grad, 1.0, 1.0, params)
    return ops.host(Y_next)


@pytest.mark.parametrize("half", [False, True])
def test_a_row_longer_than_a_piece(cuda, native, half):
    P = star()
    Y = np.random.default_rng(1).normal(size=(P.n, 2)).astype(np.float32) * 5
    ops = cuda(half=half)
    held = ops.hold(P)
    assert held.hubs.pieces == 2
    assert ops.host(held.hubs.row).tolist() == [0]
    # sums of 1500 edges in another order; 2-byte weights are rounded by up to 2**-11
    tolerance = 2.0**-11 if half else 50 * EPS
    moved = np.linalg.norm(step(native, P, Y) - Y)
    assert np.linalg.norm(step(ops, held, Y) - step(native, P, Y)) < tolerance * moved
    whole = cuda(half=half)
    uncut = Edges(held.indptr, held.indices, held.data, 0, held.scale)
    assert np.linalg.norm(step(whole, uncut, Y) - step(ops, held, Y)) < 50 * EPS * moved
    want = native.divergence(P, Y, 1.0)
    assert ops.divergence(held, ops.xp.asarray(Y), 1.0) == pytest.approx(want, rel=tolerance)
    assert ops.mass(held) == pytest.approx(1.0, abs=tolerance)
    # In another order there is another hub.
    order = np.random.default_rng(2).permutation(P.n).astype(np.int32)
    moved_P = ops.reorder(held, order)
    assert ops.host(moved_P.hubs.row).tolist() == np.flatnonzero(order == 0).tolist()
    assert moved_P.scale == held.scale
    assert moved_P.half == half
    there = step(ops, moved_P, Y[order])
    # a row keeps the order of its edges: the same bytes
    np.testing.assert_array_equal(there, step(ops, held, Y)[order])


def test_two_bytes_hold_any_scale_of_weights(cuda):
    ops = cuda(half=True)
    for factor in (1e-30, 1.0, 1e30):  # a user's P need not add up to 1
        P = star(50)
        P = Affinities(P.indptr, P.indices, P.data * np.float32(factor))
        held = ops.hold(P)
        assert ops.host(held.data).dtype == np.float16
        assert ops.host(held.data).max() <= 2**15
        back = ops.host(held.data).astype(np.float64) * held.scale
        np.testing.assert_allclose(back, P.data, rtol=2.0**-11)
    empty = Affinities(np.zeros(4, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    assert ops.hold(empty).nnz == 0
    zero = Affinities(P.indptr, P.indices, np.zeros_like(P.data))
    assert ops.mass(ops.hold(zero)) == 0.0


def test_long_rows_are_sorted_as_short_ones_are(cuda, native, monkeypatch):
    rng, n, k = np.random.default_rng(4), 300, 9
    liked = np.where(np.arange(n) < 7, 400.0, 1.0)  # a few points are in most lists
    indices = np.array(
        [rng.choice(n, k, False, np.where(np.arange(n) == i, 0, liked) / (liked.sum() - liked[i]))
         for i in range(n)],
        np.int32,
    )  # fmt: skip
    p = rng.dirichlet(np.ones(k), n).astype(np.float32)
    assert np.bincount(indices.ravel()).max() > 100
    want = native.symmetrize(indices, p)
    for longest in (cuda_affinities.LONG_ROW, 20, 0):
        monkeypatch.setattr(cuda_affinities, "LONG_ROW", longest)
        for a, b in zip(cuda().symmetrize(indices, p), want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_pieces_are_far_longer_than_usual_rows():
    assert cuda_edges.PIECE % 32 == 0
    assert cuda_edges.PIECE > 5 * 135
