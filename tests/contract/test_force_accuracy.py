"""Forces are within 1 % and Z within 1e-3, on every shape and at every span that is promised.

The goal is the project's requirement, and the policy in engine/mesh.py is what is tested: no
spacing is named here. RMS over all points; the reference is tests/oracle.py in float64.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import oracle
import pytest
from clouds import GROUPS, SHAPES, cloud
from driver import Driver, every_backend

FORCE, Z_GOAL = 1e-2, 1e-3
N = 1000  # few points make it harder: no smooth field hides the error of a near pair
SPANS = {
    1: (1e-4, 1e-2, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0, 1000.0, 10_000.0),
    2: (1e-4, 1e-2, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 100.0, 250.0),
    3: (1e-4, 1e-2, 1.0, 2.5, 5.0, 10.0, 20.0),
}
# Where a hundred groups of 30 may lie; a map of so many is about 100 long in two axes.
GROUPS_N = 3000
WIDEST_N = 3000  # 1,000 are summed by definition where their map is largest
GROUP_PLACES = [(1, 300.0), (1, 3000.0), (2, 30.0), (2, 100.0), (2, 300.0), (3, 20.0), (3, 40.0)]
PLACES = [(c, span) for c, spans in SPANS.items() for span in spans]


@lru_cache(maxsize=4)
def case(shape, c, span, dof, n):
    """Return a map, phi and grad phi by definition; the same for every backend."""
    Y = cloud(shape, n or (GROUPS_N if shape in GROUPS else N), c, span)
    return Y, *oracle.repulsion(Y, dof)


def errors(device, shape, c, span, dof=1.0, n=None):
    Y, want_phi, want = case(shape, c, span, dof, n)
    phi, grad, Z = Driver(device).by_mesh(Y, dof)
    assert np.isfinite(phi).all()
    return (
        np.linalg.norm(grad - want) / np.linalg.norm(want),
        abs(Z / (want_phi - 1.0).sum() - 1.0),
    )


@every_backend
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("c", "span"), PLACES)
def test_goal(device, shape, c, span):
    force, Z = errors(device, shape, c, span)
    assert force <= FORCE
    assert Z <= Z_GOAL


@every_backend
@pytest.mark.parametrize("shape", GROUPS)
@pytest.mark.parametrize(("c", "span"), GROUP_PLACES)
def test_goal_for_groups_smaller_than_the_spacing(device, shape, c, span):
    force, Z = errors(device, shape, c, span)
    assert force <= FORCE
    assert Z <= Z_GOAL


@every_backend
@pytest.mark.parametrize("dof", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("shape", ["tight", "copies"])
@pytest.mark.parametrize(("c", "span"), [(1, 300.0), (2, 60.0), (3, 15.0)])
def test_goal_for_groups_with_other_tails(device, shape, c, span, dof):
    force, Z = errors(device, shape, c, span, dof)
    assert force <= FORCE
    assert Z <= Z_GOAL


def test_one_mesh_is_not_enough_for_groups():
    # The comparison can fail: so it was before there were pairs of meshes.
    Y = cloud("specks", GROUPS_N, 2, 100.0)
    _, grad, _ = Driver("numpy").by_mesh(Y, h=0.38)
    _, want = oracle.repulsion(Y)
    assert np.linalg.norm(grad - want) / np.linalg.norm(want) > 3 * FORCE


@every_backend
@pytest.mark.parametrize("dof", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("c", "span"), [(1, 3.0), (1, 1e4), (2, 6.0), (2, 150.0), (3, 9.0)])
def test_goal_for_other_tails(device, shape, c, span, dof):
    force, Z = errors(device, shape, c, span, dof)
    assert force <= FORCE
    assert Z <= Z_GOAL


@every_backend
@pytest.mark.parametrize(("shape", "c", "span"), [("finished", 2, 1000.0), ("clusters", 3, 60.0)])
def test_goal_at_the_largest_spans(device, shape, c, span):
    force, Z = errors(device, shape, c, span, n=WIDEST_N)
    assert force <= FORCE
    assert Z <= Z_GOAL


@pytest.mark.parametrize("shape", SHAPES)
def test_goal_asks_for_something(shape):
    # The comparison can fail: a spacing of one map unit is far off the goal on the same shapes.
    Y = cloud(shape, N, 2, 30.0)
    _, grad, _ = Driver("numpy").by_mesh(Y, h=1.0)
    _, want = oracle.repulsion(Y)
    assert np.linalg.norm(grad - want) / np.linalg.norm(want) > 3 * FORCE
