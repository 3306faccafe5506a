"""How likely is it that two points are neighbours? From a neighbour graph to the joint matrix P.

Gaussians calibrated by perplexity (one or several), uniform weights, a fixed sigma, or a given P.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from gputsne.base.messages import warn_user
from gputsne.base.types import Affinities, Array, FloatArray, IntArray, KNNGraph

if TYPE_CHECKING:
    from scipy import sparse

__all__ = [
    "KINDS",
    "SetupOps",
    "from_precomputed",
    "joint",
    "n_neighbors_for",
    "perplexities_of",
    "reachable",
]

KINDS = ("perplexity", "uniform", "fixed_sigma")
UNEVEN = 0.9  # share of the neighbours that a perplexity may reach
NEIGHBORS_PER_PERPLEXITY = 3  # van der Maaten (2014), section 4.1: floor(3 u) neighbours
SYMMETRY_TOLERANCE = 1e-5  # relative to the larger of p_ij, p_ji: what float32 arithmetic leaves
BLOCK_ENTRIES = 1 << 21  # float64 work arrays of 16 MB; a Ctrl-C waits for one block at most


class SetupOps(Protocol):
    """The two operations a backend lends to this stage."""

    def conditional(
        self, distances: FloatArray, perplexities: Sequence[float]
    ) -> tuple[FloatArray, int]:
        """Return p_j|i, shape (n, k), and the number of rows that missed their entropy."""

    def symmetrize(self, indices: IntArray, p: FloatArray) -> tuple[Array, IntArray, FloatArray]:
        """Return (p_j|i + p_i|j) / 2n as the three arrays of a CSR matrix."""


def perplexities_of(perplexity: float | Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the perplexity or perplexities as a checked array, shape (q,), float64.

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If there are none, or one is not finite or below 1.
    """
    given: Any = perplexity
    values = np.asarray(given)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"perplexity={given!r}: pass a number or a sequence of numbers")
    if values.ndim > 1 or values.size == 0:
        raise ValueError(f"perplexity={given!r}: pass one number or a flat, non-empty sequence")
    values = np.atleast_1d(values).astype(np.float64)
    if not (np.isfinite(values).all() and (values >= 1).all()):
        raise ValueError(f"perplexity={given!r}: must be finite and at least 1")
    return values


def n_neighbors_for(perplexity: float | Sequence[float], n: int) -> int:
    """Return how many neighbours the largest perplexity asks for among ``n`` points.

    Three times the perplexity, as in van der Maaten (2014), and never more than ``n - 1``.

    Examples
    --------
    >>> n_neighbors_for(30.0, 1000), n_neighbors_for([10, 50], 100)
    (90, 99)
    """
    wanted = NEIGHBORS_PER_PERPLEXITY * float(perplexities_of(perplexity).max())
    return max(0, min(n - 1, int(min(wanted, 2.0**31))))


def reachable(perplexity: float, neighbors: int, among: str = "") -> float:
    """Return the perplexity, or a third of the neighbours where it would weigh them nearly alike.

    Where ``among`` says what they are, the change is warned of.

    Nearly as many as there are leave no weights to tell near from far, and the map keeps nothing.

    Examples
    --------
    >>> reachable(30.0, 599), reachable(598.0, 599), reachable(30.0, 30)
    (30.0, 199.66666666666666, 10.0)
    """
    if perplexity <= UNEVEN * neighbors:
        return float(perplexity)
    lower = max(1.0, neighbors / NEIGHBORS_PER_PERPLEXITY)
    if among and lower < perplexity:
        told = f"perplexity={perplexity} needs more than {neighbors} {among}; {lower:g} is used"
        warn_user(told)
    return lower


def joint(
    graph: KNNGraph,
    ops: SetupOps,
    *,
    perplexity: float | Sequence[float] = 30.0,
    kind: str = "perplexity",
    sigma: float | None = None,
) -> Affinities:
    r"""Return the symmetric joint probabilities P of a neighbour graph.

    .. math:: p_{j|i} \propto e^{-\beta_i d_{ij}^2}, \quad p_{ij} = (p_{j|i} + p_{i|j}) / 2n

    Parameters
    ----------
    graph : KNNGraph
        Neighbour lists, shape (n, k). Distances must be 0 or more; infinite ones get no weight.
    ops : object
        A backend with ``conditional`` and ``symmetrize``.
    perplexity : float or sequence of float, default 30
        Effective number of neighbours, at least 1. The conditionals of several perplexities are
        averaged. Only ``kind="perplexity"`` reads it.
    kind : {"perplexity", "uniform", "fixed_sigma"}
        Gaussians with the given entropy, ``p_j|i = 1 / k``, or Gaussians of one width.
    sigma : float, optional
        The width for ``kind="fixed_sigma"``, in the unit of the distances.

    Returns
    -------
    Affinities
        ``unreached`` counts rows whose entropy stayed more than 1e-5 from ``log(perplexity)``: too
        few neighbours (they become uniform) or too many at the very same distance.

    Raises
    ------
    ValueError
        For an unknown kind, a sigma that is missing, not positive or without effect, and distances
        that are negative or NaN.

    References
    ----------
    van der Maaten & Hinton (2008), Visualizing data using t-SNE; van der Maaten (2014).
    Several perplexities: Kobak & Berens (2019), The art of using t-SNE for single-cell
    transcriptomics; ``MultiscaleMixture`` of openTSNE, ``perplexity_list`` of FIt-SNE.
    """
    if kind not in KINDS:
        raise ValueError(f"affinity={kind!r}: must be one of {', '.join(map(repr, KINDS))}")
    if (sigma is not None) != (kind == "fixed_sigma"):
        need = "needs a sigma" if sigma is None else f"does not use sigma={sigma!r}; leave it out"
        raise ValueError(f"affinity={kind!r} {need}")
    distances = np.ascontiguousarray(graph.distances, dtype=np.float32)
    indices = np.ascontiguousarray(graph.indices, dtype=np.int32)
    if kind == "uniform":
        p, unreached = _uniform(distances), 0
    else:
        _check_distances(distances)
        if kind == "perplexity":
            p, unreached = ops.conditional(distances, perplexities_of(perplexity).tolist())
        else:
            p, unreached = _fixed_sigma(distances, _positive("sigma", sigma)), 0
    return Affinities(*ops.symmetrize(indices, p), unreached=unreached)


