"""Where does every point start? X' or P to the first map Y0: pca, spectral, random, or an array.

Maps made here have a first axis of sd 1e-4, and one seed gives the same bytes for any n_jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gputsne.base.random import generator
from gputsne.base.types import Affinities, Array, FloatArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scipy import sparse

__all__ = ["METHODS", "initial"]

F64 = npt.NDArray[np.float64]
METHODS = ("pca", "spectral", "random")
SD = 1e-4  # Kobak & Linderman (2021): small enough for the early phase to start from zero repulsion
JITTER = 0.01  # of SD, the share openTSNE uses: coincident points must not share one force for ever
BLOCK_BYTES = 1 << 25  # float64 rows of one covariance block
COVARIANCE_FLOPS = 1e10  # n d^2 above this: randomised SVD, which needs n d times a few dozen
DENSE_SPECTRUM = 400  # points below which all eigenvectors are found at once
LANCZOS, RESTARTS = 60, 100  # 6000 products with P at most, a tenth of that in the usual case
SPECTRAL_TOLERANCES = (1e-7, 1e-4)  # modes of large graphs differ by that little


def initial(
    X: Array | None,
    P: Affinities | None,
    *,
    init: str | npt.ArrayLike = "pca",
    n_components: int = 2,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> FloatArray:
    """Return the map that the optimisation starts from.

    Parameters
    ----------
    X : array, shape (n, d), float32, or None
        Prepared data; only ``init="pca"`` reads its values.
    P : Affinities or None
        Joint probabilities; only ``init="spectral"`` reads their values.
    init : {"pca", "spectral", "random"} or array of shape (n, n_components)
        Leading principal components of X, leading Laplacian eigenvectors of P, or normal noise,
        scaled to a first axis of sd 1e-4. An array is taken as it is, never rescaled.
    n_components : int, default 2
        Map axes ``c``.
    random_state : int, RandomState, Generator or None
        Seeds the noise. Axes that the data cannot fill (fewer features or a lower rank than ``c``)
        hold noise too.

    Returns
    -------
    array, shape (n, c), float32, C order
        A new array.

    Raises
    ------
    ValueError
        For an unknown name, an array of another shape or with values that are not finite in
        float32, or a method whose input is missing.
    TypeError
        If the array does not hold real numbers.

    References
    ----------
    Kobak & Linderman (2021), Initialization is critical for preserving global data structure;
    Belkin & Niyogi (2003), Laplacian eigenmaps; Linderman & Steinerberger (2019).
    """
    n = _count(X, P)
    if not isinstance(init, str):
        return _checked_array(init, n, n_components)
    if init not in METHODS:
        names = ", ".join(map(repr, METHODS))
        raise ValueError(f"init={init!r}: must be one of {names}, or an array of shape (n, c)")
    rng = generator(random_state)
    if init == "random":
        return rng.normal(0.0, SD, size=(n, n_components)).astype(np.float32)
    if init == "pca":
        if X is None:
            raise ValueError(
                "init='pca' needs data, not distances or P: use 'spectral' or 'random'"
            )
        axes = _principal_axes(np.asarray(X), n_components)
    else:
        if P is None:
            raise ValueError("init='spectral' needs P: use 'pca' or 'random'")
        axes = _laplacian_axes(P, n_components)
    return _scaled(axes, n, n_components, rng)


def _count(X: Array | None, P: Affinities | None) -> int:
    if X is not None:
        return int(X.shape[0])
    if P is None:
        raise ValueError("initial needs X or P, got neither")
    return P.n


def _checked_array(init: npt.ArrayLike, n: int, c: int) -> FloatArray:
    given = np.asarray(init)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"init has dtype {given.dtype}: pass real numbers or one of {METHODS}")
    if given.shape != (n, c):
        raise ValueError(f"init has shape {given.shape}: pass one row per point, ({n}, {c})")
    with np.errstate(over="ignore"):
        Y = np.array(given, dtype=np.float32, order="C", copy=True)
    if not np.isfinite(Y).all():
        bad = int((~np.isfinite(Y)).sum())
        raise ValueError(f"init has {bad} values that are NaN, infinite or too large for float32")
    return Y


def _scaled(axes: F64, n: int, c: int, rng: np.random.Generator) -> FloatArray:
    """First axis to sd 1e-4, the others by its factor; noise on all, alone where none is found."""
    Y = rng.normal(0.0, SD, size=(n, c))
    found = axes.shape[1]
    sd = float(axes[:, 0].std()) if found else 0.0
    if sd > 0:
        Y *= JITTER
        Y[:, :found] += axes * (SD / sd)
    sd = float(Y[:, 0].std())
    return (Y * (SD / sd) if sd > 0 else Y).astype(np.float32)


def _positive_sign(vectors: F64) -> F64:
    """Columns with their largest entry (the first of equals) positive."""
    if vectors.size == 0:
        return vectors
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * np.where(signs == 0, 1.0, signs)


def _row_blocks(X: Array) -> Iterator[tuple[slice, F64]]:
    rows = max(1, BLOCK_BYTES // (8 * max(1, X.shape[1])))
    for begin in range(0, X.shape[0], rows):
        block = slice(begin, min(begin + rows, X.shape[0]))
        yield block, X[block].astype(np.float64)


def _principal_axes(X: Array, c: int) -> F64:
    """Scores on the leading components, as many as the rank allows.

    With one BLAS thread, so that sums are taken in the same order for every n_jobs.
    """
    from threadpoolctl import threadpool_limits

    n, d = X.shape
    if n < 2:
        return np.zeros((n, 0))
    with threadpool_limits(1, user_api="blas"):
        mean = sum((block.sum(axis=0) for _, block in _row_blocks(X)), np.zeros(d)) / n
        if n * float(d) ** 2 <= COVARIANCE_FLOPS or d <= 2 * c:
            values, vectors = _covariance_eigen(X, mean)
        else:
            values, vectors = _randomized_eigen(X, mean, c)
        # float32 data carry noise of eps in every feature: directions below it are not data.
        rank = int((values[:c] > values[0] * np.finfo(np.float32).eps ** 2).sum())
        vectors = _positive_sign(vectors[:, :rank])
        scores = np.empty((n, rank))
        for rows, block in _row_blocks(X):
            scores[rows] = (block - mean) @ vectors
    return scores


def _covariance_eigen(X: Array, mean: F64) -> tuple[F64, F64]:
    covariance = np.zeros((X.shape[1], X.shape[1]))
    for _, block in _row_blocks(X):
        block -= mean
        covariance += block.T @ block
    largest = covariance.max()  # a diagonal element
    values, vectors = np.linalg.eigh(covariance / largest if largest > 0 else covariance)
    return values[::-1], vectors[:, ::-1]


def _randomized_eigen(X: Array, mean: F64, c: int) -> tuple[F64, F64]:
    """scikit-learn's randomised SVD of the centred data, from a fixed seed."""
    from sklearn.decomposition import PCA

    centred = X - mean.astype(X.dtype)
    pca = PCA(min(c, *X.shape), svd_solver="randomized", random_state=0).fit(centred)
    return pca.explained_variance_.astype(np.float64), pca.components_.T.astype(np.float64)


def _laplacian_axes(P: Affinities, c: int) -> F64:
    """Leading non-trivial eigenvectors of D^-1 P, the slowest modes of a walk on the graph.

    The trivial vector is known and moved to the bottom of the spectrum. In a disconnected graph the
    first axes then tell the parts apart.
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
    return _positive_sign(np.asarray(vectors / root[:, None]))


def _slowest_modes(A: sparse.csr_matrix, trivial: F64, c: int) -> F64:
    """Lanczos, one vector after the other from fixed starts, those found moved out of the way.

    One at a time because equal eigenvalues (symmetric data, disconnected graphs) hide behind each
    other from a single start. Stops early where even the loose tolerance is out of reach.
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
