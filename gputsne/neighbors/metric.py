"""The metrics: one class for each way to compute distances, one table that says which name has it.

A ``VectorMetric`` is squared Euclidean distance between vectors made from the rows, so that one
search serves all of them: cosine and correlation are Euclidean between unit vectors, the inner
product with one more coordinate (Bachrach et al. 2014, Speeding up the Xbox recommender system).
Every other ``Metric`` is computed pair by pair, by scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from gputsne.base.messages import warn_user
from gputsne.base.spread import SAFE_EXPONENT, safe_factor, spreads_of
from gputsne.base.tables import Table
from gputsne.base.types import Array, FloatArray

__all__ = ["METRICS", "VECTORS", "Metric", "VectorMetric", "metric_for"]

# A correlation row whose deviation is below this share of its size is constant: float32 data
# resolve 6e-8, float64 arithmetic on them leaves 1e-16.
CONSTANT = 1e-12
LATITUDES = math.pi / 2 + 1e-5  # the poles, and float32's rounding of them


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric that scikit-learn computes pair by pair, or that the user brings as a callable.

    What nothing is known of is safe: rows arrive neither shifted nor scaled.

    Attributes
    ----------
    name : str
        For messages and for scikit-learn.
    function : callable or None
        ``f(x, y) -> float``, the user's own.
    params : mapping
        Passed to scikit-learn or to the function.
    origin_matters : bool
        Whether distances change when one vector is added to every row.
    scale_power : int or None
        Distances become ``c**scale_power`` times as long when all rows are multiplied by ``c``;
        None where no such power exists, and then rows must not be rescaled.
    units_matter : bool
        Whether a column counts by how widely it spreads.
    duplicates_are_zero : bool
        Whether equal rows are at distance 0, the smallest there is.
    """

    name: str
    function: Callable[..., float] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    origin_matters: ClassVar[bool] = True
    units_matter: ClassVar[bool] = False
    duplicates_are_zero: ClassVar[bool] = False
    power: ClassVar[int | None] = None

    @property
    def scale_power(self) -> int | None:
        """Power of a common factor of all rows that distances grow by, if there is one."""
        return self.power

    @property
    def said(self) -> str:
        """How messages write it: a name in quotes, or the function's own."""
        return self.name if self.function else repr(self.name)

    def learn(self, X: Array) -> Metric:
        """Return this metric with what it takes from the database's rows, shape (n, d)."""
        return self

    def typed(self, X: Array) -> Array:
        """Return rows as scikit-learn computes this metric."""
        return X


class Haversine(Metric):
    """The great-circle distance of two places on a sphere of radius 1."""

    def learn(self, X: Array) -> Metric:
        """Raise for what is no latitude and longitude; warn of what can't be in radians."""
        if X.shape[1] != 2:
            raise ValueError(
                f"metric='haversine' needs 2 columns, latitude and longitude in radians, and X has "
                f"{X.shape[1]}: pass those two"
            )
        farthest = float(np.abs(X[:, 0]).max(initial=0.0))
        if farthest > LATITUDES:
            warn_user(
                f"metric='haversine' takes radians, and X has a latitude of {farthest:.4g}, beyond "
                "a quarter turn: pass np.radians(X), latitude first"
            )
        return self


class Difference(Metric):
    """A norm of x - y: Manhattan, Chebyshev, Minkowski."""

    origin_matters = False
    units_matter = True
    power = 1


class Standardised(Metric):
    """A norm of x - y in units of the data, learned from the rows or given (``V``, ``VI``)."""

    origin_matters = False
    given: ClassVar[frozenset[str]] = frozenset({"V", "VI"})

    @property
    def scale_power(self) -> int | None:
        """0 in units learned from the rows, 1 in given ones."""
        return 1 if self.given & self.params.keys() else 0


