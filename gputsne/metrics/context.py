"""What the metrics of one map share: neighbours, ranks, distances and clusters, each made once.

Everything is made when a metric first asks for it. Neighbours are exact, with ties broken by index:
FAISS proposes candidates in the data and a k-d tree in the map; float64 distances decide.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.parameter_table import Whole
from gputsne.metrics.spaces import Space, read_space

__all__ = ["Context"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
PAIR_POINTS = 5000  # at most, whose pairs are compared: 12.5 million distances, 100 MB per space
# At most, among which clusters are sought: HDBSCAN takes a second or so, and O(n^2) beyond. Its
# smallest cluster has a hundredth of the points and at least 10.
CLUSTERED_POINTS = 5000
SMALLEST_CLUSTER, SMALLEST_SHARE = 10, 0.01


class Context:
    """Data, map and labels of the same points, and what metrics compute from them.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d), or None
        Data, in any unit; with ``metric="precomputed"`` distances, shape (n, n).
    Y : array_like, shape (n, c), or None
        Map of the same rows.
    labels : array_like, shape (n,), or None
        Categories; None, NaN and "" are missing. Read when a metric asks for them.
    sample : int or None, default None
        Number ``q`` of points that are asked; None asks all. Their neighbours and ranks are always
        those among all points.
    random_state : int or None, default 0
        Seed of the sample.
    metric : str or callable, default "euclidean"
        How points of X are compared, whatever ``knn`` takes; those of Y always by Euclidean
        distance.
    metric_params : dict or None, default None
        Its parameters.

    Attributes
    ----------
    n : int
        Points.
    rows : array, shape (q,), int64
        The points asked, ascending.
    numbers : array, shape (n,), int64
        The rows of X and Y that the points are: all, except in ``labelled`` and ``clustered``.

    Raises
    ------
    ValueError
        For X, Y and labels of different length, wrong shapes, NaN, and a sample below 1.
    """

    def __init__(
        self,
        X: Any = None,
        Y: Any = None,
        labels: Any = None,
        *,
        sample: Any = None,
        random_state: int | None = 0,
        metric: Any = "euclidean",
        metric_params: dict[str, Any] | None = None,
    ) -> None:
        if X is None and Y is None:
            raise ValueError("a quality metric needs X, Y or both, got neither")
        Whole(1, optional=True).check("sample", sample)
        try:
            np.random.default_rng(random_state)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"random_state={random_state!r} can't seed anything: {error}"
            ) from None
        spaces: dict[str, Space] = {}
        if X is not None:
            spaces["X"] = read_space("X", X, None, metric, metric_params)
        if Y is not None:
            spaces["Y"] = read_space("Y", Y, spaces["X"].n if X is not None else None)
        self._begin(spaces, sample, random_state, labels)

    def _begin(
        self, spaces: dict[str, Space], sample: int | None, random_state: int | None, labels: Any
    ) -> None:
        self._spaces = spaces
        self.n = next(iter(spaces.values())).n
        self.numbers = np.arange(self.n)
        self.sample, self.random_state = sample, random_state
        self._labels = labels
        self._neighbors: dict[str, I64] = {}
        self._ranks: dict[tuple[str, str, int], tuple[I64, I64]] = {}
        self._pairs: dict[str, F64] = {}

    def with_map(self, Y: Any) -> Context:
        """Return the context of another map of the same points, with all that is known of the data.

        Parameters
        ----------
        Y : array_like, shape (n, c)
            The other map.

        Returns
        -------
        Context
            Neighbours and distances in X are those found so far, labels those read so far.

        Raises
        ------
        ValueError
            For another number of rows, wrong shapes, NaN.
        """
        other = Context.__new__(Context)
        spaces = {name: space for name, space in self._spaces.items() if name != "Y"}
        spaces["Y"] = read_space("Y", Y, self.n if "X" in spaces else None)
        other._begin(spaces, self.sample, self.random_state, self._labels)
        other._neighbors = {name: near for name, near in self._neighbors.items() if name != "Y"}
        other._pairs = {name: far for name, far in self._pairs.items() if name != "Y"}
        for name in ("rows", "pair_rows", "codes") if "X" in spaces else ():
            if name in vars(self):
                vars(other)[name] = vars(self)[name]
        return other

    def _subset(self, rows: I64, sample: int | None) -> Context:
        """Return the context of some of the points, without labels."""
        some = Context.__new__(Context)
        spaces = {name: space.subset(rows) for name, space in self._spaces.items()}
        some._begin(spaces, sample, self.random_state, None)
        some.numbers = self.numbers[rows]
        return some

    @cached_property
    def rows(self) -> I64:
        """The points asked, ascending: all, or ``sample`` of them without repetition."""
        if self.sample is None or self.sample >= self.n:
            return np.arange(self.n)
        rng = np.random.default_rng(self.random_state)
        return np.sort(rng.choice(self.n, self.sample, replace=False))

    def points(self, space: str) -> F64:
        """Return the coordinates of all points.

        Parameters
        ----------
        space : {"X", "Y"}
            The data or the map.

        Returns
        -------
        array, shape (n, d), float64
            Read it, don't write to it.
        """
        return self.space(space).points

    def space(self, name: str) -> Space:
        """Return the data or the map with its way to compare points.

        Parameters
        ----------
        name : {"X", "Y"}
            Which.

        Returns
        -------
        Space
            Gives blocks of distances.

        Raises
        ------
        ValueError
            Where it was not given.
        """
        if name not in self._spaces:
            raise ValueError(f"this metric needs {name}, which was not given")
        return self._spaces[name]

    def centred(self, space: str) -> F64:
        """Return the coordinates about their median, in a unit that keeps squares in range.

        Parameters
        ----------
        space : {"X", "Y"}
            The data or the map.

        Returns
        -------
        array, shape (n, d), float64
            For libraries that compare by products, which a far origin would blur.
        """
        points = self.points(space)
        centred: F64 = points - np.median(points, axis=0)
        centred *= 2.0 ** -float(np.frexp(np.abs(centred).max())[1])
        return centred

    def neighbors(self, space: str, k: int) -> I64:
        """Return the k nearest others of the points asked, nearest first.

        Parameters
        ----------
        space : {"X", "Y"}
            The data or the map.
        k : int
            From 1 to ``n - 1``. A smaller k than before is answered from what was found then.

        Returns
        -------
        array, shape (q, k), int64
            Equal distances go to the lower index, and a point is left out of its own list by
            index, wherever its duplicates are.

        Raises
        ------
        TypeError, ValueError
            For a k that is no whole number from 1 to ``n - 1``.
        """
        Whole(1).check("k", k)
        if k > self.n - 1:
            raise ValueError(
                f"k={k} needs at least k + 1 = {k + 1} points, got n={self.n}; lower k"
            )
        asked = self.space(space)
        found = self._neighbors.get(space)
        if found is None or found.shape[1] < k:
            found = self._neighbors[space] = asked.nearest(self.rows, k)
        return found[:, :k]

    def ranks(self, space: str, of: str, k: int) -> I64:
        """Return which nearest the k neighbours of one space are in another.

        Parameters
        ----------
        space : {"X", "Y"}
            Where ranks are counted, 1 for the nearest; equal distances share the lowest rank.
        of : {"X", "Y"}
            Whose neighbours are ranked.
        k : int
            Neighbours per point.

        Returns
        -------
        array, shape (q, k), int64
            From 1 to ``n - 1``.
        """
        return self._ranked(space, of, k)[0]

    def places(self, space: str, of: str, k: int) -> I64:
        """Return ranks of which no two are equal: of equal distances the lower index comes first.

        Parameters
        ----------
        space, of : {"X", "Y"}
            As in ``ranks``.
        k : int
            Neighbours per point.

        Returns
        -------
        array, shape (q, k), int64
            From 1 to ``n - 1``.
        """
        return self._ranked(space, of, k)[1]

    def _ranked(self, space: str, of: str, k: int) -> tuple[I64, I64]:
        known = (space, of, k)
        if known not in self._ranks:
            near = self.neighbors(of, k)
            ranks, places = self.space(space).ranks(self.rows, near)
            self._ranks[known] = ranks, places
        return self._ranks[known]

    @cached_property
    def pair_rows(self) -> I64:
        """The points whose pairs are compared: those asked, or 5,000 of them."""
        if len(self.rows) <= PAIR_POINTS:
            return self.rows
        rng = np.random.default_rng(self.random_state)
        return np.sort(rng.choice(self.rows, PAIR_POINTS, replace=False))

    def pairs(self, space: str) -> F64:
        """Return the distances of all pairs of ``pair_rows``, condensed as by scipy's ``pdist``.

        Parameters
        ----------
        space : {"X", "Y"}
            The data, by its own metric, or the map.

        Returns
        -------
        array, shape (m (m - 1) / 2,), float64
            In a unit of their own.
        """
        if space not in self._pairs:
            self._pairs[space] = self.space(space).lengths(self.pair_rows)
        return self._pairs[space]

    @cached_property
    def clustered(self) -> tuple[Context, I64]:
        """Points of the map as a context of their own, all or 5,000, and the cluster of each.

        Found by scikit-learn's HDBSCAN in Y; -1 is in no cluster.
        """
        from sklearn.cluster import HDBSCAN

        rows = np.arange(self.n)
        if self.n > CLUSTERED_POINTS:
            rng = np.random.default_rng(self.random_state)
            rows = np.sort(rng.choice(self.n, CLUSTERED_POINTS, replace=False))
        some = self if len(self.rows) == len(rows) == self.n else self._subset(rows, None)
        least = max(SMALLEST_CLUSTER, round(SMALLEST_SHARE * some.n))
        if some.n <= least:
            return some, np.full(some.n, -1)
        found = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(some.centred("Y"))
        return some, found.astype(np.int64)

    @cached_property
    def codes(self) -> I64:
        """Each point's category as a code from 0, in sorted order; -1 where it has no label."""
        if self._labels is None:
            raise ValueError("this metric needs labels, which were not given")
        whose = "Y" if "Y" in self._spaces else "X"
        return read_column(self._labels, self.n, whose=whose).codes()[1]

    @cached_property
    def labelled(self) -> tuple[Context, I64]:
        """The points that have a label, as a context of their own, and their categories as codes.

        Codes count from 0 in sorted order of the categories.
        """
        known = self.codes >= 0
        if known.all():
            return self, self.codes
        if not known.any():
            raise ValueError(f"labels are all missing: got n=0 labelled points of {self.n}")
        return self._subset(np.flatnonzero(known), self.sample), self.codes[known]
