"""Which fitted rows are nearest to new ones? Each new row alone, whatever else is in its batch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from gputsne.base import resources
from gputsne.base.random import draw_seed
from gputsne.base.types import FloatArray, IntArray
from gputsne.neighbors.graph import (
    BLOCK,
    SAMPLE,
    affordable,
    check_options,
    numeric_rows,
)
from gputsne.neighbors.metric import NAMES, Geometry
from gputsne.neighbors.search.exact import exact as exact_search
from gputsne.neighbors.search.ivf import Lists
from gputsne.neighbors.search.pairwise import Pairwise, smallest

__all__ = ["ReferenceIndex"]


class ReferenceIndex:
    """Fitted rows, ready to be searched by new ones; built at the first query.

    Parameters
    ----------
    X : array, shape (n, d), float32
        Fitted rows; kept, not copied where it is C-ordered float32.
    metric : str or callable, default "euclidean"
        As in ``knn``; "precomputed" has no rows to compare with and raises.
    metric_params : dict or None
        As in ``knn``.
    exact : bool or "auto", default "auto"
        As in ``knn``.
    min_recall : float, default 0.98
        As in ``knn``, measured on fitted rows searched for as if they were new.
    n_jobs : int or None
        Threads; the result is the same for any number.
    random_state : int, RandomState, Generator or None
        Drawn from once, here.
    """

    def __init__(
        self,
        X: Any,
        *,
        metric: str | Callable[..., float] = "euclidean",
        metric_params: dict[str, Any] | None = None,
        exact: bool | str = "auto",
        min_recall: float = 0.98,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        check_options(metric, metric_params, exact, min_recall)
        if metric == "precomputed":
            raise ValueError("metric='precomputed' has no rows that new ones can be compared with")
        self.X = numeric_rows(X)
        if self.X.shape[0] == 0:
            raise ValueError("Found array with 0 sample(s): there is nothing to search in")
        self.metric, self.metric_params = metric, metric_params
        self.exact, self.min_recall = exact, float(min_recall)
        self.n_jobs, self.seed = n_jobs, draw_seed(random_state)
        self._clear()

    def _clear(self) -> None:
        self._pairs: Pairwise | None = None
        self._geometry: Geometry | None = None
        self._database: FloatArray | None = None
        self._lists: Lists | None = None
        self._probes: dict[int, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be built again; FAISS's index doesn't pickle."""
        return {name: v for name, v in self.__dict__.items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the rows; the index is built again at the first query."""
        self.__dict__.update(state)
        self._clear()

    def query(
        self,
        X_new: Any,
        k: int,
        *,
        progress: Callable[[int, int], None] | None = None,
        n_jobs: int | None = None,
    ) -> tuple[IntArray, FloatArray]:
        """Find the k nearest fitted rows of each new row.

        Parameters
        ----------
        X_new : array, shape (m, d), float32
            New rows.
        k : int
            From 1 to n; a fitted row that equals the new one counts.
        progress : callable or None
            Called as ``progress(done, m)``.
        n_jobs : int or None
            Threads of this call; None for those of the index.

        Returns
        -------
        indices : array, shape (m, k), int32
            Fitted rows, nearest first.
        distances : array, shape (m, k), float32
            In the metric's own unit, as ``knn`` gives them.
        """
        Q = numeric_rows(X_new)
        n, d = self.X.shape
        if Q.shape[1] != d:
            raise ValueError(f"X_new has {Q.shape[1]} columns, but the fitted rows have {d}")
        if not 1 <= k <= n:
            raise ValueError(f"k={k} neighbours can't be found among n_samples={n} fitted rows")
        m = Q.shape[0]
        ids, lengths = np.empty((m, k), np.int32), np.empty((m, k), np.float32)
        jobs = resources.resolve_n_jobs(self.n_jobs if n_jobs is None else n_jobs)
        if isinstance(self.metric, str) and self.metric in NAMES:
            import faiss  # noqa: F401  before the limit, which caps only what is loaded
        with resources.limit(jobs):
            search, step = self._prepared(k, jobs)
            for start in range(0, m, step):
                block = slice(start, min(m, start + step))
                lengths[block], ids[block] = search(Q[block])
                if progress is not None:
                    progress(block.stop, m)
        return ids, lengths

    def _prepared(self, k: int, jobs: int) -> tuple[Callable[[FloatArray], tuple[Any, Any]], int]:
        """Return a search for one block of new rows, and how many rows make a block."""
        if not (isinstance(self.metric, str) and self.metric in NAMES):
            if self._pairs is None:
                self._pairs = Pairwise(self.X, self.metric, self.metric_params, jobs)
            pairs = copy.copy(self._pairs)
            pairs.n_jobs = 1 if callable(self.metric) else jobs
            return lambda Q: smallest(pairs.distances(Q), k), pairs.rows_per_block()

        if self._geometry is None or self._database is None:
            self._geometry = Geometry.of(self.X, NAMES[self.metric])
            self._database = self._geometry.database(self.X)
        geometry, database = self._geometry, self._database
        lists = None if self._all_pairs(database, k) else self._listed(database)
        nprobe = 0 if lists is None else self._probed(k, lists, geometry)
        if lists is None or (self.exact == "auto" and not lists.pay(nprobe)):

            def everywhere(Q: FloatArray) -> tuple[Any, Any]:
                squared, ids = exact_search(geometry.queries(Q), database, k)
                return geometry.distances(squared), ids

            return everywhere, BLOCK

        def in_lists(Q: FloatArray) -> tuple[Any, Any]:
            squared, ids = lists.search(geometry.queries(Q), k, nprobe)
            return geometry.distances(squared), ids

        block = next(iter(lists.blocks(1 << 30, nprobe)))
        return in_lists, block.stop

    def _all_pairs(self, database: FloatArray, k: int) -> bool:
        """Tell whether to compare with every row, whatever lists would offer."""
        few = affordable(*database.shape) or self.min_recall == 1.0
        return self.exact is True or (self.exact == "auto" and few) or k == len(self.X)

    def _listed(self, database: FloatArray) -> Lists:
        if self._lists is None:
            self._lists = Lists(database, self.seed)
        return self._lists

    def _probed(self, k: int, lists: Lists, geometry: Geometry) -> int:
        """Return how many cells are to be searched for k neighbours."""
        if k not in self._probes:
            rng = np.random.default_rng([self.seed, 1])
            own = np.sort(rng.permutation(self.X.shape[0])[:SAMPLE])
            sample, auto = geometry.queries(self.X[own]), self.exact == "auto"
            found = lists.probes_for(sample, own, k, self.min_recall, give_up=auto)
            self._probes[k] = found[0]
        return self._probes[k]
