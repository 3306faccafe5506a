"""What holds for the forces of any map: symmetries, Newton's third law, bounds of Z.

Sums by definition hold them to rounding (a few 1e-6 of the largest force); the mesh up to its
accuracy, 1 % of the root mean square force (docs/mesh.md).
"""

from __future__ import annotations

import numpy as np
import pytest
from driver import Driver, every_backend
from hypothesis import assume, given, settings
from hypothesis import strategies as st

MESH, EXACT = 1e-2, 1e-5
few = settings(max_examples=15)


@st.composite
def maps(draw, least=2, most=60):
    """Return a map of 1 to 3 axes: spread, clumped, or with repeats, at any scale."""
    n, c = draw(st.integers(least, most)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    Y = rng.normal(size=(n, c))
    kind = draw(st.sampled_from(("spread", "clumps", "repeats", "line")))
    if kind == "clumps":
        Y = 0.1 * Y + rng.integers(-2, 3, size=(n, c))
    elif kind == "repeats":
        Y = Y[rng.integers(0, max(1, n // 3), size=n)]
    elif kind == "line":
        Y[:, 1:] = 0.0
    return np.ascontiguousarray(Y * draw(st.sampled_from((1e-4, 0.1, 1.0, 4.0))), dtype=np.float32)


def both(driver, Y, dof=1.0):
    """Return (result, tolerance) by definition and by mesh."""
    return (driver.exact(Y, dof), EXACT), (driver.by_mesh(Y, dof), MESH)


def scale(Y, forces):
    """Return what an error is measured by: the forces, or what points in touch could exert.

    A pair 0.6 map units apart pulls with 0.65. A pair in one place pulls with nothing, but its
    image on the mesh with up to 9e-3 (pi c1 / h with the self term's c1 = 1.2e-3 at h = 0.42,
    docs/mesh.md), a hundredth of that; phi - 1 counts such pairs. Points far from all others have
    1e-4.
    """
    phi, grad = forces[:2]
    touch = 0.65 * np.linalg.norm(phi - 1) + 1e-2 * np.sqrt(len(Y))
    return max(np.linalg.norm(grad), touch * np.clip(np.ptp(Y), 1e-6, 1.0))


@every_backend
@few
@given(Y=maps(), shift=st.floats(-50, 50))
def test_forces_do_not_feel_a_translation(device, Y, shift):
    driver, moved = Driver(device), Y + np.float32(shift)
    assume(len(np.unique(moved, axis=0)) == len(np.unique(Y, axis=0)))  # float32 kept them apart
    assume(np.ptp(Y) > 0.05)  # a tiny map far away is another map: float32 rounds its points
    for (a, tolerance), (b, _) in zip(both(driver, Y), both(driver, moved), strict=True):
        slack = 2 * tolerance + 1e-5 * abs(shift) / np.ptp(Y)  # rounding of the moved points
        assert np.linalg.norm(a[1] - b[1]) <= slack * scale(Y, a)
        assert float(a[2]) == pytest.approx(float(b[2]), rel=1e-3 + float(slack), abs=1e-3)


@every_backend
@few
@given(Y=maps(), seed=st.integers(0, 2**32 - 1))
def test_forces_follow_a_permutation(device, Y, seed):
    order = np.random.default_rng(seed).permutation(len(Y))
    driver = Driver(device)
    mixed = np.ascontiguousarray(Y[order])
    for (a, _), (b, _) in zip(both(driver, Y), both(driver, mixed), strict=True):
        # the mesh is the same but for the order of float32 sums
        assert np.linalg.norm(a[1][order] - b[1]) <= 2 * EXACT * scale(Y, a)
        np.testing.assert_allclose(a[0][order], b[0], rtol=1e-5)


@every_backend
@few
@given(Y=maps())
def test_forces_follow_a_mirror_and_an_exchange_of_axes(device, Y):
    # Quarter turns and mirrors carry the mesh onto itself, up to the cell a node belongs to.
    driver, turned = Driver(device), np.ascontiguousarray(-Y[:, ::-1])
    for (a, tolerance), (b, _) in zip(both(driver, Y), both(driver, turned), strict=True):
        assert np.linalg.norm(-a[1][:, ::-1] - b[1]) <= 2 * tolerance * scale(Y, a)


@every_backend
@few
@given(Y=maps(), angle=st.floats(0, 6.3))
def test_forces_follow_a_rotation(device, Y, angle):
    assume(Y.shape[1] == 2)
    driver = Driver(device)
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = (Y @ R.T).astype(np.float32)
    for (a, tolerance), (b, _) in zip(both(driver, Y), both(driver, turned), strict=True):
        assert np.linalg.norm(a[1] @ R.T - b[1]) <= 2 * tolerance * scale(Y, a)


@every_backend
@few
@given(Y=maps(), dof=st.sampled_from((0.5, 1.0, 5.0)))
def test_action_is_reaction(device, Y, dof):
    for forces, tolerance in both(Driver(device), Y, dof):
        total = np.linalg.norm(forces[1].sum(axis=0, dtype=np.float64))
        assert total <= np.sqrt(len(Y)) * tolerance * scale(Y, forces)


@every_backend
@few
@given(Y=maps(), dof=st.sampled_from((0.5, 1.0, 5.0)))
def test_z_lies_between_nothing_and_all_pairs_in_touch(device, Y, dof):
    n = len(Y)
    for (phi, grad, Z), _ in both(Driver(device), Y, dof):
        assert 0 < Z <= n * (n - 1) * (1 + 1e-5)
        assert np.isfinite(grad).all()
        assert (phi >= 1 - 1e-4).all()
        assert (phi <= n * (1 + 1e-5)).all()


@every_backend
@few
@given(n=st.integers(2, 500), c=st.integers(1, 3), place=st.floats(-1e3, 1e3))
def test_points_on_top_of_each_other_do_not_push(device, n, c, place):
    Y = np.full((n, c), place, np.float32)
    for (phi, grad, Z), _ in both(Driver(device), Y):
        # K = 1 for every pair; forces on the mesh are float32's noise over h, next to the n they
        # would be one map unit apart.
        np.testing.assert_allclose(phi, n, rtol=1e-5)
        assert pytest.approx(n * (n - 1), rel=1e-5) == Z
        assert np.abs(grad).max() <= 1e-4 * n


@every_backend
@few
@given(Y=maps(least=3))
def test_forces_pull_phi_downhill(device, Y):
    # grad is the slope of phi: the sum of phi over the map falls along minus its gradient.
    driver = Driver(device)
    _, grad, Z = driver.exact(Y)
    length = np.linalg.norm(grad)
    assume(length > 1e-3 * len(Y))
    step = 1e-2 * min(1.0, np.ptp(Y)) / length
    assert driver.exact((Y - step * grad).astype(np.float32))[2] < Z * (1 + 1e-6)
