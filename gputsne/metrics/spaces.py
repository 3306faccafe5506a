"""Spaces that metrics ask for neighbours, ranks and distances: Euclidean, or any metric of ``knn``.

A space answers in float64. What it calls distances ascends as the metric's own does: the Euclidean
ones are squared, and their unit is a power of two times the user's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from gputsne.base import threads
from gputsne.base.errors import UndefinedMetric
from gputsne.base.rows import exact_unit, finite_points, row_blocks
from gputsne.neighbors import distance_matrix, exact_neighbors, metric_for
from gputsne.neighbors.metric import Cosine, Euclidean, InnerProduct, Metric, SquaredEuclidean
from gputsne.neighbors.search.ranking import smallest

__all__ = [
    "BLOCK_DISTANCES", "TILE", "EuclideanSpace", "MatrixSpace", "PairSpace", "Space", "compared",
    "factors_of", "multiplied", "ranks_among", "read_space", "work_is_direct",
]  # fmt: skip

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
T = TypeVar("T")
# Distances of one block and thread, 128 MB of float64: at a million points 16 rows, so that a
# product reads the points 16 times less often than row by row.
BLOCK_DISTANCES = 16_000_000
# Coordinates compared directly, |x - y|^2 added up, about 5 s of two cores; above, by products,
# whose rounding of 1e-16 |x|^2 can swap neighbours that are equally far to so many digits.
DIRECT_WORK = 2e10
# Rows and columns of one product. BLAS may add in another order for another shape or at an edge: of
# products of one shape a pair's distance is the same among few points and among many.
TILE = (16, 4096)
# Ranks per point up to which smaller distances are counted, 0.4 ms per rank of a million; beyond,
# the nearer ones are sorted, up to 60 ms per point.
COUNTED = 64


class Space(ABC):
    """Points, and how far they are from each other.

    Parameters
    ----------
    n : int
        Points.
    """

    def __init__(self, n: int) -> None:
        self.n = n

    @property
    def points(self) -> F64:
        """Coordinates as they were given, shape (n, d): read them, don't write to them."""
        raise UndefinedMetric("this metric needs coordinates of X, not a matrix of distances")

    @abstractmethod
    def block(self, rows: I64, *, direct: bool = True) -> F64:
        """Return distances of some points to all, or numbers of the same order.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Which points.
        direct : bool, default True
            Coordinate by coordinate; else by products, if ``direct(q)`` allowed it.

        Returns
        -------
        array, shape (q, n), float64
            The caller's to change.
        """

    def expect(self, rows: I64) -> None:  # noqa: B027  most spaces have nothing to prepare
        """Take note that ``block`` will be asked for some points, a few at a time in their order.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Which points.
        """

    @abstractmethod
    def lengths(self, rows: I64) -> F64:
        """Return distances of all pairs of some points, in a unit of their own.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Which points.

        Returns
        -------
        array, shape (q (q - 1) / 2,), float64
            Condensed, as by scipy's ``pdist``.
        """

    @abstractmethod
    def subset(self, rows: I64) -> Space:
        """Return the space of some of the points.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Which points.

        Returns
        -------
        Space
        """

    def nearest(self, rows: I64, k: int) -> I64:
        """Return the nearest others of some points, nearest first.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Which points.
        k : int
            How many.

        Returns
        -------
        array, shape (q, k), int64
            Of equal distances the lower index comes first.
        """
        parts = self.over_blocks(rows, lambda _, D: smallest(D, k)[1])
        return np.concatenate(parts).astype(np.int64, copy=False)

    def over_blocks(self, rows: I64, work: Callable[[slice, F64], T]) -> list[T]:
        """Call ``work(part, D)`` for blocks of the rows, on every core, and return what it says.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Points asked.
        work : callable
            Gets which of the rows, and their distances to all points, shape (part, n), infinite
            from a point to itself.

        Returns
        -------
        list
            In the order of the rows, whatever the number of threads.
        """

        def one(part: slice) -> T:
            asked = rows[part]
            D = self.block(asked, direct=direct)
            D[np.arange(len(asked)), asked] = np.inf
            return work(part, D)

        direct = self.direct(len(rows))
        jobs = threads.resolve_n_jobs(None)
        parts = list(row_blocks(len(rows), self.n, BLOCK_DISTANCES))
        with threads.limit(1), ThreadPoolExecutor(max(1, min(jobs, len(parts)))) as pool:
            return list(pool.map(one, parts))

    def ranks(self, rows: I64, near: I64) -> I64:
        """Return which nearest some others are to some points, among all points.

        Parameters
        ----------
        rows : array, shape (q,), int64
            Which points.
        near : array, shape (q, k), int64
            Which others of each.

        Returns
        -------
        array, shape (2, q, k), int64
            Ranks, 1 for the nearest, equal distances sharing the lowest; then places, of which no
            two are equal: of equal distances the lower index comes first.
        """
        parts = self.over_blocks(rows, lambda part, D: ranks_among(D, near[part]))
        return np.concatenate(parts, axis=1)

    def direct(self, q: int) -> bool:
        """Tell whether points are few enough to be compared with all coordinate by coordinate.

        Parameters
        ----------
        q : int
            How many are asked.

        Returns
        -------
        bool
        """
        return True


