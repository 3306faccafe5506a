"""A run between two iterations as plain numbers, from which it goes on as if it had never stopped.

Which mesh a map gets depends on the one it had: it is kept until it is too small or too coarse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gputsne.base.types import IntArray, State

if TYPE_CHECKING:
    from gputsne.engine.field import Field

__all__ = ["History", "MeshRecord", "Pace", "Standing", "record_of"]

History = tuple[tuple[int, float], ...]

SHRINK = 0.6  # a mesh is replaced when the map needs less than this share of one of its axes


@dataclass(frozen=True)
class MeshRecord:
    """A field's mesh without its spectrum, which follows from the rest.

    Attributes
    ----------
    h : float
        Spacing, map units.
    fft_shape : tuple of int
        FFT length per axis.
    center : tuple of float
        Middle of the mesh, map units.
    coarsened : bool
        True where memory made ``h`` larger than the accuracy goal asks.
    ever_coarsened : bool
        The same for any mesh of the run.
    rebuilds : int
        Meshes built in the run.
    pair : bool
        Whether the forces are the mean over two such meshes, half a cell apart.
    burden : float
        Relative error of the forces from close pairs, over ``mesh.push``, when last measured.
    since : int
        Evaluations since then.
    clean_at : float
        Spacing then, map units.
    """

    h: float
    fft_shape: tuple[int, ...]
    center: tuple[float, ...]
    coarsened: bool
    ever_coarsened: bool
    rebuilds: int
    pair: bool = False
    burden: float = 0.0
    since: int = 0
    clean_at: float = 0.0

    def suits(self, h: float, need: Sequence[int]) -> bool:
        """Tell whether a map that needs this spacing and these FFT lengths may keep the mesh."""
        return self.h == h and all(
            a >= SHRINK * b for a, b in zip(need, self.fft_shape, strict=True)
        )


@dataclass(frozen=True)
class Pace:
    """Where a field stands between two readings of the map's extent.

    Attributes
    ----------
    interval : int
        Evaluations from the last reading to the next.
    evaluations : int
        Those that were.
    seen : tuple of float or None
        The map's spans when it was last read, map units.
    summed : bool
        Whether the map is summed by definition for the time being.
    """

    interval: int
    evaluations: int
    seen: tuple[float, ...] | None
    summed: bool


@dataclass(frozen=True, eq=False)
class Standing:
    """A map between two iterations: all that decides the next ones, in main memory.

    Attributes
    ----------
    state : State
        In the caller's order.
    history : tuple of (int, float)
        Iteration and KL so far.
    mesh : MeshRecord or None
        None where there never was one.
    pace : Pace
        Of the field.
    order : array, shape (n,), int32, or None
        The caller's row at each place of memory; sums on a GPU depend on it. None: their own order.
    """

    state: State
    history: History
    mesh: MeshRecord | None
    pace: Pace
    order: IntArray | None = None


def record_of(field: Field, *, ahead: bool = False) -> MeshRecord | None:
    """Return what to keep of a field's mesh; None where it has none.

    ``ahead``: the forces of the map as it stands are known already, and whoever goes on from the
    record evaluates them again.
    """
    mesh = field.mesh
    since = field.since - 1 if ahead and field.since > 0 else field.since
    if mesh is None:  # summed by definition since the run went on
        return field.before and replace(
            field.before, pair=field.pair, burden=field.burden, since=since,
            clean_at=field.clean_at,
        )  # fmt: skip
    return MeshRecord(
        mesh.h, mesh.fft_shape, field.center, mesh.coarsened, field.coarsened, field.rebuilds,
        field.pair, field.burden, since, field.clean_at,
    )  # fmt: skip
