"""What the CPU computes is the same to the bit in registers of any width, and packed as in order.

AVX2's registers hold eight floats, those of every x86-64 four. P packed has weights of 15 bits: the
most that its forces may differ follows from that.
"""

from __future__ import annotations

import numpy as np
import pytest
from clouds import cloud
from driver import Driver, random_affinities

from gputsne.backends import explain
from gputsne.base.types import Affinities, StepParams

AXES = pytest.mark.parametrize("c", [1, 2, 3])
TAILS = pytest.mark.parametrize("dof", [0.5, 1.0, 3.0])
pytestmark = pytest.mark.skipif(
    not dict((d, there) for d, there, _ in explain())["cpu"], reason="no compiled kernels"
)
LOST = 2.0**-11  # of a weight: 10 bits of fraction, rounded


@pytest.fixture
def both_widths():
    """Return f() computed in the widest registers, after checking that narrow ones agree."""
    from gputsne import _native

    def run(f):
        found = []
        for wide in (False, True):
            _native._set_wide(wide)
            found.append([np.array(a) for a in f()])
        for narrow, other in zip(*found, strict=True):
            np.testing.assert_array_equal(narrow, other)
        return found[1]

    yield run
    _native._set_wide(True)


@AXES
@TAILS
@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 511, 512, 513, 700])
def test_sums_by_definition(both_widths, c, dof, n):
    driver = Driver("cpu")
    Y = np.random.default_rng(n).normal(scale=2.0, size=(n, c)).astype(np.float32)
    phi, grad, Z = both_widths(lambda: driver.exact(Y, dof))
    d = Y[:, None].astype(np.float64) - Y[None]
    r2 = np.square(d).sum(axis=2)
    K = (1.0 + r2 / dof) ** (-(dof + 1.0) / 2.0)
    np.fill_diagonal(K, 0.0)
    slopes = (K / (1.0 + r2 / dof))[:, :, None] * d * -(dof + 1.0) / dof
    np.testing.assert_allclose(phi, K.sum(axis=1) + 1.0, rtol=2e-6)
    assert pytest.approx(K.sum(), rel=2e-6) == Z
    np.testing.assert_allclose(
        grad, slopes.sum(axis=1), atol=3e-6 * np.abs(slopes).sum(axis=1).max() + 1e-30
    )


@AXES
def test_deposit_and_gather(both_widths, c):
    driver, Y = Driver("cpu"), cloud("clusters", 300, c, 6.0)
    both_widths(lambda: driver.by_mesh(Y))


def pull(driver, P, Y, dof):
    """Return twice (dof + 1) / dof times the pull of every point: a step's slope without field."""
    zero = np.zeros_like(Y)
    params = StepParams(1.0, 0.0, 1.0, max_step=1e9)
    moved, gains = np.empty_like(Y), np.ones_like(Y)
    velocity = zero.copy()
    driver.ops.attract_and_step(P, Y, moved, velocity, gains, zero, 0.0, dof, params)
    return -velocity / gains


def by_definition(dense, Y, dof):
    d = Y[:, None].astype(np.float64) - Y[None]
    w = dense / (1.0 + np.square(d).sum(axis=2) / dof)
    terms = 2.0 * (dof + 1.0) / dof * w[:, :, None] * d
    return terms.sum(axis=1), np.abs(terms).sum(axis=1)


@AXES
@TAILS
def test_the_pull_of_plain_and_of_packed_rows(both_widths, c, dof):
    """Of plain rows to float32's rounding, of packed ones to that of the weights; and the bytes of
    packed ones are those of any other order."""
    n = 400
    driver, Y = Driver("cpu", 2), cloud("clusters", n, c, 6.0)
    P, dense = random_affinities(n, lonely=(4, 399))
    want, size = by_definition(dense, Y, dof)
    (plain,) = both_widths(lambda: [pull(driver, P, Y, dof)])
    assert (np.abs(plain - want) <= 1e-6 * size + 1e-12).all()
    maps = []
    for seed in (0, 1):
        order = np.random.default_rng(seed).permutation(n).astype(np.int32)
        packed = driver.ops.reorder(P, order)
        (moved,) = both_widths(
            lambda packed=packed, order=order: [pull(driver, packed, Y[order], dof)]
        )
        maps.append(np.empty_like(moved))
        maps[-1][order] = moved
        again = np.random.default_rng(7).permutation(n).astype(np.int32)
        twice = driver.ops.reorder(packed, again)
        maps.append(np.empty_like(moved))
        maps[-1][order[again]] = pull(driver, twice, Y[order][again], dof)
        assert driver.ops.divergence(packed, Y[order], dof) == driver.ops.divergence(P, Y, dof)
        assert driver.ops.mass(packed) == driver.ops.mass(P)
    for other in maps:
        np.testing.assert_array_equal(other, maps[0])
    assert (np.abs(maps[0] - want) <= (LOST + 1e-6) * size + 1e-12).all()


def test_rows_of_far_columns_and_of_weights_of_any_size(both_widths):
    """Among more than 65,536 points a column may be out of 16 bits' reach, first and last rows
    included; weights below 2^-31 of the largest pull by nothing."""
    n, k = 70_003, 11
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n, size=(n, k)).astype(np.int32)
    columns[:, 0] = np.arange(n) - 1  # near ones too
    columns[0, 0] = n - 1
    p = (10.0 ** rng.uniform(-14, 0, size=(n, k))).astype(np.float32)
    P = Affinities(np.arange(n + 1, dtype=np.int64) * k, columns.ravel(), p.ravel())
    Y = rng.normal(scale=5.0, size=(n, 2)).astype(np.float32)
    d = Y[:, None].astype(np.float64) - Y[columns]
    terms = 4.0 * (p / (1.0 + np.square(d).sum(axis=2)))[:, :, None] * d
    want, size = terms.sum(axis=1), np.abs(terms).sum(axis=1)
    driver, same = Driver("cpu", 2), np.arange(n, dtype=np.int32)
    (got,) = both_widths(lambda: [pull(driver, driver.ops.reorder(P, same), Y, 1.0)])
    far = 2.0**-31 * p.max() * k * 4.0  # a weight that is lost, times at most 1 per axis
    assert (np.abs(got - want) <= (LOST + 1e-6) * size + far).all()


@pytest.mark.parametrize("bad", [np.inf, np.nan, -1.0, 1e30, 0.0])
def test_weights_that_are_no_shares_stay_in_their_words(bad):
    """Nothing but the weights that are wrong is wrong: no column is another's."""
    n = 70
    P, _ = random_affinities(n)
    data = P.data.copy()
    data[::7] = bad
    driver, same = Driver("cpu"), np.arange(n, dtype=np.int32)
    packed = driver.ops.reorder(Affinities(P.indptr, P.indices, data), same)
    Y = np.zeros((n, 2), np.float32)  # no pull but of a column that leads elsewhere
    assert (pull(driver, packed, Y, 1.0) == 0.0).all()


def test_packed_rows_take_half_of_what_plain_ones_do():
    n, k = 3000, 64
    columns = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    data = np.full(n * k, 1.0 / (n * k), np.float32)
    P = Affinities(np.arange(n + 1, dtype=np.int64) * k, columns.ravel().astype(np.int32), data)
    packed = Driver("cpu").ops.reorder(P, np.arange(n, dtype=np.int32))
    assert packed.edges.nbytes == 4 * n * k + 8 * (n + 1)
    assert packed.nnz == n * k
    assert packed.n == n
