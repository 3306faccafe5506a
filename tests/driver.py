"""The driver of a backend in tests: arrays of numpy in and out, whatever device is behind."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from gputsne.backends import choose, explain
from gputsne.base.types import Affinities
from gputsne.engine import mesh as meshes
from gputsne.engine.field import Field


def _mark(device, available, reason):
    # "gpu" lets GPUTSNE_REQUIRE_GPU=1 turn a missing GPU into a failure (tests/conftest.py).
    if device == "cuda":
        return pytest.mark.gpu
    return pytest.mark.skipif(not available, reason=reason)


# Every backend of the table; a new one is tested as soon as it is listed.
DEVICES = [pytest.param(d, marks=_mark(d, ok, why), id=d) for d, ok, why in explain()]
every_backend = pytest.mark.parametrize("device", DEVICES)
HERE = [d for d, ok, _ in explain() if ok]


def host(a):
    """Return a device's array as one of numpy."""
    return a.get() if hasattr(a, "get") else np.asarray(a)


class Driver:
    """One backend, called with numpy arrays."""

    def __init__(self, device, n_jobs=1):
        self.ops = choose(device, n_jobs).ops

    def put(self, a):
        return self.ops.xp.asarray(a)

    def out(self, *shape):
        return self.ops.xp.full(shape, np.nan, dtype=np.float32)

    def mesh(self, Y, dof=1.0, h=None, order=meshes.ORDER):
        box = self.ops.extent(self.put(Y))
        span, center = [b - a for a, b in box], tuple((a + b) / 2 for a, b in box)
        h = h or meshes.spacing(span, len(Y), dof)[0]
        return meshes.build(span, h, dof, order=order), center

    def deposit(self, Y, mesh, center):
        charge = self.out(*mesh.shape)
        self.ops.deposit(self.put(Y), mesh, center, charge)
        return charge

    def _outs(self, Y):
        return self.out(len(Y)), self.out(*Y.shape)

    def gather(self, Y, mesh, center, potential):
        phi, grad = self._outs(Y)
        Z = float(self.ops.gather(self.put(Y), mesh, center, self.put(potential), phi, grad))
        return host(phi), host(grad), Z

    def by_mesh(self, Y, dof=1.0, h=None):
        """phi, grad phi and Z by the particle mesh, as the engine does it unless h is given."""
        if h is None:
            field, phi, grad = Field(self.ops, dof=dof, method="mesh"), *self._outs(Y)
            # What is compared with sums by definition is none itself, however quick they'd be.
            with patch.object(self.ops, "node_pairs", ((1e-6,) * 3,) * 2):
                Z = float(field.evaluate(self.put(Y), phi, grad))
            assert not field.summed
            return host(phi), host(grad), Z
        mesh, center = self.mesh(Y, dof, h)
        charge = self.deposit(Y, mesh, center)
        return self.gather(Y, mesh, center, self.ops.convolve(charge, mesh))

    def exact(self, Y, dof=1.0):
        phi, grad = self._outs(Y)
        Z = float(self.ops.exact(self.put(Y), dof, phi, grad))
        return host(phi), host(grad), Z

    def affinities(self, P):
        return Affinities(self.put(P.indptr), self.put(P.indices), self.put(P.data))

    def step(self, P, Y, velocity, gains, grad, Z, dof, params):
        """Y, velocity and gains after one step; what is passed stays as it is."""
        moved, velocity, gains = (
            self.out(*Y.shape),
            self.put(velocity.copy()),
            self.put(gains.copy()),
        )
        self.ops.attract_and_step(
            self.affinities(P), self.put(Y), moved, velocity, gains, self.put(grad), Z, dof, params
        )
        return host(moved), host(velocity), host(gains)

    def divergence(self, P, Y, dof=1.0):
        return self.ops.divergence(self.affinities(P), self.put(Y), dof)


def random_affinities(n, seed=0, density=0.1, lonely=()):
    """Return a symmetric P with rows of different lengths, those in ``lonely`` empty."""
    rng = np.random.default_rng(seed)
    A = np.where(rng.random((n, n)) < density, rng.random((n, n)), 0.0)
    A = A + A.T
    np.fill_diagonal(A, 0.0)
    for i in lonely:
        A[i], A[:, i] = 0.0, 0.0
    A = (A / A.sum()).astype(np.float32)
    rows, columns = np.nonzero(A)
    indptr = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
    P = Affinities(indptr, columns.astype(np.int32), A[rows, columns])
    return P, A.astype(np.float64)
