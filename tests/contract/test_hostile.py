"""What every backend refuses, and that nothing leads it out of its memory.

Indices come from files, from users and from arrays that others can write to.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from clouds import cloud
from driver import Driver, every_backend, host, random_affinities

from gputsne.base.types import Affinities, Reference, StepParams
from gputsne.engine.field import Field

N = 100
BIG = 2**31 - 1


def broken(name, at, value):
    """Return a P with one number changed."""
    P, _ = random_affinities(N)
    arrays = {"indptr": P.indptr.copy(), "indices": P.indices.copy(), "data": P.data.copy()}
    arrays[name][at] = value
    return Affinities(**arrays)


BAD = [
    pytest.param(broken("indices", 0, -1), r"P\.indices\[0\]=-1 .*n=100.*\[0, 100\)", id="below"),
    pytest.param(broken("indices", 70, 100), r"P\.indices\[70\]=100 ", id="n"),
    pytest.param(broken("indices", -1, BIG), r"P\.indices\[\d+\]=2147483647 ", id="far"),
    pytest.param(broken("indptr", 0, 1), r"P\.indptr\[0\]=1; offsets begin at 0", id="begin"),
    pytest.param(broken("indptr", 50, 2**62), r"P\.indptr\[50\]=4611686018427387904", id="beyond"),
    pytest.param(broken("indptr", 50, -8), r"P\.indptr\[50\]=-8", id="negative"),
    pytest.param(
        broken("indptr", -1, 17), r"P\.indptr\[100\]=17; .* end at the \d+ edges", id="end"
    ),
]


@every_backend
@pytest.mark.parametrize(("P", "reason"), BAD)
def test_a_p_that_leads_out_of_its_arrays_is_refused(device, P, reason):
    driver, Y = Driver(device), cloud("clusters", N, 2, 5.0)
    P = driver.affinities(P)
    for use in (
        driver.ops.hold,
        lambda P: driver.ops.divergence(P, driver.put(Y), 1.0),
        lambda P: driver.ops.reorder(P, driver.put(np.arange(N, dtype=np.int32))),
    ):
        with pytest.raises(ValueError, match=reason):
            use(P)


@every_backend
def test_a_p_of_other_types_or_lengths_is_refused(device):
    driver = Driver(device)
    P = driver.affinities(random_affinities(N)[0])
    for name, a in (
        ("indptr", P.indptr[:0]),
        ("indptr", P.indptr.astype(np.int32)),
        ("indices", P.indices.astype(np.int64)),
        ("indices", P.indices.reshape(1, -1)),
        ("data", P.data.astype(np.float64)),
        ("data", P.data[:-1]),
    ):
        with pytest.raises(ValueError, match=rf"P\.{name} has"):
            driver.ops.hold(dataclasses.replace(P, **{name: a}))


@every_backend
def test_arrays_that_change_after_they_were_held_change_nothing(device):
    driver, Y = Driver(device), cloud("clusters", N, 2, 5.0)
    P = driver.affinities(random_affinities(N)[0])
    held = driver.ops.hold(P)
    want = driver.ops.divergence(held, driver.put(Y), 1.0)
    P.indices[:] = BIG
    P.indptr[1:-1] = 2**40
    assert driver.ops.divergence(held, driver.put(Y), 1.0) == want


@every_backend
def test_an_order_that_is_none_is_refused(device):
    driver = Driver(device)
    P = driver.affinities(random_affinities(N)[0])
    for at, value, reason in (
        (3, N, r"order\[3\]=100"), (3, -1, r"order\[3\]=-1"), (3, BIG, r"order\[3\]"),
        (3, 4, "must hold each of 0 .. 99 once"),
    ):  # fmt: skip
        order = np.arange(N, dtype=np.int32)
        order[at] = value
        with pytest.raises(ValueError, match=reason):
            driver.ops.reorder(P, driver.put(order))
    with pytest.raises(ValueError, match=r"order has shape \(99,\), needs \(100,\)"):
        driver.ops.reorder(P, driver.put(np.arange(N - 1, dtype=np.int32)))


@every_backend
@pytest.mark.parametrize("value", [-1, N, BIG])
def test_a_neighbour_that_is_no_fitted_point_is_refused(device, value):
    driver, Y = Driver(device), cloud("clusters", N, 2, 5.0)
    none = np.zeros((0, 0), np.float32)
    reference = Reference(Y, 1.0, none, (0.0,) * 2, 0.4, 6, 0.0, 1e-4, (-9.0,) * 2, (9.0,) * 2)
    indices = np.zeros((5, 3), np.int32)
    indices[2, 1] = value
    with pytest.raises(ValueError, match=rf"indices\[2, 1\]={value} is no point of n=100"):
        driver.ops.place(reference, indices, np.full((5, 3), 1 / 3, np.float32), 1.0, 5)


@every_backend
@pytest.mark.parametrize("row", [0, 1, 1234, 16_384, 19_999])  # first and last of a block
@pytest.mark.parametrize("axis", [0, 1])
def test_a_coordinate_that_is_no_number_is_seen_in_any_row(device, row, axis):
    driver, Y = Driver(device), cloud("clusters", 20_000, 2, 5.0)
    Y[row, axis] = np.nan
    box = driver.ops.extent(driver.put(Y))
    assert np.isnan(box[axis]).all()
    other = Y[:, 1 - axis]
    assert tuple(map(float, box[1 - axis])) == (other.min(), other.max())
    field = Field(driver.ops, method="mesh")
    with pytest.raises(FloatingPointError, match="not finite"):
        field.evaluate(driver.put(Y), driver.out(len(Y)), driver.out(*Y.shape))


@every_backend
def test_reordering_keeps_every_edge(device):
    driver, Y = Driver(device), cloud("clusters", N, 2, 5.0)
    P, dense = random_affinities(N, lonely=(4,))
    order = np.random.default_rng(1).permutation(N).astype(np.int32)
    moved = driver.ops.reorder(driver.affinities(P), driver.put(order))
    indptr, indices, data = map(host, (moved.indptr, moved.indices, moved.data))
    got = np.zeros((N, N))
    got[np.repeat(np.arange(N), np.diff(indptr)), indices] = data
    np.testing.assert_array_equal(got, dense[np.ix_(order, order)])
    params = StepParams(1.0, 0.5, 1.0)
    zero, one = np.zeros_like(Y), np.ones_like(Y)
    here = driver.step(P, Y, zero, one, zero, 1.0, 1.0, params)[0]
    there = driver.step(Affinities(indptr, indices, data), Y[order], zero, one, zero, 1.0, 1.0,
                        params)[0]  # fmt: skip
    np.testing.assert_array_equal(there, here[order])  # a row keeps the order of its edges
