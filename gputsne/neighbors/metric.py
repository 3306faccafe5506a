"""Under which vectors is a metric plain squared Euclidean distance? One search serves five metrics.

Cosine and correlation are Euclidean between unit vectors; the inner product becomes Euclidean with
one more coordinate (Bachrach et al. 2014, Speeding up the Xbox recommender system).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gputsne.base.types import Array, FloatArray

__all__ = ["EUCLIDEAN_LIKE", "NAMES", "Geometry"]

NAMES = {
    "euclidean": "euclidean",
    "l2": "euclidean",
    "sqeuclidean": "sqeuclidean",
    "cosine": "cosine",
    "correlation": "correlation",
    "inner_product": "inner_product",
}
# Metrics under which equal rows are at distance 0, the smallest there is.
EUCLIDEAN_LIKE = frozenset({"euclidean", "sqeuclidean", "cosine", "correlation"})
# Spreads outside 2**-40 ... 2**40 are rescaled, so that squared distances stay inside float32.
SAFE_EXPONENT = 40
# A correlation row whose deviation is below this share of its size is constant: float32 data
# resolve 6e-8, float64 arithmetic on them leaves 1e-16.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Geometry:
    """How rows become the vectors that are searched, and squared distances the metric's own.

    Attributes
    ----------
    metric : str
        A value of ``NAMES``.
    factor : float
        Power of two applied to Euclidean rows.
    bound : float
        Largest squared norm of the database, for the inner product.
    """

    metric: str
    factor: float = 1.0
    bound: float = 0.0

    @classmethod
    def of(cls, X: FloatArray, metric: str) -> Geometry:
        """Learn scale and bound from the database's rows, shape (n, d)."""
        largest = float(max(X.max(initial=0.0), -X.min(initial=0.0)))
        exponent = int(np.frexp(largest)[1])
        if metric in ("euclidean", "sqeuclidean"):
            return cls(metric, 1.0 if abs(exponent) <= SAFE_EXPONENT else 2.0**-exponent)
        if metric == "inner_product":
            if exponent > SAFE_EXPONENT:
                raise ValueError(
                    f"metric='inner_product' with values up to {largest:.3g} overflows float32: "
                    "rescale X, the neighbours stay the same"
                )
            return cls(metric, 1.0, float(_squared_norms(X).max()))
        return cls(metric)

    def database(self, X: FloatArray) -> FloatArray:
        """Return the vectors to search among, float32; ``X`` itself where nothing changes."""
        if self.metric == "inner_product":
            last = np.sqrt(np.maximum(self.bound - _squared_norms(X), 0.0))
            return np.column_stack([X, last.astype(np.float32)])
        return self._vectors(X)

    def queries(self, X: FloatArray) -> FloatArray:
        """Return the vectors to search for, float32."""
        if self.metric == "inner_product":
            return np.column_stack([X, np.zeros(X.shape[0], dtype=np.float32)])
        return self._vectors(X)

    def _vectors(self, X: FloatArray) -> FloatArray:
        if self.metric in ("euclidean", "sqeuclidean"):
            return X if self.factor == 1.0 else X * np.float32(self.factor)
        # A row without direction gets a coordinate of its own: at distance 1 from every row with
        # one, as scikit-learn has it, and at distance 0 from its like.
        n, d = X.shape
        out = np.zeros((n, d + 1), dtype=np.float32)
        step = max(1, (1 << 20) // d)
        for start in range(0, n, step):
            rows = X[start : start + step].astype(np.float64)
            size = np.sqrt(np.square(rows).sum(axis=1))
            if self.metric == "correlation":
                rows -= rows.mean(axis=1, keepdims=True)
            norm = np.sqrt(np.square(rows).sum(axis=1))
            flat = norm <= CONSTANT * size
            rows /= np.where(flat, 1.0, norm)[:, None]
            rows[flat] = 0.0
            out[start : start + step, :d] = rows
            out[start : start + step, d] = flat
        return out

    def distances(self, squared: FloatArray) -> FloatArray:
        """Turn squared distances between vectors into the metric's own unit, float32.

        The inner product's is sqrt(|x|^2 + max|y|^2 - 2 x.y): ascending as x.y descends, and
        exp(-distance^2) is proportional to exp(2 x.y) within a row.
        """
        squared = np.maximum(squared, np.float32(0.0))
        if self.metric == "euclidean":
            out = np.sqrt(squared, dtype=np.float64) / self.factor
        elif self.metric == "sqeuclidean":
            out = squared.astype(np.float64) / self.factor / self.factor
        elif self.metric == "inner_product":
            out = np.sqrt(squared)
        else:
            out = np.minimum(squared * np.float32(0.5), np.float32(2.0))
        return np.minimum(out, np.finfo(np.float32).max).astype(np.float32)


def _squared_norms(X: FloatArray) -> Array:
    """Squared length of each row, float64, in blocks."""
    step = max(1, (1 << 20) // X.shape[1])
    return np.concatenate(
        [
            np.square(X[start : start + step].astype(np.float64)).sum(axis=1)
            for start in range(0, X.shape[0], step)
        ]
    )