def _positive(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r}: pass a number") from None
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name}={value!r}: must be finite and above 0")
    return number


def _blocks(n: int, k: int) -> list[slice]:
    rows = max(1, BLOCK_ENTRIES // max(1, k))
    return [slice(begin, min(begin + rows, n)) for begin in range(0, n, rows)]


def _check_distances(distances: FloatArray) -> None:
    for rows in _blocks(*distances.shape):
        wrong = ~(distances[rows] >= 0)
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise ValueError(
                f"distances[{rows.start + i}, {j}]={distances[rows.start + i, j]}: must be 0 or "
                "more (infinite for 'no neighbour'); turn similarities into distances first"
            )


def _uniform(distances: FloatArray) -> FloatArray:
    """p_j|i = 1 / k for the k neighbours at a finite distance, which may differ by row."""
    known = np.isfinite(distances)
    p: FloatArray = (known / np.maximum(1, known.sum(axis=1, keepdims=True))).astype(np.float32)
    return p


def _fixed_sigma(distances: FloatArray, sigma: float) -> FloatArray:
    """p_j|i of one Gaussian width, rows summing to 1; shifted by the nearest, so never 0 / 0."""
    p = np.empty_like(distances)
    if distances.shape[1] == 0:
        return p
    for rows in _blocks(*distances.shape):
        d = distances[rows].astype(np.float64)
        nearest = d.min(axis=1, keepdims=True)
        nearest[np.isinf(nearest)] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # a tiny sigma: infinity, and 0 inf
            exponent = (d - nearest) / sigma * ((d + nearest) / sigma) * -0.5
        exponent[d == nearest] = 0.0
        exponent[~np.isfinite(d).any(axis=1)] = 0.0  # nothing is known of the row: uniform
        w = np.exp(exponent)
        w[w < 1e-20] = 0.0  # as in perplexity.hpp: no denormal numbers later
        p[rows] = w / w.sum(axis=1, keepdims=True)
    return p


def from_precomputed(P: Any) -> Affinities:
    """Check and normalise joint probabilities that the user brings.

    Parameters
    ----------
    P : array or scipy sparse matrix, shape (n, n)
        Symmetric (to 1e-5 relative), finite, 0 or more. The diagonal is dropped and the rest is
        divided by its sum. The argument is not changed.

    Returns
    -------
    Affinities
        Without explicit zeros, symmetric to the bit.

    Raises
    ------
    ValueError
        If P is not square, not symmetric, negative, not finite, or zero off the diagonal.
    TypeError
        If P does not hold real numbers.
    """
    if isinstance(P, Affinities):
        P = P.to_csr()
    A = _as_csr64(P)
    n = A.shape[0]
    if A.shape[0] != A.shape[1] or n == 0:
        raise ValueError(f"P has shape {A.shape}: pass one row and one column per point, (n, n)")
    bad = ~np.isfinite(A.data) | (A.data < 0)
    if bad.any():
        raise ValueError(
            f"P has {int(bad.sum())} entries that are negative, NaN or infinite, for instance "
            f"{A.data[bad][0]}: probabilities must be finite and 0 or more"
        )
    A.sum_duplicates()
    if A.diagonal().any():
        A.setdiag(0.0)
    A.eliminate_zeros()
    if A.nnz == 0:
        raise ValueError("P is zero everywhere off the diagonal: no point has a neighbour")
    A.data /= A.data.max()  # so that sums and halves of tiny or huge entries stay in range
    AT = A.T.tocsr()
    asymmetry = abs(A - AT)
    if asymmetry.nnz:
        worst = float((asymmetry - SYMMETRY_TOLERANCE * A.maximum(AT)).max())
        if worst > 0:
            raise ValueError(
                f"P is not symmetric: {asymmetry.nnz} entries differ from their transpose; "
                "pass (P + P.T) / 2"
            )
        A = (A + AT) * 0.5
    A.data = (A.data / A.data.sum()).astype(np.float32)
    A.eliminate_zeros()
    A.sort_indices()
    return Affinities(
        A.indptr.astype(np.int64), A.indices.astype(np.int32, copy=False), A.data, unreached=0
    )


def _as_csr64(P: Any) -> sparse.csr_matrix:
    from scipy import sparse

    values: Array | sparse.csr_matrix = P if sparse.issparse(P) else np.asarray(P)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"P has dtype {values.dtype}: pass real numbers")
    if values.ndim != 2:
        raise ValueError(f"P has shape {values.shape}: pass one row and column per point, (n, n)")
    return sparse.csr_matrix(values, dtype=np.float64, copy=True)
