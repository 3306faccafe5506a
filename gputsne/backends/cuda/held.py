"""Rows, graphs and P that stay on the GPU: arrays come down when they are read.

What a fit makes there is read there again; a copy in main memory, at 3 GB/s, would be most of the
set-up of a million points. It is made for whoever reads ``indices`` or ``data``, saves or pickles,
when the GPU has no room left, and before a fork, whose child has no GPU.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from gputsne.base import forks
from gputsne.base.types import Affinities, Array, KNNGraph

__all__ = ["HeldAffinities", "HeldGraph", "HeldRows", "keep", "spill"]

_KEPT: weakref.WeakSet[Any] = weakref.WeakSet()
_lock = forks.Lock()  # a set that grows by another thread can't be gone through


def keep(kept: Any) -> None:
    """Let ``spill`` move a thing, and a fork read it first: by its methods of these names."""
    with _lock.held():
        _KEPT.add(kept)


def spill() -> None:
    """Let everything that is kept on a GPU go to main memory."""
    for kept in _all():
        kept.spill()


def _all() -> list[Any]:
    with _lock.held():
        return list(_KEPT)


def _before_fork() -> None:
    for kept in _all():
        with suppress(Exception):  # a GPU that has failed; the child says what it misses
            kept.read()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)


class _Held:
    """Fields that lie on a GPU until they are read.

    Attributes
    ----------
    there : dict of str to array
        Those that do; empty once they have gone to main memory.
    gpu : int or None
        Number of the GPU.
    """

    there: dict[str, Array]
    gpu: int | None
    _fetch: Callable[[Any], Array]

    def _hold(
        self, there: dict[str, Array], gpu: int | None, fetch: Callable[[Any], Array], **known: Any
    ) -> None:
        """Take over the arrays, which are filled; ``fetch`` brings one to main memory."""
        known |= {"there": there, "gpu": gpu, "_fetch": fetch}
        vars(self).update(known)  # the types are frozen
        keep(self)

    def __getattr__(self, name: str) -> Any:
        """Bring an array to main memory, where nobody writes to it; it stays on the GPU, too."""
        there = vars(self).get("there", {})
        if name not in there:
            if name in vars(self):  # another thread has moved it since it was looked for
                return vars(self)[name]
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        array = self._fetch(there[name])
        array.flags.writeable = False
        vars(self)[name] = array
        return array

    def there_on(self, gpu: int | None) -> dict[str, Array]:
        """Return the arrays if they lie on this GPU, else none; ``spill`` may come meanwhile."""
        there = self.there
        return there if self.gpu == gpu else {}

    def read(self) -> None:
        """Bring everything to main memory; it stays on the GPU, too."""
        for name in self.there:
            getattr(self, name)

    def spill(self) -> None:
        """Free the GPU's memory."""
        self.read()
        vars(self)["there"] = {}

    def __repr__(self) -> str:
        """Return the type and the sizes, which read nothing."""
        return f"{type(self).__name__}{vars(self)['_shape']}"


class HeldGraph(_Held, KNNGraph):
    """A ``KNNGraph`` on the GPU; pickles and copies as one in main memory."""

    def __init__(
        self, indices: Array, distances: Array, gpu: int | None, fetch: Callable[[Any], Array],
        recall: float = 1.0, source: str = "user", metric: str = "euclidean",
    ) -> None:  # fmt: skip
        there = {"indices": indices, "distances": distances}
        n, k = indices.shape
        self._hold(there, gpu, fetch, recall=recall, source=source, metric=metric, _shape=(n, k))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what lies in main memory."""
        return KNNGraph, (self.indices, self.distances, self.recall, self.source, self.metric)

    @property
    def n(self) -> int:
        """Number of points."""
        return int(vars(self)["_shape"][0])

    @property
    def k(self) -> int:
        """Neighbours per point."""
        return int(vars(self)["_shape"][1])


class HeldAffinities(_Held, Affinities):
    """``Affinities`` on the GPU; pickles and copies as those in main memory."""

    def __init__(
        self, indptr: Array, indices: Array, data: Array, gpu: int | None,
        fetch: Callable[[Any], Array], unreached: int = 0,
    ) -> None:  # fmt: skip
        there = {"indptr": indptr, "indices": indices, "data": data}
        sizes = (len(indptr) - 1, len(indices))
        self._hold(there, gpu, fetch, unreached=unreached, _shape=sizes)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what lies in main memory."""
        return Affinities, (self.indptr, self.indices, self.data, self.unreached)

    @property
    def n(self) -> int:
        """Number of points."""
        return int(vars(self)["_shape"][0])

    @property
    def nnz(self) -> int:
        """Number of stored edges, both directions counted."""
        return int(vars(self)["_shape"][1])


class HeldRows(_Held):
    """Prepared rows on the GPU; numpy, pickles and copies get an array in main memory."""

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, values: Array, gpu: int | None, fetch: Callable[[Any], Array]) -> None:
        n, d = values.shape
        self._hold({"values": values}, gpu, fetch, _shape=(n, d))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return the rows in main memory."""
        values: Array = self.values
        return values.astype(self.dtype if dtype is None else dtype, copy=bool(copy))

    def __getitem__(self, index: Any) -> Array:
        """Return some of the rows in main memory."""
        part: Array = self.values[index]
        return part

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.shape[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what lies in main memory."""
        return _itself, (self.values,)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        n, d = vars(self)["_shape"]
        return n, d


def _itself(values: Array) -> Array:
    return values
