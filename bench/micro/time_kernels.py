"""The operations of a fit on each backend that is here: graph, mesh, step, order."""

from __future__ import annotations

from typing import Any

import numpy as np

from gputsne.base.types import StepParams

STEP = StepParams(exaggeration=1.0, momentum=0.8, learning_rate=1e-3)
FEW = 2000  # points of the sums by definition
F = 4  # bytes of a float32, an int32


def time_perplexity(timed: Any, ops: Any, problem: Any) -> None:
    distances = problem.graph.distances
    p, _ = timed(
        lambda: ops.conditional(distances, [30.0]), n=problem.n, moved=2 * distances.nbytes
    )
    assert p.shape == distances.shape


def time_symmetrise(timed: Any, ops: Any, problem: Any) -> None:
    indices, p = problem.graph.indices, ops.xp.asarray(problem.p)
    moved = 2 * indices.nbytes + 2 * F * problem.P.nnz
    found = timed(lambda: ops.symmetrize(indices, p), n=problem.n, moved=moved)
    assert len(found[1]) == problem.P.nnz


def time_deposit(timed: Any, ops: Any, problem: Any) -> None:
    charge = ops.grid(problem.mesh)
    work = (problem.Y, problem.mesh, problem.center, charge)
    timed(lambda: ops.deposit(*work), n=problem.n, moved=problem.Y.nbytes + charge.nbytes)
    assert abs(float(charge.sum(dtype=np.float64)) / problem.n - 1) < 1e-3


def time_fft_pair(timed: Any, ops: Any, problem: Any) -> None:
    charge = ops.grid(problem.mesh)
    ops.deposit(problem.Y, problem.mesh, problem.center, charge)
    padded = F * int(np.prod(problem.mesh.fft_shape))
    # charge in, potential out, and the padded spectrum once written and once read
    moved = 2 * charge.nbytes + 2 * padded
    potential = timed(lambda: ops.convolve(charge, problem.mesh), n=problem.n, moved=moved)
    assert float(potential.max()) > 0


def time_gather(timed: Any, ops: Any, problem: Any) -> None:
    potential = ops.potential(problem.Y, problem.mesh, problem.center)
    out = (problem.phi, problem.grad)
    work = (problem.Y, problem.mesh, problem.center, potential, *out)
    nodes = F * int(np.prod(problem.mesh.shape))
    moved = problem.Y.nbytes + nodes + sum(a.nbytes for a in out)
    assert float(timed(lambda: ops.gather(*work), n=problem.n, moved=moved)) > 0


def time_exact(timed: Any, ops: Any, problem: Any) -> None:
    Y = problem.Y[: min(FEW, problem.n)]
    phi, grad = ops.xp.empty(len(Y), np.float32), ops.xp.empty_like(Y)
    assert float(timed(lambda: ops.exact(Y, 1.0, phi, grad), n=len(Y))) > 0


def time_attract_and_step(timed: Any, ops: Any, problem: Any) -> None:
    xp, Y = ops.xp, problem.Y
    out, velocity, gains = xp.empty_like(Y), xp.zeros_like(Y), xp.ones_like(Y)
    grad = xp.zeros_like(Y)
    work = (problem.held, Y, out, velocity, gains, grad, 1.0, 1.0, STEP)
    # P once; the map and its gradient read, velocity and gains read and written, the new map
    moved = 2 * F * problem.P.nnz + 7 * Y.nbytes
    timed(lambda: ops.attract_and_step(*work), n=problem.n, moved=moved)
    assert bool(xp.isfinite(out).all())


def time_divergence(timed: Any, ops: Any, problem: Any) -> None:
    moved = 2 * F * problem.P.nnz + problem.Y.nbytes
    found = timed(lambda: ops.divergence(problem.held, problem.Y, 1.0), n=problem.n, moved=moved)
    assert np.isfinite(found)


def time_order_along_curve(timed: Any, ops: Any, problem: Any) -> None:
    def order() -> Any:
        return ops.order_of(ops.curve(problem.Y, problem.box))

    assert len(timed(order, n=problem.n)) == problem.n


def time_reorder(timed: Any, ops: Any, problem: Any) -> None:
    order = ops.order_of(ops.curve(problem.Y, problem.box))
    moved = 4 * F * problem.P.nnz
    found = timed(lambda: ops.reorder(problem.held, order), n=problem.n, moved=moved)
    assert found.nnz == problem.P.nnz
