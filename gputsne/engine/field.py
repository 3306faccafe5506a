"""The field of a map: phi, its gradient and Z, by definition or on a mesh that follows the map.

The same for every backend. Formulas: docs/math.md (2); the mesh: docs/mesh.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsFloat

import numpy as np

from gputsne.backends import Ops
from gputsne.base.types import FloatArray, Mesh
from gputsne.engine import mesh as meshes
from gputsne.engine.kept import SHRINK, MeshRecord

__all__ = ["Field"]

# Backends that don't read the map's extent before every evaluation need a margin between the map
# and the edge of the mesh, on every side, as a share of the span: ROOM where the mesh is built or
# centred; once less than LEAST_ROOM is left, it is built or centred again.
ROOM, LEAST_ROOM = 0.125, 0.05
CHECK_EVERY = 50  # evaluations between two measurements of the error from close pairs (_measure)
# The error from close pairs never counts as less than this share of its last value; so a mesh near
# the limit is not exchanged at every measurement.
FORGETS = 0.7
SAMPLE = 1 << 16  # points at which that error is measured


class Field:
    """The potential phi of a map and its gradient, by mesh or by definition.

    Parameters
    ----------
    ops : Ops
        Backend.
    dof : float
        Degrees of freedom of the map kernel.
    method : {"auto", "exact", "mesh"}
        ``"auto"``: by definition up to ``ops.exact_below[c - 1]`` points.
    max_nodes : int or None
        FFT nodes that memory allows; above them the spacing widens.
    before : MeshRecord or None
        The mesh of the run that this one continues; taken up where it still suits the map.
    pairs : bool
        Whether the forces may be the mean over two meshes; else one is made finer instead.
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
    ) -> None:
        self.ops, self.dof, self.method, self.max_nodes = ops, float(dof), method, max_nodes
        self.pairs = pairs
        self.mesh: Mesh | None = None
        self.center: tuple[float, ...] = ()
        # whether the forces are the mean over two meshes half a cell apart
        self.pair = before is not None and before.pair
        self.before = before
        # whether memory or cost made any mesh so far coarser than the accuracy goal asks
        self.coarsened = before is not None and before.ever_coarsened
        self.rebuilds = 0 if before is None else before.rebuilds
        self._mesh_interval = 0  # evaluations from one reading of the extent to the next
        self._evaluations = 0  # since the extent was last read
        self._seen: list[float] | None = None  # the map's spans at that time
        # Identity token, part of the key of captured CUDA graphs: replaced whenever the mesh, its
        # centre or the number of meshes is.
        self.version = object()
        self.out_of_mesh = 0  # refreshes that found that a point had left the mesh
        # Relative error of the forces from close pairs, over meshes.push, as last measured;
        # evaluations since; the spacing then.
        self.burden = 0.0 if before is None else before.burden
        self.since = CHECK_EVERY if before is None else before.since
        self.clean_at = 0.0 if before is None else before.clean_at

    def is_exact(self, n: int, c: int) -> bool:
        """Tell whether the sums of ``n`` points are taken by definition."""
        few = n <= self.ops.exact_below[c - 1]
        return self.method == "exact" or (self.method == "auto" and few)

    def evaluate(self, Y: FloatArray, phi: FloatArray, grad: FloatArray) -> SupportsFloat:
        """Fill ``phi`` (n,) and ``grad`` (n, c) at the points of Y; return Z, perhaps on a device.

        Raises
        ------
        FloatingPointError
            A coordinate is not finite.
        """
        self.refresh(Y)
        return self.forces(Y, phi, grad)

    def refresh(self, Y: FloatArray) -> None:
        """Fit the mesh to Y if the interval is over; of an iteration only this waits for a device.

        Raises
        ------
        FloatingPointError
            A coordinate is not finite.
        """
        if self.is_exact(*Y.shape):
            return
        if self.mesh is None or self._evaluations >= self._mesh_interval:
            box = self.ops.extent(Y)
            before = self.mesh, self.center, self.pair
            mesh = self.fit(box, len(Y))
            if self.since >= CHECK_EVERY or mesh.h > self.clean_at:
                self.burden = max(self._measure(Y), FORGETS * self.burden)
                self.since, self.clean_at = 0, mesh.h
                self.fit(box, len(Y))
            self._mesh_interval, self._evaluations = self._next_interval(box), 0
            if before != (self.mesh, self.center, self.pair):
                self.version = object()
        self._evaluations += 1
        self.since += 1

    def forces(self, Y: FloatArray, phi: FloatArray, grad: FloatArray) -> SupportsFloat:
        """Do what ``evaluate`` does after ``refresh``: equal launches while ``version`` stays."""
        if self.is_exact(*Y.shape):
            return self.ops.exact(Y, self.dof, phi, grad)
        if not self.pair:
            return self._through(Y, 0.0, phi, grad)
        Z = self._through(Y, -0.25, phi, grad)
        phi_2, grad_2 = self.ops.spare(Y)
        Z_2 = self._through(Y, 0.25, phi_2, grad_2)
        return self.ops.mean((phi, grad, Z), (phi_2, grad_2, Z_2))

    def _through(
        self, Y: FloatArray, shift: float, phi: FloatArray, grad: FloatArray
    ) -> SupportsFloat:
        """Fill ``phi`` and ``grad`` from the mesh moved by ``shift`` cells per axis; return Z."""
        mesh = self.mesh
        assert mesh is not None
        center = tuple(x + shift * mesh.h for x in self.center)
        potential = self.potential(Y, center)
        return self.ops.gather(Y, mesh, center, potential, phi, grad)

    def _measure(self, Y: FloatArray) -> float:
        """Return the relative error of the forces from close pairs, over ``meshes.push``.

        Two points much closer than ``h`` push each other by an error that is periodic in their
        place on the mesh and changes sign half a cell further on. So half the difference between
        the forces through two meshes half a cell apart is that error.
        """
        mesh = self.mesh
        assert mesh is not None
        if mesh.h < meshes.CLEAN * meshes.width(self.dof):
            return 0.0
        phi, grad = self.ops.spare(Y)
        some = slice(None, None, max(1, len(Y) // SAMPLE))
        found = []
        for shift in (-0.25, 0.25):
            self._through(Y, shift, phi, grad)
            found.append(np.array(self.ops.host(grad[some]), dtype=np.float64))
        whole = float(np.linalg.norm(found[0] + found[1]))
        share = float(np.linalg.norm(found[0] - found[1])) / whole if whole > 0.0 else 0.0
        return share / meshes.push(Y.shape[1], mesh.h, self.dof, pair=False)

    def fit(self, box: Sequence[tuple[float, float]], n: int, *, room: float = 0.0) -> Mesh:
        """Centre the mesh on the box; build another where this one is too small or too coarse.

        ``room`` map units stay free on every side; more where the extent isn't read each time.
        """
        if self.ops.epoch > 1:  # the map may grow until the extent is read again
            room = max(room, ROOM * max(b[1] - b[0] for b in box))
        low, high = [b[0] - room for b in box], [b[1] + room for b in box]
        if not np.isfinite([*low, *high]).all():
            raise FloatingPointError(
                f"the map has coordinates that are not finite (extent {list(box)}); "
                "lower learning_rate"
            )
        span = [hi - lo for lo, hi in zip(low, high, strict=True)]
        center = tuple((lo + hi) / 2 for lo, hi in zip(low, high, strict=True))
        if self.ops.epoch > 1:
            less = (1.0 - LEAST_ROOM / ROOM) * room
            low, high = [x + less for x in low], [x - less for x in high]
        few = self.ops.few_meshes
        h, coarsened = meshes.spacing(span, n, self.dof, self.max_nodes, few=few)
        refine = meshes.refine if self.pairs else meshes.refine_alone
        h, self.pair, coarsened = refine(
            h, coarsened, span, self.dof, self.burden, self.max_nodes, few=few
        )
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
        self.coarsened = self.coarsened or coarsened
        return self.mesh

    def fit_for_good(
        self, Y: FloatArray, box: Sequence[tuple[float, float]], n: int, *, room: float
    ) -> Mesh:
        """Fit a mesh to a map that stays as it is, close pairs measured at once; as ``fit``."""
        self.fit(box, n, room=room)
        self.burden = self._measure(Y)
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
