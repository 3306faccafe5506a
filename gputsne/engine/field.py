"""The field of a map: phi, its gradient and Z, by definition or on a mesh that follows the map.

The same for every backend. Formulas: docs/math.md (2); the mesh: docs/mesh.md.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, SupportsFloat

import numpy as np

from gputsne.backends import Ops
from gputsne.base.types import FloatArray, IntArray, Mesh
from gputsne.engine import mesh as meshes
from gputsne.engine.kept import SHRINK, MeshRecord, Pace

__all__ = ["Field"]

# Backends that don't read the map's extent before every evaluation need a margin between the map
# and the edge of the mesh, on every side, as a share of the span: ROOM where the mesh is built or
# centred; once less than LEAST_ROOM is left, it is built or centred again.
ROOM, LEAST_ROOM = 0.125, 0.05
CHECK_EVERY = 50  # evaluations between two measurements of the error from close pairs (_measure)
# The error from close pairs never counts as less than this share of its last value; so a mesh near
# the limit is not exchanged at every measurement.
FORGETS = 0.7
SAMPLE = 1 << 14  # points at which that error is measured
# Where two meshes half a cell apart lie, in cells beyond the centre: the pair that forces are the
# mean over; the other mesh and the one in use, where that is one.
PAIR, SINGLE = (-0.25, 0.25), (0.5, 0.0)


class Field:
    """The potential phi of a map and its gradient, by mesh or by definition.

    Parameters
    ----------
    ops : Ops
        Backend.
    dof : float
        Degrees of freedom of the map kernel.
    method : {"auto", "exact", "mesh"}
        ``"auto"``: by definition up to ``ops.exact_below[c - 1]`` points, and wherever the mesh
        that the map needs costs more. ``"mesh"``: by definition only where it costs many times
        more (``meshes.FORCED``).
    max_nodes : int or None
        FFT nodes that memory allows; above them the spacing widens.
    before : MeshRecord or None
        The mesh of the run that this one continues; taken up where it still suits the map.
    pairs : bool
        Whether the forces may be the mean over two meshes; else one is made finer instead.
    pace : Pace or None
        Where that run's field stood, for one that stopped between two iterations.
    """

    def __init__(
        self,
        ops: Ops,
        *,
        dof: float = 1.0,
        method: str = "auto",
        max_nodes: int | None = None,
        before: MeshRecord | None = None,
        pairs: bool = True,
        pace: Pace | None = None,
    ) -> None:
        self.ops, self.dof, self.method, self.max_nodes = ops, float(dof), method, max_nodes
        self.pairs = pairs
        self.mesh: Mesh | None = None
        self.center: tuple[float, ...] = ()
        self.summed = False  # whether the map as it stands is summed by definition
        self.order: IntArray | None = None  # caller's row of each point; None: as they are
        # whether the forces are the mean over two meshes half a cell apart
        self.pair = before is not None and before.pair
        self.before = before
        # whether memory or cost made any mesh so far coarser than the accuracy goal asks
        self.coarsened = before is not None and before.ever_coarsened
        self.rebuilds = 0 if before is None else before.rebuilds
        self._mesh_interval = 0  # evaluations from one reading of the extent to the next
        self._evaluations = 0  # since the extent was last read
        self._seen: list[float] | None = None  # the map's spans at that time
        # Identity token: replaced whenever the mesh, its centre or the number of meshes is, and so
        # the numbers that captured CUDA graphs read.
        self.version = object()
        self.out_of_mesh = 0  # refreshes that found that a point had left the mesh
        # The potential that the last measurement ended with, of which mesh and where that lay: the
        # forces of the same map begin with it.
        self._ready: tuple[Mesh, tuple[float, ...], FloatArray] | None = None
        # Relative error of the forces from close pairs, over meshes.push, as last measured;
        # evaluations since; the spacing then.
        self.burden = 0.0 if before is None else before.burden
        self.since = CHECK_EVERY if before is None else before.since
        self.clean_at = 0.0 if before is None else before.clean_at
        self.goes_on = before is not None or pace is not None  # with the forces of that run
        if pace is not None:
            self._take_up(pace)

    @property
    def pace(self) -> Pace:
        """Where the field stands between two readings of the extent."""
        seen = None if self._seen is None else tuple(map(float, self._seen))
        return Pace(self._mesh_interval, self._evaluations, seen, self.summed)

    def _take_up(self, pace: Pace) -> None:
        """Stand where an earlier run's field stood; its mesh may serve some more evaluations."""
        self._mesh_interval, self._evaluations = pace.interval, pace.evaluations
        self._seen = None if pace.seen is None else list(pace.seen)
        self.summed = pace.summed
        if self.before is not None and not self.summed:
            before = self.before
            self.mesh = meshes.of_shape(
                before.fft_shape, before.h, self.dof, coarsened=before.coarsened
            )
            self.center = before.center

    def is_exact(self, n: int, c: int) -> bool:
        """Tell whether the sums of ``n`` points are taken by definition, as the map stands."""
        return self.summed or self.never_by_mesh(n, c)

    def never_by_mesh(self, n: int, c: int) -> bool:
        """Tell whether the sums are taken by definition wherever the map goes."""
        few = n <= self.ops.exact_below[self.dof != 1.0][c - 1]
        return self.method == "exact" or (self.method == "auto" and few)

    def evaluate(
        self, Y: FloatArray, phi: Any, grad: FloatArray, *, stepped: bool = False
    ) -> SupportsFloat:
        """Fill ``phi`` (n,) and ``grad`` (n, c) at the points of Y; return Z, perhaps on a device.

        ``phi`` is None where ``ops.phi_wanted`` is false; ``stepped`` as in ``refresh``.

        Raises
        ------
        FloatingPointError
            A coordinate is not finite.
        """
        self.refresh(Y, stepped=stepped)
        return self.forces(Y, phi, grad)

    def refresh(self, Y: FloatArray, *, stepped: bool = False) -> None:
        """Fit the mesh to Y if the interval is over; of an iteration only this waits for a device.

        ``stepped``: Y is what the last step left, whose extent a device may know already.

        Raises
        ------
        FloatingPointError
            A coordinate is not finite.
        """
        if self.never_by_mesh(*Y.shape):
            return
        if self._evaluations >= self._mesh_interval:
            box = self.ops.stepped_extent(Y) if stepped else self.ops.extent(Y)
            before = self.summed, self.mesh, self.center, self.pair
            self._choose(Y, box)
            self._mesh_interval, self._evaluations = self._next_interval(box), 0
            if before != (self.summed, self.mesh, self.center, self.pair):
                self.version = object()
        self._evaluations += 1
        self.since += 1

    def _choose(self, Y: FloatArray, box: Sequence[tuple[float, float]]) -> None:
        """Fit the mesh, with close pairs measured where that is due, or leave the map to the sums.

        Close pairs only make a mesh dearer. So where the map needs one that is too dear without
        them, none is made; where it is they that make it so, they are measured as ever, on the mesh
        that the map would have without them.
        """
        n, self._ready = len(Y), None
        if self._sums_are_quicker(box, n, 0.0):
            self.summed, self.since = True, CHECK_EVERY
            return
        self.summed = self.burden > 0.0 and self._sums_are_quicker(box, n, self.burden)
        mesh = None if self.summed else self.fit(box, n)
        if self.since >= CHECK_EVERY or (mesh is not None and mesh.h > self.clean_at):
            mesh = mesh or self.fit(box, n, burden=0.0)
            self.burden = max(self._measure(Y), FORGETS * self.burden)
            self.since, self.clean_at = 0, mesh.h
            self.summed = self._sums_are_quicker(box, n, self.burden)
            if self.summed or self.fit(box, n) is not mesh:
                self._ready = None

    def _sums_are_quicker(self, box: Sequence[tuple[float, float]], n: int, burden: float) -> bool:
        """Tell whether sums by definition take the place of the mesh that a map needs.

        That mesh may be larger than memory allows: then it would be coarser, and the map is none
        the worse for the sums.
        """
        _check_finite(box)
        # A device would have to put its points in the caller's order for every evaluation.
        if n >= self.ops.relabel_from and self.ops.device is not None:
            return False
        c, span = len(box), [high - low for low, high in box]
        affordable = n * n / self.ops.node_pairs[self.dof != 1.0][c - 1]
        if self.method == "mesh":
            affordable = max(meshes.FORCED * affordable, meshes.FORCED_NODES)
        if affordable >= 2 * meshes.MAX_NODES[c - 1]:
            return False
        h, pair, _ = self._spacing(span, n, burden, math.inf)
        lengths = meshes.lengths(span, h, few=self.ops.few_meshes, dof=self.dof)
        nodes = math.prod(lengths)
        if nodes > meshes.MAX_NODES[c - 1]:  # then it is coarser, and may need a second one
            nodes, pair = meshes.MAX_NODES[c - 1], True
        return (1 + pair) * nodes > affordable

    def _spacing(
        self, span: Sequence[float], n: int, burden: float, limit: float | None
    ) -> tuple[float, bool, bool]:
        """Return the spacing, whether a pair needs it, and whether ``limit`` made it coarser."""
        few = self.ops.few_meshes
        h, coarsened = meshes.spacing(span, n, self.dof, limit, few=few)
        return meshes.refine(h, coarsened, span, self.dof, burden, limit, pairs=self.pairs, few=few)

    def kind(self, n: int, c: int) -> Hashable:
        """Return what decides which operations ``forces`` needs, on arrays of which shape."""
        if self.is_exact(n, c) or self.mesh is None:
            return None
        return self.mesh.fft_shape, self.mesh.order, self.pair

    def forces(self, Y: FloatArray, phi: Any, grad: FloatArray) -> SupportsFloat:
        """Do what ``evaluate`` does after ``refresh``: equal launches while ``version`` stays."""
        if self.is_exact(*Y.shape):
            return self._by_definition(Y, phi, grad)
        if not self.pair:
            return self._through(Y, 0.0, phi, grad)
        Z = self._through(Y, PAIR[1], phi, grad)
        phi_2, grad_2 = self.ops.spare(Y)
        Z_2 = self._through(Y, PAIR[0], phi_2, grad_2)
        return self.ops.mean((phi, grad, Z), (phi_2, grad_2, Z_2))

    def _by_definition(self, Y: FloatArray, phi: Any, grad: FloatArray) -> SupportsFloat:
        """Fill ``phi`` and ``grad`` by sums over all points in the caller's order; return Z.

        Sums of floats depend on the order of their terms, and a run that goes on from a saved state
        has another order than one that was not interrupted.
        """
        if self.order is None:
            return self.ops.exact(Y, self.dof, phi, grad)
        there = self.ops.scatter(Y, self.order)
        phi_there, grad_there = np.empty(len(Y), np.float32), np.empty_like(there)
        Z = self.ops.exact(there, self.dof, phi_there, grad_there)
        phi[:], grad[:] = phi_there[self.order], grad_there[self.order]
        return Z

    def _through(self, Y: FloatArray, shift: float, phi: Any, grad: FloatArray) -> SupportsFloat:
        """Fill ``phi`` and ``grad`` from the mesh moved by ``shift`` cells per axis; return Z."""
        mesh = self.mesh
        assert mesh is not None
        center = self._moved(mesh, shift)
        ready, self._ready = self._ready, None
        if ready is not None and ready[0] is mesh and ready[1] == center:
            potential = ready[2]
        else:
            potential = self.potential(Y, center)
        return self.ops.gather(Y, mesh, center, potential, phi, grad)

    def _moved(self, mesh: Mesh, shift: float) -> tuple[float, ...]:
        return tuple(x + shift * mesh.h for x in self.center)

    def _measure(self, Y: FloatArray) -> float:
        """Return the relative error of the forces from close pairs, over ``meshes.push``.

        Two points much closer than ``h`` push each other by an error that is periodic in their
        place on the mesh and changes sign half a cell further on. So half the difference between
        the forces through two meshes half a cell apart is that error. The second of them is one
        that the forces of this map begin with, and its potential is kept for them.
        """
        mesh = self.mesh
        assert mesh is not None
        if mesh.h < meshes.CLEAN * meshes.width(self.dof):
            return 0.0
        some = self.ops.take(Y, step=max(1, len(Y) // SAMPLE))
        phi, grad = self.ops.xp.empty(len(some), np.float32), self.ops.xp.empty_like(some)
        found = []
        for shift in PAIR if self.pair else SINGLE:
            center = self._moved(mesh, shift)
            potential = self.potential(Y, center)
            self.ops.gather(some, mesh, center, potential, phi, grad)
            found.append(np.array(self.ops.host(grad), dtype=np.float64))
        # What a device is told to do may be recorded and done again, with its potential of then.
        self._ready = (mesh, center, potential) if self.ops.epoch == 1 else None
        whole = float(np.linalg.norm(found[0] + found[1]))
        share = float(np.linalg.norm(found[0] - found[1])) / whole if whole > 0.0 else 0.0
        return share / meshes.push(Y.shape[1], mesh.h, self.dof, pair=False)

    def fit(
        self,
        box: Sequence[tuple[float, float]],
        n: int,
        *,
        room: float = 0.0,
        burden: float | None = None,
    ) -> Mesh:
        """Centre the mesh on the box; build another where this one is too small or too coarse.

        ``room`` map units stay free on every side; more where the extent isn't read each time.
        ``burden`` takes the place of the one that was measured.
        """
        _check_finite(box)
        burden = self.burden if burden is None else burden
        if self.ops.epoch > 1:  # the map may grow until the extent is read again
            room = max(room, ROOM * max(b[1] - b[0] for b in box))
        low, high = [b[0] - room for b in box], [b[1] + room for b in box]
        span = [hi - lo for lo, hi in zip(low, high, strict=True)]
        center = tuple((lo + hi) / 2 for lo, hi in zip(low, high, strict=True))
        if self.ops.epoch > 1:
            less = (1.0 - LEAST_ROOM / ROOM) * room
            low, high = [x + less for x in low], [x - less for x in high]
        h, self.pair, coarsened = self._spacing(span, n, burden, self.max_nodes)
        few = self.ops.few_meshes
        if self.pair:  # each mesh lies a quarter of a cell from the centre, one on either side
            low, high = [x - 0.25 * h for x in low], [x + 0.25 * h for x in high]
        need = meshes.lengths(span, h, few=few, dof=self.dof)
        if self.mesh is None and self.before is not None and self.before.suits(h, need):
            self.mesh = meshes.of_shape(
                self.before.fft_shape, h, self.dof, coarsened=self.before.coarsened
            )
            self.center = self.before.center
        if not (
            self.mesh is not None
            and self.mesh.h == h
            and self.mesh.holds(low, high)
            and all(a >= SHRINK * b for a, b in zip(need, self.mesh.fft_shape, strict=True))
        ):
            self.mesh = meshes.build(span, h, self.dof, coarsened=coarsened, few=few)
            self.rebuilds += 1
            self.center = center
        elif self.ops.epoch == 1 or self._room(low, high) < 0:
            self.center = center  # otherwise kept, and with it the captured CUDA graphs
        if not self.summed:  # else this mesh serves to measure close pairs, not the forces
            self.coarsened = self.coarsened or coarsened
        return self.mesh

    def fit_for_good(
        self, Y: FloatArray, box: Sequence[tuple[float, float]], n: int, *, room: float
    ) -> Mesh:
        """Fit a mesh to a map that stays as it is, close pairs measured at once; as ``fit``."""
        self.fit(box, n, room=room)
        self.burden, self._ready = self._measure(Y), None
        return self.fit(box, n, room=room)

    def invalidate(self, *, new_forces: bool = False) -> None:
        """Have the extent read before the next evaluation: the map was moved, or its pace changes.

        With ``new_forces`` the pace so far says nothing, and close pairs are measured again too.
        """
        self._mesh_interval = 0
        if new_forces:
            self._seen, self.since = None, CHECK_EVERY

    def _next_interval(self, box: Sequence[tuple[float, float]]) -> int:
        """Return how many evaluations may pass before the extent is read again.

        As many as would use up half of the margin if the map grew as fast as since the last
        reading, at most twice as many as lay between the last two, and at most ``ops.epoch``. One
        while the map is tiny, where it grows by a factor per iteration.
        """
        span = [high - low for low, high in box]
        before, self._seen = self._seen, span
        # After a single evaluation the extent is read right after the step that left: no harm done.
        escaped = self.ops.escaped and self._evaluations > 1
        self.ops.escaped = False
        self.out_of_mesh += escaped
        if self.summed:  # right wherever the map goes
            return self.ops.epoch
        if self.ops.epoch == 1 or before is None or escaped:
            return 1
        if max(span) < meshes.TINY_SPAN * meshes.width(self.dof):
            return 1
        done = max(1, self._evaluations)
        pace = max(0.0, *(a - b for a, b in zip(span, before, strict=True))) / done
        room = self._room(*zip(*box, strict=True))
        limit = min(self.ops.epoch, 2 * done)
        return limit if pace * limit < 0.5 * room else max(1, int(0.5 * room / pace))

    def _room(self, low: Sequence[float], high: Sequence[float]) -> float:
        """Return the distance of the box from the nearest edge of the mesh, below 0 beyond it."""
        assert self.mesh is not None
        nodes = [m - self.mesh.order - 2 - 0.5 * self.pair for m in self.mesh.shape]
        reach = [0.5 * m * self.mesh.h for m in nodes]
        sides = zip(low, high, self.center, reach, strict=True)
        return min(r - max(hi - at, at - lo) for lo, hi, at, r in sides)

    def potential(self, Y: FloatArray, center: Sequence[float] | None = None) -> FloatArray:
        """Deposit Y on the mesh and convolve with the kernel.

        Parameters
        ----------
        Y : array, shape (n, c), float32
            Map.
        center : sequence of float, optional
            Of the mesh; where ``fit`` put it unless given.

        Returns
        -------
        array, shape (M0, .., M_last) at least, float32
            Potential at the nodes. Only the first M entries of each axis hold it; the rest is
            the padding of the FFT. A device may fill it again at the next call.
        """
        mesh = self.mesh
        assert mesh is not None
        return self.ops.potential(Y, mesh, self.center if center is None else center)


def _check_finite(box: Sequence[tuple[float, float]]) -> None:
    if not all(math.isfinite(x) for side in box for x in side):
        raise FloatingPointError(
            f"the map has coordinates that are not finite (extent {list(box)}); lower learning_rate"
        )