class EuclideanSpace(Space):
    """Points ranked by Euclidean distance, or by one that ranks alike.

    Parameters
    ----------
    points : array, shape (n, d), float64
        As they were given.
    vectors : array or None
        What is compared, for instance rows of unit length; None for the points.
    squared : bool, default False
        Whether lengths are squared distances.
    """

    def __init__(self, points: F64, vectors: F64 | None = None, *, squared: bool = False) -> None:
        super().__init__(len(points))
        self._points, self._squared = points, squared
        vectors = points if vectors is None else vectors
        # A power of two, which rounds nothing: squares neither overflow nor vanish.
        centre = vectors.mean(axis=0)
        top = max(float(np.abs(vectors[b] - centre).max()) for b in row_blocks(*vectors.shape))
        self._unit = exact_unit(np.array(top))
        self._vectors, self._centre = vectors, centre
        self._products: tuple[F64, F64] | None = None

    @property
    def points(self) -> F64:
        """Coordinates as they were given."""
        return self._points

    def direct(self, q: int) -> bool:
        """Tell whether q points may be compared with all coordinate by coordinate."""
        if work_is_direct(q, *self._vectors.shape):
            return True
        if self._products is None:
            self._products = factors_of(self._vectors, self._centre, self._unit)
        return False

    def block(self, rows: I64, *, direct: bool = True) -> F64:
        """Return squared distances of some points to all, shape (len(rows), n)."""
        if direct or self._products is None:
            return compared(self._vectors[rows], self._vectors, self._unit)
        asked, all_points = self._products
        return multiplied(asked[rows], all_points)

    def lengths(self, rows: I64) -> F64:
        """Return distances of all pairs of some points, condensed."""
        from scipy.spatial.distance import pdist

        some = self._vectors[rows] * self._unit
        return np.asarray(pdist(some, "sqeuclidean" if self._squared else "euclidean"))

    def nearest(self, rows: I64, k: int) -> I64:
        """Return the k nearest others of some points, shape (len(rows), k), nearest first."""
        return exact_neighbors(self._vectors, rows, k)

    def subset(self, rows: I64) -> Space:
        """Return the space of some of the points."""
        return EuclideanSpace(self._points[rows], self._vectors[rows], squared=self._squared)


def work_is_direct(q: int, n: int, d: int) -> bool:
    """Tell whether q of n points may be compared with all coordinate by coordinate."""
    return q * float(n * d) <= DIRECT_WORK or d <= 3


def compared(A: F64, B: F64, unit: float) -> F64:
    """Return squared distances, coordinate by coordinate.

    Parameters
    ----------
    A, B : array, shape (q, d) and (n, d), float64
        Points.
    unit : float
        What they are multiplied with where squares would overflow or vanish.

    Returns
    -------
    array, shape (q, n), float64
    """
    from scipy.spatial.distance import cdist

    far = unit < 1e-100 or unit > 1e100
    scaled = (A * unit, B * unit) if far else (A, B)
    return np.asarray(cdist(*scaled, "sqeuclidean"))


