"""The spectral first map: the slowest modes of a walk on the graph of P.

Belkin & Niyogi (2003), Laplacian eigenmaps; Linderman & Steinerberger (2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gputsne.base.pca import positive_sign
from gputsne.base.random import generator
from gputsne.base.types import Affinities, FloatArray
from gputsne.initial.scaling import F64, scaled

if TYPE_CHECKING:
    from scipy import sparse

__all__ = ["spectral"]

DENSE_SPECTRUM = 400  # points below which all eigenvectors are found at once
LANCZOS, RESTARTS = 60, 100  # 6000 products with P at most, a tenth of that in the usual case
SPECTRAL_TOLERANCES = (1e-7, 1e-4)  # modes of large graphs differ by that little


def spectral(P: Affinities, n_components: int = 2, *, random_state: Any = None) -> FloatArray:
    """Return a first map of the leading non-trivial eigenvectors of D^-1 P.

    Parameters
    ----------
    P : Affinities
        Joint probabilities of ``n`` points.
    n_components : int, default 2
        Map axes ``c``.
    random_state : int, RandomState, Generator or None
        Seeds the noise that keeps coincident points apart; axes that aren't found hold nothing
        else.

    Returns
    -------
    array, shape (n, c), float32, C order
        The first axis of sd 1e-4. In a disconnected graph the first axes tell the parts apart.

    Examples
    --------
    >>> import gputsne
    >>> P = gputsne.affinities.uniform(gputsne.knn([[0.0], [1.0], [3.0], [4.0]], k=2))
    >>> spectral(P, random_state=0).shape
    (4, 2)
    """
    return scaled(_laplacian_axes(P, n_components), n_components, generator(random_state))


def _laplacian_axes(P: Affinities, c: int) -> F64:
    """Return the leading non-trivial eigenvectors of D^-1 P.

    The trivial vector is known and moved to the bottom of the spectrum.
    """
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    n = P.n
    if n < 2:
        return np.zeros((n, 0))
    degree = np.add.reduceat(np.append(P.data, 0.0).astype(np.float64), P.indptr[:-1])
    degree[np.diff(P.indptr) == 0] = 0.0
    root = np.sqrt(np.where(degree > 0, degree, degree[degree > 0].min(initial=1.0)))
    A = sparse.csr_matrix((P.data.astype(np.float64), P.indices, P.indptr), shape=(n, n))
    A.data /= np.repeat(root, np.diff(P.indptr)) * root[P.indices]
    trivial = root / np.linalg.norm(root)

    with threadpool_limits(1, user_api="blas"):
        if n <= max(DENSE_SPECTRUM, 4 * c):
            values, vectors = np.linalg.eigh(A.toarray() - 2.0 * np.outer(trivial, trivial))
            vectors = vectors[:, np.argsort(-values, kind="stable")[:c]]
        else:
            vectors = _slowest_modes(A, trivial, c)
    return positive_sign(np.asarray(vectors / root[:, None]))


def _slowest_modes(A: sparse.csr_matrix, trivial: F64, c: int) -> F64:
    """Find eigenvectors by Lanczos, one after the other, those found moved out of the way.

    One at a time because equal eigenvalues (symmetric data, disconnected graphs) hide behind each
    other from a single start; starts are fixed. Stops early where even the loose tolerance is out
    of reach.
    """
    from scipy.sparse import linalg

    n = len(trivial)
    rng = np.random.default_rng(0)
    found = trivial[:, None]

    def walk(v: F64) -> F64:
        v = v.ravel()
        return np.asarray(A @ v - found @ (2.0 * (found.T @ v)))

    for _ in range(c):
        operator = linalg.LinearOperator((n, n), matvec=walk, dtype=np.float64)
        start = rng.normal(size=n)
        for tolerance in SPECTRAL_TOLERANCES:
            try:
                _, vector = linalg.eigsh(
                    operator, 1, which="LA", v0=start, tol=tolerance, ncv=LANCZOS, maxiter=RESTARTS
                )
                break
            except linalg.ArpackNoConvergence:
                continue
        else:
            break
        found = np.column_stack([found, vector])
    return found[:, 1:]
