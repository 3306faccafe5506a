"""What the metrics of one map share: its rows, a sample of them, neighbours and ranks, made once.

Everything is made when a metric first asks for it. Neighbours are exact, with ties broken by index:
FAISS proposes candidates in the data and a k-d tree in the map; float64 distances decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import read_column
from gputsne.base.parameter_table import Whole
from gputsne.base.rows import finite_points, row_blocks
from gputsne.neighbors.nearest import exact_neighbors

__all__ = ["Context"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
DISTANCE_NUMBERS = 16_000_000  # of one block of distances to all points: 128 MB of float64


class Context:
    """Data, map and labels of the same points, and what metrics compute from them.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d), or None
        Data, in any unit.
    Y : array_like, shape (n, c), or None
        Map of the same rows.
    labels : array_like, shape (n,), or None
        Categories; None, NaN and "" are missing. Read when a metric asks for them.
    sample : int or None, default None
        Number ``q`` of points that are asked; None asks all. Their neighbours and ranks are always
        those among all points.
    random_state : int or None, default 0
        Seed of the sample.

    Attributes
    ----------
    n : int
        Points.
    rows : array, shape (q,), int64
        The points asked, ascending.

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
        sample: int | None = None,
        random_state: int | None = 0,
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
        self._points: dict[str, F64] = {}
        if X is not None:
            self._points["X"] = finite_points("X", X)
        if Y is not None:
            n = len(self._points["X"]) if X is not None else None
            self._points["Y"] = finite_points("Y", Y, n)
        self.n = len(next(iter(self._points.values())))
        self.sample, self.random_state = sample, random_state
        self._labels = labels
        self._neighbors: dict[str, I64] = {}
        self._ranks: dict[tuple[str, str, int], I64] = {}

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
        if space not in self._points:
            raise ValueError(f"this metric needs {space}, which was not given")
        return self._points[space]

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
        """
        Whole(1).check("k", k)
        if k > self.n - 1:
            raise ValueError(
                f"k={k} needs at least k + 1 = {k + 1} points, got n={self.n}; lower k"
            )
        points = self.points(space)
        found = self._neighbors.get(space)
        if found is None or found.shape[1] < k:
            found = self._neighbors[space] = exact_neighbors(points, self.rows, k)
        return found[:, :k]

    def distances(self, space: str) -> Iterator[tuple[slice, F64]]:
        """Yield squared distances of the points asked to all points, some rows at a time.

        Parameters
        ----------
        space : {"X", "Y"}
            The data or the map.

        Yields
        ------
        part : slice
            Which of the points asked.
        squared : array, shape (rows, n), float64
            Infinite from a point to itself.
        """
        from sklearn.metrics.pairwise import euclidean_distances

        points = self.points(space)
        centred = points - points.mean(axis=0)
        for part in row_blocks(len(self.rows), self.n, DISTANCE_NUMBERS):
            asked = self.rows[part]
            squared = euclidean_distances(centred[asked], centred, squared=True)
            squared[np.arange(len(asked)), asked] = np.inf
            yield part, squared

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
        near = self.neighbors(of, k)
        known = (space, of, k)
        if known not in self._ranks:
            ranks = np.empty_like(near)
            for part, squared in self.distances(space):
                here = np.arange(part.stop - part.start)
                for column, j in enumerate(near[part].T):
                    own = squared[here, j][:, None]
                    ranks[part, column] = 1 + (squared < own).sum(axis=1)
            self._ranks[known] = ranks
        return self._ranks[known]

    @cached_property
    def labelled(self) -> tuple[Context, I64]:
        """The points that have a label, as a context of their own, and their categories as codes.

        Codes count from 0 in sorted order of the categories.
        """
        if self._labels is None:
            raise ValueError("this metric needs labels, which were not given")
        whose = "Y" if "Y" in self._points else "X"
        codes = read_column(self._labels, self.n, whose=whose).codes()[1]
        known = codes >= 0
        if known.all():
            return self, codes
        if not known.any():
            raise ValueError(f"labels are all missing: got n=0 labelled points of {self.n}")
        some = {space: points[known] for space, points in self._points.items()}
        return (
            Context(**some, sample=self.sample, random_state=self.random_state),
            codes[known],
        )