def factors_of(points: F64, centre: F64, unit: float) -> tuple[F64, F64]:
    r"""Return the two factors whose product, by ``multiplied``, has the points' squared distances.

    (-2 x, \|x\|^2, 1) times (y, 1, \|y\|^2) is \|x - y\|^2.

    Parameters
    ----------
    points : array, shape (n, d), float64
        Points.
    centre : array, shape (d,), float64
        Taken off: far from 0 the terms would cancel.
    unit : float
        A power of two.

    Returns
    -------
    asked, every : array, shape (n, d + 2), float64
    """
    centred = (points - centre) * unit
    norms, ones = np.einsum("ij,ij->i", centred, centred), np.ones(len(points))
    return np.column_stack([-2.0 * centred, norms, ones]), np.column_stack([centred, ones, norms])


def multiplied(asked: F64, every: F64) -> F64:
    """Return squared distances by products of one shape, ``TILE``.

    Parameters
    ----------
    asked, every : array, shape (q, d + 2) and (n, d + 2), float64
        Of ``factors_of``.

    Returns
    -------
    array, shape (q, n), float64
        At least 0.
    """
    (rows, columns), width = TILE, every.shape[1]
    D = np.empty((len(asked), len(every)))
    for j in range(0, len(every), columns):
        some = every[j : j + columns]
        if len(some) < columns:
            some = np.concatenate([some, np.zeros((columns - len(some), width))])
        for i in range(0, len(asked), rows):
            few = asked[i : i + rows]
            if len(few) < rows:
                few = np.concatenate([few, np.zeros((rows - len(few), width))])
            out = D[i : i + rows, j : j + columns]
            np.maximum((few @ some.T)[: out.shape[0], : out.shape[1]], 0.0, out=out)
    return D


class PairSpace(Space):
    """Points ranked by a metric that scikit-learn or a function of the user's computes.

    Parameters
    ----------
    points : array, shape (n, d), float64
        As they were given.
    metric : Metric
        Which has learnt from the points.
    """

    def __init__(self, points: F64, metric: Metric) -> None:
        super().__init__(len(points))
        self._points, self._metric = points, metric
        self._typed = metric.typed(points)

    @property
    def points(self) -> F64:
        """Coordinates as they were given."""
        return self._points

    def block(self, rows: I64, *, direct: bool = True) -> F64:
        """Return distances of some points to all, shape (len(rows), n)."""
        return self._between(rows, None)

    def _between(self, rows: I64, others: I64 | None) -> F64:
        """Return distances from some points to others, None being all."""
        from sklearn.metrics import pairwise_distances

        A, B = self._typed[rows], self._typed if others is None else self._typed[others]
        D: F64
        if isinstance(self._metric, InnerProduct):  # no symmetric metric: x asks, y answers
            D = (A * A).sum(axis=1)[:, None] + self._metric.bound - 2.0 * (A @ B.T)
            return D
        how = self._metric.function or self._metric.name
        with np.errstate(invalid="ignore"):  # 0 / 0, which shows as NaN
            D = np.array(pairwise_distances(A, B, metric=how, **self._metric.params), np.float64)
        i, j = np.nonzero(np.isnan(D))
        D[i, j] = np.where((A[i] == B[j]).all(axis=1), 0.0, np.nan)
        wrong = np.isnan(D) | (D < 0)
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise ValueError(
                f"metric={self._metric.said} gave the distance {D[i, j]} for rows {rows[i]} and "
                f"{j if others is None else others[j]}; distances must be 0 or more"
            )
        return D

    def lengths(self, rows: I64) -> F64:
        """Return distances of all pairs of some points, condensed."""
        D = self._between(rows, rows)
        if isinstance(self._metric, InnerProduct):
            D = np.sqrt(np.maximum(D, 0.0))
        pairs: F64 = D[np.triu_indices(len(rows), 1)]
        return pairs

    def subset(self, rows: I64) -> Space:
        """Return the space of some of the points."""
        return PairSpace(self._points[rows], self._metric)


