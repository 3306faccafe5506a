"""Every backend computes what the equations say: one operation at a time.

The reference is tests/oracle.py, float64 by definition. Tolerances of a few 1e-6 are float32 at the
borders: 6e-8 a rounding, up to a hundred of them in a row of P or a sum over points.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import oracle
import pytest
from clouds import cloud
from driver import Driver, every_backend, host, random_affinities
from scipy.interpolate import BSpline

from gputsne.base.types import StepParams

AXES = pytest.mark.parametrize("c", [1, 2, 3])
TAILS = pytest.mark.parametrize("dof", [0.5, 1.0, 3.0])


def distance(got, want):
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def charge_by_definition(Y, mesh, center):
    """Tensor product of B-splines, node by node."""
    spline = BSpline.basis_element(np.arange(mesh.order + 1.0) - mesh.order / 2, extrapolate=False)
    axes = [
        np.nan_to_num(spline((y - z) / mesh.h - (np.arange(m) - m // 2)[:, None]))
        for y, z, m in zip(Y.astype(np.float64).T, center, mesh.shape, strict=True)
    ]
    letters = "abc"[: len(axes)]
    return np.einsum(",".join(f"{x}n" for x in letters) + f"->{letters}", *axes)


@every_backend
@AXES
@pytest.mark.parametrize("order", [4, 6])
def test_deposit_is_the_tensor_product_of_splines(device, c, order):
    driver, Y = Driver(device), cloud("clusters", 200, c, 6.0)
    mesh, center = driver.mesh(Y, order=order)
    charge = host(driver.deposit(Y, mesh, center))
    # 200 points, each rounded in float32 (6e-8 of at most 1) and in its place (1e-6 of a cell)
    np.testing.assert_allclose(charge, charge_by_definition(Y, mesh, center), atol=2e-5)
    assert charge.min() >= 0


@every_backend
@AXES
def test_gather_of_a_slope_is_that_slope(device, c):
    # Splines reproduce straight lines, so the tolerance is float32's alone: values up to 40 nodes,
    # differences of neighbours over h.
    driver, Y = Driver(device), cloud("clusters", 100, c, 6.0)
    mesh, center = driver.mesh(Y)
    bare = dataclasses.replace(mesh, self_terms=(0.0,) * (c + 1), offset=0.25)
    nodes = np.meshgrid(*(np.arange(m) - m // 2 for m in mesh.shape), indexing="ij")
    slope = np.array([1.0, -2.0, 0.5])[:c]
    wider = [(0, 0)] * (c - 1) + [(0, 7)]  # the transform is longer than the mesh
    potential = np.pad(sum(s * x * mesh.h for s, x in zip(slope, nodes, strict=True)), wider)
    phi, grad, Z = driver.gather(Y, bare, center, potential.astype(np.float32))
    want = (Y - np.array(center)) @ slope + 0.25 * len(Y)
    np.testing.assert_allclose(phi - 1.0, want, atol=5e-5)
    np.testing.assert_allclose(grad, np.tile(slope, (len(Y), 1)), atol=5e-4)
    assert pytest.approx(want.sum(), rel=1e-5) == Z


@every_backend
@AXES
def test_points_outside_the_mesh_stay_in_its_memory(device, c):
    driver, Y = Driver(device), cloud("clusters", 100, c, 6.0)
    mesh, center = driver.mesh(Y)
    Y[0], Y[1], Y[2] = np.nan, 1e30, -np.inf
    charge = driver.deposit(Y, mesh, center)
    assert host(charge).sum(dtype=np.float64) == pytest.approx(100, abs=1e-4)
    driver.gather(Y, mesh, center, charge)


@every_backend
def test_ten_million_points_in_one_cell_lose_nothing(device):
    # float32 sums would stall near 2^24 times the weight; what is left here is the rounding of one
    # weight, the same in all points, and of the final float32: 2e-7.
    n = 10**7
    driver, Y = Driver(device, 2), np.full((n, 1), 0.3, np.float32)
    mesh, _ = driver.mesh(np.array([[-2.0], [2.0]], np.float32), h=0.4)
    assert host(driver.deposit(Y, mesh, (0.0,))).sum(dtype=np.float64) == pytest.approx(n, rel=1e-6)


@every_backend
@AXES
@TAILS
def test_exact_is_the_definition(device, c, dof):
    Y = cloud("clusters", 300, c, 20.0)
    phi, grad, Z = Driver(device).exact(Y, dof)
    want_phi, want = oracle.repulsion(Y, dof)
    np.testing.assert_allclose(phi, want_phi, rtol=5e-6)
    assert distance(grad, want) < 5e-6
    assert pytest.approx(oracle.normaliser(Y, dof), rel=5e-6) == Z


@every_backend
@AXES
@TAILS
def test_step_follows_the_gradient_of_the_divergence(device, c, dof):
    n, rng = 120, np.random.default_rng(c)
    P, dense = random_affinities(n, seed=c, lonely=(0, 7, n - 1))
    Y, velocity = (rng.normal(size=(n, c)).astype(np.float32) for _ in range(2))
    gains = rng.uniform(0.01, 3, size=(n, c)).astype(np.float32)
    params = StepParams(exaggeration=4.0, momentum=0.7, learning_rate=30.0, max_step=1.2)
    driver = Driver(device)
    _, grad, Z = driver.exact(Y, dof)
    got = driver.step(P, Y, velocity, gains, grad, Z, dof, params)
    gradient = oracle.kl_gradient(dense, Y, dof, exaggeration=4.0)
    want = oracle.step(Y, gradient, velocity, gains, 30.0, 0.7, max_step=1.2)
    lengths = np.linalg.norm(want[1], axis=1)
    assert (lengths > 1.199).any()  # the limit was met
    assert (lengths < 1.1).any()
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@every_backend
def test_step_never_writes_into_the_map_it_reads(device):
    driver, n = Driver(device), 30
    P, _ = random_affinities(n)
    Y = driver.put(cloud("clusters", n, 2, 5.0))
    other = [driver.put(np.zeros((n, 2), np.float32)) for _ in range(3)]
    with pytest.raises(ValueError, match="Y_next"):
        driver.ops.attract_and_step(
            driver.affinities(P), Y, Y, *other, 1.0, 1.0, StepParams(1.0, 0.5, 1.0)
        )


@every_backend
@AXES
@TAILS
def test_divergence_is_the_kl_without_log_z(device, c, dof):
    P, dense = random_affinities(100, seed=3, lonely=(4,))
    Y = cloud("ring", 100, c, 10.0)
    got = Driver(device).divergence(P, Y, dof)
    assert got == pytest.approx(oracle.divergence(dense, Y, dof), rel=1e-6)
    whole = got + np.log(oracle.normaliser(Y, dof))
    assert whole == pytest.approx(oracle.kl(dense, Y, dof), rel=1e-5)


@every_backend
@AXES
def test_extent_is_the_smallest_box(device, c):
    driver, Y = Driver(device), cloud("clusters", 70_000, c, 3.0)  # several blocks
    want = list(zip(Y.min(axis=0).tolist(), Y.max(axis=0).tolist(), strict=True))
    assert [tuple(map(float, b)) for b in driver.ops.extent(driver.put(Y))] == want


@every_backend
@AXES
def test_extent_after_a_step_is_that_of_the_new_map(device, c):
    n, rng = 900, np.random.default_rng(c)
    P, _ = random_affinities(n, seed=c, density=0.01)
    driver, Y = Driver(device), (rng.normal(size=(n, c)) * 20).astype(np.float32)
    ops, P, params = driver.ops, driver.affinities(P), StepParams(4.0, 0.7, 3e3, max_step=9.0)
    now, then, grad = driver.put(Y), driver.out(n, c), driver.out(n, c)
    velocity, gains = (driver.put(np.full((n, c), x, np.float32)) for x in (0.0, 1.0))
    mesh, center = driver.mesh(2 * Y)
    for _ in range(2):
        charge = ops.grid(mesh)
        ops.deposit(now, mesh, center, charge)
        potential = ops.convolve(charge, mesh)
        Z = ops.gather(now, mesh, center, potential, driver.out(n), grad)
        ops.attract_and_step(P, now, then, velocity, gains, grad, Z, 1.0, params)
        box = np.array(ops.stepped_extent(then)).T
        np.testing.assert_array_equal(box, [host(then).min(axis=0), host(then).max(axis=0)])
        now, then = then, now


@every_backend
@AXES
def test_one_point_feels_nothing(device, c):
    driver, Y = Driver(device), np.full((1, c), 3.5, np.float32)
    for phi, grad, Z in (driver.exact(Y), driver.by_mesh(Y)):
        assert phi == pytest.approx(1.0, abs=2e-5)
        np.testing.assert_allclose(grad, 0, atol=1e-4)
        assert pytest.approx(0, abs=2e-5) == Z


@every_backend
def test_read_only_maps_are_welcome(device):
    driver, Y = Driver(device), cloud("clusters", 500, 2, 5.0)
    before = Y.copy()
    Y.setflags(write=False)
    driver.by_mesh(Y)
    driver.exact(Y)
    np.testing.assert_array_equal(Y, before)


@every_backend
def test_conditional_has_the_entropy_of_bisection(device):
    rng = np.random.default_rng(0)
    distances = np.sort(rng.gamma(5.0, size=(40, 30)), axis=1).astype(np.float32)
    p, unreached = Driver(device).ops.conditional(distances, [5.0])
    assert unreached == 0
    # 1e-5 of the entropy, which moves p by no more than as much again
    np.testing.assert_allclose(host(p), oracle.conditional(distances, 5.0), atol=2e-5)


@every_backend
def test_symmetrize_is_the_mean_of_both_directions(device):
    n, k, rng = 50, 6, np.random.default_rng(1)
    indices = np.array([rng.choice(np.delete(np.arange(n), i), k, replace=False) for i in range(n)])
    p = rng.dirichlet(np.ones(k), size=n).astype(np.float32)
    indptr, columns, data = map(host, Driver(device).ops.symmetrize(indices.astype(np.int32), p))
    got = np.zeros((n, n))
    for i, (begin, end) in enumerate(itertools.pairwise(indptr)):
        assert (np.diff(columns[begin:end]) > 0).all()
        got[i, columns[begin:end]] = data[begin:end]
    np.testing.assert_array_equal(got, got.T)  # to the bit
    np.testing.assert_allclose(got, oracle.joint(indices, p), rtol=1e-6)
    assert got.sum() == pytest.approx(1.0, abs=1e-6)
