"""P in the order of the map: what the attraction reads, and the caller's P for all else."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.types import Affinities, FloatArray, IntArray

__all__ = ["PackedAffinities"]


class PackedAffinities(Affinities):
    """P with row and column i those of ``order[i]`` of another, 4 bytes per edge.

    Its weights are 15 bits each: right for forces. Sums of P and the divergence are taken from the
    P that it was made of. Whoever asks for its arrays gets that P's numbers in the new order, made
    when they are first asked for.

    Parameters
    ----------
    module : module
        ``gputsne._native``.
    plain : gputsne._native.Edges
        P in the caller's order.
    order : array, shape (n,), int32
        Row of the caller's at each place.
    unreached : int
        As of ``Affinities``.
    """

    def __init__(self, module: Any, plain: Any, order: IntArray, unreached: int = 0) -> None:
        fields = {"plain": plain, "order": order.copy(), "unreached": unreached, "_module": module}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        _ = self.edges  # at once, so that no iteration has to wait

    plain: Any
    order: IntArray
    _module: Any

    @cached_property
    def edges(self) -> Any:
        """The packed rows, ``gputsne._native.Packed``; packed again after ``put_away``."""
        return self._module.Packed(self.plain, self.order)

    def put_away(self) -> None:
        """Give the packed rows' memory back: what is packed in another order takes their place."""
        self.__dict__.pop("edges", None)

    @property
    def n(self) -> int:
        """Number of points."""
        return int(self.plain.n)

    @property
    def nnz(self) -> int:
        """Number of edges, both directions counted."""
        return int(self.plain.indices.shape[0])

    @cached_property
    def _moved(self) -> Any:
        return self._module.reorder(self.plain, self.order)

    @property
    def indptr(self) -> npt.NDArray[np.int64]:
        """Row offsets (n + 1,)."""
        indptr: npt.NDArray[np.int64] = self._moved.indptr
        return indptr

    @property
    def indices(self) -> IntArray:
        """Column of each edge; they don't ascend."""
        indices: IntArray = self._moved.indices
        return indices

    @property
    def data(self) -> FloatArray:
        """``p_ij``, as the caller's P has it."""
        data: FloatArray = self._moved.data
        return data