class MatrixSpace(Space):
    """Points of which only the distances are known.

    Parameters
    ----------
    D : array, shape (n, n), float64
        Distances of 0 or more.
    """

    def __init__(self, D: F64) -> None:
        super().__init__(len(D))
        self._D = D

    def block(self, rows: I64, *, direct: bool = True) -> F64:
        """Return distances of some points to all, shape (len(rows), n)."""
        block: F64 = self._D[rows]  # a copy: the caller writes to it
        return block

    def lengths(self, rows: I64) -> F64:
        """Return distances of all pairs of some points, condensed."""
        return np.asarray(self._D[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)])

    def subset(self, rows: I64) -> Space:
        """Return the space of some of the points."""
        return MatrixSpace(self._D[np.ix_(rows, rows)])


def ranks_among(D: F64, near: I64) -> I64:
    """Return ranks and places of some columns in each row of distances.

    Parameters
    ----------
    D : array, shape (q, n), float64
        Distances.
    near : array, shape (q, k), int64
        Columns.

    Returns
    -------
    array, shape (2, q, k), int64
        As ``Space.ranks``.
    """
    ranks, places = np.empty((2, *near.shape), np.int64)
    for i, (row, columns) in enumerate(zip(D, near, strict=True)):
        own = row[columns]
        if len(own) <= COUNTED:
            below = np.array([np.count_nonzero(row < value) for value in own])
            equal = np.array([np.count_nonzero(row == value) for value in own])
        else:
            inside = np.sort(row[row <= own.max()])
            below = np.searchsorted(inside, own, side="left")
            equal = np.searchsorted(inside, own, side="right") - below
        ranks[i] = places[i] = below + 1
        for c in np.flatnonzero(equal > 1):
            places[i, c] += np.count_nonzero(row[: columns[c]] == own[c])
    return np.stack([ranks, places])


def read_space(
    name: str, points: Any, n: int | None = None, metric: Any = "euclidean", params: Any = None
) -> Space:
    """Read points and how they are compared.

    Parameters
    ----------
    name : str
        What the points are called in messages.
    points : array_like or DataFrame, shape (n, d)
        Finite numbers; distances, shape (n, n), for ``metric="precomputed"``.
    n : int or None
        Rows there must be.
    metric : str or callable
        Whatever ``knn`` takes.
    params : dict or None
        Its parameters.

    Returns
    -------
    Space
        Of the points as they are; nothing is copied for Euclidean distance.

    Raises
    ------
    TypeError, ValueError
        Naming what is wrong with the points or the metric.
    """
    if isinstance(metric, str) and metric == "precomputed":
        if params:
            raise ValueError(f"metric_params={params!r} has no effect with metric={metric!r}")
        if hasattr(points, "tocsr"):
            raise TypeError(f"{name} is sparse; metrics need all distances, in a dense matrix")
        D = finite_points(name, distance_matrix(points, name), n)
        if D.shape[0] != D.shape[1]:
            raise ValueError(f"{name} has shape {D.shape}: metric='precomputed' needs (n, n)")
        if (D < 0).any():
            raise ValueError(f"{name} holds negative values: distances must be 0 or more")
        return MatrixSpace(D)
    if isinstance(points, Space):  # of rows that lie elsewhere
        if n is not None and points.n != n:
            raise ValueError(f"{name} has {points.n} rows, expected {n}: one for each row of X")
        return points
    known = metric_for(metric, params)
    array = finite_points(name, points, n)
    if isinstance(known, SquaredEuclidean):
        return EuclideanSpace(array, squared=not isinstance(known, Euclidean))
    if isinstance(known, Cosine):
        return EuclideanSpace(array, known.unit_rows(array, np.float64), squared=True)
    return PairSpace(array, known.learn(array))
