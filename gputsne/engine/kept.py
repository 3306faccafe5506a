"""The mesh of a map in plain numbers, so that a saved run goes on to the bytes of an unsaved one.

Which mesh a map gets depends on the one it had: it is kept until it is too small or too coarse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gputsne.engine.field import Field

__all__ = ["MeshRecord", "record_of"]

SHRINK = 0.6  # a mesh is given up when the map fills less than this share of one of its axes


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
    widened : bool
        True where memory made ``h`` larger than the accuracy goal asks.
    ever_widened : bool
        The same for any mesh of the run.
    rebuilds : int
        Meshes built in the run.
    pair : bool
        Whether the forces are the mean over two such meshes, half a cell apart.
    burden : float
        What the images of near mates did to the forces when that was last measured.
    since : int
        Evaluations since then.
    clean_at : float
        Spacing then, map units.
    """

    h: float
    fft_shape: tuple[int, ...]
    center: tuple[float, ...]
    widened: bool
    ever_widened: bool
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


def record_of(field: Field) -> MeshRecord | None:
    """Return what to keep of a field's mesh; None where it has none."""
    mesh = field.mesh
    if mesh is None:
        return field.before
    return MeshRecord(
        mesh.h, mesh.fft_shape, field.center, mesh.widened, field.widened, field.rebuilds,
        field.pair, field.burden, field.since, field.clean_at,
    )  # fmt: skip
