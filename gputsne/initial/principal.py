"""The first map by PCA: the leading principal components of the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gputsne.base import threads
from gputsne.base.pca import axes_of, covariance_axes, positive_sign
from gputsne.base.random import generator
from gputsne.base.rows import row_blocks
from gputsne.base.types import Array, FloatArray
from gputsne.initial.scaling import F64, scaled

__all__ = ["pca"]

BLOCK_NUMBERS = 1 << 22  # float64 rows of one block of the covariance: 32 MB
COVARIANCE_FLOPS = 1e10  # n d^2 above this: randomised SVD, which needs n d times a few dozen


def pca(
    X: Array, n_components: int = 2, *, random_state: Any = None, ops: Any = None
) -> FloatArray:
    """Return a first map of the leading principal components.

    Parameters
    ----------
    X : array, shape (n, d), float
        Finite rows, in main memory or kept by the device of ``ops``.
    n_components : int, default 2
        Map axes ``c``.
    random_state : int, RandomState, Generator or None
        Seeds the noise that keeps coincident points apart; axes beyond the rank of X hold nothing
        else.
    ops : Ops or None
        A backend whose device adds up the covariance, where it has one.

    Returns
    -------
    array, shape (n, c), float32, C order
        The first axis of sd 1e-4; the largest loading of each component is positive.

    References
    ----------
    Kobak & Linderman (2021), Initialization is critical for preserving global data structure.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(100, 5)).astype("f4")
    >>> pca(X, random_state=0).shape
    (100, 2)
    """
    X = X if hasattr(X, "shape") else np.asarray(X)
    scores = _scores(X, n_components, ops)
    return scaled(scores, n_components, generator(random_state))


def _scores(X: Array, c: int, ops: Any = None) -> F64:
    """Return the scores on the leading components, as many as the rank allows.

    With one BLAS thread, so that sums are taken in the same order for every n_jobs.
    """
    from threadpoolctl import threadpool_limits

    n, d = X.shape
    if n < 2:
        return np.zeros((n, 0))

    def blocks() -> Iterator[tuple[slice, F64]]:
        for rows in row_blocks(n, d, BLOCK_NUMBERS):
            yield rows, X[rows].astype(np.float64)

    sums = None if ops is None else ops.row_sums(X)
    X = X if sums is not None else np.asarray(X)
    jobs = threads.in_force()  # and BLAS' own: one each
    with threadpool_limits(1, user_api="blas"):
        if sums is not None:
            mean = sums.mean()
            vectors = _leading(*axes_of(sums.gram(None, mean, None, 1.0)), c)
            scored: F64 = sums.scores(mean, vectors.T)
            return scored
        mean = sum((block.sum(axis=0) for _, block in blocks()), np.zeros(d)) / n
        if n * float(d) ** 2 <= COVARIANCE_FLOPS or d <= 2 * c:
            each = row_blocks(n, d, BLOCK_NUMBERS)
            values, vectors = covariance_axes(
                lambda r: X[r].astype(np.float64) - mean, each, d, jobs
            )
        else:
            values, vectors = _sketched_axes(X, mean, c)
        vectors = _leading(values, vectors, c)
        scores = np.empty((n, vectors.shape[1]))
        for rows, block in blocks():
            scores[rows] = (block - mean) @ vectors
    return scores


def _leading(values: F64, vectors: F64, c: int) -> F64:
    """Return the leading axes, shape (d, r), without those that are noise."""
    # float32 data carry noise of eps in every feature: directions below it are not data.
    rank = int((values[:c] > values[0] * np.finfo(np.float32).eps ** 2).sum())
    return positive_sign(vectors[:, :rank])


def _sketched_axes(X: Array, mean: F64, c: int) -> tuple[F64, F64]:
    """Return scikit-learn's randomised SVD of the centred data, from a fixed seed."""
    from sklearn.decomposition import PCA

    centred = X - mean.astype(X.dtype)
    model = PCA(min(c, *X.shape), svd_solver="randomized", random_state=0).fit(centred)
    return model.explained_variance_.astype(np.float64), model.components_.T.astype(np.float64)
