"""P as the kernels read it: CSR, 4 or 2 bytes per weight, its longest rows cut into pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gputsne.backends.cuda import arrays
from gputsne.backends.cuda.device import Gpu
from gputsne.base.types import Affinities, Array

__all__ = ["Edges", "Hubs", "cut"]

PIECE = 1024  # edges of a row that one warp adds up: the median row has 125


class Hubs(NamedTuple):
    """Rows that one warp would be at when all others are done; each is cut into pieces.

    Attributes
    ----------
    row : array, shape (count,), int32
        Which rows, ascending.
    first : array, shape (count + 1,), int32
        First piece of each; the last is the number of pieces.
    pieces : int
        That number.
    sums : array, shape (pieces, 3), float32
        Scratch for what the pieces add up to.
    """

    row: Array
    first: Array
    pieces: int
    sums: Array


@dataclass(frozen=True, eq=False)
class Edges(Affinities):
    """P on the device.

    Attributes
    ----------
    data : array, shape (nnz,), float32 or float16
        ``p_ij / scale``.
    scale : float
        A power of two, 1 for float32.
    hubs : Hubs or None
        None where no row is long.
    """

    scale: float = 1.0
    hubs: Hubs | None = None

    @property
    def half(self) -> bool:
        """Whether the weights have 2 bytes."""
        return self.data.dtype.itemsize == 2

    def told(self, gpu: Gpu) -> Any:
        """Return what the kernels are told of P, which the caller keeps alive."""
        hubs = [] if self.hubs is None else [
            gpu.at(self.hubs.row), gpu.at(self.hubs.first), len(self.hubs.row), self.hubs.pieces,
            PIECE, gpu.at(self.hubs.sums),
        ]  # fmt: skip
        return gpu.module.Edges(
            indptr=gpu.at(self.indptr),
            indices=gpu.at(self.indices),
            data=gpu.at(self.data),
            half=self.half,
            scale=self.scale,
            hubs=hubs,
        )


def cut(gpu: Gpu, indptr: Array) -> Hubs | None:
    """Cut the rows that are too long for one warp; waits for the device."""
    rows, begins, ends = arrays.long_rows(gpu, indptr, PIECE)
    if not len(rows):
        return None
    first = np.concatenate([[0], np.cumsum(-(-(ends - begins) // PIECE))])
    total = int(first[-1])
    sums = gpu.empty((total, 3), np.float32)
    return Hubs(rows, gpu.put(first, np.int32), total, sums)
