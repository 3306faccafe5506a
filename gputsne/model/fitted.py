"""A finished map, frozen: all that placing new rows needs, for any thread, fork or worker.

Holds no P and no optimiser. What is made at the first use (the index of the rows, the potential of
the map) is made once, under a lock, with buffers of its own, and never pickled.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gputsne import affinities
from gputsne.backends import Choice, choose
from gputsne.base import forks, threads
from gputsne.base.errors import BackendUnavailable
from gputsne.base.memory import available_memory
from gputsne.base.types import FloatArray, Reference
from gputsne.engine import placement
from gputsne.model.records import Fit
from gputsne.neighbors import ReferenceIndex
from gputsne.planning.memory import mesh_nodes
from gputsne.preparation import Preparation
from gputsne.provenance.card import card

__all__ = ["FittedMap", "Placing", "frozen_of", "max_nodes", "rechoose"]


_OUT_OF_REACH: list[object] = []  # what lies on a GPU of a parent: to free it would be a call, too


class _Lazy:
    """What is made at the first use, under a lock; after a fork all on a GPU is made again.

    What a parent has on a GPU can't be used in a process forked from it.
    """

    def __init__(self) -> None:
        self.choices: dict[int | None, Choice] = {}
        self.index: ReferenceIndex | None = None
        self.searched: set[int] = set()  # numbers of neighbours that the index is ready for
        self.reference: Reference | None = None
        self._pid, self._lock = os.getpid(), forks.Lock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock inside the block, having dropped what lies on a GPU of a parent."""
        with self._lock.held():
            if self._pid != os.getpid():
                self._pid = os.getpid()
                if any(choice.ops.device is not None for choice in self.choices.values()):
                    _OUT_OF_REACH.append((self.choices, self.reference))
                    self.choices, self.reference = {}, None
            yield


class Placing(NamedTuple):
    """How new rows are placed, checked.

    Attributes
    ----------
    perplexity, exaggeration : float
    max_iter, n_neighbors : int
        As in ``TSNE.transform``; the neighbours are a number here.
    """

    perplexity: float
    exaggeration: float
    max_iter: int
    n_neighbors: int