class StandardisedEuclidean(Standardised):
    """Euclidean distance of columns divided by their standard deviation."""

    def learn(self, X: Array) -> Metric:
        """Take the variances from the rows, once: scikit-learn would take them from each batch."""
        if "V" in self.params:
            return self
        variance = X.var(axis=0, ddof=1, dtype=np.float64)
        return replace(self, params={**self.params, "V": np.where(variance > 0, variance, 1.0)})


class Mahalanobis(Standardised):
    """Euclidean distance of rows made uncorrelated."""

    def learn(self, X: Array) -> Metric:
        """Take the inverse covariance from the rows, once."""
        if self.given & self.params.keys():
            return self
        VI = np.linalg.pinv(np.atleast_2d(np.cov(X.T.astype(np.float64))))
        return replace(self, params={**self.params, "VI": VI})


class Mismatch(Metric):
    """The share of columns in which two rows differ: Hamming."""

    origin_matters = False
    power = 0


class Relative(Metric):
    """Differences divided by sizes: Canberra, Bray-Curtis."""

    power = 0


class Presence(Relative):
    """A metric that only asks whether a value is 0: Jaccard, Dice and others."""

    def typed(self, X: Array) -> Array:
        """Return which values are not 0."""
        present: Array = X != 0
        return present


@dataclass(frozen=True, eq=False)
class VectorMetric(Metric):
    """A metric that is squared Euclidean distance between vectors made from the rows.

    Rows that lie on a device (``Ops.given_rows``) become vectors there.

    Attributes
    ----------
    name : str
        For messages.
    factor : float
        Power of two applied to the rows.
    bound : float
        Largest squared norm of the database, for the inner product.
    """

    factor: float = 1.0
    bound: float = 0.0
    duplicates_are_zero = True
    units_matter = True

    queries_are_vectors: ClassVar[bool] = True  # of the database
    # What a squared distance between vectors is to the metric, as csrc/kernels/metric.hpp has it: 0
    # itself, 1 its root, 2 half of it.
    unit: ClassVar[int] = 0

    def learn(self, X: Array) -> VectorMetric:
        """Return this metric with what it takes from the database's rows, shape (n, d)."""
        return self

    def to_vectors(self, X: Array) -> Array:
        """Return the vectors to search among; ``X`` itself where nothing changes."""
        return X

    def query_vectors(self, X: Array) -> Array:
        """Return the vectors to search for."""
        return self.to_vectors(X)

    def to_distances(self, squared: Array) -> FloatArray:
        """Turn squared distances between vectors into the metric's own unit, float32."""
        out = self._own_unit(np.maximum(squared, squared.dtype.type(0)))
        return np.minimum(out, np.finfo(np.float32).max).astype(np.float32, copy=False)

    def to_squared(self, distances: Array) -> Array:
        """Turn distances in the metric's own unit into squared ones between vectors."""
        raise NotImplementedError

    def _own_unit(self, squared: Array) -> Array:
        raise NotImplementedError


class SquaredEuclidean(VectorMetric):
    """The sum of squared differences."""

    origin_matters = False
    power = 2

    def learn(self, X: Array) -> VectorMetric:
        """Choose the factor that keeps squares inside float32, as a fit's preparation does."""
        factor = self.safe_factor(X)
        if factor is None:
            factor = 2.0 ** -int(np.frexp(_largest(X))[1])
        return self if factor == 1.0 else replace(self, factor=factor)

    def safe_factor(self, X: Array) -> float | None:
        """Return that factor, None where one value is too far out for any."""
        if not len(X):
            return 1.0
        spreads = spreads_of(Table(X, None, sparse=False), None, None)
        return safe_factor(_largest(X), spreads.rest)

    def to_vectors(self, X: Array) -> Array:
        """Return the rows times the factor."""
        if hasattr(X, "times"):
            there: Array = X.times(self.factor)
            return there
        return X if self.factor == 1.0 else np.multiply(X, X.dtype.type(self.factor))

    def to_squared(self, distances: Array) -> Array:
        """Return them, times the factor's square."""
        return distances * self.factor * self.factor

    def _own_unit(self, squared: Array) -> Array:
        return squared.astype(np.float64) / self.factor / self.factor


