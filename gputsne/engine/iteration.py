"""One iteration, and the divergence of the map as it stands: the same code for every backend.

An iteration is: deposit, one FFT pair, gather, attract and step. Formulas: docs/math.md; the mesh:
docs/mesh.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, SupportsFloat

import numpy as np

from gputsne.base.types import Affinities, FloatArray, IntArray, State, StepParams
from gputsne.engine.field import Field
from gputsne.engine.kept import History, Standing, record_of

__all__ = ["Engine"]

LOG_ROUNDING = 1e-5  # float32 logarithms, 2e-7 of |log p| each, can leave a KL of 0 this far below
LEAST_Z = 1e-30  # below, 2 / Z and the kernel's terms leave float32, and there is no repulsion
FEW = 64  # points up to which summing all pairs in numpy takes no measurable time
# Iterations before which large maps are put in Morton order. The layout forms in the early phase,
# spreads when that ends and then changes slowly. Each costs as much as a few iterations
# (bench/results/relabel.json).
REORDER_AT = (20, 100, 270, 400)


class Engine:
    """A map while it is optimised: state, field and P.

    Large maps are kept in the order of a space-filling curve; what leaves the engine (``state``,
    ``embedding``) is in the caller's order.

    Parameters
    ----------
    P : Affinities
        Joint probabilities.
    state : State
        Where to start; copied.
    field : Field
        Repulsion.
    order : array, shape (n,), int32, optional
        The order in memory of a run that this one continues; else the engine chooses.
    """

    def __init__(
        self, P: Affinities, state: State, field: Field, order: IntArray | None = None
    ) -> None:
        self.P, self.field, self.ops = field.ops.hold(P), field, field.ops
        self.iteration = state.iteration
        xp = self.ops.xp
        self.Y, self.velocity, self.gains = (
            xp.asarray(np.array(a, dtype=np.float32, order="C"))
            for a in (state.Y, state.velocity, state.gains)
        )
        self._Y_next = xp.empty_like(self.Y)
        self._phi = xp.empty(len(self.Y), np.float32) if self.ops.phi_wanted else None
        self._grad = xp.empty_like(self.Y)
        self._Z: SupportsFloat | None = None  # of the map as it stands; None after a step
        self._stepped = False  # whether Y is what the last step left, and nothing since
        self._exaggeration = 0.0  # of the last step
        self._total_p: float | None = None  # sum of P
        self._order: IntArray | None = None  # caller's row at each place; None: not reordered
        field.order = None  # of an engine that was interrupted
        # Identity token, part of the key of captured CUDA graphs: replaced whenever P or an array
        # of the state is.
        self._arrays = object()
        if order is not None:
            self._put_in(self.ops.xp.asarray(order))
        elif state.iteration > REORDER_AT[0]:
            self.reorder()

    @property
    def Z(self) -> SupportsFloat:  # noqa: N802 - the symbol of docs/math.md
        """Normaliser of the map as it stands; ``float()`` may have to wait for a device."""
        if self._Z is None:
            self._Z = self.field.evaluate(self.Y, self._phi, self._grad, stepped=self._stepped)
        return self._Z

    @property
    def evaluated(self) -> bool:
        """Whether the forces of the map as it stands are known."""
        return self._Z is not None

    def go_on(self, params: StepParams) -> None:
        """Take over what an earlier run did last, so that the next step knows what changes."""
        self._exaggeration = params.exaggeration

    def step(self, params: StepParams) -> None:
        """Do one iteration."""
        if self.iteration in REORDER_AT:
            self.reorder()
        if params.exaggeration != self._exaggeration:
            self.field.invalidate(new_forces=True)
            self._exaggeration = params.exaggeration
            self._Z = None  # evaluated anew, or the mesh would depend on whether KL was looked at
        if self._Z is None:
            self.field.refresh(self.Y, stepped=self._stepped)
            work = (self._arrays, self.field.kind(*self.Y.shape))
            slot = self.iteration % 2  # which array of the double buffer is read
            numbers = (self.field.version, params)
            self.ops.iterate(work, numbers, slot, partial(self._iterate, params))
        else:
            self._move(self._Z, params)
        self.Y, self._Y_next = self._Y_next, self.Y
        self._Z = None
        self._stepped = True
        self.iteration += 1

    def _iterate(self, params: StepParams) -> None:
        """Launch an iteration: the same work on the same arrays for the same kind and slot."""
        self._move(self.field.forces(self.Y, self._phi, self._grad), params)

    def _move(self, Z: SupportsFloat, params: StepParams) -> None:
        if isinstance(Z, float) and Z < LEAST_Z:  # not on a device: comparing would wait for it
            Z = 0.0
        self.ops.attract_and_step(
            self.P,
            self.Y,
            self._Y_next,
            self.velocity,
            self.gains,
            self._grad,
            Z,
            self.field.dof,
            params,
        )

    def kl_divergence(self) -> float:
        """Return KL(P || Q) of the map as it stands, without exaggeration (docs/math.md (1)).

        Infinite where no two of many points are near enough to each other for float32.
        """
        if self.P.nnz == 0:
            return 0.0
        Z = float(self.Z)
        if Z < LEAST_Z and len(self.Y) <= FEW:
            return self._kl_by_logarithms()
        if Z <= 0:
            return float("inf")
        if self._total_p is None:  # 1 but for rounding, which log Z would multiply
            self._total_p = self.ops.mass(self.P)
        cross = self.ops.divergence(self.P, self.Y, self.field.dof)
        kl = cross + self._total_p * float(np.log(Z))
        return 0.0 if -LOG_ROUNDING < kl < 0.0 else kl

    def _kl_by_logarithms(self) -> float:
        """Return KL(P || Q) by definition in float64, where K itself would underflow.

        With a light-tailed kernel (large dof) a few points can fit P better the farther apart they
        are, without limit.
        """
        Y = self.ops.host(self.Y).astype(np.float64)
        host: Any = self.ops.host
        indptr, indices, p = (host(a) for a in (self.P.indptr, self.P.indices, self.P.data))
        r2 = np.square(Y[:, None] - Y[None]).sum(axis=2)
        log_K = -0.5 * (self.field.dof + 1.0) * np.log1p(r2 / self.field.dof)
        np.fill_diagonal(log_K, -np.inf)
        log_Z = float(np.logaddexp.reduce(log_K, axis=None))
        rows = np.repeat(np.arange(len(Y)), np.diff(indptr))[p > 0]
        columns, p = indices[p > 0], p[p > 0].astype(np.float64)
        return float((p * (np.log(p) - log_K[rows, columns] + log_Z)).sum())

    def recentre(self) -> None:
        """Move the map's mean to the origin; forces don't change, float32 keeps its digits."""
        self.ops.recentre(self.Y)
        self._Z, self._stepped = None, False
        self.field.invalidate()

    def reorder(self) -> None:
        """Put points and P in Morton order of the map, where the backend gains by it.

        Not where all sums are by definition: they gain nothing, and depend on the order.
        """
        if len(self.Y) < self.ops.relabel_from or self.field.never_by_mesh(*self.Y.shape):
            return
        self._put_in(self.ops.order_of(self.ops.curve(self.Y, self.ops.extent(self.Y))))

    def _put_in(self, order: IntArray) -> None:
        ops = self.ops
        self.P = ops.reorder(self.P, order)
        self.Y, self.velocity, self.gains = (
            ops.take(a, order) for a in (self.Y, self.velocity, self.gains)
        )
        self._order = order if self._order is None else ops.take(self._order, order)
        self.field.order = self._order
        self._arrays = object()
        self._Z, self._stepped = None, False

    def _callers(self, a: FloatArray) -> FloatArray:
        """Return a copy of a row-wise array in the caller's order, in main memory."""
        out: FloatArray = a if self._order is None else self.ops.scatter(a, self._order)
        here = self.ops.host(out)
        return here.copy() if here is a else here

    def embedding(self) -> FloatArray:
        """Return a copy of the map, shape (n, c), float32."""
        # The caller may launch work of its own on the device: captured graphs are invalidated.
        self._arrays = object()
        return self._callers(self.Y)

    def state(self) -> State:
        """Return a copy of the state."""
        Y, velocity, gains = (self._callers(a) for a in (self.Y, self.velocity, self.gains))
        return State(Y, velocity, gains, self.iteration)

    def copied(self, history: History) -> Callable[[], Standing]:
        """Copy the state where it lies; what is returned brings it to main memory, at any time.

        Between two iterations, before anything is evaluated. ``history`` is handed on.
        """
        ops, order, iteration = self.ops, self._order, self.iteration
        arrays = [ops.duplicate(a) for a in (self.Y, self.velocity, self.gains)]
        mesh, pace = record_of(self.field), self.field.pace

        def standing() -> Standing:
            Y, velocity, gains = (
                ops.host(a if order is None else ops.scatter(a, order)) for a in arrays
            )
            there: Any = ops.host
            places = None if order is None else there(order)
            return Standing(State(Y, velocity, gains, iteration), history, mesh, pace, places)

        return standing