@dataclass(frozen=True, eq=False)
class FittedMap:
    """A finished map that new rows are placed on; it never changes.

    ``transform`` may be called from any number of threads at once, with the bytes of one.

    Attributes
    ----------
    rows : array, shape (n, d'), float32
        Fitted rows as they were prepared.
    preparation : Preparation
        How new rows become like them.
    metric, metric_params, min_recall
        Of the fit.
    Y : array, shape (n, c), float32
        The map.
    dof : float
        Degrees of freedom of its kernel.
    device : str
        Where new rows are placed; the best there is, where this one is missing.
    memory_limit : float or None
        Bytes, as given to the fit.
    neighbors : str
        The library that the fit had search for neighbours, or "auto". With "auto" a device searches
        among the rows by its own kernels, else FAISS does on the CPU.
    """

    rows: FloatArray
    preparation: Preparation
    metric: str | Callable[..., float]
    metric_params: dict[str, Any] | None
    min_recall: float
    Y: FloatArray
    dof: float = 1.0
    device: str = "auto"
    memory_limit: float | None = None
    neighbors: str = "auto"
    _lazy: _Lazy = field(default_factory=_Lazy, init=False, repr=False)

    @classmethod
    def of(cls, fit: Fit, before: FittedMap | None = None) -> FittedMap | None:
        """Return the map of a fit; None where there is none, or no rows that new ones are like.

        ``before`` lends its index where the rows are the same, as after ``optimize``.
        """
        prepared, result, params = fit.prepared, fit.result, fit.params
        if result is None or prepared.rows is None or prepared.preparation is None:
            return None
        made = cls(
            prepared.rows,
            prepared.preparation,
            params.metric,
            params.metric_params,
            params.min_recall,
            result.state.Y,
            result.dof,
            fit.device,
            params.memory_limit,
            params.neighbors if isinstance(params.neighbors, str) else "auto",
        )
        if before is not None and before.rows is made.rows:
            with before._lazy.locked():
                made._lazy.index = before._lazy.index
                made._lazy.searched |= before._lazy.searched
        return made

    def _repr_html_(self) -> str | None:
        (n, c), d = self.Y.shape, self.rows.shape[1]
        facts = [("map", f"{n:,} points on {c} {'axis' if c == 1 else 'axes'}, frozen")]
        facts += [
            ("rows", f"of {d:,} columns, as they were prepared"),
            ("metric", str(self.metric)),
        ]
        return card([*facts, ("places new rows on", self.device)], (), self.Y)

    def transform(
        self,
        X: Any,
        *,
        perplexity: float = placement.PERPLEXITY,
        exaggeration: float = placement.EXAGGERATION,
        max_iter: int = placement.MAX_ITER,
        n_neighbors: int | None = None,
        n_jobs: int | None = None,
    ) -> FloatArray:
        """Place new rows on the map, each on its own.

        Parameters
        ----------
        X : array_like, shape (m, d)
            New rows, with the columns that were fitted.
        perplexity, exaggeration, max_iter, n_neighbors
            As in ``TSNE.transform``.
        n_jobs : int or None
            Threads; the bytes are the same for any number.

        Returns
        -------
        array, shape (m, c), float32
            One place per row.

        Raises
        ------
        TypeError, ValueError
            For a parameter out of its range, or rows that can't be placed.
        """
        how = self.checked(perplexity, exaggeration, max_iter, n_neighbors)
        k = how.n_neighbors
        ops = self.backend(n_jobs).ops
        with self._alone(ops), ops.guard(), threads.limit(ops.n_jobs):
            rows = self.preparation.apply(X, ops)
            lower = affinities.clip_perplexity(how.perplexity, k, "fitted neighbours")
            places = [np.empty((0, self.Y.shape[1]), np.float32)]
            index, reference = self._index(k, ops), self._reference(ops)
            for indices, distances in index.found(
                rows, k, ops, by=self.neighbors, n_jobs=ops.n_jobs
            ):
                places.append(
                    placement.place(
                        reference,
                        indices,
                        distances,
                        ops,
                        perplexity=lower,
                        exaggeration=how.exaggeration,
                        max_iter=how.max_iter,
                    )
                )
            return np.concatenate(places)

    def checked(
        self, perplexity: float, exaggeration: float, max_iter: int, n_neighbors: int | None
    ) -> Placing:
        """Return how rows are placed, or raise for what is out of range; see ``transform``."""
        n = len(self.rows)
        perplexity = _number("perplexity", perplexity, 1.0)
        exaggeration = _number("exaggeration", exaggeration, 0.0)
        max_iter = _whole("max_iter", max_iter, 0)
        if n_neighbors is None:
            k = min(n, max(1, affinities.n_neighbors_for(perplexity, n + 1)))
        else:
            k = _whole("n_neighbors", n_neighbors, 1)
            if k > n:
                raise ValueError(f"n_neighbors={k} is more than the {n} fitted rows; lower it")
        return Placing(perplexity, exaggeration, max_iter, k)

    def backend(self, n_jobs: int | None = None) -> Choice:
        """Return the backend that places rows with so many threads, and why it is that one."""
        with self._lazy.locked():
            if n_jobs not in self._lazy.choices:
                self._lazy.choices[n_jobs] = rechoose(self.device, n_jobs)
            return self._lazy.choices[n_jobs]

    def _alone(self, ops: Any) -> AbstractContextManager[Any]:
        """Return a lock where calls share a GPU's buffers; on a CPU threads need none."""
        return nullcontext() if ops.device is None else self._lazy.locked()

    def _index(self, k: int, ops: Any) -> ReferenceIndex:
        lazy = self._lazy
        with lazy.locked():
            if lazy.index is None:
                lazy.index = ReferenceIndex(
                    self.rows,
                    metric=self.metric,
                    metric_params=self.metric_params,
                    min_recall=self.min_recall,
                    random_state=0,  # the same fitted model always searches alike
                )
            if k not in lazy.searched:
                none = np.empty((0, self.rows.shape[1]), np.float32)  # builds all that k needs
                for _ in lazy.index.found(none, k, ops, by=self.neighbors, n_jobs=ops.n_jobs):
                    pass
                lazy.searched.add(k)
            return lazy.index

    def _reference(self, ops: Any) -> Reference:
        lazy = self._lazy
        with lazy.locked():
            if lazy.reference is None:
                nodes = max_nodes(self.Y.shape[1], ops, self.memory_limit)
                lazy.reference = placement.reference(self.Y, ops, dof=self.dof, max_nodes=nodes)
            return lazy.reference

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made at the first use."""
        return {name: value for name, value in vars(self).items() if name != "_lazy"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the map; index and potential are made again when they are needed."""
        vars(self).update(state)
        vars(self)["_lazy"] = _Lazy()


def rechoose(device: str, n_jobs: int | None) -> Choice:
    """Choose a backend for a model from elsewhere: its own device, or the best there is here."""
    try:
        return choose(device, n_jobs)
    except BackendUnavailable as error:
        best = choose("auto", n_jobs)
        return best._replace(reason=f"{error}; {best.device} instead")


def max_nodes(c: int, ops: Any, memory_limit: float | None, others: int = 0) -> int:
    """Return how many FFT nodes a mesh of ``c`` axes may take.

    ``others`` are the bytes within ``memory_limit`` that the rest of the fit takes; 0 where they
    aren't known, as in a model from a file.
    """
    device = ops.memory()[0]
    if device or memory_limit is None:
        return mesh_nodes(c, device or available_memory())
    return mesh_nodes(c, memory_limit, others)


def _number(name: str, value: Any, least: float) -> float:
    """Return a finite number of at least ``least``, 0 excluded, or say what it must be."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}={value!r}: transform takes one number")
    number = float(value)
    if not np.isfinite(number) or not number > 0 or number < least:
        bound = f"at least {least:g}" if least else "above 0"
        raise ValueError(f"{name}={value!r} must be finite and {bound}")
    return number


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}={value!r} must be an integer")
    if int(value) < least:
        raise ValueError(f"{name}={value} must be at least {least}")
    return int(value)


def frozen_of(model: Any) -> FittedMap:
    """Return what a model's ``transform`` needs.

    Parameters
    ----------
    model : TSNE
        Fitted.

    Returns
    -------
    FittedMap

    Raises
    ------
    AttributeError
        It isn't fitted.
    ValueError
        It was fitted on distances or on P, so there are no features.
    """
    try:
        frozen: FittedMap = model.fitted_map_
    except AttributeError as error:
        if hasattr(model, "embedding_"):
            raise ValueError(str(error)) from None
        raise
    return frozen