class Euclidean(SquaredEuclidean):
    """The length of x - y."""

    power = 1
    unit = 1

    def to_squared(self, distances: Array) -> Array:
        """Return their squares, times the factor's."""
        return np.square(distances * self.factor)

    def _own_unit(self, squared: Array) -> Array:
        if self.factor == 1.0:  # float64 would round to the same float32
            return np.sqrt(squared)
        return np.sqrt(squared, dtype=np.float64) / self.factor


class Cosine(VectorMetric):
    """1 - cos: half the squared distance of unit vectors."""

    power = 0
    unit = 2
    centred: ClassVar[bool] = False  # whether a row's own mean comes off first

    def to_vectors(self, X: Array) -> Array:
        """Return unit vectors, float32."""
        if hasattr(X, "unit_rows"):
            there: Array = X.unit_rows(centred=self.centred)
            return there
        return self.unit_rows(X, np.float32)

    def unit_rows(self, X: Array, dtype: type[np.floating[Any]]) -> Array:
        """Return unit vectors, shape (n, d + 1), of the dtype asked for.

        A row without direction gets a coordinate of its own: at distance 1 from every row with one,
        as scikit-learn has it, and at distance 0 from its like.
        """
        n, d = X.shape
        out = np.zeros((n, d + 1), dtype=dtype)
        for part in _blocks(X):
            rows = X[part].astype(np.float64)
            top = np.abs(rows).max(axis=1, keepdims=True)
            rows /= np.where(top > 0, np.exp2(np.frexp(top)[1] - 1.0), 1.0)  # squares stay finite
            size = np.sqrt(np.square(rows).sum(axis=1))
            rows = self._centred(rows)
            norm = np.sqrt(np.square(rows).sum(axis=1))
            flat = norm <= CONSTANT * size
            rows /= np.where(flat, 1.0, norm)[:, None]
            rows[flat] = 0.0
            out[part, :d] = rows
            out[part, d] = flat
        return out

    def to_squared(self, distances: Array) -> Array:
        """Return twice as much."""
        return 2.0 * distances

    def _centred(self, rows: Array) -> Array:
        return rows

    def _own_unit(self, squared: Array) -> Array:
        half = squared * squared.dtype.type(0.5)
        distances: Array = np.minimum(half, half.dtype.type(2))
        return distances


class Correlation(Cosine):
    """1 - Pearson's r: the cosine of rows less their own mean."""

    centred = True

    def _centred(self, rows: Array) -> Array:
        centred: Array = rows - rows.mean(axis=1, keepdims=True)
        return centred


class InnerProduct(VectorMetric):
    r"""sqrt(\|x\|^2 + max\|y\|^2 - 2 x.y): ascending as x.y descends.

    exp(-distance^2) is proportional to exp(2 x.y) within a row.
    """

    duplicates_are_zero = False
    queries_are_vectors = False
    power = 1
    unit = 1

    def learn(self, X: Array) -> VectorMetric:
        """Take the largest norm of the database."""
        largest = _largest(X)
        if int(np.frexp(largest)[1]) > SAFE_EXPONENT:
            raise ValueError(
                f"metric='inner_product' with values up to {largest:.3g} overflows float32: "
                "rescale X, the neighbours stay the same"
            )
        if hasattr(X, "longest"):
            return replace(self, bound=X.longest())
        return replace(self, bound=float(_squared_norms(X).max()))

    def to_vectors(self, X: Array) -> Array:
        """Return the rows and what their squared norm lacks of the bound."""
        if hasattr(X, "bound_rows"):
            there: Array = X.bound_rows(self.bound)
            return there
        last = np.sqrt(np.maximum(self.bound - _squared_norms(X), 0.0))
        return np.column_stack([X, last.astype(X.dtype)])

    def query_vectors(self, X: Array) -> Array:
        """Return the rows and a zero."""
        if hasattr(X, "bound_rows"):
            there: Array = X.bound_rows(-1.0)
            return there
        return np.column_stack([X, np.zeros(X.shape[0], dtype=X.dtype)])

    def to_squared(self, distances: Array) -> Array:
        """Return their squares."""
        return np.square(distances)

    def _own_unit(self, squared: Array) -> Array:
        return np.sqrt(squared)


