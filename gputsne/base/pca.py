"""Principal axes in float64, from blocks of rows: one routine for ``pca=`` and for ``init="pca"``.

Call it with one BLAS thread, so that sums are taken in the same order for any ``n_jobs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from gputsne.base import threads

__all__ = ["axes_of", "covariance_axes", "positive_sign"]

F64 = npt.NDArray[np.float64]


def covariance_axes(
    centred: Callable[[slice], F64], blocks: Iterable[slice], d: int, n_jobs: int = 1
) -> tuple[F64, F64]:
    """Return the eigenvalues and eigenvectors of the covariance of centred rows.

    Parameters
    ----------
    centred : callable
        Gives a block of rows, centred, shape (rows, d), float64.
    blocks : iterable of slice
        Which rows; blocks are added up in this order.
    d : int
        Columns.
    n_jobs : int
        Threads that work on a block each; the result is the same for any number.

    Returns
    -------
    values : array, shape (d,), float64
        Descending, relative to the largest element of the covariance.
    vectors : array, shape (d, d), float64
        One unit vector per column, in that order; signs are arbitrary.
    """
    covariance = np.zeros((d, d))

    def products(rows: slice) -> F64:
        block = centred(rows)
        return block.T @ block

    for part in threads.in_order(products, blocks, n_jobs):
        covariance += part
    return axes_of(covariance)


def axes_of(covariance: F64) -> tuple[F64, F64]:
    """Return the eigenvalues and eigenvectors of a covariance, as ``covariance_axes`` does."""
    largest = covariance.max(initial=0.0)  # a diagonal element
    values, vectors = np.linalg.eigh(covariance / largest if largest > 0 else covariance)
    return values[::-1], vectors[:, ::-1]


def positive_sign(vectors: F64) -> F64:
    """Turn each column so that its largest entry, the first of equals, is positive.

    Parameters
    ----------
    vectors : array, shape (d, r), float64
        One vector per column.

    Returns
    -------
    array, shape (d, r), float64
        scikit-learn's convention for principal components, too.
    """
    if vectors.size == 0:
        return vectors
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs)
