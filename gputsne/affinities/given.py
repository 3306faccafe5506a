"""Joint probabilities that the user brings: checked, symmetric, normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.messages import warn_user
from gputsne.base.sparse import check_compressed, checked_csr
from gputsne.base.types import Affinities

if TYPE_CHECKING:
    from scipy import sparse

__all__ = ["precomputed"]

SYMMETRY_TOLERANCE = 1e-5  # relative to the larger of p_ij, p_ji: what float32 arithmetic leaves
SHOWN = 5  # points that a warning names


def precomputed(P: Any) -> Affinities:
    """Check and normalise joint probabilities that the user brings.

    Parameters
    ----------
    P : array, scipy sparse matrix or Affinities, shape (n, n)
        Symmetric (to 1e-5 relative), finite, 0 or more. The diagonal is dropped and the rest is
        divided by its sum. The argument is not changed.

    Returns
    -------
    Affinities
        Without explicit zeros, symmetric to the bit.

    Raises
    ------
    ValueError
        If P is not square, not symmetric, negative, not finite, zero off the diagonal, or a sparse
        matrix with an index or offset out of range.
    TypeError
        If P does not hold real numbers.

    Warns
    -----
    UserWarning
        For points without a neighbour: only repulsion acts on them, which moves them outwards for
        as long as the iterations go on.

    Examples
    --------
    >>> import numpy as np
    >>> precomputed(np.ones((3, 3))).data.astype(float).round(3).tolist()
    [0.167, 0.167, 0.167, 0.167, 0.167, 0.167]
    """
    if isinstance(P, Affinities):
        check_compressed("P", P.indptr, P.indices, P.data, (P.n, P.n))
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
    _warn_of_isolated(A)
    return Affinities(
        A.indptr.astype(np.int64), A.indices.astype(np.int32, copy=False), A.data, unreached=0
    )


def _warn_of_isolated(A: sparse.csr_matrix) -> None:
    isolated = np.flatnonzero(np.diff(A.indptr) == 0)
    if not isolated.size:
        return
    shown = ", ".join(map(str, isolated[:SHOWN])) + (", ..." if isolated.size > SHOWN else "")
    warn_user(
        f"{isolated.size} of {A.shape[0]} points have no neighbour in P (rows {shown}): nothing "
        "holds them, so they move outwards and the rest of the map looks small beside them; leave "
        "them out, keep = np.flatnonzero(P.sum(axis=1)) and P[keep][:, keep]"
    )


def _as_csr64(P: Any) -> sparse.csr_matrix:
    from scipy import sparse

    values = P if sparse.issparse(P) else np.asarray(host(P))
    if values.dtype.kind not in "biuf":
        raise TypeError(f"P has dtype {values.dtype}: pass real numbers")
    if values.ndim != 2:
        raise ValueError(f"P has shape {values.shape}: pass one row and column per point, (n, n)")
    if sparse.issparse(values):
        values = checked_csr("P", values)
    return sparse.csr_matrix(values, dtype=np.float64, copy=True)