# A metric is one line here, and a class where none of those above computes it.
METRICS: dict[str, type[Metric]] = {
    "euclidean": Euclidean,
    "l2": Euclidean,
    "sqeuclidean": SquaredEuclidean,
    "cosine": Cosine,
    "correlation": Correlation,
    "inner_product": InnerProduct,
    "manhattan": Difference,
    "cityblock": Difference,
    "l1": Difference,
    "chebyshev": Difference,
    "minkowski": Difference,
    "nan_euclidean": Difference,
    "seuclidean": StandardisedEuclidean,
    "mahalanobis": Mahalanobis,
    "hamming": Mismatch,
    "canberra": Relative,
    "braycurtis": Relative,
    "dice": Presence,
    "jaccard": Presence,
    "rogerstanimoto": Presence,
    "russellrao": Presence,
    "sokalsneath": Presence,
    "yule": Presence,
    "haversine": Haversine,
}
# Those that FAISS searches.
VECTORS = tuple(name for name, kind in METRICS.items() if issubclass(kind, VectorMetric))


def metric_for(
    metric: str | Callable[..., float], params: Mapping[str, Any] | None = None
) -> Metric:
    """Return what a user calls a metric.

    Parameters
    ----------
    metric : str or callable
        A name of ``METRICS``, or one that ``sklearn.metrics.pairwise_distances`` knows besides, or
        ``f(x, y) -> float``.
    params : mapping or None
        Its parameters.

    Returns
    -------
    Metric
        ``learn`` is still to be called with the database's rows.

    Raises
    ------
    TypeError
        For what is neither a name nor a callable.
    ValueError
        For an unknown name, and for parameters of a metric that has none.
    """
    if not isinstance(params, Mapping | None) or not all(isinstance(k, str) for k in params or ()):
        raise TypeError(f"metric_params={params!r} must be None or a dict with names as keys")
    if callable(metric):
        name = getattr(metric, "__name__", None) or repr(metric)
        return Metric(name, metric, dict(params or {}))
    if not isinstance(metric, str):
        raise TypeError(f"metric={metric!r} must be a name or a function of two rows")
    kind = METRICS.get(metric)
    if kind is None:
        kind = _known_to_sklearn(metric)
    if issubclass(kind, VectorMetric):
        if params:
            raise ValueError(f"metric_params={params!r} has no effect with metric={metric!r}")
        return kind("euclidean" if metric == "l2" else metric)
    return kind(metric, None, dict(params or {}))


def _known_to_sklearn(name: str) -> type[Metric]:
    """Return the class that takes nothing for granted, for names of another scikit-learn."""
    from sklearn.metrics.pairwise import PAIRWISE_DISTANCE_FUNCTIONS
    from sklearn.neighbors import VALID_METRICS

    known = {*VALID_METRICS["brute"], *PAIRWISE_DISTANCE_FUNCTIONS, *METRICS} - {"precomputed"}
    if name not in known:
        names = ", ".join(sorted(known | {"precomputed"}))
        raise ValueError(f"metric={name!r} is none of {names} and no callable")
    return Metric


def _largest(X: Array) -> float:
    if hasattr(X, "ranges"):
        low, high = X.ranges()
        return float(max(high.max(), -low.min()))
    return float(max(X.max(initial=0.0), -X.min(initial=0.0)))


def _blocks(X: Array) -> list[slice]:
    """Cut the rows into blocks of about 8 MB of float64."""
    step = max(1, (1 << 20) // X.shape[1])
    return [slice(start, start + step) for start in range(0, X.shape[0], step)]


def _squared_norms(X: Array) -> Array:
    """Squared length of each row, float64."""
    return np.concatenate(
        [np.square(X[part].astype(np.float64)).sum(axis=1) for part in _blocks(X)]
    )
